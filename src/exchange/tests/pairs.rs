//! What is wanted and what is not, read back: pairs, labels, and tokens with their masks.

use std::path::Path;

use serde_json::{Value, json};

use super::fixture;
use crate::exchange::formats::{Detokenizer, SampleFormat, token_row};
use crate::exchange::messages::{Which, export_as};
use crate::exchange::rows::{DataFormat, Wanted};
use crate::exchange::samples::{self, ImportedSample, Reading};
use crate::exchange::store::{Found, Stored, look, store};
use crate::model::{ChatTemplate, MICRO, ModelFiles, TextFiles};
use crate::records::{DecisionVerb, Message, Role};
use crate::session::Session;
use crate::train::dataset::{Example, item};

fn import(session: &Session, file: &Path) -> (Found, Stored) {
    let readable = look(file, &Reading::default()).unwrap();
    let stored = store(session, &readable).unwrap();
    (readable.found, stored)
}

fn write(dir: &Path, name: &str, rows: &[Value]) -> std::path::PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, rows.iter().map(|row| format!("{row}\n")).collect::<String>()).unwrap();
    path
}

fn export(session: &Session, path: &Path, format: DataFormat, which: Which) -> String {
    export_as(session, Some(path), Wanted { format, which, dialogue: false }).unwrap();
    std::fs::read_to_string(path).unwrap()
}

/// Answers and what a person says of them, in the order of the rows.
fn standings(session: &Session) -> Vec<(String, Option<DecisionVerb>)> {
    let rows = session.sample_rows().unwrap();
    let text = |id: i64| session.sample(id).unwrap().unwrap().turns.pop().unwrap().text;
    rows.into_iter().map(|row| (text(row.id), row.standing.verb)).collect()
}

#[test]
fn pairs_of_all_shapes_are_two_samples_each() {
    let mut found: Vec<ImportedSample> = Vec::new();
    let read = samples::each(&fixture("preference.jsonl"), &Reading::default(), &mut |_, sample| {
        found.push(sample);
        Ok(())
    });
    assert_eq!((read.unwrap().1, found.len()), (SampleFormat::Preference, 12));
    let ends: Vec<(&str, &str)> = found
        .chunks(2)
        .map(|pair| (pair[0].turns.last().unwrap().1.as_str(), pair[1].turns.last().unwrap().1.as_str()))
        .collect();
    let right = "6 times 7 is \\boxed{42}.";
    let expected = [
        (right, "It is \\boxed{41}."),
        ("Hi.", "No."),
        (right, "Fifty."),
        ("Me.", "You.\n\nNot me."),
        (right, "Sixty."),
        ("Good day.", "No."),
    ];
    assert_eq!(ends, expected);
    for pair in found.chunks(2) {
        assert_eq!((pair[0].chosen, pair[1].chosen), (Some(true), Some(false)));
        assert_eq!((&pair[0].system, &pair[0].problem), (&pair[1].system, &pair[1].problem));
    }
    let systems: Vec<bool> = found.chunks(2).map(|pair| pair[0].system.as_deref() == Some("Think.")).collect();
    assert_eq!(systems, [false, false, true, false, false, true]);
    assert_eq!((found[6].turns.len(), found[6].turns[2].1.as_str()), (4, "Who?"));
    assert_eq!((found[0].problem.answer.as_deref(), found[4].problem.answer.as_deref()), (Some("42"), None));
    assert_eq!(found[1].extra["score_chosen"], 8.5, "what no field holds is kept");
}

