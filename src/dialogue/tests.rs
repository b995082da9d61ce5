//! The turn machine and the stitching together.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::json;

use super::{Answer, Dialogue, DialogueError, Library, Policy, Step, stitch};
use crate::records::{FinishReason, Problem, Role, SegmentKind, Turn, TurnKind};

fn policy(name: &str) -> Policy {
    Library::load(None).unwrap().policy(Some(name)).unwrap()
}

fn problem() -> Problem {
    serde_json::from_value(json!({"id": "p", "problem": "What is 5*8+1?", "answer": "41"})).unwrap()
}

fn ask(dialogue: &mut Dialogue<'_>) -> (Vec<crate::records::Message>, String, u32) {
    match dialogue.next_step().unwrap() {
        Step::Ask { messages, label, turn, .. } => (messages, label, turn),
        Step::Done => panic!("done too early"),
    }
}

fn answer(dialogue: &mut Dialogue<'_>, text: &str) {
    dialogue.answer(Answer {
        text: text.to_owned(),
        token_ids: vec![1, 2],
        tokens: 2,
        logprob: Some(-0.5),
        finish: FinishReason::Stop,
    });
}

fn no_room() -> Answer {
    let finish = FinishReason::ContextFull;
    Answer { text: String::new(), token_ids: Vec::new(), tokens: 0, logprob: None, finish }
}

#[test]
fn two_turns_become_one_chain_with_one_box() {
    let (problem, policy) = (problem(), policy("default"));
    let mut dialogue = Dialogue::new(&problem, &policy, 2, 7, 0).unwrap();
    let (messages, label, turn) = ask(&mut dialogue);
    assert_eq!((messages.len(), label.as_str(), turn), (1, "attempt", 0));
    assert!(messages[0].content.starts_with("What is 5*8+1?") && messages[0].content.contains("\\boxed{}"));
    answer(&mut dialogue, "5*8=42, so $\\boxed{42}$.\n\nLet me know if you have questions!");
    let (messages, label, turn) = ask(&mut dialogue);
    assert_eq!((messages.len(), messages[2].role, turn), (3, Role::User, 1));
    assert!(!messages[2].content.contains("41"), "the guidance never shows the gold answer");
    answer(&mut dialogue, "5*8=40, \\boxed{40} no: 41. So \\boxed{41}.");
    assert_eq!(dialogue.next_step().unwrap(), Step::Done);
    let sample = dialogue.finish("s", 1.5);
    assert_eq!(sample.strategies().collect::<Vec<_>>(), [label.as_str()]);
    assert_eq!((sample.answer.as_deref(), sample.correct, sample.tokens), (Some("41"), Some(true), 4));
    assert!(sample.tags.is_empty());
    let text = &sample.chain.text;
    assert!(text.starts_with("5*8=42, so $42$.\n\n"), "{text}");
    assert!(text.ends_with("\n\n5*8=40, 40 no: 41. So \\boxed{41}."), "{text}");
    let kinds: Vec<_> = sample.chain.segments.iter().map(|segment| (segment.kind, segment.turn)).collect();
    assert_eq!(kinds, [(SegmentKind::Attempt, 1), (SegmentKind::Bridge, 2), (SegmentKind::Revision, 3)]);
}

#[test]
fn answers_that_lost_their_box_are_remembered() {
    let turn = |kind, text: &str| Turn {
        kind,
        strategy: None,
        text: text.into(),
        token_ids: vec![],
        tokens: 0,
        logprob: None,
        finish: None,
    };
    let turns = [
        turn(TurnKind::Problem, "q"),
        turn(TurnKind::Attempt, "So it is $\\boxed{42}$.\n\nBye."),
        turn(TurnKind::Guidance, "g"),
        turn(TurnKind::Revision, "  "),
        turn(TurnKind::Guidance, "g"),
        turn(TurnKind::Revision, "<think>\nNo.</think> \\boxed{40}, then \\boxed{41}, \\boxed{43}"),
    ];
    let chain = stitch(&turns, &["First.".to_owned(), "Second.".to_owned()]);
    assert_eq!(chain.text, "So it is $42$.\n\nSecond.\n\nNo. 40, then \\boxed{41}, \\boxed{43}");
    let opened: Vec<&str> = chain.opened.iter().map(|(begin, end)| &chain.text[*begin..*end]).collect();
    assert_eq!(opened, ["42", "40"]);
}

