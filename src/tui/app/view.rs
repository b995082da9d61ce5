//! The whole screen: a line of the session, the tabs, the pane, a line of hints, and what lies over them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::keymap::{print_keys, spec_of};
use super::super::panes::{chat, difficulty, eval, generate, overview, review, run, start, train, watch};
use super::super::theme::Look;
use super::super::view::ViewContext;
use super::super::widgets::frame::frame;
use super::super::widgets::paint::{
    blank, cells, column, compact, duration, fit, fit_tail, one_line, part, put, put_spans, rule,
};
use super::super::widgets::plot::Dots;
use super::help::Line;
use super::layout::{DASHBOARD, whole};
use super::{App, Overlay, Pane, SMALLEST};
use crate::records::{LiveBoard, LiveState, TRAINING, UnixMillis};

/// Lines that the help shows at once.
pub(super) fn help_height(height: u16) -> u16 {
    height.saturating_sub(6)
}

/// Rows that a finder shows at once.
pub(super) fn finder_height(height: u16) -> u16 {
    height.saturating_sub(8)
}

/// Draws the screen.
pub fn view(app: &App, now: UnixMillis, area: Rect, buffer: &mut Buffer) {
    blank(buffer, area);
    let focused = matches!(app.overlay, Overlay::None);
    let context = ViewContext { theme: &app.theme, focused, now, ascii: app.dots == Dots::Signs, dots: app.dots };
    if app.too_small() {
        too_small(app, &context, area, buffer);
    } else {
        panes(app, &context, area, buffer);
    }
    app.theme.paint_ground(buffer);
}

fn panes(app: &App, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    session_line(app, context, part(area, 0, 0, area.width, 1), buffer);
    tabs(app, context, part(area, 0, 1, area.width, 1), buffer);
    if app.shows_dashboard() {
        column(buffer, app.middle(), context.theme.style(Look::Border), context.ascii);
        for pane in DASHBOARD {
            let front = pane == app.pane;
            let room = app.room_of(pane);
            title(app, pane, context, Rect { y: room.y - 1, height: 1, ..room }, buffer);
            one(app, pane, &ViewContext { focused: front && context.focused, ..*context }, room, buffer);
        }
    } else {
        one(app, app.pane, context, app.room_of(app.pane), buffer);
    }
    foot(app, context, part(area, 0, area.height - 1, area.width, 1), buffer);
    if !app.pending.is_empty() {
        which_key(app, context, whole(area.width, area.height), buffer);
    }
    match &app.overlay {
        Overlay::None => {}
        Overlay::Help(help) => {
            let lines = help.lines(&app.keymap, app.pane.scope());
            help_box(&lines, help, context, area, buffer);
        }
        Overlay::Find(find) => find.view(context, area, buffer),
        Overlay::ConfirmQuit => {
            let said = confirm(app);
            let inside = frame(60, said.len() as u16, "leave?", context, area, buffer);
            for (row, line) in said.iter().enumerate().take(usize::from(inside.height)) {
                put(buffer, inside.x, inside.y + row as u16, inside.width, line, context.theme.style(Look::Text));
            }
        }
    }
}

/// The line over a pane beside others.
fn title(app: &App, pane: Pane, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let front = pane == app.pane;
    let line = style(if front { Look::BorderFocus } else { Look::Border });
    let key = app.keymap.key_of(&format!("app.{}", pane.scope().name())).unwrap_or_default();
    let name = pane.scope().title();
    let name = if front { format!("[{key} {name}]") } else { format!("{key} {name}") };
    rule(buffer, area, &name, line, style(if front { Look::Title } else { Look::Dim }), context.ascii);
}

fn one(app: &App, pane: Pane, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    match pane {
        Pane::Start => start::view(&app.start, context, area, buffer),
        Pane::Overview => overview::view(&app.overview, context, area, buffer),
        Pane::Generate => generate::view(&app.generate, context, area, buffer),
        Pane::Review => review::view(&app.review, context, area, buffer),
        Pane::Train => train::view(&app.train, context, area, buffer),
        Pane::Difficulty => difficulty::view(&app.difficulty, context, area, buffer),
        Pane::Eval => eval::view(&app.eval, context, area, buffer),
        Pane::Run => run::view(&app.run, context, area, buffer),
        Pane::Chat => chat::view(&app.chat, context, area, buffer),
        Pane::Watch => watch::view(&app.watch, context, area, buffer),
    }
}

