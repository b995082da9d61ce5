//! Draws the pane. Reads the state, changes nothing, and touches only the rows and lines in sight.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

use super::content::{answer_look, ending};
use super::layout::Layout;
use super::mode::REASONS;
use super::state::{Mode, Notice, ReviewState};
use crate::records::DecisionVerb;
use crate::session::SampleRow;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::Input;
use crate::tui::widgets::paint::{
    blank, column, compact, fit, fit_tail, one_line, part, put, put_clean, put_spans, rule, signs, tint,
};
use crate::tui::widgets::rate::rate;

/// Draws the pane into an area; [`super::resize`] was told its size before.
pub fn view(state: &ReviewState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let layout = Layout::of(area, state.beside.is_some());
    let border = context.theme.style(if context.focused { Look::BorderFocus } else { Look::Border });
    counts(state, context, layout.counts, buffer);
    column(buffer, layout.rule, border, context.ascii);
    column(buffer, layout.side_rule, border, context.ascii);
    list(state, context, &layout, buffer);
    if state.selected_row().is_some() {
        head(state, context, layout.head, buffer);
        standing(state, context, layout.standing, buffer);
        transcript(state, context, layout.transcript, buffer);
        side(state, context, layout.side, buffer);
    } else {
        empty(state, context, layout.transcript, buffer);
    }
    overlay(state, context, area, buffer);
    foot(state, context, layout.notice, buffer);
}

fn counts(state: &ReviewState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    if !state.opened {
        return;
    }
    let style = |look| context.theme.style(look);
    let count = &state.counts;
    let decided = count.accepted + count.rejected + count.skipped;
    let dot = format!(" {} ", signs(context.ascii).dot);
    // At 80 columns the signs of the list stand for the words.
    let word = |word: &'static str| if area.width >= 100 { word } else { "" };
    let mut spans = vec![
        (format!("{} samples", compact(count.samples)), style(Look::Title)),
        (format!("{dot}{} undecided", compact(count.samples.saturating_sub(decided))), style(Look::Text)),
        (format!("{dot}+ {}{}", compact(count.accepted), word(" accepted")), style(Look::Good)),
        (format!("{dot}x {}{}", compact(count.rejected), word(" rejected")), style(Look::Bad)),
        (format!("{dot}- {}{}", compact(count.skipped), word(" skipped")), style(Look::Dim)),
        (format!("{dot}! {}{}", compact(count.flagged), word(" flagged")), style(Look::Warn)),
        (format!("{dot}{} right", rate(count.correct, count.samples)), style(Look::Text)),
    ];
    if state.read_only.is_some() {
        spans.insert(0, ("viewing only ".into(), style(Look::Warn)));
    }
    put_spans(buffer, area, &spans, context.ascii);
}

fn list(state: &ReviewState, context: &ViewContext, layout: &Layout, buffer: &mut Buffer) {
    if !state.opened {
        return;
    }
    let place = if state.listed.is_empty() { 0 } else { state.window.selected + 1 };
    let of = compact(state.listed.len());
    let title = match state.filter.is_empty() {
        true if state.audit.is_some() => format!("{place}/{of} spot check"),
        true => format!("{place}/{of} {}", state.sort.name()),
        false => format!("{place}/{of} [{}] {}", state.filter.text(), state.sort.name()),
    };
    let line = fit(&title, usize::from(layout.list_head.width), context.ascii).into_owned();
    put(buffer, layout.list_head.x, layout.list_head.y, layout.list_head.width, &line, context.theme.style(Look::Dim));
    for (line, place) in state.window.rows(state.listed.len()).enumerate().take(usize::from(layout.list.height)) {
        let row = &state.rows[state.listed[place]];
        let at = part(layout.list, 0, line as u16, layout.list.width, 1);
        list_row(row, state.hides(row), context, at, buffer);
        if place == state.window.selected {
            tint(buffer, at, context.theme.style(Look::Selection));
            let edge = part(layout.rule, 0, 1 + line as u16, 1, 1);
            put_clean(buffer, edge.x, edge.y, edge.width, signs(context.ascii).here, context.theme.style(Look::Key));
        }
    }
}

