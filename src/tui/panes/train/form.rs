//! The set-up form of a training: fields as text, what each of them means, and the order that they make when they are right.

use crossterm::event::KeyEvent;

use crate::model::{ComputeChoice, MICRO};
use crate::pipeline::TrainOrder;
use crate::train::external::External;
use crate::train::{Method, SpikeAction, TrainSettings};
use crate::tui::widgets::{Edited, FieldReader, FieldSpec, Fields};

/// Fields in the order of the form, and what comes after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Model,
    Run,
    Method,
    Rank,
    Alpha,
    Rate,
    Schedule,
    Warmup,
    Epochs,
    MaxSteps,
    Batch,
    PassTokens,
    MaxLength,
    Selection,
    LossOn,
    Validation,
    EarlyStop,
    CheckpointEvery,
    ValidateEvery,
    LookEvery,
    Spike,
    Recompute,
    Seed,
    Trainer,
    Launcher,
    Python,
    Directory,
    Wandb,
    Preview,
    Start,
}

const METHODS: &[&str] = &["full", "lora"];
const SCHEDULES: &[&str] = &["cosine", "linear", "constant"];
const LOSS_ON: &[&str] = &["all", "last_segment", "all_but_wrong_attempts"];
const SPIKES: &[&str] = &["ask", "stop", "skip", "roll_back", "lower_rate"];
const SWITCH: &[&str] = &["off", "on"];

impl Field {
    pub const ALL: [Field; 30] = [
        Field::Model,
        Field::Run,
        Field::Method,
        Field::Rank,
        Field::Alpha,
        Field::Rate,
        Field::Schedule,
        Field::Warmup,
        Field::Epochs,
        Field::MaxSteps,
        Field::Batch,
        Field::PassTokens,
        Field::MaxLength,
        Field::Selection,
        Field::LossOn,
        Field::Validation,
        Field::EarlyStop,
        Field::CheckpointEvery,
        Field::ValidateEvery,
        Field::LookEvery,
        Field::Spike,
        Field::Recompute,
        Field::Seed,
        Field::Trainer,
        Field::Launcher,
        Field::Python,
        Field::Directory,
        Field::Wandb,
        Field::Preview,
        Field::Start,
    ];
    /// Those that are one line of text.
    const LINES: usize = 28;

