//! Chat templates: Jinja text that comes with a model and turns messages into one prompt.
//!
//! Templates are code from strangers. They run without files, with limits on work, depth and output, and what they raise
//! comes back as one line. Where a model has none there is a plain one, and it is called that.

mod environment;
mod json;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use minijinja::Environment;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::one_line;
use super::tokenizer::token_text;
use super::{Folder, Gguf, ModelError};
use crate::records::{Message, Role};

/// What is used where a model has no template. The assistant's turns end with the model's end of text.
const PLAIN: &str = "{% for message in messages %}{{ message.role | capitalize }}: {{ message.content }}\
                     {% if message.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n\n' }}{% endfor %}\
                     {% if add_generation_prompt %}Assistant:{% endif %}";
const PLAIN_NAME: &str = "plain";
/// Stands for an answer while a template runs, to see what it writes before one.
const HERE: &str = "THE_ANSWER_GOES_ON_HERE";

/// A compiled template. Cheap to clone.
#[derive(Clone)]
pub struct ChatTemplate {
    environment: Arc<Environment<'static>>,
    name: String,
    source: Arc<str>,
    bos_token: Option<String>,
    eos_token: Option<String>,
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatTemplate").field("name", &self.name).field("hash", &self.hash()).finish_non_exhaustive()
    }
}

impl ChatTemplate {
    /// Compiles a template. `name` says where it came from.
    pub fn new(name: &str, source: &str) -> Result<Self, ModelError> {
        let environment = environment::compile(source).map_err(|error| ModelError::Template {
            name: name.to_owned(),
            reason: format!("{}; fix it or remove it for the plain one", environment::describe(&error)),
        })?;
        Ok(Self {
            environment: Arc::new(environment),
            name: name.to_owned(),
            source: source.into(),
            bos_token: None,
            eos_token: None,
        })
    }

    /// The built-in template for models that have none.
    pub fn plain() -> Self {
        Self::new(PLAIN_NAME, PLAIN).unwrap_or_else(|_| unreachable!("the built-in template compiles: a test does so"))
    }

    /// The tokens that templates write as `bos_token` and `eos_token`.
    pub fn with_tokens(mut self, bos_token: Option<String>, eos_token: Option<String>) -> Self {
        self.bos_token = bos_token;
        self.eos_token = eos_token;
        self
    }

    /// Looks in a Hugging Face directory: `chat_template.jinja`, then `chat_template` in `tokenizer_config.json` (`config`,
    /// null if there is none), else the plain one.
    pub fn from_directory(folder: &Folder, config: &Value) -> Result<Self, ModelError> {
        let name = "chat_template.jinja";
        let template = if let Some(source) = folder.read(name)? {
            let source = std::str::from_utf8(&source)
                .map_err(|error| ModelError::format(&folder.path().join(name), error.to_string()))?;
            Self::new(name, source)?
        } else if let Some(source) = template_of(config) {
            Self::new("tokenizer_config.json", source)?
        } else {
            Self::plain()
        };
        let text = |key: &str| token_text(config.get(key)).map(str::to_owned);
        Ok(template.with_tokens(text("bos_token"), text("eos_token")))
    }

    /// `tokenizer.chat_template` of a GGUF file, else the plain one.
    pub fn from_gguf(file: &Gguf) -> Result<Self, ModelError> {
        match file.text("tokenizer.chat_template") {
            Some(source) => Self::new("gguf", source),
            None => Ok(Self::plain()),
        }
    }

    /// Where it came from: `chat_template.jinja`, `tokenizer_config.json`, `gguf`, or `plain`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A short hash of its text; that of the plain one says so.
    pub fn hash(&self) -> String {
        let hash: String =
            Sha256::digest(self.source.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        if self.is_plain() { format!("{PLAIN_NAME}-{hash}") } else { hash }
    }

    pub fn is_plain(&self) -> bool {
        self.name == PLAIN_NAME
    }

    /// The template's text as it was read.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The prompt, ending where the assistant's turn begins.
    pub fn render(&self, messages: &[Message]) -> Result<String, ModelError> {
        self.render_with(messages, true)
    }

    /// The prompt for going on with an answer: the last message is the assistant's, and stands to the letter where it would have
    /// been written, behind the opening of the assistant's turn.
    ///
    /// transformers' `continue_final_message` (`utils/chat_template_utils.py`) renders it as an answer that is over, and cuts off
    /// what comes behind. There templates trim it, put a thought before it or take one out, which is not what the model had
    /// before it when it wrote. Where they do none of this both are the same.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`]; and where there is no beginning.
    pub fn render_continued(&self, messages: &[Message]) -> Result<String, ModelError> {
        let refuse = |reason: &str| ModelError::Template { name: self.name.clone(), reason: reason.to_owned() };
        let Some((last, before)) = messages.split_last().filter(|(last, _)| last.role == Role::Assistant) else {
            return Err(refuse("there is no answer to go on with: end the chat with a message of the assistant's"));
        };
        if last.content.trim().is_empty() {
            return Err(refuse("the beginning of the answer is empty: leave it out"));
        }
        let mut text = self.render_with(before, true)?;
        if !last.content.starts_with(char::is_whitespace) {
            text.push_str(&self.gap(before, &text));
        }
        text.push_str(&last.content);
        Ok(text)
    }

    /// The white space that the template writes behind `opened`, the opening of an answer to these messages, before an answer that
    /// is there already. A model begins its answers with it.
    fn gap(&self, messages: &[Message], opened: &str) -> String {
        let answered = [messages, &[Message::new(Role::Assistant, HERE)]].concat();
        // Some templates refuse a chat that ends with an answer, and then say nothing of a gap.
        let closed = self.render_with(&answered, false).unwrap_or_default();
        let before = closed.rfind(HERE).map_or("", |at| &closed[..at]);
        let gap = before.strip_prefix(opened).filter(|gap| gap.chars().all(char::is_whitespace));
        gap.unwrap_or_default().to_owned()
    }

    /// The text of a chat, with or without the opening of an assistant's turn at its end.
    pub fn render_with(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, ModelError> {
        let messages: Vec<_> = messages
            .iter()
            .map(|message| minijinja::context! { role => role_name(message.role), content => message.content.as_str() })
            .collect();
        let context = environment::Context {
            messages,
            add_generation_prompt,
            bos_token: self.bos_token.as_deref(),
            eos_token: self.eos_token.as_deref(),
        };
        environment::render(&self.environment, &context)
            .map_err(|reason| ModelError::Template { name: self.name.clone(), reason: one_line(&reason) })
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// A string, or a list of named templates of which `default` is meant.
fn template_of(config: &Value) -> Option<&str> {
    match config.get("chat_template")? {
        Value::String(source) => Some(source),
        Value::Array(list) => {
            let named = |name: &str| list.iter().find(|entry| entry.get("name").and_then(Value::as_str) == Some(name));
            named("default").or_else(|| list.first())?.get("template")?.as_str()
        }
        _ => None,
    }
}
