//! How far a download is: told to who asked for it, or to the one who watches all downloads of this process.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Between two words about a download.
const BETWEEN: Duration = Duration::from_millis(100);

/// How far it is, in bytes. What lies in the cache already counts as done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// In the repository; empty while it is found out what is needed.
    pub file: String,
    pub file_done: u64,
    pub file_total: u64,
    /// Of all files that are known to be needed.
    pub done: u64,
    pub total: u64,
}

/// Who is told of the downloads that nobody else watches. [`ControlFlow::Break`] ends the download; what has come is kept.
pub type Watcher = dyn Fn(&Progress) -> ControlFlow<()> + Send + Sync;

static WATCHER: RwLock<Option<Arc<Watcher>>> = RwLock::new(None);

thread_local! {
    static OF_THREAD: RefCell<Option<Arc<Watcher>>> = const { RefCell::new(None) };
}

/// Sets who watches the downloads of this process: the line of a command. Models are opened deep inside the work, where there is
/// nobody to tell.
pub fn watch_downloads(watcher: Arc<Watcher>) {
    *WATCHER.write().unwrap_or_else(PoisonError::into_inner) = Some(watcher);
}

/// Sets who watches the downloads that this thread asks for, besides: the board of a job.
pub fn watch_downloads_of_thread(watcher: Arc<Watcher>) {
    OF_THREAD.with_borrow_mut(|of_thread| *of_thread = Some(watcher));
}

/// Tells those who watch, if there are any.
pub(super) fn tell_watcher(progress: &Progress) -> ControlFlow<()> {
    if let Some(watcher) = OF_THREAD.with_borrow(Clone::clone) {
        watcher(progress)?;
    }
    // Not held while it is told: it may take its time.
    let watcher = WATCHER.read().unwrap_or_else(PoisonError::into_inner).clone();
    watcher.map_or(ControlFlow::Continue(()), |watcher| watcher(progress))
}

/// Counts, and tells now and then.
pub(super) struct Meter<'a> {
    tell: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
    now: Progress,
    /// Bytes of the files before this one.
    before: u64,
    last: Option<Instant>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(tell: &'a mut dyn FnMut(Progress) -> ControlFlow<()>) -> Self {
        Self { tell, now: Progress::default(), before: 0, last: None }
    }

    /// So many more bytes are needed.
    pub(super) fn expect(&mut self, bytes: u64) {
        self.now.total = self.now.total.saturating_add(bytes);
    }

    /// A file begins.
    pub(super) fn begin(&mut self, file: &str, total: u64) -> ControlFlow<()> {
        self.now = Progress { file: file.to_owned(), file_done: 0, file_total: total, ..self.now.clone() };
        self.tick()
    }

    /// So much of the file is here.
    pub(super) fn at(&mut self, done: u64) -> ControlFlow<()> {
        self.now.file_done = done;
        self.now.done = self.before.saturating_add(done);
        if self.last.is_some_and(|last| last.elapsed() < BETWEEN) { ControlFlow::Continue(()) } else { self.tick() }
    }

    /// The file is whole.
    pub(super) fn end(&mut self) -> ControlFlow<()> {
        self.before = self.before.saturating_add(self.now.file_total);
        self.now.file_done = self.now.file_total;
        self.now.done = self.before;
        self.tick()
    }

    /// Tells what is known, whether or not it has changed.
    pub(super) fn tick(&mut self) -> ControlFlow<()> {
        self.last = Some(Instant::now());
        (self.tell)(self.now.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_add_up_over_files() {
        let mut seen = Vec::new();
        let mut tell = |progress: Progress| {
            seen.push(progress);
            ControlFlow::<()>::Continue(())
        };
        let mut meter = Meter::new(&mut tell);
        meter.expect(30);
        assert!(meter.begin("a", 10).is_continue() && meter.end().is_continue());
        assert!(meter.begin("b", 20).is_continue() && meter.at(5).is_continue() && meter.tick().is_continue());
        let last = seen.last().unwrap();
        assert_eq!((last.file.as_str(), last.file_done, last.file_total, last.done, last.total), ("b", 5, 20, 15, 30));
    }
}
