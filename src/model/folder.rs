//! The directory of a Hugging Face model: on the disk, or inside this program. Not: what its files mean.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::ModelError;

/// The name of the model that comes with the program.
pub const MICRO: &str = "micro";

/// Its files.
const FILES: [(&str, &[u8]); 5] = [
    ("config.json", include_bytes!("../../assets/micro/config.json")),
    ("generation_config.json", include_bytes!("../../assets/micro/generation_config.json")),
    ("model.safetensors", include_bytes!("../../assets/micro/model.safetensors")),
    ("tokenizer.json", include_bytes!("../../assets/micro/tokenizer.json")),
    ("tokenizer_config.json", include_bytes!("../../assets/micro/tokenizer_config.json")),
];

/// Where a model's files lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folder {
    Disk(PathBuf),
    Embedded,
}

impl Folder {
    /// The content of a file; `None` where there is no such file.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Cow<'static, [u8]>>, ModelError> {
        let Folder::Disk(directory) = self else { return Ok(self.embedded(name).map(Cow::Borrowed)) };
        let path = directory.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ModelError::read(&path, &error)),
        }
    }

    /// The content of an embedded file.
    pub(super) fn embedded(&self, name: &str) -> Option<&'static [u8]> {
        let files = if *self == Folder::Embedded { &FILES[..] } else { &[] };
        files.iter().find(|(file, _)| *file == name).map(|(_, bytes)| *bytes)
    }

    /// What messages call the directory.
    pub fn path(&self) -> &Path {
        match self {
            Folder::Disk(directory) => directory,
            Folder::Embedded => Path::new(MICRO),
        }
    }
}
