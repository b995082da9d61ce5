//! Work for servers that cannot be reached from here: requests as an OpenAI batch file, for `vllm run-batch` or a batch
//! service, and what comes back. Nothing is sent from here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Write};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::answer::{Written, read_whole};
use super::body::{Body, Dialect, stream_digest};
use super::failure::{Failure, FailureKind};
use crate::generate::{Request, StreamKey};

/// Most bytes of a line of results.
const LINE_BYTES: usize = 8 << 20;

#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    #[error("two requests are for the same turn ({custom_id}); each is written once")]
    Twice { custom_id: String },
    #[error("line {line}: a second result for {custom_id}; give each file of results once")]
    TwoResults { line: usize, custom_id: String },
    #[error("line {line}: longer than 8 MiB; this is no file of batch results")]
    LongLine { line: usize },
    #[error("line {line}: no batch result ({why}); give the file that the batch wrote")]
    NoResult { line: usize, why: String },
    #[error("the batch file cannot be written or read: {0}")]
    Io(#[from] io::Error),
}

/// What came of one request; an error is the server's, in one line.
pub type BatchResult = Result<Written, String>;

/// The name of a turn in batch files: the same for the same turn, and short enough for every service.
pub fn custom_id(key: &StreamKey) -> String {
    let digest = stream_digest(b"cribble batch 1", key);
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("cribble-{hex}")
}

