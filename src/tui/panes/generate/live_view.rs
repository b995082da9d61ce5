//! Draws the board of a running job, or of the last one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::layout::Layout;
use super::state::GenerateState;
use crate::jobs::Steer;
use crate::pipeline::budget::money;
use crate::records::{LiveBoard, LiveSample, LiveServer, LiveState, ServerState, Spent};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::meter::meter;
use crate::tui::widgets::paint::{
    column, compact, duration, fit, fit_tail, one_line, part, put, put_clean, put_spans, rule, signs, tint,
};
use crate::tui::widgets::rate::rate;

pub fn view(state: &GenerateState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let layout = Layout::of(area, state.live.board.as_ref().map_or(0, |board| board.servers.len()));
    match &state.live.board {
        Some(board) => {
            job(state, board, context, layout.state, buffer);
            counts(board, context, layout.counts, buffer);
            speed(board, context, layout.speed, buffer);
            let totals = &board.totals;
            meter(totals.existing, totals.finished, totals.samples_wanted, context, layout.meter, buffer);
            servers(&board.servers, context, layout.servers, buffer);
        }
        None => {
            let text = if state.starting { "Starting..." } else { "No job yet." };
            put(buffer, layout.state.x, layout.state.y, layout.state.width, text, context.theme.style(Look::Title));
        }
    }
    let border = context.theme.style(if context.focused { Look::BorderFocus } else { Look::Border });
    column(buffer, layout.column, border, context.ascii);
    if state.live.outcome.is_empty() {
        rows(state, context, layout.rows, buffer);
    } else {
        state.live.outcome.view(context, layout.rows, buffer);
    }
    title(state, context, layout.title, buffer);
    state.live.stream.view(context, layout.stream, buffer);
    foot(state, context, layout.notice, buffer);
}

fn job(state: &GenerateState, board: &LiveBoard, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let (word, look) = match board.state {
        LiveState::Starting => ("Starting", Look::Info),
        LiveState::Running => ("Running", Look::Good),
        LiveState::Paused => ("Paused", Look::Warn),
        LiveState::Waiting => ("Waiting", Look::Warn),
        LiveState::Stopping => ("Stopping", Look::Warn),
        LiveState::Done => ("Done", Look::Good),
        LiveState::Failed => ("Failed", Look::Bad),
    };
    let mut spans = vec![(word.to_owned(), style(look))];
    match state.asked {
        Some(Steer::Pause) => spans.push((" (pausing)".into(), style(Look::Warn))),
        Some(Steer::Resume) => spans.push((" (resuming)".into(), style(Look::Warn))),
        Some(Steer::Stop | Steer::StopNow) => spans.push((" (stopping)".into(), style(Look::Warn))),
        Some(Steer::Look(_)) | None => {}
    }
    if let Some(silent) = state.live.silence(context.now) {
        spans.push((format!(" (no news for {})", duration(silent as f64 / 1e3)), style(Look::Bad)));
    }
    if !board.message.is_empty() {
        spans.push((format!("  {}", board.message), style(Look::Text)));
    }
    put_spans(buffer, area, &spans, context.ascii);
}

fn counts(board: &LiveBoard, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let totals = &board.totals;
    let dot = format!(" {} ", signs(context.ascii).dot);
    let done = totals.existing + totals.finished;
    let mut spans = vec![(format!("{}/{} samples", compact(done), compact(totals.samples_wanted)), style(Look::Title))];
    if totals.existing > 0 {
        spans.push((format!(" ({} were there)", compact(totals.existing)), style(Look::Dim)));
    }
    if totals.finished > 0 {
        spans.push((format!("{dot}{} right", rate(totals.correct, totals.finished)), style(Look::Text)));
    }
    let look = |count: usize, look| style(if count == 0 { Look::Dim } else { look });
    spans.push((format!("{dot}{} truncated", compact(totals.truncated)), look(totals.truncated, Look::Warn)));
    spans.push((format!("{dot}{} failed", compact(totals.failed)), look(totals.failed, Look::Bad)));
    put_spans(buffer, area, &spans, context.ascii);
}

