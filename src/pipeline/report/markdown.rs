//! The report as Markdown.

use std::fmt::Write;

use super::Report;
use crate::eval::Comparison;

pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write(report, &mut out);
    out
}

fn write(report: &Report, out: &mut String) -> std::fmt::Result {
    writeln!(out, "# Recipe {}, seed {}\n", plain(&report.recipe), report.seed)?;
    writeln!(out, "{}. {}, {}.\n", plain(&report.about), report.program, report.machine)?;
    writeln!(
        out,
        "A reconstruction of the method of \"Dual-Phase LLM Reasoning: Self-Evolved Mathematical Frameworks\": the numbers are \
         of this pass, none is the paper's. Intervals are of 95%, with problems as units.\n"
    )?;
    scores(report, out)?;
    differences(report, out)?;
    ablations(report, out)?;
    flow(report, out)?;
    difficulty(report, out)?;
    training(report, out)?;
    chains(report, out)?;
    writeln!(
        out,
        "## What is ours\n\nThe paper leaves these open; what stands here was chosen by the makers of this program or \
                   by who wrote the recipe.\n"
    )?;
    for line in &report.reconstruction {
        writeln!(out, "- {line}")?;
    }
    writeln!(out, "\n## Settings\n\n```toml\n{}```", fenced(&report.settings))
}

fn scores(report: &Report, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## Scores\n")?;
    writeln!(
        out,
        "| model | pass@1 | greedy | maj@n | tokens, mean (median) | cut off | first answer right | F>T | T>F | verdicts |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|---|")?;
    for model in &report.scores.models {
        let score = &model.score;
        writeln!(
            out,
            "| {} | {} | {} | {} | {:.1} ({:.0}) | {} | {} | {} | {} | {} |",
            model.name,
            score.pass_at_1.percent(),
            model.greedy.as_ref().map_or("-".into(), |greedy| greedy.pass_at_1.percent()),
            score.maj_at_k.percent(),
            score.mean_tokens,
            score.median_tokens,
            percent(score.truncated),
            percent(score.first_right),
            percent(score.f_to_t),
            percent(score.t_to_f),
            score.verdicts.balanced().map_or("-".into(), percent),
        )?;
    }
    let Some(first) = report.scores.models.first() else { return Ok(()) };
    writeln!(
        out,
        "\n{} problems, {} samples each. F>T: the first answer in a chain is wrong and the last right. Verdicts: how often a chain's \
         own word on its first answer fits, mean over right and wrong ones; half is chance.\n",
        first.score.problems, first.score.n
    )?;
    for model in &report.scores.models {
        let shown: Vec<String> = model
            .score
            .behaviours
            .iter()
            .map(|(behaviour, share)| format!("{} {}", behaviour.name(), percent(*share)))
            .collect();
        let passes: Vec<String> =
            model.score.pass_at_k.iter().map(|(k, pass)| format!("pass@{k} {}", percent(*pass))).collect();
        let levels: Vec<String> =
            model.score.by_level.iter().map(|(level, pass)| format!("level {level} {}", percent(pass.value))).collect();
        let parts = [shown.join(", "), passes.join(", "), levels.join(", ")];
        let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        writeln!(out, "- {}: {}", model.name, parts.join("; "))?;
    }
    writeln!(out, "\n![Lengths of completions](lengths.svg)\n")
}

fn differences(report: &Report, out: &mut String) -> std::fmt::Result {
    if report.paired.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Differences, problem by problem\n")?;
    writeln!(out, "| | points | tokens, ratio | ratio where both are right | gained | lost |")?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for (later, earlier, comparison) in &report.paired {
        let Comparison { delta, length_ratio, length_ratio_both_right, gained, lost, .. } = comparison;
        let ratio = |ratio: &Option<f64>| ratio.map_or("-".into(), |ratio| format!("{ratio:.2}"));
        writeln!(
            out,
            "| {later} - {earlier} | {}{} | {} | {} | {} | {} |",
            delta.points(),
            if delta.excludes_zero() { "" } else { " (open: 0 is inside)" },
            ratio(length_ratio),
            ratio(length_ratio_both_right),
            gained.len(),
            lost.len()
        )?;
    }
    writeln!(out, "\nGained and lost: problems whose pass rate rose or fell by a half or more.\n")
}