#[test]
fn one_turn_is_the_attempt_as_it_is() {
    let (problem, policy) = (problem(), policy("default"));
    let mut dialogue = Dialogue::new(&problem, &policy, 1, 0, 0).unwrap();
    ask(&mut dialogue);
    answer(&mut dialogue, " \\boxed{1} \\boxed{41}\n\n");
    assert_eq!(dialogue.next_step().unwrap(), Step::Done);
    assert_eq!(dialogue.finish("s", 0.0).chain.text, " \\boxed{1} \\boxed{41}\n\n");
}

#[test]
fn a_full_context_ends_the_dialogue_and_is_told() {
    let (problem, policy) = (problem(), policy("default"));
    let mut dialogue = Dialogue::new(&problem, &policy, 4, 0, 0).unwrap();
    ask(&mut dialogue);
    answer(&mut dialogue, "So \\boxed{41}.");
    ask(&mut dialogue);
    dialogue.answer(no_room());
    assert_eq!(dialogue.next_step().unwrap(), Step::Done);
    let sample = dialogue.finish("s", 0.0);
    assert_eq!(sample.finish, FinishReason::ContextFull);
    assert_eq!(sample.turns.len(), 4, "the guidance and the empty revision are kept");
    assert_eq!(sample.chain.text, "So \\boxed{41}.");
}

#[test]
fn a_gold_conditioned_choice_depends_on_the_attempt_and_is_tagged() {
    let (problem, policy) = (problem(), policy("gold-conditioned"));
    for (attempt, strategy) in [("\\boxed{41}", "verification"), ("\\boxed{40}", "backtracking")] {
        let mut dialogue = Dialogue::new(&problem, &policy, 2, 0, 0).unwrap();
        ask(&mut dialogue);
        answer(&mut dialogue, attempt);
        assert_eq!(ask(&mut dialogue).1, strategy);
        assert_eq!(dialogue.finish("s", 0.0).tags, ["gold_conditioned"]);
    }
}

/// The default policy with an attempt that is begun, and all revisions too.
fn begun() -> Policy {
    let mut policy = Policy { begin: "5*8 is".into(), ..policy("default") };
    for (strategy, _) in &mut policy.choices {
        strategy.begin = vec!["Let me see:".into(), "Once more:".into()];
    }
    policy
}

#[test]
fn a_turn_that_is_begun_for_the_model_is_asked_for_from_there_and_recorded_whole() {
    let (problem, policy) = (problem(), begun());
    let mut dialogue = Dialogue::new(&problem, &policy, 2, 7, 0).unwrap();
    let Step::Ask { messages, prompt, begin, .. } = dialogue.next_step().unwrap() else { panic!("done too early") };
    assert_eq!((begin.as_str(), messages.len()), ("5*8 is", 2));
    assert_eq!((messages[1].role, messages[1].content.as_str()), (Role::Assistant, "5*8 is"));
    assert!(prompt.starts_with("What is 5*8+1?"), "what is said to the model is what it was: {prompt}");
    answer(&mut dialogue, " 42: \\boxed{42}");
    let Step::Ask { messages, begin, .. } = dialogue.next_step().unwrap() else { panic!("done too early") };
    assert_eq!(messages[1].content, "5*8 is 42: \\boxed{42}", "the model sees its turn whole");
    assert!(["Let me see:", "Once more:"].contains(&begin.as_str()), "{begin}");
    assert_eq!((messages.len(), &messages[3].content), (4, &begin));
    answer(&mut dialogue, " 41, so \\boxed{41}.");
    assert_eq!(dialogue.next_step().unwrap(), Step::Done);
    let sample = dialogue.finish("s", 0.0);
    let turn = &sample.turns[3];
    assert_eq!(turn.text, format!("{begin} 41, so \\boxed{{41}}."));
    assert_eq!((&turn.token_ids, turn.tokens, turn.logprob), (&vec![1, 2], 2, Some(-0.5)), "what was written alone");
    let text = &sample.chain.text;
    assert!(text.starts_with("5*8 is 42: 42") && text.ends_with(&turn.text), "{text}");
    assert_eq!((sample.correct, sample.tokens), (Some(true), 4));
}

#[test]
fn a_begun_turn_for_which_there_was_no_room_is_empty() {
    let (problem, policy) = (problem(), begun());
    let mut dialogue = Dialogue::new(&problem, &policy, 2, 0, 0).unwrap();
    ask(&mut dialogue);
    answer(&mut dialogue, " 41: \\boxed{41}.");
    ask(&mut dialogue);
    dialogue.answer(no_room());
    let sample = dialogue.finish("s", 0.0);
    assert_eq!((sample.turns[3].text.as_str(), sample.chain.text.as_str()), ("", "5*8 is 41: \\boxed{41}."));
}

