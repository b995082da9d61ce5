//! Models and data sets on the Hugging Face Hub: `hf:org/name[@revision]` becomes files in the cache that every program of that
//! world shares. Not: what is in the files.
//!
//! | file | what |
//! |---|---|
//! | `name` | what can be named, and how |
//! | `options` | the variables of the environment: place, address, token |
//! | `transport` | requests with limits; who sees the token |
//! | `listing` | the files of a repository, as the Hub says |
//! | `memory` | what the process was told before, and who did not answer |
//! | `model`, `dataset` | which of them are needed (pure) |
//! | `cache`, `download` | where they lie; one of them, fetched |
//!
//! The names of the cache's parts come from the `hf-hub` crate. The transfer does not: that crate has no limits of size and
//! time, believes any content, keeps no partial file of others, cannot be interrupted, and looks at no free space. It is done
//! here, with the client that also talks with servers of models.
//!
//! It is asked as little as can be. A process asks once what lies at a revision; a commit that is whole in the cache is not asked
//! for at all; and where the cache has what is wanted, a Hub that does not answer is waited for only a moment, and then left alone
//! for a while.
//!
//! What the Hub says is not trusted. Paths are checked, lists and answers have limits, a commit is a commit, a file gets its name
//! in the cache when its SHA-256 (of large files; of small ones the size) is the one that was listed. Pickles are never asked for.

mod cache;
mod dataset;
mod download;
mod error;
mod fetch;
mod listing;
mod memory;
mod model;
mod name;
mod options;
mod progress;
#[cfg(test)]
mod tests;
mod transport;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

pub use self::error::HubError;
use self::fetch::Repository;
use self::listing::{Held, Kind, Listing, RemoteFile};
use self::memory::Memory;
pub use self::name::{Name, NameError, is_hub_name};
pub use self::options::{Options, Pace};
use self::progress::Meter;
pub use self::progress::{Progress, Watcher, watch_downloads, watch_downloads_of_thread};
use self::transport::Client;

/// The Hub, or another that answers like it, and the cache.
#[derive(Debug)]
pub struct Hub {
    options: Options,
    /// `None` where nothing is to be asked.
    client: Option<Client>,
    /// Asks where the cache has an answer too; made when it is needed.
    hasty: OnceLock<Option<Client>>,
    memory: Arc<Memory>,
}

impl Hub {
    /// One that remembers nothing of what others were told.
    ///
    /// # Errors
    /// If an option means nothing, or this machine has no certificates.
    pub fn new(options: Options) -> Result<Self, HubError> {
        let client = if options.offline { None } else { Some(Client::new(&options)?) };
        Ok(Self { options, client, hasty: OnceLock::new(), memory: Arc::default() })
    }

    /// As the variables say that `huggingface_hub` knows: `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`,
    /// `HF_HUB_OFFLINE`. All that are made so in a process remember what one of them was told.
    ///
    /// # Errors
    /// If one of them means nothing, or this machine has no certificates.
    pub fn from_environment() -> Result<Self, HubError> {
        let hub = Self::new(Options::from_environment()?)?;
        Ok(Self { memory: Arc::clone(&memory::OF_PROCESS), ..hub })
    }

