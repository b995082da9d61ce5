//! A line of a batch's files: what is asked, and what was answered.
//!
//! `vllm run-batch`, OpenAI's Batch API and SGLang's write answers in the same form, and errors each in its own.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::custom_id::CustomId;
use crate::generate::http::answer::{Completion, Written};
use crate::generate::http::failure::Failure;

/// The route that requests are for.
const URL: &str = "/v1/chat/completions";
/// What is said in the place of an answer is read up to so many bytes.
const LARGEST_ERROR: usize = 1 << 20;

/// The line that asks, with its end. `body` is JSON.
pub(super) fn request(id: CustomId, body: &str) -> String {
    format!("{{\"custom_id\":\"{id}\",\"method\":\"POST\",\"url\":\"{URL}\",\"body\":{body}}}\n")
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Answer,
    /// What stands in the place of an answer.
    Error,
}

/// What is read of a line to know what it is.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    custom_id: Cow<'a, str>,
    /// Of a request.
    #[serde(default)]
    body: Option<IgnoredAny>,
    #[serde(default)]
    response: Option<Response<IgnoredAny>>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Response<B> {
    /// An HTTP status.
    status_code: Option<u64>,
    body: Option<B>,
}

impl Head<'_> {
    fn kind(&self) -> Kind {
        let answered = |response: &Response<IgnoredAny>| {
            response.status_code.unwrap_or(200) == 200 && response.body.is_some() && self.error.is_none()
        };
        match &self.response {
            Some(response) if answered(response) => Kind::Answer,
            None if self.error.is_none() && self.body.is_some() => Kind::Request,
            _ => Kind::Error,
        }
    }
}

/// The name in a line and what the line is; `None` where the name is not one of ours.
pub(super) fn kind(line: &[u8]) -> Result<Option<(CustomId, Kind)>, serde_json::Error> {
    let head: Head = serde_json::from_slice(line)?;
    Ok(CustomId::parse(&head.custom_id).map(|id| (id, head.kind())))
}

/// What a line says to the request of this name; `None` where it is not that request's, or no line at all.
pub(super) fn answer_to(id: CustomId, line: &[u8]) -> Option<Result<Written, Failure>> {
    match kind(line).ok()?? {
        (found, Kind::Answer) if found == id => Some(written(line)),
        (found, Kind::Error) if found == id => Some(Err(failure(line))),
        _ => None,
    }
}

fn written(line: &[u8]) -> Result<Written, Failure> {
    #[derive(Deserialize)]
    struct Answer {
        response: Response<Completion>,
    }
    let answer: Answer = serde_json::from_slice(line).map_err(|error| Failure::unreadable(&error))?;
    answer.response.body.ok_or_else(|| Failure::broken("an answer without a body"))?.written()
}

