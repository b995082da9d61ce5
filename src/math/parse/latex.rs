//! Commands of LaTeX as tokens: what only lays out goes, words in `\text` are words or formulas.

use super::Refused;
use super::lexer::{Lexer, Token};
use super::words;
use crate::math::expr::Space;

impl<'a> Lexer<'a> {
    /// The text of `{...}` at the reading point, or of the next letter, and past it.
    pub(super) fn argument(&mut self) -> Result<&'a str, Refused> {
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
    pub(super) fn inline(&mut self, inner: &'a str, space: bool) -> Result<(), Refused> {
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

    pub(super) fn command(&mut self, space: bool) -> Result<(), Refused> {
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

    pub(super) fn named(&mut self, name: &'a str, space: bool) -> Result<(), Refused> {
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
    pub(super) fn sized(&mut self, name: &str, space: bool) -> Result<(), Refused> {
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
    pub(super) fn text(&mut self, inner: &'a str, space: bool) -> Result<(), Refused> {
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

    pub(super) fn upper_digits(word: &str) -> Option<String> {
        word.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()).then(|| word.to_owned())
    }

    pub(super) fn styled(&mut self, style: &str, inner: &'a str, space: bool) -> Result<(), Refused> {
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