/// What leaving costs, and the keys.
fn confirm(app: &App) -> Vec<&'static str> {
    let mut said = app.doubts();
    said.extend(["", "y leave   any other key stay"]);
    said
}

/// Said while what runs is given time to end.
fn leaving(app: &App) -> String {
    let key = app.keymap.key_of("app.quit").unwrap_or_default();
    let trains = app.own_at_work().any(|board| board.job == TRAINING);
    let samples = app.own_at_work().any(|board| board.job != TRAINING);
    let kept = match (trains, samples) {
        (true, true) => "the step is finished and saved, finished samples are kept",
        (true, false) => "the step is finished and saved",
        _ => "finished samples are kept",
    };
    format!("stopping ... {kept}; {key} again leaves at once")
}

fn too_small(app: &App, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let (columns, rows) = SMALLEST;
    let said = match app.overlay {
        Overlay::ConfirmQuit => format!("Leave? {}", confirm(app).join(" ")),
        _ if app.waits_to_leave() => leaving(app),
        _ => format!(
            "{}x{} is too small: cribble needs {columns}x{rows}. Make the window larger, or {} to leave.",
            app.width,
            app.height,
            app.keymap.key_of("app.quit").unwrap_or_default()
        ),
    };
    let mut line = String::new();
    let mut lines = Vec::new();
    for word in said.split(' ') {
        if !line.is_empty() && cells(&line) + 1 + cells(word) > usize::from(area.width) {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    for (y, line) in (area.top()..area.bottom()).zip(&lines) {
        put(buffer, area.x, y, area.width, line, context.theme.style(Look::Warn));
    }
}

fn session_line(app: &App, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let right = job_words(app);
    let room = usize::from(area.width).saturating_sub(cells(&right.0) + 1);
    let mut spans = Vec::new();
    match &app.session {
        None => spans.push((" cribble".to_owned(), style(Look::Title))),
        Some(session) => {
            let name = session.dir.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            let name = one_line(&name);
            spans.push((format!(" {}", fit_tail(&name, 28, context.ascii)), style(Look::Title)));
            let counts = &session.counts;
            let text = format!("  {} problems  {} samples", counts.problems, counts.samples);
            spans.push((text, style(Look::Text)));
            let (accept, reject) = (counts.accepted, counts.rejected);
            let taken: usize = spans.iter().map(|(text, _)| cells(text)).sum();
            let words = format!("  you accept {accept}, reject {reject}");
            // A number that is cut would be read as another one.
            let decided = if taken + cells(&words) <= room { words } else { format!("  you +{accept} -{reject}") };
            spans.push((decided, style(Look::Dim)));
            if session.read_only.is_some() {
                spans.push(("  viewing only".into(), style(Look::Warn)));
            }
        }
    }
    put_spans(buffer, part(area, 0, 0, room as u16, 1), &spans, context.ascii);
    let begin = area.right().saturating_sub(cells(&right.0) as u16 + 1);
    put(buffer, begin, area.y, area.width, &right.0, style(right.1));
}

/// What is at work, and how many wait for it.
fn job_words(app: &App) -> (String, Look) {
    let (words, look) = at_work(app);
    match (app.line.len(), words.is_empty()) {
        (0, _) => (words, look),
        (waiting, true) => (format!("{waiting} held in line"), Look::Warn),
        (waiting, false) => (format!("{words}  +{waiting} in line"), look),
    }
}

fn at_work(app: &App) -> (String, Look) {
    let boards: Vec<&LiveBoard> = app.boards.at_work().collect();
    match boards[..] {
        [] => (String::new(), Look::Dim),
        [board] => progress(board),
        // Of two each says its name and how far it is.
        _ => {
            let far = |board: &&LiveBoard| {
                let totals = &board.totals;
                let done = compact(totals.existing + totals.finished);
                match board.state {
                    LiveState::Starting => format!("{} starts", board.job),
                    LiveState::Waiting => format!("{} waits for you", board.job),
                    LiveState::Paused => format!("{} paused at {done}", board.job),
                    LiveState::Stopping => format!("{} stopping", board.job),
                    _ => format!("{} {done}/{}", board.job, compact(totals.samples_wanted)),
                }
            };
            let busy = boards.iter().any(|board| board.state.is_busy());
            (boards.iter().map(far).collect::<Vec<_>>().join("  "), if busy { Look::Info } else { Look::Warn })
        }
    }
}

fn progress(board: &LiveBoard) -> (String, Look) {
    let totals = &board.totals;
    let step = board.pass.as_ref().map_or(String::new(), |pass| format!("step {} of {}  ", pass.at, pass.of));
    let done = match totals.samples_wanted {
        // A step that counts nothing.
        0 if board.pass.is_some() && board.state == LiveState::Running => {
            return (step.trim_end().to_owned(), Look::Info);
        }
        wanted => format!("{step}{}/{wanted}", totals.existing + totals.finished),
    };
    match board.state {
        LiveState::Starting => ("starting".into(), Look::Info),
        LiveState::Paused => (format!("paused {done}"), Look::Warn),
        LiveState::Waiting => ("waits for you".into(), Look::Warn),
        LiveState::Stopping => (format!("stopping {done}"), Look::Warn),
        LiveState::Running | LiveState::Done | LiveState::Failed => {
            let eta = totals.eta_seconds.map_or(String::new(), |eta| format!("  {}", duration(eta)));
            let rate = compact(totals.tokens_per_second.round() as usize);
            (format!("{done}  {rate} tok/s{eta}"), Look::Info)
        }
    }
}

fn tabs(app: &App, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    rule(buffer, area, "", style(Look::Border), style(Look::Text), context.ascii);
    let panes = app.tabs();
    let key_of = |pane: &Pane| app.keymap.key_of(&format!("app.{}", pane.scope().name())).unwrap_or_default();
    let keys: Vec<String> = panes.iter().map(key_of).collect();
    let wide = |(pane, key): (&Pane, &String)| cells(key) + 1 + cells(pane.scope().title()) + 2;
    let all: usize = panes.iter().zip(&keys).map(wide).sum();
    // Where not all titles fit, the pane in front keeps its own: the keys of the others still show that they are there.
    let titled = all <= usize::from(area.width);
    let mut at = area.x + u16::from(all < usize::from(area.width));
    for (pane, key) in panes.into_iter().zip(&keys) {
        let chosen = pane == app.pane;
        let (left, right) = if chosen { ("[", "]") } else { (" ", " ") };
        let title = style(if chosen { Look::Title } else { Look::Dim });
        at = put(buffer, at, area.y, area.width, left, title);
        at = put(buffer, at, area.y, area.width, key, style(Look::Key));
        if chosen || titled {
            at = put(buffer, at, area.y, area.width, &format!(" {}", pane.scope().title()), title);
        }
        at = put(buffer, at, area.y, area.width, right, title);
    }
    if let Some(load) = &app.machine {
        let room = usize::from(area.right().saturating_sub(at));
        let line = format!(" {} ", load.line(room.saturating_sub(4)));
        let begin = area.right().saturating_sub(cells(&line) as u16 + 1);
        let look = match app.watches_machine() {
            _ if load.short_of_disk() => Look::Warn,
            true => Look::Text,
            // It is as it was when the last job ended.
            false => Look::Dim,
        };
        if begin > at && line.len() > 2 {
            put(buffer, begin, area.y, area.width, &line, style(look));
        }
    }
}

/// What was said last, for a while; else the keys that fit here.
fn foot(app: &App, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    if app.waits_to_leave() {
        put(buffer, area.x + 1, area.y, area.width, &leaving(app), style(Look::Warn));
        return;
    }
    if let Some(notice) = app.notices.shown(context.now) {
        let look = if notice.error { Look::Bad } else { Look::Info };
        let mark = if notice.error { "! " } else { "" };
        let line = format!(" {mark}{}", one_line(&notice.text));
        put(buffer, area.x, area.y, area.width, &fit(&line, usize::from(area.width), context.ascii), style(look));
        return;
    }
    if !app.pending.is_empty() {
        let line = format!(" {} ...", print_keys(&app.pending));
        put(buffer, area.x, area.y, area.width, &line, style(Look::Key));
        return;
    }
    let mut hints = match app.pane {
        Pane::Start => start::hints(&app.start),
        Pane::Overview => overview::hints(&app.overview),
        Pane::Generate => generate::hints(&app.generate),
        Pane::Review => review::hints(&app.review),
        Pane::Train => train::hints(&app.train),
        Pane::Difficulty => difficulty::hints(&app.difficulty),
        Pane::Eval => eval::hints(&app.eval),
        Pane::Run => run::hints(&app.run),
        Pane::Chat => chat::hints(&app.chat),
        Pane::Watch => watch::hints(&app.watch),
    };
    if app.capturing() {
        hints.clear();
    }
    let keep = [("app.palette", "commands"), ("app.help", "help"), ("app.quit", "quit")];
    let tail: String = if app.capturing() {
        "esc leaves the field ".into()
    } else {
        keep.iter().filter_map(|(name, hint)| Some(format!("{} {hint}  ", app.keymap.key_of(name)?))).collect()
    };
    let room = area.right().saturating_sub(cells(&tail) as u16);
    let mut at = area.x + 1;
    for name in hints {
        let (Some(key), Some(spec)) = (app.keymap.key_of(name), spec_of(name)) else { continue };
        let wide = (cells(&key) + cells(spec.hint) + 3) as u16;
        if at + wide > room {
            break;
        }
        at = put(buffer, at, area.y, wide, &key, style(Look::Key));
        at = put(buffer, at, area.y, wide, &format!(" {}  ", spec.hint), style(Look::Dim));
    }
    put(buffer, room, area.y, area.width, &tail, style(Look::Dim));
}

fn help_box(lines: &[Line], help: &super::help::Help, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let inside =
        frame(area.width.saturating_sub(4).min(90), help_height(area.height) + 1, "keys", context, area, buffer);
    let at = put(buffer, inside.x, inside.y, inside.width, "filter ", style(Look::Dim));
    let field = part(inside, at - inside.x, 0, inside.width.saturating_sub(at - inside.x + 24), 1);
    help.filter.view(true, context, field, buffer);
    let last = (help.top + usize::from(inside.height) - 1).min(lines.len());
    let place = format!("{}-{last} of {}  esc leaves", help.top + 1, lines.len());
    put(buffer, inside.right().saturating_sub(cells(&place) as u16), inside.y, 30, &place, style(Look::Dim));
    for (row, line) in lines[help.top.min(lines.len())..last].iter().enumerate() {
        let y = inside.y + 1 + row as u16;
        match line {
            Line::Head(title) => {
                put(buffer, inside.x, y, inside.width, title, style(Look::Title));
            }
            Line::Entry { keys, desc } => {
                put(buffer, inside.x + 1, y, 17, &fit(keys, 16, context.ascii), style(Look::Key));
                let desc = fit(desc, usize::from(inside.width.saturating_sub(18)), context.ascii);
                put(buffer, inside.x + 18, y, inside.width, &desc, style(Look::Text));
            }
        }
    }
}

/// The keys that may follow those of a sequence that is not whole yet, in the lines over the foot.
fn which_key(app: &App, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let next = app.keymap.after(app.pane.scope(), &app.pending);
    let wide = |(key, hint): &(String, &str)| cells(key) + 1 + cells(hint);
    let column = next.iter().map(wide).max().unwrap_or(1) + 3;
    let columns = (usize::from(area.width.saturating_sub(1)) / column).max(1);
    let rows = next.len().div_ceil(columns).min(usize::from(area.height));
    let lines = part(area, 0, area.height - rows as u16, area.width, rows as u16);
    blank(buffer, lines);
    for (at, (key, hint)) in next.iter().enumerate().take(rows * columns) {
        let (x, y) = (lines.x + 1 + (at % columns * column) as u16, lines.y + (at / columns) as u16);
        let x = put(buffer, x, y, column as u16, key, style(Look::Key));
        put(buffer, x, y, column as u16, &format!(" {hint}"), style(Look::Text));
    }
}
