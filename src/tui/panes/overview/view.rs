//! The pane on the screen: a line a part of the method, what is next, and what the machine does.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::next::next;
use super::state::{OverviewState, PARTS, Passed, Trained};
use crate::tui::action::Scope;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{compact, one_line, part, put, put_lines, put_spans, signs, tint};

/// Cells of a part's name.
const NAME: usize = 12;

/// How far a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Done,
    AtWork,
    ToCome,
}

pub fn view(state: &OverviewState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let Some(name) = &state.name else {
        put(
            buffer,
            area.x + 1,
            area.y,
            area.width,
            "No session is open: open one from the list, or make a new one.",
            style(Look::Text),
        );
        return;
    };
    let row = |y: u16| part(area, 0, y, area.width, 1);
    let mut head = vec![(format!(" {}", one_line(name)), style(Look::Title))];
    if let Some(why) = &state.read_only {
        head.push((format!("  for viewing only: {}", one_line(why)), style(Look::Warn)));
    }
    put_spans(buffer, row(0), &head, context.ascii);
    let problems = format!("   {} problems", state.counts.problems);
    put(buffer, area.x, area.y + 1, area.width, &problems, style(Look::Dim));
    let work: Vec<Scope> =
        state.running().map(|board| super::next::scope_of(&board.job, board.pass.is_some())).collect();
    for (at, scope) in PARTS.into_iter().enumerate() {
        let (stand, words) = part_of(state, scope);
        let stand = if work.contains(&scope) { Stand::AtWork } else { stand };
        let signs = signs(context.ascii);
        let (sign, look) = match stand {
            Stand::Done => (signs.right, Look::Good),
            Stand::AtWork => (signs.cursor, Look::Info),
            Stand::ToCome => (signs.dot, Look::Dim),
        };
        let line = row(3 + at as u16);
        let spans = [
            (format!(" {sign} "), style(look)),
            (format!("{:<NAME$}", scope.title()), style(Look::Title)),
            (words, style(if stand == Stand::ToCome { Look::Dim } else { Look::Text })),
        ];
        put_spans(buffer, line, &spans, context.ascii);
        if at == state.at && context.focused {
            tint(buffer, line, style(Look::Selection));
        }
    }
    // What comes next, what runs and what waits, two lines each, as far as there is room; the machine in the last line that is left.
    let next = next(state);
    let mut said = vec![("next", format!("{}: {}", next.scope.title(), next.words), Look::Text)];
    for board in state.running() {
        let rate = match board.totals.tokens_per_second {
            rate if rate > 0.0 => format!("  {} tok/s", compact(rate.round() as usize)),
            _ => String::new(),
        };
        let message = if board.message.is_empty() { &board.job } else { &board.message };
        said.push(("now", format!("{}{rate}", one_line(message)), Look::Info));
    }
    if !state.line.is_empty() {
        said.push(("then", one_line(&state.line.join(", ")), Look::Text));
    }
    let foot = 4 + PARTS.len() as u16;
    let rows = area.height.saturating_sub(foot);
    // Where they would not all fit, a line each.
    let each = if rows >= 2 * said.len() as u16 { 2 } else { 1 };
    let mut at = foot;
    for (head, words, look) in said {
        if at >= area.height {
            return;
        }
        put(buffer, area.x + 1, area.y + at, area.width, head, style(Look::Key));
        put_lines(buffer, part(area, 6, at, area.width.saturating_sub(7), each), &words, style(look));
        at += each;
    }
    if let Some(load) = state.machine.as_ref().filter(|_| at < area.height) {
        let look = if load.short_of_disk() { Look::Warn } else { Look::Dim };
        let line = load.line(usize::from(area.width.saturating_sub(2)));
        put(buffer, area.x + 1, area.bottom() - 1, area.width, &line, style(look));
    }
}

/// How far a part is, and what came of it, in a line.
fn part_of(state: &OverviewState, scope: Scope) -> (Stand, String) {
    let done = |done: bool| if done { Stand::Done } else { Stand::ToCome };
    let learnt = &state.learnt;
    match scope {
        Scope::Generate => {
            let words =
                if learnt.samples == 0 { "no sample yet".into() } else { format!("{} samples", learnt.samples) };
            (done(learnt.samples > 0), words)
        }
        Scope::Review => (done(learnt.samples > 0 && learnt.waiting == 0), reviewed(state)),
        Scope::Difficulty => match &state.selected {
            Some(name) => (Stand::Done, format!("selection {} is stored", one_line(name))),
            None => (Stand::ToCome, "how hard the problems are, and what of them to learn from".into()),
        },
        Scope::Train => match state.runs.get(&state.newest) {
            None => (Stand::ToCome, "no run yet".into()),
            Some(Trained { step, total, loss, validation }) => {
                let of = total.map_or(String::new(), |total| format!(" of {total}"));
                let mut words = format!("{}: step {step}{of}", one_line(&state.newest));
                words.extend(loss.map(|loss| format!(", loss {loss:.4}")));
                words.extend(validation.map(|loss| format!(", held out {loss:.4}")));
                if state.runs.len() > 1 {
                    words.push_str(&format!("; {} runs", state.runs.len()));
                }
                (done(total.is_some_and(|total| *step >= total)), words)
            }
        },
        Scope::Eval => {
            let newest = state.evals.iter().rev().take(3).rev();
            let words: Vec<String> =
                newest.map(|(name, score)| format!("{} {:.1}%", one_line(name), 100.0 * score.value)).collect();
            let words = if words.is_empty() { "no model was scored yet".into() } else { words.join(", ") };
            (done(!state.evals.is_empty()), words)
        }
        _ => match &state.pass {
            None => (Stand::ToCome, "all of it by a recipe, one step after another".into()),
            Some(Passed { recipe, done: steps_done, steps, whole, .. }) => {
                (done(*whole), format!("{}: {steps_done} of {steps} steps", one_line(recipe)))
            }
        },
    }
}

/// What the rules say, what the person says, and what comes of both; the last only where nothing is to be judged any more.
fn reviewed(state: &OverviewState) -> String {
    let (learnt, counts) = (&state.learnt, &state.counts);
    let decided = counts.accepted + counts.rejected > 0;
    let mut words = match (learnt.samples, learnt.waiting) {
        (0, _) => return "nothing to judge yet".into(),
        (all, waiting) if all == waiting => format!("{all} samples are not judged yet"),
        (all, waiting) => {
            // A line has room for one of the two.
            let of = if decided { String::new() } else { format!(" of {all}") };
            let waits = if waiting > 0 { format!(", {waiting} not judged yet") } else { String::new() };
            format!("rules accept {}{of}{waits}", learnt.by_rules)
        }
    };
    if decided {
        words.push_str(&format!("; you accept {}, reject {}", counts.accepted, counts.rejected));
    }
    if learnt.waiting == 0 {
        words.push_str(&format!("; to train on {}", learnt.to_train_on));
    }
    words
}
