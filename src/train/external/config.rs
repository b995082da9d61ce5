//! The settings of a training as other trainers write them: `config.json` for the script that drives TRL (and for commands),
//! `config.yaml` for axolotl.
//!
//! A setting that they do not have is left out: looks, what is done at a spike. Which parts of a chain have a loss is told by the
//! data, which then are tokens with labels.

use serde_json::{Value, json};

use super::Trainer;
use crate::model::ComputeChoice;
use crate::train::dataset::Grouping;
use crate::train::{ScheduleKind, TrainSettings};

/// What a configuration is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub settings: &'a TrainSettings,
    pub compute: ComputeChoice,
    /// As the trainer opens it.
    pub model: &'a str,
    pub parameters: Option<usize>,
    /// Tokens of the longest chain.
    pub longest: Option<usize>,
    /// Where the folder is seen from the trainer.
    pub there: &'a str,
    pub validates: bool,
    /// The data are tokens with their labels, not messages.
    pub tokenized: bool,
    /// A chat template for a model that has none of its own.
    pub template: Option<&'a str>,
}

impl Facts<'_> {
    pub fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.there)
    }

    /// A model of unknown size is taken for a large one.
    fn rate(&self) -> f64 {
        self.settings.peak_rate(self.parameters.unwrap_or(usize::MAX))
    }

    fn schedule(&self) -> &'static str {
        match self.settings.schedule {
            ScheduleKind::Cosine => "cosine",
            ScheduleKind::Linear => "linear",
            ScheduleKind::Constant => "constant_with_warmup",
        }
    }

    /// Samples of one pass: as many as have room in its tokens, and divide the samples of a step.
    fn pass(&self) -> usize {
        let TrainSettings { batch_size, pass_tokens, .. } = *self.settings;
        let longest = self.longest.unwrap_or(self.settings.data.max_length).max(1);
        let room = (pass_tokens / longest).clamp(1, batch_size.max(1));
        (1..=room).rev().find(|size| batch_size.is_multiple_of(*size)).unwrap_or(1)
    }

    /// When something is done: a word, and the steps between two times.
    fn every(steps: u64) -> (&'static str, Value) {
        if steps == 0 { ("epoch", Value::Null) } else { ("steps", json!(steps)) }
    }
}

/// The configuration's name in the folder, and its text.
pub(super) fn config(trainer: &Trainer, facts: &Facts<'_>) -> (&'static str, String) {
    match trainer {
        Trainer::Axolotl => ("config.yaml", axolotl(facts)),
        Trainer::Trl | Trainer::Command(_) => ("config.json", format!("{:#}\n", trl(facts))),
    }
}

fn trl(facts: &Facts<'_>) -> Value {
    let TrainSettings { optimizer, data, .. } = facts.settings;
    let s = facts.settings;
    let lora = s.adapters().map(|lora| {
        json!({
            "r": lora.rank, "lora_alpha": short(lora.alpha), "lora_dropout": short(lora.dropout),
            "target_modules": lora.modules(),
        })
    });
    let (save, save_steps) = Facts::every(s.checkpoint_every);
    let (eval, eval_steps) = Facts::every(s.validate_every);
    let mut arguments = json!({
        "learning_rate": facts.rate(), "lr_scheduler_type": facts.schedule(), "warmup_ratio": s.warmup_share,
        // No epochs are as many as the steps need, which are then given.
        "num_train_epochs": s.epochs.max(1), "max_steps": most_steps(s),
        "per_device_train_batch_size": facts.pass(), "per_device_eval_batch_size": facts.pass(),
        "max_length": data.max_length, "group_by_length": data.grouping == Grouping::Length,
        "weight_decay": short(optimizer.weight_decay), "adam_beta1": short(optimizer.beta1),
        "adam_beta2": short(optimizer.beta2), "adam_epsilon": short(optimizer.eps),
        "max_grad_norm": short(optimizer.max_grad_norm), "seed": s.seed, "logging_steps": 1, "save_strategy": save,
        "save_total_limit": s.keep_last, "eval_strategy": if facts.validates { eval } else { "no" },
        "gradient_checkpointing": s.gradient_checkpointing, "completion_only_loss": !facts.tokenized, "packing": false,
    });
    for (name, steps) in [("save_steps", save_steps), ("eval_steps", eval_steps)] {
        if !steps.is_null() {
            arguments[name] = steps;
        }
    }
    json!({
        "model": facts.model, "chat_template": facts.template, "data": facts.at("data/train.jsonl"),
        "tokenized": facts.tokenized,
        "validation": facts.validates.then(|| facts.at("data/validation.jsonl")), "output": facts.at("output"),
        "log": facts.at("output/trainer_log.jsonl"), "tensorboard": facts.at("tensorboard"), "stop": facts.at("stop"),
        "save": facts.at("save"), "compute": compute_name(facts.compute), "batch_size": s.batch_size,
        "early_stop": s.early_stop, "lora": lora, "arguments": arguments,
    })
}

