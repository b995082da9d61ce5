//! Runs of the tiny chat model: going on is as if nothing had happened, whatever happens to disk, data or numbers.

use std::cell::{Cell, RefCell};

use super::*;
use crate::model::ModelFiles;
use crate::records::{Message, Role};
use crate::train::dataset::{DataSettings, Example, build};
use crate::train::engine::Kernels;
use crate::train::output::CardFacts;
use crate::train::settings::{Method, SpikeAction, SpikeSettings};
use crate::train::steer::Unsteered;
use crate::train::{Batch, LoraSettings, Outcome, ScheduleKind, Workspace};

fn files() -> ModelFiles {
    ModelFiles::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-chat")).unwrap()
}

fn examples(count: usize) -> Vec<Example> {
    (0..count)
        .map(|at| Example {
            key: format!("p{at}/0"),
            problem_id: format!("p{at}"),
            prompt: vec![Message::new(Role::User, format!("What is {at} + {at}?"))],
            answer: format!("{at} + {at} = {}. So \\boxed{{{}}}.", 2 * at, 2 * at),
            untrained: Vec::new(),
            weight: 1.0,
        })
        .collect()
}

fn settings() -> TrainSettings {
    TrainSettings {
        lr: 3e-3,
        epochs: 2,
        batch_size: 3,
        pass_tokens: 100,
        checkpoint_every: 2,
        warmup_share: 0.2,
        data: DataSettings { validation_share: 0.1, ..DataSettings::default() },
        spike: SpikeSettings { factor: 0.0, ..SpikeSettings::default() },
        ..TrainSettings::default()
    }
}

fn lora() -> TrainSettings {
    let lora = LoraSettings { rank: 4, dropout: 0.1, ..LoraSettings::default() };
    TrainSettings { method: Method::Lora, lora, ..settings() }
}

fn open_with(directory: &Path, settings: TrainSettings, count: usize) -> Result<Trainer, TrainError> {
    let files = files();
    let data = build(&examples(count), &files.tokenizer, &files.template, &settings.data, settings.seed)?;
    let network = Network::load(&files.architecture, &files.weights, settings.adapters(), settings.seed)?;
    let facts = CardFacts { model: "tiny-chat".into(), chains: data.train.len(), ..CardFacts::default() };
    let output = Output::new(&files, facts)?;
    let engine = Box::new(Kernels::new(&network, settings.gradient_checkpointing));
    Trainer::open(directory, settings, (network, engine), &files.content_hash, data, output)
}

fn open(directory: &Path, settings: TrainSettings) -> Trainer {
    open_with(directory, settings, 12).unwrap()
}

fn quiet() -> impl FnMut(&Event) {
    |_: &Event| {}
}

/// The record without what a clock says.
fn record(directory: &Path) -> Vec<String> {
    let lines = metrics::read(directory, u64::MAX).unwrap();
    let strip = |mut line: serde_json::Value| {
        let fields = line.as_object_mut().unwrap();
        fields.shift_remove("t");
        fields.shift_remove("tokens_per_second");
        line.to_string()
    };
    lines.into_iter().map(strip).collect()
}

fn bits(trainer: &Trainer) -> Vec<u32> {
    trainer.network.trainable().iter().map(|x| x.to_bits()).collect()
}

/// A run that is cut off after some steps, as by a kill: whatever is only in memory is lost.
struct CutOff {
    steps_left: Cell<u64>,
}

/// What stands for the kill: the report panics, nothing is saved.
fn run_and_kill(directory: &Path, settings: TrainSettings, steps: u64) {
    let mut trainer = open(directory, settings);
    let cut = CutOff { steps_left: Cell::new(steps) };
    let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut report = |event: &Event| {
            if matches!(event, Event::Step(_)) {
                cut.steps_left.set(cut.steps_left.get() - 1);
                if cut.steps_left.get() == 0 {
                    std::panic::resume_unwind(Box::new("killed"));
                }
            }
        };
        trainer.run(&Unsteered, &mut report)
    }));
    assert!(killed.is_err());
}

