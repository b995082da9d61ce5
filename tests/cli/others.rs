//! Trainings of other programs, and servers that write.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[test]
fn trainings_of_other_programs_are_told_a_line_each_and_left_as_they_are() {
    let home = Home::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/watch");
    for (run, file) in [("a", "events.out.tfevents.1700000000.host"), ("b", "run-abcdefgh.wandb")] {
        let place = home.path("runs").join(run);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::copy(fixtures.join(file), place.join(file)).unwrap();
    }
    let runs = home.path("runs");
    let output = home.run(&["watch", runs.to_str().unwrap(), "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> =
        output.stdout.split(|b| *b == b'\n').filter_map(|l| serde_json::from_slice(l).ok()).collect();
    let told = |run: &str| lines.iter().find(|line| line["run"] == run).unwrap_or_else(|| panic!("{run}: {lines:?}"));
    assert_eq!((lines.len(), &told("a")["kind"], &told("b")["kind"]), (2, &"TensorBoard".into(), &"W&B".into()));
    let loss = told("a")["values"]["train/loss"].as_f64().unwrap();
    assert!((loss - 0.8).abs() < 1e-6, "{loss}");
    assert_eq!(std::fs::read_dir(&runs).unwrap().count(), 2, "nothing is written there");
    home.fails(2, &["watch", "/no/such/place"], &["/no/such/place", "name a directory"]);
}

/// Answers every request as a server of one model does, and counts the chats.
fn server() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let chats = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&chats);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || answer(stream, &counted));
        }
    });
    (address, chats)
}

/// One request, one answer, and the connection is closed.
fn answer(mut stream: std::net::TcpStream, chats: &AtomicUsize) {
    use std::io::{BufRead, BufReader, Read};
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut length, mut asked) = (String::new(), 0, String::new());
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        if asked.is_empty() {
            asked.clone_from(&line);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let reply = match () {
        () if asked.contains("/v1/models") => {
            r#"{"object":"list","data":[{"id":"small","object":"model"}]}"#.to_owned()
        }
        () if asked.contains("/chat/completions") => {
            chats.fetch_add(1, Ordering::Relaxed);
            let request: Value = serde_json::from_slice(&body).unwrap();
            assert!(request["temperature"].is_number() && request["seed"].is_u64(), "{request}");
            let text = r"It is \\boxed{4}.";
            let usage = r#""usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}"#;
            if request["stream"] == true {
                let delta =
                    format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}"#);
                let end = format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop"}}],{usage}}}"#);
                format!("data: {delta}\n\ndata: {end}\n\ndata: [DONE]\n\n")
            } else {
                format!(
                    r#"{{"choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],{usage}}}"#
                )
            }
        }
        () => String::new(),
    };
    let kind = if reply.starts_with("data:") { "text/event-stream" } else { "application/json" };
    let status = if reply.is_empty() { "404 Not Found" } else { "200 OK" };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        reply.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(reply.as_bytes()));
}

#[test]
fn servers_write_in_the_place_of_this_process() {
    let home = Home::new();
    let problems = home.path("problems.jsonl");
    let line = |id: usize| format!("{{\"id\":\"p{id}\",\"problem\":\"2 + 2, {id}\",\"answer\":\"4\"}}\n");
    std::fs::write(&problems, (0..20).map(line).collect::<String>()).unwrap();
    let (address, _) = server();
    let address = format!("http://{address}");
    let common = ["generate", "-s", "s", "--endpoint", &address, "-p", problems.to_str().unwrap(), "--samples", "2"];
    let key = ("CRIBBLE_API_KEY", "sk-of-nobody-else");
    let dry = home.command(&[&common[..], &["--dry-run"]].concat()).env(key.0, key.1).output().unwrap();
    let shown = String::from_utf8(dry.stdout).unwrap();
    assert!(shown.contains("2 + 2, 0") && shown.contains("\"small\"") && !shown.contains(key.1), "{shown}");
    let written = home.command(&[&common[..], &["--json"]].concat()).env(key.0, key.1).output().unwrap();
    let outcome: Value = serde_json::from_slice(&written.stdout).unwrap();
    assert_eq!(
        (&outcome["samples"], &outcome["correct"], &outcome["compute"]),
        (&40.into(), &40.into(), &"http".into())
    );
    // The same command makes nothing twice, and no key is anywhere in what it left.
    let again = home.json(&[&common[..], &["--json"]].concat());
    assert_eq!((&again["samples"], &again["existing"]), (&0.into(), &40.into()));
    let store = std::fs::read(home.path("data").join("sessions/s/session.db")).unwrap();
    assert!(!store.windows(key.1.len()).any(|part| part == key.1.as_bytes()));
    home.fails(2, &["generate", "-s", "s", "--backend", "http", "-m", "x"], &["--endpoint"]);
    home.fails(2, &["generate", "-s", "s", "--endpoint", "ftp://x"], &["ftp://x", "http://localhost:8000/v1"]);
}

