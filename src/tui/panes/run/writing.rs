//! The newest text of one of the dialogues that are being written.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::records::{LiveBoard, LiveSample, LiveTurn};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{compact, fit_tail, one_line, part, put, put_spans};
use crate::tui::widgets::{Piece, Transcript};

/// The dialogue in focus: one stays until it has ended, so that it can be read, unless it comes whole and another one is told as it
/// is written.
#[derive(Debug, Clone)]
pub(super) struct Writing {
    focus: Option<LiveSample>,
    /// Dialogues in work.
    running: usize,
    /// Its last turn as it came, as far as it is in the text.
    shown: String,
    pub text: Transcript,
}

impl Default for Writing {
    fn default() -> Self {
        Self { focus: None, running: 0, shown: String::new(), text: Transcript::following() }
    }
}

impl Writing {
    pub fn take(&mut self, board: &LiveBoard) {
        self.running = board.running.len();
        let key = self.focus.as_ref().map(|focus| focus.key);
        let stays = board.running.iter().chain(&board.ended).find(|sample| Some(sample.key) == key);
        let is = |sample: &LiveSample, what: fn(&LiveTurn) -> bool| sample.turns.last().is_some_and(what);
        let growing = board.running.iter().rev().find(|sample| is(sample, LiveTurn::is_growing));
        // This process tells all of them.
        let is_told = |sample: &&LiveSample| board.servers.is_empty() || is(sample, |turn| turn.tokens > 0);
        // The newest one has the most to come.
        let Some(sample) = stays.filter(is_told).or(growing).or(stays).or(board.running.last()) else {
            self.forget();
            return;
        };
        let turns = |sample: &LiveSample| sample.turns.len();
        let same = self.focus.as_ref().is_some_and(|focus| focus.key == sample.key && turns(focus) == turns(sample));
        let text = sample.turns.last().map_or("", |turn| turn.text.as_str());
        match text.strip_prefix(self.shown.as_str()).filter(|_| same && !self.text.is_empty()) {
            Some("") => {}
            Some(more) => self.text.append(0, more),
            None => {
                self.text.clear();
                self.text.push(Piece { text: text.to_owned(), ..Piece::default() });
                self.text.to_end(true);
            }
        }
        text.clone_into(&mut self.shown);
        self.focus = Some(sample.clone());
    }

    /// Nothing is written.
    pub fn forget(&mut self) {
        (self.focus, self.running) = (None, 0);
        self.shown.clear();
        self.text.clear();
    }

    pub fn is_idle(&self) -> bool {
        self.focus.is_none()
    }

    /// Rows above the text.
    const HEAD: u16 = 1;

    pub fn resize(&mut self, area: Rect) {
        self.text.resize(area.width, area.height.saturating_sub(Self::HEAD));
    }

    pub fn view(&self, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
        let style = |look| context.theme.style(look);
        let Some(focus) = &self.focus else {
            put(buffer, area.x + 1, area.y, area.width, "Nothing is being written.", style(Look::Dim));
            return;
        };
        let turn = focus.turns.last();
        let id = one_line(&focus.problem_id);
        let label = turn.map_or("waiting", |turn| turn.label.as_str());
        let head = [
            (format!("{} #{}", fit_tail(&id, 26, context.ascii), focus.draw), style(Look::Title)),
            (format!("  turn {}/{} {label}", focus.turns.len(), focus.turns_wanted.max(1)), style(Look::TurnHead)),
            (format!("  {} tok  {:.0}/s", compact(focus.tokens), focus.tokens_per_second.max(0.0)), style(Look::Text)),
            (format!("  of {} in work", self.running), style(Look::Dim)),
        ];
        put_spans(buffer, part(area, 0, 0, area.width, 1), &head, context.ascii);
        let below = part(area, 0, Self::HEAD, area.width, area.height.saturating_sub(Self::HEAD));
        self.text.view(context, below, buffer);
    }
}
