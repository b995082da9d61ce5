//! A repository's place in the cache, laid out as `huggingface_hub` does it, so that what other programs fetched is found and the
//! other way round.
//!
//! ```text
//! models--org--name/refs/main                    the commit
//! models--org--name/blobs/<etag>                 contents; <etag>.incomplete while they come
//! models--org--name/snapshots/<commit>/<path>    links to them
//! models--org--name/.no_exist/<commit>/<path>    empty: the repository has no such file
//! .locks/models--org--name/<etag>.lock           held by who fetches
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use hf_hub::{Cache, Repo, RepoType};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::listing::{Kind, MOST_FILES, RemoteFile};
use super::name::{is_commit, is_safe_path};

/// Directories in directories; more is a loop of links.
const DEEPEST: usize = 16;

#[derive(Debug, Clone)]
pub(super) struct Place {
    /// `models--org--name`.
    root: PathBuf,
    locks: PathBuf,
    cache: Cache,
    repo: Repo,
}

/// Held while a content is fetched; released when dropped or when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: Option<File>,
}

impl Place {
    pub(super) fn new(cache: &Path, kind: Kind, repository: &str, revision: &str) -> Self {
        let kind = match kind {
            Kind::Model => RepoType::Model,
            Kind::Dataset => RepoType::Dataset,
        };
        let repo = Repo::with_revision(repository.to_owned(), kind, revision.to_owned());
        let folder = repo.folder_name();
        let (root, locks) = (cache.join(&folder), cache.join(".locks").join(&folder));
        Self { root, locks, cache: Cache::new(cache.to_path_buf()), repo }
    }

    /// The commit that the revision was when it was last asked for. A commit is itself.
    pub(super) fn commit(&self) -> Option<String> {
        let revision = self.repo.revision();
        if is_commit(revision) {
            return Some(revision.to_owned());
        }
        let mut text = String::new();
        File::open(self.root.join("refs").join(revision)).ok()?.take(100).read_to_string(&mut text).ok()?;
        let commit = text.trim();
        is_commit(commit).then(|| commit.to_owned())
    }

    /// Keeps what the revision is now.
    pub(super) fn remember(&self, commit: &str) -> io::Result<()> {
        let revision = self.repo.revision();
        if is_commit(revision) || self.commit().as_deref() == Some(commit) {
            return Ok(());
        }
        let file = self.root.join("refs").join(revision);
        let fresh = self.root.join("refs").join(format!(".{commit}.{}", std::process::id()));
        make_parent(&file)?;
        let written = File::create(&fresh).and_then(|mut file| file.write_all(commit.as_bytes()));
        written.and_then(|()| std::fs::rename(&fresh, &file))
    }

    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.cache.repo(self.repo.clone()).pointer_path(commit)
    }

    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.root.join("blobs").join(etag)
    }

    pub(super) fn partial(&self, etag: &str) -> PathBuf {
        self.root.join("blobs").join(format!("{etag}.incomplete"))
    }

    /// Whether the repository is known to have no such file.
    pub(super) fn is_absent(&self, commit: &str, path: &str) -> bool {
        self.absence(commit, path).exists()
    }

    /// Keeps that the repository has no such file, which a commit never changes.
    pub(super) fn note_absent(&self, commit: &str, path: &str) -> io::Result<()> {
        let mark = self.absence(commit, path);
        if mark.exists() {
            return Ok(());
        }
        make_parent(&mark)?;
        match OpenOptions::new().write(true).create_new(true).open(&mark) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    fn absence(&self, commit: &str, path: &str) -> PathBuf {
        self.root.join(".no_exist").join(commit).join(path)
    }

    /// Whether the file is there, and as long as it should be.
    pub(super) fn holds(&self, commit: &str, file: &RemoteFile) -> bool {
        is_whole(&self.snapshot(commit).join(&file.path), file.size)
    }

    /// Makes a content appear as a file of the snapshot.
    pub(super) fn link(&self, commit: &str, file: &RemoteFile) -> io::Result<()> {
        let (at, blob) = (self.snapshot(commit).join(&file.path), self.blob(&file.etag));
        make_parent(&at)?;
        // Up from the file to `models--org--name`: past its own directories, the commit and `snapshots`.
        let up = "../".repeat(file.path.split('/').count() + 1);
        let fresh = at.with_file_name(format!(".{}.{}", file.etag, std::process::id()));
        let target = Path::new(&up).join("blobs").join(&file.etag);
        let made = match std::os::unix::fs::symlink(target, &fresh) {
            // Not every file system has links of this kind.
            Err(error) if error.kind() != ErrorKind::AlreadyExists => std::fs::hard_link(&blob, &fresh),
            _ => Ok(()),
        };
        let placed = made.and_then(|()| std::fs::rename(&fresh, &at));
        if placed.is_err() {
            let _ = std::fs::remove_file(&fresh);
        }
        placed
    }

    /// Takes the right to fetch a content; `None` while another process has it.
    pub(super) fn lock(&self, etag: &str) -> io::Result<Option<Lock>> {
        let path = self.locks.join(format!("{etag}.lock"));
        make_parent(&path)?;
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Lock { _file: Some(file) })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            // Some network file systems have no locks. Two that fetch the same at once then do the work twice.
            Err(error) => {
                tracing::warn!("{}: cannot be locked ({error}); going on without", path.display());
                Ok(Some(Lock { _file: None }))
            }
        }
    }

    /// The files of a snapshot that are there, sorted; empty where there is none.
    pub(super) fn files(&self, commit: &str) -> Vec<RemoteFile> {
        let mut files = Vec::new();
        gather(&self.snapshot(commit), "", 0, &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    }
}

