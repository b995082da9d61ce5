//! The store as its users see it: several handles on one directory, handles that vanish, files that are cut off.

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::{Added, Session, SessionError};
use crate::records::{
    Chain, Decision, DecisionVerb, FinishReason, Heavy, LiveBoard, ModelIdentity, Problem, Sample, SampleSettings,
    Sampling, Segment, SegmentKind, Standing, Turn, TurnKind,
};

fn problem(id: &str) -> Problem {
    serde_json::from_value(
        json!({"id": id, "problem": format!("What is {id}?"), "answer": "4", "level": 2, "extra": {"url": "u"}}),
    )
    .unwrap()
}

fn settings() -> SampleSettings {
    SampleSettings {
        model: ModelIdentity {
            name: "m".into(),
            content: "c".into(),
            template: "t".into(),
            compute: "f32".into(),
            context_length: 128,
        },
        turns: 2,
        sampling: Sampling::default(),
        seed: 3,
        dialogue: json!({"name": "default"}),
    }
}

fn sample(problem: &str, draw: u32) -> Sample {
    let turn = |kind, text: &str| Turn {
        kind,
        strategy: (kind == TurnKind::Guidance).then(|| "verification".to_string()),
        text: text.into(),
        token_ids: vec![1, 70_000, u32::MAX],
        tokens: 3,
        finish: (kind == TurnKind::Attempt).then_some(FinishReason::Stop),
        logprob: (kind == TurnKind::Attempt).then_some(-1.25),
    };
    Sample {
        problem_id: problem.into(),
        draw,
        settings: settings().hash(),
        turns: vec![
            turn(TurnKind::Problem, "2+2?"),
            turn(TurnKind::Attempt, "\u{1b}[31m 4 数"),
            turn(TurnKind::Guidance, "Check."),
        ],
        chain: Chain {
            text: "4".into(),
            segments: vec![Segment { kind: SegmentKind::Attempt, turn: 1, begin: 0, end: 1 }],
            opened: Vec::new(),
        },
        tags: vec!["gold_conditioned".into()],
        finish: FinishReason::Stop,
        answer: Some("4".into()),
        correct: Some(true),
        tokens: 6,
        seconds: 0.5,
        created_at: 17,
    }
}

/// A session with so many samples of one problem.
fn filled(dir: &Path, samples: u32) -> Session {
    let session = Session::create(dir).unwrap();
    session.add_problems(&[problem("p")]).unwrap();
    session.put_settings(&settings(), &json!({})).unwrap();
    for draw in 0..samples {
        assert!(session.add_sample(&sample("p", draw)).unwrap());
    }
    session
}

#[test]
fn what_was_stored_comes_back_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path(), 2));
    let session = Session::open(dir.path()).unwrap();
    assert_eq!(session.problems().unwrap(), [problem("p")]);
    assert_eq!(session.settings(&settings().hash()).unwrap(), Some(settings()));
    let rows = session.sample_rows().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].level, rows[0].strategies.as_slice()), (Some(2), &["verification".to_string()][..]));
    assert_eq!(session.sample(rows[1].id).unwrap(), Some(sample("p", 1)));
    assert_eq!(session.sample_rows_after(rows[0].id).unwrap(), rows[1..]);
    assert_eq!(session.counts().unwrap().correct, 2);
    session.check().unwrap();
}

#[test]
fn a_sample_is_stored_once_and_a_problem_never_changes() {
    let dir = tempfile::tempdir().unwrap();
    let session = filled(dir.path(), 1);
    assert!(!session.add_sample(&sample("p", 0)).unwrap());
    assert_eq!(session.draws(&settings().hash()).unwrap(), [("p".to_string(), 0)].into());
    assert_eq!(session.add_problems(&[problem("p"), problem("q")]).unwrap(), Added { added: 1, unchanged: 1 });
    let changed = Problem { answer: "5".into(), ..problem("p") };
    let error = session.add_problems(&[problem("r"), changed]).unwrap_err().to_string();
    assert!(error.contains("problem p"), "{error}");
    assert_eq!(session.problems().unwrap().len(), 2, "nothing of a refused call is kept");
}

#[test]
fn creating_twice_and_opening_nothing_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Session::open(dir.path()), Err(SessionError::Missing { .. })));
    drop(Session::create(dir.path()).unwrap());
    assert!(Session::create(dir.path()).unwrap_err().to_string().contains("here already"));
}