fn speed(board: &LiveBoard, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let totals = &board.totals;
    let dot = format!(" {} ", signs(context.ascii).dot);
    let left = totals.eta_seconds.map_or("?".to_owned(), duration);
    let mut spans = vec![
        (format!("{:.1} tok/s", totals.tokens_per_second.max(0.0)), style(Look::Text)),
        (format!("{dot}{} tokens", compact(totals.tokens)), style(Look::Text)),
        (format!("{dot}{}", duration(totals.elapsed_seconds)), style(Look::Text)),
    ];
    if !board.state.is_over() {
        spans.push((format!("{dot}ETA {left}"), style(Look::Text)));
    }
    if !board.servers.is_empty() {
        let Spent { prompt_tokens, completion_tokens, .. } = totals.spent;
        let [into, out] = [prompt_tokens, completion_tokens].map(|tokens| compact(tokens as usize));
        let cost = totals.cost.map_or_else(String::new, |cost| format!(" {}", money(cost)));
        spans.push((format!("{dot}in {into} out {out}{cost}"), style(Look::Text)));
    }
    // The folder says little and takes much room.
    let name = std::path::Path::new(&board.model)
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let model = format!("{name} {}", board.compute);
    if !model.trim().is_empty() {
        spans.push((format!("{dot}{}", model.trim()), style(Look::Dim)));
    }
    put_spans(buffer, area, &spans, context.ascii);
}

/// A line for each server, those that are not well first: where there is not room for all, they are what a person has to know of.
fn servers(servers: &[LiveServer], context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let mut sorted: Vec<&LiveServer> = servers.iter().collect();
    sorted.sort_by_key(|server| match server.state {
        ServerState::Sick => 0,
        ServerState::Resting { .. } => 1,
        ServerState::Slow => 2,
        ServerState::Healthy => 3,
    });
    for (row, server) in sorted.into_iter().enumerate().take(usize::from(area.height)) {
        let (word, look) = match server.state {
            ServerState::Healthy => ("healthy".to_owned(), Look::Good),
            ServerState::Slow => ("slow".to_owned(), Look::Warn),
            ServerState::Resting { until } => {
                let left = until.saturating_sub(context.now).max(0) as f64 / 1e3;
                (format!("resting {}", duration(left)), Look::Warn)
            }
            ServerState::Sick => ("sick".to_owned(), Look::Bad),
        };
        let LiveServer { in_flight, allowed, done, failed, retried, tokens_per_second, .. } = server;
        let counts = format!(
            "  {in_flight}/{allowed} at once  {tokens_per_second:.0} tok/s  {} done  {} failed, {} tried again",
            compact(*done as usize),
            compact(*failed as usize),
            compact(*retried as usize)
        );
        // Where there is not room for all, why it is not well is what a person has to know.
        let (now, once) = match &server.last_error {
            Some(why) if server.state == ServerState::Healthy => (String::new(), format!(", last: {}", one_line(why))),
            Some(why) => (format!("  {}", one_line(why)), String::new()),
            None => (String::new(), String::new()),
        };
        let spans = [
            (format!("{word:<12} "), style(look)),
            (one_line(&server.url), style(Look::Text)),
            (now, style(look)),
            (counts + &once, style(Look::Dim)),
        ];
        put_spans(buffer, part(area, 0, row as u16, area.width, 1), &spans, context.ascii);
    }
}