    /// Label, name for keeping, what stands for nothing, choices, help.
    fn words(self) -> (&'static str, &'static str, &'static str, &'static [&'static str], &'static str) {
        match self {
            Field::Model => (
                "model",
                "train.model",
                "(needed)",
                &[],
                "What to begin from: a model's directory, a .gguf file, or micro.",
            ),
            Field::Run => {
                ("run", "train.run", "(needed)", &[], "The run's name; one that is there goes on where it is.")
            }
            Field::Method => {
                ("method", "train.method", "-", METHODS, "full: every weight. lora: adapters beside frozen ones.")
            }
            Field::Rank => ("lora rank", "train.rank", "-", &[], "Rank of the adapters; full training has none."),
            Field::Alpha => ("lora alpha", "train.alpha", "-", &[], "Adapters count alpha / rank times."),
            Field::Rate => (
                "rate",
                "train.rate",
                "(by method)",
                &[],
                "Highest learning rate; empty: lora 2e-4, full 1e-5, small models 1e-3.",
            ),
            Field::Schedule => {
                ("schedule", "train.schedule", "-", SCHEDULES, "How the learning rate falls after the warm-up.")
            }
            Field::Warmup => ("warm-up", "train.warmup", "-", &[], "Share of all steps in which the rate rises."),
            Field::Epochs => ("epochs", "train.epochs", "-", &[], "How many times every chain is seen."),
            Field::MaxSteps => {
                ("max steps", "train.max_steps", "(epochs)", &[], "Most steps; empty: as many as the epochs have.")
            }
            Field::Batch => ("batch", "train.batch", "-", &[], "Chains a step."),
            Field::PassTokens => {
                ("pass tokens", "train.pass_tokens", "-", &[], "Tokens of one pass: less takes less memory.")
            }
            Field::MaxLength => {
                ("max length", "train.max_length", "-", &[], "Chains of more tokens are left out, not cut.")
            }
            Field::Selection => (
                "selection",
                "train.selection",
                "(all)",
                &[],
                "A selection that Difficulty stored; empty: all that you or the rules accept.",
            ),
            Field::LossOn => {
                ("loss on", "train.loss_on", "-", LOSS_ON, "Which parts of a chain are learnt; P shows them.")
            }
            Field::Validation => {
                ("validation", "train.validation", "-", &[], "Share of the problems that is held out.")
            }
            Field::EarlyStop => {
                ("early stop", "train.early_stop", "(never)", &[], "Validations without a better loss that end it.")
            }
            Field::CheckpointEvery => (
                "checkpoint",
                "train.checkpoint_every",
                "(epochs)",
                &[],
                "Steps between checkpoints; empty: at the ends of epochs.",
            ),
            Field::ValidateEvery => (
                "validate",
                "train.validate_every",
                "(epochs)",
                &[],
                "Steps between validations; empty: at the ends of epochs.",
            ),
            Field::LookEvery => (
                "look",
                "train.look_every",
                "(never)",
                &[],
                "Steps between looks at what the model answers in training.",
            ),
            Field::Spike => {
                ("on a spike", "train.spike", "-", SPIKES, "What is done when a loss is far off or no number.")
            }
            Field::Recompute => (
                "recompute",
                "train.recompute",
                "-",
                SWITCH,
                "Gradient checkpointing: less memory, about a third slower.",
            ),
            Field::Seed => ("seed", "train.seed", "-", &[], "The same seed and data train the same model."),
            Field::Trainer => (
                "trainer",
                "train.trainer",
                "(cribble)",
                &[],
                "Who trains: empty, trl, axolotl, or a command with {config} or {data}.",
            ),
            Field::Launcher => (
                "launcher",
                "train.launcher",
                "(none)",
                &[],
                "What starts that trainer: accelerate launch, torchrun, ssh host '{}'.",
            ),
            Field::Python => {
                ("python", "train.python", "(python3)", &[], "The Python that has that trainer installed.")
            }
            Field::Directory => (
                "directory",
                "train.directory",
                "(the same)",
                &[],
                "Where the run's folder is seen from where that trainer runs.",
            ),
            Field::Wandb => {
                ("W&B run", "train.wandb", "-", SWITCH, "A run for wandb sync to upload, in the run's folder wandb.")
            }
            Field::Preview => ("Preview", "", "-", &[], "Shows the chains as tokens, and which of them have a loss."),
            Field::Start => ("Start", "", "-", &[], "Starts training in the background."),
        }
    }

    fn spec(self) -> FieldSpec {
        let (label, key, empty, choices, help) = self.words();
        FieldSpec { label, key, first: "", empty, help, choices, long: self == Field::Model }
    }

    pub fn help(self) -> &'static str {
        self.words().4
    }
}

/// What makes an order; settings that have no field are those of `base`.
#[derive(Debug, Clone)]
pub struct Form {
    pub fields: Fields,
    base: TrainSettings,
    /// What another trainer may see of the environment, which has no field.
    environment: Vec<String>,
}

impl Default for Form {
    fn default() -> Self {
        let specs: Vec<FieldSpec> = Field::ALL[..Field::LINES].iter().map(|field| field.spec()).collect();
        let mut form = Self {
            fields: Fields::new(specs, Field::ALL.len() - Field::LINES),
            base: TrainSettings::default(),
            environment: Vec::new(),
        };
        let mut settings = TrainSettings { model: MICRO.into(), ..TrainSettings::default() };
        // There is somebody to ask here.
        settings.spike.action = SpikeAction::Ask;
        form.fill(settings);
        form
    }
}

/// A number where 0 stands for nothing.
fn or_empty(number: u64) -> String {
    if number == 0 { String::new() } else { number.to_string() }
}

fn is_on(read: &mut FieldReader<'_>, field: Field) -> bool {
    match read.text(field as usize) {
        "on" => true,
        "off" => false,
        _ => {
            read.wrong(field as usize, "on or off");
            false
        }
    }
}

/// A word of the settings file.
fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default()
}

impl Form {
    pub fn field(&self) -> Field {
        Field::ALL[self.fields.selected()]
    }

    pub fn text(&self, field: Field) -> &str {
        self.fields.text(field as usize)
    }

    pub fn set(&mut self, field: Field, text: &str) {
        self.fields.set(field as usize, text);
    }

