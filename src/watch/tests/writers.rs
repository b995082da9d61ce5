//! What real writers recorded (tests/fixtures/make/watch.py), and our own event files.

use rusqlite::Connection;
use serde_json::Value;

use super::*;
use crate::watch::Kind;
use crate::watch::tensorboard::Writer;

/// What the fixtures' writers logged, under this tag.
fn expected(tag: &str) -> Vec<f64> {
    let steps: Vec<Value> = serde_json::from_slice(&fixture("expected.json")).unwrap();
    steps.iter().map(|step| step[tag].as_f64().unwrap_or(f64::NAN)).collect()
}

fn assert_as_logged(news: &News, step: u64) {
    for tag in ["train/loss", "train/learning_rate", "train/epoch"] {
        let (curve, expected) = (curve(news, tag), expected(tag));
        assert_eq!(curve.len(), expected.len(), "{} {tag}", news.run);
        for (number, ((at, value), expected)) in curve.into_iter().zip(expected).enumerate() {
            assert_eq!(at, (number as u64 + 1) * step, "{} {tag}", news.run);
            let same = (value - expected).abs() < 1e-6 || (value.is_nan() && expected.is_nan());
            assert!(same, "{} {tag} at step {at}: {value}, not {expected}", news.run);
        }
    }
    assert!(has_setting(news, "lr", "0.0001") && has_setting(news, "model.layers", "2"), "{:?}", news.settings);
    assert_eq!((news.total_steps, news.afresh, news.gone), (Some(5), false, false));
}

fn project() -> Connection {
    let store = Connection::open_in_memory().unwrap();
    store.execute_batch(std::str::from_utf8(&fixture("trackio.sql")).unwrap()).unwrap();
    store
}

/// The project as a file.
fn put_project(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    project().execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
}

fn listing(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_writer_tells_what_was_logged() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join("tb").join(EVENTS), fixture(EVENTS));
    put(&dir.path().join("wandb/offline-run-1").join(WANDB), fixture(WANDB));
    put_project(&dir.path().join("trackio/tests.db"));
    let mut watcher = watch(dir.path());
    let told = news(&mut watcher);
    assert_eq!(names(&told), ["tb", "trackio/tests/first", "trackio/tests/second", "wandb/offline-run-1"]);
    let [events, first, second, wandb] = &told[..] else { panic!("{told:?}") };
    assert_eq!(
        [events.kind, first.kind, second.kind, wandb.kind],
        [Kind::TensorBoard, Kind::Trackio, Kind::Trackio, Kind::Wandb]
    );
    for news in [events, first, second] {
        assert_as_logged(news, 1);
    }
    assert_eq!(events.points[0].time, Some(1_700_000_001.0));
    assert_eq!(events.notes, [(Some(0), "note: hello".to_owned())]);
    assert!(curve(events, "weights").is_empty());
    assert_eq!(second.notes, [(Some(5), "warn: spike: loss is high".to_owned())]);
    assert!(first.points.iter().all(|point| point.time.is_some_and(|time| time > 1.6e9)));
    // The trainer's own steps, not W&B's count of calls.
    assert_as_logged(wandb, 10);
    assert_eq!(curve(wandb, "nested.a").len(), 5);
    assert!(has_setting(wandb, "name", "first"));
    assert_eq!(wandb.finished, Some(false));
    assert!(wandb.notes.iter().any(|(_, note)| note == "ended with exit code 1"));
    assert!(news(&mut watcher).is_empty());
    assert_eq!(listing(&dir.path().join("trackio")), ["tests.db"]);
}

