//! What was said: turns with their tries and answers, the chats that models are given, and how it all reads as a transcript.

use crate::math::Check;
use crate::pipeline::chat::{End, Posed};
use crate::records::{Message, Role};
use crate::tui::theme::Look;
use crate::tui::widgets::paint::{one_line, signs};
use crate::tui::widgets::{Gutter, Piece};

/// One model's answer, as far as it is written.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Answer {
    pub text: String,
    /// Of the chat before it; `None` until the model has begun.
    pub prompt_tokens: Option<usize>,
    pub tokens: usize,
    pub tokens_per_second: f64,
    pub end: Option<End>,
    pub check: Option<Check>,
    /// How often it was gone on with.
    pub part: u32,
    /// What it was before it is gone on with now.
    pub before: Option<Before>,
}

/// What of an answer is another thing once there is more of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Before {
    tokens: usize,
    end: End,
    check: Option<Check>,
    part: u32,
}

impl Answer {
    /// Whether there may be more of it: it was cut off at the most tokens, stopped or failed, and has a text to go on from.
    pub fn can_go_on(&self) -> bool {
        matches!(self.end, Some(End::Length | End::Stopped | End::Failed(_))) && !self.text.trim().is_empty()
    }

    /// More of it is asked for.
    pub fn go_on(&mut self, part: u32) {
        let Some(end) = self.end.take() else { return };
        let check = self.check.take();
        self.before = Some(Before { tokens: self.tokens, end, check, part: self.part });
        self.part = part;
    }

    /// No more of it was asked for: it is what it was. Whether that is so.
    pub fn stays(&mut self) -> bool {
        let Some(Before { tokens, end, check, part }) = self.before.take() else { return false };
        (self.tokens, self.end, self.check, self.part) = (tokens, Some(end), check, part);
        true
    }

    /// So many tokens were read before what is written now, the beginning of the answer among them.
    pub fn starts(&mut self, prompt_tokens: usize) {
        self.prompt_tokens = Some(prompt_tokens.saturating_sub(self.tokens_before()));
    }

    /// So many tokens are written, after those that it had before.
    pub fn grows(&mut self, tokens: usize, tokens_per_second: f64) {
        (self.tokens, self.tokens_per_second) = (self.tokens_before() + tokens, tokens_per_second);
    }

    /// It has come to an end.
    pub fn ends(&mut self, end: &End, check: Option<&Check>) {
        (self.end, self.check, self.before) = (Some(end.clone()), check.cloned(), None);
    }

    fn tokens_before(&self) -> usize {
        self.before.as_ref().map_or(0, |before| before.tokens)
    }
}

/// The answers of all models under one seed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Try {
    pub seed: u64,
    pub answers: Vec<Answer>,
}

impl Try {
    /// `begin`: with what each answer is begun for its model; mostly nothing.
    pub fn new(seed: u64, sides: usize, begin: &str) -> Self {
        let answer = Answer { text: begin.to_owned(), ..Answer::default() };
        Self { seed, answers: vec![answer; sides] }
    }

    pub fn ended(&self) -> bool {
        self.answers.iter().all(|answer| answer.end.is_some())
    }
}

/// What was asked once, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exchange {
    pub text: String,
    /// The problem that is asked about.
    pub problem: Option<Box<Posed>>,
    pub tries: Vec<Try>,
    /// The try that is shown, and gone on from.
    pub shown: usize,
}

impl Exchange {
    pub fn shown(&self) -> Option<&Try> {
        self.tries.get(self.shown)
    }

