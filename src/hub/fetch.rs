//! A repository at a revision: what is in it, and its files brought into the cache.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::cache::{Lock, Place, is_whole};
use super::download::{Download, Trouble};
use super::error::{bytes, shown};
use super::listing::{self, Held, Kind, Listing, RemoteFile};
use super::memory::Key;
use super::name::{Name, is_commit};
use super::progress::Meter;
use super::transport::{Client, Failure};
use super::{Hub, HubError};

pub(super) struct Repository<'h> {
    hub: &'h Hub,
    kind: Kind,
    /// `org/name`.
    id: String,
    /// For messages, as the person wrote it.
    name: String,
    revision: String,
    place: Place,
}

impl<'h> Repository<'h> {
    pub(super) fn new(hub: &'h Hub, kind: Kind, name: &Name, revision: &str) -> Self {
        let id = name.repository();
        let place = Place::new(&hub.options.cache, kind, &id, revision);
        Self { hub, kind, id, name: name.to_string(), revision: revision.to_owned(), place }
    }

    /// The files at the revision: as the Hub says, or offline and where it cannot be reached, as the cache has them. `judge` says
    /// how much of what is wanted the cache has, here or elsewhere.
    ///
    /// The Hub is not asked twice for the same, nor what a commit has that is whole in the cache; and where the cache has enough
    /// the answer is not waited for.
    pub(super) fn listing(
        &self,
        judge: impl FnOnce(Option<&Listing>) -> Held,
        meter: &mut Meter<'_>,
    ) -> Result<Arc<Listing>, HubError> {
        let Some(client) = &self.hub.client else {
            let cached = self.cached().map(Arc::new);
            return cached.ok_or_else(|| self.not_cached("nothing of this revision is there".to_owned()));
        };
        let (memory, key) = (&self.hub.memory, self.key());
        if let Some(kept) = memory.listing(&key) {
            return Ok(kept);
        }
        let cached = self.cached().map(Arc::new);
        let held = judge(cached.as_deref());
        if let Some(cached) = &cached
            && held == Held::Whole
            && is_commit(&self.revision)
        {
            return Ok(Arc::clone(cached));
        }
        if held != Held::Lacking && memory.is_silent(&key.endpoint, Instant::now()) {
            let failure = Failure::Broken("it did not answer a moment ago".to_owned());
            return cached.ok_or_else(|| self.error(failure));
        }
        let client = if held == Held::Lacking { client } else { self.hub.hasty().unwrap_or(client) };
        let failure = match self.ask(client, meter) {
            Ok(listing) => {
                let listing = Arc::new(listing);
                memory.keep(key, Arc::clone(&listing));
                return Ok(listing);
            }
            Err(failure) => failure,
        };
        if failure.is_silence() {
            memory.was_silent(&key.endpoint, Instant::now());
        }
        let may_pass = failure.may_pass();
        let error = self.error(failure);
        if may_pass && (cached.is_some() || held != Held::Lacking) {
            tracing::warn!("{error}; what the cache has is used");
        }
        cached.filter(|_| may_pass).ok_or(error)
    }

    fn key(&self) -> Key {
        let endpoint = self.hub.options.endpoint.clone();
        Key { endpoint, kind: self.kind, repository: self.id.clone(), revision: self.revision.clone() }
    }

    fn ask(&self, client: &Client, meter: &mut Meter<'_>) -> Result<Listing, Failure> {
        if meter.tick().is_break() {
            return Err(Failure::Interrupted);
        }
        let commit = listing::commit(client, self.kind, &self.id, &self.revision, meter)?;
        let files = listing::files(client, self.kind, &self.id, &commit, meter)?;
        Ok(Listing { commit, files, cached: false })
    }

    /// What the cache has of the revision, if anything.
    pub(super) fn cached(&self) -> Option<Listing> {
        let commit = self.place.commit()?;
        let files = self.place.files(&commit);
        if files.is_empty() { None } else { Some(Listing { commit, files, cached: true }) }
    }

    /// Where a file or directory of the repository lies.
    pub(super) fn path(&self, listing: &Listing, path: &str) -> PathBuf {
        let snapshot = self.place.snapshot(&listing.commit);
        if path.is_empty() { snapshot } else { snapshot.join(path) }
    }

