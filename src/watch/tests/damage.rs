//! Records that end anywhere, are damaged anywhere, or were never records.

use proptest::prelude::*;

use super::*;
use crate::watch::tensorboard::Writer;
use crate::watch::wire::{put_bytes, put_varint};

/// All that was gathered, so that NaN equals itself.
fn told(gathered: &Gathered) -> (Vec<(String, u64, u64)>, String) {
    let points =
        gathered.points.iter().map(|point| (point.tag.to_string(), point.step, point.value.to_bits())).collect();
    (points, format!("{:?} {:?} {:?}", gathered.notes, gathered.settings, gathered.finished))
}

/// Cut off at every byte and completed, a file tells the same as in one go, and nothing twice.
fn torn_anywhere(bytes: &[u8], reader: fn(PathBuf) -> Reader) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    put(&path, bytes);
    let mut whole = Gathered::default();
    reader(path.clone())(&mut whole);
    assert!(whole.points.len() > 3 && whole.troubles.is_empty(), "{:?}", whole.troubles);
    for cut in 0..bytes.len() {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let (mut read, mut gathered) = (reader(path.clone()), Gathered::default());
        read(&mut gathered);
        append(&path, &bytes[cut..]);
        read(&mut gathered);
        read(&mut gathered);
        assert_eq!(told(&gathered), told(&whole), "cut at byte {cut}");
        assert!(!gathered.afresh && gathered.troubles.is_empty(), "cut at byte {cut}: {:?}", gathered.troubles);
    }
}

#[test]
fn event_files_may_end_anywhere() {
    torn_anywhere(&fixture(EVENTS), events_reader);
}

#[test]
fn wandb_records_may_end_anywhere() {
    torn_anywhere(&fixture(WANDB), wandb_reader);
    let dir = tempfile::tempdir().unwrap();
    let mut writer = wandb_writer(dir.path(), 1_800_000_000);
    for step in 1..4 {
        writer.row(step, 1.8e9, &[("train/loss", 0.5), ("train/epoch", 0.25)]).unwrap();
    }
    writer.exit(0).unwrap();
    torn_anywhere(&std::fs::read(&crate::watch::wandb::parts(dir.path()).unwrap()[0].file).unwrap(), wandb_reader);
}

#[test]
fn lines_and_states_may_end_anywhere() {
    torn_anywhere(LOG.as_bytes(), log_reader);
    torn_anywhere(OURS.as_bytes(), ours_reader);
    torn_anywhere(STATE.as_bytes(), state_reader);
}

/// The steps that an event file of 9 points tells when one byte of it is changed, and how many troubles.
fn damaged_events(change: impl Fn(&mut Vec<u8>, usize)) -> (Vec<u64>, usize) {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(dir.path()).unwrap();
    let path = writer.path().to_path_buf();
    let header = std::fs::metadata(&path).unwrap().len() as usize;
    for step in 1..10 {
        writer.scalar("loss", step, 1.0, 1.0).unwrap();
    }
    drop(writer);
    let mut bytes = std::fs::read(&path).unwrap();
    // All points take the same room; the second one's place.
    let second = header + (bytes.len() - header) / 9;
    change(&mut bytes, second);
    std::fs::write(&path, bytes).unwrap();
    let mut gathered = Gathered::default();
    events_reader(path)(&mut gathered);
    (gathered.points.iter().map(|point| point.step).collect(), gathered.troubles.len())
}

#[test]
fn a_damaged_event_costs_itself() {
    let others: Vec<u64> = (1..10).filter(|step| *step != 2).collect();
    // In its data, in its length, in the check sum of its length.
    for at in [14, 0, 5, 9] {
        assert_eq!(damaged_events(|bytes, second| bytes[second + at] ^= 1), (others.clone(), 1), "byte {at}");
    }
    // Bytes that were lost, and bytes that came between.
    let lost = damaged_events(|bytes, second| drop(bytes.drain(second + 3..second + 9)));
    assert_eq!(lost, (others, 1));
    let between = damaged_events(|bytes, second| drop(bytes.splice(second..second, [7u8; 40])));
    assert_eq!(between, ((1..10).collect(), 1));
    // At the end it may still be written, but is told.
    let (steps, troubles) = damaged_events(|bytes, second| {
        bytes.truncate(second);
        bytes.extend([9u8; 30]);
    });
    assert_eq!((steps, troubles), (vec![1], 1));
    let zeros = damaged_events(|bytes, second| {
        bytes.truncate(second);
        bytes.extend([0u8; 3000]);
    });
    assert_eq!(zeros, (vec![1], 0));
}

/// A record of W&B with one point and a text of some length.
fn history(step: u64, text: usize) -> Vec<u8> {
    let mut message = Vec::new();
    for (key, value) in
        [("_step", step.to_string()), ("loss", "0.5".to_owned()), ("text", format!("\"{}\"", "x".repeat(text)))]
    {
        let mut item = Vec::new();
        put_bytes(&mut item, 2, key.as_bytes());
        put_bytes(&mut item, 16, value.as_bytes());
        put_bytes(&mut message, 1, &item);
    }
    let mut record = Vec::new();
    put_varint(&mut record, 1 << 3);
    put_varint(&mut record, step);
    put_bytes(&mut record, 2, &message);
    record
}

