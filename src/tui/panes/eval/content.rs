//! What the pane says of an evaluation, of two, and of the session's dialogues: lines of plain words and numbers.

use super::lines::{Line, Opens};
use super::state::{EvalState, Tab};
use crate::eval::{Comparison, Moves};
use crate::filter::Transition;
use crate::pipeline::eval::{Detail, Dialogues, Flipped, Group, Listed, Paired, ScoreRequest, differences};
use crate::tui::widgets::paint::one_line;

/// From fewer problems on it is said that they are few.
const FEW: usize = 100;
/// Of a question, as much as a line may show.
const QUESTION: usize = 160;

/// What heads each part on a wide screen.
pub(super) fn title(tab: Tab) -> &'static str {
    match tab {
        Tab::Score => "Score",
        Tab::Levels => "Levels",
        Tab::Chains => "Chains",
        Tab::Against => "Against",
        Tab::Turns => "Second turns",
    }
}

/// The lines of both panels; on a narrow screen all are in the first.
pub(super) fn panels(state: &EvalState) -> [Vec<Line>; 2] {
    if state.listed.is_empty() {
        return [Vec::new(), Vec::new()];
    }
    if !state.wide() {
        return [of(state, state.tab), Vec::new()];
    }
    let mut left = of(state, Tab::Score);
    for tab in [Tab::Levels, Tab::Chains] {
        left.push(Line::default());
        left.push(Line::head(title(tab)));
        left.extend(of(state, tab));
    }
    let right = if state.tab == Tab::Turns { Tab::Turns } else { Tab::Against };
    [left, of(state, right)]
}

fn of(state: &EvalState, tab: Tab) -> Vec<Line> {
    if tab == Tab::Turns {
        return turns(state);
    }
    let Some(selected) = state.selected() else { return Vec::new() };
    if tab == Tab::Against {
        return against(state, selected);
    }
    let key = selected.key();
    let Some(detail) = state.detail(&key) else {
        let mut lines = Vec::new();
        if tab == Tab::Score {
            lines.extend(settings(selected));
            lines.push(Line::share("pass@1", selected.score.pass_at_1));
            lines.push(Line::share(format!("maj@{}", selected.score.n), selected.score.maj_at_k));
        }
        let request = ScoreRequest::Detail(key);
        lines.push(waits(state, &request, "its samples are being read"));
        return lines;
    };
    match tab {
        Tab::Score => score(state, selected, detail),
        Tab::Levels => levels(detail),
        _ => chains(detail),
    }
}

/// Why something is not there yet.
fn waits(state: &EvalState, request: &ScoreRequest, what: &str) -> Line {
    match state.failed.iter().find(|(failed, _)| failed == request) {
        Some((_, error)) => Line::warn(format!("Not worked out: {}", one_line(error))),
        None => Line::dim(format!("Working it out: {what} ...")),
    }
}

/// Under what the samples were drawn, in the order of what matters.
pub(super) fn sampling(listed: &Listed) -> String {
    let Some(made) = &listed.made else { return "settings not known".into() };
    let sampling = &made.sampling;
    let mut words = if listed.greedy() {
        vec!["greedy".to_owned()]
    } else {
        vec![format!("T {}", sampling.temperature), format!("top-p {}", sampling.top_p)]
    };
    words.push(format!("max {}", sampling.max_tokens));
    let more = [
        (sampling.top_k > 0, format!("top-k {}", sampling.top_k)),
        (sampling.min_p > 0.0, format!("min-p {}", sampling.min_p)),
        (sampling.repetition_penalty != 1.0, format!("penalty {}", sampling.repetition_penalty)),
    ];
    words.extend(more.into_iter().filter(|(is, _)| *is).map(|(_, text)| text));
    words.extend([made.model.compute.clone(), format!("seed {}", made.seed)]);
    words.join("  ")
}

