//! Looks at the model in training: now and then it writes answers to a few problems, greedily and in one turn, which are graded
//! and kept beside the run. They show what the loss does not; they are no evaluation.

use std::sync::Arc;

use color_eyre::Result;
use color_eyre::eyre::eyre;

use super::super::OrderError;
use crate::generate::local::{ChatText, LocalBackend, LocalOptions};
use crate::generate::{Backend, Event, Request, StreamKey};
use crate::math;
use crate::model::{Architecture, Compute, Decoder};
use crate::records::{Message, Role, Sampling};
use crate::session::Session;
use crate::train::dataset::{Dataset, Example};
use crate::train::steer::{Drawn, Look};
use crate::train::{LookSettings, Network};

/// A problem as it is put to the model.
struct Asked {
    problem_id: String,
    messages: Vec<Message>,
    gold: String,
}

/// Tokens of a problem that are counted on in a plan.
const PROMPT: usize = 512;

/// Most tokens, of prompts and answers, that a look has in memory.
pub fn most_tokens(settings: &LookSettings) -> usize {
    let problems = if settings.problems.is_empty() { settings.count } else { settings.problems.len() };
    problems * (settings.max_tokens + PROMPT)
}

pub struct Looks {
    asked: Vec<Asked>,
    sampling: Sampling,
    architecture: Architecture,
    compute: Compute,
    options: LocalOptions,
    text: Arc<dyn ChatText + Sync>,
}

impl Looks {
    /// The problems that the settings name, else the first ones that are held out, else the first that are trained on.
    ///
    /// # Errors
    /// If a named problem is not there.
    pub fn new(
        session: &Session,
        settings: &LookSettings,
        (examples, data): (&[Example], &Dataset),
        (architecture, compute, options): (Architecture, Compute, LocalOptions),
        text: Arc<dyn ChatText + Sync>,
    ) -> Result<Self> {
        let mut ids: Vec<String> = settings.problems.clone();
        if ids.is_empty() {
            for item in data.validation.iter().chain(&data.train) {
                if ids.len() < settings.count && !ids.contains(&item.problem_id) {
                    ids.push(item.problem_id.clone());
                }
            }
        }
        let mut asked = Vec::new();
        for problem_id in ids {
            let problem = session
                .problem(&problem_id)?
                .ok_or_else(|| OrderError(format!("look.problems: no problem `{problem_id}`")))?;
            // As the chains of the session were asked for, with their system message if they have one.
            let messages = examples
                .iter()
                .find(|example| example.problem_id == problem_id)
                .map_or_else(|| vec![Message::new(Role::User, &problem.text)], |example| example.prompt.clone());
            asked.push(Asked { problem_id, messages, gold: problem.answer });
        }
        let sampling = Sampling { temperature: 0.0, max_tokens: settings.max_tokens, ..Sampling::default() };
        Ok(Self { asked, sampling, architecture, compute, options, text })
    }

    fn draw(&self, network: &Network) -> Result<Vec<Drawn>> {
        let device = self.options.device()?;
        let decoder = Decoder::load(&self.architecture, network, self.compute, &device)?;
        let names = ("in training".to_owned(), String::new(), String::new());
        let mut backend = LocalBackend::new(Arc::new(decoder), Box::new(self.text.clone()), names, &self.options);
        for (index, asked) in self.asked.iter().enumerate() {
            backend.submit(Request {
                id: index as u64,
                messages: asked.messages.clone(),
                sampling: self.sampling.clone(),
                stream: StreamKey { seed: 0, problem_id: asked.problem_id.clone(), draw: 0, turn: 0 },
                dialogue: index as u64,
            })?;
        }
        let mut drawn = Vec::new();
        let mut events = Vec::new();
        while backend.in_flight() > 0 {
            backend.step(&mut events)?;
            for event in events.drain(..) {
                match event {
                    Event::Finished { id, text, tokens, .. } => {
                        let asked = &self.asked[id as usize];
                        let correct = math::grade(&asked.gold, &text).equal;
                        drawn.push(Drawn { problem_id: asked.problem_id.clone(), text, tokens, correct });
                    }
                    Event::Failed { error, .. } => return Err(eyre!(error)),
                    Event::Started { .. } | Event::Text { .. } | Event::Postponed { .. } => {}
                }
            }
        }
        drawn.sort_by(|a, b| a.problem_id.cmp(&b.problem_id));
        Ok(drawn)
    }
}

impl Look for Looks {
    fn look(&mut self, network: &Network) -> Result<Vec<Drawn>, String> {
        self.draw(network).map_err(|error| error.to_string())
    }
}