    /// Keeps which commit the revision was, for offline days.
    pub(super) fn remember(&self, listing: &Listing) {
        if listing.cached {
            return;
        }
        if let Err(error) = self.place.remember(&listing.commit) {
            tracing::warn!("{}: the revision is not kept for offline use ({error})", self.name);
        }
    }

    /// Whether the repository is known to have no such file.
    pub(super) fn is_absent(&self, listing: &Listing, path: &str) -> bool {
        self.place.is_absent(&listing.commit, path)
    }

    /// Keeps which of these the repository does not have, so that its commit need not be asked for again.
    pub(super) fn note_absent(&self, listing: &Listing, paths: impl Iterator<Item = String>) {
        if listing.cached {
            return;
        }
        for path in paths.filter(|path| listing.file(path).is_none()) {
            if let Err(error) = self.place.note_absent(&listing.commit, &path) {
                // It costs a question the next time, and no more.
                tracing::debug!("{}: not kept that it has no {path} ({error})", self.name);
                return;
            }
        }
    }

    /// Fetches those of the files that are not in the cache.
    pub(super) fn fetch(&self, listing: &Listing, files: &[RemoteFile], meter: &mut Meter<'_>) -> Result<(), HubError> {
        let missing: Vec<_> = files.iter().filter(|file| !self.place.holds(&listing.commit, file)).collect();
        let Some(first) = missing.first() else { return Ok(()) };
        let Some(client) = self.hub.client.as_ref().filter(|_| !listing.cached) else {
            return Err(self.not_cached(format!("`{}` is missing", shown(&first.path))));
        };
        self.check_space(&missing)?;
        meter.expect(missing.iter().fold(0, |sum: u64, file| sum.saturating_add(file.size)));
        for file in missing {
            if meter.begin(&file.path, file.size).is_break() {
                return Err(HubError::Interrupted);
            }
            let fetched = self.fetch_one(client, &listing.commit, file, meter);
            if fetched.is_err() {
                // What was listed once may not be there any more.
                self.hub.memory.forget(&self.key());
            }
            fetched?;
            if meter.end().is_break() {
                return Err(HubError::Interrupted);
            }
        }
        Ok(())
    }

    fn fetch_one(
        &self,
        client: &Client,
        commit: &str,
        file: &RemoteFile,
        meter: &mut Meter<'_>,
    ) -> Result<(), HubError> {
        let _held = self.lock(client, file, meter)?;
        let blob = self.place.blob(&file.etag);
        // Another process may have brought it meanwhile, or an earlier revision has the same content.
        if !is_whole(&blob, file.size) {
            let prefix = match self.kind {
                Kind::Model => None,
                Kind::Dataset => Some("datasets"),
            };
            let parts = prefix.into_iter().chain(self.id.split('/')).chain(["resolve", commit]);
            let url = client.url(parts.chain(file.path.split('/')));
            let partial = self.place.partial(&file.etag);
            let download = Download { client, url, file, commit, partial, blob };
            download.run(meter).map_err(|trouble| self.trouble(file, trouble))?;
        }
        let linked = self.place.link(commit, file);
        linked.map_err(|error| HubError::io(&self.place.snapshot(commit).join(&file.path), error))
    }

    /// Waits until nobody else fetches the content.
    fn lock(&self, client: &Client, file: &RemoteFile, meter: &mut Meter<'_>) -> Result<Lock, HubError> {
        let waited = Failure::Broken("another process fetches it".to_owned());
        loop {
            let lock = self.place.lock(&file.etag).map_err(|error| HubError::io(&self.hub.options.cache, error))?;
            if let Some(lock) = lock {
                return Ok(lock);
            }
            client.wait(0, &waited, meter).map_err(|failure| self.error(failure))?;
        }
    }

