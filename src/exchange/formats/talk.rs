//! What all shapes have in common: turns by user and assistant in alternation, and what other columns say of them.

use serde_json::Value;

use super::{object, peek_text};
use crate::exchange::samples::{ImportedProblem, ImportedSample};
use crate::exchange::table::{Row, number_text};
use crate::records::{FinishReason, Role};

/// Columns that may hold the right answer, the surest first.
const GOLD: [&str; 7] = ["gold", "expected_answer", "gold_answer", "ground_truth", "ref_ans", "final_answer", "answer"];
/// Columns that name the problem, not the row.
const PROBLEM_ID: [&str; 2] = ["problem_id", "unique_id"];
/// Columns that say how the answer ended.
const FINISH: [&str; 3] = ["finish_reason", "finish", "finish_reasons"];

/// Turns as some list of messages has them.
#[derive(Debug, Default, PartialEq)]
pub struct Talk {
    pub system: Option<String>,
    pub turns: Vec<(Role, String)>,
    /// The list says something that the turns do not.
    pub more: bool,
}

/// How a shape writes a message.
pub struct Manner {
    pub role: &'static str,
    pub content: &'static str,
    /// System, user, assistant.
    pub names: [&'static str; 3],
}

pub const MESSAGES: Manner = Manner { role: "role", content: "content", names: ["system", "user", "assistant"] };
pub const SHAREGPT: Manner = Manner { role: "from", content: "value", names: ["system", "human", "gpt"] };

/// Reads a list of messages in either manner, and notes whether it is just what `manner` would write.
pub fn read(list: &Value, manner: &Manner) -> Result<Talk, String> {
    let Value::Array(items) = list else { return Err("the messages are no list".into()) };
    let mut talk = Talk::default();
    for (at, item) in items.iter().enumerate() {
        let wrong = |what: String| format!("message {}: {what}", at + 1);
        let Value::Object(fields) = item else { return Err(wrong("no object".into())) };
        let (role, named) = role_of(fields).map_err(wrong)?;
        let content = fields.get("content").or_else(|| fields.get("value")).unwrap_or(&Value::Null);
        let text = text_of(content).ok_or_else(|| wrong("no text in it".into()))?;
        let plain = content.is_string() && fields.contains_key(manner.role) && fields.contains_key(manner.content);
        talk.more |= !plain || named != manner.names[place(role)] || fields.len() != 2;
        match role {
            Role::System if at == 0 => talk.system = Some(text),
            Role::System => return Err(wrong("a system message that is not the first".into())),
            role => talk.turns.push((role, text)),
        }
    }
    Ok(talk)
}

fn place(role: Role) -> usize {
    match role {
        Role::System => 0,
        Role::User => 1,
        Role::Assistant => 2,
    }
}

fn role_of(fields: &Row) -> Result<(Role, &str), String> {
    let named = fields.get("role").or_else(|| fields.get("from")).and_then(Value::as_str).ok_or("no role")?;
    let role = match named.to_ascii_lowercase().as_str() {
        "system" | "developer" => Role::System,
        "user" | "human" => Role::User,
        "assistant" | "gpt" | "model" | "chatgpt" | "bot" => Role::Assistant,
        _ => return Err(format!("role `{named}` is not known; leave rows with tools out")),
    };
    Ok((role, named))
}

/// A text, or the texts of a list of parts.
fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => parts
            .iter()
            .map(|part| match part {
                Value::String(text) => Some(text.as_str()),
                part => part.get("text").and_then(Value::as_str),
            })
            .collect(),
        _ => None,
    }
}

/// Writes messages.
pub fn written(system: Option<&str>, turns: &[(Role, String)], manner: &Manner) -> Value {
    let message = |role: Role, text: &str| {
        let name = manner.names[place(role)];
        Value::Object(object([(manner.role, Value::from(name)), (manner.content, Value::from(text))]))
    };
    let system = system.map(|text| message(Role::System, text));
    system.into_iter().chain(turns.iter().map(|(role, text)| message(*role, text))).collect()
}

/// A sample of these turns, with what the other columns say of its problem and its end.
///
/// # Errors
/// If the turns are not those of a user and an assistant in alternation, an answer last.
pub fn sample(system: Option<String>, turns: Vec<(Role, String)>, extra: Row) -> Result<ImportedSample, String> {
    for (at, (role, _)) in turns.iter().enumerate() {
        let due = if at % 2 == 0 { Role::User } else { Role::Assistant };
        if *role != due {
            return Err("the turns are not a user's and an assistant's in alternation, the user's first".into());
        }
    }
    if turns.is_empty() || turns.len() % 2 == 1 {
        return Err("no answer by the assistant at its end".into());
    }
    if turns[0].1.trim().is_empty() {
        return Err("the problem is empty".into());
    }
    let problem =
        ImportedProblem { text: turns[0].1.clone(), answer: gold(&extra)?, id: peek_text(&extra, &PROBLEM_ID) };
    let finish = peek_text(&extra, &FINISH).and_then(|text| finish(&text));
    Ok(ImportedSample { problem, system, turns, finish, chosen: None, extra })
}

/// The right answer. In what cribble exported, `answer` is the sample's own, and the right one is `gold`.
///
/// # Errors
/// If it is a number that lost digits.
fn gold(row: &Row) -> Result<Option<String>, String> {
    let own = row.contains_key("settings") && row.contains_key("draw");
    for name in if own { &GOLD[..1] } else { &GOLD[..] } {
        if let Some(Value::Number(number)) = row.get(*name) {
            return number_text(name, number).map(Some);
        }
        if let Some(answer) = peek_text(row, &[*name]) {
            // As upstream GSM8K writes it, behind its solution.
            let last = answer.rsplit_once("####").map(|(_, last)| last.trim().replace(',', ""));
            return Ok(Some(last.unwrap_or(answer)));
        }
    }
    Ok(None)
}

/// As servers call it.
fn finish(text: &str) -> Option<FinishReason> {
    match text.trim().to_ascii_lowercase().as_str() {
        "stop" | "eos" | "eos_token" | "end_turn" => Some(FinishReason::Stop),
        "stop_string" | "stop_sequence" => Some(FinishReason::StopString),
        "length" | "max_tokens" => Some(FinishReason::Length),
        "context_full" => Some(FinishReason::ContextFull),
        _ => None,
    }
}
