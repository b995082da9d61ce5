//! What can become of a call that wrote nothing, and what that says about trying again.

use std::error::Error;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use serde_json::Value;

use crate::net::Secret;
use crate::records::Spent;

/// Most characters of a server's own words in an error line.
const WORDS: usize = 200;
/// Most bytes of an error's body that are looked at.
pub(super) const ERROR_BYTES: usize = 64 << 10;
/// No server keeps this program waiting for longer than this at a time.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::generate) enum FailureKind {
    /// 429: too many requests at once.
    Limited,
    /// 503: not now.
    Unavailable,
    /// The call ran out of time.
    TimedOut,
    /// No connection, a reset, another 5xx, or an answer that is none.
    Broken,
    /// The server is not what its address says: a key refused, an unknown model or route, a redirect.
    Misplaced,
    /// The server will not have this request.
    Rejected,
    /// The request is longer than the model's context.
    ContextFull,
    /// The server answered well, but with what cannot be used.
    Unusable,
}

impl FailureKind {
    /// Whether the same request may fare better later or elsewhere.
    pub(super) fn is_worth_a_retry(self) -> bool {
        matches!(self, Self::Limited | Self::Unavailable | Self::TimedOut | Self::Broken)
    }

    /// Whether the server did what it is there for: the fault is the request's.
    pub(super) fn is_an_answer(self) -> bool {
        matches!(self, Self::Rejected | Self::ContextFull | Self::Unusable)
    }

    /// Whether it says nothing of other requests.
    pub(super) fn is_about_one_request(self) -> bool {
        matches!(self, Self::Rejected | Self::ContextFull)
    }
}

/// A call that came to nothing, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(in crate::generate) struct Failure {
    pub kind: FailureKind,
    pub message: String,
    /// How long the server asked to be left alone.
    pub retry_after: Option<Duration>,
    /// What the server says that it cost nevertheless.
    pub spent: Spent,
}

