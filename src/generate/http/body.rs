//! What a server is asked, or whoever answers a batch: the JSON of a completion, of a chat or of a prompt.
//!
//! A server that is told nothing of a value takes it from its own settings or from the model's
//! `generation_config.json`, and the samples would not be what their settings say. So values go out even where they
//! are neutral, as far as it is known that the server understands them.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::generate::StreamKey;
use crate::generate::backend::is_begun;
use crate::records::{Message, Sampling};

/// The fields that requests bring themselves.
pub(in crate::generate) const OWN_FIELDS: [&str; 21] = [
    "model",
    "messages",
    "continue_final_message",
    "add_generation_prompt",
    "prompt",
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "n",
    "stop",
    "stop_token_ids",
    "logprobs",
    "top_logprobs",
    "stream",
    "stream_options",
    "top_k",
    "min_p",
    "repetition_penalty",
    "repeat_penalty",
    "return_token_ids",
];

/// Which fields beyond OpenAI's a server understands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Not known: such fields are sent only where they are not neutral.
    #[default]
    Other,
    Vllm,
    Sglang,
    LlamaCpp,
    /// Takes no notice of such fields and does not say so.
    Ollama,
}

impl Dialect {
    fn penalty_name(self) -> &'static str {
        if self == Self::LlamaCpp { "repeat_penalty" } else { "repetition_penalty" }
    }

    /// Whether the server understands top_k, min_p and the penalty, so that their neutral values are worth sending.
    fn knows_more(self) -> bool {
        matches!(self, Self::Vllm | Self::Sglang | Self::LlamaCpp)
    }

    /// Whether a server of these goes on with an answer that a chat ends with. The others answer it, or end it at once.
    pub(in crate::generate) fn goes_on(self) -> bool {
        self.knows_more()
    }

    /// Whether an answer that goes on from a beginning holds that once more: llama-server's does where it comes whole, and not in
    /// a stream.
    pub(super) fn repeats_the_beginning(self, streamed: bool) -> bool {
        self == Self::LlamaCpp && !streamed
    }

    /// Whether the server is one of the two whose own names for things are the same.
    fn is_of_vllm_or_sglang(self) -> bool {
        matches!(self, Self::Vllm | Self::Sglang)
    }

    /// The value that would be ignored in silence, if any.
    pub(super) fn ignores(self, sampling: &Sampling) -> Option<&'static str> {
        let further = [
            (sampling.top_k != 0, "top_k"),
            (sampling.min_p != 0.0, "min_p"),
            (sampling.repetition_penalty != 1.0, "repetition_penalty"),
        ];
        let wanted = further.into_iter().find(|(wanted, _)| *wanted);
        wanted.filter(|_| self == Self::Ollama).map(|(_, name)| name)
    }
}

/// What is to be gone on from.
#[derive(Debug, Clone, Copy)]
pub(in crate::generate) enum Prompt<'a> {
    /// The server renders it.
    Chat(&'a [Message]),
    /// It was rendered here. `stop_ids`: what ends a turn in its template.
    Tokens { ids: &'a [u32], stop_ids: &'a [u32] },
}

/// The body of one request.
pub(in crate::generate) struct Body<'a> {
    pub model: &'a str,
    pub prompt: Prompt<'a>,
    pub sampling: &'a Sampling,
    pub stream_key: &'a StreamKey,
    pub dialect: Dialect,
    pub streamed: bool,
    /// Whether to ask for the log probabilities of the tokens.
    pub logprobs: bool,
    pub extra: &'a Map<String, Value>,
}

