//! Whole downloads from a server on this machine: those that go well, and those that a cut line or a dishonest server spoils.

mod asking;
mod server;
mod text;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::server::{COMMIT, Reply, Server, Shelved, hub, large, sha256, small};
use super::progress::Meter;
use super::transport::{Client, Failure};
use super::{Hub, HubError, Name, Options, Pace, Progress};
use crate::net::Secret;

const WEIGHTS: &str = "model.safetensors";
const SIZE: usize = 5000;

fn model() -> Vec<Shelved> {
    vec![
        small("README.md", "# A model"),
        small("config.json", "{}"),
        small("tokenizer.json", "{\"a\":1}"),
        large(WEIGHTS, SIZE),
        large("pytorch_model.bin", 10),
    ]
}

fn options(address: &str, cache: &Path) -> Options {
    let pace = Pace {
        tries: 3,
        first_wait: Duration::from_millis(1),
        connect: Duration::from_secs(2),
        idle: Duration::from_secs(2),
    };
    Options { endpoint: address.to_owned(), pace, spare: 0, ..Options::new(cache) }
}

/// The Hub that nobody answers for, with waits that a test would notice.
fn gone(cache: &Path) -> Options {
    let pace = Pace { tries: 5, first_wait: Duration::from_secs(20), ..options("", cache).pace };
    Options { pace, ..options("http://127.0.0.1:1", cache) }
}

fn quiet(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn fetch(options: Options, name: &str) -> Result<PathBuf, HubError> {
    Hub::new(options)?.model(&Name::parse(name).unwrap(), &mut quiet)
}

fn data(options: Options, name: &str, split: Option<&str>) -> Result<Vec<PathBuf>, HubError> {
    Hub::new(options)?.dataset(&Name::parse(name).unwrap(), split, &mut quiet)
}

fn root(cache: &Path) -> PathBuf {
    cache.join("models--org--name")
}

fn partial(cache: &Path) -> PathBuf {
    root(cache).join("blobs").join(format!("{}.incomplete", sha256(&large(WEIGHTS, SIZE).content)))
}

/// A hub that sends only the first bytes of the weights when it is asked for them from the beginning, the first time.
fn cutting(at: usize) -> Server {
    let mut first = true;
    Server::start(hub(model(), move |asked, mut reply| {
        if asked.path.starts_with("/cdn/model") && std::mem::take(&mut first) {
            reply.cut = Some(at);
        }
        reply
    }))
}

fn one_line(error: &HubError) -> String {
    let text = error.to_string();
    assert!(!text.chars().any(char::is_control) && !text.contains("signature"), "{text:?}");
    text
}

#[test]
fn a_model_is_fetched_whole_and_once() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(model(), |_, reply| reply)));
    let hub = Hub::new(options(&server.address, dir.path())).unwrap();
    let name = Name::parse("hf:org/name").unwrap();
    let mut told = Vec::new();
    let path = hub
        .model(&name, &mut |progress| {
            told.push(progress);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(path, root(dir.path()).join("snapshots").join(COMMIT));
    assert_eq!(std::fs::read(path.join(WEIGHTS)).unwrap(), large(WEIGHTS, SIZE).content);
    assert_eq!(std::fs::read_to_string(path.join("config.json")).unwrap(), "{}");
    assert_eq!(std::fs::read_to_string(root(dir.path()).join("refs/main")).unwrap(), COMMIT);
    let last = told.last().unwrap();
    assert_eq!((last.done, last.total, last.file.as_str()), (5009, 5009, WEIGHTS));
    // Neither what is of no use nor what is dangerous.
    assert!(!path.join("README.md").exists() && !path.join("pytorch_model.bin").exists());
    hub.model(&name, &mut quiet).unwrap();
    assert_eq!(server.count("/cdn/"), 1);
    assert_eq!(server.count("/org/name/resolve/"), 3);
}

#[test]
fn a_cut_connection_goes_on_where_it_stopped() {
    let (dir, server) = (tempfile::tempdir().unwrap(), cutting(1000));
    let path = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap();
    assert_eq!(std::fs::read(path.join(WEIGHTS)).unwrap(), large(WEIGHTS, SIZE).content);
    let asked: Vec<_> = server.asked().into_iter().filter(|asked| asked.path.starts_with("/cdn/")).collect();
    assert_eq!(asked.iter().map(|asked| asked.from).collect::<Vec<_>>(), [None, Some(1000)]);
}

#[test]
fn an_interrupted_download_is_kept() {
    let (dir, server) = (tempfile::tempdir().unwrap(), cutting(1000));
    let hub = Hub::new(options(&server.address, dir.path())).unwrap();
    let name = Name::parse("hf:org/name").unwrap();
    let mut stop = |progress: Progress| {
        let is_amid = progress.file == WEIGHTS && progress.file_done > 0;
        if is_amid { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let error = hub.model(&name, &mut stop).unwrap_err();
    assert!(matches!(error, HubError::Interrupted));
    assert_eq!(std::fs::metadata(partial(dir.path())).unwrap().len(), 1000);
    hub.model(&name, &mut quiet).unwrap();
    assert_eq!(server.asked().last().unwrap().from, Some(1000));
    assert!(!partial(dir.path()).exists());
}

#[test]
fn a_wrong_beginning_is_thrown_away() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(model(), |_, reply| reply)));
    std::fs::create_dir_all(root(dir.path()).join("blobs")).unwrap();
    std::fs::write(partial(dir.path()), [0xff; 100]).unwrap();
    let path = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap();
    assert_eq!(std::fs::read(path.join(WEIGHTS)).unwrap(), large(WEIGHTS, SIZE).content);
    // One that is longer than the file is not even asked to be gone on with.
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(model(), |_, reply| reply)));
    std::fs::create_dir_all(root(dir.path()).join("blobs")).unwrap();
    std::fs::write(partial(dir.path()), [0xff; SIZE + 1]).unwrap();
    fetch(options(&server.address, dir.path()), "hf:org/name").unwrap();
    assert!(server.asked().iter().all(|asked| asked.from.is_none()));
}