fn ablations(report: &Report, out: &mut String) -> std::fmt::Result {
    if report.ablations.is_empty() {
        return Ok(());
    }
    writeln!(out, "## What each part is worth\n")?;
    writeln!(out, "| variant | pass@1 | tokens | training tokens, its and the other's | the pass is better by |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    for variant in &report.ablations {
        let trained = match variant.tokens {
            (0, 0) => "-".to_owned(),
            (own, other) => format!("{own}, {other}"),
        };
        writeln!(
            out,
            "| {} | {} | {:.1} | {trained} | {}{} |",
            variant.name,
            variant.pass_at_1.percent(),
            variant.mean_tokens,
            variant.delta.points(),
            if variant.delta.excludes_zero() { "" } else { " (open: 0 is inside)" },
        )?;
    }
    writeln!(out)?;
    for variant in &report.ablations {
        writeln!(out, "- {}: {}; compared with {}", variant.name, variant.about, variant.against)?;
    }
    writeln!(out)
}

fn flow(report: &Report, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## What was done\n\n| step | seconds | |\n|---|---|---|")?;
    for step in &report.steps {
        writeln!(out, "| {} | {:.1} | {} |", step.step, step.seconds, step.came)?;
    }
    writeln!(out, "| all | {:.1} | |\n", report.scores.wall_seconds)?;
    for (stage, judged) in &report.funnels {
        writeln!(
            out,
            "Filter of {stage}: {} of {} accepted. Dropped, in order (alone):\n",
            judged.accepted, judged.judged
        )?;
        for step in judged.funnel.iter().filter(|step| step.failed > 0) {
            writeln!(out, "- {}: {} ({})", step.rule.name(), step.dropped, step.sole)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn difficulty(report: &Report, out: &mut String) -> std::fmt::Result {
    for stage in &report.difficulty {
        writeln!(out, "## Difficulty in {}\n\n![Problems by pass rate](difficulty.svg)\n", stage.stage)?;
        writeln!(out, "| pass rate | problems | drawn | accepted | chosen |\n|---|---|---|---|---|")?;
        for row in &stage.bins {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                row.bin.name(),
                row.problems,
                row.drawn,
                row.accepted,
                row.selected
            )?;
        }
        if !stage.levels.is_empty() {
            writeln!(out, "\n| level | problems | pass rate |\n|---|---|---|")?;
            for (level, problems, tally) in &stage.levels {
                writeln!(out, "| {level} | {problems} | {} |", percent(tally.pass_rate()))?;
            }
        }
        let never = stage.unsolved.len();
        writeln!(out, "\nNever solved: {never}. Measured under settings {}.\n", stage.settings)?;
    }
    Ok(())
}

fn training(report: &Report, out: &mut String) -> std::fmt::Result {
    if report.training.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Training\n\n![Loss](loss.svg)\n")?;
    writeln!(
        out,
        "| run | chains (held out, too long) | steps | tokens | validation loss | seconds |\n|---|---|---|---|---|---|"
    )?;
    for run in &report.training {
        let loss = run.validation_loss.map_or("-".into(), |loss| format!("{loss:.4}"));
        writeln!(
            out,
            "| {} | {} ({}, {}) | {} | {} | {loss} | {:.0} |",
            run.run, run.chains.0, run.chains.1, run.chains.2, run.steps, run.tokens, run.seconds
        )?;
    }
    writeln!(out)?;
    for run in &report.training {
        if let Some(trainer) = &run.trainer {
            writeln!(
                out,
                "{} was trained by another program, {}, to which all chains of a selection count alike.\n",
                run.run,
                plain(trainer)
            )?;
        }
    }
    Ok(())
}

fn chains(report: &Report, out: &mut String) -> std::fmt::Result {
    if report.chains.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Chains before and after\n\nTaken evenly from the test set, the first sample of each model.\n")?;
    let said = |right: bool| if right { "right" } else { "wrong" };
    for chains in &report.chains {
        writeln!(out, "```text\n{}\n(answer {})\n```\n", fenced(&chains.problem), fenced(&chains.gold))?;
        writeln!(out, "Before ({}):\n\n```text\n{}\n```\n", said(chains.before_right), fenced(&chains.before))?;
        writeln!(out, "After ({}):\n\n```text\n{}\n```\n", said(chains.after_right), fenced(&chains.after))?;
    }
    Ok(())
}

fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}

/// Text that stays inside its fence and holds nothing that a terminal would obey.
fn fenced(text: &str) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect();
    plain.replace("```", "'''")
}

/// Text that has no meaning in Markdown, on one line.
fn plain(text: &str) -> String {
    let special = |c: char| "\\`*_{}[]<>#|!".contains(c);
    text.chars().filter(|c| !c.is_control()).flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}