/// Whether a file of this size is there.
pub(super) fn is_whole(path: &Path, size: u64) -> bool {
    std::fs::metadata(path).is_ok_and(|known| known.is_file() && known.len() == size)
}

pub(super) fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)
}

/// What cannot be read is not there.
fn gather(directory: &Path, below: &str, depth: usize, files: &mut Vec<RemoteFile>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
        // Follows the link.
        let Ok(known) = std::fs::metadata(entry.path()) else { continue };
        if files.len() >= MOST_FILES || !is_safe_path(&path) {
            continue;
        }
        if known.is_dir() && depth < DEEPEST {
            gather(&entry.path(), &path, depth + 1, files);
        } else if known.is_file() {
            files.push(RemoteFile { path, size: known.len(), etag: String::new(), sha256: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn place(cache: &Path, revision: &str) -> Place {
        Place::new(cache, Kind::Model, "org/name", revision)
    }

    #[test]
    fn the_layout_is_the_one_that_others_use() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path(), "refs/pr/1");
        place.remember(COMMIT).unwrap();
        let reference = dir.path().join("models--org--name/refs/refs/pr/1");
        assert_eq!(std::fs::read_to_string(reference).unwrap(), COMMIT);
        assert_eq!(place.commit().as_deref(), Some(COMMIT));
        let file = RemoteFile { path: "sub/config.json".into(), size: 2, etag: "e".into(), sha256: None };
        make_parent(&place.blob("e")).unwrap();
        std::fs::write(place.blob("e"), "{}").unwrap();
        assert!(!place.holds(COMMIT, &file));
        place.link(COMMIT, &file).unwrap();
        place.link(COMMIT, &file).unwrap();
        let link = dir.path().join("models--org--name/snapshots").join(COMMIT).join("sub/config.json");
        assert_eq!(std::fs::read_link(&link).unwrap(), Path::new("../../../blobs/e"));
        assert!(place.holds(COMMIT, &file));
        assert_eq!(place.files(COMMIT).iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["sub/config.json"]);
    }

    #[test]
    fn what_a_repository_does_not_have_is_kept_where_others_look_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path(), "main");
        assert!(!place.is_absent(COMMIT, "sub/chat_template.jinja"));
        place.note_absent(COMMIT, "sub/chat_template.jinja").unwrap();
        place.note_absent(COMMIT, "sub/chat_template.jinja").unwrap();
        assert!(place.is_absent(COMMIT, "sub/chat_template.jinja") && !place.is_absent(&"f".repeat(40), "sub"));
        let mark = dir.path().join("models--org--name/.no_exist").join(COMMIT).join("sub/chat_template.jinja");
        assert_eq!(std::fs::read(mark).unwrap(), b"");
        assert!(place.files(COMMIT).is_empty());
    }

    #[test]
    fn a_reference_that_is_no_commit_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path(), "main");
        let reference = dir.path().join("models--org--name/refs/main");
        make_parent(&reference).unwrap();
        for text in ["", "../../etc", "0123"] {
            std::fs::write(&reference, text).unwrap();
            assert_eq!(place.commit(), None);
        }
    }

    #[test]
    fn a_content_is_fetched_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path(), "main");
        let held = place.lock("e").unwrap().unwrap();
        assert!(place.lock("e").unwrap().is_none());
        drop(held);
        assert!(place.lock("e").unwrap().is_some());
    }
}
