//! Evaluations of a real session, kept, listed and read.

use super::*;
use crate::filter::Transition;
use crate::records::{Chain, FinishReason, ModelIdentity, SampleSettings, Sampling, Turn, TurnKind};

fn settings(model: &str, turns: usize, temperature: f32) -> SampleSettings {
    SampleSettings {
        model: ModelIdentity {
            name: model.into(),
            content: model.into(),
            template: "t".into(),
            compute: "f32".into(),
            context_length: 64,
        },
        turns,
        sampling: Sampling { temperature, ..Sampling::default() },
        seed: 0,
        dialogue: serde_json::json!({ "prompt": "{{ problem }}" }),
    }
}

fn sample(problem: &str, draw: u32, settings: &str, answer: &str) -> Sample {
    Sample {
        problem_id: problem.into(),
        draw,
        settings: settings.into(),
        turns: Vec::new(),
        chain: Chain { text: format!("It is \\boxed{{{answer}}}."), ..Chain::default() },
        tags: Vec::new(),
        finish: FinishReason::Stop,
        answer: Some(answer.into()),
        correct: Some(answer == "2"),
        tokens: 10,
        seconds: 1.0,
        created_at: 0,
    }
}

fn problem(id: &str, level: i64) -> Problem {
    serde_json::from_value(serde_json::json!({
        "id": id, "problem": format!("{id}: what is 1 + 1?"), "answer": "2", "source": "sums", "level": level
    }))
    .unwrap()
}

/// Two models on three problems, two answers each; the second gains `a` and loses `b`.
fn session(dir: &std::path::Path) -> Session {
    let session = Session::create(dir).unwrap();
    let held = [problem("a", 1), problem("b", 1), problem("c", 2)];
    session.hold_out(&held).unwrap();
    for (model, answers) in [("base", ["33", "22", "23"]), ("later", ["22", "33", "32"])] {
        let hash = session.put_settings(&settings(model, 1, 0.8), &serde_json::Value::Null).unwrap();
        for (problem, answers) in held.iter().zip(answers) {
            for (draw, answer) in answers.chars().enumerate() {
                session.add_sample(&sample(&problem.id, draw as u32, &hash, &answer.to_string())).unwrap();
            }
        }
        assert!(keep(&session, (model, model), &hash, &held, 2).unwrap().is_some());
    }
    session
}

#[test]
fn kept_evaluations_are_listed_detailed_and_compared() {
    let root = tempfile::tempdir().unwrap();
    let session = session(&root.path().join("s"));
    let listed = list(&session).unwrap();
    let (base, later) = (&listed[0], &listed[1]);
    assert_eq!((listed.len(), base.eval.name.as_str(), base.source.as_str()), (2, "base", "sums"));
    assert!(!base.greedy() && !base.same_model(later) && differences(base, later).is_empty());
    let mut reader = Reader::new(session);
    let Scores::Detail(detail) = reader.answer(&ScoreRequest::Detail(base.key())).unwrap() else { panic!() };
    assert_eq!(detail.score, base.score, "the samples say what was kept");
    assert_eq!((detail.score.pass_at_1.value, detail.missing), (0.5, 0));
    assert_eq!(detail.groups[&Group::Right], [3, 4, 5]);
    assert_eq!(detail.groups[&Group::Level(2)], [5, 6]);
    assert_eq!(detail.moves.share(Transition::TrueTrue).value, 0.5);
    let two = detail.pass_at_k.iter().find(|(k, _)| *k == 2).unwrap().1;
    assert!((two.value - 2.0 / 3.0).abs() < 1e-12 && two.low < two.value, "{two:?}");
    let request = ScoreRequest::Paired { first: base.key(), second: later.key() };
    let Scores::Paired(paired) = reader.answer(&request).unwrap() else { panic!() };
    assert_eq!((paired.gained.len(), paired.lost.len(), paired.only_first), (1, 1, 0));
    let (gained, lost) = (&paired.gained[0], &paired.lost[0]);
    assert_eq!((gained.problem.as_str(), gained.before, gained.after), ("a", (0, 2), (2, 2)));
    assert_eq!((gained.samples.as_slice(), gained.beside), (&[7, 8, 1, 2][..], Some(1)));
    assert_eq!((lost.problem.as_str(), lost.samples[0], lost.beside), ("b", 9, Some(3)));
    assert!(gained.text.starts_with("a: what"));
    let gone = ScoreRequest::Detail(EvalKey { name: "gone".into(), ..base.key() });
    assert!(reader.answer(&gone).unwrap_err().to_string().contains("no such evaluation"));
}

