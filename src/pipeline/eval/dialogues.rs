//! What second turns do: from the first attempt of a dialogue to the answer of its last turn, over the dialogues of a session
//! that the model was led through without a look at the gold answer.

use std::collections::{BTreeMap, HashMap};

use color_eyre::Result;
use rayon::prelude::*;

use crate::eval::Moves;
use crate::filter::Transition;
use crate::math;
use crate::records::{EDITED, FinishReason, Problem, Sample, SampleSettings, Turn, TurnKind};
use crate::session::Session;

/// Tags of samples whose guidance knew the gold answer, or which a person wrote part of: they say nothing of the model.
const LEFT_OUT: [&str; 3] = ["gold_conditioned", "shows_answer", EDITED];
/// Dialogues that are read before they are graded: texts of so many are in memory at once.
const AT_ONCE: usize = 512;

/// The dialogues drawn under one setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Dialogues {
    /// Hash.
    pub settings: String,
    pub made: Option<SampleSettings>,
    /// Samples that are left out.
    pub left_out: usize,
    pub moves: Moves,
    /// By the strategies that were asked for, in their order: "verification", "verification, backtracking".
    pub by_strategy: Vec<(String, Moves)>,
    /// Rows of the samples of each transition; those where no turn has an answer under `None`.
    pub rows: BTreeMap<Option<Transition>, Vec<i64>>,
}

/// What became of each dialogue: strategies, problem, row, transition.
struct Led {
    strategies: String,
    problem: String,
    row: i64,
    transition: Option<Transition>,
}

/// Every setting that has dialogues of two turns or more, those with most of them first.
///
/// # Errors
/// If the session cannot be read.
pub fn dialogues(session: &Session) -> Result<Vec<Dialogues>> {
    let problems: HashMap<String, Problem> =
        session.problems()?.into_iter().map(|problem| (problem.id.clone(), problem)).collect();
    let mut by_settings: BTreeMap<String, (Vec<i64>, usize)> = BTreeMap::new();
    for row in session.sample_rows()?.into_iter().filter(|row| !row.strategies.is_empty()) {
        let (rows, left_out) = by_settings.entry(row.settings).or_default();
        if row.tags.iter().any(|tag| LEFT_OUT.contains(&tag.as_str())) {
            *left_out += 1;
        } else {
            rows.push(row.id);
        }
    }
    let mut found = Vec::new();
    for (settings, (rows, left_out)) in by_settings {
        let mut led = Vec::with_capacity(rows.len());
        for rows in rows.chunks(AT_ONCE) {
            let mut read = Vec::with_capacity(rows.len());
            for row in rows {
                read.extend(session.sample(*row)?.map(|sample| (*row, sample)));
            }
            let graded = read.into_par_iter().filter_map(|(row, sample)| {
                let problem = problems.get(&sample.problem_id)?;
                let strategies = sample.strategies().collect::<Vec<_>>().join(", ");
                let transition = moved(&sample, &problem.answer)?;
                Some(Led { strategies, problem: sample.problem_id, row, transition })
            });
            led.extend(graded.collect::<Vec<_>>());
        }
        let Some(all) = moves(&led, |_| true) else { continue };
        let mut strategies: Vec<&str> = led.iter().map(|one| one.strategies.as_str()).collect();
        strategies.sort_unstable();
        strategies.dedup();
        let by_strategy = strategies
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), moves(&led, |one| one.strategies == name)?)))
            .collect();
        let mut rows: BTreeMap<Option<Transition>, Vec<i64>> = BTreeMap::new();
        led.iter().for_each(|one| rows.entry(one.transition).or_default().push(one.row));
        let made = session.settings(&settings)?;
        found.push(Dialogues { settings, made, left_out, moves: all, by_strategy, rows });
    }
    found.sort_by_key(|one| std::cmp::Reverse(one.moves.samples));
    Ok(found)
}

