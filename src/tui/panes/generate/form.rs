//! The set-up form: fields as text, what each of them means, and the order that they make when they are right.

use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::servers::{self, Places, Purse};
use crate::model::{ComputeChoice, MICRO};
use crate::pipeline::{GenerateOrder, Writer};
use crate::records::Sampling;
use crate::tui::text::clean;
use crate::tui::widgets::{Edited, Editor, FieldReader, FieldSpec, Fields};

/// Fields in the order of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Model,
    Servers,
    Problems,
    Samples,
    Turns,
    MaxTokens,
    Temperature,
    TopP,
    TopK,
    MinP,
    RepetitionPenalty,
    Limit,
    Seed,
    Slots,
    Compute,
    Policy,
    KeyFile,
    Price,
    MaxCost,
    Prompt,
    Start,
}

impl Field {
    pub const ALL: [Field; 21] = [
        Field::Model,
        Field::Servers,
        Field::Problems,
        Field::Samples,
        Field::Turns,
        Field::MaxTokens,
        Field::Temperature,
        Field::TopP,
        Field::TopK,
        Field::MinP,
        Field::RepetitionPenalty,
        Field::Limit,
        Field::Seed,
        Field::Slots,
        Field::Compute,
        Field::Policy,
        Field::KeyFile,
        Field::Price,
        Field::MaxCost,
        Field::Prompt,
        Field::Start,
    ];
    /// Those that are one line of text.
    const LINES: usize = 19;

    fn spec(self) -> FieldSpec {
        let spec = |label, key, first, empty, help| FieldSpec {
            label,
            key,
            first,
            empty,
            help,
            choices: &[],
            long: matches!(self, Field::Model | Field::Problems),
        };
        match self {
            Field::Model => spec(
                "model",
                "model",
                MICRO,
                servers::NO_MODEL,
                "A model's directory, a .gguf file, or micro, which comes with the program.",
            ),
            Field::Servers => servers::addresses("servers"),
            Field::Problems => spec(
                "problems",
                "problems",
                "",
                "(the session's)",
                "A problem file (JSONL), micro or micro-test; empty takes the session's problems.",
            ),
            Field::Samples => spec("samples", "samples", "4", "-", "Samples wanted for each problem."),
            Field::Turns => spec("turns", "turns", "2", "-", "Turns of the model: 1 is an attempt only, 6 at most."),
            Field::MaxTokens => spec("max tokens", "max_tokens", "512", "-", "New tokens a turn at most."),
            Field::Temperature => {
                spec("temperature", "temperature", "0.7", "-", "0 is greedy; 0.6 to 1 gives variety.")
            }
            Field::TopP => spec("top-p", "top_p", "0.95", "-", "Keeps the likeliest tokens up to this mass; 1 is off."),
            Field::TopK => spec("top-k", "top_k", "0", "-", "Keeps this many of the likeliest tokens; 0 is off."),
            Field::MinP => spec("min-p", "min_p", "0", "-", "Keeps tokens with this share of the best one; 0 is off."),
            Field::RepetitionPenalty => spec(
                "repetition",
                "repetition_penalty",
                "1",
                "-",
                "Makes tokens that were written less likely; 1 is off.",
            ),
            Field::Limit => spec("limit", "limit", "", "(all)", "Takes only this many problems; empty takes all."),
            Field::Seed => spec("seed", "seed", "0", "-", "The same seed and settings draw the same samples."),
            Field::Slots => {
                spec("slots", "slots", "", "(auto)", "Samples written at once; empty chooses by the machine.")
            }
            Field::Compute => FieldSpec {
                choices: &["auto", "f32", "q8", "bf16"],
                ..spec(
                    "compute",
                    "compute",
                    "auto",
                    "-",
                    "Number format: auto is the fastest of this machine; f32 is exact.",
                )
            },
            Field::Policy => {
                spec("policy", "policy", "", "(default)", "How strategies are chosen; empty is the default policy.")
            }
            Field::KeyFile => servers::key_file("key_file"),
            Field::Price => servers::price("price"),
            Field::MaxCost => servers::max_cost("max_cost"),
            Field::Prompt => {
                spec("prompt", "prompt", "", "-", "The first user turn; {{ problem }} stands for the problem.")
            }
            Field::Start => spec("Start", "", "", "-", "Starts generating; samples that exist are not made again."),
        }
    }
}

/// The two that name servers.
const SERVERS: Places = Places { addresses: Field::Servers as usize, key_file: Field::KeyFile as usize };

/// The two of what they may cost.
const PURSE: Purse = Purse { price: Field::Price as usize, max_cost: Field::MaxCost as usize };

/// Bytes of a prompt at most.
const PROMPT_LIMIT: usize = 64 * 1024;

/// The texts of the form, and which of them is being edited.
#[derive(Debug, Clone)]
pub struct Form {
    pub fields: Fields,
    pub prompt: Editor,
    pub prompt_error: Option<String>,
    editing_prompt: bool,
    default_prompt: String,
    policies: Vec<String>,
}

