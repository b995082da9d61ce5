//! `cribble watch`: trainings that other programs run, by the records that they write.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use color_eyre::Result;
use serde_json::{Map, Value, json};

use super::failure::BadInput;
use super::workbench;
use crate::watch::{News, Watcher};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Directories under which trainings write: of HF Trainer, TRL, axolotl, LLaMA-Factory, TensorBoard, W&B offline, trackio, cribble
    #[arg(required = true, value_name = "DIR")]
    directories: Vec<PathBuf>,
    /// Print what is there now as JSON lines, one a run: {"run","kind","path","step","total_steps","finished","points","values"}
    #[arg(long, conflicts_with_all = ["keys", "plain", "record"])]
    json: bool,
    #[command(flatten)]
    screen: workbench::ScreenArguments,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    for directory in &arguments.directories {
        let name = directory.display();
        match std::fs::metadata(directory) {
            Err(error) => return Err(BadInput(format!("{name}: {error}; name a directory that is there")).into()),
            Ok(data) if !data.is_dir() => {
                return Err(BadInput(format!("{name}: is no directory; name the one it lies in")).into());
            }
            Ok(_) => {}
        }
    }
    if arguments.json {
        crate::tui::to_standard_error();
        return tell(arguments.directories.clone());
    }
    workbench::watch(arguments.directories.clone(), &arguments.screen)
}

/// A run as far as it has been read.
struct Seen {
    news: News,
    points: usize,
    step: u64,
    values: Map<String, Value>,
}

/// Everything that is there, read once.
fn tell(roots: Vec<PathBuf>) -> Result<()> {
    let mut watcher = Watcher::new(roots);
    let mut runs: BTreeMap<String, Seen> = BTreeMap::new();
    loop {
        let look = watcher.look();
        for trouble in &look.troubles {
            tracing::warn!("{trouble}");
        }
        for news in look.news {
            if news.gone {
                runs.remove(&news.run);
            } else {
                take(&mut runs, news);
            }
        }
        if !look.more {
            break;
        }
    }
    for (run, Seen { news, points, step, values }) in runs {
        super::out::line(json!({
            "run": run, "kind": news.kind.to_string(), "path": news.path, "step": step, "total_steps": news.total_steps,
            "finished": news.finished, "points": points, "values": values,
        }))?;
    }
    Ok(())
}

fn take(runs: &mut BTreeMap<String, Seen>, mut news: News) {
    let points = std::mem::take(&mut news.points);
    if news.afresh {
        runs.remove(&news.run);
    }
    let seen = match runs.entry(news.run.clone()) {
        std::collections::btree_map::Entry::Vacant(place) => {
            place.insert(Seen { news, points: 0, step: 0, values: Map::new() })
        }
        std::collections::btree_map::Entry::Occupied(place) => {
            let seen = place.into_mut();
            seen.news.total_steps = news.total_steps.or(seen.news.total_steps);
            seen.news.finished = news.finished.or(seen.news.finished);
            seen
        }
    };
    seen.points += points.len();
    for point in points {
        seen.step = point.step;
        // What is no number has no place in JSON.
        seen.values.insert(point.tag.to_string(), json!(point.value));
    }
}