#[test]
fn a_file_that_is_no_store_and_a_newer_store_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("session.db"), "not a database at all, but long enough".repeat(40)).unwrap();
    assert!(Session::open(dir.path()).unwrap_err().to_string().contains("not a store"));
    let dir = tempfile::tempdir().unwrap();
    let session = Session::create(dir.path()).unwrap();
    session.connection.pragma_update(None, "user_version", 999).unwrap();
    drop(session);
    assert!(Session::open(dir.path()).unwrap_err().to_string().contains("newer cribble"));
}

#[test]
fn two_handles_write_and_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let one = filled(dir.path(), 1);
    let two = Session::open(dir.path()).unwrap();
    let before = two.data_version().unwrap();
    assert_eq!(two.data_version().unwrap(), before);
    one.add_sample(&sample("p", 1)).unwrap();
    assert_ne!(two.data_version().unwrap(), before);
    let row = two.sample_rows().unwrap()[1].id;
    two.decide(row, DecisionVerb::Accept, None, None).unwrap();
    assert_eq!(one.standing(row).unwrap().verb, Some(DecisionVerb::Accept));
}

#[test]
fn one_holds_the_job_lock_and_the_others_learn_who() {
    let dir = tempfile::tempdir().unwrap();
    let one = filled(dir.path(), 0);
    let two = Session::open(dir.path()).unwrap();
    assert_eq!(two.holders().unwrap(), []);
    let lock = one.lock_job("generate", Heavy::Both).unwrap().unwrap();
    let holders = two.holders().unwrap();
    assert_eq!((holders.len(), holders[0].pid, holders[0].job.as_str()), (1, std::process::id(), "generate"));
    for heavy in [Heavy::Sampling, Heavy::Training, Heavy::Both] {
        assert_eq!(two.lock_job("train", heavy).unwrap().unwrap_err(), holders[0]);
    }
    drop(lock);
    assert_eq!(two.holders().unwrap(), [], "what the files say of a job that ended is not believed");
    two.lock_job("train", Heavy::Both).unwrap().unwrap();
}

#[test]
fn a_training_may_stand_beside_a_generation() {
    let dir = tempfile::tempdir().unwrap();
    let one = filled(dir.path(), 0);
    let two = Session::open(dir.path()).unwrap();
    let sampling = one.lock_job("generate", Heavy::Sampling).unwrap().unwrap();
    assert_eq!(two.lock_job("run", Heavy::Both).unwrap().unwrap_err().job, "generate");
    // A refused one leaves nothing locked behind.
    let _training = two.lock_job("train", Heavy::Training).unwrap().unwrap();
    let jobs = |session: &Session| session.holders().unwrap().into_iter().map(|holder| holder.job).collect::<Vec<_>>();
    assert_eq!(jobs(&one), ["generate", "train"]);
    assert_eq!(one.lock_job("eval", Heavy::Sampling).unwrap().unwrap_err().job, "generate");
    drop(sampling);
    assert_eq!(jobs(&one), ["train"]);
}

#[test]
fn commands_reach_the_holder_and_old_ones_are_stale() {
    let dir = tempfile::tempdir().unwrap();
    let one = filled(dir.path(), 0);
    let two = Session::open(dir.path()).unwrap();
    let old = two.send_command("generate", "stop", &json!(null)).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(5));
    let _lock = one.lock_job("generate", Heavy::Both).unwrap().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(5));
    let new = two.send_command("generate", "pause", &json!({"why": "x"})).unwrap();
    let pending = one.pending_commands("generate").unwrap();
    assert_eq!(pending.iter().map(|command| command.id).collect::<Vec<_>>(), [new]);
    assert_eq!(two.command(old).unwrap().unwrap().answer.as_deref(), Some("stale"));
    one.answer_command(new, "paused").unwrap();
    assert_eq!(two.command(new).unwrap().unwrap().answer.as_deref(), Some("paused"));
    assert!(one.pending_commands("generate").unwrap().is_empty());
}

#[test]
fn the_live_board_is_mirrored() {
    let dir = tempfile::tempdir().unwrap();
    let session = filled(dir.path(), 0);
    assert!(!session.watched());
    session.touch_watch().unwrap();
    assert!(session.watched());
    assert_eq!(session.read_live("generate").unwrap(), None);
    let board = LiveBoard { job: "generate".into(), version: 3, ..LiveBoard::default() };
    session.write_live(&board.job, &board).unwrap();
    assert_eq!(session.read_live("generate").unwrap(), Some(board));
}

