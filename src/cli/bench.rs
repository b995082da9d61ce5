//! `cribble bench`: what this program does on this machine, in numbers.

use clap::{Args, Subcommand};
use color_eyre::Result;

use super::failure::BadInput;
use crate::generate::bench as decode_bench;
use crate::model::ComputeChoice;
use crate::train::bench as train_bench;
use crate::tui::bench as frame_bench;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Tokens per second of batched decoding from one shared prompt
    Decode(Decode),
    /// Tokens per second of a whole training step over made-up tokens
    Train(Train),
    /// Ids, logits, loss and greedy continuation of given token ids, to compare with another implementation
    Reference(Reference),
    /// All rules of the filter over made-up samples, and judging them again after one threshold changed
    Filter(Filter),
    /// Answers graded per second on one core
    Grade(Grade),
    /// Choosing samples anew after a target changed
    Select(Select),
    /// Time from a key to its frame while every core is busy
    Frame(Frame),
}

#[derive(Debug, Args)]
struct Select {
    #[arg(long, default_value_t = 10_000)]
    problems: usize,
    /// Of each problem
    #[arg(long, default_value_t = 64)]
    samples: u32,
    /// Print a JSON object: {"problems","samples","given_ms","found_ms","rank_ms","chosen"}
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Decode {
    /// Directory of a model, a .gguf file, or micro, which comes with the program
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// Sequences decoded together
    #[arg(long, default_value_t = 32)]
    batch: usize,
    #[arg(long, default_value_t = 128)]
    prompt_tokens: usize,
    #[arg(long, default_value_t = 128)]
    new_tokens: usize,
    /// Number format: auto, f32, bf16, on a CPU q8
    #[arg(long, value_name = "MODE", default_value = "auto")]
    compute: ComputeChoice,
    /// Print a JSON object: {"tokens_per_second","prefill_tokens_per_second","peak_rss_mib","compute"}
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Train {
    /// Directory of a model, a .gguf file, or micro, which comes with the program
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// Tokens of a sequence
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u64).range(2..))]
    seq: u64,
    /// Sequences of a step
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    batch: u64,
    /// Steps that are measured
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Train adapters of this rank on every linear map instead of every weight
    #[arg(long, value_name = "RANK")]
    lora: Option<usize>,
    /// Number format: auto, f32, bf16
    #[arg(long, value_name = "MODE", default_value = "auto")]
    compute: ComputeChoice,
    /// Make activations again in the backward pass
    #[arg(long)]
    gradient_checkpointing: bool,
    /// Print a JSON object: {"tokens_per_second","peak_rss_mib","forward_ms","backward_ms","optimizer_ms","compute",
    /// "planned_mib","device","device_mib","kernels","threads","loss","trained_parameters"}
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Reference {
    /// Directory of a model, a .gguf file, or micro, which comes with the program
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// Token ids, separated by commas
    #[arg(long, value_delimiter = ',', required = true)]
    ids: Vec<u32>,
    /// Greedy tokens to add
    #[arg(long, default_value_t = 32)]
    new_tokens: usize,
    /// Number format: auto, f32, bf16, on a CPU q8
    #[arg(long, value_name = "MODE", default_value = "f32")]
    compute: ComputeChoice,
}

