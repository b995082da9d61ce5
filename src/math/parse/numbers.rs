//! Numbers as they are written: thousands, decimals of either kind, repeating digits, powers of ten, other bases.

use num_bigint::BigInt;
use num_rational::BigRational;

use super::Refused;
use super::lexer::{Commas, Lexer, Token};
use crate::math::expr::{Decimal, Number};

impl<'a> Lexer<'a> {
    pub(super) fn digits(&self, from: usize) -> usize {
        self.text[from..].bytes().take_while(u8::is_ascii_digit).count()
    }

    pub(super) fn number(&mut self, space: bool) -> Result<(), Refused> {
        let begin = self.at;
        // Letters as digits: A5_{11} is caught in `letters`, 5A_{11} here.
        if let Some(found) = self.mixed_digits() {
            self.push(found, space);
            return Ok(());
        }
        let mut at = begin + self.digits(begin);
        let mut whole = self.text[begin..at].to_owned();
        let grouped = self.groups(&mut whole, &mut at);
        let mut fraction = String::new();
        let mut point = false;
        if self.text[at..].starts_with("...") {
            if whole.is_empty() {
                self.at = at + 3;
                self.push(Token::Dots, space);
                return Ok(());
            }
        } else if self.text[at..].starts_with('.') {
            let digits = self.digits(at + 1);
            fraction = self.text[at + 1..at + 1 + digits].to_owned();
            let repeats =
                ["\\overline", "\\bar", "\\dot", "("].iter().any(|mark| self.text[at + 1 + digits..].starts_with(mark));
            if digits == 0 && whole.is_empty() && !repeats {
                return Err(Refused);
            }
            point = digits > 0 || repeats;
            at += 1 + digits;
        } else if self.commas == Commas::Decimal && !grouped && self.brackets == 0 && self.text[at..].starts_with(',') {
            let digits = self.digits(at + 1);
            let leads = whole == "0" && digits >= 2;
            if (digits == 2 || leads) && !self.text[at + 1 + digits..].starts_with(',') {
                fraction = self.text[at + 1..at + 1 + digits].to_owned();
                point = true;
                at += 1 + digits;
            }
        }
        self.at = at;
        let mut repeating = if point { self.repeating() } else { None };
        if let Some(length) = dots(self.rest()).filter(|_| point && repeating.is_none()) {
            self.at += length;
            if let Some((kept, block)) = repeated(&fraction) {
                fraction.truncate(kept);
                repeating = Some(block);
            }
        }
        let exponent = if repeating.is_none() { self.scientific() } else { None };
        let raw = self.text[begin..self.at].to_owned();
        let number = value(&whole, &fraction, point, repeating.as_deref(), exponent)?;
        self.push(Token::Number(raw, number), space);
        Ok(())
    }

    /// Thousands separators of all kinds. Gives whether there were any.
    pub(super) fn groups(&self, whole: &mut String, at: &mut usize) -> bool {
        let mut grouped = false;
        if whole.is_empty() || whole.len() > 3 {
            // A separator that says it is one works after any number of digits.
            return self.marked_groups(whole, at);
        }
        loop {
            let rest = &self.text[*at..];
            let plain = self.commas == Commas::Thousands && self.brackets == 0 && !whole.starts_with('0');
            // "1 000": only where nothing else but a sign stands before it.
            let alone = self.brackets == 0
                && self.out.iter().all(|lexeme| {
                    matches!(lexeme.token, Token::Mark('-' | '+') | Token::Currency | Token::Relation(_))
                });
            let skip = if let Some(skip) = marked(rest) {
                skip
            } else if (plain && rest.starts_with(',')) || (alone && rest.starts_with(' ')) {
                1
            } else {
                break;
            };
            if self.digits(*at + skip) != 3 {
                break;
            }
            whole.push_str(&self.text[*at + skip..*at + skip + 3]);
            *at += skip + 3;
            grouped = true;
        }
        grouped
    }

    pub(super) fn marked_groups(&self, whole: &mut String, at: &mut usize) -> bool {
        let mut grouped = false;
        while let Some(skip) = marked(&self.text[*at..]).filter(|_| !whole.is_empty()) {
            if self.digits(*at + skip) != 3 {
                break;
            }
            whole.push_str(&self.text[*at + skip..*at + skip + 3]);
            *at += skip + 3;
            grouped = true;
        }
        grouped
    }

    /// The digits under the bar of `0.1\overline{6}`, or in the brackets of `0.(3)`.
    pub(super) fn repeating(&mut self) -> Option<String> {
        let rest = self.rest();
        let (open, close) = if rest.starts_with('(') && self.text[..self.at].ends_with('.') {
            (1, ')')
        } else {
            let name = ["\\overline{", "\\bar{", "\\dot{"].into_iter().find(|name| rest.starts_with(name))?;
            (name.len(), '}')
        };
        let end = rest.find(close)?;
        let digits = rest.get(open..end)?.trim();
        if digits.is_empty() || digits.len() > 40 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.at += end + 1;
        Some(digits.to_owned())
    }