#[test]
fn a_wrong_content_never_gets_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(hub(model(), |asked, mut reply| {
        if asked.path.starts_with("/cdn/") {
            reply.body[17] ^= 1;
        }
        reply
    }));
    let error = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap_err();
    assert!(matches!(error, HubError::Damaged { .. }) && one_line(&error).contains("SHA-256"), "{error}");
    let blob = partial(dir.path()).with_extension("");
    assert!(!blob.exists() && !root(dir.path()).join("snapshots").join(COMMIT).join(WEIGHTS).exists());
    assert_eq!(std::fs::metadata(partial(dir.path())).unwrap().len(), 0);
    assert!(!root(dir.path()).join("refs/main").exists());
}

#[test]
fn a_wrong_size_or_commit_is_refused() {
    let twists: [fn(&mut Reply); 3] = [
        |reply| reply.body.push(b' '),
        |reply| reply.body.clear(),
        |reply| reply.headers = vec![("X-Repo-Commit".to_owned(), "f".repeat(40))],
    ];
    for twist in twists {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(hub(model(), move |asked, mut reply| {
            if asked.path.ends_with("config.json") {
                twist(&mut reply);
            }
            reply
        }));
        let error = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap_err();
        assert!(matches!(error, HubError::Damaged { .. }), "{error}");
        one_line(&error);
    }
}

#[test]
fn an_endless_body_ends() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(hub(model(), |asked, mut reply| {
        reply.endless = asked.path.starts_with("/cdn/");
        reply
    }));
    let error = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap_err();
    assert!(one_line(&error).contains("sends more than"), "{error}");
    assert_eq!(std::fs::metadata(partial(dir.path())).unwrap().len(), 0);
    // A list has a limit as well.
    let server = Server::start(|_| Reply { endless: true, ..Reply::new(200, "[1,") });
    let client = Client::new(&options(&server.address, dir.path())).unwrap();
    let mut tell = quiet;
    let page = client.json::<serde_json::Value>(&client.url(["x"]), 1000, &mut Meter::new(&mut tell));
    assert!(matches!(page.err(), Some(Failure::Nonsense(_))));
}

#[test]
fn what_may_not_be_had_says_what_to_do() {
    let answers: [(u16, &str, bool, &str); 6] = [
        (401, "RepoNotFound", false, "HF_TOKEN"),
        (401, "RepoNotFound", true, "whoami"),
        (403, "GatedRepo", true, "granted"),
        (401, "GatedRepo", false, "granted"),
        (404, "RepoNotFound", false, "no model"),
        (404, "RevisionNotFound", false, "no revision `main`"),
    ];
    for (status, word, has_token, advice) in answers {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(move |_| Reply::new(status, "hf_secret").with("X-Error-Code", word));
        let token = has_token.then(|| Secret::new("hf_secret", "a test").unwrap());
        let error = fetch(Options { token, ..options(&server.address, dir.path()) }, "hf:org/name").unwrap_err();
        let line = one_line(&error);
        assert!(line.contains(advice) && line.contains("hf:org/name") && !line.contains("hf_secret"), "{line}");
        // Asking again would not help.
        assert_eq!(server.asked().len(), 1);
    }
}

