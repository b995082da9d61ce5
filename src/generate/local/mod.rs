//! Turns written in this process: the decoder behind [`Backend`].
//!
//! A fixed number of slots is kept full. Each step decodes one token for every slot that writes and, beside them, a
//! bounded piece of the prompts that wait, so the stream never stops for long. A prompt that begins like one already
//! computed starts from its cache: the samples of a problem share one prefill, and the turns of a dialogue go on from what
//! they have. Where few sequences write, guesses at their next tokens (`lookup`) make a step give several. On the
//! kernels none of this changes a token: a row's numbers do not depend on the batch.

mod load;
mod lookup;
mod slot;
mod stop;
#[cfg(test)]
pub(crate) mod tests;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use color_eyre::eyre::{Context, ensure};
use rayon::prelude::*;

pub use self::load::{ModelText, load_decoder};
use self::lookup::Record;
use self::slot::{Progress, Slot};
use super::sampling::{SamplingError, TokenSampler};
use super::{Backend, Event, Request, RequestId};
use crate::model::{Cache, Compute, ComputeChoice, Decoder, Wanted, Workspace, fastest_device, ops};
use crate::records::{FinishReason, Message, ModelIdentity};

/// Most prompt tokens in one step, and fewest however slow the model is.
const PREFILL_CHUNK: std::ops::RangeInclusive<usize> = 16..=256;
/// About how long a step may take because of prompts, in seconds.
const STEP_SECONDS: f64 = 0.4;
/// A prompt waits for another to be computed when that saves at least this many tokens.
const WORTH_WAITING: usize = 16;
/// First-turn prompts whose caches are kept for samples that come later.
const KEPT_PROMPTS: usize = 8;

/// Text to tokens and back, as a model's files say.
pub trait ChatText: Send {
    /// The tokens of a chat, up to where the assistant writes: where its turn begins or, in a chat that ends with the
    /// beginning of an answer, right behind that.
    ///
    /// # Errors
    /// If the template raises, or the beginning of an answer is empty.
    fn encode_chat(&self, messages: &[Message]) -> color_eyre::Result<Vec<u32>>;

    /// The same as text.
    ///
    /// # Errors
    /// As [`ChatText::encode_chat`].
    fn render(&self, messages: &[Message]) -> color_eyre::Result<String>;

    /// Tokens that end a turn.
    fn stop_ids(&self) -> &[u32];

    /// A decoder for the tokens of one turn.
    fn stream(&self) -> Box<dyn TokenText>;
}

impl<T: ChatText + Sync + ?Sized> ChatText for Arc<T> {
    fn encode_chat(&self, messages: &[Message]) -> color_eyre::Result<Vec<u32>> {
        (**self).encode_chat(messages)
    }

    fn render(&self, messages: &[Message]) -> color_eyre::Result<String> {
        (**self).render(messages)
    }

    fn stop_ids(&self) -> &[u32] {
        (**self).stop_ids()
    }

    fn stream(&self) -> Box<dyn TokenText> {
        (**self).stream()
    }
}

/// Turns tokens into text one by one; keeps back what is not yet a whole character.
pub trait TokenText: Send {
    fn push(&mut self, token: u32) -> Option<String>;

    /// What was kept back. Nothing more is pushed.
    fn finish(&mut self) -> Option<String>;
}

/// Requests worked on at once where nothing else was said: enough rows for the kernels to run at full speed.
pub const SLOTS: usize = 32;

/// How a local backend runs.
#[derive(Debug, Clone)]
pub struct LocalOptions {
    /// Number format.
    pub compute: ComputeChoice,
    /// Requests worked on at once; `None` is [`SLOTS`].
    pub slots: Option<usize>,
    /// Most tokens of prompt and completion together; the model's own limit holds too.
    pub context_limit: Option<usize>,
    /// `None` takes the fastest that this build and machine have.
    pub device: Option<candle_core::Device>,
    /// Whether to guess at next tokens where that saves steps.
    pub lookup: bool,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self { compute: ComputeChoice::Auto, slots: None, context_limit: None, device: None, lookup: true }
    }
}

impl LocalOptions {
    /// The device to run on.
    ///
    /// # Errors
    /// If a GPU of this build's kind is there and cannot be opened.
    pub fn device(&self) -> candle_core::Result<candle_core::Device> {
        self.device.clone().map_or_else(fastest_device, Ok)
    }
}