fn mark(verb: Option<DecisionVerb>) -> (&'static str, Look) {
    match verb {
        Some(DecisionVerb::Accept) => ("+", Look::Good),
        Some(DecisionVerb::Reject) => ("x", Look::Bad),
        Some(DecisionVerb::Skip) => ("-", Look::Dim),
        Some(DecisionVerb::Flag | DecisionVerb::Unflag | DecisionVerb::Note | DecisionVerb::Undo) | None => {
            (" ", Look::Text)
        }
    }
}

fn right(correct: Option<bool>, ascii: bool) -> &'static str {
    let signs = signs(ascii);
    match correct {
        Some(true) => signs.right,
        Some(false) => signs.wrong,
        None => "?",
    }
}

/// The strategies of a row in few cells.
fn short(strategies: &[String], full: bool) -> String {
    let short = |name: &String| match name.as_str() {
        "verification" => "ver".to_owned(),
        "backtracking" => "back".to_owned(),
        name if name.starts_with("subgoal") => "sub".to_owned(),
        name if name.starts_with("backward") => "bwd".to_owned(),
        name => name.chars().take(4).collect(),
    };
    match strategies {
        [] => "-".to_owned(),
        [one] => short(one),
        [first, rest @ ..] if !full => format!("{}+{}", short(first), rest.len()),
        all => all.iter().map(short).collect::<Vec<_>>().join(","),
    }
}

/// Standing, flag, right or wrong, problem, draw, strategies, tokens; the problem's id takes what is left.
fn list_row(row: &SampleRow, blind: bool, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let (sign, look) = mark(row.standing.verb);
    let mut x = put_clean(buffer, area.x, area.y, area.width, sign, style(look));
    let flag = if row.standing.flagged { "!" } else { " " };
    x = put_clean(buffer, x, area.y, area.right().saturating_sub(x), flag, style(Look::Warn));
    let correct = if blind { None } else { row.correct };
    let answer = style(answer_look(correct));
    let sign = if blind { " " } else { right(correct, context.ascii) };
    x = put_clean(buffer, x, area.y, area.right().saturating_sub(x), sign, answer);
    // What the filter says, beside what is right: a dot under what it rejects, so that a rejected right answer shows.
    let said = match row.accepted {
        Some(false) if !blind => (signs(context.ascii).dropped, Look::Bad),
        Some(true) if !blind => (signs(context.ascii).kept, Look::Good),
        _ => (" ", Look::Text),
    };
    x = put_clean(buffer, x, area.y, area.right().saturating_sub(x), said.0, style(said.1)) + 1;
    let wide = area.width >= 40;
    let (draws, strategies, tokens) = if wide { (4, 12, 6) } else { (3, 5, 5) };
    let id_width = area.right().saturating_sub(x).saturating_sub(draws + strategies + tokens + 3);
    let id = one_line(&row.problem_id);
    put_clean(buffer, x, area.y, id_width, &fit_tail(&id, usize::from(id_width), context.ascii), style(Look::Text));
    x += id_width + 1;
    let draw = fit(&format!("#{}", row.draw), usize::from(draws), context.ascii).into_owned();
    put_clean(buffer, x, area.y, area.right().saturating_sub(x), &draw, style(Look::Dim));
    x += draws + 1;
    let asked = one_line(&short(&row.strategies, wide));
    let asked = fit(&asked, usize::from(strategies), context.ascii).into_owned();
    put_clean(buffer, x, area.y, area.right().saturating_sub(x), &asked, style(Look::Info));
    x += strategies + 1;
    let cut = if super::filter::is_truncated(row.finish) { Look::Warn } else { Look::Dim };
    let number = format!("{:>width$}", compact(row.tokens), width = usize::from(tokens));
    put_clean(buffer, x, area.y, area.right().saturating_sub(x), &number, style(cut));
}

