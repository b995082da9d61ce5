//! What is found by a few letters of it, in a box over the pane: commands, models for a form, problems of the session, what was said.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::view::ViewContext;
use super::super::widgets::Finder;
use super::log::Log;
use super::models::Models;
use super::palette::Palette;
use super::problems::Problems;

#[derive(Debug, Clone)]
pub enum Find {
    Command(Palette),
    /// A model for the form of the pane in front.
    Model(Models),
    Problem(Problems),
    /// What was said before.
    Said(Log),
}

impl Find {
    pub fn finder(&mut self) -> &mut Finder {
        match self {
            Self::Command(palette) => &mut palette.finder,
            Self::Model(models) => &mut models.finder,
            Self::Problem(problems) => &mut problems.finder,
            Self::Said(log) => &mut log.finder,
        }
    }

    pub fn view(&self, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
        match self {
            Self::Command(palette) => palette.finder.view("commands", |row| palette.row(row), context, area, buffer),
            Self::Model(models) => models.finder.view("models", |row| models.row(row), context, area, buffer),
            Self::Problem(found) => found.finder.view("problems", |row| found.row(row), context, area, buffer),
            Self::Said(log) => log.finder.view("log", |row| log.row(row), context, area, buffer),
        }
    }
}