fn settings(listed: &Listed) -> [Line; 2] {
    let source = if listed.source.is_empty() { String::new() } else { format!(" of {}", listed.source) };
    let answers = if listed.score.n == 1 { "1 answer".into() } else { format!("{} answers", listed.score.n) };
    let set = format!("{} problems{source}, {answers} each: {}", listed.score.problems, sampling(listed));
    [Line::words(set), Line::dim(listed.eval.model.clone())]
}

fn tokens(label: &str, mean: f64) -> Line {
    Line::value(label, if mean > 0.0 { format!("{mean:.1}") } else { "-".into() })
}

fn score(state: &EvalState, selected: &Listed, detail: &Detail) -> Vec<Line> {
    let score = &detail.score;
    let group = |group| Opens::Group(group);
    let mut lines: Vec<Line> = settings(selected).into();
    if score.problems < FEW {
        let each = 100.0 / score.problems as f64;
        lines.push(Line::warn(format!("Few problems: one alone is {each:.1} points, whatever the number of answers.")));
    }
    if detail.missing > 0 {
        lines.push(Line::warn(format!("{} answers are not in this session.", detail.missing)));
    }
    if (score.pass_at_1.value - selected.score.pass_at_1.value).abs() > 1e-9 {
        let kept = selected.score.pass_at_1.percent();
        lines.push(Line::warn(format!("When it was kept, pass@1 was {kept}: the samples or the grader have changed.")));
    }
    let mean = if selected.greedy() { "greedy".into() } else { format!("mean of {}", score.n) };
    lines.push(Line::share("pass@1", score.pass_at_1).noted(mean).opening(group(Group::All)));
    if let Some(greedy) = state.greedy() {
        lines.push(Line::share("greedy", greedy.score.pass_at_1).noted(greedy.eval.name.clone()));
    }
    if score.n > 1 {
        lines.push(Line::share(format!("maj@{}", score.n), score.maj_at_k).noted("majority"));
    }
    for (k, pass) in detail.pass_at_k.iter().filter(|(k, _)| *k > 1) {
        lines.push(Line::share(format!("pass@{k}"), *pass).noted("one of them right"));
    }
    lines.push(Line::share("cut off", detail.truncated).opening(group(Group::Truncated)));
    let mean = format!("mean {:.1}, median {:.0}", score.mean_tokens, score.median_tokens);
    lines.push(Line::value("tokens", mean));
    lines.push(tokens("  that ended", score.mean_tokens_ended));
    lines.push(tokens("  right", score.mean_tokens_right).opening(group(Group::Right)));
    lines.push(tokens("  wrong, ended", score.mean_tokens_wrong).opening(group(Group::Wrong)));
    if let Some(each) = detail.tokens_per_right {
        lines.push(Line::value("  a right answer", format!("{each:.1}")).noted("all tokens over right answers"));
    }
    lines
}

fn levels(detail: &Detail) -> Vec<Line> {
    if detail.score.by_level.is_empty() {
        return vec![Line::dim("The problems have no levels.")];
    }
    let line = |(level, pass): &(i64, crate::stats::Interval)| {
        let count = detail.groups.get(&Group::Level(*level)).map_or(0, Vec::len);
        Line::share(format!("level {level}"), *pass)
            .noted(format!("{count} answers"))
            .opening(Opens::Group(Group::Level(*level)))
    };
    detail.score.by_level.iter().map(line).collect()
}

/// What a transition is, in words.
fn became(transition: Transition) -> &'static str {
    match transition {
        Transition::TrueTrue => "stays right",
        Transition::TrueFalse => "then wrong",
        Transition::FalseTrue => "then right",
        Transition::FalseSame => "the same again",
        Transition::FalseOther => "another wrong one",
    }
}