#[test]
fn a_killed_run_ends_as_if_it_had_not_been() {
    for settings in [settings(), lora()] {
        let straight = tempfile::tempdir().unwrap();
        let mut trainer = open(straight.path(), settings.clone());
        let finished = trainer.run(&Unsteered, &mut quiet()).unwrap();
        assert!(finished.complete && finished.step == 8 && finished.validation_loss.is_some());
        for kill_after in [1, 2, 3, 7] {
            let killed = tempfile::tempdir().unwrap();
            run_and_kill(killed.path(), settings.clone(), kill_after);
            // A second kill soon after.
            run_and_kill(killed.path(), settings.clone(), 1);
            let mut again = open(killed.path(), settings.clone());
            assert!(again.step() <= kill_after + 1);
            let end = again.run(&Unsteered, &mut quiet()).unwrap();
            assert_eq!(bits(&again), bits(&trainer), "killed after {kill_after}");
            assert_eq!(record(killed.path()), record(straight.path()), "killed after {kill_after}");
            assert_eq!(end.validation_loss, finished.validation_loss);
        }
        // Done is done.
        let mut again = open(straight.path(), settings);
        assert_eq!(again.run(&Unsteered, &mut quiet()).unwrap().step, 8);
        assert_eq!(bits(&again), bits(&trainer));
    }
}

#[test]
fn what_a_killed_run_told_wandb_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let told = TrainSettings { wandb: true, ..settings() };
    // After step 5 and, from the checkpoint after step 4 on, once more.
    run_and_kill(dir.path(), told.clone(), 5);
    run_and_kill(dir.path(), told.clone(), 1);
    assert!(open(dir.path(), told).run(&Unsteered, &mut quiet()).unwrap().complete);
    let parts = crate::watch::Watcher::new(vec![dir.path().join("wandb")]).look().news;
    let steps = |tag: &str| -> Vec<Vec<u64>> {
        let of_part = |news: &crate::watch::News| {
            news.points.iter().filter(|point| &*point.tag == tag).map(|point| point.step).collect::<Vec<u64>>()
        };
        parts.iter().map(of_part).collect()
    };
    assert_eq!(steps("train/loss"), [vec![1, 2, 3, 4], vec![5, 6, 7, 8]]);
    assert_eq!(steps("eval/loss"), [vec![4], vec![8]]);
    assert_eq!(parts.iter().map(|part| part.finished).collect::<Vec<_>>(), [None, Some(true)]);
    // It is no setting that numbers depend on.
    assert_eq!(open(dir.path(), settings()).step(), 8);
}

#[test]
fn a_torn_checkpoint_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let settings = TrainSettings { keep_last: 8, ..settings() };
    let mut trainer = open(dir.path(), settings.clone());
    trainer.run(&Unsteered, &mut quiet()).unwrap();
    assert_eq!(checkpoint::steps(dir.path()), [8, 6, 4, 2]);
    let place = |step| checkpoint::place(dir.path(), step);
    let weights = std::fs::read(place(8).join("model.safetensors")).unwrap();
    std::fs::write(place(8).join("model.safetensors"), &weights[..weights.len() - 5]).unwrap();
    std::fs::remove_file(place(6).join("manifest.json")).unwrap();
    let mut again = open(dir.path(), settings);
    assert_eq!(again.step(), 4);
    again.run(&Unsteered, &mut quiet()).unwrap();
    assert_eq!(bits(&again), bits(&trainer));
}

#[test]
fn old_checkpoints_go_and_the_best_stays() {
    let dir = tempfile::tempdir().unwrap();
    let settings =
        TrainSettings { keep_last: 1, validate_every: 1, lr: 0.5, schedule: ScheduleKind::Constant, ..settings() };
    let mut trainer = open(dir.path(), settings);
    trainer.run(&Unsteered, &mut quiet()).unwrap();
    let best = trainer.state().best.unwrap().0;
    assert!(best < 8, "so high a rate makes it worse");
    assert_eq!(checkpoint::steps(dir.path()), [8, best]);
    let state: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("trainer_state.json")).unwrap()).unwrap();
    assert_eq!(state["global_step"], 8);
    assert_eq!(state["best_model_checkpoint"], format!("checkpoint-{best}"));
    let losses = state["log_history"].as_array().unwrap().iter().filter(|entry| entry.get("loss").is_some()).count();
    assert_eq!(losses, 8);
}

