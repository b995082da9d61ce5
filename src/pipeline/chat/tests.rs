//! Talks with the model that comes with the program, and what a session knows to talk with.

use std::cell::Cell;

use serde_json::json;

use super::*;
use crate::model::MICRO;
use crate::records::{Message, ModelIdentity, Problem, Role, SampleSettings, Sampling};
use crate::session::{Session, StoredEval};

/// Keeps what is told; asks to stop once so many news of texts came.
#[derive(Default)]
struct Heard {
    news: Vec<News>,
    stop_after: Option<usize>,
    rests: Cell<usize>,
}

impl Listener for Heard {
    fn tell(&mut self, news: News) {
        self.news.push(news);
    }

    fn stopping(&self, _question: u64) -> bool {
        let texts = self.news.iter().filter(|news| matches!(news, News::Text { .. })).count();
        self.stop_after.is_some_and(|most| texts >= most)
    }

    fn rest(&mut self, _step: Duration) {
        self.rests.set(self.rests.get() + 1);
    }
}

impl Heard {
    /// The text of a side as it came piece by piece, how it ended, and its tokens.
    fn answer(&self, wanted: usize) -> (String, End, usize, Option<Check>) {
        let mut text = String::new();
        for news in &self.news {
            match news {
                News::Text { side, delta, .. } if *side == wanted => text.push_str(delta),
                News::Ended { side, end, tokens, check, .. } if *side == wanted => {
                    return (text, end.clone(), *tokens, check.clone());
                }
                _ => {}
            }
        }
        panic!("side {wanted} did not end: {:?}", self.news)
    }

    fn loadings(&self) -> usize {
        self.news.iter().filter(|news| matches!(news, News::Loading { .. })).count()
    }
}

const ASKED: &str = "One of the stamps costs 5 coins. How many coins do 7 of them cost?";

fn question(id: u64, models: &[&str], seed: u64) -> Question {
    let messages = vec![Message::new(Role::User, ASKED)];
    let sides = models.iter().map(|model| Side { model: (*model).into(), messages: messages.clone() }).collect();
    let sampling = Sampling { temperature: 3.0, top_p: 1.0, max_tokens: 120, ..Sampling::default() };
    Question { id, sides, sampling, seed, turn: 0, part: 0, problem: None }
}

#[test]
fn the_same_seed_writes_the_same_and_another_seed_another_text_with_one_loading() {
    let (mut talk, mut heard) = (Talk::default(), Heard::default());
    let mut ask = |id, seed| {
        heard.news.retain(|news| matches!(news, News::Loading { .. }));
        talk.ask(&question(id, &[MICRO], seed), &mut heard).unwrap();
        heard.answer(0)
    };
    let first = ask(1, 7);
    assert!(first.2 > 5 && !first.0.is_empty() && first.3.is_none(), "{first:?}");
    assert_eq!(first, ask(2, 7));
    assert_ne!(first.0, ask(3, 8).0);
    assert_eq!(heard.loadings(), 1);
    assert!(heard.rests.get() > 0, "other work is given its turn");
    assert_eq!(talk.ready(), [Ready { model: MICRO.into(), compute: "q8".into(), context: 1024 }]);
    talk.free();
    assert_eq!(talk.ready(), []);
}

#[test]
fn two_sides_answer_in_turns_and_one_model_twice_draws_twice() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    for name in
        ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]
    {
        let bytes = crate::model::Folder::Embedded.read(name).unwrap().unwrap();
        std::fs::write(copy.join(name), &bytes[..]).unwrap();
    }
    let copy = copy.display().to_string();
    let (mut talk, mut heard) = (Talk::default(), Heard::default());
    talk.ask(&question(1, &[MICRO, &copy], 7), &mut heard).unwrap();
    assert_eq!(heard.loadings(), 2);
    assert_eq!(heard.answer(0).0, heard.answer(1).0, "the same weights under two names write the same");
    let place = |wanted: usize| {
        let of = |news: &News| matches!(news, News::Started { side, .. } if *side == wanted);
        heard.news.iter().position(of).unwrap()
    };
    let first_end = heard.news.iter().position(|news| matches!(news, News::Ended { .. })).unwrap();
    assert!(place(0) < first_end && place(1) < first_end, "neither waits for the other's end");
    let mut twice = Heard::default();
    talk.ask(&question(2, &[MICRO, MICRO], 7), &mut twice).unwrap();
    assert_eq!(twice.loadings(), 0);
    assert_eq!(talk.ready().len(), 1, "what is not talked with any more is let go");
    assert_eq!(twice.answer(0), heard.answer(0));
    assert_ne!(twice.answer(1).0, twice.answer(0).0);
}

