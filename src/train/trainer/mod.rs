//! The loop: steps, metrics, validation, checkpoints, and what is done when something goes wrong.
//!
//! A run is a directory. Whatever happens to the process, the same settings on the same directory go on from the newest
//! complete checkpoint, and with the same number of threads every later number is the same bit for bit.

mod trouble;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use super::checkpoint::{self, RunState};
use super::dataset::{self, DataSettings, Dataset, Item, Order};
use super::lora::mix;
use super::metrics::{self, Metrics, StateNumbers};
use super::output::Output;
use super::settings::{LookSettings, SpikeSettings, TrainSettings};
use super::steer::{Event, Look, Report, Steering, StepReport};
use super::{AdamW, Engine, Network, Schedule, TrainError};

/// How fast the smoothed loss follows.
const SMOOTHING: f64 = 0.1;
/// How long a paused run sleeps between looks.
const LOOK: Duration = Duration::from_millis(200);

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// All steps are done; else it was stopped.
    pub complete: bool,
    /// Why it stopped by itself, if it did.
    pub off: Option<String>,
    pub step: u64,
    /// The last checkpoint.
    pub checkpoint: PathBuf,
    pub validation_loss: Option<f64>,
}

/// A run in work.
pub struct Trainer {
    directory: PathBuf,
    network: Network,
    optimizer: AdamW,
    engine: Box<dyn Engine>,
    /// Most tokens of one pass: the settings', or half of them after the device ran out of memory.
    pass_tokens: usize,
    data: Dataset,
    order: Order,
    schedule: Schedule,
    metrics: Metrics,
    output: Output,
    look: Option<Box<dyn Look>>,
    state: RunState,
    /// Lets tests break the disk.
    #[cfg(test)]
    fault: Option<Box<dyn FnMut(u64) -> std::io::Result<()> + Send>>,
}

/// What a step came to.
enum Step {
    Done,
    /// Why it was not taken.
    Off(String),
    /// It was not taken and the run is to end.
    Stopped,
}

impl Trainer {
    /// Begins a run in `directory`, or goes on with the one that is there. `model_hash` names the weights in `network`,
    /// which `engine` was made of.
    ///
    /// # Errors
    /// If the settings mean nothing, or the run that is there was of other data, another model or other settings.
    pub fn open(
        directory: &Path,
        settings: TrainSettings,
        (network, engine): (Network, Box<dyn Engine>),
        model_hash: &str,
        data: Dataset,
        output: Output,
    ) -> Result<Self, TrainError> {
        settings.validate()?;
        std::fs::create_dir_all(directory).map_err(|error| TrainError::io(directory, error))?;
        let lengths = data.train.iter().map(|item| item.tokens.len()).collect();
        let order = Order::new(settings.seed, settings.batch_size, settings.data.grouping, lengths);
        let whole = order.steps_per_epoch() * settings.epochs.max(1);
        let total_steps = match (settings.max_steps, settings.epochs) {
            (0, _) => whole,
            (most, 0) => most,
            (most, _) => most.min(whole),
        };
        let schedule = Schedule {
            kind: settings.schedule,
            lr: settings.peak_rate(network.own_weights().len()),
            warmup_steps: (total_steps as f64 * settings.warmup_share).ceil() as u64,
            total_steps,
        };
        let optimizer = AdamW::new(&network.trainable_places(), settings.optimizer.clone());
        let state = RunState {
            total_steps,
            rate_scale: 1.0,
            data_hash: data.hash.clone(),
            model_hash: model_hash.to_owned(),
            settings,
            ..RunState::default()
        };
        let mut trainer = Self {
            directory: directory.to_path_buf(),
            engine,
            pass_tokens: state.settings.pass_tokens,
            optimizer,
            network,
            data,
            order,
            schedule,
            metrics: Metrics::open(directory).map_err(|error| TrainError::io(directory, error))?,
            output,
            look: None,
            state,
            #[cfg(test)]
            fault: None,
        };
        if let Some(step) = checkpoint::newest(directory) {
            trainer.restore(step)?;
        }
        if trainer.state.settings.wandb {
            trainer.metrics.tell_wandb(&trainer.state.settings, trainer.state.step > 0);
        }
        Ok(trainer)
    }

