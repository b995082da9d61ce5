//! Spot-checking the filter: a plan of samples to decide on blindly, and the table of what the decisions say of it.

use std::collections::HashSet;

use super::filter::Filter;
use crate::filter::RuleId;
use crate::filter::audit::{Agreement, Estimate, Estimates, Order, Share, Stratum, estimates, more_checks};
use crate::pipeline::agreement;
use crate::session::SampleRow;
use crate::tui::theme::Look;
use crate::tui::widgets::paint::one_line;
use crate::tui::widgets::wrap::wrap;

/// Full width of an interval that a person wants, in points of a hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted(usize);

impl Wanted {
    const STEPS: [usize; 9] = [1, 2, 3, 5, 8, 10, 15, 20, 30];

    pub fn points(self) -> usize {
        self.0
    }

    fn width(self) -> f64 {
        self.0 as f64 / 100.0
    }

    pub fn wider(self) -> Self {
        Self(Self::STEPS.into_iter().find(|step| *step > self.0).unwrap_or(self.0))
    }

    pub fn narrower(self) -> Self {
        Self(Self::STEPS.into_iter().rev().find(|step| *step < self.0).unwrap_or(self.0))
    }
}

impl Default for Wanted {
    fn default() -> Self {
        Self(10)
    }
}

/// A spot check in progress.
#[derive(Debug, Clone)]
pub struct Audit {
    pub order: Order,
    /// Samples in the order in which they are shown.
    pub plan: Vec<i64>,
    /// The person's own filter, for when it is over.
    pub filter: Filter,
    members: HashSet<i64>,
}

impl Audit {
    pub fn new(order: Order, plan: Vec<i64>, filter: Filter) -> Self {
        let members = plan.iter().copied().collect();
        Self { order, plan, filter, members }
    }

    pub fn has(&self, sample: i64) -> bool {
        self.members.contains(&sample)
    }
}

/// A line of the table, and what it is.
pub type Line = (String, Look);

/// The table of the samples in the check, or of all that were decided on, in lines of at most so many cells.
pub fn report(rows: &[SampleRow], audit: Option<&Audit>, wanted: Wanted, width: u16) -> Vec<Line> {
    let counted: Vec<&SampleRow> = rows.iter().filter(|row| audit.is_none_or(|audit| audit.has(row.id))).collect();
    let (whole, rules) = agreement(counted.iter().copied());
    let what = match audit.map(|audit| audit.order) {
        None => "all samples that you accepted or rejected",
        Some(Order::Stratified) => "this spot check (one of each rule in turn, at random)",
        Some(Order::Uncertain) => "this spot check (nearest to a threshold first: rates are not those of the session)",
    };
    let mut lines = Vec::new();
    let mut say = |text: String, look: Look| {
        lines.extend(paragraph(&one_line(&text), width).into_iter().map(|line| (line, look)));
    };
    say(format!("Over {what}: {} decided.", whole.checked()), Look::Text);
    say(String::new(), Look::Text);
    say("Of those checked:".to_owned(), Look::Title);
    say(columns("rule", "n", "more", ["agreement", "precision", "recall"], "kappa"), Look::Dim);
    say(line("whole filter", &whole, wanted), Look::Text);
    for (rule, counts) in &rules {
        say(line(rule.name(), counts, wanted), Look::Text);
    }
    say(
        format!(
            "more: checks that narrow the agreement's interval to {} points, if the share stays (+ - change it).",
            wanted.points()
        ),
        Look::Dim,
    );
    if audit.is_some_and(|audit| audit.order == Order::Stratified) {
        say(String::new(), Look::Text);
        say(over_all(&counted), Look::Text);
    }
    say(String::new(), Look::Text);
    let precision = "Precision: of what passes, how much you accept. Recall: of what you accept, how much passes.";
    say(precision.to_owned(), Look::Dim);
    let overruled: Vec<&&SampleRow> = counted.iter().filter(|row| row.overruled()).collect();
    if !overruled.is_empty() {
        say(String::new(), Look::Text);
        say(format!("Overruled: {} (o lists them)", overruled.len()), Look::Title);
        for row in overruled {
            say(told(row), Look::Text);
        }
    }
    lines
}

/// A text in lines of at most so many cells, at least one.
fn paragraph(text: &str, width: u16) -> Vec<String> {
    wrap(text, width).into_iter().map(|line| text[line.begin..line.end].trim_end().to_owned()).collect()
}

fn told(row: &SampleRow) -> String {
    let verb = if row.accepted == Some(true) { "you rejected" } else { "you accepted" };
    let why = if row.failed.is_empty() { "passed".to_owned() } else { format!("failed {}", row.failed.join(", ")) };
    format!("  {} #{}: {verb}, it {why}", row.problem_id, row.draw)
}

