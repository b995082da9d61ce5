//! Follows trainings of other programs, in a thread of its own: a directory on a slow disk must not hold up what a person decides.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
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
    stopped: Arc<Mutex<bool>>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
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
        let stopped = Arc::new(Mutex::new(false));
        self.watching = Some(Watching { stopped: Arc::clone(&stopped) });
        self.say(Message::Watching(found.clone()));
        let told = self.told.clone();
        std::thread::Builder::new()
            .name("watch".into())
            .spawn(move || follow(found, &stopped, &told))
            .wrap_err("cannot start a thread")?;
        Ok(())
    }
}

fn follow(roots: Vec<PathBuf>, stopped: &Mutex<bool>, told: &UnboundedSender<Told>) {
    let mut watcher = Watcher::new(roots);
    let mut first = true;
    loop {
        let look = watcher.look();
        let more = look.more;
        // That there is nothing is worth a word once.
        let worth = first || !look.news.is_empty() || !look.troubles.is_empty();
        // Held while it is told: what is told after other directories were begun would be taken for theirs.
        let stopped = stopped.lock().unwrap_or_else(PoisonError::into_inner);
        if *stopped || (worth && told.send(Told::Message(Message::Watched(Box::new(look)))).is_err()) {
            return;
        }
        drop(stopped);
        first = false;
        if !more {
            std::thread::sleep(LOOK);
        }
    }
}
