//! The contract between those who need text and those who make it.

use std::path::PathBuf;

use crate::records::{FinishReason, LiveServer, Message, ModelIdentity, Role, Sampling, Spent};

/// Chosen by the caller, unique among the requests in flight.
pub type RequestId = u64;

/// Names a random stream. Two requests with the same key and the same prompt write the same tokens on the kernels
/// of a local backend, and elsewhere but for rounding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StreamKey {
    pub seed: u64,
    pub problem_id: String,
    /// Index among the samples of its problem, from 0.
    pub draw: u32,
    /// Index of the assistant turn in its dialogue, from 0.
    pub turn: u32,
}

/// One assistant turn to write.
#[derive(Debug, Clone)]
pub struct Request {
    /// What events of it are told under.
    pub id: RequestId,
    /// The chat so far, ending with a user message; or with one of the assistant's, the beginning of the answer, which is
    /// gone on with. The texts of events hold only what is written after it.
    pub messages: Vec<Message>,
    pub sampling: Sampling,
    pub stream: StreamKey,
    /// Requests with the same `dialogue` are the turns of one dialogue: a backend may keep its cache between them until
    /// [`Backend::close_dialogue`].
    pub dialogue: u64,
}

/// Whether a chat ends with the beginning of an answer, which is to be gone on with.
pub(super) fn is_begun(messages: &[Message]) -> bool {
    messages.last().is_some_and(|message| message.role == Role::Assistant)
}

/// What a backend reports of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Decoding began; the prompt has this many tokens.
    Started { id: RequestId, prompt_tokens: usize },
    /// More text was written. The deltas of a request, joined, are its text; cuts fall on character boundaries.
    /// `tokens`: written of this turn so far, all deltas together.
    Text { id: RequestId, delta: String, tokens: usize },
    /// The turn is done. `text` has no stop string and no end-of-turn token; `token_ids` are as sampled, the ending
    /// token included where there was one, and empty where a server does not tell them. `logprob`: the sum of the natural
    /// logarithms of its tokens' probabilities, where who writes tells those of all; most servers mean the probabilities
    /// before sampling values change them.
    Finished {
        id: RequestId,
        text: String,
        token_ids: Vec<u32>,
        tokens: usize,
        logprob: Option<f64>,
        reason: FinishReason,
    },
    /// The turn could not be written; this is not a result and nothing of it is stored.
    Failed { id: RequestId, error: String },
    /// The turn is to be written elsewhere, and not while this process runs. Nothing of its dialogue is stored; the
    /// same request finds what was written later. `error`: why an answer that was there has to be given again.
    Postponed { id: RequestId, error: Option<String> },
}

/// Requests that somebody else is to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    pub requests: usize,
    /// Where they are written.
    pub file: PathBuf,
}

/// A maker of turns. Driven by one thread: `submit` what there is, `step` until nothing is in flight.
pub trait Backend: Send {
    /// What writes, for provenance.
    fn identity(&self) -> &ModelIdentity;

    /// How many requests are worked on at once; more may be submitted and wait.
    fn slots(&self) -> usize;

    /// Adds a request. Fails only for a request that could never run (an empty chat, a template that raises).
    fn submit(&mut self, request: Request) -> color_eyre::Result<()>;

    /// Does a bounded piece of work (one decoding step, or a short wait for a server) and appends what happened.
    fn step(&mut self, events: &mut Vec<Event>) -> color_eyre::Result<()>;

    /// Forgets a request; no further event of it is reported.
    fn cancel(&mut self, id: RequestId);

    /// The dialogue has no further turn: whatever was kept for it may go.
    fn close_dialogue(&mut self, dialogue: u64);

    /// Requests submitted and not yet finished, failed, put off or cancelled.
    fn in_flight(&self) -> usize;

    /// Whether failures in a row say that the next request will fail too. They do not where answers are looked up. `resumed`: of
    /// the same work some is done already, so that such requests have been answered.
    fn fails_as_one(&self, _resumed: bool) -> bool {
        true
    }

    /// Ends the work: what was put off is brought to where it can be answered. `None` where that is nothing new.
    fn hand_over(&mut self) -> color_eyre::Result<Option<Handover>> {
        Ok(None)
    }

    /// The dialogue that a person looks at now: its turns are told as they are written where that costs something.
    fn look_at(&mut self, _dialogue: Option<u64>) {}

    /// Tokens used so far, as who writes counts them.
    fn spent(&self) -> Spent {
        Spent::default()
    }

    /// Whether what is under way is worth waiting for when the work is to stop: elsewhere it has been paid for.
    fn drains(&self) -> bool {
        false
    }

    /// How each server is that writes; none where this process does.
    fn servers(&self) -> Vec<LiveServer> {
        Vec::new()
    }

    /// The text of the first request exactly as the model is given it, for `--dry-run` and the log.
    fn render(&self, messages: &[Message]) -> color_eyre::Result<String>;
}