    /// Puts settings into the fields.
    pub fn fill(&mut self, settings: TrainSettings) {
        let rate = if settings.lr > 0.0 { format!("{:e}", settings.lr) } else { String::new() };
        let switch = |on: bool| String::from(if on { "on" } else { "off" });
        let texts = [
            (Field::Model, settings.model.clone()),
            (Field::Method, word(&settings.method)),
            (Field::Rank, settings.lora.rank.to_string()),
            (Field::Alpha, settings.lora.alpha.to_string()),
            (Field::Rate, rate),
            (Field::Schedule, word(&settings.schedule)),
            (Field::Warmup, settings.warmup_share.to_string()),
            (Field::Epochs, settings.epochs.to_string()),
            (Field::MaxSteps, or_empty(settings.max_steps)),
            (Field::Batch, settings.batch_size.to_string()),
            (Field::PassTokens, settings.pass_tokens.to_string()),
            (Field::MaxLength, settings.data.max_length.to_string()),
            (Field::Selection, settings.data.selection.clone()),
            (Field::LossOn, word(&settings.data.loss_on)),
            (Field::Validation, settings.data.validation_share.to_string()),
            (Field::EarlyStop, or_empty(settings.early_stop)),
            (Field::CheckpointEvery, or_empty(settings.checkpoint_every)),
            (Field::ValidateEvery, or_empty(settings.validate_every)),
            (Field::LookEvery, or_empty(settings.look.every)),
            (Field::Spike, word(&settings.spike.action)),
            (Field::Recompute, switch(settings.gradient_checkpointing)),
            (Field::Seed, settings.seed.to_string()),
            (Field::Wandb, switch(settings.wandb)),
        ];
        for (field, text) in texts {
            self.set(field, &text);
        }
        self.fields.clear_errors();
        self.base = settings;
    }

    /// Leaves the field with what it says, and checks it.
    fn end_edit(&mut self) {
        self.fields.end_edit();
        let field = self.field();
        let found = self.order().1.into_iter().find(|(at, _)| *at == field as usize);
        self.fields.set_error(field as usize, found.map(|error| error.1));
    }

    /// A key to the field that is edited.
    pub fn key(&mut self, key: KeyEvent) {
        if let Edited::Done { by, on } = self.fields.key(key) {
            self.end_edit();
            self.fields.select(by);
            if on && self.fields.is_field() {
                self.fields.begin_edit();
            }
        }
    }

    /// The order that the form makes, or errors at their fields, the first of them selected.
    pub fn submit(&mut self) -> Option<TrainOrder> {
        self.fields.end_edit();
        let (order, errors) = self.order();
        self.fields.take_errors(errors).then_some(order)
    }

    /// Names the trainer that a run has, or none of another make.
    pub fn fill_external(&mut self, external: Option<External>) {
        let named = external.is_some();
        let External { trainer, launcher, python, directory, environment } = external.unwrap_or_default();
        let texts = [
            (Field::Trainer, if named { trainer.to_string() } else { String::new() }),
            (Field::Launcher, launcher.unwrap_or_default()),
            (Field::Python, if named { python } else { String::new() }),
            (Field::Directory, directory.unwrap_or_default()),
        ];
        for (field, text) in texts {
            self.set(field, &text);
        }
        self.environment = environment;
    }

    /// The trainer of another make, if one is named.
    pub fn external(&self) -> Option<External> {
        let given = |field: Field| Some(self.text(field).to_owned()).filter(|text| !text.is_empty());
        let first = External::default();
        Some(External {
            trainer: given(Field::Trainer)?.into(),
            launcher: given(Field::Launcher),
            python: given(Field::Python).unwrap_or(first.python),
            directory: given(Field::Directory),
            environment: self.environment.clone(),
        })
    }

