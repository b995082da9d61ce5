//! The turn machine: problem, attempt, then guidance and revision in turn, until the turns asked for are done.
//!
//! A turn that was cut off at its length is still revised, and says so in its record: what a model can make of half an
//! attempt is worth seeing. A turn for which the context has no room ends the dialogue.
//!
//! A policy may begin the attempt for the model, and a strategy the revision. What was begun is part of the turn as it is
//! recorded, of what the model sees of it later, and of the chain.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

use super::{DialogueError, Mode, Policy, Strategy, stitch, template};
use crate::math;
use crate::records::{FinishReason, Message, Problem, Role, Sample, Turn, TurnKind, now_millis};

/// What comes next in a dialogue.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Write the next assistant turn of this chat, or go on with it where its beginning is the last message.
    Ask {
        messages: Vec<Message>,
        /// `attempt`, or the strategy's name.
        label: String,
        /// What the user side says now.
        prompt: String,
        /// The beginning of the assistant turn; empty where all of it is to be written.
        begin: String,
        /// Index of the assistant turn, from 0.
        turn: u32,
    },
    Done,
}

/// What came back for a turn: what was written after its beginning, where it had one.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub text: String,
    /// As sampled; empty where a server does not tell them.
    pub token_ids: Vec<u32>,
    /// Tokens written.
    pub tokens: usize,
    /// Sum of the natural log probabilities of the tokens written, where it is known.
    pub logprob: Option<f64>,
    pub finish: FinishReason,
}

/// One dialogue about one problem.
#[derive(Debug)]
pub struct Dialogue<'a> {
    problem: &'a Problem,
    policy: &'a Policy,
    turns_wanted: usize,
    seed: u64,
    draw: u32,
    turns: Vec<Turn>,
    /// The phrase that leads to each revision, in order.
    bridges: Vec<String>,
    /// The beginning of the turn that was asked for last.
    begin: String,
}

impl<'a> Dialogue<'a> {
    /// `turns`: assistant turns, 1 to 6.
    pub fn new(
        problem: &'a Problem,
        policy: &'a Policy,
        turns: usize,
        seed: u64,
        draw: u32,
    ) -> Result<Self, DialogueError> {
        if !(1..=6).contains(&turns) {
            return Err(DialogueError::Turns(turns));
        }
        let (bridges, begin) = (Vec::new(), String::new());
        Ok(Self { problem, policy, turns_wanted: turns, seed, draw, turns: Vec::new(), bridges, begin })
    }

    /// What to ask next. To be followed by [`Dialogue::answer`] before it is called again.
    pub fn next_step(&mut self) -> Result<Step, DialogueError> {
        let answered = self.answered();
        let ended = self.turns.last().is_some_and(|turn| turn.finish == Some(FinishReason::ContextFull));
        if ended || answered == self.turns_wanted {
            return Ok(Step::Done);
        }
        let label = if answered == 0 { self.ask_problem()? } else { self.ask_revision(answered)? };
        let prompt = self.turns.last().map(|turn| turn.text.clone()).unwrap_or_default();
        let mut messages = self.messages();
        if !self.begin.is_empty() {
            messages.push(Message::new(Role::Assistant, &self.begin));
        }
        Ok(Step::Ask { messages, label, prompt, begin: self.begin.clone(), turn: answered as u32 })
    }

    /// Takes the turn that was asked for. Its text is recorded with its beginning; its tokens are those written after it.
    pub fn answer(&mut self, answer: Answer) {
        let Answer { text: written, token_ids, tokens, logprob, finish } = answer;
        let begin = std::mem::take(&mut self.begin);
        // A turn for which there was no room was never begun.
        let nothing = written.is_empty() && finish == FinishReason::ContextFull;
        let text = if nothing { written } else { begin + &written };
        let strategy = self.turns.last().and_then(|turn| turn.strategy.clone());
        let kind = if strategy.is_some() { TurnKind::Revision } else { TurnKind::Attempt };
        self.turns.push(Turn { kind, strategy, text, token_ids, tokens, logprob, finish: Some(finish) });
    }

    /// The sample that the dialogue came to. `settings`: hash of the settings; `seconds`: wall time.
    pub fn finish(self, settings: &str, seconds: f64) -> Sample {
        let chain = stitch(&self.turns, &self.bridges);
        let checked = math::check(&self.problem.answer, &chain.text);
        let mut tags = Vec::new();
        if self.policy.mode == Mode::GoldConditioned {
            tags.push("gold_conditioned".to_owned());
        }
        if self.policy.shows_answer {
            tags.push("shows_answer".to_owned());
        }
        Sample {
            problem_id: self.problem.id.clone(),
            draw: self.draw,
            settings: settings.to_owned(),
            chain,
            tags,
            finish: self.turns.iter().rev().find_map(|turn| turn.finish).unwrap_or(FinishReason::ContextFull),
            answer: checked.answer,
            correct: checked.correct,
            tokens: self.turns.iter().map(|turn| turn.tokens).sum(),
            seconds,
            created_at: now_millis(),
            turns: self.turns,
        }
    }