#[test]
fn a_trackio_project_is_followed_while_it_is_written_and_nothing_is_left_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tests.db");
    put_project(&path);
    let store = Connection::open(&path).unwrap();
    store.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    let log = |run: &str, step: i64| {
        let row = "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics)
            VALUES (?1, '2026-01-02T03:04:05+00:00', ?1, ?2, '{\"loss\": 0.5, \"bad\": \"-Infinity\", \"text\": \"x\"}')";
        store.execute(row, rusqlite::params![run, step]).unwrap();
    };
    log("third", 1);
    let before = listing(dir.path());
    assert_eq!(before.len(), 3);
    let mut watcher = watch(dir.path());
    let told = news(&mut watcher);
    assert_eq!(names(&told), ["tests/first", "tests/second", "tests/third"]);
    assert_eq!(curve(&told[2], "bad"), [(1, f64::NEG_INFINITY)]);
    assert_eq!(told[2].points[0].time, Some(1_767_323_045.0));
    log("third", 2);
    let told = news(&mut watcher);
    assert_eq!((names(&told), curve(&told[0], "loss")), (vec!["tests/third"], vec![(2, 0.5)]));
    store.execute("DELETE FROM metrics WHERE run_name = 'third'", []).unwrap();
    let told = news(&mut watcher);
    assert!(told.len() == 1 && told[0].gone && told[0].run == "tests/third");
    assert_eq!(listing(dir.path()), before);
    drop(store);
    assert!(news(&mut watcher).is_empty());
    std::fs::remove_file(&path).unwrap();
    put_project(&path);
    let told = news(&mut watcher);
    assert_eq!(names(&told), ["tests/first", "tests/second"]);
    assert!(told.iter().all(|news| news.afresh && news.points.len() == 15));
}

#[test]
fn a_store_that_is_no_project_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = Connection::open(dir.path().join("other.db")).unwrap();
    // A view under the name of a table could ask for anything.
    store.execute_batch("CREATE TABLE t (x); CREATE VIEW metrics AS SELECT 1 AS run_name, 2 AS step").unwrap();
    put(&dir.path().join("text.db"), "no store at all, but longer than a header");
    assert!(news(&mut watch(dir.path())).is_empty());
}

#[test]
fn our_event_files_are_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(&dir.path().join("run")).unwrap();
    writer.scalar("train/loss", 1, 2.5, 1_700_000_000.25).unwrap();
    writer.flush().unwrap();
    let mut watcher = watch(dir.path());
    let told = news(&mut watcher);
    assert_eq!((names(&told), curve(&told[0], "train/loss")), (vec!["run"], vec![(1, 2.5)]));
    assert_eq!(told[0].points[0].time, Some(1_700_000_000.25));
    writer.scalar("train/loss", 300, f64::INFINITY, 1.0).unwrap();
    writer.flush().unwrap();
    // Another one of the same second is another file, and the same run.
    let mut other = Writer::create(&dir.path().join("run")).unwrap();
    other.scalar("train/loss", 7, -1.0, 2.0).unwrap();
    assert_ne!(other.path(), writer.path());
    drop(other);
    let told = news(&mut watcher);
    assert_eq!(curve(&told[0], "train/loss"), [(300, f64::INFINITY), (7, -1.0)]);
    assert!(!told[0].afresh);
}

#[test]
fn our_runs_for_wandb_are_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = wandb_writer(dir.path(), 1_800_000_000);
    let mut watcher = watch(dir.path());
    let told = news(&mut watcher);
    assert_eq!(names(&told), ["offline-run-20270115_080000-abcd1234"]);
    assert!(has_setting(&told[0], "lr", "0.0001") && has_setting(&told[0], "model.layers", "2"), "{told:?}");
    assert!(has_setting(&told[0], "name", "sft") && has_setting(&told[0], "project", "demo"), "{told:?}");
    assert_eq!((told[0].total_steps, told[0].finished), (Some(5), None));
    // Each row is there as soon as it is written; so many go over several blocks.
    for step in 1..=200 {
        let values = [("train/loss", step as f64 / 8.0), ("eval/loss", f64::NAN), ("train/learning_rate", 1e-5)];
        writer.row(step, 1_800_000_000.25 + step as f64, &values).unwrap();
        let told = news(&mut watcher);
        assert_eq!(curve(&told[0], "train/loss"), [(step, step as f64 / 8.0)]);
        assert_eq!(told[0].points[0].time, Some(1_800_000_000.25 + step as f64));
        assert!(curve(&told[0], "eval/loss").is_empty());
    }
    let part = crate::watch::wandb::parts(dir.path()).unwrap().remove(0);
    assert!(std::fs::metadata(&part.file).unwrap().len() > 1 << 15);
    // What is torn at the end is no step.
    let bytes = std::fs::read(&part.file).unwrap();
    append(&part.file, b"\x12\x34");
    assert_eq!(part.mend().unwrap(), Some(200));
    assert!(std::fs::read(&part.file).unwrap() == bytes);
    std::fs::write(&part.file, &bytes[..bytes.len() - 10]).unwrap();
    assert_eq!(part.mend().unwrap(), Some(199));
    assert!(bytes.starts_with(&std::fs::read(&part.file).unwrap()));
    assert_eq!(part.mend().unwrap(), Some(199), "mended is mended");
}

