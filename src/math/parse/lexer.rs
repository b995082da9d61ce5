//! From a cleaned answer to tokens, LaTeX and plain text alike. Layout commands go here, numbers get their value.

use num_bigint::BigInt;
use num_rational::BigRational;

use super::Refused;
use super::words;
use crate::math::expr::{Comparison, Decimal, Number, Space};
use crate::math::limits;

#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// The digits as written, and the value.
    Number(String, Number),
    Letter(char),
    /// A name of several letters that is one symbol.
    Name(String),
    Command(String),
    /// A run of letters in plain text that is no product of letters.
    Word(String),
    Text(String),
    Space(Space),
    /// One of `+ - * / ^ _ ( ) [ ] { } , ; : | ! ' & %`.
    Mark(char),
    SetOpen,
    SetClose,
    BarOpen,
    BarClose,
    Relation(Comparison),
    /// "and", "or"
    Connective,
    Begin(String),
    End(String),
    Row,
    Dots,
    Currency,
    Degree,
    /// Digits that include letters, and the base.
    Based(String, u32),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Lexeme {
    pub token: Token,
    /// White space before it.
    pub space: bool,
}

/// What a comma between digits without a space means. An answer is read in more than one way where it could be either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commas {
    /// `1,234` is a number, `12,34` a list.
    Thousands,
    /// `12,34` is 12.34.
    Decimal,
    /// Always a list.
    List,
}

pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
    commas: Commas,
    /// Round, square and set brackets that are open: no thousands separators in there.
    brackets: usize,
    out: Vec<Lexeme>,
    nested: usize,
}

