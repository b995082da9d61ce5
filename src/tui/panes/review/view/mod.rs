//! Draws the pane. Reads the state, changes nothing, and touches only the rows and lines in sight.

mod foot;
mod list;
mod overlays;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::content::{answer_look, ending};
use super::layout::Layout;
use super::mode::Open;
use super::state::ReviewState;
use crate::records::DecisionVerb;
use crate::session::SampleRow;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::Transcript;
use crate::tui::widgets::paint::{blank, cells, column, compact, part, put, put_clean, put_spans, signs};
use crate::tui::widgets::rate::rate;

/// Draws the pane into an area; [`super::resize`] was told its size before.
pub fn view(state: &ReviewState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let layout = Layout::of(area, state.beside.is_some());
    let border = context.theme.style(if context.focused { Look::BorderFocus } else { Look::Border });
    counts(state, context, layout.counts, buffer);
    column(buffer, layout.rule, border, context.ascii);
    column(buffer, layout.side_rule, border, context.ascii);
    list::view(state, context, &layout, buffer);
    match state.selected_row() {
        Some(row) => {
            let beside = state.beside.is_some();
            let shown = Shown { row, transcript: &state.transcript, gold: gold(state.open.as_ref()), beside };
            head(state, &shown, context, layout.head, buffer);
            standing(state, &shown, context, layout.standing, buffer);
            text(&state.transcript, state.open.is_some(), context, layout.transcript, buffer);
            side(state, context, &layout, buffer);
        }
        None => empty(state, context, layout.transcript, buffer),
    }
    overlays::view(state, context, area, buffer);
    foot::view(state, context, layout.notice, buffer);
}

/// A part of the line of counts.
struct Part {
    words: String,
    look: Look,
    /// It goes on with what stands before it.
    goes_on: bool,
    /// Where there is no room for all, the highest is left out first.
    rank: u8,
}

/// What the person says, what the rules say and what comes of both stand apart, each with its own word.
fn parts(state: &ReviewState) -> Vec<Part> {
    let (count, learnt) = (&state.counts, &state.learnt);
    let decided = count.accepted + count.rejected + count.skipped;
    let part = |rank, look, words: String| Part { words, look, goes_on: false, rank };
    let more = |rank, look, words: String| Part { words, look, goes_on: true, rank };
    let mut parts = vec![
        part(6, Look::Title, format!("{} samples", compact(count.samples))),
        part(4, Look::Text, format!("{} undecided", compact(count.samples.saturating_sub(decided)))),
        part(0, Look::Good, format!("you accept {}", compact(count.accepted))),
        more(0, Look::Bad, format!("reject {}", compact(count.rejected))),
    ];
    if count.skipped > 0 {
        parts.push(more(7, Look::Dim, format!("skip {}", compact(count.skipped))));
    }
    if count.flagged > 0 {
        parts.push(more(8, Look::Warn, format!("flag {}", compact(count.flagged))));
    }
    // In a spot check the sum would tell of each sample that is skipped what the rules say.
    if state.audit.is_none() {
        parts.push(part(2, Look::Text, format!("rules accept {}", compact(learnt.by_rules))));
        parts.push(part(1, Look::Title, format!("to train on {}", compact(learnt.to_train_on))));
    }
    parts.push(part(5, Look::Text, format!("{} right", rate(count.correct, count.samples))));
    if state.read_only.is_some() {
        parts.insert(0, part(3, Look::Warn, "viewing only".into()));
    }
    parts
}

fn counts(state: &ReviewState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    if !state.opened {
        return;
    }
    let dot = format!(" {} ", signs(context.ascii).dot);
    let mut parts = parts(state);
    let wide = |parts: &[Part]| parts.iter().map(|part| cells(&part.words) + cells(&dot)).sum::<usize>();
    while wide(&parts) > usize::from(area.width) + cells(&dot) {
        let Some(last) = parts.iter().map(|part| part.rank).max().filter(|rank| *rank > 0) else { break };
        parts.retain(|part| part.rank < last);
    }
    let spans: Vec<_> = parts
        .into_iter()
        .enumerate()
        .map(|(at, part)| {
            let lead = match (at, part.goes_on) {
                (0, _) => "",
                (_, true) => ", ",
                (_, false) => dot.as_str(),
            };
            (format!("{lead}{}", part.words), context.theme.style(part.look))
        })
        .collect();
    put_spans(buffer, area, &spans, context.ascii);
}

/// Which sample a head is of: the one that is open, or the one that stands beside it.
struct Shown<'a> {
    row: &'a SampleRow,
    transcript: &'a Transcript,
    gold: Option<&'a str>,
    /// Two share the width: what they have in common is left out.
    beside: bool,
}

impl Shown<'_> {
    fn narrow(&self, area: Rect) -> bool {
        self.beside && area.width < 50
    }
}

fn gold(open: Option<&Open>) -> Option<&str> {
    open.and_then(|open| open.problem.as_ref()).map(|problem| problem.answer.as_str())
}

