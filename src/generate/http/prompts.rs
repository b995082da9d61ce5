//! How a chat reaches the servers: as messages, which they render, or as the tokens that a local run would be given.

use std::fmt;
use std::sync::Arc;

use color_eyre::eyre::WrapErr;
use serde_json::Value;

use crate::generate::local::{ChatText, ModelText};
use crate::model::TextFiles;
use crate::records::Message;

/// Who renders the chats.
#[derive(Debug, Clone, Default)]
pub enum Prompts {
    /// The servers, each with its own template: `chat/completions`.
    #[default]
    Chat,
    /// This process, with the model's template: `completions`, given the tokens.
    Tokens(Box<PromptTokens>),
}

/// Chat template and tokenizer of the model that the servers run.
#[derive(Clone)]
pub struct PromptTokens {
    name: String,
    /// Hash of the template.
    template: String,
    text: Arc<ModelText>,
}

impl fmt::Debug for PromptTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromptTokens")
            .field("name", &self.name)
            .field("template", &self.template)
            .finish_non_exhaustive()
    }
}

impl PromptTokens {
    /// Takes them from a model's files, wherever a model may be named. Its weights are on the servers and need not be here.
    ///
    /// # Errors
    /// If there is no such model, or its files cannot be read.
    pub fn open(model: &str) -> color_eyre::Result<Self> {
        let files = TextFiles::open(model)?;
        let (name, template) = (files.name.clone(), files.template.hash());
        Ok(Self { name, template, text: Arc::new(ModelText::new(files)) })
    }
}

impl Prompts {
    /// The route that takes them.
    pub(super) fn route(&self) -> &'static str {
        match self {
            Self::Chat => "chat/completions",
            Self::Tokens(_) => "completions",
        }
    }

    /// The tokens of a chat, where it is rendered here.
    ///
    /// # Errors
    /// If the template raises.
    pub(super) fn encode(&self, messages: &[Message]) -> color_eyre::Result<Option<Vec<u32>>> {
        let Self::Tokens(tokens) = self else { return Ok(None) };
        let ids = tokens.text.encode_chat(messages);
        ids.map(Some).wrap_err_with(|| format!("the chat cannot be put into the template of {}", tokens.name))
    }

    /// The same as text.
    ///
    /// # Errors
    /// If the template raises.
    pub(super) fn render(&self, messages: &[Message]) -> color_eyre::Result<Option<String>> {
        match self {
            Self::Chat => Ok(None),
            Self::Tokens(tokens) => tokens.text.render(messages).map(Some),
        }
    }

    /// Tokens that end a turn, where the chat is rendered here.
    pub(super) fn stop_ids(&self) -> &[u32] {
        match self {
            Self::Chat => &[],
            Self::Tokens(tokens) => tokens.text.stop_ids(),
        }
    }

    /// Hash of the tokenizer that is used here.
    pub(super) fn tokenizer(&self) -> Option<String> {
        match self {
            Self::Chat => None,
            Self::Tokens(tokens) => Some(tokens.text.tokenizer_hash()),
        }
    }

    /// Hash of the template that is used here.
    pub(super) fn template(&self) -> Option<&str> {
        match self {
            Self::Chat => None,
            Self::Tokens(tokens) => Some(&tokens.template),
        }
    }
}

/// A body for a person to read: a field a line, so that a prompt of many tokens takes one.
pub(super) fn field_by_field(body: &Value) -> String {
    let fields = body.as_object().into_iter().flatten();
    let lines: Vec<_> = fields.map(|(name, value)| format!("  {}: {value}", Value::from(name.as_str()))).collect();
    format!("{{\n{}\n}}", lines.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MICRO, ModelFiles};
    use crate::records::Role;

    #[test]
    fn the_tokens_are_those_of_a_local_run() {
        let messages = [Message::new(Role::User, "What is 2 + 2?")];
        let text = ModelText::new(&ModelFiles::open(MICRO).unwrap());
        let prompts = Prompts::Tokens(Box::new(PromptTokens::open(MICRO).unwrap()));
        assert_eq!(prompts.encode(&messages).unwrap(), Some(text.encode_chat(&messages).unwrap()));
        assert_eq!(prompts.render(&messages).unwrap(), Some(text.render(&messages).unwrap()));
        assert!(!prompts.stop_ids().is_empty() && prompts.stop_ids() == text.stop_ids());
        assert_eq!((prompts.route(), prompts.template().is_some()), ("completions", true));
        assert!(format!("{prompts:?}").contains(MICRO));
        assert!(PromptTokens::open("/no/such/model").is_err());
        let chat = Prompts::default();
        assert_eq!((chat.route(), chat.encode(&messages).unwrap(), chat.template()), ("chat/completions", None, None));
        assert!(chat.render(&messages).unwrap().is_none() && chat.stop_ids().is_empty());
    }

    #[test]
    fn no_weights_are_needed() {
        let messages = [Message::new(Role::User, "What is 2 + 2?")];
        let directory = tempfile::tempdir().unwrap();
        for file in ["tokenizer.json", "tokenizer_config.json", "config.json"] {
            let from = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/micro");
            std::fs::copy(std::path::Path::new(from).join(file), directory.path().join(file)).unwrap();
        }
        let of = |model: &str| Prompts::Tokens(Box::new(PromptTokens::open(model).unwrap()));
        let (few, whole) = (of(directory.path().to_str().unwrap()), of(MICRO));
        assert_eq!(few.encode(&messages).unwrap(), whole.encode(&messages).unwrap());
        assert_eq!((few.stop_ids(), few.template()), (whole.stop_ids(), whole.template()));
    }

    #[test]
    fn an_answer_that_is_begun_ends_the_prompt() {
        let question = Message::new(Role::User, "What is 2 + 2?");
        let prompts = Prompts::Tokens(Box::new(PromptTokens::open(MICRO).unwrap()));
        let begun = [question.clone(), Message::new(Role::Assistant, "It is")];
        let text = prompts.render(&begun).unwrap().unwrap();
        assert!(text.ends_with("It is"), "{text}");
        let (all, first) = (prompts.encode(&begun).unwrap().unwrap(), prompts.encode(&[question]).unwrap().unwrap());
        assert!(all.len() > first.len() && !prompts.stop_ids().contains(&all[all.len() - 1]));
    }

    #[test]
    fn a_body_is_shown_a_field_a_line() {
        let body = serde_json::json!({"model": "a\"b", "prompt": [1, 2], "n": 1});
        assert_eq!(field_by_field(&body), "{\n  \"model\": \"a\\\"b\",\n  \"prompt\": [1,2],\n  \"n\": 1\n}");
        assert_eq!(serde_json::from_str::<Value>(&field_by_field(&body)).unwrap(), body);
    }
}