/// Framed for the log, as W&B's own package encodes them: a summary (3), a row of the history (4) and an exit (5).
const KNOWN_ROW: &str = concat!(
    "660322176b000108031a670a120a0a747261696e2f6c6f7373820103302e350a0b0a055f73746570820101330a1b0a0a5f74",
    "696d657374616d7082010c313830303030303030322e350a100a085f72756e74696d65820103322e350a1512065f77616e64",
    "62120772756e74696d6582010132e815c3af580001080412540a120a0a747261696e2f6c6f7373820103302e350a0b0a055f",
    "73746570820101330a1b0a0a5f74696d657374616d7082010c313830303030303030322e350a100a085f72756e74696d6582",
    "0103322e3512020803e18c41d9090001080592010408011002",
);

#[test]
fn a_row_for_wandb_has_these_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = wandb_writer(dir.path(), 1_800_000_000);
    let file = crate::watch::wandb::parts(dir.path()).unwrap().remove(0).file;
    let begin = std::fs::read(&file).unwrap().len();
    writer.row(3, 1_800_000_002.5, &[("train/loss", 0.5)]).unwrap();
    writer.exit(1).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    assert_eq!(bytes[..7], *b":W&B\xe1\xbe\0");
    let text: String = bytes[begin..].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text, KNOWN_ROW);
}

#[test]
fn lines_and_states_are_understood() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join("factory/trainer_log.jsonl"), LOG);
    put(&dir.path().join("ours/metrics.jsonl"), OURS);
    put(&dir.path().join("trl/checkpoint-20/trainer_state.json"), STATE);
    let told = news(&mut watch(dir.path()));
    assert_eq!(names(&told), ["factory", "ours", "trl"]);
    let [factory, ours, trl] = &told[..] else { panic!("{told:?}") };
    assert_eq!([factory.kind, ours.kind, trl.kind], [Kind::TrainerLog, Kind::Cribble, Kind::TrainerState]);
    assert_eq!((factory.total_steps, factory.finished), (Some(3), Some(true)));
    assert_eq!(curve(factory, "lr"), [(1, 1e-5), (2, 2e-5)]);
    assert_eq!(curve(factory, "eval_loss"), [(3, f64::INFINITY)]);
    assert!(curve(factory, "loss")[1].1.is_nan() && curve(factory, "throughput").is_empty());
    assert_eq!(ours.total_steps, Some(9));
    assert_eq!(curve(ours, "validation_loss"), [(2, 1.5)]);
    assert!(curve(ours, "loss")[1].1.is_nan());
    assert_eq!(ours.points[0].time, Some(1_700_000_001.5));
    let notes = [(Some(0), "started".to_owned()), (Some(2), "left out (spike)".to_owned())];
    assert_eq!(ours.notes, notes);
    assert_eq!((trl.total_steps, trl.finished), (Some(40), None));
    assert_eq!(curve(trl, "rewards/chosen"), [(10, 0.25)]);
    assert_eq!(curve(trl, "eval_loss"), [(20, 1.5)]);
    assert!(curve(trl, "grad_norm")[0].1.is_nan());
}