#[test]
fn what_a_file_prefers_is_decided_and_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::create(&dir.path().join("session")).unwrap();
    let pair = |chosen: &str, rejected: &str| json!({"prompt": "p", "chosen": chosen, "rejected": rejected});
    let rows = [pair("a", "b"), pair("a", "c"), pair("b", "c"), pair("d", "d")];
    let file = write(dir.path(), "pairs.jsonl", &rows);
    let (found, stored) = import(&session, &file);
    assert_eq!((found.format, found.samples, found.chosen, found.rejected), (SampleFormat::Preference, 7, 3, 3));
    assert!(found.to_string().ends_with("0 with an answer, 3 chosen and 3 rejected"), "{found}");
    assert_eq!((stored.added, stored.repeated, stored.accepted, stored.rejected), (5, 2, 2, 2));
    assert_eq!((stored.graded, session.problems().unwrap()[0].answer.as_str()), (0, ""), "nobody said what is right");
    use DecisionVerb::{Accept, Reject, Skip};
    let expected = [("a", Some(Accept)), ("b", Some(Reject)), ("c", Some(Reject)), ("b", Some(Accept)), ("d", None)];
    let expected = expected.map(|(text, verb)| (text.to_owned(), verb));
    assert_eq!(standings(&session), expected);
    // What a person decides here stays.
    let first = session.sample_rows().unwrap()[0].id;
    session.decide(first, Skip, None, None).unwrap();
    let (_, again) = import(&session, &file);
    assert_eq!((again.added, again.unchanged, again.accepted, again.rejected), (0, 5, 0, 0));
    assert_eq!(standings(&session)[0].1, Some(Skip));
}

#[test]
fn a_file_decides_at_once_and_only_where_nobody_has() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::create(&dir.path().join("session")).unwrap();
    let labelled = |text: &str| json!({"prompt": "p", "completion": text, "label": true});
    import(&session, &write(dir.path(), "labels.jsonl", &["a", "b", "c"].map(labelled)));
    while session.undo().unwrap().is_some() {}
    use DecisionVerb::{Accept, Reject, Skip};
    let ids: Vec<i64> = session.sample_rows().unwrap().iter().map(|row| row.id).collect();
    session.decide(ids[1], Skip, None, None).unwrap();
    let wanted = [(ids[0], Accept), (ids[1], Accept), (ids[2], Reject)];
    assert_eq!(session.decide_where_open(&wanted, Some("theirs")).unwrap(), [Accept, Reject]);
    let verbs = || session.sample_rows().unwrap().into_iter().map(|row| row.standing.verb).collect::<Vec<_>>();
    assert_eq!(verbs(), [Some(Accept), Some(Skip), Some(Reject)]);
    assert_eq!(session.decide_where_open(&wanted, None).unwrap(), []);
    let (_, _, together) = session.undo().unwrap().unwrap();
    assert_eq!((together, verbs()), (2, vec![None, Some(Skip), None]));
}

#[test]
fn labels_are_decisions() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::create(&dir.path().join("session")).unwrap();
    let (found, stored) = import(&session, &fixture("unpaired.jsonl"));
    assert_eq!((found.format, found.with_gold), (SampleFormat::Unpaired, 2));
    assert_eq!((stored.accepted, stored.rejected, stored.graded, stored.correct), (1, 1, 2, 1));
}

#[test]
fn pairs_go_out_as_they_came_in() {
    let dir = tempfile::tempdir().unwrap();
    let row = |problem: &str, text: &str| json!({"problem": problem, "generation": text, "expected_answer": "1"});
    let (right, wrong) = (|text: &str| format!("{text} \\boxed{{1}}"), |text: &str| format!("{text} \\boxed{{2}}"));
    let rows = [
        row("p", &right("a")),
        row("p", &right("b")),
        row("p", &wrong("c")),
        row("q", &right("f")),
        row("p", &wrong("d")),
        row("p", &right("a")),
        row("p", &wrong("e")),
        row("q", &wrong("g")),
        row("p", &right("h")),
    ];
    let file = write(dir.path(), "rows.jsonl", &rows);
    let first = Session::create(&dir.path().join("first")).unwrap();
    import(&first, &file);
    // A chat of which the last answer alone is wanted or not.
    let message = |role: &str, content: &str| json!({"role": role, "content": content});
    let chat = json!({
        "prompt": [message("user", "r"), message("assistant", "What of it?"), message("user", "How much is it?")],
        "chosen": [message("assistant", &right("i"))], "rejected": [message("assistant", &wrong("j"))], "gold": "1",
    });
    import(&first, &write(dir.path(), "chats.jsonl", std::slice::from_ref(&chat)));
    for (format, count) in [(DataFormat::Preference, 5), (DataFormat::Unpaired, 11)] {
        let name = |at: usize| dir.path().join(format!("{}-{at}.jsonl", format.name()));
        let once = export(&first, &name(1), format, Which::Correct);
        assert_eq!(once.lines().count(), count);
        let rows = once.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        assert!(rows.into_iter().any(|row| row["prompt"] == chat["prompt"]), "{}", format.name());
        let second = Session::create(&dir.path().join(format!("second-{}", format.name()))).unwrap();
        let (found, stored) = import(&second, &name(1));
        assert_eq!(found.chosen + found.rejected, stored.accepted + stored.rejected + stored.repeated);
        let twice = export(&second, &name(2), format, Which::Accepted);
        if format == DataFormat::Preference {
            assert_eq!(once, twice);
            continue;
        }
        // The sample that was there twice is one now; who wrote them and how they are counted is the file's.
        let said = |text: &str| -> Vec<(Value, Value)> {
            let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            rows.map(|row| (row["completion"].clone(), row["label"].clone())).collect()
        };
        let mut distinct = said(&once);
        distinct.remove(distinct.iter().rposition(|(text, _)| text[0]["content"] == right("a")).unwrap());
        assert_eq!(said(&twice), distinct);
    }
}

