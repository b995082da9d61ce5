//! Single problems: in what order they stand, and how a row of them looks. What the rule wants and selects of each is the plan's.

use std::cmp::Ordering;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::histogram::look;
use super::plan::Plan;
use super::state::DifficultyState;
use super::tables::{column, head, inner, mark, row};
use crate::pipeline::difficulty::Survey;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::ListWindow;
use crate::tui::widgets::paint::{fit, fit_tail, one_line, put_clean};

/// From here on ids have more room.
const WIDE: u16 = 100;
/// Less room than this tells nothing of a text.
const TEXT: u16 = 8;

/// What stands first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Hardest,
    Easiest,
    MostSelected,
}

impl Order {
    pub fn next(self) -> Self {
        match self {
            Self::Hardest => Self::Easiest,
            Self::Easiest => Self::MostSelected,
            Self::MostSelected => Self::Hardest,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Hardest => "hardest first",
            Self::Easiest => "easiest first",
            Self::MostSelected => "most selected",
        }
    }

    /// What puts a problem of the pool in its place, the lowest first. Of equal rates the one that is surer goes before.
    fn key(self, survey: &Survey, plan: &Plan, at: usize) -> [f64; 3] {
        let tally = survey.pool[at].tally();
        let (rate, (low, high)) = (tally.pass_rate(), tally.wilson());
        match self {
            Self::Hardest => [rate, high, 0.0],
            Self::Easiest => [-rate, -low, 0.0],
            Self::MostSelected => [-f64::from(plan.selection.chosen[at]), -f64::from(plan.selection.wanted[at]), rate],
        }
    }
}

/// The list. It is put in order for a survey, a rule or another order, never for a frame.
#[derive(Debug, Clone, Default)]
pub(super) struct Problems {
    pub order: Order,
    /// Indices into the pool, as they stand.
    listed: Vec<usize>,
    pub window: ListWindow,
}

impl Problems {
    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// The index in the pool of the problem that is selected.
    pub fn selected(&self) -> Option<usize> {
        self.listed.get(self.window.selected).copied()
    }

    pub fn select(&mut self, row: usize) {
        self.window.select(row, self.listed.len());
    }

    pub fn step(&mut self, by: isize) {
        self.window.step(by, self.listed.len());
    }

    pub fn set_height(&mut self, rows: usize) {
        self.window.set_height(rows, self.listed.len());
    }

    /// Puts all problems in order; `kept` stays selected, else the first one is.
    pub fn arrange(&mut self, survey: &Survey, plan: &Plan, kept: Option<usize>) {
        let mut keyed: Vec<([f64; 3], usize)> =
            (0..survey.pool.len()).map(|at| (self.order.key(survey, plan, at), at)).collect();
        keyed.sort_unstable_by(|a, b| by_key(&a.0, &b.0).then(a.1.cmp(&b.1)));
        self.listed = keyed.into_iter().map(|(_, at)| at).collect();
        let place = kept.and_then(|kept| self.listed.iter().position(|at| *at == kept));
        self.select(place.unwrap_or_default());
    }
}

fn by_key(a: &[f64; 3], b: &[f64; 3]) -> Ordering {
    let differs = a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne());
    differs.unwrap_or(Ordering::Equal)
}

/// Draws the rows in sight: how many samples are right, the pass rate with its interval, what the rule wants and selects, and how the
/// problem begins.
pub(super) fn view(
    state: &DifficultyState,
    (survey, plan): (&Survey, &Plan),
    context: &ViewContext,
    area: Rect,
    buffer: &mut Buffer,
) {
    let style = |look| context.theme.style(look);
    let name = if area.width >= WIDE { 26 } else { 16 };
    let columns = [
        column(state.problems.order.name(), name, 0),
        column("right", 8, 3),
        column("pass rate", 16, 1),
        column("wanted", 7, 4),
        column("selected", 9, 2),
    ];
    let end = head(&columns, context, area, buffer) + 2;
    let room = area.right().saturating_sub(end);
    if room >= TEXT {
        put_clean(buffer, end, area.y, room, "problem", style(Look::Dim));
    }
    let problems = &state.problems;
    for (y, place) in problems.window.rows(problems.len()).enumerate() {
        let at = problems.listed[place];
        let (problem, tally) = (&survey.pool[at], survey.pool[at].tally());
        let (low, high) = tally.wilson();
        let percent = |share: f64| 100.0 * share;
        let texts = [
            fit_tail(&one_line(problem.id()), usize::from(name), context.ascii).into_owned(),
            format!("{}/{}", tally.correct, tally.samples),
            format!("{:.1}% [{:.0}-{:.0}]", percent(tally.pass_rate()), percent(low), percent(high)),
            plan.selection.wanted[at].to_string(),
            plan.selection.chosen[at].to_string(),
        ];
        let y = y as u16 + 1;
        let class = survey.bins.of(&tally).map_or(Look::Text, look);
        row(&columns, &texts, (style(class), style(Look::Text)), context, inner(area, y), buffer);
        if room >= TEXT {
            let text = one_line(&survey.problems[at].head);
            let text = fit(&text, usize::from(room), context.ascii);
            put_clean(buffer, end, area.y + y, room, &text, style(Look::Dim));
        }
        if place == problems.window.selected {
            mark(context, area, y, buffer);
        }
    }
}