    pub fn shown_mut(&mut self) -> Option<&mut Try> {
        self.tries.get_mut(self.shown)
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Conversation {
    pub system: String,
    pub exchanges: Vec<Exchange>,
}

impl Conversation {
    pub fn last(&self) -> Option<&Exchange> {
        self.exchanges.last()
    }

    /// The answer of a side that is in sight last.
    pub fn answer(&self, side: usize) -> Option<&Answer> {
        self.last()?.shown()?.answers.get(side)
    }

    /// What a side is given: all that was said, up to the last prompt.
    pub fn chat(&self, side: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        if !self.system.trim().is_empty() {
            messages.push(Message::new(Role::System, &self.system));
        }
        for (index, exchange) in self.exchanges.iter().enumerate() {
            messages.push(Message::new(Role::User, &exchange.text));
            let answer = exchange.shown().and_then(|shown| shown.answers.get(side));
            if let Some(answer) = answer.filter(|_| index + 1 < self.exchanges.len()) {
                messages.push(Message::new(Role::Assistant, &answer.text));
            }
        }
        messages
    }

    /// What a side is given where its last answer is to be written: the chat, and what is there of the answer.
    pub fn chat_with_beginning(&self, side: usize) -> Vec<Message> {
        let mut messages = self.chat(side);
        if let Some(answer) = self.answer(side).filter(|answer| !answer.text.is_empty()) {
            messages.push(Message::new(Role::Assistant, &answer.text));
        }
        messages
    }

    /// With what the answers to the last prompt are begun: as the evaluation does it, for a problem that is asked as there.
    pub fn beginning(&self) -> String {
        let before = self.exchanges.len().saturating_sub(1);
        let problem = self.last().and_then(|last| Some((&last.text, last.problem.as_deref()?)));
        let posed = problem.filter(|(text, problem)| self.as_posed(text, problem, before));
        posed.map_or(String::new(), |(_, problem)| problem.begin.clone())
    }

    /// Whether the last prompt is a problem as the evaluation poses it: alone, and as it was.
    pub fn as_posed(&self, text: &str, problem: &Posed, turns_before: usize) -> bool {
        turns_before == 0 && text == problem.text && self.system == problem.system.as_deref().unwrap_or_default()
    }

    /// All of it as a side sees it. The last two pieces are the head and the text of its last answer, before what became of it.
    pub fn pieces(&self, side: usize, model: &str, ascii: bool) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if !self.system.trim().is_empty() {
            pieces.push(head("system".into(), Look::Info));
            pieces.push(body(&self.system, Look::UserTurn, Gutter::User));
        }
        for (index, exchange) in self.exchanges.iter().enumerate() {
            let title = exchange.problem.as_deref().map_or("you".to_owned(), |problem| {
                let how = if self.as_posed(&exchange.text, problem, index) { &problem.like } else { "in other words" };
                format!("you: problem {}, {how}", problem.id)
            });
            pieces.push(head(title, Look::Info));
            pieces.push(body(&exchange.text, Look::UserTurn, Gutter::User));
            let Some(answer) = exchange.shown().and_then(|shown| shown.answers.get(side)) else { continue };
            pieces.push(head(answer_head(exchange, side, model), Look::TurnHead));
            pieces.push(body(&answer.text, Look::Text, Gutter::Plain));
            pieces.extend(verdict_piece(exchange, side, ascii));
        }
        pieces
    }
}

fn head(text: String, look: Look) -> Piece {
    Piece { text: one_line(&text), look: Some(look), apart: true, heading: true, ..Piece::default() }
}

fn body(text: &str, look: Look, gutter: Gutter) -> Piece {
    Piece { text: text.to_owned(), look: Some(look), gutter, ..Piece::default() }
}

/// Who answers, under which seed, and how it ended.
pub(super) fn answer_head(exchange: &Exchange, side: usize, model: &str) -> String {
    let Some(shown) = exchange.shown() else { return String::new() };
    let of = exchange.tries.len();
    let tries = if of > 1 { format!("try {} of {of}, ", exchange.shown + 1) } else { String::new() };
    let end = shown.answers.get(side).and_then(|answer| Some((answer.tokens, answer.end.as_ref()?)));
    let end = end.map_or(String::new(), |(tokens, end)| format!(", {tokens} tokens, {}", ending(end)));
    format!("{model}: {tries}seed {}{end}", shown.seed)
}

/// How an answer ended, in words.
pub(super) fn ending(end: &End) -> String {
    match end {
        End::Ended => "ended".into(),
        End::Length => "CUT OFF at the most tokens".into(),
        End::ContextFull => "CUT OFF: the context is full".into(),
        End::Stopped => "stopped by you".into(),
        End::Failed(why) => format!("FAILED: {}", one_line(why)),
    }
}

/// What became of an answer to a problem: a sign, words, and how they look. `None` where none was asked about, or it is not known
/// yet.
pub(super) fn verdict(exchange: &Exchange, side: usize, ascii: bool) -> Option<(&'static str, String, Look)> {
    let answer = exchange.shown()?.answers.get(side)?;
    let gold = one_line(&exchange.problem.as_deref()?.gold);
    let (end, check) = (answer.end.as_ref()?, answer.check.as_ref()?);
    let said = check.answer.as_deref().map(one_line).unwrap_or_default();
    let signs = signs(ascii);
    Some(match (end, check.correct) {
        (End::Stopped | End::Failed(_), _) => ("?", format!("not graded: it has no end, gold {gold}"), Look::Warn),
        (_, Some(true)) if end.is_cut() => (signs.wrong, format!("wrong: cut off, though it says {said}"), Look::Bad),
        (_, Some(true)) => (signs.right, format!("right: {said}"), Look::Good),
        (_, Some(false)) => (signs.wrong, format!("wrong: {said}, gold {gold}"), Look::Bad),
        (_, None) if check.answer.is_some() => ("?", format!("not gradable: {said}, gold {gold}"), Look::Warn),
        (_, None) => ("?", format!("no answer, gold {gold}"), Look::Warn),
    })
}

/// Whether an answer counts as right, as an evaluation counts.
fn is_right(answer: &Answer) -> bool {
    let right = answer.check.as_ref().is_some_and(|check| check.correct == Some(true));
    right && answer.end == Some(End::Ended)
}

/// What stands below a graded answer.
pub(super) fn verdict_piece(exchange: &Exchange, side: usize, ascii: bool) -> Option<Piece> {
    let (sign, words, look) = verdict(exchange, side, ascii)?;
    let answers = || exchange.tries.iter().filter_map(|one| one.answers.get(side)).filter(|one| one.end.is_some());
    let of = answers().count();
    let tries = match of {
        0 | 1 => String::new(),
        _ => format!("  (right in {} of {of} tries)", answers().filter(|answer| is_right(answer)).count()),
    };
    Some(head(format!("{sign} {words}{tries}"), look))
}
