//! Where the rooms below tell of what is odd but no reason to fail: without a screen on standard error, with one into the screen's log
//! and a file. `CRIBBLE_LOG` says how much, as `tracing`'s filters do.

use std::fmt::Write;
use std::fs::{File, OpenOptions};
use std::path::Path;

use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use super::super::effect::Message;

/// The file in the state directory; after a hang-up the outputs go there too.
const FILE: &str = "cribble.log";
/// Beyond this a file is begun anew.
const LARGEST: u64 = 4 << 20;

fn filter() -> EnvFilter {
    EnvFilter::builder().with_default_directive(Level::WARN.into()).with_env_var("CRIBBLE_LOG").from_env_lossy()
}

/// For subcommands.
pub fn to_standard_error() {
    let lines = fmt::layer().with_writer(std::io::stderr).without_time().with_target(false).with_ansi(false);
    // Where something listens already it goes on.
    let _ = tracing_subscriber::registry().with(filter()).with(lines).try_init();
}

/// For the screen, which is given the lines.
pub fn to_screen(state: &Path) -> mpsc::UnboundedReceiver<Message> {
    let (said, lines) = mpsc::unbounded_channel();
    put_away(state);
    let file = file(state).map(|file| fmt::layer().with_writer(file).with_target(false).with_ansi(false));
    let _ = tracing_subscriber::registry().with(filter()).with(file).with(Screen(said)).try_init();
    lines
}

/// `None` where the file cannot be written.
pub fn file(state: &Path) -> Option<File> {
    std::fs::create_dir_all(state).ok()?;
    OpenOptions::new().create(true).append(true).open(state.join(FILE)).ok()
}

/// A file that has grown large makes room for another one.
fn put_away(state: &Path) {
    let path = state.join(FILE);
    if std::fs::metadata(&path).is_ok_and(|data| data.len() > LARGEST) {
        let _ = std::fs::rename(&path, state.join(format!("{FILE}.1")));
    }
}

struct Screen(mpsc::UnboundedSender<Message>);

impl<S: Subscriber> Layer<S> for Screen {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        let _ = self.0.send(Message::Log { line: line.0, error: *event.metadata().level() <= Level::WARN });
    }
}

/// The message of an event, and its fields after it.
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = match field.name() {
            "message" => {
                let fields = std::mem::take(&mut self.0);
                write!(self.0, "{value:?}{fields}")
            }
            name => write!(self.0, " ({name}: {value:?})"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_odd_reaches_the_screen_as_a_line() {
        let (said, mut lines) = mpsc::unbounded_channel();
        let subscriber = tracing_subscriber::registry().with(Screen(said));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(code = 7, "no compute threads");
            tracing::info!("all is well");
        });
        let said = |line: &str, error| Message::Log { line: line.into(), error };
        assert_eq!(lines.try_recv().unwrap(), said("no compute threads (code: 7)", true));
        assert_eq!(lines.try_recv().unwrap(), said("all is well", false));
    }

    #[test]
    fn a_log_that_cannot_be_opened_is_none_and_a_large_one_is_put_away() {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("state");
        assert!(file(&state).is_some());
        file(&state).unwrap().set_len(LARGEST + 1).unwrap();
        put_away(&state);
        assert_eq!(file(&state).unwrap().metadata().unwrap().len(), 0);
        assert!(state.join("cribble.log.1").exists());
        assert!(file(&state.join(FILE).join("state")).is_none());
    }
}