    /// Whether the model has answered at all.
    pub fn begun(&self) -> bool {
        self.answered() > 0
    }

    fn answered(&self) -> usize {
        self.turns.iter().filter(|turn| matches!(turn.kind, TurnKind::Attempt | TurnKind::Revision)).count()
    }

    fn ask_problem(&mut self) -> Result<String, DialogueError> {
        let variables = self.variables("", 0);
        if let Some(system) = &self.policy.system {
            let text = template::render(&format!("policy {}, system", self.policy.name), system, &variables)?;
            self.turns.push(user(TurnKind::System, None, text));
        }
        let text = template::render(&format!("policy {}, prompt", self.policy.name), &self.policy.prompt, &variables)?;
        self.turns.push(user(TurnKind::Problem, None, text));
        self.begin.clone_from(&self.policy.begin);
        Ok("attempt".to_owned())
    }

    fn ask_revision(&mut self, turn: usize) -> Result<String, DialogueError> {
        let mut random = stream(self.seed, &self.problem.id, self.draw, turn);
        let attempt = self.turns.last().map_or("", |turn| turn.text.as_str()).to_owned();
        let strategy = self.choose(&attempt, &mut random);
        let nothing = String::new();
        let guidance = strategy.guidance.choose(&mut random).unwrap_or(&nothing);
        let bridge = strategy.bridge.choose(&mut random).unwrap_or(&nothing).trim().to_owned();
        // The last choice, so that those before it are what they are without it.
        let begin = strategy.begin.choose(&mut random).unwrap_or(&nothing);
        let variables = self.variables(&attempt, turn);
        let text = template::render(&format!("strategy {}, guidance", strategy.name), guidance, &variables)?;
        let name = strategy.name.clone();
        self.begin.clone_from(begin);
        self.bridges.push(bridge);
        self.turns.push(user(TurnKind::Guidance, Some(name.clone()), text));
        Ok(name)
    }

    /// What a prompt may read.
    fn variables(&self, attempt: &str, turn: usize) -> [(&'static str, minijinja::Value); 4] {
        [
            ("problem", self.problem.text.as_str().into()),
            ("answer", self.problem.answer.as_str().into()),
            ("attempt", attempt.into()),
            ("turn", turn.into()),
        ]
    }

    /// By weight; not the same twice in a row while another has weight. A gold-conditioned policy looks at the attempt.
    fn choose(&self, attempt: &str, random: &mut ChaCha8Rng) -> &'a Strategy {
        let choices = &self.policy.choices;
        if self.policy.mode == Mode::GoldConditioned {
            let right = math::check(&self.problem.answer, attempt).correct == Some(true);
            let wanted = if right { "verification" } else { "backtracking" };
            if let Some((strategy, _)) = choices.iter().find(|(strategy, _)| strategy.name == wanted) {
                return strategy;
            }
        }
        let before = self.turns.iter().rev().find_map(|turn| turn.strategy.as_deref());
        let weight = |(strategy, weight): &(Strategy, f64)| {
            if choices.len() > 1 && Some(strategy.name.as_str()) == before { 0.0 } else { *weight }
        };
        let total: f64 = choices.iter().map(weight).sum();
        let mut left = random.random::<f64>() * total;
        let chosen = choices.iter().find(|choice| {
            left -= weight(choice);
            left < 0.0
        });
        // Rounding may leave a crumb at the end: then it is the last one that may be chosen at all.
        let last = || choices.iter().rev().find(|choice| weight(choice) > 0.0);
        &chosen.or_else(last).unwrap_or(&choices[0]).0
    }

    fn messages(&self) -> Vec<Message> {
        let role = |kind| match kind {
            TurnKind::System => Role::System,
            TurnKind::Problem | TurnKind::Guidance => Role::User,
            TurnKind::Attempt | TurnKind::Revision => Role::Assistant,
        };
        self.turns.iter().map(|turn| Message::new(role(turn.kind), &turn.text)).collect()
    }
}

fn user(kind: TurnKind, strategy: Option<String>, text: String) -> Turn {
    Turn { kind, strategy, text, token_ids: Vec::new(), tokens: 0, logprob: None, finish: None }
}

/// The random stream of one guidance: a function of what names it, so that a dialogue can be held again.
fn stream(seed: u64, problem_id: &str, draw: u32, turn: usize) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(b"guidance");
    hash.update(seed.to_le_bytes());
    hash.update((problem_id.len() as u64).to_le_bytes());
    hash.update(problem_id.as_bytes());
    hash.update(draw.to_le_bytes());
    hash.update((turn as u64).to_le_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}