pub fn lex(text: &str, commas: Commas) -> Result<Vec<Lexeme>, Refused> {
    if text.len() > limits::ANSWER_BYTES {
        return Err(Refused);
    }
    let mut lexer = Lexer { text, at: 0, commas, brackets: 0, out: Vec::new(), nested: 0 };
    lexer.run()?;
    Ok(lexer.out)
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn push(&mut self, token: Token, space: bool) {
        self.out.push(Lexeme { token, space });
    }

    fn mark(&mut self, mark: char, space: bool) {
        self.push(Token::Mark(mark), space);
    }

    fn run(&mut self) -> Result<(), Refused> {
        loop {
            let before = self.at;
            self.at += self.rest().len() - self.rest().trim_start().len();
            let space = self.at > before;
            let Some(letter) = self.rest().chars().next() else { return Ok(()) };
            if self.out.len() > limits::TOKENS {
                return Err(Refused);
            }
            match letter {
                '\\' => self.command(space)?,
                '0'..='9' | '.' => self.number(space)?,
                'a'..='z' | 'A'..='Z' => self.letters(space),
                '<' | '>' | '=' | '!' | '≤' | '≥' => self.relation(space),
                _ => {
                    self.at += letter.len_utf8();
                    match letter {
                        '$' => self.push(Token::Currency, space),
                        '(' | '[' => {
                            self.brackets += 1;
                            self.mark(letter, space);
                        }
                        ')' | ']' => {
                            self.brackets = self.brackets.saturating_sub(1);
                            self.mark(letter, space);
                        }
                        '*' if self.rest().starts_with('*') => {
                            self.at += 1;
                            self.mark('^', space);
                        }
                        '+' | '-' | '*' | '/' | '^' | '_' | '{' | '}' | ',' | ';' | ':' | '|' | '\'' | '&' | '%' => {
                            self.mark(letter, space);
                        }
                        '~' => {}
                        '"' => {
                            self.mark('\'', space);
                            self.mark('\'', false);
                        }
                        _ if letter.is_alphabetic() => {
                            let end = self.rest().find(|c: char| !c.is_alphabetic()).unwrap_or(self.rest().len());
                            let word = format!("{letter}{}", &self.rest()[..end]);
                            self.at += end;
                            self.push(Token::Word(word), space);
                        }
                        _ => return Err(Refused),
                    }
                }
            }
        }
    }

    fn relation(&mut self, space: bool) {
        let signs: &[(&str, Token)] = &[
            ("≤", Token::Relation(Comparison::LessEqual)),
            ("≥", Token::Relation(Comparison::GreaterEqual)),
            ("<=", Token::Relation(Comparison::LessEqual)),
            (">=", Token::Relation(Comparison::GreaterEqual)),
            ("=<", Token::Relation(Comparison::LessEqual)),
            ("=>", Token::Relation(Comparison::GreaterEqual)),
            ("!=", Token::Relation(Comparison::NotEqual)),
            ("<>", Token::Relation(Comparison::NotEqual)),
            ("==", Token::Relation(Comparison::Equal)),
            ("<", Token::Relation(Comparison::Less)),
            (">", Token::Relation(Comparison::Greater)),
            ("=", Token::Relation(Comparison::Equal)),
            ("!", Token::Mark('!')),
        ];
        for (sign, token) in signs {
            if self.rest().starts_with(sign) {
                self.at += sign.len();
                self.push(token.clone(), space);
                return;
            }
        }
    }

    fn digits(&self, from: usize) -> usize {
        self.text[from..].bytes().take_while(u8::is_ascii_digit).count()
    }

    fn number(&mut self, space: bool) -> Result<(), Refused> {
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
    fn groups(&self, whole: &mut String, at: &mut usize) -> bool {
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

    fn marked_groups(&self, whole: &mut String, at: &mut usize) -> bool {
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
    fn repeating(&mut self) -> Option<String> {
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
    fn scientific(&mut self) -> Option<i32> {
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

    fn mixed_digits(&mut self) -> Option<Token> {
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

    /// A run of letters: names of functions, words, units, or a product of single letters.
    fn letters(&mut self, space: bool) {
        if let Some(found) = self.mixed_digits() {
            self.push(found, space);
            return;
        }
        let rest = self.rest();
        let end = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let run = &rest[..end];
        // A hyphen inside a word is part of it.
        let lower = run.to_ascii_lowercase();
        let glued = !space
            && matches!(self.out.last().map(|last| &last.token), Some(Token::Number(..) | Token::Mark(')' | '}')));
        if run.len() > 2 && run.len() < 5 && glued {
            for word in ["and", "or"] {
                let left = run.len() - word.len();
                if run.starts_with(word) && left == 1 {
                    self.at += word.len();
                    self.push(Token::Connective, space);
                    return;
                }
            }
        }
        // f(x) and the like after "or" without a space is done; the rest is whole runs.
        if run.len() >= 2 && (lower == "and" || lower == "or") {
            self.at += end;
            self.push(Token::Connective, space);
        } else if run == "in" {
            // "3 in." is a length, "x in [0,2]" a membership.
            let number = matches!(self.out.last().map(|last| &last.token), Some(Token::Number(..)));
            self.at += end;
            let token = if number && self.rest().trim_matches(['.', ' ']).is_empty() {
                Token::Word("inches".to_owned())
            } else {
                Token::Relation(Comparison::Element)
            };
            self.push(token, space);
        } else if run.len() >= 2 && words::function(&lower).is_some() && words::is_plain_function(&lower) {
            self.at += end;
            self.push(Token::Command(lower), space);
        } else if let Some(name) = words::constant(run) {
            self.at += end;
            self.push(Token::Command(name.to_owned()), space);
        } else if run.len() >= 2 && words::is_word(run) && !self.is_segment(run) {
            self.at += end;
            self.push(Token::Word(run.to_owned()), space);
        } else {
            for (at, letter) in run.chars().enumerate() {
                self.push(Token::Letter(letter), space && at == 0);
            }
            self.at += end;
        }
    }

    /// "NO" in a formula is a segment.
    fn is_segment(&self, run: &str) -> bool {
        run.len() <= 3 && run.bytes().all(|byte| byte.is_ascii_uppercase()) && self.text.contains('\\')
    }

    /// The text of `{...}` at the reading point, or of the next letter, and past it.
    fn argument(&mut self) -> Result<&'a str, Refused> {
        self.at += self.rest().len() - self.rest().trim_start().len();
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Err(Refused) };
        if first != '{' {
            let length = if first == '\\' {
                1 + rest[1..].bytes().take_while(u8::is_ascii_alphabetic).count().max(1)
            } else {
                first.len_utf8()
            };
            let taken = rest.get(..length).ok_or(Refused)?;
            self.at += length;
            return Ok(taken);
        }
        let mut depth = 0usize;
        let mut escaped = false;
        for (at, byte) in rest.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'{' => depth += 1,
                b'}' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += at + 1;
                        return Ok(&rest[1..at]);
                    }
                }
                _ => {}
            }
        }
        Err(Refused)
    }

    /// Tokens of a text that stands in the place of a command.
    fn inline(&mut self, inner: &'a str, space: bool) -> Result<(), Refused> {
        if self.nested >= 8 {
            return Err(Refused);
        }
        let mut lexer = Lexer {
            text: inner,
            at: 0,
            commas: self.commas,
            brackets: self.brackets,
            out: Vec::new(),
            nested: self.nested + 1,
        };
        lexer.run()?;
        for (at, mut lexeme) in lexer.out.into_iter().enumerate() {
            lexeme.space |= at == 0 && space;
            self.out.push(lexeme);
        }
        Ok(())
    }

    fn command(&mut self, space: bool) -> Result<(), Refused> {
        self.at += 1;
        let rest = self.rest();
        let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        if length == 0 {
            let Some(sign) = rest.chars().next() else { return Err(Refused) };
            self.at += sign.len_utf8();
            match sign {
                '{' => {
                    self.brackets += 1;
                    self.push(Token::SetOpen, space);
                }
                '}' => {
                    self.brackets = self.brackets.saturating_sub(1);
                    self.push(Token::SetClose, space);
                }
                '%' => self.mark('%', space),
                '$' => self.push(Token::Currency, space),
                '&' => self.push(Token::Connective, space),
                '|' => self.mark('|', space),
                '\\' => self.push(Token::Row, space),
                ',' | ';' | ':' | '!' | ' ' | '>' | '/' | '-' | '(' | ')' | '[' | ']' | '\n' => {}
                '_' | '#' | '"' | '\'' => return Err(Refused),
                _ => return Err(Refused),
            }
            return Ok(());
        }
        let name = &rest[..length];
        self.at += length;
        self.named(name, space)
    }

    fn named(&mut self, name: &'a str, space: bool) -> Result<(), Refused> {
        match name {
            "left" | "right" | "bigl" | "bigr" | "big" | "Big" | "Bigl" | "Bigr" | "bigg" | "Bigg" | "biggl"
            | "biggr" | "middle" => self.sized(name, space),
            "text" | "textbf" | "textit" | "mbox" | "textnormal" | "textrm" | "hbox" | "textsf" | "texttt" | "emph" => {
                let inner = self.argument()?;
                self.text(inner, space)
            }
            "mathrm" | "mathbf" | "mathsf" | "mathcal" | "boldsymbol" | "bm" | "operatorname" | "rm" | "bf"
            | "mathfrak" | "mathscr" | "mathtt" => {
                let inner = self.argument()?;
                self.styled(name, inner, space)
            }
            "mathit" => {
                let inner = self.argument()?.trim();
                if inner.is_empty() || !inner.chars().all(|c| c.is_alphabetic() || c == ' ') {
                    return Err(Refused);
                }
                let mut letters = inner.chars();
                match (letters.next(), letters.next()) {
                    (Some(letter), None) => self.push(Token::Letter(letter), space),
                    _ => self.push(Token::Name(inner.to_owned()), space),
                }
                Ok(())
            }
            "mathbb" | "Bbb" => {
                let inner = self.argument()?.trim();
                match words::space(inner) {
                    Some(found) => self.push(Token::Space(found), space),
                    None => return self.inline(inner, space),
                }
                Ok(())
            }
            "R" | "reals" | "Reals" | "Z" | "N" | "Q" => {
                let found = words::space(&name[..1].to_uppercase()).ok_or(Refused)?;
                self.push(Token::Space(found), space);
                Ok(())
            }
            "emptyset" | "varnothing" => {
                self.push(Token::Space(Space::Empty), space);
                Ok(())
            }
            "begin" | "end" => {
                let inner = self.argument()?.trim().trim_end_matches('*').to_owned();
                if name == "begin" && (inner == "array" || inner == "tabular") {
                    self.argument()?;
                }
                self.push(if name == "begin" { Token::Begin(inner) } else { Token::End(inner) }, space);
                Ok(())
            }
            "hspace" | "vspace" | "color" | "label" | "tag" | "phantom" | "hphantom" | "vphantom" | "kern" => {
                self.argument()?;
                Ok(())
            }
            "boxed" | "fbox" | "underline" | "mathop" | "ensuremath" | "displaystyle" | "textstyle" | "limits"
            | "nolimits" | "strut" | "mathstrut" | "quad" | "qquad" | "thinspace" | "medspace" | "thickspace"
            | "negthinspace" | "negmedspace" | "negthickspace" | "enspace" | "space" | "hfill" | "hline"
            | "newline" | "therefore" | "noindent" | "scriptstyle" | "allowbreak" | "nonumber" | "forall"
            | "smallskip" => Ok(()),
            _ => {
                let stripped = name.strip_prefix("qquad").or_else(|| name.strip_prefix("quad"));
                if let Some(glued) = stripped.filter(|glued| !glued.is_empty()) {
                    // "\quadx": the letters are no part of the command.
                    self.at -= glued.len();
                    return Ok(());
                }
                let token = match words::relation(name) {
                    Some(comparison) => Token::Relation(comparison),
                    None => match name {
                        "lvert" | "lVert" => Token::BarOpen,
                        "rvert" | "rVert" => Token::BarClose,
                        "vert" | "Vert" | "mid" => Token::Mark('|'),
                        "lbrace" => Token::SetOpen,
                        "rbrace" => Token::SetClose,
                        "lbrack" => Token::Mark('['),
                        "rbrack" => Token::Mark(']'),
                        "colon" => Token::Mark(':'),
                        // Two operations of logic, and not one list.
                        "land" | "lor" | "wedge" | "vee" => return Err(Refused),
                        "ldots" | "dots" | "cdots" | "dotsc" | "dotsb" | "dotsm" => Token::Dots,
                        "degree" | "degrees" => Token::Degree,
                        "cr" => Token::Row,
                        "prime" => Token::Mark('\''),
                        "ast" => Token::Mark('*'),
                        "pounds" | "euro" | "textdollar" => Token::Currency,
                        _ => Token::Command(name.to_owned()),
                    },
                };
                self.push(token, space);
                Ok(())
            }
        }
    }

    /// `\left` and its kin: the size goes, a bar keeps its side.
    fn sized(&mut self, name: &str, space: bool) -> Result<(), Refused> {
        self.at += self.rest().len() - self.rest().trim_start().len();
        let rest = self.rest();
        let opens = name == "left" || name.ends_with('l');
        let closes = name == "right" || name.ends_with('r');
        for bar in ["\\|", "|", "\\vert", "\\lvert", "\\rvert"] {
            if rest.starts_with(bar) && (opens || closes) {
                self.at += bar.len();
                self.push(if opens { Token::BarOpen } else { Token::BarClose }, space);
                return Ok(());
            }
        }
        if rest.starts_with('.') && (opens || closes) {
            self.at += 1;
        } else if rest.starts_with('{') && opens {
            self.at += 1;
            self.brackets += 1;
            self.push(Token::SetOpen, space);
        } else if rest.starts_with('}') && closes {
            self.at += 1;
            self.brackets = self.brackets.saturating_sub(1);
            self.push(Token::SetClose, space);
        }
        Ok(())
    }

    /// Words in `\text{}`: a connective, a formula in words' clothing, or an annotation.
    fn text(&mut self, inner: &'a str, space: bool) -> Result<(), Refused> {
        let word = inner.trim();
        let bare = word.trim_matches([',', ';', '.', ' ']).to_ascii_lowercase();
        if word.is_empty() {
            return Ok(());
        }
        if ["and", "or", "and/or", "&"].contains(&bare.as_str()) {
            self.push(Token::Connective, space);
            return Ok(());
        }
        if bare.is_empty() {
            return self.inline(inner, space);
        }
        let behind_number =
            matches!(self.out.last().map(|last| &last.token), Some(Token::Number(..) | Token::Mark('}')));
        if behind_number && word.len() == 1 && "msghlLNJWVAKCF".contains(word) {
            self.push(Token::Text(word.to_owned()), space);
            return Ok(());
        }
        let formula = word.len() == 1
            || word.contains('$')
            || word.contains('\\')
            || !word.bytes().any(|byte| byte.is_ascii_alphabetic()) && word.is_ascii()
            || !word.contains('/') && word.split(|c: char| !c.is_alphanumeric()).all(|part| part.len() <= 1)
            || words::percent(&bare);
        if formula {
            return self.inline(inner, space);
        }
        if let Some(digits) = Self::upper_digits(word).filter(|_| self.rest().trim_start().starts_with('_')) {
            self.push(Token::Name(digits), space);
            return Ok(());
        }
        if ["all real numbers", "all reals", "real numbers", "all real x", "reals"].contains(&bare.as_str()) {
            self.push(Token::Space(Space::Reals), space);
            return Ok(());
        }
        self.push(Token::Text(word.to_owned()), space);
        Ok(())
    }

    fn upper_digits(word: &str) -> Option<String> {
        word.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()).then(|| word.to_owned())
    }

    fn styled(&mut self, style: &str, inner: &'a str, space: bool) -> Result<(), Refused> {
        let word = inner.trim();
        let lower = word.to_ascii_lowercase();
        let letters = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic());
        if letters && word.len() > 1 {
            let token = if words::function(&lower).is_some() || words::constant(word).is_some() {
                Token::Command(lower)
            } else if style == "operatorname" {
                Token::Name(word.to_owned())
            } else if ["and", "or"].contains(&lower.as_str()) {
                Token::Connective
            } else {
                Token::Text(word.to_owned())
            };
            self.push(token, space);
            return Ok(());
        }
        if letters
            && style == "mathrm"
            && word.len() == 1
            && words::unit(word).is_some()
            && word != "e"
            && word != "i"
            && word != "d"
            && matches!(self.out.last().map(|last| &last.token), Some(Token::Number(..)))
        {
            self.push(Token::Text(word.to_owned()), space);
            return Ok(());
        }
        if word.contains(' ') && !word.contains('\\') && word.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            self.push(Token::Text(word.to_owned()), space);
            return Ok(());
        }
        self.inline(inner, space)
    }
}

/// Dots behind the digits of a decimal.
fn dots(rest: &str) -> Option<usize> {
    let spaces = rest.len() - rest.trim_start_matches(' ').len();
    ["...", "\\ldots", "\\dots", "\\cdots"]
        .iter()
        .find(|name| rest[spaces..].starts_with(**name))
        .map(|name| spaces + name.len())
}

/// The block that the digits before dots repeat, and how many digits come before it: three times a single digit, twice
/// a longer one.
fn repeated(digits: &str) -> Option<(usize, String)> {
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
fn marked(rest: &str) -> Option<usize> {
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

fn value(
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
