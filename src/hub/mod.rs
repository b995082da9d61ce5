//! Models and data sets on the Hugging Face Hub: `hf:org/name[@revision]` becomes files in the cache that every program of that
//! world shares. Not: what is in the files.
//!
//! | file | what |
//! |---|---|
//! | `name` | what can be named, and how |
//! | `options` | the variables of the environment: place, address, token |
//! | `transport` | requests with limits; who sees the token |
//! | `listing` | the files of a repository, as the Hub says |
//! | `model`, `dataset` | which of them are needed (pure) |
//! | `cache`, `download` | where they lie; one of them, fetched |
//!
//! The names of the cache's parts come from the `hf-hub` crate. The transfer does not: that crate has no limits of size and
//! time, believes any content, keeps no partial file of others, cannot be interrupted, and looks at no free space. It is done
//! here, with the client that also talks with servers of models.
//!
//! What the Hub says is not trusted. Paths are checked, lists and answers have limits, a commit is a commit, a file gets its name
//! in the cache when its SHA-256 (of large files; of small ones the size) is the one that was listed. Pickles are never asked for.

mod cache;
mod dataset;
mod download;
mod error;
mod fetch;
mod listing;
mod model;
mod name;
mod options;
mod progress;
#[cfg(test)]
mod tests;
mod transport;

use std::ops::ControlFlow;
use std::path::PathBuf;

pub use self::error::HubError;
use self::fetch::Repository;
use self::listing::{Kind, Listing, RemoteFile};
pub use self::name::{Name, NameError, is_hub_name};
pub use self::options::{Options, Pace, Token};
use self::progress::Meter;
pub use self::progress::{Progress, Watcher, watch_downloads, watch_downloads_of_thread};
use self::transport::Client;

/// The Hub, or another that answers like it, and the cache.
#[derive(Debug)]
pub struct Hub {
    options: Options,
    /// `None` where nothing is to be asked.
    client: Option<Client>,
}

impl Hub {
    /// # Errors
    /// If an option means nothing, or this machine has no certificates.
    pub fn new(options: Options) -> Result<Self, HubError> {
        let client = if options.offline { None } else { Some(Client::new(&options)?) };
        Ok(Self { options, client })
    }

    /// As the variables say that `huggingface_hub` knows: `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`,
    /// `HF_HUB_OFFLINE`.
    ///
    /// # Errors
    /// If one of them means nothing, or this machine has no certificates.
    pub fn from_environment() -> Result<Self, HubError> {
        Self::new(Options::from_environment()?)
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
        let listing = repository.listing(&mut meter)?;
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
        let listing = match repository.listing(&mut meter) {
            // The cache may have the converted files alone.
            Err(missing @ HubError::NotCached { .. }) if name.revision().is_none() && name.path().is_none() => {
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
        let listing = repository.listing(meter).map_err(|error| match error {
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

    fn repository<'h>(&'h self, kind: Kind, name: &Name, revision: &str) -> Repository<'h> {
        Repository::new(&self.options, self.client.as_ref(), kind, name, revision)
    }
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

/// [`Hub::dataset`] as the environment says, told to the one who watches ([`watch_downloads`]).
///
/// # Errors
/// As [`Name::parse`], [`Hub::from_environment`] and [`Hub::dataset`].
pub fn dataset_paths(name: &str) -> Result<Vec<PathBuf>, HubError> {
    let name = Name::parse(name)?;
    Hub::from_environment()?.dataset(&name, None, &mut |progress| progress::tell_watcher(&progress))
}
