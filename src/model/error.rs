//! What can go wrong with the files of a model. Every message is one line: what, where, what to do.

use std::path::{Path, PathBuf};

/// An error of opening or reading a model's files.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("no model at {}: give a Hugging Face model directory or a .gguf file", .path.display())]
    NotFound { path: PathBuf },

    /// It is on the Hub, or should be.
    #[error(transparent)]
    Hub(#[from] crate::hub::HubError),

    #[error("model `{spec}`: {reason}")]
    Unsupported { spec: String, reason: String },

    #[error("{}: there is no {file}; {advice}", .directory.display())]
    MissingFile { directory: PathBuf, file: String, advice: String },

    #[error("{}: pickled weights can run code and are never read; convert them to safetensors first", .path.display())]
    Pickle { path: PathBuf },

    #[error("{}: cannot be read: {reason}", .path.display())]
    Read { path: PathBuf, reason: String },

    #[error("{}: damaged or truncated ({reason}); fetch the file again", .path.display())]
    Damaged { path: PathBuf, reason: String },

    #[error("{}: not a format that can be read ({reason})", .path.display())]
    Format { path: PathBuf, reason: String },

    #[error("{}: unknown architecture `{found}`; supported: {supported}", .path.display())]
    UnknownArchitecture { path: PathBuf, found: String, supported: String },

    #[error("{}: {reason}", .path.display())]
    Config { path: PathBuf, reason: String },

    #[error("{}: tensor `{name}` is missing; the file is incomplete or of another architecture", .path.display())]
    MissingTensor { path: PathBuf, name: String },

    #[error("tensor `{name}` has shape {found:?}, the architecture wants {wanted:?}; weights and config do not match")]
    WrongShape { name: String, found: Vec<usize>, wanted: Vec<usize> },

    #[error("tensor `{name}` has type {found}, which cannot be read; supported: {supported}")]
    TensorType { name: String, found: String, supported: String },

    #[error("tensor `{name}`: {reason}")]
    Tensor { name: String, reason: String },

    #[error("{}: unknown pre-tokenizer `{name}`; use the model's Hugging Face directory with its tokenizer.json", .path.display())]
    UnknownPreTokenizer { path: PathBuf, name: String },

    #[error("{}: tokenizer: {reason}", .path.display())]
    Tokenizer { path: PathBuf, reason: String },

    #[error("text cannot be encoded: {reason}")]
    Encode { reason: String },

    #[error("chat template `{name}`: {reason}")]
    Template { name: String, reason: String },
}

impl ModelError {
    pub(super) fn read(path: &Path, error: &std::io::Error) -> Self {
        Self::Read { path: path.to_path_buf(), reason: one_line(&error.to_string()) }
    }

    pub(super) fn damaged(path: &Path, reason: impl AsRef<str>) -> Self {
        Self::Damaged { path: path.to_path_buf(), reason: one_line(reason.as_ref()) }
    }

    pub(super) fn format(path: &Path, reason: impl AsRef<str>) -> Self {
        Self::Format { path: path.to_path_buf(), reason: one_line(reason.as_ref()) }
    }

    pub(super) fn config(path: &Path, reason: impl AsRef<str>) -> Self {
        Self::Config { path: path.to_path_buf(), reason: one_line(reason.as_ref()) }
    }

    pub(super) fn tokenizer(path: &Path, reason: impl AsRef<str>) -> Self {
        Self::Tokenizer { path: path.to_path_buf(), reason: one_line(reason.as_ref()) }
    }
}

/// Reasons come from libraries and from files: folded to one line and cut, so that a message stays one.
pub(super) fn one_line(text: &str) -> String {
    const LONGEST: usize = 300;
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if line.len() >= LONGEST {
                line.push('…');
                return line;
            }
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_stay_one_line() {
        let error = ModelError::damaged(Path::new("a.gguf"), "bad\nheader\tof \u{1b}[31m many   words");
        let text = error.to_string();
        assert_eq!(text, "a.gguf: damaged or truncated (bad header of [31m many words); fetch the file again");
        assert!(one_line(&"x".repeat(5000)).len() < 320);
    }
}
