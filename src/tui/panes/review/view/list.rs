//! The list of samples: one line each.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::content::answer_look;
use super::super::layout::Layout;
use super::super::state::ReviewState;
use crate::records::DecisionVerb;
use crate::session::SampleRow;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{compact, fit, fit_tail, one_line, part, put, put_clean, signs, tint};

pub fn view(state: &ReviewState, context: &ViewContext, layout: &Layout, buffer: &mut Buffer) {
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
        entry(row, state.hides(row), context, at, buffer);
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

pub fn right(correct: Option<bool>, ascii: bool) -> &'static str {
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
fn entry(row: &SampleRow, blind: bool, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
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
    let cut = if row.finish.is_cut() { Look::Warn } else { Look::Dim };
    let number = format!("{:>width$}", compact(row.tokens), width = usize::from(tokens));
    put_clean(buffer, x, area.y, area.right().saturating_sub(x), &number, style(cut));
}