impl Body<'_> {
    /// The order of the fields is part of it: the names of a batch's requests are hashes of this text.
    pub(in crate::generate) fn json(&self) -> Value {
        let sampling = self.sampling;
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("model", self.model.into());
        match self.prompt {
            Prompt::Chat(messages) => {
                put("messages", json!(messages));
                // llama-server does so without being told, and older ones of its versions know no such fields.
                if is_begun(messages) && self.dialect.is_of_vllm_or_sglang() {
                    put("continue_final_message", true.into());
                    put("add_generation_prompt", false.into());
                }
            }
            Prompt::Tokens { ids, .. } => {
                put("prompt", json!(ids));
            }
        }
        put("temperature", number(sampling.temperature));
        put("top_p", number(sampling.top_p));
        if self.dialect.knows_more() || sampling.top_k != 0 {
            // No server takes 0 for off in all of its versions, and all of these take -1.
            put("top_k", if sampling.top_k == 0 { json!(-1) } else { json!(sampling.top_k) });
        }
        if self.dialect.knows_more() || sampling.min_p != 0.0 {
            put("min_p", number(sampling.min_p));
        }
        if self.dialect.knows_more() || sampling.repetition_penalty != 1.0 {
            put(self.dialect.penalty_name(), number(sampling.repetition_penalty));
        }
        put("max_tokens", sampling.max_tokens.into());
        put("seed", seed(self.stream_key).into());
        put("n", 1.into());
        if !sampling.stop.is_empty() {
            put("stop", json!(sampling.stop));
        }
        if let Prompt::Tokens { stop_ids, .. } = self.prompt
            && self.dialect.is_of_vllm_or_sglang()
            && !stop_ids.is_empty()
        {
            // They know the end of a text by the model's files, and that of a turn not always.
            put("stop_token_ids", json!(stop_ids));
        }
        if self.dialect == Dialect::Vllm {
            put("return_token_ids", true.into());
        }
        for (name, value) in self.logprobs_fields() {
            put(name, value);
        }
        put("stream", self.streamed.into());
        if self.streamed {
            put("stream_options", json!({"include_usage": true}));
        }
        for (name, value) in self.extra {
            put(name, value.clone());
        }
        Value::Object(body)
    }

    /// What asks for the probability of each token, and for as few others as can be.
    fn logprobs_fields(&self) -> Vec<(&'static str, Value)> {
        match self.prompt {
            _ if !self.logprobs => Vec::new(),
            // llama-server would add twenty others to each token.
            Prompt::Chat(_) if self.dialect == Dialect::LlamaCpp => {
                vec![("logprobs", true.into()), ("top_logprobs", 1.into())]
            }
            Prompt::Chat(_) => vec![("logprobs", true.into())],
            // How many others: 0 is off for llama-server, and not taken everywhere else.
            Prompt::Tokens { .. } if self.dialect.is_of_vllm_or_sglang() => vec![("logprobs", 0.into())],
            Prompt::Tokens { .. } => vec![("logprobs", 1.into())],
        }
    }
}

/// The number that a person wrote: 0.7 and not 0.699999988.
fn number(value: f32) -> Value {
    value.to_string().parse::<f64>().unwrap_or(f64::from(value)).into()
}

/// The seed of a turn, below 2^31 since some servers keep it in 32 bits with a sign.
pub(in crate::generate) fn seed(key: &StreamKey) -> u32 {
    let digest = stream_digest(b"cribble http seed 1", key);
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]) & 0x7fff_ffff
}

/// A hash of everything that names a turn; `purpose` keeps the uses apart.
pub(in crate::generate) fn stream_digest(purpose: &[u8], key: &StreamKey) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(purpose);
    hash.update(key.seed.to_le_bytes());
    hash.update((key.problem_id.len() as u64).to_le_bytes());
    hash.update(key.problem_id.as_bytes());
    hash.update(key.draw.to_le_bytes());
    hash.update(key.turn.to_le_bytes());
    hash.finalize().into()
}

