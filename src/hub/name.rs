//! Names of what is on the Hub: `hf:org/name`, and what may follow.
//!
//! ```text
//! hf:ORG/NAME[/PATH][:PART[:SPLIT]][@REVISION]
//! ```
//!
//! `PATH` is a file of the repository (`hf:org/name/model-q8_0.gguf`, `hf:org/name/main/train-00000-of-00001.parquet`) or, of a
//! model, a directory in it. `PART` is for data sets: a configuration, or else a split (`hf:openai/gsm8k:main`,
//! `hf:openai/gsm8k:main:test`). `REVISION` is a branch, a tag or a commit; without one it is `main`.

use std::fmt;

use super::error::shown;

/// What every name begins with.
const SCHEME: &str = "hf:";
/// Of an owner or a repository, in bytes; the Hub has the same limit.
const LONGEST_WORD: usize = 96;
/// Of anything else in a name, in bytes.
const LONGEST_PATH: usize = 1024;
/// Of one part of a path: what file systems take.
const LONGEST_PART: usize = 255;

/// A name that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("`{name}`: a name on the Hub is hf:org/name, perhaps with @revision; {reason}")]
    Repository { name: String, reason: &'static str },
    #[error("`{name}`: the path after the repository leads out of it or is no path; name a file as the Hub lists it")]
    Path { name: String },
    #[error(
        "`{name}`: after a colon comes a part of a data set, such as hf:org/name:config or hf:org/name:config:split"
    )]
    Part { name: String },
    #[error("`{name}`: after @ comes a branch, a tag or a commit, such as @main")]
    Revision { name: String },
}

/// What somebody named, taken apart. Every part is safe to use in a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    owner: String,
    repository: String,
    path: Option<String>,
    part: Option<String>,
    split: Option<String>,
    revision: Option<String>,
}

/// Whether a model or data set is named that is on the Hub. It may still be no valid name.
pub fn is_hub_name(text: &str) -> bool {
    text.starts_with(SCHEME)
}

impl Name {
    /// # Errors
    /// If it is no name, or one that leads out of its repository.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let whole = || shown(text);
        let wrong = |reason| NameError::Repository { name: whole(), reason };
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| wrong("it begins with `hf:`"))?;
        let (rest, revision) = match rest.split_once('@') {
            Some((rest, revision)) if is_revision(revision) => (rest, Some(revision.to_owned())),
            Some(_) => return Err(NameError::Revision { name: whole() }),
            None => (rest, None),
        };
        let (rest, part, split) = parts(rest).ok_or_else(|| NameError::Part { name: whole() })?;
        let (owner, rest) = rest.split_once('/').ok_or_else(|| wrong("the owner is missing"))?;
        if ["models", "datasets", "spaces"].contains(&owner) {
            return Err(wrong("the kind of repository is not part of it"));
        }
        let (repository, path) = match rest.split_once('/') {
            Some((repository, path)) => (repository, Some(path.strip_suffix('/').unwrap_or(path))),
            None => (rest, None),
        };
        if !is_word(owner) || !is_word(repository) {
            return Err(wrong("owner and name have letters, digits, `-`, `_` and `.` alone"));
        }
        let path = match path {
            Some(path) if !is_safe_path(path) => return Err(NameError::Path { name: whole() }),
            path => path.map(str::to_owned),
        };
        Ok(Self { owner: owner.to_owned(), repository: repository.to_owned(), path, part, split, revision })
    }

    /// `org/name`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.owner, self.repository)
    }

    /// The last part of it, as a person would call it.
    pub fn short(&self) -> &str {
        &self.repository
    }

    /// A file or directory of the repository.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// A configuration of a data set, or a split of it.
    pub fn part(&self) -> Option<&str> {
        self.part.as_deref()
    }

    /// A split, named after a configuration.
    pub fn split(&self) -> Option<&str> {
        self.split.as_deref()
    }

    /// As it was named; without one it is `main`.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.owner, self.repository)?;
        for (mark, part) in [('/', &self.path), (':', &self.part), (':', &self.split), ('@', &self.revision)] {
            if let Some(part) = part {
                write!(f, "{mark}{part}")?;
            }
        }
        Ok(())
    }
}