/// A file of W&B with these records.
fn wandb_file(records: &[Vec<u8>]) -> Vec<u8> {
    const BLOCK: usize = 32 << 10;
    let mut file = b":W&B\xe1\xbe\x00".to_vec();
    for record in records {
        let (mut rest, mut is_first) = (&record[..], true);
        loop {
            let room = BLOCK - file.len() % BLOCK;
            if room < 7 {
                file.extend(std::iter::repeat_n(0u8, room));
                continue;
            }
            let (data, after) = rest.split_at(rest.len().min(room - 7));
            let kind = match (is_first, after.is_empty()) {
                (true, true) => 1,
                (true, false) => 2,
                (false, false) => 3,
                (false, true) => 4,
            };
            let mut sum = crc32fast::Hasher::new();
            sum.update(&[kind]);
            sum.update(data);
            file.extend(sum.finalize().to_le_bytes());
            file.extend((data.len() as u16).to_le_bytes());
            file.push(kind);
            file.extend(data);
            (rest, is_first) = (after, false);
            if rest.is_empty() {
                break;
            }
        }
    }
    file
}

fn wandb_steps(bytes: &[u8]) -> (Vec<u64>, usize) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(WANDB);
    put(&path, bytes);
    let mut gathered = Gathered::default();
    wandb_reader(path)(&mut gathered);
    (gathered.points.iter().map(|point| point.step).collect(), gathered.troubles.len())
}

#[test]
fn damage_in_a_block_of_wandb_costs_the_rest_of_it() {
    // Each takes a third of a block or so, and the fifth more than two blocks.
    let records: Vec<Vec<u8>> = (1..12).map(|step| history(step, if step == 5 { 70_000 } else { 10_000 })).collect();
    let whole = wandb_file(&records);
    // A text beyond 64 KiB is no value, but its record has a point.
    assert_eq!(wandb_steps(&whole), ((1..12).collect(), 0));
    let mut damaged = whole.clone();
    damaged[20_000] ^= 1;
    let (steps, troubles) = wandb_steps(&damaged);
    // The second is in the first block, and the fourth begins there.
    assert_eq!((steps.first(), steps.last(), troubles), (Some(&1), Some(&11), 1));
    assert!(!steps.contains(&2) && steps.contains(&5), "{steps:?}");
    assert!(wandb_steps(b"something else altogether").1 == 1);
}

#[test]
fn a_line_without_an_end_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("metrics.jsonl");
    put(&path, vec![b'x'; (9 << 20) + 5]);
    let (mut read, mut gathered) = (ours_reader(path.clone()), Gathered::default());
    read(&mut gathered);
    append(&path, b"xx\n{\"step\":2,\"loss\":1.0}\n");
    read(&mut gathered);
    assert_eq!(gathered.points.len(), 1);
}

/// Whatever a file says, it is read to an end and tells no more than it could hold.
fn anything(path: &Path, bytes: &[u8]) {
    put(path, bytes);
    let mut watcher = watch(path.parent().unwrap());
    for _ in 0..2 {
        let look = watcher.look();
        let points: usize = look.news.iter().map(|news| news.points.len()).sum();
        assert!(points <= bytes.len());
        assert!(look.troubles.iter().all(|trouble| !trouble.reason.contains('\n')));
    }
}

const NAMES: [&str; 6] = [EVENTS, WANDB, "trainer_log.jsonl", "metrics.jsonl", "trainer_state.json", "project.db"];

fn good(name: &str) -> Vec<u8> {
    match name {
        EVENTS | WANDB => fixture(name),
        "trainer_log.jsonl" => LOG.into(),
        "metrics.jsonl" => OURS.into(),
        "trainer_state.json" => STATE.into(),
        _ => {
            let store = rusqlite::Connection::open_in_memory().unwrap();
            store.execute_batch(std::str::from_utf8(&fixture("trackio.sql")).unwrap()).unwrap();
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("project.db");
            store.execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
            std::fs::read(path).unwrap()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn any_bytes_are_read_to_an_end(name in 0..NAMES.len(), bytes in proptest::collection::vec(any::<u8>(), 0..600), magic in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let mut file = if magic { good(NAMES[name])[..20].to_vec() } else { Vec::new() };
        file.extend(bytes);
        anything(&dir.path().join(NAMES[name]), &file);
    }

    #[test]
    fn flipped_bytes_are_read_to_an_end(name in 0..NAMES.len(), flips in proptest::collection::vec((0.0f64..1.0, any::<u8>()), 1..6)) {
        let dir = tempfile::tempdir().unwrap();
        let mut file = good(NAMES[name]);
        for (at, byte) in &flips {
            let at = (at * file.len() as f64) as usize;
            file[at] = *byte;
        }
        anything(&dir.path().join(NAMES[name]), &file);
    }
}