/// A model in this process that writes turns.
pub struct LocalBackend {
    decoder: Arc<Decoder>,
    text: Box<dyn ChatText>,
    identity: ModelIdentity,
    slot_count: usize,
    queue: VecDeque<(Request, Vec<u32>)>,
    slots: Vec<Slot>,
    /// Caches of dialogues between two turns, oldest first.
    dialogues: VecDeque<(u64, Cache)>,
    /// Caches of first-turn prompts, oldest first.
    prompts: VecDeque<Cache>,
    workspace: Workspace,
    /// Tokens a second of recent steps that held prompts.
    prefill_rate: f64,
    /// How guesses fare; `None` where there are none.
    record: Option<Record>,
    written: usize,
}

/// What a step gave one slot: the tokens chosen, or why there is none.
type Chosen = (usize, Result<Vec<u32>, SamplingError>);

thread_local! {
    static SAMPLER: RefCell<TokenSampler> = RefCell::default();
}

impl LocalBackend {
    /// A backend over a decoder that is already there, such as that of a model in training. `name`, `content` and `template`
    /// say what it is, as in [`ModelIdentity`].
    pub fn new(
        decoder: Arc<Decoder>,
        text: Box<dyn ChatText>,
        (name, content, template): (String, String, String),
        options: &LocalOptions,
    ) -> Self {
        let own = decoder.architecture().max_position_embeddings;
        let identity = ModelIdentity {
            name,
            content,
            template,
            compute: decoder.compute().name().to_owned(),
            context_length: options.context_limit.map_or(own, |limit| limit.min(own)),
        };
        Self {
            // Elsewhere a row's numbers depend a little on the rows beside it, so a guess could change what is written.
            record: (options.lookup && decoder.runs_kernels()).then(Record::default),
            written: 0,
            decoder,
            text,
            identity,
            slot_count: options.slots.unwrap_or(SLOTS).max(1),
            queue: VecDeque::new(),
            slots: Vec::new(),
            dialogues: VecDeque::new(),
            prompts: VecDeque::new(),
            workspace: Workspace::default(),
            prefill_rate: 0.0,
        }
    }

    /// The compute mode that it runs in.
    pub fn compute(&self) -> Compute {
        self.decoder.compute()
    }

    /// How many slots have their prompt behind them.
    pub fn decoding(&self) -> usize {
        self.slots.iter().filter(|slot| slot.progress == Progress::Decoding).count()
    }

    /// Tokens of a chat up to where the assistant writes, to know before it is submitted whether there is room.
    ///
    /// # Errors
    /// As [`ChatText::encode_chat`].
    pub fn prompt_tokens(&self, messages: &[Message]) -> color_eyre::Result<usize> {
        Ok(self.text.encode_chat(messages).wrap_err("the chat cannot be put into the model's template")?.len())
    }

    /// Tokens written so far, all requests together.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Moves waiting requests into free slots; reports at once those that have nothing to write.
    fn admit(&mut self, events: &mut Vec<Event>) {
        while self.slots.len() < self.slot_count {
            let Some((request, prompt)) = self.queue.pop_front() else { return };
            let cache = self.decoder.new_cache();
            let slot = Slot::new(request, prompt, cache, self.text.as_ref(), self.identity.context_length);
            if let Some(reason) = slot.ends_at_once() {
                events.push(Event::Started { id: slot.request.id, prompt_tokens: slot.prompt.len() });
                slot.finish(reason, events);
            } else {
                self.slots.push(slot);
            }
        }
    }

