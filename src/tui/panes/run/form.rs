//! The set-up form of a pass: which recipe, and what of it is to be otherwise.

use std::path::PathBuf;

use crossterm::event::KeyEvent;

use crate::pipeline::recipe::{Recipe, Wanted};
use crate::tui::widgets::{Edited, FieldReader, FieldSpec, Fields};

/// Fields in the order of the form, and the button after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Recipe,
    Model,
    Problems,
    Test,
    Seed,
    Compute,
    Slots,
    Ablations,
    Plan,
}

const COMPUTE: &[&str] = &["", "auto", "f32", "bf16", "q8"];
const SWITCH: &[&str] = &["off", "on"];

impl Field {
    pub const ALL: [Field; 9] = [
        Field::Recipe,
        Field::Model,
        Field::Problems,
        Field::Test,
        Field::Seed,
        Field::Compute,
        Field::Slots,
        Field::Ablations,
        Field::Plan,
    ];
    const LINES: usize = 8;

    fn spec(self) -> FieldSpec {
        let (label, key, first, empty, help) = match self {
            Field::Recipe => (
                "recipe",
                "run.recipe",
                "micro",
                "(needed)",
                "A recipe file, or a name from the list below; Right takes the next name.",
            ),
            Field::Model => {
                ("model", "run.model", "", "(recipe's)", "Base model: a directory, a .gguf file, or micro.")
            }
            Field::Problems => ("problems", "run.problems", "", "(recipe's)", "Problem file to learn from."),
            Field::Test => ("test", "run.test", "", "(recipe's)", "Problem file to be scored on."),
            Field::Seed => ("seed", "run.seed", "", "(recipe's)", "The same recipe and seed make the same pass."),
            Field::Compute => ("compute", "run.compute", "", "(recipe's)", "Number format: auto, f32, bf16, q8."),
            Field::Slots => {
                ("slots", "run.slots", "", "(by memory)", "Sequences written together; no result depends on it.")
            }
            Field::Ablations => (
                "ablations",
                "run.ablations",
                "off",
                "off",
                "After the pass, variants that tell what each part is worth.",
            ),
            Field::Plan => ("Plan", "", "", "", "Reads the recipe and shows the steps; nothing is started by it."),
        };
        let choices = match self {
            Field::Compute => COMPUTE,
            Field::Ablations => SWITCH,
            _ => &[],
        };
        let long = matches!(self, Field::Recipe | Field::Model | Field::Problems | Field::Test);
        FieldSpec { label, key, first, empty, help, choices, long }
    }

    pub fn help(self) -> &'static str {
        self.spec().help
    }
}

/// What makes an order.
#[derive(Debug, Clone)]
pub struct Form {
    pub fields: Fields,
    /// What is wrong with the recipe, line and all.
    pub wrong: Option<String>,
}

impl Default for Form {
    fn default() -> Self {
        let specs = Field::ALL[..Field::LINES].iter().map(|field| field.spec()).collect();
        Self { fields: Fields::new(specs, Field::ALL.len() - Field::LINES), wrong: None }
    }
}

impl Form {
    pub fn field(&self) -> Field {
        Field::ALL[self.fields.selected()]
    }

    pub fn text(&self, field: Field) -> &str {
        self.fields.text(field as usize)
    }

    #[cfg(test)]
    pub fn set(&mut self, field: Field, text: &str) {
        self.fields.set(field as usize, text);
    }

    /// Puts the next value into the selected field, if it has some to choose from.
    pub fn choose(&mut self) {
        if self.field() != Field::Recipe {
            self.fields.next_choice();
            return;
        }
        let names = Recipe::names();
        let now = names.iter().position(|name| *name == self.text(Field::Recipe));
        let next = now.map_or(0, |at| (at + 1) % names.len().max(1));
        if let Some(name) = names.get(next) {
            self.fields.set(Field::Recipe as usize, name);
            self.fields.set_error(Field::Recipe as usize, None);
            self.wrong = None;
        }
    }

    /// A key to the field that is edited.
    pub fn key(&mut self, key: KeyEvent) {
        if let Edited::Done { by, on } = self.fields.key(key) {
            self.fields.end_edit();
            let field = self.fields.selected();
            let found = self.read().1.into_iter().find(|(at, _)| *at == field);
            self.fields.set_error(field, found.map(|error| error.1));
            self.fields.select(by);
            if on && self.fields.is_field() {
                self.fields.begin_edit();
            }
        }
    }

    /// What the form asks for, or errors at their fields, the first of them selected.
    pub fn submit(&mut self) -> Option<Wanted> {
        self.fields.end_edit();
        let (wanted, errors) = self.read();
        self.wrong = None;
        self.fields.take_errors(errors).then_some(wanted)
    }

    /// Sequences written together, where the form says how many.
    pub fn slots(&self) -> Option<usize> {
        self.text(Field::Slots).parse().ok().filter(|slots| *slots > 0)
    }

    pub fn ablations(&self) -> bool {
        self.text(Field::Ablations) == "on"
    }

    fn read(&self) -> (Wanted, Vec<(usize, String)>) {
        let mut read = FieldReader::new(&self.fields);
        let text = |field: Field| Some(self.text(field).to_owned()).filter(|text| !text.is_empty());
        let recipe = self.text(Field::Recipe).to_owned();
        if recipe.is_empty() {
            read.wrong(Field::Recipe as usize, "a name or a file is needed");
        }
        let seed = text(Field::Seed).map(|_| read.number(Field::Seed as usize, 0, u64::MAX, "0 or more"));
        let _: Option<usize> = read.optional(Field::Slots as usize);
        let compute = text(Field::Compute);
        if compute.as_deref().is_some_and(|compute| !COMPUTE.contains(&compute)) {
            read.wrong(Field::Compute as usize, "auto, f32, bf16, q8");
        }
        if !SWITCH.contains(&self.text(Field::Ablations)) {
            read.wrong(Field::Ablations as usize, "on or off");
        }
        let path = |field: Field| text(field).map(PathBuf::from);
        let (problems, test) = (path(Field::Problems), path(Field::Test));
        (Wanted { recipe, model: text(Field::Model), problems, test, seed, compute }, read.errors)
    }
}
