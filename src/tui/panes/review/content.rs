//! A sample as pieces of a transcript: the dialogue turn by turn, the stitched chain segment by segment, and the panel
//! with the problem beside it.

use super::judged::{self, Marks};
use super::mode::Open;
use crate::records::{FinishReason, Problem, Sample, SegmentKind, TurnKind};
use crate::session::SampleRow;
use crate::tui::text::latex::readable;
use crate::tui::theme::Look;
use crate::tui::widgets::{Gutter, Piece};

fn head(text: String, look: Look) -> Piece {
    Piece { text, look: Some(look), apart: true, heading: true, ..Piece::default() }
}

fn body(text: &str, look: Look, gutter: Gutter) -> Piece {
    Piece { text: text.trim_matches('\n').to_owned(), look: Some(look), gutter, ..Piece::default() }
}

/// The piece with its formulas as they are read.
pub fn for_the_eye(piece: Piece) -> Piece {
    if piece.heading {
        return piece;
    }
    let shown = readable(&piece.text);
    let marks = piece.marks.iter().map(|(begin, end, look)| (shown.place_of(*begin), shown.place_of(*end), *look));
    Piece { marks: marks.collect(), text: shown.text, ..piece }
}

/// How a turn or sample ended, in words; `None` for the ordinary end.
pub fn ending(finish: FinishReason) -> Option<&'static str> {
    match finish {
        FinishReason::Stop => None,
        FinishReason::StopString => Some("stop string"),
        FinishReason::Length => Some("TRUNCATED: token limit"),
        FinishReason::ContextFull => Some("TRUNCATED: context full"),
    }
}

/// The dialogue as it was said.
pub fn dialogue(sample: &Sample) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for turn in &sample.turns {
        let strategy = turn.strategy.as_deref().unwrap_or("");
        let user = |title: String| [head(title, Look::Info), body(&turn.text, Look::UserTurn, Gutter::User)];
        match turn.kind {
            TurnKind::System => pieces.extend(user("system".into())),
            TurnKind::Problem => pieces.extend(user("user: problem".into())),
            TurnKind::Guidance => pieces.extend(user(titled("user: guidance", strategy))),
            TurnKind::Attempt | TurnKind::Revision => {
                let name = if turn.kind == TurnKind::Attempt { "attempt" } else { "revision" };
                let cut = turn.finish.is_some_and(FinishReason::is_cut);
                let end = turn.finish.and_then(ending).map(|end| format!(", {end}")).unwrap_or_default();
                let title = format!("model: {}, {} tokens{end}", titled(name, strategy), turn.tokens);
                pieces.push(head(title, if cut { Look::Warn } else { Look::TurnHead }));
                pieces.push(body(&turn.text, Look::Text, Gutter::Plain));
            }
        }
    }
    pieces
}

fn titled(name: &str, strategy: &str) -> String {
    if strategy.is_empty() { name.to_owned() } else { format!("{name} ({strategy})") }
}

/// A part of the chain with the marks and signs that lie in it.
fn marked(text: &str, begin: usize, look: Look, gutter: Gutter, marks: &Marks) -> Piece {
    // `body` cuts line ends; marks count from what is left.
    let cut = text.len() - text.trim_start_matches('\n').len();
    let (text, places) = marks.within(text.trim_matches('\n'), begin + cut);
    Piece { text, look: Some(look), gutter, marks: places, ..Piece::default() }
}

/// The chain that training sees, with its segments and what is to be seen in it marked, after the problem.
pub fn chain(sample: &Sample, problem: Option<&Problem>, marks: &Marks) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if let Some(problem) = problem {
        pieces.push(head("problem".into(), Look::Info));
        pieces.push(body(&problem.text, Look::UserTurn, Gutter::User));
    }
    let text = sample.chain.text.as_str();
    if sample.chain.segments.is_empty() {
        pieces.push(head("chain".into(), Look::TurnHead));
        pieces.push(marked(text, 0, Look::Text, Gutter::Plain, marks));
    }
    for segment in &sample.chain.segments {
        let strategy = sample.turns.get(segment.turn).and_then(|turn| turn.strategy.as_deref()).unwrap_or("");
        // Offsets come from a file: what does not lie on the text is shown as such, not believed.
        let said = text.get(segment.begin..segment.end).unwrap_or("(segment outside the chain's text)");
        match segment.kind {
            SegmentKind::Attempt => {
                pieces.push(head("chain: attempt".into(), Look::TurnHead));
                pieces.push(marked(said, segment.begin, Look::Text, Gutter::Plain, marks));
            }
            SegmentKind::Bridge => {
                pieces.push(head(titled("chain: bridge", strategy), Look::Bridge));
                pieces.push(marked(said, segment.begin, Look::Bridge, Gutter::Bridge, marks));
            }
            SegmentKind::Revision => {
                pieces.push(head(titled("chain: revision", strategy), Look::TurnHead));
                pieces.push(marked(said, segment.begin, Look::Text, Gutter::Plain, marks));
            }
        }
    }
    pieces
}

/// The panel beside the transcript: what a decision needs first.
pub fn side(row: &SampleRow, open: Option<&Open>, blind: bool, ascii: bool) -> Vec<Piece> {
    let field = |name: &str, text: &str, look: Look| {
        let shown = !text.is_empty();
        shown.then(|| [head(name.to_owned(), Look::Dim), body(text, look, Gutter::Plain)]).into_iter().flatten()
    };
    let problem = open.and_then(|open| open.problem.as_deref());
    let mut pieces = Vec::new();
    match problem {
        Some(problem) => {
            pieces.extend(field("problem", &problem.text, Look::Text));
            pieces.extend(field("gold answer", &problem.answer, Look::Title));
        }
        None if open.is_some() => pieces.extend(field("problem", "not in this session", Look::Warn)),
        None => {}
    }
    let look = if blind { Look::Text } else { answer_look(row.correct) };
    pieces.extend(field("answer found", row.answer.as_deref().unwrap_or("none"), look));
    if let Some(open) = open {
        pieces.extend(judged::failing(open.judged.as_deref(), blind, ascii));
    }
    pieces.extend(field("reason", row.standing.reason.as_deref().unwrap_or(""), Look::Text));
    pieces.extend(field("note", row.standing.note.as_deref().unwrap_or(""), Look::Text));
    pieces.extend(field("tags", &row.tags.join(", "), Look::Warn));
    pieces.extend(field("source", &source(row), Look::Text));
    if let Some(solution) = problem.and_then(|problem| problem.solution.as_deref()) {
        pieces.extend(field("worked solution", solution, Look::Dim));
    }
    pieces.extend(field("settings", &row.settings, Look::Dim));
    pieces
}

pub fn answer_look(correct: Option<bool>) -> Look {
    match correct {
        Some(true) => Look::Good,
        Some(false) => Look::Bad,
        None => Look::Warn,
    }
}

fn source(row: &SampleRow) -> String {
    let mut text = row.source.clone();
    if let Some(level) = row.level {
        text.push_str(&format!(", level {level}"));
    }
    if let Some(subject) = &row.subject {
        text.push_str(&format!(", {subject}"));
    }
    text
}