/// -1 stands for as many as the epochs have.
fn most_steps(settings: &TrainSettings) -> i64 {
    match settings.max_steps {
        0 => -1,
        steps => i64::try_from(steps).unwrap_or(i64::MAX),
    }
}

pub(super) fn compute_name(choice: ComputeChoice) -> &'static str {
    match choice {
        ComputeChoice::F32 => "f32",
        ComputeChoice::Bf16 => "bf16",
        // Eight bits are for decoding.
        ComputeChoice::Auto | ComputeChoice::Q8 => "auto",
    }
}

fn axolotl(facts: &Facts<'_>) -> String {
    let s = facts.settings;
    let pass = facts.pass();
    let bf16 = match facts.compute {
        ComputeChoice::F32 => json!(false),
        ComputeChoice::Bf16 => json!(true),
        ComputeChoice::Auto | ComputeChoice::Q8 => json!("auto"),
    };
    let (save, save_steps) = Facts::every(s.checkpoint_every);
    let (eval, eval_steps) = Facts::every(s.validate_every);
    let mut lines = vec![
        "# Written by cribble. With several processes a step has as many times the samples.".to_owned(),
        "# The loss of a step is axolotl's mean of its micro batches, however many tokens each of them has.".to_owned(),
        line("base_model", &json!(facts.model)),
        data_set("datasets", &facts.at("data/train.jsonl"), facts.tokenized),
    ];
    match facts.template {
        // Nothing is rendered.
        _ if facts.tokenized => {}
        None => lines.push(line("chat_template", &json!("tokenizer_default"))),
        Some(template) => {
            lines.extend([line("chat_template", &json!("jinja")), line("chat_template_jinja", &json!(template))]);
        }
    }
    if facts.validates {
        lines.push(data_set("test_datasets", &facts.at("data/validation.jsonl"), facts.tokenized));
        lines.push(line("eval_strategy", &json!(eval)));
        lines.extend((!eval_steps.is_null()).then(|| line("eval_steps", &eval_steps)));
    }
    lines.extend(adapters(facts));
    if s.max_steps > 0 {
        lines.push(line("max_steps", &json!(s.max_steps)));
    }
    lines.extend((!save_steps.is_null()).then(|| line("save_steps", &save_steps)));
    let fields = json!({
        "val_set_size": 0.0, "dataset_prepared_path": facts.at("prepared"), "output_dir": facts.at("output"),
        "sequence_len": s.data.max_length, "excess_length_strategy": "drop", "sample_packing": false,
        "pad_to_sequence_len": false, "micro_batch_size": pass,
        "gradient_accumulation_steps": (s.batch_size / pass).max(1), "num_epochs": s.epochs.max(1),
        "learning_rate": facts.rate(), "lr_scheduler": facts.schedule(), "warmup_ratio": s.warmup_share,
        "optimizer": "adamw_torch", "weight_decay": short(s.optimizer.weight_decay),
        "adam_beta1": short(s.optimizer.beta1), "adam_beta2": short(s.optimizer.beta2),
        "adam_epsilon": short(s.optimizer.eps), "max_grad_norm": short(s.optimizer.max_grad_norm), "seed": s.seed,
        // Left out, `auto` would be half precision where there is no bf16, and processors cannot train in it.
        "bf16": bf16, "fp16": false, "tf32": false, "gradient_checkpointing": s.gradient_checkpointing,
        "logging_steps": 1, "save_strategy": save, "save_total_limit": s.keep_last,
        "auto_resume_from_checkpoints": true, "use_tensorboard": true,
    });
    lines.extend(fields.as_object().into_iter().flatten().map(|(name, value)| line(name, value)));
    lines.join("\n") + "\n"
}

/// What axolotl is told of adapters.
fn adapters(facts: &Facts<'_>) -> Vec<String> {
    let Some(lora) = facts.settings.adapters() else { return Vec::new() };
    let mut lines = vec![
        line("adapter", &json!("lora")),
        line("lora_r", &json!(lora.rank)),
        // A whole number there.
        line("lora_alpha", &json!(lora.alpha.round() as i64)),
        line("lora_dropout", &json!(short(lora.dropout))),
        line("lora_target_modules", &json!(lora.modules())),
    ];
    if facts.compute == ComputeChoice::F32 {
        // Fused kernels are for GPUs and smaller numbers.
        lines.extend(["lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel"].map(|name| line(name, &json!(false))));
    }
    lines
}

/// Every JSON value is one of YAML.
fn line(name: &str, value: &Value) -> String {
    format!("{name}: {value}")
}