#[test]
fn a_server_in_trouble_is_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut troubles = 2;
    let server = Server::start(hub(model(), move |_, reply| {
        if troubles == 0 {
            return reply;
        }
        troubles -= 1;
        Reply::new(503, "")
    }));
    fetch(options(&server.address, dir.path()), "hf:org/name").unwrap();
    let server = Server::start(|_| Reply::new(500, ""));
    let other = tempfile::tempdir().unwrap();
    let error = fetch(options(&server.address, other.path()), "hf:org/name").unwrap_err();
    assert!(error.may_pass() && one_line(&error).contains("500"), "{error}");
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn the_token_goes_to_the_hub_alone() {
    let storage = Server::start(hub(model(), |_, reply| reply));
    let elsewhere = storage.address.clone();
    let server = Server::start(hub(model(), move |_, mut reply| {
        for (name, value) in &mut reply.headers {
            if name.as_str() == "Location" {
                *value = format!("{elsewhere}{value}");
            }
        }
        reply
    }));
    let dir = tempfile::tempdir().unwrap();
    let token = Some(Secret::new("hf_secret", "a test").unwrap());
    fetch(Options { token, ..options(&server.address, dir.path()) }, "hf:org/name").unwrap();
    let expected = Some("Bearer hf_secret");
    assert!(server.asked().iter().all(|asked| asked.authorization.as_deref() == expected));
    assert_eq!(storage.asked().len(), 1);
    assert!(storage.asked().iter().all(|asked| asked.authorization.is_none()));
}

#[test]
fn offline_the_cache_must_do() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(model(), |_, reply| reply)));
    let offline = || Options { offline: true, ..options("http://127.0.0.1:1", dir.path()) };
    let error = fetch(offline(), "hf:org/name").unwrap_err();
    assert!(one_line(&error).contains("HF_HUB_OFFLINE"), "{error}");
    let path = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap();
    let nobody = || options("http://127.0.0.1:1", dir.path());
    assert_eq!(fetch(offline(), "hf:org/name").unwrap(), path);
    assert_eq!(fetch(offline(), &format!("hf:org/name@{COMMIT}")).unwrap(), path);
    assert!(matches!(fetch(offline(), "hf:org/name@v2"), Err(HubError::NotCached { .. })));
    // The same where nobody answers.
    assert_eq!(fetch(nobody(), "hf:org/name").unwrap(), path);
    let empty = tempfile::tempdir().unwrap();
    let error = fetch(options("http://127.0.0.1:1", empty.path()), "hf:org/name").unwrap_err();
    assert!(matches!(error, HubError::Unreachable { .. }), "{error}");
    // Half a model is none.
    std::fs::remove_file(path.join("tokenizer.json")).unwrap();
    let error = fetch(offline(), "hf:org/name").unwrap_err();
    assert!(one_line(&error).contains("tokenizer.json"), "{error}");
}

#[test]
fn a_hostile_list_writes_nothing() {
    for path in ["../../../x", "/tmp/x", "a/../../x"] {
        let mut files = model();
        files.push(small(path, "x"));
        let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(files, |_, reply| reply)));
        let error = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap_err();
        assert!(matches!(error, HubError::Nonsense { .. }), "{error}");
        one_line(&error);
        assert!(!root(dir.path()).exists());
    }
    let mut files = model();
    files.retain(|file| file.path != WEIGHTS);
    files.push(small("model.safetensors.index.json", r#"{"weight_map":{"a":"../../config.json"}}"#));
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(files, |_, reply| reply)));
    let error = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap_err();
    assert!(matches!(error, HubError::Unfit { .. }) && one_line(&error).contains("names"), "{error}");
}

#[test]
fn shards_come_with_their_index() {
    let files = vec![
        small("config.json", "{}"),
        small("tokenizer.json", "{}"),
        small(
            "model.safetensors.index.json",
            r#"{"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}"#,
        ),
        large("model-1.safetensors", 100),
        large("model-2.safetensors", 200),
        large("consolidated.safetensors", 300),
    ];
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(files, |_, reply| reply)));
    let path = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap();
    assert_eq!(std::fs::read(path.join("model-2.safetensors")).unwrap().len(), 200);
    assert!(!path.join("consolidated.safetensors").exists());
    let offline = Options { offline: true, ..options(&server.address, dir.path()) };
    assert_eq!(fetch(offline, "hf:org/name").unwrap(), path);
}

