//! The set-up form of an evaluation: fields as text, what each of them means, and the order that they make when they are right.

use std::path::PathBuf;

use crossterm::event::KeyEvent;

use crate::model::{ComputeChoice, MICRO};
use crate::pipeline::eval::{EvalOrder, Listed};
use crate::pipeline::{GenerateOrder, Writer};
use crate::records::Sampling;
use crate::tui::panes::generate::servers::{self, Places};
use crate::tui::widgets::{Edited, FieldReader, FieldSpec, Fields};

/// Fields in the order of the form, and the button after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Model,
    Servers,
    Problems,
    Name,
    Samples,
    Temperature,
    TopP,
    MaxTokens,
    Limit,
    Seed,
    KeyFile,
    Start,
}

impl Field {
    const ALL: [Field; 12] = [
        Field::Model,
        Field::Servers,
        Field::Problems,
        Field::Name,
        Field::Samples,
        Field::Temperature,
        Field::TopP,
        Field::MaxTokens,
        Field::Limit,
        Field::Seed,
        Field::KeyFile,
        Field::Start,
    ];

    fn spec(self) -> FieldSpec {
        let (label, key, first, empty, help) = match self {
            Field::Model => (
                "model",
                "eval.model",
                MICRO,
                servers::NO_MODEL,
                "A model's directory, a .gguf file, or micro; or a run's checkpoint.",
            ),
            Field::Servers => return servers::addresses("eval.servers"),
            Field::Problems => (
                "problems",
                "eval.problems",
                "micro-test",
                "(needed)",
                "A problem file such as GSM8K, MATH-500 or AIME (JSONL), or micro-test; never learnt from.",
            ),
            Field::Name => {
                ("name", "eval.name", "", "(the model's)", "What the evaluation is called here: base, pi_sft.")
            }
            Field::Samples => {
                ("samples", "eval.samples", "8", "-", "Answers to each problem; a greedy model has only one.")
            }
            Field::Temperature => {
                ("temperature", "eval.temperature", "0.8", "-", "0 is greedy: the likeliest token each time.")
            }
            Field::TopP => {
                ("top-p", "eval.top_p", "0.95", "-", "Share of probability that tokens are drawn from; 1 is off.")
            }
            Field::MaxTokens => {
                ("max tokens", "eval.max_tokens", "1024", "-", "New tokens of an answer; one that is cut off is wrong.")
            }
            Field::Limit => ("limit", "eval.limit", "", "(all)", "Only the first so many problems."),
            Field::Seed => ("seed", "eval.seed", "0", "-", "The same seed draws the same answers."),
            Field::KeyFile => return servers::key_file("eval.key_file"),
            Field::Start => ("Start", "", "", "", "Draws what is missing in the background, then works out the score."),
        };
        FieldSpec { label, key, first, empty, help, choices: &[], long: matches!(self, Field::Model | Field::Problems) }
    }
}

/// The two that name servers.
const SERVERS: Places = Places { addresses: Field::Servers as usize, key_file: Field::KeyFile as usize };

/// What makes an order.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub fields: Fields,
    /// It has been filled from an evaluation, or written in, since the session was opened.
    pub touched: bool,
    /// What it has no fields for: of the evaluation that it was filled from, so that both can be compared.
    base: Sampling,
    prompt: Option<String>,
}

impl Default for Form {
    fn default() -> Self {
        let specs: Vec<FieldSpec> =
            Field::ALL.iter().filter(|field| **field != Field::Start).map(|field| field.spec()).collect();
        Self { fields: Fields::new(specs, 1), touched: false, base: Sampling::default(), prompt: None }
    }
}

impl Form {
    pub fn field(&self) -> Field {
        Field::ALL[self.fields.selected()]
    }

    /// What the selected field is for. What is wrong with servers is a sentence, and has no room beside them.
    pub fn help(&self) -> &str {
        let field = self.field();
        let other = match field {
            Field::Servers | Field::KeyFile => self.fields.error(field as usize),
            Field::Model if self.asks_servers() => Some(servers::MODEL_HELP),
            _ => None,
        };
        other.unwrap_or(field.spec().help)
    }

    /// Whether servers are to answer.
    fn asks_servers(&self) -> bool {
        !self.fields.text(Field::Servers as usize).is_empty()
    }

    fn set(&mut self, field: Field, text: &str) {
        self.fields.set(field as usize, text);
    }

    /// Takes the sampling of an evaluation, so that what is made can be compared with it.
    pub fn like(&mut self, listed: &Listed) {
        self.touched = true;
        let Some(made) = &listed.made else { return };
        self.set(Field::Samples, &listed.eval.samples.to_string());
        self.set(Field::Temperature, &made.sampling.temperature.to_string());
        self.set(Field::TopP, &made.sampling.top_p.to_string());
        self.set(Field::MaxTokens, &made.sampling.max_tokens.to_string());
        self.set(Field::Seed, &made.seed.to_string());
        self.base = made.sampling.clone();
        self.prompt = made.dialogue.get("prompt").and_then(|prompt| prompt.as_str()).map(str::to_owned);
    }

    /// Another session is open: what was taken of an evaluation of this one goes.
    pub fn forget(&mut self) {
        (self.touched, self.base, self.prompt) = (false, Sampling::default(), None);
        self.fields.end_edit();
    }

