//! What real writers recorded is read whole, piece by piece, and when it is damaged.

mod damage;
mod runs;
mod writers;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::gathered::Gathered;
use super::{News, Watcher};

/// A file under tests/fixtures/watch.
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/watch").join(name)).unwrap()
}

const EVENTS: &str = "events.out.tfevents.1700000000.host";
const WANDB: &str = "run-abcdefgh.wandb";

/// Writes a file and the directories it lies in.
fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn append(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

fn watch(root: &Path) -> Watcher {
    Watcher::new(vec![root.to_path_buf()]).rescan_every(Duration::ZERO)
}

/// All that there is to tell now, without troubles.
fn news(watcher: &mut Watcher) -> Vec<News> {
    let mut all = Vec::new();
    for _ in 0..100 {
        let look = watcher.look();
        assert!(look.troubles.is_empty(), "{:?}", look.troubles);
        all.extend(look.news);
        if !look.more {
            return all;
        }
    }
    panic!("there is always more");
}

fn names(news: &[News]) -> Vec<&str> {
    news.iter().map(|news| news.run.as_str()).collect()
}

/// Steps and values under one tag.
fn curve(news: &News, tag: &str) -> Vec<(u64, f64)> {
    news.points.iter().filter(|point| &*point.tag == tag).map(|point| (point.step, point.value)).collect()
}

fn has_setting(news: &News, key: &str, value: &str) -> bool {
    news.settings.iter().any(|setting| (setting.0.as_str(), setting.1.as_str()) == (key, value))
}

/// One record that is looked at without a watcher.
type Reader = Box<dyn FnMut(&mut Gathered)>;

fn budget() -> u64 {
    1 << 30
}

fn events_reader(path: PathBuf) -> Reader {
    let mut events = super::tensorboard::Events::new(vec![path]);
    Box::new(move |gathered: &mut Gathered| assert!(!events.look(&mut budget(), gathered).unwrap()))
}

/// A part of a run that we write for W&B.
fn wandb_writer(directory: &Path, begun: i64) -> super::wandb::Writer {
    let config = serde_json::json!({ "lr": 1e-4, "model": { "layers": 2 }, "note": "x".repeat(300), "max_steps": 5 });
    let config = config.as_object().unwrap();
    let run = super::wandb::Run { id: "abcd1234", project: "demo", name: "sft", config, resumes: false };
    super::wandb::Writer::create(directory, &run, begun).unwrap()
}

fn wandb_reader(path: PathBuf) -> Reader {
    let mut wandb = super::wandb::Wandb::new(path);
    Box::new(move |gathered: &mut Gathered| assert!(!wandb.look(&mut budget(), gathered).unwrap()))
}

fn log_reader(path: PathBuf) -> Reader {
    let mut lines = super::lines::Lines::new(path, super::lines::Dialect::LlamaFactory);
    Box::new(move |gathered: &mut Gathered| assert!(!lines.look(&mut budget(), gathered).unwrap()))
}

fn ours_reader(path: PathBuf) -> Reader {
    let mut lines = super::lines::Lines::new(path, super::lines::Dialect::Cribble);
    Box::new(move |gathered: &mut Gathered| assert!(!lines.look(&mut budget(), gathered).unwrap()))
}

fn state_reader(path: PathBuf) -> Reader {
    let mut state = super::trainer_state::TrainerState::new(vec![path]);
    Box::new(move |gathered: &mut Gathered| assert!(!state.look(&mut budget(), gathered).unwrap()))
}

const LOG: &str = concat!(
    "{\"current_steps\": 1, \"total_steps\": 3, \"loss\": 2.5, \"lr\": 1e-05, \"epoch\": 0.3, \"percentage\": 33.3, \"elapsed_time\": \"0:00:02\"}\n",
    "nonsense\n",
    "{\"current_steps\": 2, \"total_steps\": 3, \"loss\": NaN, \"lr\": 2e-05, \"throughput\": \"12.0\"}\n",
    "{\"current_steps\": 3, \"total_steps\": 3, \"eval_loss\": Infinity}\n",
);

const OURS: &str = concat!(
    "{\"step\":0,\"event\":\"started\",\"total_steps\":9,\"t\":1700000000.5}\n",
    "{\"step\":1,\"t\":1700000001.5,\"loss\":2.5,\"lr\":1e-5,\"grad_norm\":1.0,\"tokens_per_second\":80.0,\"epoch\":0.1,\"tokens\":512}\n",
    "{\"step\":2,\"t\":1700000002.5,\"loss\":null,\"lr\":1e-5}\n",
    "{\"step\":2,\"event\":\"left_out\",\"reason\":\"spike\"}\n",
    "{\"step\":2,\"validation_loss\":1.5}\n",
);

const STATE: &str = r#"{"epoch": 1.0, "global_step": 20, "max_steps": 40, "log_history": [
    {"epoch": 0.5, "loss": 2.0, "learning_rate": 1e-05, "grad_norm": NaN, "rewards/chosen": 0.25, "step": 10},
    {"epoch": 1.0, "eval_loss": 1.5, "eval_name": "test", "step": 20}], "trial_params": null}"#;