#[test]
fn a_full_disk_is_one_line_and_takes_nothing_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let session = filled(dir.path(), 1);
    let pages: i64 = session.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    session.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    let mut large = sample("p", 1);
    large.chain.text = "x".repeat(1 << 20);
    let error = session.add_sample(&large).unwrap_err().to_string();
    assert!(error.contains("the disk is full") && !error.contains('\n'), "{error}");
    drop(session);
    let session = Session::open(dir.path()).unwrap();
    assert_eq!(session.sample_rows().unwrap().len(), 1);
    session.check().unwrap();
}

fn log(dir: &Path) -> Vec<u8> {
    std::fs::read(dir.join("decisions.jsonl")).unwrap()
}

#[test]
fn decisions_are_mended_from_a_log_cut_at_any_byte() {
    let dir = tempfile::tempdir().unwrap();
    let session = filled(dir.path(), 1);
    let row = session.sample_rows().unwrap()[0].id;
    session.decide(row, DecisionVerb::Accept, None, None).unwrap();
    let first = log(dir.path()).len();
    session.decide(row, DecisionVerb::Reject, Some("loop"), None).unwrap();
    let wanted = session.decisions().unwrap();
    drop(session);
    let whole = log(dir.path());
    for length in first..whole.len() {
        std::fs::write(dir.path().join("decisions.jsonl"), &whole[..length]).unwrap();
        let session = Session::open(dir.path()).unwrap();
        assert_eq!(session.decisions().unwrap(), wanted);
        let lines: Vec<Decision> =
            log(dir.path()).split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        assert_eq!(lines, wanted, "cut at {length}");
    }
}

#[test]
fn decisions_outlive_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let session = filled(dir.path(), 1);
    let row = session.sample_rows().unwrap()[0].id;
    session.decide(row, DecisionVerb::Accept, None, None).unwrap();
    session.decide(row, DecisionVerb::Note, None, Some("neat")).unwrap();
    drop(session);
    for file in ["session.db", "session.db-wal", "session.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(file));
    }
    let session = filled(dir.path(), 1);
    assert_eq!(session.decisions().unwrap().len(), 2);
    let standing = session.standing(session.sample_rows().unwrap()[0].id).unwrap();
    assert_eq!((standing.verb, standing.note.as_deref()), (Some(DecisionVerb::Accept), Some("neat")));
}

#[test]
fn a_copy_that_cannot_be_written_opens_for_viewing() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let session = filled(dir.path(), 1);
    let row = session.sample_rows().unwrap()[0].id;
    drop(session);
    let mode = |mode| std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    let file = dir.path().join("session.db");
    let _ = std::fs::remove_file(dir.path().join("decisions.jsonl"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o444)).unwrap();
    mode(0o555);
    let session = Session::open(dir.path()).unwrap();
    // Root may write anywhere, so there is nothing to refuse.
    if !rustix::process::geteuid().is_root() {
        assert!(session.read_only().is_some());
        assert!(matches!(session.decide(row, DecisionVerb::Accept, None, None), Err(SessionError::ReadOnly { .. })));
    }
    assert_eq!(session.sample_rows().unwrap().len(), 1);
    drop(session);
    mode(0o755);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn undo_walks_back_through_every_decision(verbs in prop::collection::vec((0usize..3, 0u8..6), 1..24)) {
        let dir = tempfile::tempdir().unwrap();
        let session = filled(dir.path(), 3);
        let rows: Vec<i64> = session.sample_rows().unwrap().iter().map(|row| row.id).collect();
        let standings = |session: &Session| -> Vec<Standing> {
            rows.iter().map(|row| session.standing(*row).unwrap()).collect()
        };
        let mut past = vec![standings(&session)];
        for (index, verb) in verbs {
            let note = format!("n{verb}");
            let (verb, note) = match verb {
                0 => (DecisionVerb::Accept, None),
                1 => (DecisionVerb::Reject, None),
                2 => (DecisionVerb::Skip, None),
                3 => (DecisionVerb::Flag, None),
                4 => (DecisionVerb::Unflag, None),
                _ => (DecisionVerb::Note, Some(note.as_str())),
            };
            session.decide(rows[index], verb, None, note).unwrap();
            past.push(standings(&session));
        }
        prop_assert_eq!(session.decisions().unwrap().len(), past.len() - 1);
        while let Some(now) = past.pop() {
            prop_assert_eq!(standings(&session), now);
            prop_assert_eq!(session.undo().unwrap().is_some(), !past.is_empty());
        }
    }
}