/// Problems to which that server gives the right answer.
fn sums(home: &Home, count: usize) -> PathBuf {
    let path = home.path("sums.jsonl");
    let line = |id: usize| format!("{{\"id\":\"p{id}\",\"problem\":\"2 + 2, {id}\",\"answer\":\"4\"}}\n");
    std::fs::write(&path, (0..count).map(line).collect::<String>()).unwrap();
    path
}

#[test]
fn servers_are_scored_under_the_name_that_they_give_their_model() {
    let home = Home::new();
    let problems = sums(&home, 5);
    let (address, chats) = server();
    let address = format!("http://{address}");
    let common = ["eval", "-s", "s", "--endpoint", &address, "-p", text(&problems), "-n", "2", "--json"];
    let scored = home.json(&common);
    assert_eq!((&scored["model"], &scored["compute"]), (&"small".into(), &"http".into()));
    assert_eq!((&scored["problems"], &scored["n"], &scored["pass_at_1"]), (&5.into(), &2.into(), &1.0.into()));
    assert_eq!((&scored["mean_tokens"], chats.load(Ordering::Relaxed)), (&5.0.into(), 10));
    // What is there is not asked for again, and stands in the session.
    let again = home.json(&[&common[..], &["--name", "again"]].concat());
    assert_eq!((&again["existing"], chats.load(Ordering::Relaxed)), (&10.into(), 10));
    let session = Session::open(&home.path("data").join("sessions/s")).unwrap();
    let kept: Vec<String> =
        session.evals().unwrap().iter().map(|eval| format!("{} of {}", eval.name, eval.model)).collect();
    assert_eq!(kept, ["small of small", "again of small"]);
    assert_eq!(session.pool().unwrap(), [], "it is scored on them and learns nothing from them");
    // Another model than it serves, and what only this process could do.
    let other = [&common[..], &["-m", "large"]].concat();
    home.fails(1, &other, &["it serves small and not large"]);
    for refused in [&["--slots", "2"], &["--compute", "f32"]] {
        let output = home.run(&[&common[..], refused].concat());
        assert_eq!(output.status.code(), Some(2), "{refused:?}");
    }
    let nobody = home.run(&["eval", "-s", "s", "-p", text(&problems)]);
    assert_eq!(nobody.status.code(), Some(2), "a model is needed where no server has one");
    home.fails(2, &["eval", "-s", "t", "--endpoint", "ftp://x", "-p", text(&problems)], &["ftp://x: not an address"]);
    assert!(!home.path("data").join("sessions/t").exists(), "what is wrong is found before anything is made");
}

#[test]
fn servers_draw_in_rounds_and_nothing_twice() {
    let home = Home::new();
    let problems = sums(&home, 4);
    let (address, chats) = server();
    let address = format!("http://{address}");
    let arguments = [
        "sample",
        "-s",
        "s",
        "--endpoint",
        &address,
        "-p",
        text(&problems),
        "--first",
        "2",
        "--round",
        "2",
        "--most-draws",
        "4",
        "--max-tokens",
        "64",
        "--json",
    ];
    let first = home.json(&arguments);
    let draws = first["draws"].as_u64().unwrap();
    assert!(draws >= 8 && chats.load(Ordering::Relaxed) as u64 == draws, "{first}");
    assert_eq!((&first["solved"], &first["existing"]), (&4.into(), &0.into()));
    let again = home.json(&arguments);
    assert_eq!((&again["draws"], &again["existing"]), (&0.into(), &draws.into()));
    assert_eq!((&again["tokens"], chats.load(Ordering::Relaxed) as u64), (&first["tokens"], draws));
    // The samples are as any others: the rules judge them, though no server told token ids here.
    assert_eq!(home.json(&["filter", "-s", "s", "--json"])["judged"], draws);
}
