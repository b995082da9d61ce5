//! What a run does when something goes wrong: a step that is off, a device without room, a disk that does not take what
//! is written.

use serde_json::json;

use super::{LOOK, Trainer, seconds};
use crate::train::TrainError;
use crate::train::checkpoint;
use crate::train::settings::SpikeAction;
use crate::train::steer::{Event, Report, Steering};

impl Trainer {
    /// Tells a person, and keeps it in the record for those who come later. Where the record cannot be written (a full disk)
    /// it is told all the same.
    pub(super) fn alert(&mut self, report: &mut dyn Report, line: String) {
        let note = json!({ "step": self.state.step, "event": "alert", "reason": line, "t": seconds() });
        let _ = self.metrics.append(&note);
        report.tell(&Event::Alert(line));
    }

    /// After the device ran out of memory: half as many tokens a pass, and the second time it is the person's turn. Whether
    /// to try again.
    pub(super) fn make_room(&mut self, why: &str, steering: &dyn Steering, report: &mut dyn Report) -> bool {
        self.engine.clear();
        if self.pass_tokens == self.state.settings.pass_tokens && self.pass_tokens > 1 {
            self.pass_tokens /= 2;
            let line = format!("the device ran out of memory; passes have {} tokens from here on", self.pass_tokens);
            self.alert(report, line);
            return true;
        }
        let line = format!(
            "the device ran out of memory again ({why}); resume when another program has freed some, or stop and use \
             gradient_checkpointing, a smaller pass_tokens or adapters"
        );
        self.alert(report, line);
        steering.pause();
        steering.paused() && self.wait(steering, report)
    }

    /// Why a step must not be taken.
    pub(super) fn looks_off(&self, loss: f64, grad_norm: f64) -> Option<String> {
        let spike = &self.state.settings.spike;
        if !loss.is_finite() || !grad_norm.is_finite() {
            return Some(format!("loss {loss}, gradient norm {grad_norm}"));
        }
        let smoothed = self.state.smoothed_loss?;
        let counts = spike.factor > 0.0 && self.optimizer.steps >= spike.after;
        (counts && loss > spike.factor * smoothed.max(0.05))
            .then(|| format!("loss {loss:.3}, {:.1} times the {smoothed:.3} before it", loss / smoothed.max(0.05)))
    }

    /// Keeps the samples of a step that is off and does what the settings or the person say. Whether to go on.
    pub(super) fn off(
        &mut self,
        step: u64,
        why: &str,
        steering: &dyn Steering,
        report: &mut dyn Report,
    ) -> Result<bool, TrainError> {
        let samples = self.order.step(step);
        let kept = self.directory.join(format!("off-step-{}.json", step + 1));
        let items: Vec<_> = samples
            .iter()
            .map(|&sample| &self.data.train[sample])
            .map(|item| json!({ "key": item.key, "problem_id": item.problem_id, "tokens": item.tokens }))
            .collect();
        let content = json!({ "step": step + 1, "reason": why, "samples": items }).to_string();
        self.insist(steering, report, |_| std::fs::write(&kept, &content))?;
        let mut action = self.state.settings.spike.action;
        let name = kept.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.alert(report, format!("step {}: {why}; its samples are in {name}", step + 1));
        if action == SpikeAction::Ask {
            steering.pause();
            report.tell(&Event::Paused);
            action = loop {
                if steering.stopping() {
                    break SpikeAction::Stop;
                }
                match steering.take_choice() {
                    Some(SpikeAction::Ask) => {}
                    Some(choice) => break choice,
                    // Going on without a choice leaves the samples out.
                    None if !steering.paused() => break SpikeAction::Skip,
                    None => {}
                }
                steering.wait_while_paused(LOOK);
            };
        }
        match action {
            SpikeAction::Ask | SpikeAction::Stop => {
                return Ok(false);
            }
            SpikeAction::LowerRate => self.state.rate_scale *= 0.5,
            SpikeAction::RollBack => {
                let left_out = self.state.left_out.clone();
                let Some(newest) = checkpoint::newest(&self.directory) else {
                    self.alert(report, "there is no checkpoint to go back to; the samples are left out".into());
                    self.state.left_out.push(step);
                    return Ok(true);
                };
                self.restore(newest)?;
                self.state.left_out = left_out;
            }
            SpikeAction::Skip => {}
        }
        self.state.left_out.push(step);
        let note = json!({ "step": step + 1, "event": "left_out", "reason": why, "t": seconds() });
        self.insist(steering, report, |trainer| trainer.metrics.append(&note))?;
        Ok(true)
    }

    /// Writes to the disk, and where that fails pauses with an alert and tries again when told to go on: what is in memory
    /// is worth more than an early end.
    pub(super) fn insist<T>(
        &mut self,
        steering: &dyn Steering,
        report: &mut dyn Report,
        mut work: impl FnMut(&mut Self) -> std::io::Result<T>,
    ) -> Result<T, TrainError> {
        loop {
            let error = match work(self) {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let line = format!("cannot write: {error}; the last good checkpoint is kept, make room and resume");
            self.alert(report, line);
            steering.pause();
            if steering.stopping() || !steering.paused() || !self.wait(steering, report) {
                return Err(TrainError::io(&self.directory, error));
            }
        }
    }
}