fn rows(state: &GenerateState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let live = &state.live;
    if live.rows() == 0 {
        let text = match live.state() {
            None | Some(LiveState::Starting) => "nothing is written yet",
            Some(LiveState::Waiting) => "a person is waited for: the Run pane says what for",
            Some(LiveState::Running | LiveState::Paused | LiveState::Stopping) => "no sample is in work",
            Some(LiveState::Done | LiveState::Failed) => "",
        };
        put(buffer, area.x, area.y, area.width, text, context.theme.style(Look::Dim));
    }
    for (line, at) in live.window.rows(live.rows()).enumerate().take(usize::from(area.height)) {
        let Some((sample, finished)) = live.row(at) else { continue };
        let place = part(area, 0, line as u16, area.width, 1);
        row(sample, finished, context, part(place, 1, 0, area.width.saturating_sub(1), 1), buffer);
        if live.focus.as_ref().is_some_and(|focus| focus.sample.key == sample.key) {
            put_clean(buffer, place.x, place.y, 1, signs(context.ascii).cursor, context.theme.style(Look::Key));
            tint(buffer, place, context.theme.style(Look::Selection));
        }
    }
}

/// Problem, draw, turn, strategy, tokens, speed where there is room, state; the problem's id takes what is left.
fn row(sample: &LiveSample, finished: bool, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let turns = sample.turns.len();
    let last = sample.turns.last();
    let word = match last {
        _ if finished => "done",
        None => "waiting",
        Some(turn) if turn.finished && turns >= sample.turns_wanted => "done",
        Some(turn) if turn.is_growing() => "writing",
        Some(_) => "asked",
    };
    let label = one_line(last.map_or("", |turn| turn.label.as_str()));
    // Where there is little room the problem and the word at the end matter more than the speed.
    let speed = match area.width {
        0..60 => String::new(),
        _ => format!(" {:>6.1}/s", sample.tokens_per_second.max(0.0)),
    };
    let numbers = format!(
        "{turns}/{} {:<12} {:>6} tok{speed} {word:<7}",
        sample.turns_wanted.max(turns),
        fit(&label, 12, context.ascii),
        compact(sample.tokens),
    );
    let draw = format!(" #{:<3} ", sample.draw);
    let id_width = usize::from(area.width).saturating_sub(numbers.chars().count() + draw.len());
    let id = one_line(&sample.problem_id);
    let id = fit_tail(&id, id_width.min(24), context.ascii);
    let mut x = put_clean(buffer, area.x, area.y, area.width, &id, context.theme.style(Look::Text));
    x = put_clean(buffer, x, area.y, area.right().saturating_sub(x), &draw, context.theme.style(Look::Dim));
    x = x.max(area.x + id_width.min(24) as u16 + draw.len() as u16);
    put_clean(buffer, x, area.y, area.right().saturating_sub(x), &numbers, context.theme.style(Look::Text));
}

fn title(state: &GenerateState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let border = context.theme.style(if context.focused { Look::BorderFocus } else { Look::Border });
    let text = state.live.focus.as_ref().map_or(String::new(), |focus| {
        let mode = match (focus.finished, state.live.roaming) {
            (true, _) => ", finished",
            (false, true) => "",
            (false, false) => ", chosen",
        };
        let (_, last, of) = state.live.stream.position();
        format!("{} #{}{mode}  {last}/{of}", focus.sample.problem_id, focus.sample.draw)
    });
    rule(buffer, area, &text, border, context.theme.style(Look::Title), context.ascii);
}

/// The last line: what was refused, or that there is more below.
fn foot(state: &GenerateState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    match &state.notice {
        Some(notice) => notice.view(context, area, buffer),
        None if state.live.stream.unseen() > 0 => {
            let count = state.live.stream.unseen();
            let lines = if count == 1 { "line" } else { "lines" };
            let text = format!("{} {count} new {lines}", signs(context.ascii).down);
            put(buffer, area.x, area.y, area.width, &text, style(Look::Warn));
        }
        None if !state.live.stream.is_following() && state.live.active() => {
            put(buffer, area.x, area.y, area.width, "not following the end", style(Look::Dim));
        }
        None => {}
    }
}