/// The sampling value that a refusal is about, with what to do.
pub(super) fn refused_value(sampling: &Sampling, message: &str) -> Option<String> {
    let further = [
        (sampling.top_k != 0, ["top_k", "top_k"], "0"),
        (sampling.min_p != 0.0, ["min_p", "min_p"], "0"),
        (sampling.repetition_penalty != 1.0, ["repetition_penalty", "repeat_penalty"], "1"),
    ];
    let named = |names: &[&str; 2]| names.iter().any(|name| message.contains(name));
    let (_, [name, _], neutral) = further.into_iter().find(|(sent, names, _)| *sent && named(names))?;
    Some(format!("the server does not take `{name}`; leave it off ({name} {neutral}) or ask a server that knows it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Role;

    fn key(draw: u32) -> StreamKey {
        StreamKey { seed: 7, problem_id: "p".into(), draw, turn: 0 }
    }

    fn body(sampling: &Sampling, dialect: Dialect, streamed: bool) -> Value {
        let messages = [Message::new(Role::System, "Think."), Message::new(Role::User, "2 + 2?")];
        let extra = json!({"chat_template_kwargs": {"enable_thinking": false}}).as_object().unwrap().clone();
        of(Prompt::Chat(&messages), (sampling, dialect, streamed), false, &extra)
    }

    fn of(
        prompt: Prompt<'_>,
        (sampling, dialect, streamed): (&Sampling, Dialect, bool),
        logprobs: bool,
        extra: &Map<String, Value>,
    ) -> Value {
        Body { model: "m", prompt, sampling, stream_key: &key(0), dialect, streamed, logprobs, extra }.json()
    }

    #[test]
    fn every_value_is_sent_as_it_was_written() {
        let sampling = Sampling { stop: vec!["END".into()], ..Sampling::default() };
        let expected = json!({
            "model": "m",
            "messages": [{"role": "system", "content": "Think."}, {"role": "user", "content": "2 + 2?"}],
            "temperature": 0.7, "top_p": 0.95, "max_tokens": 512, "seed": seed(&key(0)), "n": 1, "stop": ["END"],
            "stream": false, "chat_template_kwargs": {"enable_thinking": false},
        });
        assert_eq!(body(&sampling, Dialect::Other, false), expected);
        // The names of a batch's requests are hashes of the text.
        let names: Vec<_> = body(&sampling, Dialect::Vllm, true).as_object().unwrap().keys().cloned().collect();
        let order = "model messages temperature top_p top_k min_p repetition_penalty max_tokens seed n stop return_token_ids \
                     stream stream_options chat_template_kwargs";
        assert_eq!(names.join(" "), order);
        assert!(body(&sampling, Dialect::Other, false).to_string().contains("\"temperature\":0.7,"));
    }

    #[test]
    fn neutral_values_go_where_they_are_understood() {
        let neutral = Sampling::default();
        let vllm = body(&neutral, Dialect::Vllm, true);
        assert_eq!((&vllm["top_k"], &vllm["min_p"]), (&json!(-1), &json!(0.0)));
        assert_eq!((&vllm["repetition_penalty"], &vllm["return_token_ids"]), (&json!(1.0), &json!(true)));
        assert_eq!(vllm["stream_options"], json!({"include_usage": true}));
        let llama = body(&neutral, Dialect::LlamaCpp, false);
        assert_eq!(llama["repeat_penalty"], json!(1.0));
        assert_eq!(llama.get("repetition_penalty"), None);
        let other = body(&neutral, Dialect::Other, false);
        for name in ["top_k", "min_p", "repetition_penalty", "stop", "stream_options", "return_token_ids"] {
            assert_eq!(other.get(name), None, "{name}");
        }
    }

    #[test]
    fn values_that_are_not_neutral_go_everywhere_or_nowhere() {
        let sampling = Sampling { top_k: 20, min_p: 0.05, repetition_penalty: 1.1, ..Sampling::default() };
        let other = body(&sampling, Dialect::Other, false);
        assert_eq!((&other["top_k"], &other["min_p"]), (&json!(20), &json!(0.05)));
        assert_eq!(other["repetition_penalty"], json!(1.1));
        assert_eq!(Dialect::Ollama.ignores(&sampling), Some("top_k"));
        assert_eq!(Dialect::Ollama.ignores(&Sampling::default()), None);
        assert_eq!(Dialect::Other.ignores(&sampling), None);
    }

    #[test]
    fn a_refusal_names_the_value_that_was_sent() {
        let sampling = Sampling { min_p: 0.1, ..Sampling::default() };
        let line = refused_value(&sampling, "400: Unrecognized request argument supplied: min_p").unwrap();
        assert!(line.starts_with("the server does not take `min_p`; leave it off (min_p 0)"), "{line}");
        assert_eq!(refused_value(&sampling, "400: top_k is unknown"), None);
        let sampling = Sampling { repetition_penalty: 1.2, ..Sampling::default() };
        assert!(refused_value(&sampling, "repeat_penalty: extra fields").is_some());
    }

    #[test]
    fn seeds_are_stable_and_small() {
        assert_eq!(seed(&key(3)), seed(&key(3)));
        let seeds: std::collections::BTreeSet<_> = (0..200).map(|draw| seed(&key(draw))).collect();
        assert_eq!(seeds.len(), 200);
        assert!(seeds.iter().all(|seed| *seed < 1 << 31) && seeds.iter().any(|seed| *seed > 1 << 30));
        assert_ne!(seed(&StreamKey { turn: 1, ..key(0) }), seed(&key(0)));
    }

    const DIALECTS: [Dialect; 5] = [Dialect::Other, Dialect::Vllm, Dialect::Sglang, Dialect::LlamaCpp, Dialect::Ollama];

    #[test]
    fn a_prompt_is_its_tokens() {
        let none = Map::new();
        let prompt = Prompt::Tokens { ids: &[1, 70_000, 5], stop_ids: &[2, 9] };
        let sampling = Sampling::default();
        for dialect in DIALECTS {
            let body = of(prompt, (&sampling, dialect, false), false, &none);
            assert_eq!((&body["prompt"], body.get("messages")), (&json!([1, 70_000, 5]), None), "{dialect:?}");
            assert_eq!(
                (&body["max_tokens"], &body["seed"], &body["n"]),
                (&json!(512), &json!(seed(&key(0))), &json!(1))
            );
            let told = matches!(dialect, Dialect::Vllm | Dialect::Sglang);
            assert_eq!(body.get("stop_token_ids"), told.then_some(&json!([2, 9])), "{dialect:?}");
            assert_eq!(body.get("return_token_ids").is_some(), dialect == Dialect::Vllm);
        }
        let bare = of(Prompt::Tokens { ids: &[1], stop_ids: &[] }, (&sampling, Dialect::Vllm, false), false, &none);
        assert_eq!(bare.get("stop_token_ids"), None);
    }

    #[test]
    fn probabilities_are_asked_for_with_as_few_others_as_can_be() {
        let (none, sampling) = (Map::new(), Sampling::default());
        let messages = [Message::new(Role::User, "2 + 2?")];
        let asked = |prompt, dialect| {
            let body = of(prompt, (&sampling, dialect, false), true, &none);
            (body["logprobs"].clone(), body.get("top_logprobs").cloned())
        };
        let tokens = Prompt::Tokens { ids: &[1], stop_ids: &[] };
        for dialect in DIALECTS {
            let few = (dialect == Dialect::LlamaCpp).then(|| json!(1));
            assert_eq!(asked(Prompt::Chat(&messages), dialect), (json!(true), few), "{dialect:?}");
            let count = json!(u8::from(!matches!(dialect, Dialect::Vllm | Dialect::Sglang)));
            assert_eq!(asked(tokens, dialect), (count, None), "{dialect:?}");
        }
    }

    #[test]
    fn an_answer_that_is_begun_is_to_be_gone_on_with() {
        let (none, sampling) = (Map::new(), Sampling::default());
        let messages = [Message::new(Role::User, "2 + 2?"), Message::new(Role::Assistant, "It is")];
        for dialect in DIALECTS {
            let body = of(Prompt::Chat(&messages), (&sampling, dialect, false), false, &none);
            let fields = (body.get("continue_final_message"), body.get("add_generation_prompt"));
            let told = matches!(dialect, Dialect::Vllm | Dialect::Sglang);
            assert_eq!(fields, (told.then_some(&json!(true)), told.then_some(&json!(false))), "{dialect:?}");
            assert_eq!(body["messages"][1], json!({"role": "assistant", "content": "It is"}));
            assert_eq!(dialect.goes_on(), told || dialect == Dialect::LlamaCpp);
        }
        assert!(is_begun(&messages) && !is_begun(&messages[..1]));
        assert_eq!(body(&sampling, Dialect::Vllm, false).get("continue_final_message"), None);
    }

    #[test]
    fn all_own_fields_are_known() {
        let sampling = Sampling { stop: vec!["x".into()], ..Sampling::default() };
        let messages = [Message::new(Role::User, "2 + 2?"), Message::new(Role::Assistant, "It is")];
        let prompts = [Prompt::Chat(&messages), Prompt::Tokens { ids: &[1], stop_ids: &[2] }];
        let (mut seen, none) = (std::collections::BTreeSet::new(), Map::new());
        for (dialect, prompt) in DIALECTS.into_iter().flat_map(|dialect| prompts.map(|prompt| (dialect, prompt))) {
            let body = of(prompt, (&sampling, dialect, true), true, &none);
            seen.extend(body.as_object().unwrap().keys().cloned());
        }
        let known: std::collections::BTreeSet<_> = OWN_FIELDS.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(seen, known);
    }
}
