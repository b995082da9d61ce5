//! From a cleaned answer to tokens, LaTeX and plain text alike. Layout commands go here, numbers get their value.

use super::Refused;
use super::words;
use crate::math::expr::{Comparison, Number, Space};
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
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) commas: Commas,
    /// Round, square and set brackets that are open: no thousands separators in there.
    pub(super) brackets: usize,
    pub(super) out: Vec<Lexeme>,
    pub(super) nested: usize,
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
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn push(&mut self, token: Token, space: bool) {
        self.out.push(Lexeme { token, space });
    }

    pub(super) fn mark(&mut self, mark: char, space: bool) {
        self.push(Token::Mark(mark), space);
    }

    pub(super) fn run(&mut self) -> Result<(), Refused> {
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

    pub(super) fn relation(&mut self, space: bool) {
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

    /// A run of letters: names of functions, words, units, or a product of single letters.
    pub(super) fn letters(&mut self, space: bool) {
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
    pub(super) fn is_segment(&self, run: &str) -> bool {
        run.len() <= 3 && run.bytes().all(|byte| byte.is_ascii_uppercase()) && self.text.contains('\\')
    }
}