#[test]
fn another_run_is_not_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path(), settings()).run(&Unsteered, &mut quiet()).unwrap();
    let refuse = |settings: TrainSettings, count: usize| {
        open_with(dir.path(), settings, count).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(refuse(settings(), 11).contains("made from other data"));
    assert!(refuse(TrainSettings { lr: 1e-3, ..settings() }, 12).contains("made with other settings"));
    assert!(refuse(TrainSettings { lr: 1e9, ..settings() }, 12).starts_with("lr: must be"));
    assert!(open_with(dir.path(), TrainSettings { keep_last: 5, ..settings() }, 12).is_ok());
}

type Then = Box<dyn FnOnce(&Person)>;

/// A person at the switches.
#[derive(Default)]
struct Person {
    paused: Cell<bool>,
    stop: Cell<bool>,
    rate: Cell<Option<f64>>,
    checkpoint: Cell<bool>,
    choice: Cell<Option<SpikeAction>>,
    /// What is done at the next look while paused.
    then: RefCell<Option<Then>>,
}

impl Steering for Person {
    fn stopping(&self) -> bool {
        self.stop.get()
    }
    fn paused(&self) -> bool {
        self.paused.get()
    }
    fn pause(&self) {
        self.paused.set(true);
    }
    fn wait_while_paused(&self, _: Duration) {
        let then = self.then.take().expect("paused with nothing to come");
        then(self);
    }
    fn take_checkpoint(&self) -> bool {
        self.checkpoint.take()
    }
    fn take_rate(&self) -> Option<f64> {
        self.rate.take()
    }
    fn take_choice(&self) -> Option<SpikeAction> {
        self.choice.take()
    }
}

#[test]
fn a_run_without_progress_ends_early() {
    let dir = tempfile::tempdir().unwrap();
    // So small a rate that no loss changes.
    let settings = TrainSettings { lr: 1e-30, validate_every: 1, early_stop: 2, ..settings() };
    for _ in 0..2 {
        // The same command again finds it ended, and trains no further.
        let finished = open(dir.path(), settings.clone()).run(&Unsteered, &mut quiet()).unwrap();
        assert!(finished.complete && finished.step == 3, "{finished:?}");
        assert!(finished.checkpoint.is_dir());
    }
    let more = TrainSettings { early_stop: 0, ..settings };
    assert_eq!(open(dir.path(), more).run(&Unsteered, &mut quiet()).unwrap().step, 8);
}

/// Counts how often it looked; fails the second time.
struct Looking(u64);

impl Look for Looking {
    fn look(&mut self, network: &Network) -> Result<Vec<crate::train::steer::Drawn>, String> {
        self.0 += 1;
        if self.0 == 2 {
            return Err("nothing to see".into());
        }
        let text = format!("{}", network.trainable()[0]);
        let drawn =
            |correct| crate::train::steer::Drawn { problem_id: "p".into(), text: text.clone(), tokens: 3, correct };
        Ok(vec![drawn(Some(true)), drawn(None)])
    }
}

#[test]
fn looks_come_at_their_steps_and_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let settings = TrainSettings { look: LookSettings { every: 3, ..LookSettings::default() }, ..settings() };
    let mut trainer = open(dir.path(), settings.clone());
    trainer.watch(Box::new(Looking(0)));
    let (mut steps, mut alerts) = (Vec::new(), 0);
    let mut report = |event: &Event| match event {
        Event::Looked { step, right: 1, of: 2 } => steps.push(*step),
        Event::Alert(line) => {
            assert!(line.contains("nothing to see"));
            alerts += 1;
        }
        _ => {}
    };
    assert!(trainer.run(&Unsteered, &mut report).unwrap().complete);
    assert_eq!((steps, alerts), (vec![0, 6, 8], 1));
    let text = std::fs::read_to_string(dir.path().join(metrics::LOOKS)).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 6);
    assert_eq!((&lines[0]["step"], &lines[5]["step"]), (&json!(0), &json!(8)));
    assert_ne!(lines[0]["text"], lines[5]["text"], "the weights as they were then");
    // What looks on changes no number, so it may be changed between two runs.
    assert_eq!(open(dir.path(), TrainSettings { look: LookSettings::default(), ..settings }).step(), 8);
}