/// A table of transitions. `opens`: what the samples of each are; `None` for those without an answer.
fn table(moves: &Moves, opens: impl Fn(Option<Transition>) -> Opens) -> Vec<Line> {
    let mut lines = vec![Line::share("first right", moves.first), Line::share("last right", moves.last)];
    lines.push(Line::change("change", moves.change));
    for transition in Transition::ALL {
        let line = Line::share(transition.name(), moves.share(transition)).noted(became(transition));
        lines.push(line.opening(opens(Some(transition))));
    }
    lines.push(Line::share("no answer", moves.no_answer).opening(opens(None)));
    for (label, of, note) in
        [("mended", moves.mended, "of those first wrong"), ("broken", moves.broken, "of those first right")]
    {
        lines.extend(of.map(|of| Line::share(label, of).noted(note)));
    }
    lines
}

fn chains(detail: &Detail) -> Vec<Line> {
    let mut lines = Vec::new();
    for (behaviour, share) in &detail.behaviours {
        lines.push(Line::share(behaviour.name(), *share).opening(Opens::Group(Group::Shows(*behaviour))));
    }
    lines.push(Line::head("First answer in the chain to the last, shares of all chains"));
    lines.extend(table(&detail.moves, |moved| Opens::Group(moved.map_or(Group::NoAnswer, Group::Moved))));
    let verdicts = &detail.score.verdicts;
    lines.push(Line::head(format!("What a chain says of its first answer: {} say it", verdicts.said)));
    let percent = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.1}%", 100.0 * share));
    lines.push(
        Line::value("fits where wrong", percent(verdicts.on_wrong))
            .noted("Enter: those that miss it")
            .opening(Opens::Group(Group::Misjudged(false))),
    );
    lines.push(
        Line::value("fits where right", percent(verdicts.on_right))
            .noted("Enter: false alarms")
            .opening(Opens::Group(Group::Misjudged(true))),
    );
    lines.push(Line::value("mean of both", percent(verdicts.balanced())).noted("half is chance"));
    lines
}

fn against(state: &EvalState, selected: &Listed) -> Vec<Line> {
    let Some(first) = state.against() else {
        let marked = state.mark.as_ref() == Some(&selected.key());
        let text = if marked {
            "This one is marked: go to another one to compare it with this."
        } else {
            "Nothing to compare with: mark another evaluation (m), then come back to this one."
        };
        return vec![Line::dim(text)];
    };
    let names = format!("{} against {}", selected.eval.name, first.eval.name);
    let differ = differences(first, selected);
    let mut lines = Vec::new();
    let unfair = differ.iter().any(|one| one.unfair);
    let listed = |unfair: bool| {
        differ.iter().filter(move |one| one.unfair == unfair).map(|one| {
            let cut = |text: &str| one_line(text).chars().take(QUESTION).collect::<String>();
            Line::value(one.what, format!("{} | {}", cut(&one.first), cut(&one.second)))
        })
    };
    if unfair {
        lines.push(Line::head(names));
        lines.push(Line::warn("Not compared: the settings differ, and so would the numbers of one model."));
        lines.extend(listed(true));
        lines.extend(listed(false));
        return lines;
    }
    let Some(paired) = state.comparison() else {
        let request = ScoreRequest::Paired { first: first.key(), second: selected.key() };
        lines.push(Line::head(names));
        lines.push(waits(state, &request, "problem by problem"));
        return lines;
    };
    let Some(comparison) = &paired.comparison else {
        lines.push(Line::head(names));
        lines.push(Line::warn("Not compared: they have no problem in common."));
        return lines;
    };
    lines.push(Line::head(format!("{names}, on {} problems", comparison.problems)));
    lines.extend(compared(selected, first, paired, comparison));
    lines.extend(listed(false).map(|line| Line { look: Some(crate::tui::theme::Look::Warn), ..line }));
    for (what, flips, opens) in
        [("Gained", &paired.gained, Opens::Gained as fn(usize) -> Opens), ("Lost", &paired.lost, Opens::Lost)]
    {
        let by = if what == "Gained" { "rose" } else { "fell" };
        lines.push(Line::head(format!("{what} {}: pass rate {by} by a half or more", flips.len())));
        lines.extend(flips.iter().enumerate().map(|(at, flip)| flipped(flip).opening(opens(at))));
    }
    lines
}