#[derive(Debug, Args)]
struct Filter {
    #[arg(long, default_value_t = 100_000)]
    samples: usize,
    /// Print a JSON object: {"samples","all_rules_seconds","rejudge_seconds","samples_per_second"}
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Grade {
    /// JSONL, one {"id","gold","prediction"} a line; built-in answers of all kinds without it
    #[arg(long, short = 'i', value_name = "FILE")]
    input: Option<std::path::PathBuf>,
    /// Print a JSON object: {"answers","seconds","answers_per_second"}
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Frame {
    #[arg(long, default_value_t = 500)]
    frames: usize,
    /// Instead: open the record of a training of so many steps and draw it
    #[arg(long, value_name = "POINTS")]
    plot: Option<usize>,
    /// Instead: change a rule in the Difficulty pane over so many problems
    #[arg(long, value_name = "PROBLEMS", conflicts_with = "plot")]
    difficulty: Option<usize>,
    /// Samples of each of these problems
    #[arg(long, value_name = "N", default_value_t = 64, requires = "difficulty")]
    samples: u32,
    /// Print a JSON object: {"frames","p50_ms","p99_ms","max_ms"}, {"points","open_ms","redraw_p50_ms","redraw_p99_ms"} or
    /// {"problems","samples","open_ms","key_p50_ms","key_max_ms","draw_p50_ms","draw_max_ms"}
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.what {
        What::Decode(decode) if decode.batch == 0 || decode.prompt_tokens == 0 => {
            return Err(BadInput("--batch and --prompt-tokens: 1 or more is needed".into()).into());
        }
        What::Decode(decode) => {
            let report = decode_bench::decode(
                &decode.model,
                decode.batch,
                decode.prompt_tokens,
                decode.new_tokens,
                decode.compute,
            )?;
            if decode.json {
                super::out::line(format_args!("{}", serde_json::to_string(&report)?))?;
            } else {
                super::out::line(format_args!(
                    "decode {:.1} tok/s over {} sequences, prefill {:.1} tok/s, peak memory {} MiB, compute {}",
                    report.tokens_per_second,
                    decode.batch,
                    report.prefill_tokens_per_second,
                    report.peak_rss_mib,
                    report.compute
                ))?;
            }
        }
        What::Train(train) => {
            let report = train_bench::bench(&train_bench::BenchOrder {
                model: train.model.clone(),
                seq: train.seq as usize,
                batch: train.batch as usize,
                steps: train.steps as usize,
                lora: train.lora,
                compute: train.compute,
                checkpoint: train.gradient_checkpointing,
            })?;
            if train.json {
                super::out::line(format_args!("{}", serde_json::to_string(&report)?))?;
            } else {
                super::out::line(format_args!(
                    "train {:.1} tok/s (forward {:.0} ms, backward {:.0} ms, optimizer {:.0} ms), peak memory {} MiB, \
                     compute {}",
                    report.tokens_per_second,
                    report.forward_ms,
                    report.backward_ms,
                    report.optimizer_ms,
                    report.peak_rss_mib,
                    report.compute
                ))?;
            }
        }
        What::Reference(reference) => {
            let Reference { model, ids, new_tokens, compute } = reference;
            let report = decode_bench::reference(model, ids, *new_tokens, *compute)?;
            super::out::line(format_args!("{}", serde_json::to_string(&report)?))?;
        }
        What::Filter(filter) => {
            let directory = std::env::temp_dir().join(format!("cribble-bench-{}", std::process::id()));
            let speed = crate::pipeline::filter_bench::bench(filter.samples, &directory);
            // Whatever came of it, the made-up session goes.
            let _ = std::fs::remove_dir_all(&directory);
            let speed = speed?;
            if filter.json {
                super::out::line(format_args!("{}", serde_json::to_string(&speed)?))?;
            } else {
                super::out::line(format_args!(
                    "{} samples: all rules {:.1} s ({:.0} samples/s), judged again in {:.2} s, {} threads",
                    speed.samples,
                    speed.all_rules_seconds,
                    speed.samples_per_second,
                    speed.rejudge_seconds,
                    speed.threads
                ))?;
            }
        }
        What::Grade(grade) => {
            let cases = grade.input.as_deref().map(super::grade::read).transpose()?.unwrap_or_default();
            if grade.input.is_some() && cases.is_empty() {
                return Err(BadInput("--input: the file has no cases".into()).into());
            }
            let pairs: Vec<_> = cases.into_iter().map(|case| (case.gold, case.prediction)).collect();
            let speed = crate::math::bench::bench(&pairs);
            if grade.json {
                super::out::line(format_args!("{}", serde_json::to_string(&speed)?))?;
            } else {
                super::out::line(format_args!(
                    "{} answers in {:.2} s on one core: {:.0} answers/s",
                    speed.answers, speed.seconds, speed.answers_per_second
                ))?;
            }
        }
        What::Select(wanted) => {
            let speed = crate::difficulty::bench::bench(wanted.problems, wanted.samples);
            if wanted.json {
                super::out::line(format_args!("{}", serde_json::to_string(&speed)?))?;
            } else {
                super::out::line(format_args!(
                    "{} problems of {} samples: chosen anew in {:.1} ms (K given) or {:.1} ms (K found), ranked in {:.0} ms",
                    speed.problems, speed.samples, speed.given_ms, speed.found_ms, speed.rank_ms
                ))?;
            }
        }
        What::Frame(frame) => {
            if let Some(points) = frame.plot {
                let report = frame_bench::plot(points)?;
                if frame.json {
                    return super::out::line(serde_json::to_string(&report)?);
                }
                return super::out::line(format_args!(
                    "{points} points: open {:.0} ms, redraw median {:.2} ms, p99 {:.2} ms",
                    report.open_ms, report.redraw_p50_ms, report.redraw_p99_ms
                ));
            }
            if let Some(problems) = frame.difficulty {
                let report = frame_bench::difficulty(problems, frame.samples)?;
                if frame.json {
                    return super::out::line(serde_json::to_string(&report)?);
                }
                return super::out::line(format_args!(
                    "{problems} problems of {} samples: first frame {:.0} ms; key to frame median {:.1} ms, most {:.1} ms; of \
                     that drawing median {:.2} ms, most {:.2} ms",
                    report.samples,
                    report.open_ms,
                    report.key_p50_ms,
                    report.key_max_ms,
                    report.draw_p50_ms,
                    report.draw_max_ms
                ));
            }
            let report = frame_bench::frame(frame.frames)?;
            if frame.json {
                super::out::line(format_args!("{}", serde_json::to_string(&report)?))?;
            } else {
                super::out::line(format_args!(
                    "key to frame over {} frames: median {:.2} ms, p99 {:.2} ms",
                    report.frames, report.p50_ms, report.p99_ms
                ))?;
            }
        }
    }
    Ok(())
}
