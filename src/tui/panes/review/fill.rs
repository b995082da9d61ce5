//! From the open samples to what the transcript and the panel beside it say.

use super::mode::{Open, Show};
use super::state::ReviewState;
use super::{content, diff, judged};
use crate::tui::widgets::{Piece, Transcript};

impl ReviewState {
    /// Fills the transcript and the panel beside it from the open sample.
    pub(super) fn fill(&mut self) {
        let top = self.transcript.top();
        self.transcript.clear();
        if let Some(open) = &self.open {
            let blind = self.selected_row().is_some_and(|row| self.hides(row));
            let shown = self.for_the_eye(pieces(open, self.show, true, blind, self.ascii));
            put(&mut self.transcript, shown);
            if self.transcript.query().is_empty() {
                // The same sample, told anew, is not torn away from who reads it.
                self.transcript.scroll(top as isize, false);
            } else {
                let query = self.transcript.query().to_owned();
                self.transcript.search(&query);
            }
        }
        self.fill_side();
    }

    pub(super) fn fill_side(&mut self) {
        let top = self.side.top();
        self.side.clear();
        if let Some(beside) = &self.beside {
            let blind = self.row(beside.id).is_some_and(|row| self.hides(row));
            let pieces =
                beside.open.as_ref().map_or(Vec::new(), |open| pieces(open, self.show, false, blind, self.ascii));
            let shown = self.for_the_eye(pieces);
            put(&mut self.side, shown);
        } else if let Some(row) = self.selected_row() {
            let blind = self.hides(row);
            let pieces = content::side(row, self.open.as_ref(), blind, self.ascii);
            let shown = self.for_the_eye(pieces);
            put(&mut self.side, shown);
        }
        self.side.scroll(top as isize, false);
    }
}

impl ReviewState {
    /// Formulas in what was written, as they are read. What a diff or a table of verdicts shows is the text itself.
    fn for_the_eye(&self, pieces: Vec<Piece>) -> Vec<Piece> {
        let as_written = self.written || self.ascii || !matches!(self.show, Show::Chain | Show::Dialogue);
        if as_written { pieces } else { pieces.into_iter().map(content::for_the_eye).collect() }
    }
}

/// What is shown of a sample; `problem` puts the problem before its chain.
fn pieces(open: &Open, show: Show, problem: bool, blind: bool, ascii: bool) -> Vec<Piece> {
    match show {
        Show::Chain => {
            let marks = open.judged.as_ref().filter(|_| !blind).map(|judged| judged::marks(judged, ascii));
            content::chain(&open.sample, open.problem.as_deref().filter(|_| problem), &marks.unwrap_or_default())
        }
        Show::Dialogue => content::dialogue(&open.sample),
        Show::Verdicts => judged::table(open.judged.as_deref(), blind, ascii),
        Show::Changes => diff::revision(&open.sample),
    }
}

fn put(transcript: &mut Transcript, pieces: Vec<Piece>) {
    for (index, piece) in pieces.into_iter().enumerate() {
        let apart = piece.apart && index > 0;
        transcript.push(Piece { apart, ..piece });
    }
}
