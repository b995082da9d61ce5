//! What lies over the pane: the reasons, an editor, a question, the funnel, the table of agreement.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::keys::REASONS;
use super::super::layout::over;
use super::super::mode::{Mode, Writing};
use super::super::state::ReviewState;
use crate::records::DecisionVerb;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::frame::frame;
use crate::tui::widgets::paint::{compact, fit, one_line, part, put, put_clean, signs, tint};
use crate::tui::widgets::rate::rate;

/// Columns of a box that asks or takes a few words.
const SMALL: u16 = 62;

pub fn view(state: &ReviewState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    match &state.mode {
        Mode::Browse | Mode::Filter { .. } | Mode::Search(_) | Mode::OtherReason { .. } => {}
        Mode::Reasons { chosen, .. } => reasons(*chosen, context, area, buffer),
        Mode::Note(writing) => {
            let title = "Note: a #word is a tag, F tag:word lists its samples";
            writing.editor.view(frame(SMALL, 6, title, context, area, buffer), buffer);
        }
        Mode::Edit(writing) => edit(state, writing, context, area, buffer),
        Mode::Bulk { verb, samples } => bulk(state, *verb, samples, context, area, buffer),
        Mode::Funnel(at) => funnel(state, *at, context, area, buffer),
        Mode::Report(top) => {
            let lines = state.report();
            let (width, most) = over(area.width, area.height);
            let height = (lines.len() as u16).min(most);
            let inside = frame(width, height, "You and the filter", context, area, buffer);
            for (row, (line, look)) in lines.iter().skip(*top).enumerate().take(usize::from(inside.height)) {
                let line = fit(line, usize::from(inside.width), context.ascii).into_owned();
                put(buffer, inside.x, inside.y + row as u16, inside.width, &line, context.theme.style(*look));
            }
        }
    }
}

fn reasons(chosen: Option<usize>, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let inside = frame(SMALL, REASONS.len() as u16, "Reject: why?", context, area, buffer);
    for (index, reason) in REASONS.iter().enumerate() {
        let at = part(inside, 0, index as u16, inside.width, 1);
        let x = put_clean(buffer, at.x, at.y, at.width, &format!("{} ", index + 1), style(Look::Key));
        put_clean(buffer, x, at.y, at.right().saturating_sub(x), reason, style(Look::Text));
        if chosen == Some(index) {
            tint(buffer, at, style(Look::Selection));
        }
    }
}

fn edit(state: &ReviewState, writing: &Writing, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let (width, height) = over(area.width, area.height);
    let of = state.row(writing.sample).map_or(String::new(), |row| format!(" of {} #{}", row.problem_id, row.draw));
    let changed = if writing.editor.changed() { " (changed)" } else { "" };
    let inside = frame(width, height, &format!("Edit the chain{of}{changed}"), context, area, buffer);
    writing.editor.view(inside, buffer);
}