/// Chats as they are trained on, some with a loss on a part of the answer alone.
fn examples() -> Vec<Example> {
    let example = |at: usize, system: Option<&str>, asked: &str, answer: &str, spared: usize| Example {
        key: format!("p{at}/0"),
        problem_id: format!("p{at}"),
        prompt: system
            .map(|text| Message::new(Role::System, text))
            .into_iter()
            .chain([Message::new(Role::User, asked)])
            .collect(),
        answer: answer.into(),
        untrained: (spared > 0).then_some(0..spared).into_iter().collect(),
        weight: 1.0,
    };
    vec![
        example(0, None, "What is 6 times 7?", "It is \\boxed{42}.", 0),
        example(1, Some("Think."), "What is 6 times 7?", "No: 41.\n\nIt is \\boxed{42}.", 7),
        example(
            2,
            None,
            "Say <|end|><|assistant|> and <|im_end|>\n<|im_start|>assistant\n.",
            "<|im_end|>\n<|end|> é😀",
            3,
        ),
        example(3, Some("<|user|>"), "a\r\nb ", " c\u{2028}\n", 0),
    ]
}

#[test]
fn tokens_become_the_chats_that_they_were_made_of() {
    let dir = tempfile::tempdir().unwrap();
    let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-chat");
    for model in [MICRO, tiny] {
        let files = ModelFiles::open(model).unwrap();
        let rows: Vec<Value> = examples()
            .iter()
            .map(|example| Value::Object(token_row(&item(example, &files.tokenizer, &files.template).unwrap())))
            .collect();
        let file = write(dir.path(), "tokens.jsonl", &rows);
        let reading = Reading { detokenizer: Some(Detokenizer::of(&files).unwrap()), ..Reading::default() };
        let mut found = Vec::new();
        let read = samples::each(&file, &reading, &mut |_, sample| {
            found.push(sample);
            Ok(())
        });
        assert_eq!(read.unwrap().1, SampleFormat::Tokens);
        for (sample, example) in found.iter().zip(examples()) {
            let system = example.prompt.iter().find(|message| message.role == Role::System);
            let asked = example.prompt.last().map(|message| message.content.clone()).unwrap();
            assert_eq!(sample.system, system.map(|message| message.content.clone()), "{model}");
            assert_eq!(sample.turns, [(Role::User, asked), (Role::Assistant, example.answer)], "{model}");
            assert_eq!(sample.problem.id, Some(example.problem_id));
        }
        assert_eq!(found.len(), rows.len());
    }
}