    /// `E-3` behind a number. A small e is the constant unless a plain exponent follows it.
    pub(super) fn scientific(&mut self) -> Option<i32> {
        let rest = self.rest();
        if !rest.starts_with(['e', 'E']) {
            return None;
        }
        let after = &rest[1..];
        let signed = after.starts_with(['+', '-']);
        let digits = after[usize::from(signed)..].bytes().take_while(u8::is_ascii_digit).count();
        let end = usize::from(signed) + digits;
        if digits == 0 || digits > 4 || after[end..].starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return None;
        }
        // "2e-3": two e minus three is written with spaces or a backslash nearby.
        if rest.starts_with('e') && self.text.contains('\\') {
            return None;
        }
        let exponent = after[..end].parse().ok()?;
        self.at += 1 + end;
        Some(exponent)
    }

    pub(super) fn mixed_digits(&mut self) -> Option<Token> {
        let rest = self.rest();
        let end = rest.bytes().take_while(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()).count();
        let digits = &rest[..end];
        let has_letter = digits.bytes().any(|byte| byte.is_ascii_uppercase());
        let has_digit = digits.bytes().any(|byte| byte.is_ascii_digit());
        let under = rest[end..].strip_prefix('_')?;
        let inner = under.strip_prefix('{').unwrap_or(under);
        let length = inner.bytes().take_while(u8::is_ascii_digit).count();
        let base: u32 = inner[..length].parse().ok()?;
        // Letters alone are digits only to the base in which they usually are.
        let hexadecimal = base == 16 && digits.len() > 1 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !has_letter || !(has_digit || hexadecimal) || !(11..=36).contains(&base) {
            return None;
        }
        let braces = under.len() - inner.len();
        if braces == 1 && !inner[length..].starts_with('}') {
            return None;
        }
        let token = Token::Based(digits.to_owned(), base);
        self.at += end + 1 + length + 2 * braces;
        Some(token)
    }
}

/// Dots behind the digits of a decimal.
pub(super) fn dots(rest: &str) -> Option<usize> {
    let spaces = rest.len() - rest.trim_start_matches(' ').len();
    ["...", "\\ldots", "\\dots", "\\cdots"]
        .iter()
        .find(|name| rest[spaces..].starts_with(**name))
        .map(|name| spaces + name.len())
}

/// The block that the digits before dots repeat, and how many digits come before it: three times a single digit, twice
/// a longer one.
pub(super) fn repeated(digits: &str) -> Option<(usize, String)> {
    for length in 1..=6 {
        let times = if length == 1 { 3 } else { 2 };
        let Some(begin) = digits.len().checked_sub(length * times) else { continue };
        let block = &digits[digits.len() - length..];
        if digits[begin..] == block.repeat(times) {
            return Some((begin, block.to_owned()));
        }
    }
    None
}

/// A separator that can be nothing else: `{,}` or `,\!`.
pub(super) fn marked(rest: &str) -> Option<usize> {
    if rest.starts_with("{,}") {
        return Some(3);
    }
    if rest.starts_with("\\,") {
        return Some(2);
    }
    let after = rest.strip_prefix(',')?.strip_prefix("\\!")?;
    let spaces = after.len() - after.trim_start().len();
    Some(3 + spaces)
}

pub(super) fn value(
    whole: &str,
    fraction: &str,
    point: bool,
    repeating: Option<&str>,
    exponent: Option<i32>,
) -> Result<Number, Refused> {
    if whole.len() + fraction.len() > 1200 {
        return Err(Refused);
    }
    let parse = |digits: &str| -> Result<BigInt, Refused> {
        if digits.is_empty() { Ok(BigInt::from(0)) } else { digits.parse().map_err(|_| Refused) }
    };
    let ten = |times: usize| num_traits::Pow::pow(BigInt::from(10), times);
    let all = format!("{whole}{fraction}");
    let mut value = BigRational::new(parse(&all)?, ten(fraction.len()));
    if let Some(digits) = repeating {
        let nines = ten(digits.len()) - BigInt::from(1);
        value += BigRational::new(parse(digits)?, nines * ten(fraction.len()));
    }
    if let Some(times) = exponent {
        if times.unsigned_abs() > 400 {
            return Err(Refused);
        }
        let factor = BigRational::from_integer(ten(times.unsigned_abs() as usize));
        value = if times < 0 { value / factor } else { value * factor };
    }
    let places = fraction.len() as i32 - exponent.unwrap_or(0);
    let significant = all.trim_start_matches('0').len();
    let decimal = (point && repeating.is_none()).then_some(Decimal { places, significant });
    Ok(Number { value, decimal })
}
