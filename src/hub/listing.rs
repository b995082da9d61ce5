//! What lies in a repository at a revision: asked of the Hub, and believed only where it can be true.

use serde::Deserialize;

use super::name::{is_commit, is_safe_path};
use super::progress::Meter;
use super::transport::{Client, Failure};

/// Most bytes of what the Hub says about a repository.
const MOST_INFO: usize = 64 << 20;
/// Most bytes of a page of its files: a thousand of them are some 300 KiB.
const MOST_PAGE: usize = 16 << 20;
/// No repository that is of use here has more files.
pub(super) const MOST_FILES: usize = 100_000;
/// Pages may be as short as the Hub likes.
const MOST_PAGES: usize = 500;

/// Models and data sets lie side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Model,
    Dataset,
}

impl Kind {
    fn api(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Dataset => "datasets",
        }
    }
}

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemoteFile {
    /// A safe one, relative to the repository.
    pub path: String,
    pub size: u64,
    /// What its content is called in the cache; empty where only the cache was asked.
    pub etag: String,
    /// Of its content, in hexadecimal digits; the Hub knows it of large files.
    pub sha256: Option<String>,
}

/// How much of what is wanted a cache has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// Too little to go on with.
    Lacking,
    /// All that is wanted, as far as the cache can tell; the Hub may have more that belongs to it.
    Enough,
    /// All that is wanted, whatever else the Hub has.
    Whole,
}

/// The files of a repository at one commit.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    pub commit: String,
    pub files: Vec<RemoteFile>,
    /// Whether it is only what the cache has of it.
    pub cached: bool,
}

impl Listing {
    pub(super) fn file(&self, path: &str) -> Option<&RemoteFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether somebody has taken the whole repository: each has this file, and nothing needs it.
    pub(super) fn was_taken_whole(&self) -> bool {
        self.file(".gitattributes").is_some()
    }
}

#[derive(Deserialize)]
struct Info {
    sha: String,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    oid: String,
    #[serde(default)]
    size: u64,
    path: String,
    #[serde(default)]
    lfs: Option<Large>,
}

#[derive(Deserialize)]
struct Large {
    oid: String,
    size: u64,
}

/// Asks which commit a revision is.
pub(super) fn commit(
    client: &Client,
    kind: Kind,
    repository: &str,
    revision: &str,
    meter: &mut Meter<'_>,
) -> Result<String, Failure> {
    let parts = ["api", kind.api()].into_iter().chain(repository.split('/')).chain(["revision", revision]);
    let info: Info = client.json(&client.url(parts), MOST_INFO, meter)?.value;
    if is_commit(&info.sha) { Ok(info.sha) } else { Err(Failure::Nonsense("a commit that is none".to_owned())) }
}

/// Asks for all files at a commit.
pub(super) fn files(
    client: &Client,
    kind: Kind,
    repository: &str,
    commit: &str,
    meter: &mut Meter<'_>,
) -> Result<Vec<RemoteFile>, Failure> {
    let parts = ["api", kind.api()].into_iter().chain(repository.split('/')).chain(["tree", commit]);
    let mut url = client.url(parts);
    url.set_query(Some("recursive=true"));
    let mut files = Vec::new();
    for _ in 0..MOST_PAGES {
        let page = client.json::<Vec<Entry>>(&url, MOST_PAGE, meter)?;
        for entry in page.value {
            if files.len() >= MOST_FILES {
                return Err(Failure::Nonsense(format!("more than {MOST_FILES} files")));
            }
            files.extend(file(entry)?);
        }
        match page.next {
            Some(next) => url = next,
            None => return Ok(files),
        }
    }
    Err(Failure::Nonsense(format!("a list of more than {MOST_PAGES} pages")))
}

/// `None` for what is no file.
fn file(entry: Entry) -> Result<Option<RemoteFile>, Failure> {
    if entry.kind != "file" {
        return Ok(None);
    }
    if !is_safe_path(&entry.path) {
        let path = super::error::shown(&entry.path);
        return Err(Failure::Nonsense(format!("a file `{path}` that would lie outside of its directory")));
    }
    let wrong = || Failure::Nonsense("a file without the hash of its content".to_owned());
    let (etag, sha256, size) = match entry.lfs {
        Some(large) => {
            let hash = large.oid.strip_prefix("sha256:").unwrap_or(&large.oid).to_ascii_lowercase();
            if !is_hash(&hash, 64) {
                return Err(wrong());
            }
            (hash.clone(), Some(hash), large.size)
        }
        None if is_hash(&entry.oid, 40) => (entry.oid, None, entry.size),
        None => return Err(wrong()),
    };
    Ok(Some(RemoteFile { path: entry.path, size, etag, sha256 }))
}

/// Whether it is so many hexadecimal digits: it becomes the name of a file.
pub(super) fn is_hash(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Option<RemoteFile>, Failure> {
        file(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn small_and_large_files_are_told_apart() {
        let (git, sha) = ("a".repeat(40), "b".repeat(64));
        let small =
            read(&format!(r#"{{"type":"file","oid":"{git}","size":5,"path":"config.json"}}"#)).unwrap().unwrap();
        assert_eq!((small.etag.as_str(), small.sha256, small.size), (git.as_str(), None, 5));
        let large = format!(
            r#"{{"type":"file","oid":"{git}","size":9,"path":"m.gguf","lfs":{{"oid":"{sha}","size":9,"pointerSize":1}}}}"#
        );
        let large = read(&large).unwrap().unwrap();
        assert_eq!((large.etag.as_str(), large.sha256.as_deref()), (sha.as_str(), Some(sha.as_str())));
        assert_eq!(read(&format!(r#"{{"type":"directory","oid":"{git}","size":0,"path":"data"}}"#)).unwrap(), None);
    }

    #[test]
    fn hostile_entries_are_refused() {
        let git = "a".repeat(40);
        for path in ["../x", "/etc/passwd", "a/../../b", "a//b", "a/.", ""] {
            assert!(read(&format!(r#"{{"type":"file","oid":"{git}","size":1,"path":"{path}"}}"#)).is_err(), "{path}");
        }
        for oid in ["", "../../../x", &"g".repeat(40), &"A".repeat(40)] {
            assert!(read(&format!(r#"{{"type":"file","oid":"{oid}","size":1,"path":"a"}}"#)).is_err(), "{oid}");
        }
    }
}