    pub fn begin_edit(&mut self) {
        self.touched = true;
        self.fields.begin_edit();
    }

    /// A key to the field that is edited.
    pub fn key(&mut self, key: KeyEvent) {
        if let Edited::Done { by, on } = self.fields.key(key) {
            self.fields.end_edit();
            let at = self.fields.selected();
            // No server has the model that comes with the program.
            if self.field() == Field::Servers && self.asks_servers() && self.fields.text(Field::Model as usize) == MICRO
            {
                self.set(Field::Model, "");
            }
            let error = self.order(false).1.into_iter().find(|(field, _)| *field == at).map(|(_, error)| error);
            self.fields.set_error(at, error);
            self.fields.select(by);
            if on && self.fields.is_field() {
                self.begin_edit();
            }
        }
    }

    /// The order that the form makes, or errors at their fields, the first of them selected.
    pub fn submit(&mut self) -> Option<EvalOrder> {
        self.fields.end_edit();
        let (order, errors) = self.order(true);
        self.fields.take_errors(errors).then_some(order)
    }

    /// Reads all fields, to `start` or to say what is wrong with them.
    fn order(&self, start: bool) -> (EvalOrder, Vec<(usize, String)>) {
        let mut read = FieldReader::new(&self.fields);
        let model = read.text(Field::Model as usize).to_owned();
        let servers = SERVERS.read(&mut read, start);
        let problems = read.text(Field::Problems as usize).to_owned();
        for (field, missing) in
            [(Field::Model, model.is_empty() && servers.is_none()), (Field::Problems, problems.is_empty())]
        {
            if missing {
                read.wrong(field as usize, "it is needed");
            }
        }
        let sampling = Sampling {
            max_tokens: read.number(Field::MaxTokens as usize, 1, 1 << 24, "1 or more"),
            temperature: read.real(Field::Temperature as usize, |value| (0.0..=10.0).contains(value), "0 to 10"),
            top_p: read.real(Field::TopP as usize, |&value| value > 0.0 && value <= 1.0, "above 0, to 1"),
            ..self.base.clone()
        };
        let name = match (read.text(Field::Name as usize), model.as_str()) {
            // As the servers call it.
            ("", "") => None,
            ("", model) if sampling.temperature == 0.0 => Some(format!("{model} greedy")),
            ("", model) => Some(model.to_owned()),
            (given, _) => Some(given.to_owned()),
        };
        let generate = GenerateOrder {
            model,
            problems: Some(PathBuf::from(problems)),
            held_out: true,
            samples: read.number(Field::Samples as usize, 1, 1_000_000, "1 or more"),
            turns: 1,
            sampling,
            limit: read.optional(Field::Limit as usize),
            seed: read.number(Field::Seed as usize, 0, u64::MAX, "0 or more"),
            prompt: self.prompt.clone(),
            policy: None,
            slots: None,
            compute: ComputeChoice::Auto,
            lookup: true,
            writer: servers.map_or(Writer::Here, Writer::Servers),
        };
        (EvalOrder::new(name, generate), read.errors)
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyCode;

    use super::*;

    #[test]
    fn a_greedy_order_draws_one_answer_and_says_so_in_its_name() {
        let mut form = Form::default();
        let order = form.submit().unwrap();
        assert_eq!((order.name.as_deref(), order.generate.samples, order.generate.turns), (Some("micro"), 8, 1));
        assert!(order.generate.held_out && order.check().is_ok());
        form.set(Field::Temperature, "0");
        let order = form.submit().unwrap();
        assert_eq!((order.name.as_deref(), order.generate.samples), (Some("micro greedy"), 1));
        form.set(Field::Name, "base");
        assert_eq!(form.submit().unwrap().name.as_deref(), Some("base"));
        form.set(Field::Problems, " ");
        form.set(Field::TopP, "0");
        assert_eq!(form.submit(), None);
        assert_eq!((form.field(), form.fields.wrong()), (Field::Problems, 2));
    }

    #[test]
    fn servers_answer_in_the_place_of_this_process() {
        let mut form = Form::default();
        form.fields.go_to(Field::Servers as usize);
        form.begin_edit();
        form.fields.paste("http://localhost:8000 ftp://x");
        form.key(KeyEvent::from(KeyCode::Enter));
        assert_eq!(form.fields.text(Field::Model as usize), "", "no server has that model");
        form.fields.go_to(Field::Servers as usize);
        assert!(form.help().starts_with("ftp://x: not an address"), "{}", form.help());
        assert_eq!(form.submit(), None);
        form.set(Field::Servers, "http://localhost:8000");
        let (order, errors) = form.order(false);
        assert_eq!(errors, []);
        assert_eq!((order.name.as_deref(), order.called("small")), (None, "small"));
        let Writer::Servers(servers) = &order.generate.writer else { panic!("no servers") };
        assert_eq!(servers.endpoints.len(), 1);
        form.set(Field::Model, "small");
        assert_eq!(form.order(false).0.name.as_deref(), Some("small"));
        form.set(Field::KeyFile, "/no/such/key");
        assert_eq!(form.submit(), None);
        assert_eq!(form.field(), Field::KeyFile);
    }
}