impl Default for Form {
    fn default() -> Self {
        let specs: Vec<FieldSpec> = Field::ALL[..Field::LINES].iter().map(|field| field.spec()).collect();
        let more = Field::ALL.len() - specs.len();
        Self {
            fields: Fields::new(specs, more),
            prompt: prompt("", false),
            prompt_error: None,
            editing_prompt: false,
            default_prompt: String::new(),
            policies: Vec::new(),
        }
    }
}

fn prompt(text: &str, editing: bool) -> Editor {
    let mut editor = Editor::new(text, PROMPT_LIMIT);
    editor.show_cursor(editing);
    editor
}

impl Form {
    pub fn field(&self) -> Field {
        Field::ALL[self.fields.selected()]
    }

    /// Whether a field takes the keys as they are.
    pub fn editing(&self) -> bool {
        self.editing_prompt || self.fields.editing()
    }

    pub fn text(&self, field: Field) -> &str {
        self.fields.text(field as usize)
    }

    /// Whether servers are to write.
    pub fn asks_servers(&self) -> bool {
        !self.text(Field::Servers).is_empty()
    }

    /// What the selected field is for. What is wrong with servers is a sentence, and has no room beside them.
    pub fn help(&self) -> &str {
        let field = self.field();
        let other = match field {
            Field::Servers | Field::KeyFile => self.fields.error(field as usize),
            Field::Model if self.asks_servers() => Some(servers::MODEL_HELP),
            Field::Slots | Field::Compute if self.asks_servers() => Some("Not used: the servers decide that."),
            Field::Price | Field::MaxCost if !self.asks_servers() => Some(servers::NOT_PAID),
            _ => None,
        };
        other.unwrap_or(field.spec().help)
    }

    pub fn prompt_text(&self) -> String {
        self.prompt.shown()
    }

    pub fn edits_prompt(&self) -> bool {
        self.editing_prompt
    }

    /// Another prompt in the place of the one that is being edited.
    pub fn replace_prompt(&mut self, text: &str) {
        self.prompt.replace(text);
    }

    /// The prompt of the default policy: fills the field unless the person has written another one.
    pub fn set_default_prompt(&mut self, prompt: &str) {
        let untouched = self.prompt_text() == clean(&self.default_prompt);
        self.default_prompt = prompt.to_owned();
        if untouched {
            self.reset_prompt();
        }
    }

    pub fn reset_prompt(&mut self) {
        self.prompt = prompt(&self.default_prompt, self.editing_prompt);
        self.prompt_error = None;
    }

    pub fn set_policies(&mut self, names: Vec<String>) {
        self.policies = names;
    }

    pub fn policies(&self) -> &[String] {
        &self.policies
    }

    /// Puts the next known policy into its field.
    pub fn next_policy(&mut self) {
        let now = self.text(Field::Policy);
        let next = self.policies.iter().position(|name| name == now).map_or(0, |at| at + 1);
        let name = self.policies.get(next).cloned().unwrap_or_default();
        self.fields.set(Field::Policy as usize, &name);
        self.fields.set_error(Field::Policy as usize, None);
    }

    /// All values by name, for keeping them.
    pub fn values(&self) -> Vec<(&'static str, String)> {
        let prompt = self.prompt_text();
        let edited = (prompt != clean(&self.default_prompt)).then_some(("prompt", prompt));
        self.fields.values().chain(edited).collect()
    }

    /// Takes values that were kept; names that are not known are passed over.
    pub fn set_value(&mut self, key: &str, value: &str) {
        if !self.fields.set_by_key(key, value) && key == Field::Prompt.spec().key {
            self.prompt = prompt(value, false);
        }
    }

    pub fn begin_edit(&mut self) {
        self.editing_prompt = self.field() == Field::Prompt;
        self.fields.begin_edit();
        self.prompt.show_cursor(self.editing_prompt);
    }

    /// Leaves the field with what it says, and checks it.
    pub fn end_edit(&mut self) {
        self.leave_field();
        let field = self.field();
        // No server has the model that comes with the program.
        if field == Field::Servers && self.asks_servers() && self.text(Field::Model) == MICRO {
            self.fields.set(Field::Model as usize, "");
        }
        let found = self.order(None).1.into_iter().find(|(at, _)| *at == field as usize);
        self.put_error(field as usize, found.map(|error| error.1));
    }

    fn leave_field(&mut self) {
        self.fields.end_edit();
        self.editing_prompt = false;
        self.prompt.show_cursor(false);
    }

    fn put_error(&mut self, at: usize, error: Option<String>) {
        if at == Field::Prompt as usize {
            self.prompt_error = error;
        } else {
            self.fields.set_error(at, error);
        }
    }

    /// How many fields are wrong.
    pub fn wrong(&self) -> usize {
        self.fields.wrong() + usize::from(self.prompt_error.is_some())
    }