/// What a stratified check says of all the samples that it was drawn from: each stratum weighs as much as it is large.
fn over_all(rows: &[&SampleRow]) -> String {
    use crate::records::DecisionVerb::{Accept, Reject};
    let mut strata = [Stratum::default(); RuleId::ALL.len() + 1];
    for row in rows {
        let Some(passes) = row.accepted else { continue };
        let failed = row.failed.iter().filter_map(|name| RuleId::ALL.iter().position(|rule| rule.name() == name)).min();
        let stratum = &mut strata[failed.unwrap_or(RuleId::ALL.len())];
        (stratum.passes, stratum.size) = (passes, stratum.size + 1);
        stratum.checked += usize::from(matches!(row.standing.verb, Some(Accept | Reject)));
        stratum.accepted += usize::from(row.standing.verb == Some(Accept));
    }
    let unseen = strata.iter().filter(|stratum| stratum.size > 0 && stratum.checked == 0).count();
    match estimates(&strata) {
        Some(Estimates { agreement, recall }) => format!(
            "Of all {} samples of the check, each kind weighed by its size: agreement {}, recall {}.",
            rows.len(),
            estimated(agreement),
            recall.map_or("-".to_owned(), estimated)
        ),
        None => format!("Rates of all {} samples need a check of each kind: {unseen} kinds are unseen.", rows.len()),
    }
}

fn estimated(estimate: Estimate) -> String {
    format!("{:.0}% [{:.0}-{:.0}]", estimate.rate * 100.0, estimate.low * 100.0, estimate.high * 100.0)
}

/// One row of the table; head and rows share the widths, 76 cells in all.
fn columns(name: &str, checked: &str, more: &str, shares: [&str; 3], kappa: &str) -> String {
    let [agreement, precision, recall] = shares;
    format!("{name:<14}{checked:>5}{more:>6} {agreement:<14} {precision:<14} {recall:<14} {kappa:>5}")
}

fn line(name: &str, counts: &Agreement, wanted: Wanted) -> String {
    let kappa = counts.kappa().map_or("-".to_owned(), |kappa| format!("{kappa:.2}"));
    let more = match more_checks(counts.agreement(), wanted.width()) {
        0..100_000 if counts.checked() == 0 => "-".to_owned(),
        more @ 0..100_000 => more.to_string(),
        _ => ">99k".to_owned(),
    };
    let shares = [counts.agreement(), counts.precision(), counts.recall()].map(share);
    columns(name, &counts.checked().to_string(), &more, shares.each_ref().map(String::as_str), &kappa)
}

/// "80% [66-89]", or a dash of nothing. At most 14 cells.
fn share(share: Share) -> String {
    match share.rate() {
        Some(rate) => format!("{:.0}% [{:.0}-{:.0}]", rate * 100.0, share.low * 100.0, share.high * 100.0),
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::row;
    use super::*;
    use crate::records::DecisionVerb::{Accept, Reject};

    fn decided() -> Vec<SampleRow> {
        let mut rows: Vec<SampleRow> = (1..=4).map(row).collect();
        for (at, (accepted, failed, verb)) in
            [(true, "", Some(Accept)), (false, "loops", Some(Reject)), (false, "loops", Some(Accept)), (true, "", None)]
                .into_iter()
                .enumerate()
        {
            rows[at].accepted = Some(accepted);
            rows[at].failed = if failed.is_empty() { Vec::new() } else { vec![failed.to_owned()] };
            rows[at].standing.verb = verb;
        }
        rows
    }

    fn texts(lines: Vec<Line>) -> Vec<String> {
        lines.into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn the_table_counts_what_was_decided_and_names_what_was_overruled() {
        let rows = decided();
        let lines = texts(report(&rows, None, Wanted::default(), 76));
        assert_eq!(lines[0], "Over all samples that you accepted or rejected: 3 decided.");
        assert!(lines[4].starts_with("whole filter") && lines[4].contains("67% [21-94]"), "{}", lines[4]);
        assert!(lines.iter().any(|line| line.starts_with("loops")), "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains("you accepted, it failed loops")), "{lines:#?}");
        let only =
            report(&rows, Some(&Audit::new(Order::Stratified, vec![1], Filter::default())), Wanted::default(), 76);
        assert!(only[0].0.contains("1 decided"));
    }

    #[test]
    fn lines_fit_their_place_whatever_they_say() {
        let certain = Agreement { both_accept: 99_999, both_reject: 0, let_through: 0, lost: 0 };
        assert_eq!(line("meta_reference", &certain, Wanted(1)).chars().count(), 76);
        assert!(line("x", &certain, Wanted(1)).contains("100% [100-100] 100% [100-100] 100% [100-100]"));
        for width in [20, 50, 76, 110] {
            for (text, _) in report(&decided(), None, Wanted::default(), width) {
                assert!(text.chars().count() <= usize::from(width), "{text}");
            }
        }
    }

    #[test]
    fn a_narrower_interval_needs_more_checks() {
        let counts = Agreement { both_accept: 9, both_reject: 0, let_through: 1, lost: 0 };
        let more = |wanted: Wanted| more_checks(counts.agreement(), wanted.width());
        let wanted = Wanted::default();
        assert!(more(wanted.narrower()) > more(wanted) && more(wanted) > more(wanted.wider()));
        assert_eq!((0..20).fold(wanted, |wanted, _| wanted.narrower()).points(), 1);
        assert_eq!((0..20).fold(wanted, |wanted, _| wanted.wider()).points(), 30);
    }
}
