//! What a person's name for a model leads to. Not: what is in the files there.

use std::path::{Path, PathBuf};

use super::ModelError;
use super::folder::{Folder, MICRO};
use crate::hub::{self, HubError};

/// What kind of files a model is opened from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Directory(Folder),
    Gguf(PathBuf),
}

impl Origin {
    /// Finds a directory, a `.gguf` file or the model that comes with the program ([`MICRO`]). `fetch` brings here what is on the
    /// Hub.
    ///
    /// # Errors
    /// One line: there is nothing, or nothing that models are opened from.
    pub(super) fn find(spec: &str, fetch: impl FnOnce(&str) -> Result<PathBuf, HubError>) -> Result<Self, ModelError> {
        if hub::is_hub_name(spec) {
            let path = fetch(spec)?;
            return Ok(if path.is_dir() { Self::Directory(Folder::Disk(path)) } else { Self::Gguf(path) });
        }
        if spec == MICRO {
            return Ok(Self::Directory(Folder::Embedded));
        }
        let path = PathBuf::from(spec);
        if path.is_dir() {
            return Ok(Self::Directory(Folder::Disk(path)));
        }
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            _ if !path.exists() => Err(ModelError::NotFound { path }),
            "gguf" => Ok(Self::Gguf(path)),
            "bin" | "pt" | "pth" | "ckpt" | "pkl" => Err(ModelError::Pickle { path }),
            "safetensors" => Err(ModelError::Unsupported {
                spec: spec.to_owned(),
                reason: "give the directory that holds config.json beside the weights".to_owned(),
            }),
            _ => Err(ModelError::format(&path, "neither a directory nor a .gguf file")),
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Origin::Directory(folder) => folder.path(),
            Origin::Gguf(path) => path,
        }
    }
}