#[test]
fn a_stop_keeps_what_was_written_and_the_talk_goes_on_after_it() {
    let (mut talk, mut whole) = (Talk::default(), Heard::default());
    let long = |id| {
        let mut question = question(id, &[MICRO], 7);
        // Hot enough that it does not soon come to an end by itself.
        (question.sampling.temperature, question.sampling.max_tokens) = (8.0, 600);
        question
    };
    talk.ask(&long(1), &mut whole).unwrap();
    let whole = whole.answer(0);
    assert!(whole.2 > 150, "{whole:?}");
    let mut stopped = Heard { stop_after: Some(1), ..Heard::default() };
    talk.ask(&long(2), &mut stopped).unwrap();
    let stopped = stopped.answer(0);
    assert_eq!(stopped.1, End::Stopped);
    assert!(!stopped.0.is_empty() && stopped.2 < whole.2 && whole.0.starts_with(&stopped.0), "{stopped:?}");
    let mut next = question(3, &[MICRO], 7);
    next.turn = 1;
    let more = [Message::new(Role::Assistant, &stopped.0), Message::new(Role::User, "Check that.")];
    next.sides[0].messages.extend(more);
    let mut heard = Heard::default();
    talk.ask(&next, &mut heard).unwrap();
    assert_ne!(heard.answer(0).1, End::Stopped);
    // Stopped before it began, it is an answer without a text.
    let mut at_once = Heard { stop_after: Some(0), ..Heard::default() };
    talk.ask(&question(4, &[MICRO], 7), &mut at_once).unwrap();
    assert_eq!(at_once.answer(0), (String::new(), End::Stopped, 0, None));
}

/// A question that goes on with what was written to the first one's first side.
fn going_on(id: u64, part: u32, begun: &str, sampling: &Sampling) -> Question {
    let mut question = question(id, &[MICRO, MICRO], 7);
    question.sides[0].messages.push(Message::new(Role::Assistant, begun));
    question.sides[1].messages.clear();
    (question.part, question.sampling) = (part, sampling.clone());
    question
}

#[test]
fn an_answer_that_was_cut_off_is_gone_on_with_and_graded_as_a_whole() {
    let mut talk = Talk::default();
    let mut heard = |question: &Question| {
        let mut heard = Heard::default();
        talk.ask(question, &mut heard).unwrap();
        heard
    };
    let greedy = |max_tokens| Sampling { temperature: 0.0, max_tokens, ..Sampling::default() };
    let asked = |id, max_tokens| {
        let problem = Some(("p".to_owned(), "35".to_owned()));
        Question { sampling: greedy(max_tokens), problem, ..question(id, &[MICRO], 7) }
    };
    let (whole, end, tokens, check) = heard(&asked(1, 100)).answer(0);
    assert_eq!((end, check.and_then(|check| check.correct)), (End::Ended, Some(true)), "{whole}");
    let (cut, end, first, _) = heard(&asked(2, 7)).answer(0);
    assert_eq!((end, first), (End::Length, 7));
    let more = Question { problem: asked(3, 0).problem, ..going_on(3, 1, &cut, &greedy(100)) };
    let heard_more = heard(&more);
    let (rest, end, second, check) = heard_more.answer(0);
    assert_eq!((format!("{cut}{rest}"), end, first + second), (whole.clone(), End::Ended, tokens));
    assert_eq!(check, Some(math::check("35", &whole)), "not of the rest alone");
    let of_the_other = |news: &News| matches!(news, News::Started { side: 1, .. } | News::Ended { side: 1, .. });
    assert!(!heard_more.news.iter().any(of_the_other), "a side that is not asked says nothing");
}

#[test]
fn each_part_of_an_answer_is_drawn_anew_and_something_must_be_asked() {
    let mut talk = Talk::default();
    let hot = question(0, &[MICRO], 7).sampling;
    let mut part = |id, part| {
        let mut heard = Heard::default();
        talk.ask(&going_on(id, part, "5*7", &hot), &mut heard).unwrap();
        heard.answer(0).0
    };
    let first = part(1, 1);
    assert_eq!(first, part(2, 1));
    assert_ne!(first, part(3, 2));
    let mut nothing = going_on(4, 1, "", &hot);
    nothing.sides[0].messages.clear();
    assert!(nothing.check().unwrap_err().to_string().contains("nothing is asked"));
    // An answer of which nothing is there cannot be gone on with.
    let refused = talk.ask(&going_on(5, 1, " ", &hot), &mut Heard::default()).unwrap_err();
    assert!(format!("{refused:#}").contains("is empty"), "{refused:#}");
}