    /// Gives a waiting slot the longest beginning of its prompt that is already computed, unless a prompt being
    /// computed now will soon give much more.
    fn begin(&mut self, index: usize, events: &mut Vec<Event>) {
        let slot = &self.slots[index];
        let dialogue = slot.request.dialogue;
        let others = || self.slots.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other);
        let mine = self.dialogues.iter().filter(|(id, _)| *id == dialogue).map(|(_, cache)| cache);
        let found = mine
            .chain(&self.prompts)
            .chain(others().map(|other| &other.cache))
            .map(|cache| (slot.shared_with(cache.tokens()), cache))
            .max_by_key(|(shared, _)| *shared);
        let have = found.map_or(0, |(shared, _)| shared);
        let coming = others()
            .filter(|other| other.progress == Progress::Prefilling)
            .map(|other| slot.shared_with(&other.prompt))
            .max()
            .unwrap_or(0);
        if coming >= have + WORTH_WAITING {
            return;
        }
        let cache = match found {
            Some((shared, cache)) if shared > 0 => {
                let mut cache = cache.clone();
                cache.truncate(shared);
                Some(cache)
            }
            _ => None,
        };
        self.dialogues.retain(|(id, _)| *id != dialogue);
        let slot = &mut self.slots[index];
        if let Some(cache) = cache {
            slot.cache = cache;
        }
        slot.progress = Progress::Prefilling;
        events.push(Event::Started { id: slot.request.id, prompt_tokens: slot.prompt.len() });
    }

    /// How many prompt tokens this step may hold.
    fn prefill_budget(&self) -> usize {
        let (least, most) = PREFILL_CHUNK.into_inner();
        if self.prefill_rate == 0.0 {
            return most / 4;
        }
        ((self.prefill_rate * STEP_SECONDS) as usize).clamp(least, most)
    }

    /// How many guessed tokens each decoding slot looks at in a step that holds `prompt_tokens` of prompts.
    fn guesses(&mut self, prompt_tokens: usize) -> Vec<(usize, usize)> {
        let Some(record) = &self.record else { return Vec::new() };
        let writing = self.slots.iter_mut().enumerate().filter(|(_, slot)| slot.progress == Progress::Decoding);
        let (slots, guesses): (Vec<_>, Vec<_>) = writing
            .map(|(index, slot)| {
                let length = slot.guess();
                (index, (slot.said.held(), length))
            })
            .unzip();
        let taken = record.worth(&guesses, guesses.len() + prompt_tokens, guesses.len());
        slots.into_iter().zip(taken).collect()
    }

    /// Runs the decoder over `parts` (slot, and tokens of its prompt or of its guess) and chooses the next tokens of each slot
    /// whose logits came.
    fn run(&mut self, parts: &[(usize, usize)]) -> color_eyre::Result<Vec<Chosen>> {
        let mut segments = Vec::with_capacity(parts.len());
        let mut waiting = parts.iter().peekable();
        let mut sampled = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let Some((_, budget)) = waiting.next_if(|(slot, _)| *slot == index) else { continue };
            let segment = slot.segment(*budget);
            match segment.wanted {
                Wanted::None => {}
                Wanted::Last => sampled.push((index, 1)),
                Wanted::All => sampled.push((index, segment.tokens.len())),
            }
            segments.push(segment);
        }
        let mut logits = self.decoder.forward(&mut self.workspace, &mut segments).wrap_err("decoding failed")?;
        let mut rows = logits.rows();
        let mut wanted = sampled.into_iter().peekable();
        let mut jobs = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if let Some((_, count)) = wanted.next_if(|(slot, _)| *slot == index) {
                jobs.push((index, slot, rows.by_ref().take(count).collect::<Vec<_>>()));
            }
        }
        let stop_ids = self.text.stop_ids();
        Ok(ops::run(|| jobs.into_par_iter().map(|(index, slot, rows)| (index, choose(slot, rows, stop_ids))).collect()))
    }

    /// Gives a slot its tokens, as far as the turn goes on; says how it ended if it did.
    fn accept(&mut self, index: usize, tokens: &[u32], events: &mut Vec<Event>) -> Option<FinishReason> {
        let slot = &mut self.slots[index];
        tokens.iter().find_map(|&token| {
            self.written += 1;
            if let Some(record) = &mut self.record {
                record.came(&mut slot.said, token);
            }
            slot.accept(token, self.text.stop_ids(), events)
        })
    }

    /// Takes what a finished turn leaves.
    fn keep(&mut self, dialogue: u64, cache: Cache) {
        self.dialogues.retain(|(id, _)| *id != dialogue);
        self.dialogues.push_back((dialogue, cache));
        while self.dialogues.len() > 2 * self.slot_count {
            self.dialogues.pop_front();
        }
    }

    /// Keeps a first turn's prompt for samples of the same problem that come later.
    fn keep_prompt(&mut self, index: usize) {
        let slot = &self.slots[index];
        if slot.request.stream.turn > 0 || self.prompts.iter().any(|kept| kept.tokens() == slot.prompt) {
            return;
        }
        let mut cache = slot.cache.clone();
        cache.truncate(slot.prompt.len());
        self.prompts.push_back(cache);
        while self.prompts.len() > KEPT_PROMPTS {
            self.prompts.pop_front();
        }
    }

    fn remove(&mut self, finished: Vec<(usize, Option<FinishReason>)>, events: &mut Vec<Event>) {
        for (index, reason) in finished.into_iter().rev() {
            let slot = self.slots.remove(index);
            let dialogue = slot.request.dialogue;
            if let Some(reason) = reason {
                let cache = slot.finish(reason, events);
                self.keep(dialogue, cache);
            }
        }
    }
}