impl Failure {
    pub(super) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None, spent: Spent::default() }
    }

    pub(in crate::generate) fn broken(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Broken, message)
    }

    pub(super) fn empty() -> Self {
        Self::broken("the server said yes and sent nothing")
    }

    pub(in crate::generate) fn unreadable(error: &serde_json::Error) -> Self {
        Self::broken(format!("the answer is not the JSON of a chat completion ({})", cut(&error.to_string())))
    }

    pub(super) fn too_large(most: usize) -> Self {
        Self::broken(format!("the answer is longer than {} KiB", most >> 10))
    }

    pub(super) fn late(limit: Duration) -> Self {
        Self::new(FailureKind::TimedOut, format!("no whole answer after {} s", seconds(limit)))
    }

    pub(super) fn stalled(limit: Duration) -> Self {
        Self::new(
            FailureKind::TimedOut,
            format!("the answer stopped half-way and said nothing for {} s", seconds(limit)),
        )
    }

    /// What happened below HTTP. The address is left out: who reports it says it.
    pub(super) fn of_transport(error: &reqwest::Error) -> Self {
        let mut last: &dyn Error = error;
        while let Some(source) = last.source() {
            last = source;
        }
        let what = if error.is_connect() {
            "cannot connect"
        } else if error.is_body() || error.is_decode() {
            "the answer broke off"
        } else {
            "the connection failed"
        };
        let kind = if error.is_timeout() { FailureKind::TimedOut } else { FailureKind::Broken };
        // An error without a source would repeat its address.
        let why = if error.source().is_some() { cut(&last.to_string()) } else { "no reason given".to_owned() };
        Self::new(kind, format!("{what} ({why})"))
    }

    /// What a status other than success means. `body` is at most [`ERROR_BYTES`] of what came with it.
    pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let code = status.as_u16();
        if status.is_redirection() {
            let place = headers.get(LOCATION).map(|place| cut(&String::from_utf8_lossy(place.as_bytes())));
            let place = place.unwrap_or_else(|| "nowhere".to_owned());
            let message =
                format!("{code}: the server sends on to {place}; redirects are not followed, give that address");
            return Self::new(FailureKind::Misplaced, message);
        }
        let said = ServerWords::of(body);
        let kind = kind_of(code, &said);
        let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let now = jiff::Timestamp::now().as_second();
        let message = if said.message.is_empty() { format!("{status}") } else { format!("{code}: {}", said.message) };
        Self { retry_after: retry_after.and_then(|text| wait(text, now)), ..Self::new(kind, message) }
    }

    /// An error object where an answer should be, perhaps in the middle of a stream.
    pub(super) fn of_error_object(json: &[u8]) -> Self {
        let said = ServerWords::of(json);
        let code = said.code.filter(|code| (400..600).contains(code)).unwrap_or(500);
        let words = if said.message.is_empty() { "no words" } else { said.message.as_str() };
        Self::new(kind_of(code, &said), format!("the server ended the answer with an error: {words}"))
    }

    /// What a batch holds in the place of an answer: a status, if there is one, and the JSON of what was said.
    pub(in crate::generate) fn of_record(status: Option<u16>, said: &[u8]) -> Self {
        let said = ServerWords::of(said);
        let status = status.filter(|code| *code != 200);
        let kind = kind_of(status.or(said.code).unwrap_or(500), &said);
        let words = if matches!(said.message.as_str(), "" | "null") { "no words" } else { said.message.as_str() };
        Self::new(kind, status.map_or_else(|| words.to_owned(), |code| format!("{code}: {words}")))
    }

    /// Whether it is what a server says that takes no prompt of tokens: there is no such route, as far as the status tells, with which
    /// the message begins; or the words are about the prompt's type.
    pub(super) fn may_be_of_tokens(&self) -> bool {
        let message = self.message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        match self.kind {
            FailureKind::Misplaced => message.starts_with("405") || message.starts_with("404") && !says(&["model"]),
            FailureKind::Rejected => says(&["prompt", "array", "unmarshal", "string", "list"]),
            _ => false,
        }
    }

    /// The same without the key, should the server have repeated it.
    pub(super) fn veiled(mut self, key: Option<&Secret>) -> Self {
        if let Some(key) = key {
            self.message = key.veil(&self.message);
        }
        self
    }
}

fn kind_of(code: u16, said: &ServerWords) -> FailureKind {
    match code {
        429 => FailureKind::Limited,
        503 => FailureKind::Unavailable,
        401 | 403 | 404 | 405 => FailureKind::Misplaced,
        408 | 425 => FailureKind::Broken,
        400..=499 if said.tells_of_context() => FailureKind::ContextFull,
        400..=499 => FailureKind::Rejected,
        _ => FailureKind::Broken,
    }
}

/// What a server says of an error.
#[derive(Debug, Default, PartialEq)]
struct ServerWords {
    /// One line, at most [`WORDS`] characters.
    message: String,
    code: Option<u16>,
    /// Names of the kind of error, in the server's words.
    kind: String,
}

impl ServerWords {
    /// Reads the error bodies of vLLM, SGLang, llama-server, Ollama and FastAPI; of any other the text itself.
    fn of(body: &[u8]) -> Self {
        let body = &body[..body.len().min(ERROR_BYTES)];
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            return Self { message: cut(&String::from_utf8_lossy(body)), ..Self::default() };
        };
        let error = value.get("error").filter(|error| error.is_object()).unwrap_or(&value);
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let message = text(error.get("message"))
            .or_else(|| text(value.get("error")))
            .or_else(|| value.get("detail").map(detail))
            .unwrap_or_else(|| value.to_string());
        let code = error.get("code").or_else(|| error.get("status"));
        let number = code.and_then(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()));
        let kind = [text(error.get("type")), text(code)].into_iter().flatten().collect::<Vec<_>>().join(" ");
        Self { message: cut(&message), code: number.and_then(|number| u16::try_from(number).ok()), kind }
    }

    fn tells_of_context(&self) -> bool {
        let message = self.message.to_lowercase();
        let known = ["context_length_exceeded", "exceed_context_size"];
        let said = ["maximum context length", "longer than the model's context", "available context size"];
        known.iter().any(|name| self.kind.contains(name)) || said.iter().any(|words| message.contains(words))
    }
}