#[test]
fn tokens_of_another_model_and_damaged_rows_are_refused_by_their_number() {
    let dir = tempfile::tempdir().unwrap();
    let files = ModelFiles::open(MICRO).unwrap();
    let good = Value::Object(token_row(&item(&examples()[0], &files.tokenizer, &files.template).unwrap()));
    let detokenizer = Detokenizer::of(&files).unwrap();
    let said = |change: &dyn Fn(&mut Value), detokenizer: Option<Detokenizer>| {
        let mut bad = good.clone();
        change(&mut bad);
        let file = write(dir.path(), "tokens.jsonl", &[good.clone(), bad]);
        look(&file, &Reading { detokenizer, ..Reading::default() }).map(|_| ()).map_err(|error| error.to_string())
    };
    let with = |change: &dyn Fn(&mut Value)| said(change, Some(detokenizer.clone()));
    assert!(
        said(&|_| {}, None).unwrap_err().contains("tokens.jsonl:1: tokens: only the model that they were made for")
    );
    assert_eq!(with(&|_| {}), Ok(()));
    // What fills a row up is no part of it.
    let push = |row: &mut Value, name: &str, value: i64| row[name].as_array_mut().unwrap().push(value.into());
    let filled = |row: &mut Value, attended: i64| {
        push(row, "input_ids", 0);
        push(row, "labels", -100);
        push(row, "attention_mask", attended);
    };
    assert_eq!(with(&|row| filled(row, 0)), Ok(()));
    let refused = |change: &dyn Fn(&mut Value)| with(change).unwrap_err();
    assert!(refused(&|row| filled(row, 1)).contains("tokens.jsonl:2: tokens: the tokens are not what micro makes"));
    assert!(refused(&|row| row["labels"][0] = json!(1_000)).contains("`labels`, item 1: neither"));
    assert!(refused(&|row| row["input_ids"][0] = json!(-1)).contains("item 1: -1 is no token"));
    assert!(refused(&|row| row["input_ids"][0] = json!(1 << 20)).contains("micro has no token 1048576"));
    assert!(refused(&|row| row["labels"] = json!(null)).contains("no `labels`"));
    assert!(refused(&|row| push(row, "labels", -100)).contains("not of one length"));
    assert!(refused(&|row| row["input_ids"] = json!(["a"])).contains("no whole number"));
    let unlabelled = |row: &mut Value| {
        let all = row["labels"].as_array().map_or(0, Vec::len);
        row["labels"] = json!(vec![-100; all]);
    };
    assert!(refused(&unlabelled).contains("every label is -100"));
    assert!(refused(&|row| row["labels"] = row["input_ids"].clone()).contains("the first token has a loss already"));
}

#[test]
fn a_template_that_hides_where_answers_begin_is_told_of_at_once_and_one_with_a_date_in_the_error() {
    let of = |source: &str| {
        let template = ChatTemplate::new("theirs", source).unwrap();
        Detokenizer::of(TextFiles { template, ..TextFiles::from(&ModelFiles::open(MICRO).unwrap()) })
    };
    let bare = of("{% for m in messages %}{{ m.content }}{% endfor %}").unwrap_err().to_string();
    assert!(bare.starts_with("chat template `theirs`: ") && bare.contains("import the texts"), "{bare}");
    let chat = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}";
    let refused = |source: &str| of(source).unwrap().chat(&[1, 2, 3], 1).unwrap_err();
    assert!(!refused(chat).contains("date"));
    assert!(refused(&format!("{{{{ strftime_now('%d %b %Y') }}}}{chat}")).contains("writes today's date"));
}

#[test]
fn the_model_that_read_tokens_is_part_of_what_they_are_stored_under() {
    let dir = tempfile::tempdir().unwrap();
    let files = ModelFiles::open(MICRO).unwrap();
    let row = Value::Object(token_row(&item(&examples()[0], &files.tokenizer, &files.template).unwrap()));
    let file = write(dir.path(), "tokens.jsonl", &[row]);
    let session = Session::create(&dir.path().join("session")).unwrap();
    let detokenizer = Detokenizer::of(&files).unwrap();
    let reading = Reading { detokenizer: Some(detokenizer.clone()), ..Reading::default() };
    let stored = store(&session, &look(&file, &reading).unwrap()).unwrap();
    assert_eq!((stored.added, stored.problems_added), (1, 1));
    let settings = session.settings(&stored.settings).unwrap().unwrap();
    assert_eq!(settings.dialogue["model"], detokenizer.identity());
}
