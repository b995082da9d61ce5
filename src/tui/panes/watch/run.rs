//! A run as its records tell it: a curve of each quantity, along steps and along hours.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::tui::widgets::plot::Smoothed;
use crate::watch::{Kind, News, Point, Quantity, quantity};

/// What is plotted: what all writers mean, whatever they call it, or what has a name of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Chart {
    Known(Quantity),
    Tag(Arc<str>),
}

impl Chart {
    /// Whether its points jump about, so that a mean says more than they do.
    pub fn is_noisy(&self) -> bool {
        use Quantity::{Epoch, LearningRate, Tokens, ValidationLoss};
        !matches!(self, Self::Known(ValidationLoss | LearningRate | Epoch | Tokens))
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Known(known) => known.name(),
            Self::Tag(tag) => tag,
        }
    }
}

/// Notes that are kept of a run.
const NOTES: usize = 1000;
/// Quantities that are kept of a run: what is beyond them is most likely a histogram taken to pieces.
const CHARTS: usize = 2000;

/// One quantity.
#[derive(Debug, Clone, Default, PartialEq)]
struct Curve {
    steps: Smoothed,
    hours: Smoothed,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    pub name: String,
    pub kind: Kind,
    pub path: String,
    pub total_steps: Option<u64>,
    /// It ended, and whether it ended well; `None` where nothing was said of an end.
    pub finished: Option<bool>,
    pub notes: Vec<String>,
    pub settings: Vec<(String, String)>,
    pub step: u64,
    /// Unix seconds of the first point with its step, and of the last one or of what was written last.
    first: Option<(f64, u64)>,
    pub last: Option<f64>,
    curves: BTreeMap<Chart, Curve>,
    /// Which name of its own a run has for what all writers mean: the one that it used first.
    names: BTreeMap<Quantity, Arc<str>>,
    weight: f32,
}

impl Run {
    pub fn new(news: &News, weight: f32) -> Self {
        Self {
            name: news.run.clone(),
            kind: news.kind,
            path: news.path.display().to_string(),
            total_steps: None,
            finished: None,
            notes: Vec::new(),
            settings: Vec::new(),
            step: 0,
            first: None,
            last: None,
            curves: BTreeMap::new(),
            names: BTreeMap::new(),
            weight,
        }
    }

    pub fn take(&mut self, news: &News) {
        self.total_steps = news.total_steps.or(self.total_steps);
        if news.kind == Kind::TrainerState && !news.points.is_empty() {
            // One that was at its end goes on with more steps.
            self.finished = None;
        }
        self.finished = news.finished.or(self.finished);
        for (name, value) in &news.settings {
            match self.settings.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => known.clone_from(value),
                None => self.settings.push((name.clone(), value.clone())),
            }
        }
        for (step, line) in &news.notes {
            self.notes.push(step.map_or_else(|| line.clone(), |step| format!("step {step}: {line}")));
        }
        self.notes.drain(..self.notes.len().saturating_sub(NOTES));
        news.points.iter().for_each(|point| self.point(point));
        self.last = self.last.into_iter().chain(news.written).reduce(f64::max);
    }

    fn point(&mut self, point: &Point) {
        let chart = self.chart_of(&point.tag);
        if !self.curves.contains_key(&chart) && self.curves.len() >= CHARTS {
            return;
        }
        self.step = point.step;
        if let Some(time) = point.time.filter(|time| time.is_finite()) {
            self.first.get_or_insert((time, point.step));
            self.last = Some(time);
        }
        // A mean that is never drawn is not kept.
        let weight = if chart.is_noisy() { self.weight } else { 0.0 };
        let curve = self
            .curves
            .entry(chart)
            .or_insert_with(|| Curve { steps: Smoothed::new(weight), hours: Smoothed::new(weight) });
        curve.steps.push(point.step as f64, point.value as f32);
        if let (Some((first, _)), Some(time)) = (self.first, point.time.filter(|time| time.is_finite())) {
            curve.hours.push((time - first) / 3600.0, point.value as f32);
        }
    }

    fn chart_of(&mut self, tag: &Arc<str>) -> Chart {
        match quantity(tag) {
            Some(known) if self.names.entry(known).or_insert_with(|| Arc::clone(tag)) == tag => Chart::Known(known),
            _ => Chart::Tag(Arc::clone(tag)),
        }
    }

    pub fn charts(&self) -> impl Iterator<Item = &Chart> {
        self.curves.keys()
    }

    /// The points of a quantity along steps, or along hours since the run began.
    pub fn curve(&self, chart: &Chart, hours: bool) -> Option<&Smoothed> {
        let curve = self.curves.get(chart)?;
        Some(if hours { &curve.hours } else { &curve.steps })
    }

    /// The newest value.
    pub fn value(&self, chart: &Chart) -> Option<f64> {
        Some(f64::from(self.curves.get(chart)?.steps.points.last()?.1))
    }

    pub fn set_weight(&mut self, weight: f32) {
        self.weight = weight;
        for (_, curve) in self.curves.iter_mut().filter(|(chart, _)| chart.is_noisy()) {
            curve.steps.set_weight(weight);
            curve.hours.set_weight(weight);
        }
    }

    /// Seconds to its end, at the pace that it had so far.
    pub fn left(&self) -> Option<f64> {
        let ((begun, from), last, total) = (self.first?, self.last?, self.total_steps?);
        let done = self.step.checked_sub(from).filter(|done| *done > 0)?;
        let left = total.checked_sub(self.step).filter(|left| *left > 0)?;
        self.finished.is_none().then(|| (last - begun) / done as f64 * left as f64)
    }
}