fn failure(line: &[u8]) -> Failure {
    #[derive(Deserialize)]
    struct Wrong {
        #[serde(default)]
        response: Option<Response<Value>>,
        #[serde(default)]
        error: Option<Value>,
    }
    if line.len() > LARGEST_ERROR {
        return Failure::broken("an error of more than 1 MiB");
    }
    let Ok(Wrong { response, error }) = serde_json::from_slice::<Wrong>(line) else {
        return Failure::broken("an error that cannot be read");
    };
    let (status, body) = response.map_or((None, None), |response| (response.status_code, response.body));
    // vLLM tells it in `error`, OpenAI in the body.
    let said = match error.or(body) {
        Some(Value::String(words)) => json!({ "error": words }),
        said => said.unwrap_or_default(),
    };
    Failure::of_record(status.and_then(|status| u16::try_from(status).ok()), said.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::generate::StreamKey;
    use crate::generate::http::failure::FailureKind;
    use crate::records::FinishReason;

    fn id() -> CustomId {
        CustomId::new("{}", &StreamKey { seed: 0, problem_id: "p".into(), draw: 0, turn: 0 })
    }

    /// What a line says that has `rest` after the name.
    fn read(rest: &str) -> Result<Written, Failure> {
        answer_to(id(), format!("{{\"id\": \"x\", \"custom_id\": \"{}\", {rest}}}\n", id()).as_bytes()).unwrap()
    }

    fn words(rest: &str) -> String {
        read(rest).unwrap_err().message
    }

    #[test]
    fn a_request_has_the_four_fields_of_a_batch() {
        let line = request(id(), r#"{"model":"m"}"#);
        let expected = json!({
            "custom_id": id().to_string(), "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"},
        });
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
        assert_eq!(line.find('\n'), Some(line.len() - 1));
        assert_eq!(kind(line.as_bytes()).unwrap(), Some((id(), Kind::Request)));
        assert_eq!(kind(br#"{"custom_id": "request-1", "body": {}}"#).unwrap(), None);
    }

    #[test]
    fn answers_of_three_programs_are_read() {
        let vllm = r#""response": {"status_code": 200, "request_id": "vllm-batch-1", "body": {"id": "chatcmpl-1",
            "object": "chat.completion", "model": "m", "choices": [{"index": 0, "message": {"role": "assistant",
            "content": "It is 4.", "reasoning_content": null}, "finish_reason": "stop", "stop_reason": null,
            "token_ids": [5, 6, 2]}], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}}, "error": null"#;
        let written = read(vllm).unwrap();
        assert_eq!((written.text.as_str(), written.tokens, written.prompt_tokens), ("It is 4.", 3, 9));
        assert_eq!((written.token_ids, written.reason), (vec![5, 6, 2], FinishReason::Stop));
        let openai = r#""response": {"status_code": 200, "request_id": "r", "body": {"object": "chat.completion",
            "choices": [{"index": 0, "message": {"content": "4", "refusal": null}, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1}}}, "error": null"#;
        assert_eq!(read(openai).unwrap().reason, FinishReason::Length);
        let sglang = r#""response": {"status_code": 200, "body": {"choices": {"index": 0, "message": {"content": "4"},
            "finish_reason": "stop"}, "usage": {"completion_tokens": 2}}}, "error": null"#;
        assert_eq!(read(sglang).unwrap().tokens, 2);
    }

    #[test]
    fn errors_of_three_programs_become_words() {
        let vllm = r#""response": {"status_code": 400, "request_id": "r", "body": null}, "error":"#;
        assert_eq!(words(&format!("{vllm} \"engine died\"")), "400: engine died");
        assert_eq!(words(&format!(r#"{vllm} {{"object": "error", "message": "no", "code": 400}}"#)), "400: no");
        let full = format!(r#"{vllm} {{"error": {{"message": "maximum context length is 9", "code": 400}}}}"#);
        assert_eq!(read(&full).unwrap_err().kind, FailureKind::ContextFull);
        let openai = r#""response": {"status_code": 404, "body": {"error": {"message": "no model"}}}, "error": null"#;
        assert_eq!(words(openai), "404: no model");
        let expired = r#""response": null, "error": {"code": "batch_expired", "message": "too late"}"#;
        assert_eq!(words(expired), "too late");
        assert_eq!(words(r#""response": null, "error": {"message": "out of memory"}"#), "out of memory");
    }

    #[test]
    fn what_is_no_answer_is_not_taken_for_one() {
        assert_eq!(words(r#""response": null"#), "no words");
        assert_eq!(words(r#""response": {"status_code": 200, "body": null}"#), "no words");
        assert!(words(r#""response": {"body": 3}"#).contains("not the JSON of a chat completion"));
        assert!(words(r#""response": {"body": {"choices": []}}"#).contains("before it was finished"));
        let split = r#""response": {"body": {"choices": [{"message": {"content": "4", "reasoning": "2+2"}}]}}"#;
        assert_eq!(read(split).unwrap_err().kind, FailureKind::Unusable);
        assert!(words(&format!(r#""error": "{}""#, "x".repeat(LARGEST_ERROR))).contains("more than 1 MiB"));
        assert!(words(&format!(r#""error": {}1{}"#, "[".repeat(500), "]".repeat(500))).contains("cannot be read"));
        let another = format!("{{\"custom_id\": \"{}\", \"error\": \"no\"}}", id());
        assert!(answer_to(id(), another.as_bytes()).is_some());
        assert!(answer_to(id().attempt(2), another.as_bytes()).is_none(), "another's");
        assert!(answer_to(id(), request(id(), "{}").as_bytes()).is_none(), "a request");
        for garbage in ["", "3", "{}", "{\"custom_id\": 3}", "{\"custom_id\": \"a\"} {}"] {
            assert!(kind(garbage.as_bytes()).is_err(), "{garbage}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = kind(&bytes);
            let begin = format!("{{\"custom_id\": \"{}\", \"response\": ", id());
            let _ = answer_to(id(), &[begin.as_bytes(), bytes.as_slice()].concat());
        }
    }
}