/// Chooses tokens from a slot's rows, as long as each is the one that the next row was guessed to follow and the turn goes on.
fn choose(slot: &mut Slot, rows: Vec<&mut [f32]>, stop_ids: &[u32]) -> Result<Vec<u32>, SamplingError> {
    let mut tokens = Vec::new();
    for (at, row) in rows.into_iter().enumerate() {
        let draw = slot.random.draw(slot.next_index() + at);
        let token =
            SAMPLER.with_borrow_mut(|sampler| sampler.choose(row, slot.before(at), &slot.request.sampling, draw))?;
        tokens.push(token);
        if stop_ids.contains(&token) || !slot.guessed(at, token) {
            break;
        }
    }
    slot.keep_rows(tokens.len());
    Ok(tokens)
}

impl Backend for LocalBackend {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn slots(&self) -> usize {
        self.slot_count
    }

    fn submit(&mut self, request: Request) -> color_eyre::Result<()> {
        // Without a message there is nothing to answer, and nothing to go on with.
        ensure!(!request.messages.is_empty(), "an empty chat was submitted");
        let prompt =
            self.text.encode_chat(&request.messages).wrap_err("the chat cannot be put into the model's template")?;
        ensure!(!prompt.is_empty(), "the chat became an empty prompt");
        self.queue.push_back((request, prompt));
        Ok(())
    }

    fn step(&mut self, events: &mut Vec<Event>) -> color_eyre::Result<()> {
        self.admit(events);
        let mut budget = self.prefill_budget();
        let (mut parts, mut prompt_tokens) = (Vec::new(), 0);
        for index in 0..self.slots.len() {
            if self.slots[index].progress == Progress::Waiting && budget > 0 {
                self.begin(index, events);
            }
            let slot = &self.slots[index];
            match slot.progress {
                Progress::Waiting => {}
                Progress::Decoding => parts.push((index, 0)),
                Progress::Prefilling if budget == 0 => {}
                Progress::Prefilling => {
                    let count = slot.missing().min(budget);
                    parts.push((index, count));
                    (budget, prompt_tokens) = (budget - count, prompt_tokens + count);
                }
            }
        }
        if parts.is_empty() {
            return Ok(());
        }
        let mut guessed = 0;
        for (index, count) in self.guesses(prompt_tokens) {
            guessed += count;
            if let Ok(at) = parts.binary_search_by_key(&index, |(slot, _)| *slot) {
                parts[at].1 = count;
            }
        }
        let started = Instant::now();
        let chosen = self.run(&parts)?;
        let seconds = started.elapsed().as_secs_f64();
        let rows: usize = prompt_tokens + guessed + self.decoding();
        if prompt_tokens >= *PREFILL_CHUNK.start() {
            let rate = rows as f64 / seconds.max(1e-6);
            self.prefill_rate = if self.prefill_rate == 0.0 { rate } else { 0.7 * self.prefill_rate + 0.3 * rate };
        }
        if let Some(record) = self.record.as_mut().filter(|_| prompt_tokens == 0) {
            record.took(rows, seconds);
        }
        let mut finished = Vec::new();
        for (index, tokens) in chosen {
            if self.slots[index].progress == Progress::Prefilling {
                self.keep_prompt(index);
            }
            match tokens {
                Ok(tokens) => {
                    let reason = self.accept(index, &tokens, events);
                    finished.extend(reason.map(|reason| (index, Some(reason))));
                }
                Err(error) => {
                    events.push(Event::Failed { id: self.slots[index].request.id, error: error.to_string() });
                    finished.push((index, None));
                }
            }
        }
        self.remove(finished, events);
        Ok(())
    }

    fn cancel(&mut self, id: RequestId) {
        self.queue.retain(|(request, _)| request.id != id);
        self.slots.retain(|slot| slot.request.id != id);
    }

    fn close_dialogue(&mut self, dialogue: u64) {
        self.dialogues.retain(|(id, _)| *id != dialogue);
    }

    fn in_flight(&self) -> usize {
        self.queue.len() + self.slots.len()
    }

    fn render(&self, messages: &[Message]) -> color_eyre::Result<String> {
        self.text.render(messages)
    }
}