#[test]
fn beginnings_change_no_other_choice() {
    let (problem, plain, begun) = (problem(), policy("default"), begun());
    let mut beginnings = HashMap::new();
    for draw in 0..200 {
        let chosen = |policy: &Policy, beginnings: &mut HashMap<String, usize>| {
            let mut dialogue = Dialogue::new(&problem, policy, 3, 1, draw).unwrap();
            let mut asked = Vec::new();
            for _ in 0..3 {
                let Step::Ask { label, prompt, begin, turn, .. } = dialogue.next_step().unwrap() else {
                    panic!("done")
                };
                *beginnings.entry(begin).or_default() += 1;
                asked.push((label, prompt, turn));
                answer(&mut dialogue, "41");
            }
            let chain = dialogue.finish("s", 0.0).chain;
            let bridges = chain.segments.iter().filter(|segment| segment.kind == SegmentKind::Bridge);
            let bridges: Vec<String> = bridges.map(|at| chain.text[at.begin..at.end].to_owned()).collect();
            (asked, bridges)
        };
        assert_eq!(chosen(&plain, &mut HashMap::new()), chosen(&begun, &mut beginnings));
    }
    assert!(beginnings["Let me see:"] > 150 && beginnings["Once more:"] > 150, "{beginnings:?}");
    assert_eq!(beginnings["5*8 is"], 200);
}

#[test]
fn a_policy_without_beginnings_has_the_record_that_it_always_had() {
    let keys = |value: &serde_json::Value| {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    let record = policy("default").record();
    assert_eq!(keys(&record), ["mode", "name", "prompt", "strategies", "system"]);
    assert_eq!(keys(&record["strategies"][0]), ["bridge", "guidance", "name", "weight"]);
    let record = begun().record();
    assert_eq!((&record["begin"], &record["strategies"][0]["begin"][1]), (&json!("5*8 is"), &json!("Once more:")));
}

#[test]
fn beginnings_are_read_from_files_and_checked() {
    let load = |begin: &str, attempt: &str| {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["strategies", "policies"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let own = format!("name='own'\ntitle=''\ndescription=''\nguidance=['g']\nbridge=['b']\nbegin=[{begin}]\n");
        std::fs::write(dir.path().join("strategies/own.toml"), own).unwrap();
        let own = "name='own'\ndescription=''\nmode='blind'\nprompt='{{ problem }}'\n";
        let own = format!("{own}begin={attempt}\n[weights]\nown=1\n");
        std::fs::write(dir.path().join("policies/own.toml"), own).unwrap();
        Library::load(Some(dir.path())).map(|library| library.policy(Some("own")).unwrap())
    };
    let own = load("'{{ problem }}', ''", "'So'").unwrap();
    assert_eq!(
        (own.begin.as_str(), own.choices[0].0.begin.as_slice()),
        ("So", ["{{ problem }}".into(), String::new()].as_slice())
    );
    let long = format!("'{}'", "é".repeat(2001));
    for (text, says) in [(long.as_str(), "2000 characters"), ("\"a\\u0000\"", "NUL"), ("' '", "white space alone")] {
        for error in [load(text, "''"), load("", text)] {
            let error = error.unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("own.toml: a text of `begin`"), "{error}");
        }
    }
    assert!(load(&format!("'{}'", "é".repeat(2000)), "''").is_ok());
}

#[test]
fn strategies_follow_their_weights_and_never_repeat_at_once() {
    let (problem, policy) = (problem(), policy("default"));
    let mut counts: HashMap<String, usize> = HashMap::new();
    for draw in 0..2000 {
        let mut dialogue = Dialogue::new(&problem, &policy, 3, 1, draw).unwrap();
        ask(&mut dialogue);
        answer(&mut dialogue, "a");
        let first = ask(&mut dialogue).1;
        answer(&mut dialogue, "b");
        assert_ne!(ask(&mut dialogue).1, first);
        *counts.entry(first).or_default() += 1;
    }
    assert!((700..900).contains(&counts["verification"]), "{counts:?}");
    for other in ["backtracking", "backward", "subgoal"] {
        assert!((320..480).contains(&counts[other]), "{counts:?}");
    }
}

#[test]
fn a_prompt_that_shows_the_answer_is_tagged() {
    let problem = problem();
    let policy = policy("default").with_prompt("{{ problem }} It is {{ answer }}.".into()).unwrap();
    let mut dialogue = Dialogue::new(&problem, &policy, 1, 0, 0).unwrap();
    assert!(ask(&mut dialogue).0[0].content.ends_with("It is 41."));
    let told = Policy { system: Some("It is {{ answer }}".into()), ..self::policy("default") };
    assert!(told.with_prompt("{{ problem }}".into()).unwrap().shows_answer);
    let dumps = self::policy("default").with_prompt("{{ debug() }}".into()).unwrap();
    assert!(Dialogue::new(&problem, &dumps, 1, 0, 0).unwrap().next_step().is_err());
    answer(&mut dialogue, "41");
    assert_eq!(dialogue.finish("s", 0.0).tags, ["shows_answer"]);
}

#[test]
fn templates_that_loop_or_name_nothing_are_one_line() {
    let problem = problem();
    for (prompt, says) in [
        ("{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}", "fuel"),
        ("{{ probelm }}", "`problem`"),
        ("{{ 'x' * 100000000 }}", ""),
    ] {
        let policy = policy("default").with_prompt(prompt.into()).unwrap();
        let mut dialogue = Dialogue::new(&problem, &policy, 1, 0, 0).unwrap();
        let error = dialogue.next_step().unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("policy default, prompt") && !error.contains('\n'), "{error}");
    }
    assert!(policy("default").with_prompt("{% if %}".into()).is_err());
    assert!(matches!(Dialogue::new(&problem, &policy("default"), 7, 0, 0), Err(DialogueError::Turns(7))));
}