#[test]
fn columns_named_like_fields_but_of_another_kind_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::create(dir.path()).unwrap();
    let mut odd = problem("odd");
    for (key, value) in
        [("level", json!("Level ?")), ("split", json!(null)), ("id", json!(7)), ("solution", json!([1]))]
    {
        odd.extra.insert(key.into(), value);
    }
    session.add_problems(std::slice::from_ref(&odd)).unwrap();
    assert_eq!(session.problems().unwrap(), [odd]);
}

#[test]
fn a_sample_that_cannot_be_stored_is_an_error_and_not_a_duplicate() {
    let dir = tempfile::tempdir().unwrap();
    let session = filled(dir.path(), 1);
    let mut timeless = sample("p", 5);
    timeless.seconds = f64::NAN;
    assert!(session.add_sample(&timeless).is_err());
    assert_eq!(session.counts().unwrap().samples, 1);
}

#[test]
fn writers_wait_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path(), 1));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let dir = dir.path().to_path_buf();
            std::thread::spawn(move || {
                let session = Session::open(&dir).unwrap();
                for turn in 0..25 {
                    session.add_problems(&[problem("p"), problem(&format!("{writer}-{turn}"))]).unwrap();
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_eq!(Session::open(dir.path()).unwrap().counts().unwrap().problems, 101);
}

#[test]
fn on_a_network_file_system_threads_share_a_session_and_the_lock_is_let_go() {
    use super::store::FileSystem::Network;
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path(), 1));
    let one = Session::open_on(dir.path(), Network("NFS")).unwrap();
    let other = Session::open_on(dir.path(), Network("NFS")).unwrap();
    one.add_sample(&sample("p", 1)).unwrap();
    other.add_sample(&sample("p", 2)).unwrap();
    assert_eq!(one.counts().unwrap().samples, 3);
    // Another process is played by another open file: the kernel keeps `flock` per open file.
    let stranger = std::fs::OpenOptions::new().read(true).write(true).open(dir.path().join("process.lock")).unwrap();
    let lock = || rustix::fs::flock(&stranger, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    assert!(lock().is_err());
    drop((one, other));
    lock().unwrap();
    let error = Session::open_on(dir.path(), Network("NFS")).unwrap_err().to_string();
    assert!(error.contains("one process at a time") && error.contains(&std::process::id().to_string()), "{error}");
}

#[test]
fn looking_at_a_session_does_not_make_it_new() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path(), 1));
    let session = Session::open(dir.path()).unwrap();
    let before = session.last_change().unwrap();
    drop(session);
    assert!(before.is_some());
    assert_eq!(Session::open(dir.path()).unwrap().last_change().unwrap(), before);
}

#[test]
fn problems_are_found_by_words_and_by_id() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::create(&dir.path().join("s")).unwrap();
    let told = |id: &str, text: &str| {
        let problem: Problem = serde_json::from_value(json!({"id": id, "problem": text, "answer": "problem"})).unwrap();
        problem
    };
    session
        .add_problems(&[told("a", "100% of \\frac{1}{2} \"x\""), told("ab", "A_B stamps"), told("c", "AxB coins")])
        .unwrap();
    session.hold_out(&[told("d", "Coins again")]).unwrap();
    let find = |words: &str, most: usize| -> Vec<String> {
        session.find_problems(words, most).unwrap().into_iter().map(|(problem, _)| problem.id).collect()
    };
    assert_eq!(find("", 9), ["d", "a", "ab", "c"], "those that are scored on go first");
    assert_eq!(find("", 2), ["d", "a"]);
    assert_eq!(find(" COINS ", 9), ["d", "c"]);
    assert_eq!(find("a_b", 9), ["ab"], "no character stands for others");
    assert_eq!(find("0% of \\frac{1}", 9), ["a"]);
    assert_eq!(find("\"x\"", 9), ["a"]);
    assert_eq!(find("ab", 9)[0], "ab");
    assert_eq!(find("problem", 9), Vec::<String>::new(), "neither names of fields nor gold answers are looked into");
    assert!(session.find_problems("coins", 9).unwrap()[0].1, "it is told which they are");
}