#[test]
fn pickles_are_not_fetched_and_a_gguf_file_is() {
    let files = vec![small("config.json", "{}"), small("tokenizer.json", "{}"), large("pytorch_model.bin", 10)];
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(files, |_, reply| reply)));
    let error = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap_err();
    assert!(one_line(&error).contains("pickles"), "{error}");
    assert_eq!(server.count("/org/name/resolve/"), 0);
    let files = vec![large("m-q4.gguf", 10), large("m-q8.gguf", 20)];
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(files, |_, reply| reply)));
    let path = fetch(options(&server.address, dir.path()), "hf:org/name/m-q8.gguf").unwrap();
    assert!(path.ends_with("m-q8.gguf") && std::fs::read(&path).unwrap().len() == 20);
    assert_eq!(server.count("/cdn/"), 1);
}

#[test]
fn a_data_set_gives_the_files_of_a_split() {
    let files = vec![
        small("README.md", "# Data"),
        large("data/train-00000-of-00002.parquet", 30),
        large("data/train-00001-of-00002.parquet", 40),
        small("data/test-00000-of-00001.parquet", "x"),
    ];
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(files, |_, reply| reply)));
    let options = || options(&server.address, dir.path());
    let train = data(options(), "hf:org/name", None).unwrap();
    assert_eq!(train.iter().map(|path| std::fs::read(path).unwrap().len()).collect::<Vec<_>>(), [30, 40]);
    assert!(train[0].starts_with(dir.path().join("datasets--org--name/snapshots")));
    assert_eq!(data(options(), "hf:org/name:test", None).unwrap().len(), 1);
    assert_eq!(data(options(), "hf:org/name", Some("test")).unwrap().len(), 1);
    let one = data(options(), "hf:org/name/data/test-00000-of-00001.parquet", None).unwrap();
    assert_eq!(std::fs::read(&one[0]).unwrap(), b"x");
    assert!(matches!(data(options(), "hf:org/name:none", None), Err(HubError::Unfit { .. })));
}

#[test]
fn a_data_set_without_files_of_its_own_is_taken_converted() {
    let own = vec![small("README.md", "# Data"), small("load.py", "print()")];
    let converted = vec![large("main/train/0000.parquet", 30), large("main/test/0000.parquet", 40)];
    let (mut plain, mut branch) = (hub(own, |_, reply| reply), hub(converted, |_, reply| reply));
    let other = "f".repeat(40);
    let server = Server::start(move |asked| {
        let mut asked = asked.clone();
        if asked.path.contains("refs%2Fconvert%2Fparquet") {
            return Reply::new(200, format!("{{\"sha\":\"{other}\"}}"));
        }
        let is_branch = asked.path.contains(&other);
        asked.path = asked.path.replace(&other, COMMIT);
        if !is_branch && !asked.path.starts_with("/cdn/") {
            return plain(&asked);
        }
        let mut reply = branch(&asked);
        reply.headers.retain(|(name, _)| name != "X-Repo-Commit");
        reply
    });
    let dir = tempfile::tempdir().unwrap();
    let files = data(options(&server.address, dir.path()), "hf:org/name", Some("test")).unwrap();
    assert_eq!(files.iter().map(|path| std::fs::read(path).unwrap().len()).collect::<Vec<_>>(), [40]);
    let offline = Options { offline: true, ..options(&server.address, dir.path()) };
    assert_eq!(data(offline, "hf:org/name:main:test", None).unwrap(), files);
    // The same where nobody answers, and without a wait.
    let begun = Instant::now();
    assert_eq!(data(gone(dir.path()), "hf:org/name:main:test", None).unwrap(), files);
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(matches!(
        data(options("http://127.0.0.1:1", dir.path()), "hf:org/name:none", None),
        Err(HubError::Unreachable { .. })
    ));
}

#[test]
fn a_full_disk_is_told_before() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(model(), |_, reply| reply)));
    let options = Options { spare: u64::MAX, ..options(&server.address, dir.path()) };
    let error = fetch(options, "hf:org/name").unwrap_err();
    assert!(matches!(error, HubError::Space { .. }) && one_line(&error).contains("make room"), "{error}");
    assert_eq!(server.count("/org/name/resolve/"), 0);
}

#[test]
fn redirects_in_a_circle_end() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(|_| Reply::new(302, "").with("Location", "/x")));
    let error = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap_err();
    assert!(matches!(error, HubError::Nonsense { .. }) && one_line(&error).contains("redirects"), "{error}");
}