#[test]
fn what_has_no_room_is_refused_and_what_fills_the_context_is_cut_there() {
    let (mut talk, mut heard) = (Talk::default(), Heard::default());
    let mut huge = question(1, &[MICRO, MICRO], 0);
    huge.sides[1].messages[0].content = "7 times 8. ".repeat(2000);
    let refused = talk.ask(&huge, &mut heard).unwrap_err().to_string();
    assert!(refused.contains("the context of micro holds 1024"), "{refused}");
    assert!(!heard.news.iter().any(|news| matches!(news, News::Started { .. })), "no side was asked");
    // A prompt that leaves room for a few tokens only.
    let mut full = question(2, &[MICRO], 0);
    (full.sampling.temperature, full.sampling.max_tokens) = (8.0, 5000);
    let message = |count: usize| vec![Message::new(Role::User, "7 times 8. ".repeat(count))];
    let tokens = |count: usize| talk.loaded[0].backend.prompt_tokens(&message(count)).unwrap();
    let count = (1..).take_while(|count| tokens(*count) < 1024).last().unwrap();
    let prompt = tokens(count);
    full.sides[0].messages = message(count);
    let mut heard = Heard::default();
    talk.ask(&full, &mut heard).unwrap();
    let (_, end, tokens, _) = heard.answer(0);
    assert_eq!((end, tokens + prompt), (End::ContextFull, 1024));
    assert!(heard.news.contains(&News::Started { question: 2, side: 0, prompt_tokens: prompt }));
    for wrong in [question(3, &[], 0), question(4, &[MICRO; 3], 0), question(5, &["/no/such/model"], 0)] {
        assert!(talk.ask(&wrong, &mut Heard::default()).is_err());
    }
    let mut cold = question(6, &[MICRO], 0);
    cold.sampling.temperature = -1.0;
    assert!(talk.ask(&cold, &mut Heard::default()).unwrap_err().to_string().contains("temperature"));
}

fn problem(id: &str) -> Problem {
    serde_json::from_value(json!({"id": id, "problem": ASKED, "answer": "35"})).unwrap()
}

fn settings(name: &str, dialogue: serde_json::Value) -> SampleSettings {
    let model = ModelIdentity {
        name: name.into(),
        content: name.into(),
        template: "t".into(),
        compute: "f32".into(),
        context_length: 64,
    };
    SampleSettings { model, turns: 1, sampling: Sampling::default(), seed: 0, dialogue }
}

#[test]
fn a_problem_is_posed_as_the_newest_evaluation_did_and_its_answers_are_graded() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::create(&dir.path().join("s")).unwrap();
    session.hold_out(&[problem("p")]).unwrap();
    let posed = pose(&session, dir.path(), "p").unwrap();
    assert!(posed.text.contains(ASKED) && posed.like == "with the default prompt", "{posed:?}");
    let put = |name: &str, prompt: &str| {
        let settings = settings(name, json!({"prompt": prompt, "system": "Be {{ turn }}.", "begin": "So "}));
        session.put_settings(&settings, &serde_json::Value::Null).unwrap()
    };
    let evaluated = put("base", "EVAL {{ problem }}");
    put("later", "LATER {{ problem }}");
    assert_eq!(pose(&session, dir.path(), "p").unwrap().like, "with the prompt of its samples");
    session
        .put_eval(&StoredEval {
            name: "base".into(),
            model: MICRO.into(),
            settings: evaluated,
            samples: 1,
            problems: vec!["p".into()],
            summary: "{}".into(),
        })
        .unwrap();
    let posed = pose(&session, dir.path(), "p").unwrap();
    assert_eq!((posed.text, posed.system), (format!("EVAL {ASKED}"), Some("Be 0.".to_owned())));
    assert_eq!(posed.begin, "So ", "what was begun for the model there is begun for it here");
    assert_eq!((posed.gold.as_str(), posed.like.as_str()), ("35", "with the prompt of evaluation base"));
    assert!(pose(&session, dir.path(), "q").unwrap_err().to_string().contains("no problem `q`"));
    let mut asked = question(1, &[MICRO], 3);
    asked.problem = Some(("p".into(), "35".into()));
    let (mut talk, mut heard) = (Talk::default(), Heard::default());
    talk.ask(&asked, &mut heard).unwrap();
    let (text, _, _, check) = heard.answer(0);
    assert_eq!(check, Some(math::check("35", &text)), "{text}");
}

#[test]
fn what_was_trained_last_goes_first_and_what_is_gone_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let session = Session::create(&path).unwrap();
    let put = |folder: &str, file: &str| {
        let folder = path.join("runs").join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(file), "{}").unwrap();
    };
    put("sft/checkpoint-9", "config.json");
    put("sft/checkpoint-10", "config.json");
    put("sft/other", "config.json");
    put("sft/checkpoint-11", "manifest.json");
    put(".archive/checkpoint-1", "config.json");
    std::thread::sleep(Duration::from_millis(20));
    put("lora/checkpoint-3", "adapter_config.json");
    put("lora/merged", "config.json");
    let kept = dir.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    for model in [kept.to_str().unwrap(), "/no/such/model", MICRO] {
        session.put_settings(&settings(model, serde_json::Value::Null), &serde_json::Value::Null).unwrap();
    }
    let known = known(&session).unwrap();
    let told: Vec<(&str, bool)> = known.iter().map(|known| (known.what.as_str(), known.unfit.is_none())).collect();
    assert_eq!(
        told,
        [
            ("run lora, adapters merged", true),
            ("run lora, step 3", false),
            ("run sft, step 10", true),
            ("run sft, step 9", true),
            ("wrote samples of this session", true),
            ("comes with the program", true),
        ]
    );
    assert_eq!(known[2].model, path.join("runs/sft/checkpoint-10").display().to_string());
}
