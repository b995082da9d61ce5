//! Makes the model that comes with the program, from a recipe and its seed alone.
//!
//! ```text
//! cargo run --release --example micro -- train  assets/micro/recipe.toml DIRECTORY   first weights, corpus, training
//! cargo run --release --example micro -- pack   DIRECTORY assets/micro               weights in bf16, problems, log
//! cargo run --release --example micro -- measure SINGLE TWO                          the model card's table
//! ```
//!
//! `train` goes on where it stopped. It is deterministic: the same recipe gives the same problems, corpus and first weights
//! everywhere, and the same trained weights on the same kind of processor. SINGLE and TWO are sessions of the test set:
//!
//! ```text
//! cribble generate -s ./single -m micro --problems micro-test --turns 1 --samples 8 --temperature 0.8
//! cribble generate -s ./two -m micro --problems micro-test --turns 2 --samples 8 --temperature 0.8
//! ```

mod measure;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use cribble::dialogue::Library;
use cribble::micro::corpus::{self, Sets};
use cribble::micro::recipe::{self, Recipe};
use cribble::train::steer::{Event, Report, Unsteered};

type Done = Result<(), Box<dyn Error + Send + Sync>>;

fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["train", recipe, directory] => train(Path::new(recipe), Path::new(directory)),
        ["pack", directory, to] => pack(Path::new(directory), Path::new(to)),
        ["measure", single, two] => measure::run(Path::new(single), Path::new(two)),
        _ => Err("usage: micro train RECIPE DIRECTORY | micro pack DIRECTORY TO | micro measure SINGLE TWO".into()),
    }
}

fn read(path: &Path) -> Result<Recipe, Box<dyn Error + Send + Sync>> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| format!("{}: {}", path.display(), error.message()).into())
}

fn train(path: &Path, directory: &Path) -> Done {
    let recipe = read(path)?;
    let policy = Library::load(None)?.policy(Some("default"))?;
    let (first, run) = (directory.join("first"), directory.join("run"));
    let kept = directory.join("recipe.toml");
    if kept.is_file() && read(&kept)? != recipe {
        return Err(format!("{}: another recipe was begun here; take another directory", directory.display()).into());
    }
    if !first.join("model.safetensors").is_file() {
        recipe::begin(&recipe, &policy, &first)?;
    }
    if !kept.is_file() {
        std::fs::copy(path, kept)?;
    }
    let done = recipe::train(&recipe, &policy, &first, &run, &Unsteered, &mut Lines(Instant::now()))?;
    println!("{} steps, validation loss {:?}, {}", done.step, done.validation_loss, done.checkpoint.display());
    Ok(())
}

fn pack(directory: &Path, to: &Path) -> Done {
    let recipe = read(&directory.join("recipe.toml"))?;
    let run = directory.join("run");
    let step = cribble::train::checkpoint::newest(&run).ok_or("no checkpoint; train first")?;
    recipe::finish(&cribble::train::checkpoint::place(&run, step), to)?;
    let sets = Sets::draw(recipe.seed);
    for (name, problems) in [("pool", &sets.pool), ("test", &sets.test)] {
        let mut file = std::fs::File::create(to.join(format!("{name}.jsonl")))?;
        for problem in problems {
            writeln!(file, "{}", serde_json::to_string(&corpus::record(problem, name))?)?;
        }
    }
    log(&run.join("metrics.jsonl"), &to.join("log.jsonl"))
}

/// Every hundredth step of a run's record, and whatever else is in it.
fn log(from: &Path, to: &Path) -> Done {
    let mut file = std::fs::File::create(to)?;
    for line in std::fs::read_to_string(from)?.lines() {
        let value: serde_json::Value = serde_json::from_str(line)?;
        let ordinary = value.get("grad_norm").is_some();
        if !ordinary || value["step"].as_u64().is_some_and(|step| step.is_multiple_of(100)) {
            writeln!(file, "{line}")?;
        }
    }
    Ok(())
}

struct Lines(Instant);

impl Report for Lines {
    fn tell(&mut self, event: &Event) {
        match event {
            Event::Step(step) if step.step.is_multiple_of(50) => eprintln!(
                "step {} of {}, loss {:.4}, rate {:.2e}, {:.0} tokens/s, {:.1} min",
                step.step,
                step.total_steps,
                step.loss,
                step.lr,
                step.tokens_per_second,
                self.0.elapsed().as_secs_f64() / 60.0
            ),
            Event::Step(_) => {}
            other => eprintln!("{other:?}"),
        }
    }
}
