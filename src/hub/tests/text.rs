//! What turns chats into tokens is fetched without the weights, and is no model afterwards.

use super::*;

fn text(options: Options, name: &str) -> Result<PathBuf, HubError> {
    Hub::new(options)?.text(&Name::parse(name).unwrap(), &mut quiet)
}

fn offline(cache: &Path) -> Options {
    Options { offline: true, ..options("http://127.0.0.1:1", cache) }
}

/// A hub where `main` is this commit.
fn at(commit: &str) -> Server {
    let (mut answer, commit) = (hub(model(), |_, reply| reply), commit.to_owned());
    Server::start(move |asked| {
        let mut asked = asked.clone();
        asked.path = asked.path.replace(&commit, COMMIT);
        let mut reply = answer(&asked);
        for (_, value) in &mut reply.headers {
            *value = value.replace(COMMIT, &commit);
        }
        if asked.path.starts_with("/api/") {
            reply.body = String::from_utf8(reply.body).unwrap().replace(COMMIT, &commit).into_bytes();
        }
        reply
    })
}

#[test]
fn a_few_files_are_fetched_and_no_weights() {
    let mut files = model();
    files.push(small("tokenizer_config.json", "{\"b\":2}"));
    files.push(small("chat_template.jinja", "x"));
    files.push(small("tokenizer.model", "y"));
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(files, |_, reply| reply)));
    let hub = Hub::new(options(&server.address, dir.path())).unwrap();
    let name = Name::parse("hf:org/name").unwrap();
    let mut told = Vec::new();
    let path = hub
        .text(&name, &mut |progress| {
            told.push(progress);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(path, root(dir.path()).join("snapshots").join(COMMIT));
    let entries = std::fs::read_dir(&path).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["chat_template.jinja", "config.json", "tokenizer.json", "tokenizer_config.json"]);
    let last = told.last().unwrap();
    assert_eq!((last.done, last.total), (17, 17));
    assert_eq!((server.count("/cdn/"), server.count("/org/name/resolve/")), (0, 4));
    // Neither this process nor another one asks for it again.
    let all = server.asked().len();
    assert_eq!(hub.text(&name, &mut quiet).unwrap(), path);
    assert_eq!(text(options(&server.address, dir.path()), &format!("hf:org/name@{COMMIT}")).unwrap(), path);
    assert_eq!(server.asked().len(), all);
    assert_eq!(text(offline(dir.path()), "hf:org/name").unwrap(), path);
}

#[test]
fn what_has_text_alone_is_no_whole_model() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(model(), |_, reply| reply)));
    let pinned = format!("hf:org/name@{COMMIT}");
    for name in ["hf:org/name", &pinned] {
        text(options(&server.address, dir.path()), name).unwrap();
        for options in [offline(dir.path()), options("http://127.0.0.1:1", dir.path())] {
            let error = fetch(options, name).unwrap_err();
            assert!(matches!(error, HubError::NotCached { .. }) && one_line(&error).contains(WEIGHTS), "{error}");
        }
    }
    assert_eq!(server.count("/cdn/"), 0);
    let path = fetch(options(&server.address, dir.path()), &pinned).unwrap();
    assert_eq!(std::fs::read(path.join(WEIGHTS)).unwrap(), large(WEIGHTS, SIZE).content);
    // A process that has asked for the one has the list for the other.
    let other = tempfile::tempdir().unwrap();
    let hub = Hub::new(options(&server.address, other.path())).unwrap();
    let name = Name::parse("hf:org/name").unwrap();
    let asked = server.count("/api/");
    let path = hub.text(&name, &mut quiet).unwrap();
    assert!(!path.join(WEIGHTS).exists());
    assert_eq!(hub.model(&name, &mut quiet).unwrap(), path);
    assert!(path.join(WEIGHTS).exists() && server.count("/api/") == asked + 2);
}

#[test]
fn a_model_in_the_cache_has_its_text() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(model(), |_, reply| reply)));
    let path = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap();
    let all = server.asked().len();
    assert_eq!(text(options(&server.address, dir.path()), &format!("hf:org/name@{COMMIT}")).unwrap(), path);
    assert_eq!(server.asked().len(), all);
}

#[test]
fn the_text_of_a_newer_commit_does_not_hide_an_older_model() {
    let (first, second) = (Server::start(hub(model(), |_, reply| reply)), "f".repeat(40));
    let moved = at(&second);
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let reference = |cache: &Path| std::fs::read_to_string(root(cache).join("refs/main")).unwrap();
    let old = fetch(options(&first.address, dir.path()), "hf:org/name").unwrap();
    let new = text(options(&moved.address, dir.path()), "hf:org/name").unwrap();
    assert!(new.ends_with(&second) && !new.join(WEIGHTS).exists());
    assert_eq!(reference(dir.path()), COMMIT);
    assert_eq!(fetch(offline(dir.path()), "hf:org/name").unwrap(), old);
    assert_eq!(text(offline(dir.path()), &format!("hf:org/name@{second}")).unwrap(), new);
    // Where there is text alone, the newest is what counts.
    text(options(&first.address, other.path()), "hf:org/name").unwrap();
    assert_eq!(reference(other.path()), COMMIT);
    text(options(&moved.address, other.path()), "hf:org/name").unwrap();
    assert_eq!(reference(other.path()), second);
}

#[test]
fn a_tokenizer_whose_chat_template_may_be_elsewhere_is_not_used() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(model(), |_, reply| reply)));
    let path = text(options(&server.address, dir.path()), "hf:org/name").unwrap();
    assert_eq!(text(offline(dir.path()), "hf:org/name").unwrap(), path);
    // As if a program had taken the tokenizer alone.
    let mark = root(dir.path()).join(".no_exist").join(COMMIT).join("tokenizer_config.json");
    std::fs::remove_file(mark).unwrap();
    let error = text(offline(dir.path()), "hf:org/name").unwrap_err();
    assert!(one_line(&error).contains("tokenizer_config.json"), "{error}");
}

#[test]
fn gguf_files_are_not_fetched_unless_one_is_named() {
    let files = vec![small("config.json", "{}"), large("m-q4.gguf", 10), large("m-q8.gguf", 20)];
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(files, |_, reply| reply)));
    let error = text(options(&server.address, dir.path()), "hf:org/name").unwrap_err();
    assert!(matches!(error, HubError::Unfit { .. }) && one_line(&error).contains("GGUF"), "{error}");
    assert_eq!(server.count("/org/name/resolve/"), 0);
    let path = text(options(&server.address, dir.path()), "hf:org/name/m-q4.gguf").unwrap();
    assert_eq!((std::fs::read(&path).unwrap().len(), server.count("/cdn/")), (10, 1));
}