#[test]
fn all_that_is_wrong_with_the_files_is_said_at_once() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["strategies", "policies"] {
        std::fs::create_dir(dir.path().join(folder)).unwrap();
    }
    std::fs::write(dir.path().join("strategies/a.toml"), "name = \"a\"\ntitle = 3\n").unwrap();
    let weights = "name='p'\ndescription=''\nmode='blind'\nprompt='{{ problem }}'\n[weights]\nverifikation=1\n";
    std::fs::write(dir.path().join("policies/p.toml"), weights).unwrap();
    let error = Library::load(Some(dir.path())).unwrap_err().to_string();
    assert!(error.contains("a.toml:2:") && error.contains("did you mean `verification`?"), "{error}");
    assert!(Library::load(None).unwrap().policy(Some("defalt")).unwrap_err().to_string().contains("default"));
}

#[test]
fn a_file_of_the_same_name_wins() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("policies")).unwrap();
    let own = "name='default'\ndescription='mine'\nmode='blind'\nprompt='Q: {{ problem }}'\n[weights]\nsubgoal=1\n";
    std::fs::write(dir.path().join("policies/mine.toml"), own).unwrap();
    let policy = Library::load(Some(dir.path())).unwrap().policy(None).unwrap();
    assert_eq!((policy.description.as_str(), policy.choices.len()), ("mine", 1));
    assert_ne!(policy.record(), self::policy("default").record());
}

proptest! {
    #[test]
    fn segments_cover_the_chain(texts in prop::collection::vec("(\\PC|\n|\\\\boxed\\{[0-9]\\}){0,40}", 1..5)) {
        let mut turns = Vec::new();
        let turn = |kind, text: &str| {
            let (text, token_ids) = (text.into(), vec![]);
            Turn { kind, strategy: None, text, token_ids, tokens: 0, logprob: None, finish: None }
        };
        for (index, text) in texts.iter().enumerate() {
            turns.push(turn(if index == 0 { TurnKind::Problem } else { TurnKind::Guidance }, "q"));
            turns.push(turn(if index == 0 { TurnKind::Attempt } else { TurnKind::Revision }, text));
        }
        let bridges = vec!["Let me check this.".to_owned(); texts.len() - 1];
        let chain = stitch(&turns, &bridges);
        let mut at = 0;
        for segment in &chain.segments {
            prop_assert_eq!(segment.begin, at);
            prop_assert!(chain.text.get(segment.begin..segment.end).is_some());
            at = segment.end;
        }
        prop_assert_eq!(at, chain.text.len());
        if texts.len() > 1 {
            prop_assert!(crate::math::box_groups(&chain.text).len() <= 1, "{}", chain.text);
        }
        for (begin, end) in &chain.opened {
            prop_assert!(chain.text.get(*begin..*end).is_some());
        }
    }
}
