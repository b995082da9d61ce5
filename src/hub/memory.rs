//! What a process was told by the Hub and does not ask again, and which Hub did not answer it lately.
//!
//! A listing is kept for as long as the process lives, so that a revision means one commit to it from beginning to end. Files are
//! not kept here: whether they are in the cache is looked at each time.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::listing::{Kind, Listing};

/// So long a Hub that did not answer is left alone, where the cache has what is wanted.
const REST: Duration = Duration::from_secs(60);
/// Beyond either of these all that is kept is forgotten.
const MOST_LISTINGS: usize = 64;
const MOST_FILES: usize = 200_000;

/// The one of this process.
pub(super) static OF_PROCESS: LazyLock<Arc<Memory>> = LazyLock::new(Arc::default);

#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    listings: HashMap<Key, Arc<Listing>>,
    /// By address, when it was found silent.
    silent: HashMap<String, Instant>,
}

/// A repository at a revision.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub endpoint: String,
    pub kind: Kind,
    pub repository: String,
    pub revision: String,
}

impl Memory {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn listing(&self, key: &Key) -> Option<Arc<Listing>> {
        self.known().listings.get(key).cloned()
    }

    /// Keeps what the Hub has just said.
    pub(super) fn keep(&self, key: Key, listing: Arc<Listing>) {
        let mut known = self.known();
        known.silent.remove(&key.endpoint);
        let files: usize = known.listings.values().map(|kept| kept.files.len()).sum();
        if known.listings.len() >= MOST_LISTINGS || files + listing.files.len() > MOST_FILES {
            known.listings.clear();
        }
        known.listings.insert(key, listing);
    }

    pub(super) fn forget(&self, key: &Key) {
        self.known().listings.remove(key);
    }

    /// It did not answer.
    pub(super) fn was_silent(&self, endpoint: &str, now: Instant) {
        self.known().silent.insert(endpoint.to_owned(), now);
    }

    /// Whether it is to be left alone.
    pub(super) fn is_silent(&self, endpoint: &str, now: Instant) -> bool {
        let since = self.known().silent.get(endpoint).copied();
        since.is_some_and(|since| now.saturating_duration_since(since) < REST)
    }
}

#[cfg(test)]
mod tests {
    use super::super::listing::RemoteFile;
    use super::*;

    fn key(revision: &str) -> Key {
        Key {
            endpoint: "http://hub".to_owned(),
            kind: Kind::Model,
            repository: "org/name".to_owned(),
            revision: revision.to_owned(),
        }
    }

    fn listing(files: usize) -> Arc<Listing> {
        let file = RemoteFile { path: "x".to_owned(), size: 1, etag: String::new(), sha256: None };
        Arc::new(Listing { commit: String::new(), files: vec![file; files], cached: false })
    }

    #[test]
    fn a_listing_is_kept_by_its_revision_and_kind() {
        let memory = Memory::default();
        memory.keep(key("main"), listing(1));
        assert!(memory.listing(&key("main")).is_some());
        assert!(memory.listing(&key("v2")).is_none());
        assert!(memory.listing(&Key { kind: Kind::Dataset, ..key("main") }).is_none());
        memory.forget(&key("main"));
        assert!(memory.listing(&key("main")).is_none());
    }

    #[test]
    fn it_does_not_grow_without_an_end() {
        let memory = Memory::default();
        for number in 0..1000 {
            memory.keep(key(&number.to_string()), listing(1));
        }
        assert!(memory.known().listings.len() <= MOST_LISTINGS);
        memory.keep(key("large"), listing(MOST_FILES - 100));
        memory.keep(key("other"), listing(101));
        assert!(memory.listing(&key("large")).is_none() && memory.listing(&key("other")).is_some());
    }

    #[test]
    fn a_hub_that_was_silent_is_left_alone_for_a_while_or_until_it_answers() {
        let (memory, now) = (Memory::default(), Instant::now());
        memory.was_silent("http://hub", now);
        assert!(memory.is_silent("http://hub", now) && !memory.is_silent("http://other", now));
        assert!(memory.is_silent("http://hub", now + REST - Duration::from_millis(1)));
        assert!(!memory.is_silent("http://hub", now + REST));
        memory.keep(key("main"), listing(1));
        assert!(!memory.is_silent("http://hub", now));
    }
}