/// The question before many samples are decided on at once, and what the answer would do.
fn bulk(
    state: &ReviewState,
    verb: DecisionVerb,
    samples: &[i64],
    context: &ViewContext,
    area: Rect,
    buffer: &mut Buffer,
) {
    let (word, other) = if verb == DecisionVerb::Accept { ("Accept", false) } else { ("Reject", true) };
    let rows = || samples.iter().filter_map(|id| state.row(*id));
    let count = |verdict: Option<bool>| rows().filter(|row| row.accepted == verdict).count();
    let decided = |verb| rows().filter(|row| row.standing.verb == Some(verb)).count();
    let filter = match state.filter.is_empty() {
        true => "no filter: all samples".to_owned(),
        false => format!("filter {}", state.filter.text()),
    };
    let unjudged = match count(None) {
        0 => String::new(),
        count => format!(", have not judged {}", compact(count)),
    };
    let kept = [DecisionVerb::Accept, DecisionVerb::Reject, DecisionVerb::Skip].map(decided);
    let before = match kept.iter().sum::<usize>() {
        0 => "You have decided on none of them before.".to_owned(),
        _ => format!(
            "You decided before: accept {}, reject {}, skip {}; this replaces it.",
            compact(kept[0]),
            compact(kept[1]),
            compact(kept[2])
        ),
    };
    let first: Vec<String> = rows().take(5).map(|row| format!("{} #{}", row.problem_id, row.draw)).collect();
    let rest = if samples.len() > first.len() { ", ..." } else { "" };
    let lines = [
        format!("{} samples ({filter})", compact(samples.len())),
        format!("The rules accept {}, reject {}{unjudged}.", compact(count(Some(true))), compact(count(Some(false)))),
        format!("You would overrule them on {}.", compact(count(Some(other)))),
        before,
        format!("They begin: {}{rest}", first.join(", ")),
        "u takes all of it back at once".to_owned(),
        String::new(),
        "y yes   any other key no".to_owned(),
    ];
    let inside = frame(70, lines.len() as u16, &format!("{word} the whole list?"), context, area, buffer);
    for (row, line) in lines.iter().enumerate().take(usize::from(inside.height)) {
        let line = one_line(line);
        let line = fit(&line, usize::from(inside.width), context.ascii);
        put_clean(buffer, inside.x, inside.y + row as u16, inside.width, &line, context.theme.style(Look::Text));
    }
}

/// What each rule drops of what comes as far as it, and what it alone drops, as bars.
fn funnel(state: &ReviewState, at: usize, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let Some(outcome) = &state.outcome else { return };
    let style = |look| context.theme.style(look);
    let steps = &outcome.funnel;
    let (width, most) = over(area.width, area.height);
    let height = (steps.len() as u16 + 2).min(most);
    let inside = frame(width, height, "Funnel", context, area, buffer);
    let title = format!(
        "{} judged; rules accept {}; you overrule {}; to train on {}",
        compact(outcome.judged),
        rate(outcome.accepted, outcome.judged),
        state.rows.iter().filter(|row| row.overruled()).count(),
        compact(state.learnt.to_train_on)
    );
    let title = fit(&title, usize::from(inside.width), context.ascii);
    put(buffer, inside.x, inside.y, inside.width, &title, style(Look::Title));
    // Name 14, three numbers of 7, spaces: the two bars share what is left.
    let bar = (usize::from(inside.width).saturating_sub(14 + 3 * 7 + 3) / 2).clamp(4, 30);
    let head = format!("{:<14}{:>7} {:<bar$}{:>7} {:<bar$}{:>7}", "rule", "drops", "", "alone", "", "left");
    put(buffer, inside.x, inside.y + 1, inside.width, &head, style(Look::Dim));
    // Bars are measured by the longest, since rules that drop little are still to be told apart.
    let longest = steps.iter().map(|step| step.dropped.max(step.sole)).max().unwrap_or(0).max(1);
    let signs = signs(context.ascii);
    let bars = |count: usize| {
        let filled = (count * bar).div_ceil(longest);
        format!("{}{}", signs.full.repeat(filled), signs.empty.repeat(bar - filled))
    };
    let room = usize::from(inside.height).saturating_sub(2);
    let first = (at + 1).saturating_sub(room);
    let mut left = outcome.judged;
    for (index, step) in steps.iter().enumerate() {
        left = left.saturating_sub(step.dropped);
        if index < first || index >= first + room {
            continue;
        }
        let place = Rect { y: inside.y + 2 + (index - first) as u16, height: 1, ..inside };
        let (dropped, sole) = (compact(step.dropped), compact(step.sole));
        let line = format!(
            "{:<14}{dropped:>7} {}{sole:>7} {}{:>7}",
            step.rule.name(),
            bars(step.dropped),
            bars(step.sole),
            compact(left)
        );
        let look = if step.failed > 0 { Look::Text } else { Look::Dim };
        put_clean(buffer, place.x, place.y, place.width, &line, style(look));
        if index == at {
            tint(buffer, place, style(Look::Selection));
        }
    }
}