/// A device that has room for passes of so many tokens.
struct Tight {
    inner: Kernels,
    most: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Tight {
    fn check(&self, batch: &Batch) -> Result<(), TrainError> {
        let most = self.most.load(std::sync::atomic::Ordering::Relaxed);
        if batch.tokens.len() <= most { Ok(()) } else { Err(TrainError::DeviceMemory("no room".into())) }
    }
}

impl Engine for Tight {
    fn losses(&mut self, network: &Network, batch: &Batch) -> Result<Outcome, TrainError> {
        self.check(batch)?;
        self.inner.losses(network, batch)
    }
    fn gradient(&mut self, network: &Network, batch: &Batch) -> Result<Outcome, TrainError> {
        self.check(batch)?;
        self.inner.gradient(network, batch)
    }
    fn clear(&mut self) {
        self.inner.clear();
    }
    fn grad_norm(&mut self, optimizer: &AdamW) -> Result<f64, TrainError> {
        self.inner.grad_norm(optimizer)
    }
    fn step(&mut self, network: &mut Network, optimizer: &mut AdamW, norm: f64, lr: f64) -> Result<(), TrainError> {
        self.inner.step(network, optimizer, norm, lr)
    }
    fn pull(&mut self, _: &mut Network, _: &mut AdamW) -> Result<(), TrainError> {
        Ok(())
    }
    fn put(&mut self, _: &Network, _: &AdamW) -> Result<(), TrainError> {
        Ok(())
    }
}

#[test]
fn a_device_without_room_gets_smaller_passes_and_then_a_person() {
    let dir = tempfile::tempdir().unwrap();
    let mut trainer = open(dir.path(), TrainSettings { pass_tokens: 1000, ..settings() });
    let longest = trainer.data.train.iter().map(|item| item.tokens.len()).max().unwrap();
    let most = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(2 * longest));
    trainer.state.settings.pass_tokens = 3 * longest;
    trainer.pass_tokens = 3 * longest;
    trainer.engine = Box::new(Tight { inner: Kernels::new(&trainer.network, false), most: most.clone() });
    let person = Person::default();
    let room = most.clone();
    person.then.replace(Some(Box::new(move |person: &Person| {
        room.store(usize::MAX, std::sync::atomic::Ordering::Relaxed);
        person.paused.set(false);
    })));
    let mut alerts = Vec::new();
    let finished = trainer
        .run(&person, &mut |event: &Event| match event {
            Event::Alert(line) => {
                alerts.push(line.clone());
            }
            // Another program takes what is left.
            Event::Step(step) if step.step == 3 => most.store(0, std::sync::atomic::Ordering::Relaxed),
            _ => {}
        })
        .unwrap();
    assert!(finished.complete);
    assert_eq!(alerts.len(), 2, "{alerts:?}");
    assert!(alerts[0].contains("ran out of memory; passes have"), "{alerts:?}");
    assert!(alerts[1].contains("again") && alerts[1].contains("gradient_checkpointing"), "{alerts:?}");

    // Whoever stops instead has a checkpoint of what was done.
    let dir = tempfile::tempdir().unwrap();
    let mut trainer = open(dir.path(), settings());
    let most = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(usize::MAX));
    trainer.engine = Box::new(Tight { inner: Kernels::new(&trainer.network, false), most: most.clone() });
    let person = Person::default();
    person.then.replace(Some(Box::new(|person: &Person| person.stop.set(true))));
    let finished = trainer
        .run(&person, &mut |event: &Event| {
            if matches!(event, Event::Step(step) if step.step == 3) {
                most.store(0, std::sync::atomic::Ordering::Relaxed);
            }
        })
        .unwrap();
    assert!(!finished.complete && finished.step == 3 && finished.checkpoint.is_dir());
}

