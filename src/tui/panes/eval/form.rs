//! The set-up form of an evaluation: fields as text, what each of them means, and the order that they make when they are right.

use std::path::PathBuf;

use crossterm::event::KeyEvent;

use crate::model::{ComputeChoice, MICRO};
use crate::pipeline::GenerateOrder;
use crate::pipeline::eval::{EvalOrder, Listed};
use crate::records::Sampling;
use crate::tui::widgets::{Edited, FieldReader, FieldSpec, Fields};

/// Fields in the order of the form, and the button after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Model,
    Problems,
    Name,
    Samples,
    Temperature,
    TopP,
    MaxTokens,
    Limit,
    Seed,
    Start,
}

impl Field {
    const ALL: [Field; 10] = [
        Field::Model,
        Field::Problems,
        Field::Name,
        Field::Samples,
        Field::Temperature,
        Field::TopP,
        Field::MaxTokens,
        Field::Limit,
        Field::Seed,
        Field::Start,
    ];

    fn spec(self) -> FieldSpec {
        let (label, key, first, empty, help) = match self {
            Field::Model => (
                "model",
                "eval.model",
                MICRO,
                "(needed)",
                "A model's directory, a .gguf file, or micro; or a run's checkpoint.",
            ),
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
            Field::Start => ("Start", "", "", "", "Draws what is missing in the background, then works out the score."),
        };
        FieldSpec { label, key, first, empty, help, choices: &[], long: matches!(self, Field::Model | Field::Problems) }
    }
}

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

    pub fn help(&self) -> &'static str {
        self.field().spec().help
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
            let error = self.order().1.into_iter().find(|(field, _)| *field == at).map(|(_, error)| error);
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
        let (order, errors) = self.order();
        self.fields.take_errors(errors).then_some(order)
    }

    fn order(&self) -> (EvalOrder, Vec<(usize, String)>) {
        let mut read = FieldReader::new(&self.fields);
        let model = read.text(Field::Model as usize).to_owned();
        let problems = read.text(Field::Problems as usize).to_owned();
        for (field, text) in [(Field::Model, &model), (Field::Problems, &problems)] {
            if text.is_empty() {
                read.wrong(field as usize, "it is needed");
            }
        }
        let sampling = Sampling {
            max_tokens: read.number(Field::MaxTokens as usize, 1, 1 << 24, "1 or more"),
            temperature: read.real(Field::Temperature as usize, |value| (0.0..=10.0).contains(value), "0 to 10"),
            top_p: read.real(Field::TopP as usize, |&value| value > 0.0 && value <= 1.0, "above 0, to 1"),
            ..self.base.clone()
        };
        let given = read.text(Field::Name as usize);
        let name = match given {
            "" if sampling.temperature == 0.0 => format!("{model} greedy"),
            "" => model.clone(),
            given => given.to_owned(),
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
            servers: None,
        };
        (EvalOrder::new(name, generate), read.errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greedy_order_draws_one_answer_and_says_so_in_its_name() {
        let mut form = Form::default();
        let order = form.submit().unwrap();
        assert_eq!((order.name.as_str(), order.generate.samples, order.generate.turns), ("micro", 8, 1));
        assert!(order.generate.held_out && order.check().is_ok());
        form.set(Field::Temperature, "0");
        let order = form.submit().unwrap();
        assert_eq!((order.name.as_str(), order.generate.samples), ("micro greedy", 1));
        form.set(Field::Name, "base");
        assert_eq!(form.submit().unwrap().name, "base");
        form.set(Field::Problems, " ");
        form.set(Field::TopP, "0");
        assert_eq!(form.submit(), None);
        assert_eq!((form.field(), form.fields.wrong()), (Field::Problems, 2));
    }
}
