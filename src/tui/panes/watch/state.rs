//! What the pane knows: the runs that are followed, and what of them is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ratatui::layout::Rect;

use super::layout::{Layout, has_room_for_many};
use super::run::{Chart, Run};
use crate::records::UnixMillis;
use crate::tui::theme::Look;
use crate::tui::widgets::notice::Notice;
use crate::tui::widgets::plot::{Dots, Hand};
use crate::tui::widgets::{Input, ListWindow, Piece, Transcript};
use crate::watch::{News, Quantity};

/// Seconds after which a run that says nothing is not taken to be at work.
const QUIET: f64 = 600.0;

/// What of a run is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tab {
    #[default]
    Curves,
    Settings,
    Notes,
}

impl Tab {
    pub const ALL: [Tab; 3] = [Tab::Curves, Tab::Settings, Tab::Notes];
}

#[derive(Debug, Clone, Default)]
pub struct WatchState {
    pub(super) roots: Vec<PathBuf>,
    /// The first look has come.
    pub(super) looked: bool,
    pub(super) runs: Vec<Run>,
    pub(super) window: ListWindow,
    /// Names of the runs that are laid over the selected one.
    pub(super) overlaid: BTreeSet<String>,
    /// What is plotted; the first that there is where this one is not there.
    pub(super) chart: Option<Chart>,
    pub(super) tab: Tab,
    /// Many plots, or one; `None` is as the room allows.
    pub(super) many: Option<bool>,
    pub(super) hours: bool,
    /// Only settings in which runs differ.
    pub(super) differences: bool,
    pub(super) hand: Hand,
    /// A directory is asked for.
    pub(super) ask: Option<Input>,
    pub(super) notice: Option<Notice>,
    /// Runs that were at work when time was looked at last.
    pub(super) working: usize,
    /// Settings or notes.
    pub(super) text: Transcript,
    pub(super) size: (u16, u16),
}

impl WatchState {
    /// Tells what plots are drawn with.
    pub fn set_dots(&mut self, dots: Dots) {
        self.hand.set_usual(dots);
    }

    /// Whether a field takes the keys as they are.
    pub fn capturing(&self) -> bool {
        self.ask.is_some()
    }

    /// Whether anything is followed.
    pub fn watches(&self) -> bool {
        !self.roots.is_empty()
    }

    /// When a run that is at work will be taken to be quiet.
    pub fn quiet_changes(&self, now: UnixMillis) -> Option<UnixMillis> {
        let at_work = self.runs.iter().filter(|run| Self::at_work(run, now as f64 / 1e3));
        at_work.filter_map(|run| run.last).map(|last| (((last + QUIET) * 1e3) as UnixMillis).saturating_add(1)).min()
    }

    /// Whether a run has come to be taken to be quiet.
    pub fn went_quiet(&mut self, now: UnixMillis) -> bool {
        let at_work = self.runs.iter().filter(|run| Self::at_work(run, now as f64 / 1e3)).count();
        std::mem::replace(&mut self.working, at_work) > at_work
    }

    pub(super) fn selected(&self) -> Option<&Run> {
        self.runs.get(self.window.selected)
    }

    /// The selected run and, before it, what is laid over it.
    pub(super) fn shown(&self) -> Vec<&Run> {
        let selected = self.selected();
        let over = self.runs.iter().filter(|run| {
            self.overlaid.contains(&run.name) && selected.is_none_or(|selected| selected.name != run.name)
        });
        over.chain(selected).collect()
    }

    /// What the shown runs have, what all writers mean first.
    pub(super) fn charts(&self) -> Vec<&Chart> {
        let mut charts: Vec<&Chart> = self.shown().into_iter().flat_map(Run::charts).collect();
        charts.sort();
        charts.dedup();
        charts
    }

    /// What is plotted.
    pub(super) fn chart<'a>(&'a self, charts: &[&'a Chart]) -> Option<&'a Chart> {
        let chosen = self.chart.as_ref().and_then(|chosen| charts.iter().find(|chart| **chart == chosen));
        let loss = Chart::Known(Quantity::Loss);
        chosen.or_else(|| charts.iter().find(|chart| ***chart == loss)).or(charts.first()).copied()
    }

    /// Whether many plots are shown, where there are so many.
    pub(super) fn shows_many(&self, charts: usize) -> bool {
        self.many.unwrap_or_else(|| has_room_for_many(self.layout().body) && charts > 1)
    }

    pub(super) fn layout(&self) -> Layout {
        Layout::of(Rect::new(0, 0, self.size.0, self.size.1), self.runs.len())
    }

    /// Whether a run was written to not long ago.
    pub(super) fn at_work(run: &Run, now: f64) -> bool {
        run.finished.is_none() && run.last.is_some_and(|last| now - last < QUIET)
    }

    /// Brings the text up to what is selected.
    pub(super) fn show(&mut self) {
        let pieces = match self.tab {
            Tab::Curves => Vec::new(),
            Tab::Settings => self.settings(),
            Tab::Notes => {
                let notes = self.selected().map_or(&[][..], |run| &run.notes);
                notes.iter().map(|note| Piece { text: note.clone(), ..Piece::default() }).collect()
            }
        };
        let top = self.text.top();
        self.text.clear();
        for piece in pieces {
            self.text.push(piece);
        }
        self.text.scroll(top as isize, false);
        self.lay_out();
    }

    /// The settings of the shown runs, a line each, or several where the runs differ.
    fn settings(&self) -> Vec<Piece> {
        let shown = self.shown();
        let mut by_name: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for run in &shown {
            for (name, value) in &run.settings {
                by_name.entry(name).or_default().push((&run.name, value));
            }
        }
        let mut pieces = Vec::new();
        for (name, values) in by_name {
            let differ = values.len() < shown.len() || values.iter().any(|(_, value)| *value != values[0].1);
            if shown.len() == 1 || !differ {
                if !self.differences {
                    pieces.push(Piece { text: format!("{name}: {}", values[0].1), ..Piece::default() });
                }
                continue;
            }
            let mut text = format!("{name}:");
            for run in &shown {
                let value = values.iter().find(|(of, _)| *of == run.name).map_or("-", |(_, value)| value);
                text.push_str(&format!("\n  {}: {value}", run.name));
            }
            pieces.push(Piece { text, look: Some(Look::Warn), ..Piece::default() });
        }
        pieces
    }

    /// Gives list and text their sizes.
    pub(super) fn lay_out(&mut self) {
        let layout = self.layout();
        self.window.set_height(usize::from(layout.list.height), self.runs.len());
        self.text.resize(layout.body.width, layout.body.height);
    }

    pub(super) fn take_news(&mut self, news: &News) {
        let found = self.runs.iter().position(|run| run.name == news.run);
        if news.gone {
            if let Some(at) = found {
                self.runs.remove(at);
                let back = usize::from(at < self.window.selected);
                self.window.select(self.window.selected - back, self.runs.len());
            }
            return;
        }
        let weight = self.hand.weight();
        let at = found.unwrap_or_else(|| {
            let at = self.runs.partition_point(|run| run.name < news.run);
            self.runs.insert(at, Run::new(news, weight));
            // What was selected stays, while runs come in before it.
            let selected = self.window.selected + usize::from(self.runs.len() > 1 && at <= self.window.selected);
            self.window.select(selected, self.runs.len());
            at
        });
        if news.afresh && found.is_some() {
            self.runs[at] = Run::new(news, weight);
        }
        self.runs[at].take(news);
    }
}