    /// Lets `look` draw from the model every so many steps of the settings.
    pub fn watch(&mut self, look: Box<dyn Look>) {
        self.look = Some(look);
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.state.step
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    pub fn state(&self) -> &RunState {
        &self.state
    }

    fn restore(&mut self, step: u64) -> Result<(), TrainError> {
        let place = checkpoint::place(&self.directory, step);
        let found = checkpoint::state(&place)?;
        let refuse = |what: &str| {
            Err(TrainError::Checkpoint(format!("{}: {what}; train in another directory", place.display())))
        };
        if found.model_hash != self.state.model_hash {
            return refuse("made from another model");
        }
        if found.data_hash != self.state.data_hash {
            return refuse("made from other data (the chains or their masks have changed)");
        }
        // What does not touch the numbers may change between runs.
        let numbers = |settings: &TrainSettings| TrainSettings {
            model: String::new(),
            checkpoint_every: 0,
            keep_last: 1,
            validate_every: 0,
            gradient_checkpointing: false,
            wandb: false,
            early_stop: 0,
            spike: SpikeSettings::default(),
            look: LookSettings::default(),
            // What is learnt from is known by its hash.
            data: DataSettings { selection: String::new(), ..settings.data.clone() },
            ..settings.clone()
        };
        if numbers(&found.settings) != numbers(&self.state.settings) {
            return refuse("made with other settings");
        }
        checkpoint::load(&place, &found, &mut self.network, &mut self.optimizer)?;
        self.engine.put(&self.network, &self.optimizer)?;
        let (settings, total_steps) = (self.state.settings.clone(), self.state.total_steps);
        self.state = RunState { settings, total_steps, ..found };
        Ok(())
    }

    /// Trains until all steps are done or it is stopped, and saves.
    ///
    /// # Errors
    /// If a batch cannot be trained, or nothing can be saved and the person gives up.
    pub fn run(&mut self, steering: &dyn Steering, report: &mut dyn Report) -> Result<Finished, TrainError> {
        let ended = self.run_steps(steering, report);
        self.metrics.end(ended.as_ref().is_ok_and(|finished| finished.off.is_none()));
        ended
    }

    fn run_steps(&mut self, steering: &dyn Steering, report: &mut dyn Report) -> Result<Finished, TrainError> {
        if self.has_enough() {
            return self.end_early(steering, report);
        }
        let (step, total_steps) = (self.state.step, self.state.total_steps);
        let event = if step > 0 { "resumed" } else { "started" };
        let note = json!({ "step": step, "event": event, "total_steps": total_steps, "t": seconds() });
        self.insist(steering, report, |trainer| trainer.metrics.append(&note))?;
        if self.state.step == 0 {
            self.look(steering, report)?;
        }
        while self.state.step < self.state.total_steps {
            if !self.wait(steering, report) {
                return self.end(steering, report);
            }
            if let Some(rate) = steering.take_rate() {
                self.set_rate(rate, report);
            }
            if steering.take_checkpoint() {
                self.save(steering, report)?;
            }
            let here = self.state.step;
            if self.state.left_out.contains(&here) {
                self.state.step += 1;
            } else {
                match self.take_step(steering, report)? {
                    Step::Done => {}
                    Step::Stopped => return self.end(steering, report),
                    Step::Off(why) => {
                        if !self.off(here, &why, steering, report)? {
                            let off = Some(format!("step {}: {why}", here + 1));
                            return Ok(Finished { off, ..self.end(steering, report)? });
                        }
                        continue;
                    }
                }
            }
            let epoch_ends = self.state.step.is_multiple_of(self.order.steps_per_epoch());
            let last = self.state.step == self.state.total_steps;
            let every = |steps: u64| epoch_ends || last || (steps > 0 && self.state.step.is_multiple_of(steps));
            let (validate, mut save) =
                (every(self.state.settings.validate_every), every(self.state.settings.checkpoint_every));
            if validate && !self.data.validation.is_empty() {
                save |= self.validate(steering, report)?;
            }
            let enough = validate && self.has_enough();
            if save || enough {
                self.save(steering, report)?;
            }
            let every = self.state.settings.look.every;
            if every > 0 && (last || enough || self.state.step.is_multiple_of(every)) {
                self.look(steering, report)?;
            }
            if enough && !last {
                return self.end_early(steering, report);
            }
        }
        self.end(steering, report)
    }

    /// Whether validation has not got better for so long as the settings allow.
    fn has_enough(&self) -> bool {
        let patience = self.state.settings.early_stop;
        patience > 0 && self.state.since_best >= patience
    }

    fn end_early(&mut self, steering: &dyn Steering, report: &mut dyn Report) -> Result<Finished, TrainError> {
        let times = self.state.since_best;
        self.alert(report, format!("no better validation loss {times} times in a row; the run ends early"));
        Ok(Finished { complete: true, ..self.end(steering, report)? })
    }

    /// A directory that any program opens as a model: a checkpoint of every weight, or, of adapters, `merged` in the run's
    /// directory, made from the network as it is now.
    ///
    /// # Errors
    /// Of the file system.
    pub fn model(&self, checkpoint: &Path) -> Result<PathBuf, TrainError> {
        if self.network.lora().is_none() {
            return Ok(checkpoint.to_path_buf());
        }
        let place = self.directory.join(checkpoint::MERGED);
        let write = || -> std::io::Result<()> {
            let mut fresh = checkpoint::store::Fresh::begin(&place)?;
            self.output.write_merged(&mut fresh, &self.network)?;
            fresh.finish()
        };
        write().map_err(|error| TrainError::Checkpoint(format!("{}: {error}", place.display())))?;
        Ok(place)
    }

    /// Saves what is not saved yet and says where.
    fn end(&mut self, steering: &dyn Steering, report: &mut dyn Report) -> Result<Finished, TrainError> {
        let place = checkpoint::place(&self.directory, self.state.step);
        if !checkpoint::store::complete(&place, false) {
            self.save(steering, report)?;
        }
        Ok(Finished {
            complete: self.state.step >= self.state.total_steps,
            off: None,
            step: self.state.step,
            checkpoint: place,
            validation_loss: self.state.validation_loss,
        })
    }

    /// Waits while paused. Whether to go on.
    fn wait(&self, steering: &dyn Steering, report: &mut dyn Report) -> bool {
        if steering.paused() && !steering.stopping() {
            report.tell(&Event::Paused);
            while steering.paused() && !steering.stopping() {
                steering.wait_while_paused(LOOK);
            }
            if !steering.stopping() {
                report.tell(&Event::Resumed);
            }
        }
        !steering.stopping()
    }

    /// From the next step on the schedule's highest rate is this one.
    fn set_rate(&mut self, rate: f64, report: &mut dyn Report) {
        if rate.is_finite() && rate > 0.0 && rate <= 1.0 {
            self.state.rate_scale = rate / self.schedule.lr;
            let note = json!({ "step": self.state.step, "event": "learning_rate", "reason": format!("{rate:e} at most"), "t": seconds() });
            let _ = self.metrics.append(&note);
        } else {
            self.alert(report, format!("a learning rate of {rate} was not taken; above 0 and at most 1 is"));
        }
    }

    /// One step of the optimiser, unless something is off with it.
    fn take_step(&mut self, steering: &dyn Steering, report: &mut dyn Report) -> Result<Step, TrainError> {
        let began = Instant::now();
        let samples = self.order.step(self.state.step);
        let tokens: usize = samples.iter().map(|&sample| self.data.train[sample].tokens.len()).sum();
        let (loss, grad_norm) = loop {
            match self.gradient(&samples) {
                Ok(found) => break found,
                Err(TrainError::DeviceMemory(why)) => {
                    if !self.make_room(&why, steering, report) {
                        return Ok(Step::Stopped);
                    }
                }
                Err(error) => return Err(error),
            }
        };
        if let Some(why) = self.looks_off(loss, grad_norm) {
            return Ok(Step::Off(why));
        }
        let lr = self.schedule.rate(self.state.step) * self.state.rate_scale;
        self.engine.step(&mut self.network, &mut self.optimizer, grad_norm, lr)?;
        let before = self.state.smoothed_loss.unwrap_or(loss);
        self.state.smoothed_loss = Some(before + SMOOTHING * (loss - before));
        self.state.step += 1;
        self.state.optimizer_steps = self.optimizer.steps;
        self.state.tokens += tokens as u64;
        let took = began.elapsed().as_secs_f64();
        let line = StepReport {
            step: self.state.step,
            total_steps: self.state.total_steps,
            epoch: self.state.step as f64 / self.order.steps_per_epoch() as f64,
            loss,
            lr,
            grad_norm,
            tokens_per_second: tokens as f64 / took.max(1e-9),
            tokens: self.state.tokens,
        };
        let record = json!({
            "step": line.step, "t": seconds(), "loss": loss, "lr": lr, "grad_norm": grad_norm,
            "tokens_per_second": (line.tokens_per_second * 10.0).round() / 10.0, "epoch": line.epoch, "tokens": line.tokens,
        });
        self.insist(steering, report, |trainer| trainer.metrics.append(&record))?;
        report.tell(&Event::Step(line));
        Ok(Step::Done)
    }

    /// The loss of a step's samples and the norm of its gradient, which the engine holds.
    fn gradient(&mut self, samples: &[usize]) -> Result<(f64, f64), TrainError> {
        let items: Vec<&Item> = samples.iter().map(|&sample| &self.data.train[sample]).collect();
        let total = dataset::total_weight(&items);
        let length = |sample: usize| self.data.train[sample].tokens.len();
        self.engine.clear();
        let mut loss = 0.0;
        for (index, pass) in dataset::order::pack(samples, length, self.pass_tokens).iter().enumerate() {
            let items: Vec<&Item> = pass.iter().map(|&sample| &self.data.train[sample]).collect();
            let seed = mix(self.state.settings.seed ^ mix(self.state.step * 4096 + index as u64 + 1));
            let batch = dataset::batch(&items, total, seed);
            loss += self.engine.gradient(&self.network, &batch)?.loss;
        }
        Ok((loss, self.engine.grad_norm(&self.optimizer)?))
    }

    /// The loss over what was held out. Whether it is the best so far.
    fn validate(&mut self, steering: &dyn Steering, report: &mut dyn Report) -> Result<bool, TrainError> {
        let loss = loop {
            match self.validation_loss() {
                Ok(loss) => break loss,
                Err(TrainError::DeviceMemory(why)) => {
                    if !self.make_room(&why, steering, report) {
                        return Ok(false);
                    }
                }
                Err(error) => return Err(error),
            }
        };
        let step = self.state.step;
        self.state.validation_loss = Some(loss);
        let best = loss.is_finite() && self.state.best.is_none_or(|(_, best)| loss < best);
        if best {
            self.state.best = Some((step, loss));
            self.state.since_best = 0;
        } else {
            self.state.since_best += 1;
        }
        let record = json!({ "step": step, "t": seconds(), "validation_loss": loss });
        self.insist(steering, report, |trainer| trainer.metrics.append(&record))?;
        report.tell(&Event::Validation { step, loss });
        Ok(best)
    }

    /// Mean over the trained tokens of the held-out samples, in nats.
    ///
    /// # Errors
    /// If a sample cannot be run.
    pub fn validation_loss(&mut self) -> Result<f64, TrainError> {
        let samples: Vec<usize> = (0..self.data.validation.len()).collect();
        let items: Vec<&Item> = self.data.validation.iter().collect();
        let total = dataset::total_weight(&items);
        let length = |sample: usize| self.data.validation[sample].tokens.len();
        let mut loss = 0.0;
        for pass in dataset::order::pack(&samples, length, self.pass_tokens) {
            let items: Vec<&Item> = pass.iter().map(|&sample| &self.data.validation[sample]).collect();
            loss += self.engine.losses(&self.network, &dataset::batch(&items, total, 0))?.loss;
        }
        Ok(loss)
    }

    /// Draws from the model as it is now, if somebody looks.
    fn look(&mut self, steering: &dyn Steering, report: &mut dyn Report) -> Result<(), TrainError> {
        let Some(mut look) = self.look.take() else { return Ok(()) };
        self.engine.pull(&mut self.network, &mut self.optimizer)?;
        let found = look.look(&self.network);
        self.look = Some(look);
        let drawn = match found {
            Ok(drawn) => drawn,
            Err(why) => {
                self.alert(report, format!("could not draw from the model: {why}"));
                return Ok(());
            }
        };
        let step = self.state.step;
        let mut lines = String::new();
        for one in &drawn {
            let mut line = json!(one);
            line["step"] = step.into();
            lines += &format!("{line}\n");
        }
        self.insist(steering, report, |trainer| {
            let path = trainer.directory.join(metrics::LOOKS);
            std::fs::OpenOptions::new().append(true).create(true).open(path)?.write_all(lines.as_bytes())
        })?;
        let right = drawn.iter().filter(|one| one.correct == Some(true)).count();
        report.tell(&Event::Looked { step, right, of: drawn.len() });
        Ok(())
    }

    fn save(&mut self, steering: &dyn Steering, report: &mut dyn Report) -> Result<(), TrainError> {
        let path = self.insist(steering, report, Self::write_checkpoint)?;
        report.tell(&Event::Saved { step: self.state.step, path });
        Ok(())
    }

    fn write_checkpoint(&mut self) -> std::io::Result<PathBuf> {
        checkpoint::check_room(&self.directory, checkpoint::size(&self.network))?;
        self.engine.pull(&mut self.network, &mut self.optimizer).map_err(std::io::Error::other)?;
        self.metrics.sync()?;
        let numbers = StateNumbers {
            step: self.state.step,
            total_steps: self.state.total_steps,
            steps_per_epoch: self.order.steps_per_epoch(),
            epochs: self.state.settings.epochs,
            batch_size: self.state.settings.batch_size,
            best: self.state.best,
        };
        let record = metrics::trainer_state(&metrics::read(&self.directory, self.state.step)?, &numbers);
        let places = self.network.trainable_places();
        let (network, output) = (&self.network, &self.output);
        #[cfg(test)]
        let fault = &mut self.fault;
        #[cfg(test)]
        let step = self.state.step;
        let path = checkpoint::save(&self.directory, &self.state, &self.optimizer, &places, &record, |fresh| {
            output.write(fresh, network)?;
            #[cfg(test)]
            if let Some(fault) = fault {
                fault(step)?;
            }
            Ok(())
        })?;
        checkpoint::prune(&self.directory, self.state.settings.keep_last, self.state.best.map(|(step, _)| step))?;
        let state = self.directory.join("trainer_state.json");
        std::fs::write(state, serde_json::to_vec_pretty(&record)?)?;
        Ok(path)
    }
}

/// Seconds since the Unix epoch.
fn seconds() -> f64 {
    crate::records::now_millis() as f64 / 1e3
}

#[cfg(test)]
mod tests;