    /// Whether what is still to come finds room, with a little to spare.
    fn check_space(&self, missing: &[&RemoteFile]) -> Result<(), HubError> {
        let cache = &self.hub.options.cache;
        std::fs::create_dir_all(cache).map_err(|error| HubError::io(cache, error))?;
        let needed = missing.iter().fold(0, |sum: u64, file| sum.saturating_add(self.still_to_come(file)));
        // Where it cannot be asked, writing will tell.
        let Ok(free) = free_space(cache) else { return Ok(()) };
        if needed.saturating_add(self.hub.options.spare) <= free || needed == 0 {
            return Ok(());
        }
        Err(HubError::Space { place: cache.clone(), needed: bytes(needed), free: bytes(free) })
    }

    fn still_to_come(&self, file: &RemoteFile) -> u64 {
        if is_whole(&self.place.blob(&file.etag), file.size) {
            return 0;
        }
        let have = std::fs::metadata(self.place.partial(&file.etag)).map_or(0, |known| known.len());
        if have > file.size { file.size } else { file.size - have }
    }

    /// There, but not of use. Of what the cache has alone nobody can say that.
    pub(super) fn unfit(&self, listing: &Listing, reason: String) -> HubError {
        if listing.cached { self.not_cached(reason) } else { HubError::Unfit { name: self.name.clone(), reason } }
    }

    fn not_cached(&self, reason: String) -> HubError {
        let advice = if self.hub.options.offline {
            "unset HF_HUB_OFFLINE to fetch it"
        } else {
            "the Hub cannot be reached; try again when it can"
        };
        HubError::NotCached { name: self.name.clone(), cache: self.hub.options.cache.clone(), reason, advice }
    }

    fn trouble(&self, file: &RemoteFile, trouble: Trouble) -> HubError {
        match trouble {
            Trouble::Failure(Failure::Status { code: 404, .. }) => {
                HubError::Missing { name: self.name.clone(), what: format!("file `{}`", shown(&file.path)) }
            }
            Trouble::Failure(failure) => self.error(failure),
            Trouble::Io(path, source) => HubError::Io { path, source },
            Trouble::Damaged(reason) => HubError::Damaged { name: self.name.clone(), file: shown(&file.path), reason },
        }
    }

    /// What a failure of the Hub means for whoever named the repository.
    fn error(&self, failure: Failure) -> HubError {
        let name = self.name.clone();
        match failure {
            Failure::Interrupted => HubError::Interrupted,
            Failure::Broken(reason) => HubError::Unreachable { name, reason },
            Failure::Nonsense(reason) => HubError::Nonsense { name, reason },
            Failure::Status { code: code @ (401 | 403), word, .. } => {
                HubError::Access { name, status: code, reason: self.access(code, &word) }
            }
            Failure::Status { code: 404, word, .. } => {
                let what = match word.as_str() {
                    "RevisionNotFound" => format!("revision `{}` of it", self.revision),
                    _ => match self.kind {
                        Kind::Model => "model of this name and revision".to_owned(),
                        Kind::Dataset => "data set of this name and revision".to_owned(),
                    },
                };
                HubError::Missing { name, what }
            }
            Failure::Status { code: code @ (408 | 425 | 429 | 500..=599), .. } => {
                HubError::Unreachable { name, reason: format!("it answers with status {code}") }
            }
            Failure::Status { code, .. } => HubError::Nonsense { name, reason: format!("status {code}") },
        }
    }

    /// The Hub answers the same of what is private and of what is not there.
    fn access(&self, code: u16, word: &str) -> String {
        let has_token = self.hub.client.as_ref().is_some_and(Client::has_token);
        let page = format!("{}/{}", self.hub.options.endpoint.trim_end_matches('/'), self.id);
        match (word, has_token) {
            ("GatedRepo", true) => {
                format!("access has to be granted first; ask for it at {page} with the token's account")
            }
            ("GatedRepo", false) => {
                format!(
                    "access has to be granted first; ask for it at {page}, then set HF_TOKEN or run `hf auth login`"
                )
            }
            (_, false) => format!(
                "not there, or only for those with a token (status {code}); check the name, or set HF_TOKEN or run `hf auth login`"
            ),
            (_, true) => format!(
                "not there, or the token does not open it (status {code}); check the name, HF_TOKEN and what `hf auth whoami` says"
            ),
        }
    }
}

/// Bytes free for this user on the file system of `path`.
fn free_space(path: &Path) -> std::io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
