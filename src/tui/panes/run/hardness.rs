//! How hard the problems are for the model that samples were drawn from last: a histogram of pass rates, from the rows of the
//! session as they come.

use std::collections::HashMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::difficulty::{TENTHS, Tally};
use crate::pipeline::difficulty::outcome;
use crate::records::EDITED;
use crate::session::SampleRow;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{cells, compact, part, put, put_clean, put_spans, signs};

/// Problems under one setting, and how many of them have which share of right samples; kept as rows come, so that drawing costs
/// the same however many there are.
#[derive(Debug, Clone, Default)]
struct Pool {
    tallies: HashMap<String, Tally>,
    columns: [usize; TENTHS],
    samples: u64,
}

impl Pool {
    fn add(&mut self, row: &SampleRow) {
        let tally = match self.tallies.get_mut(&row.problem_id) {
            Some(tally) => {
                self.columns[tally.tenth()] -= 1;
                tally
            }
            None => self.tallies.entry(row.problem_id.clone()).or_default(),
        };
        tally.add(outcome(row));
        self.columns[tally.tenth()] += 1;
        self.samples += 1;
    }
}

/// Pools by settings, which are never added up; and the settings of the newest sample.
#[derive(Debug, Clone, Default)]
pub(super) struct Hardness {
    pools: HashMap<String, Pool>,
    newest: String,
}

impl Hardness {
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes rows that are new. What was drawn to score a model and what a person wrote says nothing of difficulty here.
    pub fn take(&mut self, rows: &[SampleRow]) {
        for row in rows.iter().filter(|row| !row.held_out && !row.tags.iter().any(|tag| tag == EDITED)) {
            if self.newest != row.settings {
                self.newest.clone_from(&row.settings);
            }
            match self.pools.get_mut(&row.settings) {
                Some(pool) => pool.add(row),
                None => self.pools.entry(row.settings.clone()).or_default().add(row),
            }
        }
    }

    /// Problems by their share of right samples under these settings, how many they are, and how many samples they have.
    fn histogram(&self, settings: &str) -> ([usize; TENTHS], usize, u64) {
        self.pools.get(settings).map_or(([0; TENTHS], 0, 0), |pool| (pool.columns, pool.tallies.len(), pool.samples))
    }

    /// `settings`: those that are shown; `None` is the newest.
    pub fn view(&self, settings: Option<&str>, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
        let style = |look| context.theme.style(look);
        let (columns, problems, samples) = self.histogram(settings.unwrap_or(&self.newest));
        if problems == 0 {
            put(buffer, area.x + 1, area.y, area.width, "No sample to learn from was drawn yet.", style(Look::Dim));
            return;
        }
        let each = samples as f64 / problems as f64;
        let head = [
            (format!("{problems} problems by share of right samples"), style(Look::Title)),
            (format!("  {each:.1} samples each, one setting"), style(Look::Dim)),
        ];
        put_spans(buffer, part(area, 0, 0, area.width, 1), &head, context.ascii);
        let wide = (area.width.saturating_sub(1) / TENTHS as u16).min(10);
        // A line of counts, the bars, and a line of shares.
        let Some(high) = area.height.checked_sub(3).filter(|high| *high > 0 && wide >= 3) else { return };
        let most = columns.iter().copied().max().unwrap_or_default().max(1);
        for (at, count) in columns.into_iter().enumerate() {
            let x = area.x + 1 + at as u16 * wide;
            let full = (count * usize::from(high)).div_ceil(most) as u16;
            let foot = area.bottom() - 2;
            let bar = signs(context.ascii).full.repeat(usize::from(wide - 1));
            let look = if at == 0 {
                Look::Bad
            } else if at == TENTHS - 1 {
                Look::Good
            } else {
                Look::Info
            };
            for y in 0..full {
                put_clean(buffer, x, foot - y, wide - 1, &bar, style(look));
            }
            let number = compact(count);
            let number = if cells(&number) > usize::from(wide) { "" } else { number.as_str() };
            put_clean(buffer, x, foot - full, wide, number, style(if count == 0 { Look::Dim } else { Look::Text }));
            let share = match at {
                0 => "0".to_owned(),
                last if last == TENTHS - 1 => "all".to_owned(),
                10 => "<1".to_owned(),
                tenth => format!(".{tenth}"),
            };
            put_clean(buffer, x, area.bottom() - 1, wide, &share, style(Look::Dim));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{FinishReason, Standing};

    fn row(id: i64, problem: &str, settings: &str, right: bool) -> SampleRow {
        SampleRow {
            id,
            problem_id: problem.into(),
            source: "own".into(),
            held_out: false,
            level: None,
            subject: None,
            draw: id as u32,
            settings: settings.into(),
            strategies: Vec::new(),
            tags: Vec::new(),
            answer: None,
            correct: Some(right),
            finish: FinishReason::Stop,
            tokens: 1,
            seconds: 1.0,
            created_at: 0,
            standing: Standing::default(),
            accepted: None,
            failed: Vec::new(),
            traits: Vec::new(),
        }
    }

    #[test]
    fn settings_are_not_added_up_and_only_samples_to_learn_from_count() {
        let mut hardness = Hardness::default();
        hardness.take(&[row(1, "p", "one", false), row(2, "p", "two", true), row(3, "p", "two", false)]);
        hardness.take(&[row(4, "q", "two", true)]);
        let (columns, problems, samples) = hardness.histogram("two");
        assert_eq!((problems, samples, columns[5], columns[TENTHS - 1]), (2, 3, 1, 1));
        let scored = SampleRow { held_out: true, ..row(5, "t", "three", true) };
        let edited = SampleRow { tags: vec![EDITED.into()], ..row(6, "p", "one", true) };
        let cut = SampleRow { finish: FinishReason::Length, ..row(7, "q", "two", true) };
        hardness.take(&[scored, edited, cut]);
        let (columns, problems, samples) = hardness.histogram(&hardness.newest);
        assert_eq!((problems, samples, columns[5]), (2, 4, 2), "a sample that was cut off is no right one");
    }
}
