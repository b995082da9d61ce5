//! How little the Hub is asked, and what happens where it does not answer.

use super::*;

/// A hub that begins an answer and breaks off.
fn silent() -> Server {
    Server::start(|_| Reply { cut: Some(0), ..Reply::new(200, "{}") })
}

#[test]
fn a_process_asks_once_what_lies_at_a_revision() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(model(), |_, reply| reply)));
    let hub = Hub::new(options(&server.address, dir.path())).unwrap();
    let name = Name::parse("hf:org/name").unwrap();
    let path = hub.model(&name, &mut quiet).unwrap();
    assert_eq!(server.count("/api/"), 2);
    let all = server.asked().len();
    assert_eq!(hub.model(&name, &mut quiet).unwrap(), path);
    assert_eq!(server.asked().len(), all);
    // What went from the cache meanwhile is fetched, and only that.
    std::fs::remove_file(path.join("tokenizer.json")).unwrap();
    std::fs::remove_dir_all(root(dir.path()).join("blobs")).unwrap();
    std::fs::create_dir_all(root(dir.path()).join("blobs")).unwrap();
    hub.model(&name, &mut quiet).unwrap();
    assert_eq!((server.count("/api/"), server.count("/cdn/")), (2, 2));
    assert_eq!(std::fs::read_to_string(path.join("tokenizer.json")).unwrap(), "{\"a\":1}");
    // Another process does not know of it.
    fetch(options(&server.address, dir.path()), "hf:org/name").unwrap();
    assert_eq!(server.count("/api/"), 4);
}

#[test]
fn what_was_listed_and_is_gone_is_asked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut is_gone = true;
    let server = Server::start(hub(model(), move |asked, reply| {
        let is_weights = asked.path.starts_with("/cdn/");
        if is_weights && std::mem::take(&mut is_gone) { Reply::new(404, "") } else { reply }
    }));
    let hub = Hub::new(options(&server.address, dir.path())).unwrap();
    let name = Name::parse("hf:org/name").unwrap();
    assert!(matches!(hub.model(&name, &mut quiet), Err(HubError::Missing { .. })));
    hub.model(&name, &mut quiet).unwrap();
    assert_eq!(server.count("/api/"), 4);
}

#[test]
fn a_commit_that_is_whole_in_the_cache_asks_nobody() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(model(), |_, reply| reply)));
    let path = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap();
    let (all, pinned) = (server.asked().len(), format!("hf:org/name@{COMMIT}"));
    assert_eq!(fetch(options(&server.address, dir.path()), &pinned).unwrap(), path);
    assert_eq!(server.asked().len(), all);
    // Nothing says any more that the model has no such file, so it is asked for, and that is kept again.
    let mark = root(dir.path()).join(".no_exist").join(COMMIT).join("chat_template.jinja");
    std::fs::remove_file(&mark).unwrap();
    assert_eq!(fetch(options(&server.address, dir.path()), &pinned).unwrap(), path);
    assert!(server.asked().len() == all + 2 && mark.exists());
    // So it is where a file is missing.
    std::fs::remove_file(path.join("config.json")).unwrap();
    fetch(options(&server.address, dir.path()), &pinned).unwrap();
    assert!(server.asked().len() > all + 2 && path.join("config.json").exists());
}

#[test]
fn a_split_at_a_commit_asks_nobody_when_nothing_else_could_be_meant() {
    let files = vec![small("data/test-00000-of-00001.parquet", "x"), small("data/train-00000-of-00001.parquet", "y")];
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(files, |_, reply| reply)));
    let options = || options(&server.address, dir.path());
    let test = data(options(), "hf:org/name:test", None).unwrap();
    let all = server.asked().len();
    assert_eq!(data(options(), &format!("hf:org/name:test@{COMMIT}"), None).unwrap(), test);
    assert_eq!(server.asked().len(), all);
    // The cache alone would have taken the test data for all of it.
    let train = data(options(), &format!("hf:org/name@{COMMIT}"), None).unwrap();
    assert_eq!(std::fs::read(&train[0]).unwrap(), b"y");
    assert_eq!(server.asked().len(), all + 3);
}

#[test]
fn where_nobody_answers_the_cache_is_used_at_once() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(model(), |_, reply| reply)));
    let path = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap();
    drop(server);
    let begun = Instant::now();
    assert_eq!(fetch(gone(dir.path()), "hf:org/name").unwrap(), path);
    // As soon as there is nothing else to do, it is patient again: this one is stopped at its first wait.
    let other = tempfile::tempdir().unwrap();
    let mut told = 0;
    let mut stop = |_: Progress| {
        told += 1;
        if told > 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let name = Name::parse("hf:org/name").unwrap();
    let error = Hub::new(gone(other.path())).unwrap().model(&name, &mut stop).unwrap_err();
    assert!(matches!(error, HubError::Interrupted), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_hub_that_was_silent_is_left_alone_where_the_cache_will_do() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(model(), |_, reply| reply)));
    let path = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap();
    let silent = silent();
    let hub = Hub::new(options(&silent.address, dir.path())).unwrap();
    let model = |name: &str| hub.model(&Name::parse(name).unwrap(), &mut quiet);
    for _ in 0..3 {
        assert_eq!(model("hf:org/name").unwrap(), path);
    }
    assert_eq!(silent.asked().len(), 1);
    // What the cache does not have has to be asked for.
    assert!(matches!(model("hf:org/other"), Err(HubError::Unreachable { .. })));
    assert_eq!(silent.asked().len(), 5);
    // Another one is asked all the same.
    let other = Hub::new(options(&server.address, dir.path())).unwrap();
    let asked = server.count("/api/");
    other.model(&Name::parse("hf:org/name").unwrap(), &mut quiet).unwrap();
    assert_eq!(server.count("/api/"), asked + 2);
}

#[test]
fn half_a_model_is_not_used_where_nobody_answers() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(hub(model(), |_, reply| reply)));
    let path = fetch(options(&server.address, dir.path()), "hf:org/name").unwrap();
    std::fs::remove_file(path.join("tokenizer.json")).unwrap();
    let error = fetch(options("http://127.0.0.1:1", dir.path()), "hf:org/name").unwrap_err();
    assert!(one_line(&error).contains("tokenizer.json"), "{error}");
}