#[test]
fn a_full_disk_pauses_and_keeps_the_last_good_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let straight = tempfile::tempdir().unwrap();
    let mut other = open(straight.path(), settings());
    other.run(&Unsteered, &mut quiet()).unwrap();

    let mut trainer = open(dir.path(), settings());
    let full = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_full = full.clone();
    trainer.fault = Some(Box::new(move |step| {
        let broken = step == 4 && is_full.load(std::sync::atomic::Ordering::Relaxed);
        if broken { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }));
    let person = Person::default();
    let path = dir.path().to_path_buf();
    *person.then.borrow_mut() = Some(Box::new(move |person| {
        // While it is paused: the last good one is whole, nothing half-written lies about.
        assert_eq!(checkpoint::newest(&path), Some(2));
        let temporary = |name: &str| name.contains("tmp");
        let names = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(!names.into_iter().any(|name| temporary(&name.to_string_lossy())));
        full.store(false, std::sync::atomic::Ordering::Relaxed);
        person.paused.set(false);
    }));
    let mut events = Vec::new();
    let finished = trainer.run(&person, &mut |event: &Event| events.push(event.clone())).unwrap();
    assert!(finished.complete);
    let alert = events.iter().position(|event| matches!(event, Event::Alert(text) if text.contains("cannot write")));
    assert!(events[alert.unwrap()..].contains(&Event::Resumed));
    assert_eq!(bits(&trainer), bits(&other));

    // With nobody there it ends with an error, and the checkpoint before stays.
    let dir = tempfile::tempdir().unwrap();
    let mut trainer = open(dir.path(), settings());
    trainer.fault = Some(Box::new(|step| if step == 4 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }));
    assert!(trainer.run(&Unsteered, &mut quiet()).is_err());
    assert_eq!(checkpoint::newest(dir.path()), Some(2));
}

#[test]
fn a_person_stops_saves_and_changes_the_rate() {
    let dir = tempfile::tempdir().unwrap();
    let person = Person::default();
    let settings = TrainSettings { checkpoint_every: 0, ..settings() };
    let mut trainer = open(dir.path(), settings.clone());
    let mut rates = Vec::new();
    let finished = trainer
        .run(&person, &mut |event: &Event| {
            if let Event::Step(step) = event {
                rates.push(step.lr);
                match step.step {
                    1 => person.checkpoint.set(true),
                    2 => person.rate.set(Some(1e-4)),
                    3 => person.stop.set(true),
                    _ => {}
                }
            }
        })
        .unwrap();
    assert!(!finished.complete && finished.step == 3);
    assert_eq!(checkpoint::steps(dir.path()), [3, 1]);
    assert!((rates[2] / trainer.schedule.rate(2) - 1e-4 / 3e-3).abs() < 1e-9);
    // The changed rate is part of what goes on.
    let again = open(dir.path(), settings);
    assert_eq!(again.state().rate_scale, trainer.state().rate_scale);
}

fn spiked(action: SpikeAction) -> TrainSettings {
    TrainSettings { spike: SpikeSettings { action, ..SpikeSettings::default() }, ..settings() }
}

/// Spoils a weight after the first steps.
fn spoil(trainer: &mut Trainer, steps: u64) {
    let total = trainer.state.total_steps;
    trainer.state.total_steps = steps;
    trainer.run(&Unsteered, &mut quiet()).unwrap();
    trainer.state.total_steps = total;
    trainer.network.trainable_mut()[7] = f32::NAN;
}

