//! What the pane knows.

use ratatui::layout::Rect;

use super::conversation::{Conversation, Exchange};
use super::layout::Layout;
use super::picker::{Picker, short};
use super::settings::{Settings, SettingsForm};
use crate::pipeline::chat::{Known, Posed, Ready};
use crate::tui::boards::Boards;
use crate::tui::widgets::notice::Notice;
use crate::tui::widgets::{Editor, Transcript};

/// Bytes of a prompt up to which a paste fills it.
pub(super) const PROMPT_LIMIT: usize = 256 * 1024;

/// What takes the keys.
#[derive(Debug, Clone, Default)]
pub(super) enum Mode {
    #[default]
    Browse,
    /// The prompt is written.
    Writing,
    Pick(Picker),
    Settings(SettingsForm),
}

/// A prompt that was not sent.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub editor: Editor,
    /// The problem that it asks about.
    pub problem: Option<Box<Posed>>,
}

impl Draft {
    pub fn new(text: &str, problem: Option<Box<Posed>>) -> Self {
        let mut editor = Editor::new(text, PROMPT_LIMIT);
        editor.to_end();
        Self { editor, problem }
    }

    pub fn is_empty(&self) -> bool {
        self.editor.text().trim().is_empty()
    }

    /// Whether it is more than a problem as it was posed, which is soon there again.
    pub fn is_own(&self) -> bool {
        !self.is_empty() && self.problem.as_ref().is_none_or(|problem| problem.text != self.editor.text())
    }
}

impl Default for Draft {
    fn default() -> Self {
        Self::new("", None)
    }
}

#[derive(Debug, Clone, Default)]
pub struct ChatState {
    /// Models that are talked with: none yet, one or two.
    pub(super) models: Vec<String>,
    /// What the session knows to talk with, once it was read.
    pub(super) known: Vec<Known>,
    /// Models in memory, and the one that is being loaded.
    pub(super) ready: Vec<Ready>,
    pub(super) loading: Option<String>,
    pub(super) settings: Settings,
    pub(super) conversation: Conversation,
    /// The one before it, with the models that it was held with.
    pub(super) before: Option<(Vec<String>, Conversation)>,
    pub(super) draft: Draft,
    /// The question that is being answered.
    pub(super) asked: Option<u64>,
    pub(super) last_question: u64,
    /// Models that another pane proposed are to be loaded when the pane comes to the front.
    pub(super) offered: bool,
    pub(super) transcripts: [Transcript; 2],
    /// The side in focus.
    pub(super) focus: usize,
    pub(super) mode: Mode,
    pub(super) notice: Option<Notice>,
    /// Of jobs, here or in another process.
    pub(super) boards: Boards,
    pub(super) ascii: bool,
    pub(super) size: (u16, u16),
}

impl ChatState {
    /// Tells whether the screen has ASCII alone.
    pub fn set_ascii(&mut self, ascii: bool) {
        if self.ascii != ascii {
            self.ascii = ascii;
            self.lay_out();
            self.rewrite();
        }
    }

    /// Whether keys are text.
    pub fn capturing(&self) -> bool {
        !matches!(self.mode, Mode::Browse)
    }

    pub(super) fn two(&self) -> bool {
        self.models.len() > 1
    }

    pub(super) fn layout(&self, area: Rect) -> Layout {
        let writing = matches!(self.mode, Mode::Writing) || !self.draft.is_empty();
        Layout::of(area, self.two(), writing)
    }

    /// Gives the transcripts the room that they have now.
    pub(super) fn lay_out(&mut self) {
        let layout = self.layout(Rect::new(0, 0, self.size.0, self.size.1));
        for (transcript, side) in self.transcripts.iter_mut().zip(layout.sides) {
            transcript.resize(side.transcript.width, side.transcript.height);
        }
        let rows = usize::from(super::layout::picker_rows(self.size.1));
        if let Mode::Pick(picker) = &mut self.mode {
            picker.window.set_height(rows, picker.rows.len());
        }
    }

    /// Writes the conversation anew into the transcripts.
    pub(super) fn rewrite(&mut self) {
        for (side, transcript) in self.transcripts.iter_mut().enumerate() {
            transcript.clear();
            let Some(model) = self.models.get(side) else { continue };
            for piece in self.conversation.pieces(side, &short(model), self.ascii) {
                transcript.push(piece);
            }
        }
    }

    /// The exchange whose answers are being written.
    pub(super) fn answered(&mut self, question: u64) -> Option<&mut Exchange> {
        self.conversation.exchanges.last_mut().filter(|_| self.asked == Some(question))
    }

    pub(super) fn is_ready(&self, model: &str) -> Option<&Ready> {
        self.ready.iter().find(|ready| ready.model == model)
    }

    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice::Said(text.into()));
    }

    pub(super) fn refuse(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice::Refused(text.into()));
    }
}
