//! Follows trainings of other programs, in a thread of its own: a directory on a slow disk must not hold up what a person decides.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use color_eyre::Result;
use color_eyre::eyre::{WrapErr, bail};
use tokio::sync::mpsc::UnboundedSender;

use super::{Told, Work};
use crate::config::expand_home;
use crate::tui::effect::Message;
use crate::watch::Watcher;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// The thread, which ends after its look when this is dropped.
pub(super) struct Watching {
    stop: Arc<AtomicBool>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

impl Work {
    /// Follows these directories and no others any more.
    pub(super) fn watch(&mut self, roots: &[PathBuf]) -> Result<()> {
        let mut found = Vec::with_capacity(roots.len());
        for root in roots {
            let root = std::path::absolute(expand_home(&root.to_string_lossy()))?;
            match std::fs::metadata(&root) {
                Err(error) => bail!("{}: {error}; name a directory that is there", root.display()),
                Ok(data) if !data.is_dir() => bail!("{}: is no directory; name the one it lies in", root.display()),
                Ok(_) => found.push(root),
            }
        }
        let stop = Arc::new(AtomicBool::new(false));
        self.watching = Some(Watching { stop: Arc::clone(&stop) });
        self.say(Message::Watching(found.clone()));
        let told = self.told.clone();
        std::thread::Builder::new()
            .name("watch".into())
            .spawn(move || follow(found, &stop, &told))
            .wrap_err("cannot start a thread")?;
        Ok(())
    }
}

fn follow(roots: Vec<PathBuf>, stop: &AtomicBool, told: &UnboundedSender<Told>) {
    let mut watcher = Watcher::new(roots);
    let mut first = true;
    while !stop.load(Ordering::Acquire) {
        let look = watcher.look();
        let more = look.more;
        // That there is nothing is worth a word once.
        let worth = first || !look.news.is_empty() || !look.troubles.is_empty();
        if worth && told.send(Told::Message(Message::Watched(Box::new(look)))).is_err() {
            return;
        }
        first = false;
        if !more {
            std::thread::sleep(LOOK);
        }
    }
}
