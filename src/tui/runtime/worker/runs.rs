//! What is asked about the trainings of the open session besides starting and steering them.

use std::path::Path;

use color_eyre::Result;
use color_eyre::eyre::{WrapErr, bail};

use super::super::super::effect::{Effect, Message, PreviewOf};
use super::Work;
use crate::config::expand_home;
use crate::model::ComputeChoice;
use crate::pipeline::TrainOrder;
use crate::pipeline::train::{preview, selected};
use crate::records::{Heavy, TRAINING};
use crate::train::runs;

/// Samples of a preview: enough to see whether the masks are right.
const PREVIEWED: usize = 20;

impl Work {
    pub(super) fn runs(&mut self, effect: Effect) -> Result<()> {
        let session = &self.open_session()?.session;
        let runs = runs::place(session.dir());
        match effect {
            Effect::PreviewTraining(of) => {
                let mut order = match of {
                    PreviewOf::Order(order) => *order,
                    PreviewOf::Run(run) => {
                        let (settings, _) = runs::settings(&runs, &run)?;
                        TrainOrder { run, settings, compute: ComputeChoice::Auto }
                    }
                };
                order.settings.model = expand_home(&order.settings.model);
                let (previews, of) = preview(session, &order, PREVIEWED)?;
                self.say(Message::Previews { previews, of });
            }
            Effect::CountChains(selection) => {
                let chains = selected(session, &selection).map_err(|error| format!("{error:#}"));
                self.say(Message::Chains { selection, chains });
            }
            Effect::LoadRunSettings(run) => {
                let settings = Box::new(runs::settings(&runs, &run)?);
                self.say(Message::RunSettings { run, settings });
            }
            Effect::RenameRun { from, to } => {
                self.at_rest(&from)?;
                runs::rename(&runs, &from, &to).wrap_err("not renamed")?;
                self.say(Message::RunRenamed { from, to });
                self.look_at_runs(&runs);
            }
            Effect::ArchiveRun(run) => {
                self.at_rest(&run)?;
                runs::archive(&runs, &run).wrap_err("not put away")?;
                self.say(Message::RunArchived(run));
                self.look_at_runs(&runs);
            }
            Effect::RestoreRun(run) => {
                runs::restore(&runs, &run).wrap_err("not brought back")?;
                self.say(Message::RunRestored(run));
                self.look_at_runs(&runs);
            }
            _ => {}
        }
        Ok(())
    }

    /// That the run is not in training, here or in another process, and may be moved.
    fn at_rest(&self, run: &str) -> Result<()> {
        let session = &self.open_session()?.session;
        if let Some(reason) = session.read_only() {
            bail!("the session is open for viewing only: {reason}");
        }
        if session.holders()?.iter().any(|holder| holder.job == TRAINING) {
            let own = self.at_work().find(|job| job.heavy() == Heavy::Training).map(|job| (*job.board()).clone());
            let board = match own {
                Some(board) => Some(board),
                None => session.read_live(TRAINING)?,
            };
            // Of a training that has not told its run yet nothing is known.
            if board.is_none_or(|board| !board.state.is_over() && (board.run == run || board.run.is_empty())) {
                bail!("{run} is in training; stop it first");
            }
        }
        Ok(())
    }

    /// Tells what has moved at once.
    fn look_at_runs(&mut self, runs: &Path) {
        let Some(following) = &mut self.session else { return };
        let news = following.runs.look(runs);
        self.say(Message::Runs(news));
    }
}
