//! Surveys of small sessions.

use serde_json::json;

use super::*;
use crate::difficulty::{Pick, Rule, ShapeName, select};
use crate::pipeline::select::{SelectOrder, choose};
use crate::records::{
    Chain, DecisionVerb, FinishReason, ModelIdentity, Problem, Sample, SampleSettings, Sampling, now_millis,
};
use crate::session::StoredVerdict;

struct Home {
    _root: tempfile::TempDir,
    session: Session,
}

fn problem(id: &str, level: i64, subject: Option<&str>) -> Problem {
    serde_json::from_value(
        json!({"id": id, "problem": format!("What is {id}?"), "answer": "4", "level": level, "subject": subject}),
    )
    .unwrap()
}

/// Eight problems of two levels to learn from and one that is held out.
fn home() -> Home {
    let root = tempfile::tempdir().unwrap();
    let session = Session::create(&root.path().join("s")).unwrap();
    let problems: Vec<Problem> =
        (0..8).map(|at| problem(&format!("p{at}"), 1 + at % 2, (at < 4).then_some("algebra"))).collect();
    session.add_problems(&problems).unwrap();
    session.hold_out(&[problem("test", 3, None)]).unwrap();
    Home { _root: root, session }
}

fn settings(session: &Session, content: &str, turns: usize, temperature: f32) -> String {
    let settings = SampleSettings {
        model: ModelIdentity {
            name: format!("/m/{content}"),
            content: content.into(),
            template: "t".into(),
            compute: "f32".into(),
            context_length: 64,
        },
        turns,
        sampling: Sampling { temperature, ..Sampling::default() },
        seed: 0,
        dialogue: json!(null),
    };
    session.put_settings(&settings, &json!(null)).unwrap()
}

fn add(session: &Session, settings: &str, problem: &str, draw: u32, correct: Option<bool>, tokens: usize) {
    let cut = tokens >= 500;
    let sample = Sample {
        problem_id: problem.into(),
        draw,
        settings: settings.into(),
        turns: Vec::new(),
        chain: Chain { text: format!("{problem} {draw}"), ..Chain::default() },
        tags: Vec::new(),
        finish: if cut { FinishReason::Length } else { FinishReason::Stop },
        answer: correct.map(|_| "4".into()),
        correct,
        tokens,
        seconds: 1.0,
        created_at: now_millis(),
    };
    assert!(session.add_sample(&sample).unwrap());
}

/// Of problem `i` the first `i` of 7 samples are right; the filter accepts all right ones but the first of each problem.
fn sampled(session: &Session, settings: &str) {
    for at in 0..8u32 {
        for draw in 0..7 {
            let correct = if draw < at { Some(true) } else { (draw != 6).then_some(false) };
            add(session, settings, &format!("p{at}"), draw, correct, 100 + draw as usize);
        }
    }
    judge(session);
}

fn judge(session: &Session) {
    let verdict = |row: &SampleRow| StoredVerdict {
        id: row.id,
        accepted: row.correct == Some(true) && row.draw > 0,
        failed: "[]".into(),
        across: "[]".into(),
    };
    let verdicts: Vec<StoredVerdict> = session.sample_rows().unwrap().iter().map(verdict).collect();
    session.put_filtering("f", "", "{}", &verdicts).unwrap();
}

#[test]
fn the_survey_chooses_what_the_command_chooses() {
    let home = home();
    let hash = settings(&home.session, "trained", 1, 0.8);
    sampled(&home.session, &hash);
    let first = home.session.sample_rows().unwrap()[7 * 3].id;
    home.session.decide(first, DecisionVerb::Accept, None, None).unwrap();
    let rule = Rule { shape: ShapeName::Prop2diff, samples: 9, ..Rule::default() };
    let survey = survey(&home.session, None, Some(&rule)).unwrap().unwrap();
    let chosen = select(&survey.pool, &rule);
    let order = SelectOrder { name: "x".into(), rule, settings: hash, also: Vec::new(), draws: None };
    let outcome = choose(&home.session, &order).unwrap();
    assert_eq!(chosen.hash(&survey.pool), outcome.hash);
    assert_eq!((chosen.samples.len(), chosen.k, chosen.tokens), (outcome.samples, outcome.k, outcome.tokens));
    // Accepted: one fewer than right of each problem that has a right one, and the one that a person accepted.
    assert_eq!(outcome.accepted, (0..7).sum::<usize>() + 1);
}

#[test]
fn samples_of_other_settings_and_of_held_out_problems_are_not_added() {
    let home = home();
    let (base, dialogues) = (settings(&home.session, "base", 1, 0.8), settings(&home.session, "base", 2, 0.8));
    let trained = settings(&home.session, "trained", 1, 0.8);
    for draw in 0..4 {
        add(&home.session, &base, "test", draw, Some(true), 10);
        add(&home.session, &dialogues, "p0", draw, Some(true), 40);
    }
    // Newer than all others, but of a problem that nothing is learnt from.
    sampled(&home.session, &trained);
    for draw in 0..2 {
        add(&home.session, &base, "test", 4 + draw, Some(false), 10);
        add(&home.session, &trained, "test", draw, Some(false), 30);
    }
    let survey_of = |settings: Option<&str>| survey(&home.session, settings, None).unwrap().unwrap();
    let usual = survey_of(None);
    let source = &usual.sources[usual.source];
    assert_eq!((source.hash.as_str(), source.samples, source.problems, source.held_out), (trained.as_str(), 56, 8, 2));
    assert_eq!(source.unjudged, 0);
    assert!(usual.pool.iter().all(|problem| problem.tally().samples == 7 && problem.id() != "test"));
    assert_eq!(usual.pool[3].tally().correct, 3);
    assert_eq!((usual.pool[3].tally().failures.no_answer, usual.pool[3].tally().failures.wrong), (1, 3));
    let other = survey_of(Some(&dialogues));
    assert_eq!((other.pool.len(), other.unsampled), (1, 7));
    // Of held-out problems alone there is nothing to survey: it is as if nothing had been asked for.
    assert_eq!(survey_of(Some(&base)).source, usual.source);
    // Problems and samples stand beside the pool.
    for (problem, known) in usual.pool.iter().zip(&usual.problems) {
        assert_eq!(known.head, format!("What is {}?", problem.id()));
        assert_eq!(known.samples.len(), 7);
        assert_eq!(known.samples.iter().filter(|drawn| drawn.accepted).count(), problem.candidates().len());
    }
}

