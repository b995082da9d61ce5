//! Spot-checking the filter: a plan of samples to decide on blindly, and the table of what the decisions say of it.

use std::collections::HashSet;

use crate::filter::RuleId;
use crate::filter::audit::{Agreement, Estimate, Estimates, Order, Share, Stratum, estimates, more_checks};
use crate::pipeline::agreement;
use crate::session::SampleRow;

/// Full width of an interval that a person may want.
const WANTED: f64 = 0.1;

/// A spot check in progress.
#[derive(Debug, Clone)]
pub struct Audit {
    pub order: Order,
    /// Samples in the order in which they are shown.
    pub plan: Vec<i64>,
    members: HashSet<i64>,
}

impl Audit {
    pub fn new(order: Order, plan: Vec<i64>) -> Self {
        let members = plan.iter().copied().collect();
        Self { order, plan, members }
    }

    pub fn has(&self, sample: i64) -> bool {
        self.members.contains(&sample)
    }
}

/// The table: of the samples in the check, or of all that were decided on.
pub fn report(rows: &[SampleRow], audit: Option<&Audit>) -> Vec<String> {
    let counted: Vec<&SampleRow> = rows.iter().filter(|row| audit.is_none_or(|audit| audit.has(row.id))).collect();
    let (whole, rules) = agreement(counted.iter().copied());
    let what = match audit.map(|audit| audit.order) {
        None => "all samples that you accepted or rejected",
        Some(Order::Stratified) => "this spot check (one of each rule in turn, at random)",
        Some(Order::Uncertain) => "this spot check (nearest to a threshold first: rates are not those of the session)",
    };
    let mut lines = vec![format!("Over {what}: {} decided.", whole.checked()), String::new()];
    lines.push(format!(
        "{:<15}{:>7}  {:<16}{:<16}{:<16}{:>6}",
        "rule", "checked", "agreement", "precision", "recall", "kappa"
    ));
    lines.push(line("the whole filter", &whole));
    lines.extend(rules.iter().map(|(rule, counts)| line(rule.name(), counts)));
    lines.push(String::new());
    if audit.is_some_and(|audit| audit.order == Order::Stratified) {
        lines.push(over_all(&counted));
    }
    let more = more_checks(whole.agreement(), WANTED);
    lines.push(match more {
        0 => format!("The interval of the agreement is narrower than {:.0} points.", WANTED * 100.0),
        _ => format!("About {more} more checks narrow the interval of the agreement to {:.0} points.", WANTED * 100.0),
    });
    lines.push(
        "Precision: of what passes, how much you accept. Recall: of what you accept, how much passes.".to_owned(),
    );
    let overruled: Vec<String> = counted
        .iter()
        .filter(|row| row.overruled())
        .map(|row| {
            let verb = if row.accepted == Some(true) { "you rejected" } else { "you accepted" };
            let why =
                if row.failed.is_empty() { "passed".to_owned() } else { format!("failed {}", row.failed.join(", ")) };
            format!("  {} #{}: {verb}, it {why}", row.problem_id, row.draw)
        })
        .collect();
    if !overruled.is_empty() {
        lines.push(String::new());
        lines.push(format!("Overruled ({}; filter overruled:yes lists them):", overruled.len()));
        lines.extend(overruled);
    }
    lines
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

fn line(name: &str, counts: &Agreement) -> String {
    let kappa = counts.kappa().map_or("-".to_owned(), |kappa| format!("{kappa:.2}"));
    format!(
        "{name:<15}{:>8}  {:<16}{:<16}{:<16}{kappa:>6}",
        counts.checked(),
        share(counts.agreement()),
        share(counts.precision()),
        share(counts.recall()),
    )
}

/// "80% [66-89]", or a dash of nothing.
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

    #[test]
    fn the_table_counts_what_was_decided_and_names_what_was_overruled() {
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
        let lines = report(&rows, None);
        assert_eq!(lines[0], "Over all samples that you accepted or rejected: 3 decided.");
        assert!(lines[3].starts_with("the whole filter") && lines[3].contains("67% [21-94]"), "{}", lines[3]);
        assert!(lines.iter().any(|line| line.starts_with("loops")), "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains("you accepted, it failed loops")), "{lines:#?}");
        let only = report(&rows, Some(&Audit::new(Order::Stratified, vec![1])));
        assert!(only[0].contains("1 decided"));
    }
}