    /// A key to the field that is edited.
    pub fn key(&mut self, key: KeyEvent) {
        if !self.editing_prompt {
            if let Edited::Done { by, on } = self.fields.key(key) {
                self.end_edit();
                self.fields.select(by);
                if on && self.fields.is_field() {
                    self.begin_edit();
                }
            }
            return;
        }
        match key.code {
            KeyCode::Esc => self.end_edit(),
            KeyCode::Tab | KeyCode::BackTab => {
                self.end_edit();
                self.fields.select(if key.code == KeyCode::Tab { 1 } else { -1 });
            }
            KeyCode::Char('r') if key.modifiers.contains(KeyModifiers::CONTROL) => self.reset_prompt(),
            _ => self.prompt.key(key),
        }
    }

    pub fn paste(&mut self, text: &str) {
        if self.editing_prompt {
            self.prompt.paste(text);
        } else {
            self.fields.paste(text);
        }
    }

    /// The order that the form makes, or errors at their fields, the first of them selected.
    pub fn submit(&mut self, session_problems: usize) -> Option<GenerateOrder> {
        self.leave_field();
        let (order, errors) = self.order(Some(session_problems));
        self.fields.clear_errors();
        self.prompt_error = None;
        if let Some((at, _)) = errors.first() {
            self.fields.go_to(*at);
        }
        let right = errors.is_empty();
        for (at, error) in errors {
            self.put_error(at, Some(error));
        }
        right.then_some(order)
    }

    /// Reads all fields. `session_problems` is `None` where it does not matter yet whether there are any.
    fn order(&self, session_problems: Option<usize>) -> (GenerateOrder, Vec<(usize, String)>) {
        let mut read = FieldReader::new(&self.fields);
        let model = read.text(Field::Model as usize).to_owned();
        let mut servers = SERVERS.read(&mut read, session_problems.is_some());
        if model.is_empty() && servers.is_none() {
            read.wrong(Field::Model as usize, "a model is needed");
        }
        let problems = Some(self.text(Field::Problems)).filter(|text| !text.is_empty()).map(PathBuf::from);
        if problems.is_none() && session_problems == Some(0) {
            read.wrong(Field::Problems as usize, "the session has none: name a file");
        }
        let samples = read.number(Field::Samples as usize, 1, 1_000_000, "1 or more");
        let turns = read.number(Field::Turns as usize, 1, 6, "1 to 6");
        let sampling = Sampling {
            max_tokens: read.number(Field::MaxTokens as usize, 1, 1 << 24, "1 or more"),
            temperature: read.real(Field::Temperature as usize, |value| (0.0..=10.0).contains(value), "0 to 10"),
            top_p: read.real(Field::TopP as usize, |&value| value > 0.0 && value <= 1.0, "above 0, to 1"),
            top_k: read.number(Field::TopK as usize, 0, 1 << 24, "0 or more"),
            min_p: read.real(Field::MinP as usize, |value| (0.0..1.0).contains(value), "0 to below 1"),
            repetition_penalty: read.real(
                Field::RepetitionPenalty as usize,
                |&value| value > 0.0 && value <= 10.0,
                "above 0",
            ),
            stop: Vec::new(),
        };
        let limit = read.optional(Field::Limit as usize);
        let (slots, compute) = match &servers {
            Some(_) => (None, ComputeChoice::Auto),
            None => here(&mut read),
        };
        let seed = read.number(Field::Seed as usize, 0, u64::MAX, "0 or more");
        let policy = Some(self.text(Field::Policy).to_owned()).filter(|name| !name.is_empty());
        if policy.as_ref().is_some_and(|name| !self.policies.is_empty() && !self.policies.contains(name)) {
            read.wrong(Field::Policy as usize, &format!("there are: {}", self.policies.join(", ")));
        }
        if let Some(servers) = &mut servers {
            servers.budget = PURSE.read(&mut read);
        }
        let prompt = self.prompt_text();
        let edited = !prompt.trim().is_empty() && prompt != clean(&self.default_prompt);
        if edited && !names_the_problem(&prompt) {
            read.wrong(Field::Prompt as usize, "{{ problem }} is missing");
        }
        let prompt = edited.then_some(prompt);
        let errors = read.errors;
        let order = GenerateOrder {
            model,
            held_out: false,
            problems,
            samples,
            turns,
            sampling,
            limit,
            seed,
            prompt,
            policy,
            slots,
            compute,
            lookup: true,
            writer: servers.map_or(Writer::Here, Writer::Servers),
        };
        (order, errors)
    }
}

/// What only this process looks at: slots and number format.
fn here(read: &mut FieldReader<'_>) -> (Option<usize>, ComputeChoice) {
    let slots = read.optional(Field::Slots as usize);
    let compute = read.text(Field::Compute as usize).parse().unwrap_or_else(|_| {
        read.wrong(Field::Compute as usize, "auto, f32, q8 or bf16");
        ComputeChoice::Auto
    });
    (slots, compute)
}

/// Whether a template has `problem` inside an expression.
fn names_the_problem(prompt: &str) -> bool {
    prompt.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()).any(|inside| inside.contains("problem"))
}

#[cfg(test)]
mod tests;
