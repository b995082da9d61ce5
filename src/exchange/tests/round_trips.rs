//! Into a session, out, into another one, and out again: the second file is the first, byte for byte.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{fixture, rows};
use crate::exchange::dataset::{DatasetOrder, FileKind, export};
use crate::exchange::messages::{Which, export_as};
use crate::exchange::rows::{DataFormat, Wanted};
use crate::exchange::samples::Reading;
use crate::exchange::store::{look, store};
use crate::session::Session;

const FORMATS: [DataFormat; 5] = [
    DataFormat::Messages,
    DataFormat::PromptCompletion,
    DataFormat::ShareGpt,
    DataFormat::Alpaca,
    DataFormat::Unpaired,
];

const FILES: [&str; 10] = [
    "messages.jsonl",
    "messages.parquet",
    "prompt-completion.jsonl",
    "sharegpt.json",
    "alpaca.json",
    "open-r1.jsonl",
    "nemo.jsonl",
    "dart.jsonl",
    "unpaired.jsonl",
    "preference.jsonl",
];

/// What texts and columns can be like, with the line ends of other systems.
fn odd(dir: &Path) -> PathBuf {
    let chat = |system: Option<&str>, asked: &str, answer: &str| -> Value {
        let system = system.map(|text| json!({"role": "system", "content": text}));
        let turns = [json!({"role": "user", "content": asked}), json!({"role": "assistant", "content": answer})];
        system.into_iter().chain(turns).collect()
    };
    let twice = json!([
        {"role": "user", "content": "a"}, {"role": "assistant", "content": "It is 2.\r\n"},
        {"role": "user", "content": "Check."}, {"role": "assistant", "content": "So \\boxed{3}."},
    ]);
    let long = format!("{}\\boxed{{1}}", "So it goes. ".repeat(20_000));
    let rows = [
        json!({"messages": chat(None, "Wie viel ist ½ + ½?\r\n\u{2028}", "é\u{301}😀 \u{202e}\\boxed{1}\r\n"), "gold": "1"}),
        json!({"messages": chat(Some(" s\u{0}\t"), "null\u{0}", "\u{1b}[31m\u{feff}"), "gold": null, "note": null}),
        json!({"messages": chat(None, "How long?", &long), "gold": 1, "large": u64::MAX, "small": -1.5e-300}),
        json!({"messages": chat(None, "How  long?", ""), "unknown": {"deep": [[], {}]}, "level": "Level ?"}),
        json!({"messages": twice, "gold": "3"}),
        json!({"messages": chat(None, "####\n", "#### 3"), "answer": "so\n#### 1,000", "finish_reason": "length"}),
    ];
    let path = dir.join("odd.jsonl");
    std::fs::write(&path, rows.iter().map(|row| format!("{row}\r\n")).collect::<String>()).unwrap();
    path
}

/// A session of what a file holds, and the name of the settings that it is stored under.
fn session_of(file: &Path, dir: &Path) -> (Session, String) {
    let session = Session::create(dir).unwrap();
    let stored = store(&session, &look(file, &Reading::default()).unwrap()).unwrap();
    (session, stored.settings)
}

fn lines(session: &Session, path: &Path, wanted: Wanted) -> String {
    export_as(session, Some(path), wanted).unwrap();
    std::fs::read_to_string(path).unwrap()
}

/// Writes what a session holds, reads it into another one and writes that: both files, the first as the second would name its
/// settings, which are those of the file that was read.
fn there_and_back((first, settings): &(Session, String), dir: &Path, wanted: Wanted) -> (String, String) {
    let once = lines(first, &dir.join("once.jsonl"), wanted);
    let (second, theirs) = session_of(&dir.join("once.jsonl"), &dir.join("second"));
    assert!(!once.is_empty());
    (once.replace(settings, &theirs), lines(&second, &dir.join("twice.jsonl"), wanted))
}

#[test]
fn what_others_wrote_goes_out_as_it_came_in() {
    for name in FILES {
        let dir = tempfile::tempdir().unwrap();
        let first = session_of(&fixture(name), &dir.path().join("first"));
        let wanted = Wanted { format: DataFormat::Messages, which: Which::All, dialogue: true };
        let (once, twice) = there_and_back(&first, dir.path(), wanted);
        assert_eq!(once, twice, "{name}");
    }
}

#[test]
fn every_format_goes_out_as_it_came_in() {
    let dir = tempfile::tempdir().unwrap();
    let first = session_of(&odd(dir.path()), &dir.path().join("first"));
    for format in FORMATS {
        for dialogue in [false, true] {
            let dir = dir.path().join(format!("{}-{dialogue}", format.name()));
            std::fs::create_dir(&dir).unwrap();
            let (once, twice) = there_and_back(&first, &dir, Wanted { format, which: Which::All, dialogue });
            assert_eq!(once, twice, "{}, {dialogue}", format.name());
        }
    }
}

#[test]
fn parquet_goes_out_as_it_came_in() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = |format| Wanted { format, which: Which::All, dialogue: true };
    let write = |session: &Session, format: DataFormat, directory: PathBuf| -> Vec<Value> {
        let order = DatasetOrder {
            directory: directory.clone(),
            wanted: wanted(format),
            kind: FileKind::Parquet,
            validation_share: 0.0,
            seed: 0,
            force: false,
        };
        export(session, &order).unwrap();
        rows(&directory.join("data/train-00000-of-00001.parquet"))
    };
    let (first, settings) = session_of(&odd(dir.path()), &dir.path().join("first"));
    for format in FORMATS {
        let at = |part: &str| dir.path().join(format!("{}-{part}", format.name()));
        let once = write(&first, format, at("once"));
        let (second, theirs) = session_of(&at("once").join("data/train-00000-of-00001.parquet"), &at("session"));
        let mut twice = write(&second, format, at("twice"));
        for row in &mut twice {
            assert_eq!(row["settings"], theirs.as_str());
            row["settings"] = settings.as_str().into();
        }
        assert_eq!(once, twice, "{}", format.name());
    }
}