/// Takes `:PART[:SPLIT]` off the end.
#[allow(clippy::type_complexity, reason = "the rest and the two parts")]
fn parts(text: &str) -> Option<(&str, Option<String>, Option<String>)> {
    let Some((rest, after)) = text.split_once(':') else { return Some((text, None, None)) };
    let (part, split) = match after.split_once(':') {
        Some((part, split)) => (part, Some(split)),
        None => (after, None),
    };
    let fine = |part: &str| is_safe_path(part) && !part.contains(':');
    if !fine(part) || !split.is_none_or(fine) {
        return None;
    }
    Some((rest, Some(part.to_owned()), split.map(str::to_owned)))
}

/// The Hub's rule for owners and repositories.
fn is_word(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=LONGEST_WORD).contains(&word.len())
        && word.bytes().all(plain)
        && !word.starts_with(['-', '.'])
        && !word.ends_with(['-', '.'])
        && !word.contains("--")
        && !word.contains("..")
        && !word.ends_with(".git")
}

/// A revision becomes a path among the cache's refs.
fn is_revision(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./+".contains(&byte);
    text.len() <= LONGEST_PART
        && text.bytes().all(plain)
        && is_safe_path(text)
        && !text.contains("..")
        && !text.split('/').any(|part| part.starts_with(['.', '-']) || part.ends_with(".lock"))
}

/// Whether it stays below the directory that it is appended to.
pub(super) fn is_safe_path(path: &str) -> bool {
    let fine = |part: &str| !matches!(part, "" | "." | "..") && part.len() <= LONGEST_PART;
    path.len() <= LONGEST_PATH
        && path.split('/').all(fine)
        && !path.contains('\\')
        && !path.chars().any(char::is_control)
}

/// A commit, as the Hub writes it.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_and_put_together_again() {
        for text in [
            "hf:HuggingFaceTB/SmolLM2-135M-Instruct",
            "hf:org/name@v1.0",
            "hf:org/name@refs/pr/3",
            "hf:org/name/sub/model-q8_0.gguf@0123456789abcdef0123456789abcdef01234567",
            "hf:openai/gsm8k:main:test@main",
            "hf:openai/gsm8k/main/train-00000-of-00001.parquet",
        ] {
            assert_eq!(Name::parse(text).unwrap().to_string(), text);
        }
        let name = Name::parse("hf:openai/gsm8k:main:test@v2").unwrap();
        assert_eq!(name.repository(), "openai/gsm8k");
        assert_eq!((name.part(), name.split(), name.revision()), (Some("main"), Some("test"), Some("v2")));
        assert_eq!(Name::parse("hf:a/b/c/d.gguf").unwrap().path(), Some("c/d.gguf"));
        assert_eq!(Name::parse("hf:a/b/c/").unwrap().path(), Some("c"));
    }

    #[test]
    fn hostile_names_are_refused() {
        for text in [
            "",
            "hf:",
            "gpt2",
            "hf:gpt2",
            "hf:/",
            "hf:a/",
            "hf:/b",
            "hf:../b",
            "hf:a/..",
            "hf:a/b/../c",
            "hf:a/b//c",
            "hf:a/b/./c",
            "hf:a/b/c\\d",
            "hf:a b/c",
            "hf:a/b\n",
            "hf:a/b/c\u{1b}[31m",
            "hf:a/b.git",
            "hf:a--b/c",
            "hf:datasets/a/b",
            "hf:a/b@",
            "hf:a/b@../../x",
            "hf:a/b@/etc",
            "hf:a/b@x..y",
            "hf:a/b@.hidden",
            "hf:a/b@-x",
            "hf:a/b:",
            "hf:a/b::c",
            "hf:a/b:c:",
            "hf:a/b:c:d:e",
            "hf:a/b:../c",
            "hf:a/b@x y",
        ] {
            let error = Name::parse(text).unwrap_err().to_string();
            assert!(!error.contains('\n') && !error.chars().any(char::is_control), "{error:?}");
        }
        assert!(Name::parse(&format!("hf:{}/b", "a".repeat(97))).is_err());
        assert!(Name::parse(&format!("hf:a/b/{}", "a".repeat(2000))).is_err());
    }

    #[test]
    fn only_the_scheme_makes_a_hub_name() {
        assert!(is_hub_name("hf:org/name") && is_hub_name("hf:?"));
        assert!(!is_hub_name("./hf:org/name") && !is_hub_name("micro"));
    }
}