/// Writes one line a request. Returns how many.
///
/// # Errors
/// If two are for the same turn, or the file cannot be written.
pub fn write<'a>(
    out: &mut dyn Write,
    model: &str,
    requests: impl IntoIterator<Item = &'a Request>,
    dialect: Dialect,
    extra: &Map<String, Value>,
) -> Result<usize, BatchError> {
    let mut written = BTreeSet::new();
    for Request { messages, sampling, stream, .. } in requests {
        let custom_id = custom_id(stream);
        let body = Body { model, messages, sampling, stream_key: stream, dialect, streamed: false, extra }.json();
        let line = json!({"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body});
        if !written.insert(custom_id.clone()) {
            return Err(BatchError::Twice { custom_id });
        }
        writeln!(out, "{line}")?;
    }
    Ok(written.len())
}

#[derive(Deserialize)]
struct Line {
    custom_id: String,
    #[serde(default)]
    response: Option<Response>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    status_code: Option<u16>,
    #[serde(default)]
    body: Value,
}

/// Reads results, in whatever order, by [`custom_id`]. Texts are as the server left them: [`Written::cut_at`] takes off
/// what a stop string ends.
///
/// # Errors
/// If the file is no file of results; a request that failed is a result.
pub fn read(reader: impl BufRead) -> Result<BTreeMap<String, BatchResult>, BatchError> {
    let mut results = BTreeMap::new();
    for result in lines(reader) {
        let (line, custom_id, result) = result?;
        if results.contains_key(&custom_id) {
            return Err(BatchError::TwoResults { line, custom_id });
        }
        results.insert(custom_id, result);
    }
    Ok(results)
}

/// The same one by one, with the number of its line each; nothing is kept.
pub fn lines(mut reader: impl BufRead) -> impl Iterator<Item = Result<(usize, String, BatchResult), BatchError>> {
    let (mut number, mut over) = (0, false);
    std::iter::from_fn(move || {
        while !over {
            number += 1;
            let mut bytes = Vec::new();
            match read_line(&mut reader, &mut bytes, number) {
                Ok(true) if bytes.iter().all(u8::is_ascii_whitespace) => {}
                Ok(true) => {
                    let result = parse(&bytes, number);
                    over = result.is_err();
                    return Some(result);
                }
                Ok(false) => over = true,
                Err(error) => {
                    over = true;
                    return Some(Err(error));
                }
            }
        }
        None
    })
}

/// Whether there was a line.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>, number: usize) -> Result<bool, BatchError> {
    let count = io::Read::take(&mut *reader, LINE_BYTES as u64 + 1).read_until(b'\n', line)?;
    if count > LINE_BYTES {
        return Err(BatchError::LongLine { line: number });
    }
    Ok(count > 0)
}

fn parse(bytes: &[u8], number: usize) -> Result<(usize, String, BatchResult), BatchError> {
    let no_result =
        |why: &dyn std::fmt::Display| BatchError::NoResult { line: number, why: super::failure::cut(&why.to_string()) };
    let line: Line = serde_json::from_slice(bytes).map_err(|error| no_result(&error))?;
    let outcome = match line.response {
        Some(response) => outcome(response),
        None if line.error.is_some() => Err(Failure::of_error_object(bytes)),
        None => return Err(no_result(&"neither response nor error")),
    };
    Ok((number, line.custom_id, outcome.map_err(|failure| failure.message)))
}

fn outcome(response: Response) -> Result<Written, Failure> {
    let body = response.body.to_string();
    match response.status_code {
        None | Some(200) => read_whole(body.as_bytes()),
        Some(code) => {
            let Failure { message, .. } = Failure::of_error_object(body.as_bytes());
            Err(Failure::new(FailureKind::Broken, format!("{code}: {message}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{FinishReason, Message, Role, Sampling};

    fn request(draw: u32) -> Request {
        Request {
            id: u64::from(draw),
            messages: vec![Message::new(Role::User, "2 + 2?\nSay it.")],
            sampling: Sampling::default(),
            stream: StreamKey { seed: 1, problem_id: "p\n1".into(), draw, turn: 0 },
            dialogue: 0,
        }
    }

    fn completion(text: &str) -> Value {
        json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2}})
    }

    #[test]
    fn what_is_written_comes_back_by_its_name() {
        let requests = [request(0), request(1), request(2)];
        let mut file: Vec<u8> = Vec::new();
        assert_eq!(write(&mut file, "m", &requests, Dialect::Vllm, &Map::new()).unwrap(), 3);
        let file = String::from_utf8(file).unwrap();
        let asked: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(asked.len(), 3);
        assert_eq!((&asked[0]["method"], &asked[0]["url"]), (&json!("POST"), &json!("/v1/chat/completions")));
        assert_eq!((&asked[1]["body"]["model"], &asked[1]["body"]["stream"]), (&json!("m"), &json!(false)));

        let answered = asked.iter().rev().enumerate().map(|(index, line)| {
            let response = match index {
                1 => json!({"status_code": 400, "body": {"error": {"message": "too long"}}}),
                _ => json!({"status_code": 200, "request_id": "r", "body": completion(&format!("text {index}"))}),
            };
            format!("{}\n\n", json!({"id": "b", "custom_id": line["custom_id"], "response": response, "error": null}))
        });
        let answered: String = answered.collect();
        let results = read(answered.as_bytes()).unwrap();
        assert_eq!(results.len(), 3);
        let first = results[&custom_id(&requests[0].stream)].as_ref().unwrap();
        assert_eq!((first.text.as_str(), first.tokens, first.reason), ("text 2", 2, FinishReason::Stop));
        let error = results[&custom_id(&requests[1].stream)].as_ref().unwrap_err();
        assert!(error.contains("400") && error.contains("too long"), "{error}");
    }

    #[test]
    fn names_are_short_plain_and_of_one_turn() {
        let name = custom_id(&request(0).stream);
        assert!(name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{name}");
        assert_ne!(name, custom_id(&request(1).stream));
        let twice = [request(3), request(3)];
        let error = write(&mut Vec::<u8>::new(), "m", &twice, Dialect::Other, &Map::new()).unwrap_err();
        assert!(matches!(error, BatchError::Twice { .. }));
    }

    #[test]
    fn what_is_no_result_says_which_line() {
        let good = json!({"custom_id": "a", "response": {"status_code": 200, "body": completion("x")}}).to_string();
        let error = |text: String| read(text.as_bytes()).unwrap_err().to_string();
        assert!(error(format!("{good}\n{{")).starts_with("line 2: no batch result"));
        assert!(error(format!("{good}\n{good}\n")).starts_with("line 2: a second result for a"));
        assert!(error(r#"{"custom_id": "a"}"#.into()).contains("neither response nor error"));
        assert!(error("x".repeat(LINE_BYTES + 1)).starts_with("line 1: longer than"));
        let failed = r#"{"custom_id": "a", "response": null, "error": {"code": "expired", "message": "too late"}}"#;
        let results = read(failed.as_bytes()).unwrap();
        assert!(results["a"].as_ref().unwrap_err().contains("too late"));
        assert_eq!(read(&b""[..]).unwrap().len(), 0);
    }

    #[test]
    fn reading_ends_at_the_first_line_that_is_no_result() {
        assert_eq!(lines(&b"nonsense\nmore\n"[..]).count(), 1);
    }
}