#[test]
fn lengths_are_compared_on_the_problems_in_common() {
    let home = home();
    let (base, dialogues) = (settings(&home.session, "base", 1, 0.8), settings(&home.session, "base", 2, 0.8));
    let (trained, greedy) = (settings(&home.session, "trained", 1, 0.8), settings(&home.session, "trained", 1, 0.0));
    for (at, tokens) in [(0, 100), (1, 300)] {
        add(&home.session, &base, &format!("p{at}"), 0, Some(true), tokens);
        add(&home.session, &trained, &format!("p{at}"), 0, Some(true), tokens * 2);
        // Twice as many of the short one: problems count once all the same.
        add(&home.session, &trained, "p0", 1 + at as u32, Some(true), 200);
    }
    add(&home.session, &trained, "p7", 0, Some(true), 9);
    add(&home.session, &dialogues, "p5", 0, Some(true), 500);
    add(&home.session, &greedy, "p5", 0, Some(true), 7);
    let survey = survey(&home.session, Some(&trained), None).unwrap().unwrap();
    let [of_base, one, two] = &survey.lengths[..] else { panic!("{:?}", survey.lengths) };
    assert_eq!([of_base.stage, one.stage, two.stage], Stage::ALL);
    assert_eq!((of_base.mean, of_base.median, of_base.ratio), (200.0, 200.0, None));
    assert_eq!(two.ratio, Some(Ratio { to_base: 2.0, shared: 2 }));
    assert_eq!(two.samples.first().map(|sample| sample.0), Some(9));
    assert_eq!(survey.sources[two.source].hash, trained, "the one that is looked at, not the newest");
    assert_eq!((one.ratio, one.truncated), (Some(Ratio { to_base: 2.5, shared: 0 }), 1));
}

#[test]
fn levels_have_the_mean_of_their_problems() {
    let home = home();
    let hash = settings(&home.session, "trained", 1, 0.8);
    sampled(&home.session, &hash);
    let survey = survey(&home.session, None, None).unwrap().unwrap();
    let names: Vec<&Grouped> = survey.groups.iter().map(|group| &group.of).collect();
    assert_eq!(names, [&Grouped::Level(1), &Grouped::Level(2), &Grouped::Subject("algebra".into())]);
    // Problems 1, 3, 5 and 7 are of level 2: 16 of 28 are right.
    let second = &survey.groups[1];
    assert_eq!(second.problems, [1, 3, 5, 7]);
    assert!((second.rate.value - 16.0 / 28.0).abs() < 1e-12 && second.rate.low < 16.0 / 28.0);
}

#[test]
fn the_rule_to_begin_with_is_the_one_stored_for_these_settings() {
    let home = home();
    let (first, second) = (settings(&home.session, "base", 2, 0.8), settings(&home.session, "trained", 1, 0.8));
    sampled(&home.session, &first);
    sampled(&home.session, &second);
    let begin = |settings: &str| survey(&home.session, Some(settings), None).unwrap().unwrap();
    assert_eq!((begin(&second).rule, begin(&second).stored()), (Rule::default(), None));
    let store = |name: &str, settings: &str, k: f64| {
        let rule = Rule { k, shape: ShapeName::Uniform, ..Rule::default() };
        let order = SelectOrder { name: name.into(), rule, settings: settings.into(), also: Vec::new(), draws: None };
        choose(&home.session, &order).unwrap();
    };
    store("stage 2", &second, 2.0);
    assert_eq!(begin(&first).rule.k, 2.0, "the newest of all where there is none of its own");
    store("stage 1", &first, 3.0);
    assert_eq!((begin(&first).rule.k, begin(&second).rule.k), (3.0, 2.0));
    assert_eq!(begin(&second).stored().map(|stored| stored.name.as_str()), Some("stage 2"));
    // One that is given goes before.
    let given = Rule { pick: Pick::Length, ..Rule::default() };
    let survey = survey(&home.session, Some(&first), Some(&given)).unwrap().unwrap();
    assert_eq!((survey.rule, survey.ranking), (given, Ranking::of(&given)));
    assert_ne!(survey.ranking, Ranking::of(&Rule { length: (1, 2), ..given }));
    assert_eq!(Ranking::of(&Rule::default()), Ranking::of(&Rule { length: (1, 2), k: 9.0, ..Rule::default() }));
}

#[test]
fn without_samples_there_is_no_survey() {
    let home = home();
    assert_eq!(survey(&home.session, None, None).unwrap(), None);
    let base = settings(&home.session, "base", 1, 0.8);
    add(&home.session, &base, "test", 0, Some(true), 10);
    assert_eq!(survey(&home.session, None, None).unwrap(), None);
}