/// The first complaint of FastAPI's `detail`, with the field that it is about.
fn detail(value: &Value) -> String {
    let Some(first) = value.get(0) else {
        return value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    };
    let words = first.get("msg").and_then(Value::as_str).unwrap_or("not accepted");
    match first.get("loc").and_then(|place| place.as_array()?.last()?.as_str()) {
        Some(field) => format!("{field}: {words}"),
        None => words.to_owned(),
    }
}

/// A text as one line of at most [`WORDS`] characters.
pub(super) fn cut(text: &str) -> String {
    let mut line = String::new();
    let mut characters = 0;
    for word in text.split_whitespace() {
        let space = usize::from(!line.is_empty());
        for character in " ".chars().take(space).chain(word.chars()) {
            if characters == WORDS {
                line.push('…');
                return line;
            }
            line.push(character);
            characters += 1;
        }
    }
    line
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3). `now` in seconds since the epoch.
fn wait(text: &str, now: i64) -> Option<Duration> {
    let text = text.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
            u64::try_from(date.as_second().saturating_sub(now)).unwrap_or(0)
        }
    };
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// Seconds as a person reads them.
fn seconds(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 { duration.as_secs().to_string() } else { format!("{:.1}", duration.as_secs_f64()) }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn of(code: u16, body: &str) -> Failure {
        Failure::of_status(StatusCode::from_u16(code).unwrap(), &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn statuses_say_whether_to_try_again() {
        for code in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert!(of(code, "").kind.is_worth_a_retry(), "{code}");
        }
        for code in [400, 401, 403, 404, 409, 413, 422, 301, 308] {
            assert!(!of(code, "").kind.is_worth_a_retry(), "{code}");
        }
        assert!(of(400, "").kind.is_an_answer());
        assert!(!of(401, "").kind.is_an_answer());
        assert!(of(400, "").kind.is_about_one_request() && !of(401, "").kind.is_about_one_request());
    }

    #[test]
    fn a_refusal_of_tokens_is_told_from_others() {
        for (code, words) in [
            (404, ""),
            (404, r#"{"detail": "Not Found"}"#),
            (405, "the model"),
            (400, "json: cannot unmarshal array into Go struct field"),
            (422, r#"{"detail": [{"loc": ["body", "prompt"], "msg": "Input should be a valid string"}]}"#),
        ] {
            assert!(of(code, words).may_be_of_tokens(), "{code}: {words}");
        }
        for (code, words) in [
            (404, r#"{"message": "The model `m` does not exist."}"#),
            (403, "404"),
            (400, "max_tokens must be at least 1"),
            (400, "This model's maximum context length is 4096 tokens, the prompt has 5000"),
            (500, "prompt"),
        ] {
            assert!(!of(code, words).may_be_of_tokens(), "{code}: {words}");
        }
    }

    #[test]
    fn the_words_of_many_servers_become_one_line() {
        let bodies = [
            (r#"{"error": {"message": "no\nsuch  thing", "type": "t", "code": 400}}"#, "no such thing"),
            (r#"{"object": "error", "message": "no such thing", "code": 400}"#, "no such thing"),
            (r#"{"error": "no such thing"}"#, "no such thing"),
            (r#"{"detail": "no such thing"}"#, "no such thing"),
            (r#"{"detail": [{"loc": ["body", "top_k"], "msg": "extra fields"}]}"#, "top_k: extra fields"),
            ("<html>\n no such\tthing", "<html> no such thing"),
            ("[]", "[]"),
        ];
        for (body, words) in bodies {
            assert_eq!(of(400, body).message, format!("400: {words}"), "{body}");
        }
        assert_eq!(of(502, "").message, "502 Bad Gateway");
        let long = of(400, &"é".repeat(1000)).message;
        assert_eq!(long, format!("400: {}…", "é".repeat(WORDS)));
        assert_eq!(cut(&"é".repeat(WORDS)), "é".repeat(WORDS));
    }

    #[test]
    fn a_prompt_that_does_not_fit_is_told_from_other_refusals() {
        let vllm = r#"{"message": "This model's maximum context length is 4096 tokens. However, ...", "code": 400}"#;
        let llama = r#"{"error": {"code": 400, "message": "too large", "type": "exceed_context_size_error"}}"#;
        let openai = r#"{"error": {"code": "context_length_exceeded", "message": "too long"}}"#;
        for body in [vllm, llama, openai] {
            assert_eq!(of(400, body).kind, FailureKind::ContextFull, "{body}");
        }
        assert_eq!(of(500, vllm).kind, FailureKind::Broken);
        assert_eq!(of(400, "context").kind, FailureKind::Rejected);
    }

    #[test]
    fn an_error_in_a_stream_counts_by_its_code() {
        let kind = |json: &str| Failure::of_error_object(json.as_bytes()).kind;
        assert_eq!(kind(r#"{"error": {"message": "m", "code": 400}}"#), FailureKind::Rejected);
        assert_eq!(kind(r#"{"error": {"message": "m", "code": "429"}}"#), FailureKind::Limited);
        assert_eq!(kind(r#"{"error": {"message": "m"}}"#), FailureKind::Broken);
        assert_eq!(kind(r#"{"error": {"message": "m", "code": 99999999}}"#), FailureKind::Broken);
        assert_eq!(kind(r#"{"error": "gone"}"#), FailureKind::Broken);
    }

    #[test]
    fn a_record_of_an_error_counts_by_its_status_and_else_by_its_code() {
        let of = |status, said: &str| Failure::of_record(status, said.as_bytes());
        let full = of(Some(400), r#"{"error": {"message": "maximum context length is 9", "code": 400}}"#);
        assert_eq!((full.kind, full.message.as_str()), (FailureKind::ContextFull, "400: maximum context length is 9"));
        assert_eq!(of(Some(404), r#"{"error": "no model"}"#).kind, FailureKind::Misplaced);
        let late = of(None, r#"{"code": "batch_expired", "message": "too late"}"#);
        assert_eq!((late.kind, late.message.as_str()), (FailureKind::Broken, "too late"));
        assert_eq!(of(Some(200), "null").message, "no words");
    }

    #[test]
    fn a_redirect_says_where_to() {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_static("https://elsewhere/v1"));
        let failure = Failure::of_status(StatusCode::FOUND, &headers, b"");
        assert_eq!(failure.kind, FailureKind::Misplaced);
        assert!(failure.message.contains("https://elsewhere/v1"), "{}", failure.message);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_never_for_ever() {
        assert_eq!(wait(" 7 ", 0), Some(Duration::from_secs(7)));
        assert_eq!(wait("99999999999", 0), Some(LONGEST_WAIT));
        assert_eq!(wait("Thu, 01 Jan 1970 00:01:40 GMT", 90), Some(Duration::from_secs(10)));
        assert_eq!(wait("Thu, 01 Jan 1970 00:01:40 GMT", 900), Some(Duration::ZERO));
        assert_eq!(wait("soon", 0), None);
        assert_eq!(wait("-1", 0), None);
    }

    #[test]
    fn a_key_that_a_server_repeats_is_veiled() {
        let key = Secret::new("sk-123", "test").unwrap();
        let failure = of(401, r#"{"error": {"message": "Incorrect API key provided: sk-123"}}"#).veiled(Some(&key));
        assert_eq!(failure.message, "401: Incorrect API key provided: ***");
    }
}