#[test]
fn settings_that_decide_the_answers_make_a_comparison_unfair() {
    let root = tempfile::tempdir().unwrap();
    let listed = list(&session(&root.path().join("s"))).unwrap();
    let with = |change: &dyn Fn(&mut SampleSettings)| {
        let mut other = listed[1].clone();
        change(other.made.as_mut().unwrap());
        differences(&listed[0], &other)
    };
    let greedy = with(&|made| made.sampling.temperature = 0.0);
    assert_eq!(greedy.len(), 1);
    assert!(greedy[0].unfair && greedy[0].what == "temperature" && greedy[0].second == "0");
    assert!(with(&|made| made.sampling.max_tokens = 9)[0].unfair);
    assert!(with(&|made| made.dialogue = serde_json::json!({ "prompt": "Think. {{ problem }}" }))[0].unfair);
    assert!(!with(&|made| made.seed = 7)[0].unfair);
    assert!(!with(&|made| made.model.compute = "q8".into())[0].unfair);
    // Strategies are of no concern to single turns.
    assert!(with(&|made| made.dialogue["strategies"] = serde_json::json!(["x"])).is_empty());
    let mut unknown = listed[1].clone();
    unknown.made = None;
    assert!(differences(&listed[0], &unknown)[0].unfair);
}

#[test]
fn second_turns_are_counted_by_settings_without_those_that_knew_the_answer() {
    let root = tempfile::tempdir().unwrap();
    let session = session(&root.path().join("s"));
    session.add_problems(&[problem("x", 1), problem("y", 1)]).unwrap();
    let hash = session.put_settings(&settings("base", 2, 0.8), &serde_json::Value::Null).unwrap();
    let turn = |kind, text: &str| {
        let strategy = (kind == TurnKind::Guidance).then(|| "verification".to_owned());
        let finish = Some(FinishReason::Stop);
        Turn { kind, strategy, text: text.into(), token_ids: Vec::new(), tokens: 1, finish, logprob: None }
    };
    let dialogue = |problem: &str, draw, first: &str, last: &str| Sample {
        turns: vec![
            turn(TurnKind::Problem, "?"),
            turn(TurnKind::Attempt, &format!("\\boxed{{{first}}}")),
            turn(TurnKind::Guidance, "Check it."),
            turn(TurnKind::Revision, &format!("\\boxed{{{last}}}")),
        ],
        ..sample(problem, draw, &hash, last)
    };
    session.add_sample(&dialogue("x", 0, "3", "2")).unwrap();
    session.add_sample(&dialogue("x", 1, "2", "2")).unwrap();
    session.add_sample(&dialogue("y", 0, "2", "3")).unwrap();
    let told = Sample { tags: vec!["gold_conditioned".into()], ..dialogue("y", 1, "3", "2") };
    session.add_sample(&told).unwrap();
    let found = dialogues(&session).unwrap();
    assert_eq!(found.len(), 1, "single turns are no dialogues");
    let of = &found[0];
    assert_eq!((of.settings.as_str(), of.left_out, of.moves.samples, of.moves.problems), (hash.as_str(), 1, 3, 2));
    assert_eq!((of.moves.mended.unwrap().value, of.moves.broken.unwrap().value), (1.0, 0.5));
    assert_eq!(of.rows[&Some(Transition::FalseTrue)], [13]);
    assert_eq!(of.by_strategy, [("verification".to_owned(), of.moves.clone())]);
}