/// Rows of tokens have no type: they are taken as they are.
fn data_set(name: &str, path: &str, tokenized: bool) -> String {
    let fields = if tokenized {
        json!({ "path": path, "ds_type": "json", "split": "train", "type": null })
    } else {
        json!({
            "path": path, "ds_type": "json", "split": "train", "type": "chat_template", "field_messages": "messages",
            "message_property_mappings": { "role": "role", "content": "content" }, "roles_to_train": ["assistant"],
            "train_on_eos": "turn",
        })
    };
    let lines = fields.as_object().into_iter().flatten().map(|(name, value)| format!("    {}", line(name, value)));
    let lines = lines.collect::<Vec<_>>().join("\n");
    format!("{name}:\n  - {}", lines.trim_start())
}

/// 0.9 as a person writes it, not as the f64 next to the f32.
fn short(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Method;

    fn facts(settings: &TrainSettings) -> Facts<'_> {
        Facts {
            settings,
            compute: ComputeChoice::Auto,
            model: "/models/a \"b\"",
            parameters: None,
            longest: Some(900),
            there: "/run/external",
            validates: true,
            tokenized: false,
            template: None,
        }
    }

    fn lora() -> TrainSettings {
        TrainSettings { method: Method::Lora, checkpoint_every: 20, batch_size: 12, ..TrainSettings::default() }
    }

    #[test]
    fn trl_is_told_what_was_set() {
        let settings = lora();
        let config = trl(&facts(&settings));
        let arguments = &config["arguments"];
        assert_eq!(config["lora"]["target_modules"].as_array().unwrap().len(), 7);
        assert_eq!((&config["lora"]["lora_alpha"], &arguments["adam_beta2"]), (&json!(32.0), &json!(0.999)));
        assert_eq!((&arguments["learning_rate"], &arguments["max_steps"]), (&json!(2e-4), &json!(-1)));
        assert_eq!((&arguments["save_strategy"], &arguments["save_steps"]), (&json!("steps"), &json!(20)));
        assert_eq!((&arguments["eval_strategy"], &arguments["eval_steps"]), (&json!("epoch"), &Value::Null));
        assert_eq!(config["validation"], "/run/external/data/validation.jsonl");
        let without = trl(&Facts { validates: false, ..facts(&settings) });
        assert_eq!((&without["validation"], &without["arguments"]["eval_strategy"]), (&Value::Null, &json!("no")));
        let full = TrainSettings::default();
        assert_eq!((&trl(&facts(&full))["lora"], &trl(&facts(&full))["compute"]), (&Value::Null, &json!("auto")));
    }

    #[test]
    fn tokens_are_taken_as_they_are() {
        let settings = lora();
        let told = |tokenized| {
            let facts = Facts { tokenized, template: Some("{{ x }}"), ..facts(&settings) };
            (trl(&facts), axolotl(&facts))
        };
        let ((messages, rendered), (tokens, taken)) = (told(false), told(true));
        assert_eq!((&messages["tokenized"], &tokens["tokenized"]), (&json!(false), &json!(true)));
        let completion = |config: &Value| config["arguments"]["completion_only_loss"].clone();
        assert_eq!((completion(&messages), completion(&tokens)), (json!(true), json!(false)));
        assert!(rendered.contains("\nchat_template: \"jinja\"\nchat_template_jinja: \"{{ x }}\"\n"), "{rendered}");
        let times = |words: &str| taken.matches(words).count();
        assert_eq!((times("    type: null"), times("chat_template")), (2, 0), "{taken}");
    }

    #[test]
    fn a_pass_has_room_for_its_samples_and_divides_a_step() {
        let settings = lora();
        assert_eq!(facts(&settings).pass(), 4);
        assert_eq!(Facts { longest: Some(600), ..facts(&settings) }.pass(), 6);
        assert_eq!(Facts { longest: None, ..facts(&settings) }.pass(), 1);
        assert_eq!(Facts { longest: Some(0), ..facts(&settings) }.pass(), 12);
    }

    #[test]
    fn axolotl_reads_every_line_as_yaml() {
        let settings = lora();
        let text = axolotl(&facts(&settings));
        let has = |line: &str| assert!(text.lines().any(|other| other == line), "{line} in\n{text}");
        for line in [
            "base_model: \"/models/a \\\"b\\\"\"",
            "  - path: \"/run/external/data/train.jsonl\"",
            "    type: \"chat_template\"",
            "    field_messages: \"messages\"",
            "test_datasets:",
            "adapter: \"lora\"",
            "lora_r: 16",
            "lora_alpha: 32",
            "micro_batch_size: 4",
            "gradient_accumulation_steps: 3",
            "save_steps: 20",
            "auto_resume_from_checkpoints: true",
            "chat_template: \"tokenizer_default\"",
            "bf16: \"auto\"",
            "fp16: false",
        ] {
            has(line);
        }
        assert!(!text.contains("eval_steps") && !text.contains("max_steps") && !text.contains("kernel"));
        let exact = axolotl(&Facts { compute: ComputeChoice::F32, ..facts(&settings) });
        assert!(exact.contains("\nlora_mlp_kernel: false\n") && exact.contains("\nbf16: false\n"), "{exact}");
    }
}