fn head(state: &ReviewState, shown: &Shown, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let row = shown.row;
    let style = |look| context.theme.style(look);
    let name = if shown.narrow(area) { format!("#{}", row.draw) } else { format!("{} #{}", row.problem_id, row.draw) };
    let answer = row.answer.as_deref().unwrap_or("none");
    let mut spans = vec![
        (name, style(Look::Title)),
        (format!("  gold {}", shown.gold.unwrap_or("?")), style(Look::Text)),
        if state.hides(row) {
            (format!("  answer {answer}"), style(Look::Text))
        } else {
            (format!("  answer {answer} {}", list::right(row.correct, context.ascii)), style(answer_look(row.correct)))
        },
        (format!("  {} tok", compact(row.tokens)), style(Look::Dim)),
    ];
    if let Some(end) = ending(row.finish) {
        spans.push((format!("  {end}"), style(Look::Warn)));
    }
    put_spans(buffer, area, &spans, context.ascii);
}

fn standing(state: &ReviewState, shown: &Shown, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let row = shown.row;
    let style = |look| context.theme.style(look);
    let mut spans = Vec::new();
    let (word, look) = match row.standing.verb {
        Some(DecisionVerb::Accept) => ("you accept", Look::Good),
        Some(DecisionVerb::Reject) => ("you reject", Look::Bad),
        Some(DecisionVerb::Skip) => ("you skip", Look::Dim),
        Some(DecisionVerb::Flag | DecisionVerb::Unflag | DecisionVerb::Note | DecisionVerb::Undo) | None => {
            ("undecided", Look::Dim)
        }
    };
    let what = if shown.narrow(area) { "" } else { state.show.name() };
    let (first, last, of) = shown.transcript.position();
    let gap = if what.is_empty() { "" } else { " " };
    spans.push((format!("{what}{gap}{first}-{last}/{of}  "), style(Look::Dim)));
    if !shown.transcript.query().is_empty() {
        let (hit, hits) = shown.transcript.hit();
        spans.push((format!("/{} {hit}/{hits}  ", shown.transcript.query()), style(Look::Info)));
    }
    if state.audit.is_some() && !shown.beside {
        spans.push(("spot check  ".into(), style(Look::Warn)));
    }
    spans.push((word.to_owned(), style(look)));
    if let Some(reason) = &row.standing.reason {
        spans.push((format!(": {reason}"), style(look)));
    }
    match row.accepted {
        Some(_) if state.hides(row) => {}
        Some(true) => spans.push((format!("  rules {}", signs(context.ascii).kept), style(Look::Good))),
        Some(false) => {
            let text = format!("  rules {} {}", signs(context.ascii).dropped, row.failed.join(", "));
            spans.push((text, style(Look::Bad)));
        }
        None => {}
    }
    if row.overruled() {
        spans.push(("  overruled".into(), style(Look::Warn)));
    }
    if row.standing.flagged {
        spans.push(("  ! flagged".into(), style(Look::Warn)));
    }
    if let Some(note) = &row.standing.note {
        spans.push((format!("  note: {note}"), style(Look::Text)));
    }
    put_spans(buffer, area, &spans, context.ascii);
}

fn text(transcript: &Transcript, read: bool, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    if read {
        transcript.view(context, area, buffer);
    } else {
        put(buffer, area.x, area.y, area.width, "reading...", context.theme.style(Look::Dim));
    }
}

/// The sample that stands beside, or the panel with the problem, and a word where it is longer than its place.
fn side(state: &ReviewState, context: &ViewContext, layout: &Layout, buffer: &mut Buffer) {
    let area = layout.side;
    if let Some(beside) = &state.beside {
        if let Some(row) = state.row(beside.id) {
            let shown = Shown { row, transcript: &state.side, gold: gold(beside.open.as_ref()), beside: true };
            head(state, &shown, context, layout.side_head, buffer);
            standing(state, &shown, context, layout.side_standing, buffer);
        }
        return text(&state.side, beside.open.is_some(), context, area, buffer);
    }
    state.side.view(context, area, buffer);
    let (_, last, of) = state.side.position();
    if of > last && !area.is_empty() {
        let line = part(area, 0, area.height - 1, area.width, 1);
        blank(buffer, line);
        let text = format!("  {} {} more lines", signs(context.ascii).cut, of - last + 1);
        put_clean(buffer, line.x, line.y, line.width, &text, context.theme.style(Look::Dim));
    }
}

fn empty(state: &ReviewState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let lines: &[&str] = if !state.opened {
        &["No session is open.", "Open or make one in the Start pane."]
    } else if state.rows.is_empty() {
        &["No samples yet.", "Generate some, or import them;", "they appear here as they come."]
    } else {
        &["No sample fits the filter.", "Change it, or show all samples again."]
    };
    for (line, text) in lines.iter().enumerate().take(usize::from(area.height)) {
        let look = if line == 0 { Look::Text } else { Look::Dim };
        put(buffer, area.x + 1, area.y + line as u16, area.width.saturating_sub(1), text, context.theme.style(look));
    }
}