fn moves(led: &[Led], counts: impl Fn(&Led) -> bool) -> Option<Moves> {
    let mut by_problem: BTreeMap<&str, Vec<Option<Transition>>> = BTreeMap::new();
    for one in led.iter().filter(|one| counts(one)) {
        by_problem.entry(&one.problem).or_default().push(one.transition);
    }
    Moves::of(&by_problem.into_values().collect::<Vec<_>>())
}

/// From the first attempt to the last turn; a turn without an answer, or cut off, is not right. `None` where there is but one
/// turn; no transition where neither turn has an answer.
fn moved(sample: &Sample, gold: &str) -> Option<Option<Transition>> {
    let wrote = |turn: &&Turn| matches!(turn.kind, TurnKind::Attempt | TurnKind::Revision);
    let turns: Vec<&Turn> = sample.turns.iter().filter(wrote).collect();
    let [first, .., last] = turns[..] else { return None };
    let check = |turn: &Turn| {
        let cut = turn.finish.is_some_and(FinishReason::is_cut);
        let check = math::check(gold, &turn.text);
        (check.correct == Some(true) && !cut, check.answer)
    };
    let ((first, one), (last, other)) = (check(first), check(last));
    if one.is_none() && other.is_none() {
        return Some(None);
    }
    let same = || one.zip(other).is_some_and(|(one, other)| math::equal(&one, &other));
    Some(Some(Transition::between(first, last, same)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Chain;

    fn turn(kind: TurnKind, text: &str) -> Turn {
        let finish = matches!(kind, TurnKind::Attempt | TurnKind::Revision).then_some(FinishReason::Stop);
        Turn { kind, strategy: None, text: text.into(), token_ids: Vec::new(), tokens: 1, finish, logprob: None }
    }

    fn dialogue(texts: &[&str]) -> Sample {
        let mut turns = vec![turn(TurnKind::Problem, "1 + 1?")];
        for (at, text) in texts.iter().enumerate() {
            if at > 0 {
                let guidance = turn(TurnKind::Guidance, "Check it.");
                turns.push(Turn { strategy: Some("verification".into()), ..guidance });
            }
            turns.push(turn(if at == 0 { TurnKind::Attempt } else { TurnKind::Revision }, text));
        }
        Sample {
            problem_id: "p".into(),
            draw: 0,
            settings: "s".into(),
            turns,
            chain: Chain::default(),
            tags: Vec::new(),
            finish: FinishReason::Stop,
            answer: None,
            correct: None,
            tokens: 1,
            seconds: 0.0,
            created_at: 0,
        }
    }

    #[test]
    fn from_the_first_turn_to_the_last() {
        use Transition::{FalseOther, FalseSame, FalseTrue, TrueFalse, TrueTrue};
        let moved = |texts: &[&str]| moved(&dialogue(texts), "2");
        assert_eq!(moved(&["\\boxed{2}"]), None, "one turn moves nothing");
        assert_eq!(moved(&["\\boxed{2}", "\\boxed{2}"]), Some(Some(TrueTrue)));
        assert_eq!(moved(&["\\boxed{2}", "\\boxed{3}"]), Some(Some(TrueFalse)));
        assert_eq!(moved(&["\\boxed{3}", "\\boxed{4}", "\\boxed{2}"]), Some(Some(FalseTrue)));
        assert_eq!(moved(&["\\boxed{3}", "\\boxed{6/2}"]), Some(Some(FalseSame)));
        assert_eq!(moved(&["\\boxed{3}", "\\boxed{4}"]), Some(Some(FalseOther)));
        assert_eq!(moved(&["I do not know.", "\\boxed{2}"]), Some(Some(FalseTrue)));
        assert_eq!(moved(&["I do not know.", "Nor now."]), Some(None));
        let mut cut = dialogue(&["\\boxed{2}", "\\boxed{2}"]);
        cut.turns.last_mut().unwrap().finish = Some(FinishReason::Length);
        assert_eq!(super::moved(&cut, "2"), Some(Some(TrueFalse)), "what is cut off is not right");
    }
}