fn compared(selected: &Listed, first: &Listed, paired: &Paired, comparison: &Comparison) -> Vec<Line> {
    let delta = &comparison.delta;
    let mut lines = vec![Line::change("pass@1, points", *delta)];
    let (name, other) = (&selected.eval.name, &first.eval.name);
    lines.push(if !delta.excludes_zero() {
        Line::words(format!("Open: 0 is inside, {name} may be better or worse than {other}."))
    } else if delta.value > 0.0 {
        Line::words(format!("{name} is better: the interval excludes 0."))
    } else {
        Line::words(format!("{name} is worse: the interval excludes 0."))
    });
    let ratio = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2} x"));
    lines.push(Line::value("tokens, ratio", ratio(comparison.length_ratio)).noted("of answers that ended"));
    lines.push(
        Line::value("  both right", ratio(comparison.length_ratio_both_right)).noted("right answers, same problems"),
    );
    if paired.only_first + paired.only_second > 0 {
        lines.push(Line::warn(format!(
            "Problems left out: {} that only {other} has, {} that only {name} has.",
            paired.only_first, paired.only_second
        )));
    }
    lines
}

fn flipped(flip: &Flipped) -> Line {
    let rate = |(right, of): (usize, usize)| format!("{right}/{of}");
    let text: String = one_line(&flip.text).chars().take(QUESTION).collect();
    Line::value(flip.problem.clone(), format!("{} -> {}", rate(flip.before), rate(flip.after))).noted(text)
}

fn turns(state: &EvalState) -> Vec<Line> {
    let Some(dialogues) = &state.dialogues else {
        return vec![waits(state, &ScoreRequest::Dialogues, "dialogues are graded turn by turn")];
    };
    if dialogues.is_empty() {
        return vec![Line::dim("No dialogue of two turns or more in this session.")];
    }
    let mut lines = Vec::new();
    for (at, of) in dialogues.iter().enumerate() {
        if at > 0 {
            lines.push(Line::default());
        }
        lines.extend(dialogue(at, of));
    }
    lines
}

fn dialogue(at: usize, of: &Dialogues) -> Vec<Line> {
    let moves = &of.moves;
    let made = of.made.as_ref().map_or_else(
        || of.settings.clone(),
        |made| format!("{}, {} turns, T {}", made.model.name, made.turns, made.sampling.temperature),
    );
    let count = format!("{} dialogues of {} problems", moves.samples, moves.problems);
    let mut lines = vec![Line::head(format!("{made}: {count}"))];
    if of.left_out > 0 {
        let left_out = of.left_out;
        lines.push(Line::dim(format!("Left out: {left_out} whose guidance knew the answer, or that a person edited.")));
    }
    lines.push(Line::dim("First attempt to last turn, shares of all dialogues"));
    lines.extend(table(moves, |moved| Opens::Moved(at, moved)).into_iter().enumerate().map(|(row, line)| {
        // The first line opens all of them.
        if row == 0 { line.opening(Opens::Dialogues(at)) } else { line }
    }));
    if of.by_strategy.len() > 1 {
        lines.push(Line::dim("By strategy: change of right answers"));
        for (strategy, moves) in &of.by_strategy {
            let mended = moves.mended.map_or("-".into(), |mended| format!("{:.1}%", 100.0 * mended.value));
            let broken = moves.broken.map_or("-".into(), |broken| format!("{:.1}%", 100.0 * broken.value));
            let note = format!("mended {mended}, broken {broken}, {} dialogues", moves.samples);
            lines.push(Line::change(strategy.clone(), moves.change).noted(note));
        }
    }
    lines
}