    fn order(&self) -> (TrainOrder, Vec<(usize, String)>) {
        let mut read = FieldReader::new(&self.fields);
        let mut settings = self.base.clone();
        let at = |field: Field| field as usize;
        const MOST: u64 = 1 << 40;
        settings.model = read.text(at(Field::Model)).to_owned();
        if settings.model.is_empty() {
            read.wrong(at(Field::Model), "a model is needed");
        }
        let run = read.text(at(Field::Run)).to_owned();
        if !crate::train::runs::is_run_name(&run) {
            read.wrong(at(Field::Run), "letters, digits, - _ .");
        }
        settings.method = read.word(at(Field::Method));
        if settings.method == Method::Lora {
            settings.lora.rank = read.number(at(Field::Rank), 1, 4096, "1 to 4096");
            settings.lora.alpha = read.real(at(Field::Alpha), |&alpha| alpha > 0.0 && alpha < 1e6, "above 0");
        }
        settings.lr = match read.text(at(Field::Rate)) {
            "" => 0.0,
            _ => read.real(at(Field::Rate), |&rate| rate > 0.0 && rate <= 1.0, "above 0, to 1"),
        };
        settings.schedule = read.word(at(Field::Schedule));
        settings.warmup_share = read.real(at(Field::Warmup), |share| (0.0..1.0).contains(share), "0 to below 1");
        settings.epochs = read.number(at(Field::Epochs), 1, MOST, "1 or more");
        settings.max_steps = read.optional(at(Field::MaxSteps)).unwrap_or_default();
        settings.batch_size = read.number(at(Field::Batch), 1, 1 << 20, "1 or more");
        settings.pass_tokens = read.number(at(Field::PassTokens), 1, MOST, "1 or more");
        settings.data.max_length = read.number(at(Field::MaxLength), 2, MOST, "2 or more");
        settings.data.selection = read.text(at(Field::Selection)).to_owned();
        settings.data.loss_on = read.word(at(Field::LossOn));
        settings.data.validation_share =
            read.real(at(Field::Validation), |share| (0.0..1.0).contains(share), "0 to below 1");
        settings.early_stop = read.optional(at(Field::EarlyStop)).unwrap_or_default();
        settings.checkpoint_every = read.optional(at(Field::CheckpointEvery)).unwrap_or_default();
        settings.validate_every = read.optional(at(Field::ValidateEvery)).unwrap_or_default();
        settings.look.every = read.optional(at(Field::LookEvery)).unwrap_or_default();
        settings.spike.action = read.word(at(Field::Spike));
        settings.gradient_checkpointing = is_on(&mut read, Field::Recompute);
        settings.seed = read.number(at(Field::Seed), 0, u64::MAX, "0 or more");
        settings.wandb = is_on(&mut read, Field::Wandb);
        if let Some(Err(error)) = self.external().map(|external| external.check(&settings)) {
            let line = error.to_string();
            let named = [
                (Field::Launcher, "launcher"),
                (Field::Python, "python"),
                (Field::Directory, "directory"),
                (Field::Wandb, "wandb"),
            ];
            let field =
                named.iter().find(|(_, name)| line.starts_with(name)).map_or(Field::Trainer, |(field, _)| *field);
            read.wrong(at(field), &line);
        }
        let errors = read.errors;
        (TrainOrder { run, settings, compute: ComputeChoice::Auto }, errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> Form {
        let mut form = Form::default();
        form.set(Field::Model, "micro");
        form.set(Field::Run, "sft");
        form
    }

    #[test]
    fn first_values_make_the_default_settings_and_settings_come_back() {
        let order = filled().submit().unwrap();
        let mut settings = TrainSettings { model: "micro".into(), ..TrainSettings::default() };
        settings.spike.action = SpikeAction::Ask;
        assert_eq!((order.run.as_str(), &order.settings), ("sft", &settings));
        settings.method = Method::Lora;
        settings.lora.dropout = 0.1;
        settings.lr = 3.5e-5;
        settings.look.every = 20;
        settings.gradient_checkpointing = true;
        settings.wandb = true;
        settings.data.loss_on = crate::train::dataset::parts::LossOn::AllButWrongAttempts;
        settings.data.selection = "hard".into();
        let mut form = filled();
        form.fill(settings.clone());
        assert_eq!(form.submit().unwrap().settings, settings);
    }

    #[test]
    fn wrong_values_are_said_at_their_fields() {
        let mut form = filled();
        form.set(Field::Run, "../sft");
        form.set(Field::Rate, "1e9");
        form.set(Field::Rank, "0");
        form.set(Field::Epochs, "some");
        assert_eq!(form.submit(), None);
        assert_eq!((form.field(), form.fields.wrong()), (Field::Run, 3), "full training asks for no rank");
        form.set(Field::Method, "lora");
        form.set(Field::Trainer, "trl");
        form.set(Field::Wandb, "on");
        form.submit();
        assert_eq!(
            form.fields.error(Field::Wandb as usize),
            Some("wandb: another trainer reports itself; leave it out")
        );
        assert_eq!(form.fields.error(Field::Rank as usize), Some("1 to 4096"));
    }
}