fn head(state: &ReviewState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let Some(row) = state.selected_row() else { return };
    let style = |look| context.theme.style(look);
    let gold = state.open.as_ref().and_then(|open| open.problem.as_ref()).map(|problem| problem.answer.as_str());
    let mut spans = vec![
        (format!("{} #{}", row.problem_id, row.draw), style(Look::Title)),
        (format!("  gold {}", gold.unwrap_or("?")), style(Look::Text)),
        if state.hides(row) {
            (format!("  answer {}", row.answer.as_deref().unwrap_or("none")), style(Look::Text))
        } else {
            (
                format!("  answer {} {}", row.answer.as_deref().unwrap_or("none"), right(row.correct, context.ascii)),
                style(answer_look(row.correct)),
            )
        },
        (format!("  {} tok", compact(row.tokens)), style(Look::Dim)),
    ];
    if let Some(end) = ending(row.finish) {
        spans.push((format!("  {end}"), style(Look::Warn)));
    }
    put_spans(buffer, area, &spans, context.ascii);
}

fn standing(state: &ReviewState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let Some(row) = state.selected_row() else { return };
    let style = |look| context.theme.style(look);
    let mut spans = Vec::new();
    let (word, look) = match row.standing.verb {
        Some(DecisionVerb::Accept) => ("accepted", Look::Good),
        Some(DecisionVerb::Reject) => ("rejected", Look::Bad),
        Some(DecisionVerb::Skip) => ("skipped", Look::Dim),
        Some(DecisionVerb::Flag | DecisionVerb::Unflag | DecisionVerb::Note | DecisionVerb::Undo) | None => {
            ("undecided", Look::Dim)
        }
    };
    let what = state.show.name();
    let (first, last, of) = state.transcript.position();
    spans.push((format!("{what} {first}-{last}/{of}  "), style(Look::Dim)));
    if !state.transcript.query().is_empty() {
        let (hit, hits) = state.transcript.hit();
        spans.push((format!("/{} {hit}/{hits}  ", state.transcript.query()), style(Look::Info)));
    }
    if let Some(beside) = state.beside.as_ref().and_then(|beside| state.row(beside.id)) {
        spans.push((format!("beside #{}  ", beside.draw), style(Look::Info)));
    }
    if state.audit.is_some() {
        spans.push(("spot check  ".into(), style(Look::Warn)));
    }
    spans.push((word.to_owned(), style(look)));
    if let Some(reason) = &row.standing.reason {
        spans.push((format!(": {reason}"), style(look)));
    }
    if row.overruled() {
        spans.push(("  overrules the filter".into(), style(Look::Warn)));
    }
    if row.standing.flagged {
        spans.push(("  ! flagged".into(), style(Look::Warn)));
    }
    if let Some(note) = &row.standing.note {
        spans.push((format!("  note: {note}"), style(Look::Text)));
    }
    put_spans(buffer, area, &spans, context.ascii);
}

fn transcript(state: &ReviewState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    if state.open.is_some() {
        state.transcript.view(context, area, buffer);
    } else {
        put(buffer, area.x, area.y, area.width, "reading...", context.theme.style(Look::Dim));
    }
}