    /// The directory of a model in the cache, or its `.gguf` file, after whatever was missing has been fetched. Where the Hub
    /// cannot be reached, what the cache has of it must do.
    ///
    /// # Errors
    /// If it is not there, may not be had, is no model that can be opened here, or did not arrive whole.
    pub fn model(
        &self,
        name: &Name,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<PathBuf, HubError> {
        let mut meter = Meter::new(progress);
        let repository = self.repository(Kind::Model, name, name.revision().unwrap_or("main"));
        let judge =
            |cached: Option<&Listing>| cached.map_or(Held::Lacking, |cached| held_model(&repository, cached, name));
        let listing = repository.listing(judge, &mut meter)?;
        let choice = model::choose(&listing, name).map_err(|reason| repository.unfit(&listing, reason))?;
        if let Some(index) = &choice.index {
            repository.fetch(&listing, std::slice::from_ref(index), &mut meter)?;
            let path = repository.path(&listing, &index.path);
            let text = std::fs::read(&path).map_err(|error| HubError::io(&path, error))?;
            let weights =
                model::indexed(&listing, index, &text).map_err(|reason| repository.unfit(&listing, reason))?;
            let all: Vec<RemoteFile> = choice.files.iter().cloned().chain(weights).collect();
            repository.fetch(&listing, &all, &mut meter)?;
        } else {
            repository.fetch(&listing, &choice.files, &mut meter)?;
        }
        repository.remember(&listing);
        repository.note_absent(&listing, model::perhaps(&choice));
        Ok(repository.path(&listing, &choice.root))
    }

    /// The same of what turns chats into tokens: the weights are not fetched and need not be there. A `.gguf` file has it inside and
    /// comes whole.
    ///
    /// # Errors
    /// As [`Hub::model`], but that the architecture may be any and that a tokenizer must be there.
    pub fn text(
        &self,
        name: &Name,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<PathBuf, HubError> {
        if name.path().is_some_and(|path| model::extension(path) == "gguf") {
            return self.model(name, progress);
        }
        let mut meter = Meter::new(progress);
        let repository = self.repository(Kind::Model, name, name.revision().unwrap_or("main"));
        let judge = |cached: Option<&Listing>| {
            let held = |cached: &Listing| model::held_text(cached, name, |path| repository.is_absent(cached, path));
            cached.map_or(Held::Lacking, held)
        };
        let listing = repository.listing(judge, &mut meter)?;
        let choice = model::choose_text(&listing, name, |path| repository.is_absent(&listing, path));
        let choice = choice.map_err(|reason| repository.unfit(&listing, reason))?;
        repository.fetch(&listing, &choice.files, &mut meter)?;
        // A whole model of an older commit stays what the revision is on offline days.
        let before = repository.cached().filter(|before| before.commit != listing.commit);
        if before.is_none_or(|before| held_model(&repository, &before, name) == Held::Lacking) {
            repository.remember(&listing);
        }
        repository.note_absent(&listing, model::perhaps_text(&choice));
        Ok(repository.path(&listing, &choice.root))
    }

    /// The files of a split of a data set, in their order, after whatever was missing has been fetched. First the repository's own
    /// Parquet and JSONL files are looked at; where it has none, those that the Hub has converted.
    ///
    /// Without a split, by the name or by `split`, it is the only one, or `train`.
    ///
    /// # Errors
    /// As [`Hub::model`]; if there are several parts and none is named.
    pub fn dataset(
        &self,
        name: &Name,
        split: Option<&str>,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Vec<PathBuf>, HubError> {
        let mut meter = Meter::new(progress);
        let repository = self.repository(Kind::Dataset, name, name.revision().unwrap_or("main"));
        // The cache may have the converted files alone.
        let has_converted = || name.revision().is_none() && name.path().is_none() && self.has_converted(name, split);
        let judge = |cached: Option<&Listing>| {
            let has_parts = cached.is_some_and(|cached| !dataset::own_parts(cached).is_empty());
            match cached.map_or(Held::Lacking, |cached| dataset::held(cached, name, split)) {
                Held::Lacking if !has_parts && has_converted() => Held::Enough,
                held => held,
            }
        };
        let listing = match repository.listing(judge, &mut meter) {
            Err(missing @ (HubError::NotCached { .. } | HubError::Unreachable { .. })) if has_converted() => {
                return self.converted(name, split, &mut meter).map_err(|_| missing);
            }
            listing => listing?,
        };
        if let Some(path) = name.path() {
            let files = dataset::one_file(&listing, path).map_err(|reason| repository.unfit(&listing, reason))?;
            return finish(&repository, &listing, &files, &mut meter);
        }
        let parts = dataset::own_parts(&listing);
        if parts.is_empty() && name.revision().is_none() {
            return self.converted(name, split, &mut meter);
        }
        let files = dataset::choose(&parts, name, split).map_err(|reason| repository.unfit(&listing, reason))?;
        finish(&repository, &listing, &files, &mut meter)
    }

    fn converted(&self, name: &Name, split: Option<&str>, meter: &mut Meter<'_>) -> Result<Vec<PathBuf>, HubError> {
        let repository = self.repository(Kind::Dataset, name, dataset::CONVERTED);
        let judge = |cached: Option<&Listing>| {
            cached.map_or(Held::Lacking, |cached| dataset::held_converted(cached, name, split))
        };
        let listing = repository.listing(judge, meter).map_err(|error| match error {
            // The data set is there: it is the branch that is not.
            HubError::Missing { name, .. } => {
                let reason = "it has no Parquet or JSONL files, and the Hub has not converted it; fetch it by hand";
                HubError::Unfit { name, reason: reason.to_owned() }
            }
            other => other,
        })?;
        let parts = dataset::converted_parts(&listing);
        let files = dataset::choose(&parts, name, split).map_err(|reason| repository.unfit(&listing, reason))?;
        finish(&repository, &listing, &files, meter)
    }

    /// Whether the cache has the data set as the Hub converted it.
    fn has_converted(&self, name: &Name, split: Option<&str>) -> bool {
        let cached = self.repository(Kind::Dataset, name, dataset::CONVERTED).cached();
        cached.is_some_and(|cached| dataset::held_converted(&cached, name, split) != Held::Lacking)
    }

    /// Asks where the cache has an answer too; `None` where nobody is asked.
    fn hasty(&self) -> Option<&Client> {
        self.hasty.get_or_init(|| self.client.as_ref()?.hasty().ok()).as_ref()
    }

    fn repository<'h>(&'h self, kind: Kind, name: &Name, revision: &str) -> Repository<'h> {
        Repository::new(self, kind, name, revision)
    }
}

/// How much the cache has of a model.
fn held_model(repository: &Repository<'_>, cached: &Listing, name: &Name) -> Held {
    let read = |file: &RemoteFile| std::fs::read(repository.path(cached, &file.path)).ok();
    model::held(cached, name, read, |path| repository.is_absent(cached, path))
}

fn finish(
    repository: &Repository<'_>,
    listing: &Listing,
    files: &[RemoteFile],
    meter: &mut Meter<'_>,
) -> Result<Vec<PathBuf>, HubError> {
    repository.fetch(listing, files, meter)?;
    repository.remember(listing);
    Ok(files.iter().map(|file| repository.path(listing, &file.path)).collect())
}

/// [`Hub::model`] as the environment says, told to the one who watches ([`watch_downloads`]).
///
/// # Errors
/// As [`Name::parse`], [`Hub::from_environment`] and [`Hub::model`].
pub fn model_path(name: &str) -> Result<PathBuf, HubError> {
    let name = Name::parse(name)?;
    Hub::from_environment()?.model(&name, &mut |progress| progress::tell_watcher(&progress))
}

/// [`Hub::text`] as the environment says, told to the one who watches ([`watch_downloads`]).
///
/// # Errors
/// As [`Name::parse`], [`Hub::from_environment`] and [`Hub::text`].
pub fn text_path(name: &str) -> Result<PathBuf, HubError> {
    let name = Name::parse(name)?;
    Hub::from_environment()?.text(&name, &mut |progress| progress::tell_watcher(&progress))
}

/// [`Hub::dataset`] as the environment says, told to the one who watches ([`watch_downloads`]).
///
/// # Errors
/// As [`Name::parse`], [`Hub::from_environment`] and [`Hub::dataset`].
pub fn dataset_paths(name: &str) -> Result<Vec<PathBuf>, HubError> {
    let name = Name::parse(name)?;
    Hub::from_environment()?.dataset(&name, None, &mut |progress| progress::tell_watcher(&progress))
}
