//! Which records are runs, what they are called, and what happens when they change.

use std::fs::File;
use std::time::SystemTime;

use super::*;
use crate::watch::Kind;
use crate::watch::tensorboard::Writer;

fn events(directory: &Path, steps: std::ops::Range<u64>) -> PathBuf {
    let mut writer = Writer::create(directory).unwrap();
    for step in steps {
        writer.scalar("loss", step, step as f64, 1.0).unwrap();
    }
    writer.path().to_path_buf()
}

fn make_older(path: &Path, hours: u64) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
}

#[test]
fn a_training_with_two_records_shows_once_and_as_both_when_they_are_not_of_one_time() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let file = events(&out.join("runs/a"), 1..3);
    put(&out.join("checkpoint-20/trainer_state.json"), STATE);
    let mut watcher = watch(dir.path());
    let told = news(&mut watcher);
    assert_eq!(names(&told), ["out/runs/a"]);
    assert_eq!((told[0].kind, told[0].total_steps), (Kind::TensorBoard, Some(40)));
    assert_eq!(told[0].points.len(), 2);
    make_older(&file, 2);
    let told = news(&mut watcher);
    assert_eq!(names(&told), ["out"]);
    assert_eq!((told[0].kind, told[0].points.len()), (Kind::TrainerState, 7));
    // Our own record is the richest, whatever lies beside it.
    put(&out.join("metrics.jsonl"), OURS);
    let told = news(&mut watcher);
    let gone: Vec<&str> = told.iter().filter(|news| news.gone).map(|news| news.run.as_str()).collect();
    assert_eq!(gone, ["out", "out/runs/a"]);
    let last = told.last().unwrap();
    assert_eq!((last.run.as_str(), last.kind, last.gone), ("out", Kind::Cribble, false));
}

#[test]
fn names_are_unique_and_a_root_has_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    events(&a, 1..2);
    events(&a.join("sft"), 1..2);
    events(&b.join("sft"), 1..2);
    put(&a.join("sft").join(WANDB), fixture(WANDB));
    put(&b.join(".hidden").join(EVENTS), fixture(EVENTS));
    put(&b.join("node_modules").join(EVENTS), fixture(EVENTS));
    std::os::unix::fs::symlink(dir.path(), b.join("loop")).unwrap();
    let mut watcher = Watcher::new(vec![a.clone(), b.clone(), a.clone()]).rescan_every(Duration::ZERO);
    let mut found = news(&mut watcher);
    found.sort_by(|a, b| (&a.path, a.kind).cmp(&(&b.path, b.kind)));
    assert_eq!(names(&found), ["a", "sft", "a/sft", "b/sft"]);
    // A single record may be a root.
    let told = news(&mut watch(&a.join("sft").join(WANDB)));
    assert_eq!(names(&told), [WANDB]);
}

#[test]
fn what_goes_is_told_and_what_is_made_anew_is_told_afresh() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    events(&run, 1..5);
    put(&dir.path().join("factory/trainer_log.jsonl"), LOG);
    let mut watcher = watch(dir.path());
    assert_eq!(names(&news(&mut watcher)), ["factory", "run"]);
    put(&dir.path().join("factory/trainer_log.jsonl"), &LOG[..LOG.find('\n').unwrap() + 1]);
    std::fs::remove_dir_all(&run).unwrap();
    let told = news(&mut watcher);
    assert_eq!(names(&told), ["run", "factory"]);
    assert!(told[0].gone && told[1].afresh && told[1].points.len() == 3);
    events(&run, 7..8);
    let told = news(&mut watcher);
    assert_eq!((names(&told), told[0].afresh, told[0].points.len()), (vec!["run"], false, 1));
    // One of two files goes: what is left is told anew.
    let lost = events(&run, 8..9);
    news(&mut watcher);
    std::fs::remove_file(lost).unwrap();
    let told = news(&mut watcher);
    assert_eq!((told[0].afresh, curve(&told[0], "loss")), (true, vec![(7, 7.0)]));
}

#[test]
fn what_another_program_trains_for_a_run_of_ours_shows_once() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("runs/sft");
    let output = run.join("external/output");
    put(&output.join("trainer_log.jsonl"), LOG);
    put(&output.join("checkpoint-20/trainer_state.json"), STATE);
    events(&output.join("runs/a"), 1..3);
    put(&run.join("metrics.jsonl"), OURS);
    assert_eq!(names(&news(&mut watch(dir.path()))), ["runs/sft"]);
    assert_eq!(names(&news(&mut watch(&run))), ["sft"]);
    // Who follows the other program looks into its folder.
    let told = news(&mut watch(&output));
    assert!(!told.is_empty() && told.iter().all(|news| news.kind != Kind::Cribble), "{told:?}");
    // A folder of this name is as good as any where no record of ours is.
    put(&dir.path().join("else/external/trainer_log.jsonl"), LOG);
    assert_eq!(names(&news(&mut watch(dir.path()))), ["else/external", "runs/sft"]);
}

#[test]
fn a_training_of_ours_that_writes_for_wandb_too_shows_once() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("runs/sft");
    put(&run.join("metrics.jsonl"), OURS);
    for begun in [1_800_000_000, 1_800_000_100] {
        let mut writer = wandb_writer(&run.join("wandb"), begun);
        writer.row(1, begun as f64, &[("train/loss", 2.0)]).unwrap();
    }
    assert_eq!(names(&news(&mut watch(dir.path()))), ["runs/sft"]);
    assert_eq!(names(&news(&mut watch(&run))), ["sft"]);
    // Who asks for its parts gets them.
    assert_eq!(news(&mut watch(&run.join("wandb"))).len(), 2);
}

#[test]
fn of_a_state_only_new_entries_are_told() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join("out/checkpoint-20/trainer_state.json"), STATE);
    let mut watcher = watch(dir.path());
    assert_eq!(news(&mut watcher)[0].points.len(), 7);
    make_older(&dir.path().join("out/checkpoint-20/trainer_state.json"), 1);
    let longer = STATE
        .replace("}], ", "}, {\"loss\": 1.0, \"step\": 40}], ")
        .replace("\"global_step\": 20", "\"global_step\": 40");
    let newest = dir.path().join("out/checkpoint-40/trainer_state.json");
    put(&newest, &longer[..longer.len() / 2]);
    assert!(news(&mut watcher).is_empty());
    put(&newest, &longer);
    let told = news(&mut watcher);
    assert_eq!((told[0].afresh, curve(&told[0], "loss")), (false, vec![(40, 1.0)]));
    assert_eq!(told[0].finished, Some(true));
    // Another training in the same place has another beginning.
    put(&dir.path().join("out/trainer_state.json"), longer.replace("2.0", "3.0"));
    make_older(&newest, 1);
    let told = news(&mut watcher);
    assert_eq!((told[0].afresh, curve(&told[0], "loss")), (true, vec![(10, 3.0), (40, 1.0)]));
}

#[test]
fn a_root_that_is_missing_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut watcher = watch(&dir.path().join("nowhere"));
    let look = watcher.look();
    assert_eq!((look.news.len(), look.troubles.len()), (0, 1));
    assert!(look.troubles[0].to_string().contains("nowhere") && !look.troubles[0].reason.contains('\n'));
    assert!(watcher.look().troubles.is_empty());
    events(&dir.path().join("nowhere/run"), 1..2);
    assert_eq!(names(&news(&mut watcher)), ["run"]);
}