/// The panel with the problem, and a word where it is longer than its place.
fn side(state: &ReviewState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    state.side.view(context, area, buffer);
    let hidden = state.side.len().saturating_sub(usize::from(area.height));
    if hidden > 0 && !area.is_empty() {
        let last = part(area, 0, area.height - 1, area.width, 1);
        blank(buffer, last);
        let text = format!("  {} {} more lines", signs(context.ascii).cut, hidden + 1);
        put_clean(buffer, last.x, last.y, last.width, &text, context.theme.style(Look::Dim));
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

/// A box in the middle of the pane; its inside.
fn boxed(title: &str, height: u16, context: &ViewContext, area: Rect, buffer: &mut Buffer) -> Rect {
    let width = area.width.min(60);
    let height = (height + 2).min(area.height);
    let outer = part(area, (area.width - width) / 2, (area.height - height) / 2, width, height);
    blank(buffer, outer);
    let border = context.theme.style(Look::BorderFocus);
    let top = part(outer, 0, 0, width, 1);
    rule(buffer, top, title, border, context.theme.style(Look::Title), context.ascii);
    let bottom = part(outer, 0, height.saturating_sub(1), width, 1);
    rule(buffer, bottom, "", border, border, context.ascii);
    part(outer, 1, 1, width.saturating_sub(2), height.saturating_sub(2))
}

fn overlay(state: &ReviewState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    match &state.mode {
        Mode::Browse | Mode::Filter { .. } | Mode::Search(_) | Mode::OtherReason { .. } => {}
        Mode::Reasons { chosen, .. } => {
            let inside = boxed("Reject: why?", REASONS.len() as u16, context, area, buffer);
            for (index, reason) in REASONS.iter().enumerate() {
                let at = part(inside, 0, index as u16, inside.width, 1);
                let x = put_clean(buffer, at.x, at.y, at.width, &format!("{} ", index + 1), key_style(context));
                put_clean(buffer, x, at.y, at.right().saturating_sub(x), reason, context.theme.style(Look::Text));
                if *chosen == Some(index) {
                    tint(buffer, at, context.theme.style(Look::Selection));
                }
            }
        }
        Mode::Edit { editor, .. } => {
            let height = area.height.saturating_sub(4);
            let inside = boxed_wide("Edit the chain", height, context, area, buffer);
            editor.as_ref().render(inside, buffer);
        }
        Mode::Bulk(verb) => bulk(state, *verb, context, area, buffer),
        Mode::Funnel(at) => funnel(state, *at, context, area, buffer),
        Mode::Report(top) => {
            let lines = super::audit::report(&state.rows, state.audit.as_ref());
            let height = (lines.len() as u16).min(area.height.saturating_sub(4));
            let inside = boxed_wide("You and the filter", height, context, area, buffer);
            for (row, line) in lines.iter().skip(*top).enumerate().take(usize::from(inside.height)) {
                let line = fit(&one_line(line), usize::from(inside.width), context.ascii).into_owned();
                put(buffer, inside.x, inside.y + row as u16, inside.width, &line, context.theme.style(Look::Text));
            }
        }
        Mode::Note { editor, .. } => {
            let inside = boxed("Note", 6, context, area, buffer);
            editor.as_ref().render(inside, buffer);
        }
    }
}

/// A box nearly as wide as the pane; its inside.
fn boxed_wide(title: &str, height: u16, context: &ViewContext, area: Rect, buffer: &mut Buffer) -> Rect {
    let width = area.width.saturating_sub(4).clamp(area.width.min(60), 110);
    let outer_height = (height + 2).min(area.height);
    let outer = part(area, (area.width - width) / 2, (area.height - outer_height) / 2, width, outer_height);
    blank(buffer, outer);
    let border = context.theme.style(Look::BorderFocus);
    rule(buffer, part(outer, 0, 0, width, 1), title, border, context.theme.style(Look::Title), context.ascii);
    let bottom = part(outer, 0, outer_height.saturating_sub(1), width, 1);
    rule(buffer, bottom, "", border, border, context.ascii);
    part(outer, 1, 1, width.saturating_sub(2), outer_height.saturating_sub(2))
}

fn bulk(state: &ReviewState, verb: DecisionVerb, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let word = if verb == DecisionVerb::Accept { "Accept" } else { "Reject" };
    let inside = boxed(&format!("{word} the whole list?"), 5, context, area, buffer);
    let decided = state.listed.iter().filter(|&&at| state.rows[at].standing.verb.is_some()).count();
    let filter = if state.filter.is_empty() {
        "no filter: all samples".into()
    } else {
        format!("filter {}", state.filter.text())
    };
    let lines = [
        format!("{} samples ({filter})", state.listed.len()),
        format!("{decided} of them you have decided on before; this replaces it"),
        "u takes all of it back at once".to_owned(),
        String::new(),
        "y yes   any other key no".to_owned(),
    ];
    for (row, line) in lines.iter().enumerate().take(usize::from(inside.height)) {
        put(buffer, inside.x, inside.y + row as u16, inside.width, line, context.theme.style(Look::Text));
    }
}

/// What is left after each rule, as a bar, and what each rule alone drops.
fn funnel(state: &ReviewState, at: usize, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let Some(outcome) = &state.outcome else { return };
    let style = |look| context.theme.style(look);
    let height = outcome.funnel.len() as u16 + 3;
    let inside = boxed_wide("Funnel", height, context, area, buffer);
    let title = format!(
        "{} judged, {} accepted; you overrule {}: {} to train on",
        compact(outcome.judged),
        rate(outcome.accepted, outcome.judged),
        state.rows.iter().filter(|row| row.overruled()).count(),
        compact(state.rows.iter().filter(|row| row.trained_on()).count())
    );
    put(buffer, inside.x, inside.y, inside.width, &title, style(Look::Title));
    let head = format!("{:<15}{:>8}{:>8}{:>8}  left", "rule", "dropped", "alone", "fails");
    put(buffer, inside.x, inside.y + 1, inside.width, &head, style(Look::Dim));
    let bar_width = usize::from(inside.width.saturating_sub(50)).clamp(10, 40);
    let mut left = outcome.judged;
    for (row, step) in outcome.funnel.iter().enumerate() {
        left = left.saturating_sub(step.dropped);
        let y = inside.y + 2 + row as u16;
        if y >= inside.bottom() {
            break;
        }
        let filled = (left * bar_width).div_ceil(outcome.judged.max(1));
        let (full, empty) = (signs(context.ascii).full, signs(context.ascii).empty);
        let line = format!(
            "{:<15}{:>8}{:>8}{:>8}  {}{} {}",
            step.rule.name(),
            compact(step.dropped),
            compact(step.sole),
            compact(step.failed),
            full.repeat(filled),
            empty.repeat(bar_width - filled.min(bar_width)),
            compact(left)
        );
        let place = Rect { x: inside.x, y, width: inside.width, height: 1 };
        put_clean(
            buffer,
            place.x,
            place.y,
            place.width,
            &line,
            style(if step.dropped > 0 { Look::Text } else { Look::Dim }),
        );
        if row == at {
            tint(buffer, place, style(Look::Selection));
        }
    }
}

fn key_style(context: &ViewContext) -> Style {
    context.theme.style(Look::Key)
}

/// The last line: what is being typed, or what has just happened.
fn foot(state: &ReviewState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let mut prompt = |label: &str, input: &Input, error: Option<&str>| {
        blank(buffer, area);
        let x = put_clean(buffer, area.x, area.y, area.width, label, style(Look::Key));
        let field = Rect { x, width: area.right().saturating_sub(x), ..area };
        input.view(true, context, field, buffer);
        if let Some(error) = error {
            let above = Rect { y: area.y.saturating_sub(1), ..area };
            blank(buffer, above);
            put(buffer, above.x, above.y, above.width, error, style(Look::Bad));
        }
    };
    match &state.mode {
        Mode::Filter { input, error } => prompt("filter: ", input, error.as_deref()),
        Mode::Search(input) => prompt("/", input, None),
        Mode::OtherReason { input, .. } => prompt("reject because: ", input, None),
        Mode::Reasons { .. } => {
            let hint = "1-9 choose   Enter without a choice: no reason   Esc back";
            put_clean(buffer, area.x, area.y, area.width, hint, style(Look::Dim));
        }
        Mode::Note { .. } => {
            let hint = "Enter keep   Alt-Enter new line   Esc back";
            put_clean(buffer, area.x, area.y, area.width, hint, style(Look::Dim));
        }
        Mode::Edit { .. } => {
            let hint = "Ctrl-S store as a new sample   Esc back, nothing is kept";
            put_clean(buffer, area.x, area.y, area.width, hint, style(Look::Dim));
        }
        Mode::Bulk(_) => {}
        Mode::Funnel(_) => {
            let hint = "j k choose a rule   Enter its samples   Esc back";
            put_clean(buffer, area.x, area.y, area.width, hint, style(Look::Dim));
        }
        Mode::Report(_) => {
            let hint = if state.audit.is_some() {
                "j k scroll   e ends the spot check   Esc back"
            } else {
                "j k scroll   Esc back"
            };
            put_clean(buffer, area.x, area.y, area.width, hint, style(Look::Dim));
        }
        Mode::Browse if state.judging.is_some() => {
            let (done, all) = state.judging.unwrap_or_default();
            put(buffer, area.x, area.y, area.width, &format!("judging: {done}/{all} measured"), style(Look::Info));
        }
        Mode::Browse => match &state.notice {
            Some(Notice::Said(text)) => {
                put(buffer, area.x, area.y, area.width, text, style(Look::Info));
            }
            Some(Notice::Refused(text)) => {
                put(buffer, area.x, area.y, area.width, text, style(Look::Bad));
            }
            None if state.stay => {
                put_clean(buffer, area.x, area.y, area.width, "stays after a decision", style(Look::Dim));
            }
            None => {}
        },
    }
}