#[test]
fn what_is_not_a_number_is_not_a_step() {
    // Stop: nothing of it is in the weights that are saved; the samples are kept.
    let dir = tempfile::tempdir().unwrap();
    let mut trainer = open(dir.path(), spiked(SpikeAction::Stop));
    spoil(&mut trainer, 3);
    let mut alerts = Vec::new();
    let finished = trainer
        .run(&Unsteered, &mut |event: &Event| {
            if let Event::Alert(text) = event {
                alerts.push(text.clone());
            }
        })
        .unwrap();
    assert!(!finished.complete && finished.step == 3);
    assert!(finished.off.as_deref().is_some_and(|off| off.starts_with("step 4: loss NaN")), "{finished:?}");
    assert!(alerts[0].contains("step 4: loss NaN") && alerts[0].contains("off-step-4.json"), "{alerts:?}");
    let kept: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("off-step-4.json")).unwrap()).unwrap();
    assert_eq!(kept["samples"].as_array().unwrap().len(), trainer.order.step(3).len());

    // Roll back: the spoiled weight is gone with the steps since the checkpoint, and the run ends well.
    let dir = tempfile::tempdir().unwrap();
    let mut trainer = open(dir.path(), spiked(SpikeAction::RollBack));
    spoil(&mut trainer, 3);
    let finished = trainer.run(&Unsteered, &mut quiet()).unwrap();
    assert!(finished.complete && trainer.network.trainable().iter().all(|x| x.is_finite()));
    assert_eq!(trainer.state.left_out, [3]);
    assert_eq!(trainer.optimizer.steps, 7);

    // A person chooses.
    let dir = tempfile::tempdir().unwrap();
    let mut trainer = open(dir.path(), spiked(SpikeAction::Ask));
    spoil(&mut trainer, 3);
    let person = Person::default();
    *person.then.borrow_mut() = Some(Box::new(|person| {
        person.choice.set(Some(SpikeAction::RollBack));
        person.paused.set(false);
    }));
    assert!(trainer.run(&person, &mut quiet()).unwrap().complete);
}

#[test]
fn a_leap_of_the_loss_is_seen_and_left_out_or_the_rate_lowered() {
    for (action, scale) in [(SpikeAction::Skip, 1.0), (SpikeAction::LowerRate, 0.5)] {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = spiked(action);
        settings.spike.after = 2;
        let mut trainer = open(dir.path(), settings);
        trainer.state.total_steps = 4;
        trainer.run(&Unsteered, &mut quiet()).unwrap();
        trainer.state.total_steps = 8;
        // As if the loss had been far lower before.
        trainer.state.smoothed_loss = Some(0.5);
        let before = bits(&trainer);
        let samples = trainer.take_step(&Unsteered, &mut quiet()).unwrap();
        assert!(matches!(samples, Step::Off(_)));
        assert_eq!(bits(&trainer), before, "the step was not taken");
        assert!(trainer.off(4, "loss", &Unsteered, &mut quiet()).unwrap());
        assert_eq!((trainer.state.rate_scale, trainer.state.left_out.clone()), (scale, vec![4]));
    }
}

#[test]
fn what_is_saved_is_a_model_that_opens_and_says_the_same() {
    for settings in [settings(), lora()] {
        let dir = tempfile::tempdir().unwrap();
        let mut trainer = open(dir.path(), settings.clone());
        let finished = trainer.run(&Unsteered, &mut quiet()).unwrap();
        let directory = match settings.method {
            Method::Full => finished.checkpoint.clone(),
            Method::Lora => {
                let names = ["adapter_config.json", "adapter_model.safetensors", "README.md"];
                assert!(names.iter().all(|name| finished.checkpoint.join(name).is_file()));
                let merged = dir.path().join("merged");
                let mut fresh = checkpoint::store::Fresh::begin(&merged).unwrap();
                trainer.output.write_merged(&mut fresh, &trainer.network).unwrap();
                fresh.finish().unwrap();
                merged
            }
        };
        let opened = ModelFiles::open(directory.to_str().unwrap()).unwrap();
        let again = Network::load(&opened.architecture, &opened.weights, None, 0).unwrap();
        let item = &trainer.data.train[0];
        let batch = dataset::batch(&[item], 1.0, 0);
        let mut workspace = Workspace::default();
        let ours = trainer.network.losses(&mut workspace, &batch).unwrap();
        let theirs = again.losses(&mut workspace, &batch).unwrap();
        assert!((ours.loss - theirs.loss).abs() < 1e-4 * ours.loss, "{} and {}", ours.loss, theirs.loss);
    }
}
