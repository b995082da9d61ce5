//! The backend against servers that answer well, and against those that do not.

mod begun;
mod counts;
mod server;
mod tokens;

use std::collections::BTreeMap;

use serde_json::json;
use sha2::{Digest, Sha256};

use self::server::{Asked, Reply, Server, bytes, completion, delta, ending, good, json_reply, stream, wait, whole};
use super::*;
use crate::records::{FinishReason, LiveServer, Role};

/// What became of a request: text, tokens, reason and what was shown, or the error.
type Outcome = Result<(String, usize, FinishReason, String), String>;

fn options(servers: &[&Server]) -> HttpOptions {
    let urls: Vec<String> = servers.iter().map(|server| server.url()).collect();
    let pace = Pace {
        first_pause: Duration::from_millis(2),
        longest_pause: Duration::from_millis(10),
        first_rest: Duration::from_millis(20),
        longest_rest: Duration::from_millis(50),
        ..Pace::default()
    };
    HttpOptions { pace, streams: 0, ..HttpOptions::for_addresses(urls.iter().map(String::as_str)).unwrap() }
}

fn backend(servers: &[&Server]) -> HttpBackend {
    HttpBackend::connect(options(servers)).unwrap()
}

pub(in crate::generate) fn request(id: u64) -> Request {
    Request {
        id,
        messages: vec![Message::new(Role::User, format!("problem {id}"))],
        sampling: Sampling::default(),
        stream: StreamKey { seed: 1, problem_id: format!("p{id}"), draw: 0, turn: 0 },
        dialogue: id,
    }
}

/// Steps until nothing is in flight. Each request starts once at most and ends once.
fn drain(backend: &mut HttpBackend) -> BTreeMap<u64, Outcome> {
    let (mut events, mut done, mut shown) = (Vec::new(), BTreeMap::new(), BTreeMap::<u64, String>::new());
    let begun = Instant::now();
    while backend.in_flight() > 0 {
        backend.step(&mut events).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(30), "it must come to an end");
        for event in events.drain(..) {
            match event {
                Event::Started { id, .. } => assert!(shown.insert(id, String::new()).is_none(), "started once"),
                Event::Text { id, delta, .. } => shown.get_mut(&id).unwrap().push_str(&delta),
                Event::Finished { id, text, tokens, reason, .. } => {
                    let outcome = Ok((text, tokens, reason, shown[&id].clone()));
                    assert!(done.insert(id, outcome).is_none(), "finished once");
                }
                Event::Failed { id, error } => assert!(done.insert(id, Err(error)).is_none(), "failed once"),
                Event::Postponed { .. } => panic!("servers put nothing off"),
            }
        }
    }
    done
}

/// Submits one request and waits for its end.
fn ask(backend: &mut HttpBackend, request: Request) -> Outcome {
    let id = request.id;
    backend.submit(request).unwrap();
    drain(backend).remove(&id).unwrap()
}

fn error_of(backend: &mut HttpBackend, request: Request) -> String {
    ask(backend, request).unwrap_err()
}

/// Steps until a step fails.
fn step_error(backend: &mut HttpBackend) -> String {
    let begun = Instant::now();
    loop {
        if let Err(error) = backend.step(&mut Vec::new()) {
            return error.to_string();
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it must come to an end");
    }
}

#[test]
fn forty_requests_over_four_servers_are_finished_once_each_mostly_by_the_healthy() {
    let healthy = Server::start(good);
    let slow = Server::start(|asked| {
        let mut reply = vec![wait(60)];
        reply.extend(good(asked));
        reply
    });
    let failing = Server::start(|asked| if asked.number % 5 == 4 { json_reply(500, &json!({})) } else { good(asked) });
    let garbage = Server::start(|_| whole(200, "Content-Type: application/json\r\n", "<html>?"));
    let servers = [&healthy, &slow, &failing, &garbage];
    let mut backend = HttpBackend::connect(HttpOptions { retries: 30, ..options(&servers) }).unwrap();
    assert_eq!(backend.slots(), 16);
    (0..40).for_each(|id| backend.submit(request(id)).unwrap());
    assert_eq!(backend.in_flight(), 40);
    let done = drain(&mut backend);
    assert_eq!(done.len(), 40);
    for (id, outcome) in done {
        let text = format!("answer to problem {id}");
        assert_eq!(outcome, Ok((text.clone(), 4, FinishReason::Stop, text)));
    }
    let health = backend.health();
    for (server, health) in servers.iter().zip(&health) {
        assert_eq!(server.asked().len() as u64, health.done + health.failed, "{health:?}");
        assert_eq!((health.in_flight, health.failed), (0, health.retried), "{health:?}");
    }
    assert_eq!(health.iter().map(|health| health.done).sum::<u64>(), 40);
    assert_eq!((health[0].failed, health[1].failed, health[3].done), (0, 0, 0));
    assert_eq!(health[2].failed, (health[2].done + health[2].failed) / 5);
    assert!(health[3].failed >= 4 && health[3].last_error.is_some());
    assert!(health[0].done + health[2].done > 20 && health[0].done > health[1].done, "{health:?}");
    assert_eq!(backend.spent(), Spent { calls: 40, prompt_tokens: 40 * 3, completion_tokens: 40 * 4 });
}

#[test]
fn a_stream_is_shown_as_it_comes_and_is_the_text() {
    let server = Server::start(|_| {
        let event = "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"é∑😀\"}}]}\r\n\r\n".as_bytes();
        let cut = event.iter().position(|byte| *byte >= 0x80).unwrap() + 1;
        let other = json!({"choices": [{"index": 1, "delta": {"content": "NOT THIS"}, "finish_reason": "length"}]});
        stream(vec![
            bytes(": welcome\r\n\r\n"),
            bytes(&event[..cut]),
            wait(10),
            bytes(&event[cut..]),
            bytes(format!("data: {other}\n\n")),
            delta(" and more"),
            ending(),
        ])
    });
    let mut backend = HttpBackend::connect(HttpOptions { streams: 1, ..options(&[&server]) }).unwrap();
    let text = "é∑😀 and more".to_owned();
    assert_eq!(ask(&mut backend, request(0)), Ok((text.clone(), 4, FinishReason::Stop, text)));
    let asked = server.asked();
    assert_eq!((asked.len(), asked[0].streamed()), (1, true));
    assert_eq!(asked[0].body["stream_options"], json!({"include_usage": true}));
}

#[test]
fn only_so_many_are_streamed() {
    let server = Server::start(|asked| {
        let mut reply = vec![wait(20)];
        reply.extend(good(asked));
        reply
    });
    let mut backend = HttpBackend::connect(HttpOptions { streams: 2, ..options(&[&server]) }).unwrap();
    (0..4).for_each(|id| backend.submit(request(id)).unwrap());
    assert!(drain(&mut backend).values().all(Result::is_ok));
    assert_eq!(server.asked().iter().filter(|asked| asked.streamed()).count(), 2);
}

/// What a server answers with.
type Fault = fn() -> Reply;

/// Asks a server whose first answer is `fault` and whose second is good. Returns how often it was asked.
fn asked_after(fault: impl Fn() -> Reply + Send + Sync + 'static, streams: usize) -> (Outcome, usize, LiveServer) {
    let server = Server::start(move |asked: &Asked| if asked.number == 0 { fault() } else { good(asked) });
    let short = Duration::from_millis(300);
    let options = HttpOptions { streams, idle_timeout: short, ..options(&[&server]) };
    let mut backend = HttpBackend::connect(options).unwrap();
    let outcome = ask(&mut backend, request(3));
    (outcome, server.asked().len(), backend.health().remove(0))
}

#[test]
fn what_may_pass_is_tried_again() {
    let is_json = "Content-Type: application/json\r\n";
    let faults: [(&str, Fault); 9] = [
        ("empty", || whole(200, "Content-Type: application/json\r\n", "")),
        ("blank", || whole(200, "Content-Type: application/json\r\n", " \n")),
        ("garbage", || whole(200, "Content-Type: application/json\r\n", "{\"choices\": 3}")),
        ("500", || json_reply(500, &json!({"error": {"message": "oops"}}))),
        ("429", || whole(429, "Retry-After: 0\r\n", "")),
        ("wrong type", || whole(200, "Content-Type: text/html\r\n", "<html>")),
        ("compressed", || whole(200, "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "x")),
        ("closed early", || {
            vec![bytes("HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{")]
        }),
        ("closed at once", Vec::new),
    ];
    for (name, fault) in faults {
        let (outcome, count, health) = asked_after(fault, 0);
        assert_eq!(outcome.map(|(text, ..)| text), Ok("answer to problem 3".to_owned()), "{name}");
        assert_eq!((count, health.done, health.failed, health.retried), (2, 1, 1, 1), "{name}: {health:?}");
        assert!(health.last_error.is_some_and(|error| !error.contains('\n')), "{name}");
    }
    let huge = move || whole_head(&format!("{is_json}Content-Length: 9000000\r\n"));
    let (_, count, health) = asked_after(huge, 0);
    assert_eq!(count, 2);
    assert!(health.last_error.unwrap().contains("longer than 8192 KiB"));
}

/// An answer of which only the head comes.
fn whole_head(headers: &str) -> Reply {
    vec![bytes(format!("HTTP/1.1 200 X\r\n{headers}\r\n"))]
}

#[test]
fn streams_that_break_off_are_asked_for_again_unstreamed() {
    let faults: [(&str, Fault); 5] = [
        ("stalls", || stream(vec![delta("answer"), wait(2000)])),
        ("ends early", || stream(vec![delta("answer to pro")])),
        ("says an error", || stream(vec![delta("answer"), bytes("data: {\"error\": {\"message\": \"oom\"}}\n\n")])),
        ("endless line", || stream(vec![delta("answer"), bytes(vec![b'x'; (1 << 20) + 1])])),
        ("no text", || stream(vec![delta("answer"), bytes(b"data: \xff\xfe\n\n".to_vec())])),
    ];
    for (name, fault) in faults {
        let (outcome, count, health) = asked_after(fault, 4);
        let text = "answer to problem 3".to_owned();
        assert_eq!(outcome, Ok((text.clone(), 4, FinishReason::Stop, text)), "{name}");
        assert_eq!((count, health.failed, health.retried), (2, 1, 1), "{name}");
    }
    // Another text the second time: the end brings it whole.
    let (outcome, _, _) = asked_after(|| stream(vec![delta("something else")]), 4);
    let (text, _, _, shown) = outcome.unwrap();
    assert_eq!((text.as_str(), shown.as_str()), ("answer to problem 3", "something else"));
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    let refusals: [(&str, Fault); 5] = [
        ("400: no such", || json_reply(400, &json!({"error": {"message": "no such"}}))),
        ("404: The model", || json_reply(404, &json!({"error": {"message": "The model"}}))),
        ("sends on to http://elsewhere/", || whole(307, "Location: http://elsewhere/\r\n", "")),
        ("content_filter", || completion("x", "content_filter")),
        ("401: no key", || json_reply(401, &json!({"error": {"message": "no key"}}))),
    ];
    for (words, refusal) in refusals {
        let (outcome, count, health) = asked_after(refusal, 0);
        let error = outcome.unwrap_err();
        assert!(error.contains(words) && error.starts_with("http://127.0.0.1:"), "{error}");
        assert_eq!((count, health.failed, health.retried), (1, 1, 0), "{words}");
    }
}

#[test]
fn a_refused_sampling_value_is_named() {
    let server = Server::start(|_| json_reply(400, &json!({"error": {"message": "unknown field min_p"}})));
    let mut backend = backend(&[&server]);
    let sampling = Sampling { min_p: 0.1, ..Sampling::default() };
    let error = error_of(&mut backend, Request { sampling, ..request(0) });
    assert!(error.contains("does not take `min_p`; leave it off (min_p 0)"), "{error}");
    let ollama = Server::of_model(json!({"id": "m", "owned_by": "library"}), 0, good);
    let mut backend = HttpBackend::connect(options(&[&ollama])).unwrap();
    let sampling = Sampling { top_k: 5, ..Sampling::default() };
    let wanted = |id| Request { sampling: sampling.clone(), ..request(id) };
    assert!(backend.submit(wanted(0)).unwrap_err().to_string().contains("`top_k`"));
    // Beside another server it gets no work of that kind, and is named.
    let other = Server::start(good);
    let mut backend = HttpBackend::connect(options(&[&ollama, &other])).unwrap();
    (0..5).for_each(|id| backend.submit(wanted(id)).unwrap());
    assert!(drain(&mut backend).values().all(Result::is_ok));
    assert_eq!((ollama.asked().len(), other.asked().len()), (0, 5));
    let health = &backend.health()[0];
    assert!(
        health.state == crate::records::ServerState::Sick
            && health.last_error.as_ref().is_some_and(|why| why.contains("`top_k`"))
    );
}

#[test]
fn tries_have_an_end() {
    let server = Server::start(|_| json_reply(500, &json!({"error": {"message": "oops"}})));
    let mut backend = HttpBackend::connect(HttpOptions { retries: 2, ..options(&[&server]) }).unwrap();
    let error = error_of(&mut backend, request(0));
    assert!(error.ends_with("500: oops (after 3 tries)"), "{error}");
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn a_slow_drip_ends_with_the_total_timeout() {
    let server = Server::start(|_| stream((0..400).flat_map(|_| [bytes(": drip\n\n"), wait(5)]).collect()));
    let limits = HttpOptions { total_timeout: Duration::from_millis(150), retries: 0, ..options(&[&server]) };
    let mut backend = HttpBackend::connect(HttpOptions { streams: 1, ..limits }).unwrap();
    let begun = Instant::now();
    let error = error_of(&mut backend, request(0));
    assert!(error.contains("no whole answer"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(backend.health()[0].allowed, 2, "half of what was allowed");
}

#[test]
fn a_dialogue_stays_at_its_server() {
    let servers = [Server::start(good), Server::start(good)];
    let mut backend = backend(&[&servers[0], &servers[1]]);
    for turn in 0..6 {
        let stream = StreamKey { turn, ..request(0).stream };
        assert!(ask(&mut backend, Request { id: 9, stream, dialogue: 5, ..request(0) }).is_ok());
        // Other dialogues go where less has been done.
        assert!(ask(&mut backend, request(10 + u64::from(turn))).is_ok());
    }
    let turns = |server: &Server| server.asked().iter().filter(|asked| asked.text() == "answer to problem 0").count();
    assert_eq!((turns(&servers[0]), turns(&servers[1])), (6, 0));
    assert!(!servers[1].asked().is_empty());
}

#[test]
fn a_later_turn_that_does_not_fit_ends_its_dialogue() {
    let full = json!({"error": {"message": "This model's maximum context length is 64 tokens", "code": 400}});
    let server = Server::start(move |_| json_reply(400, &full));
    let mut backend = backend(&[&server]);
    let later = Request { stream: StreamKey { turn: 1, ..request(0).stream }, ..request(0) };
    assert_eq!(ask(&mut backend, later), Ok((String::new(), 0, FinishReason::ContextFull, String::new())));
    assert!(error_of(&mut backend, request(1)).contains("maximum context length"));
}

#[test]
fn cancelled_requests_are_heard_of_no_more() {
    let server = Server::start(|asked| if asked.number == 0 { vec![wait(3000)] } else { good(asked) });
    let mut only = options(&[&server]);
    only.endpoints[0].most_in_flight = Some(1);
    let mut backend = HttpBackend::connect(only).unwrap();
    (0..3).for_each(|id| backend.submit(request(id)).unwrap());
    let mut events = Vec::new();
    let begun = Instant::now();
    while server.asked().is_empty() && begun.elapsed() < Duration::from_secs(10) {
        backend.step(&mut events).unwrap();
    }
    backend.cancel(0);
    backend.cancel(1);
    assert_eq!((backend.in_flight(), backend.health()[0].in_flight), (1, 0));
    let done = drain(&mut backend);
    assert_eq!(done.keys().copied().collect::<Vec<_>>(), [2]);
    assert!(events.is_empty() && begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn when_all_are_sick_for_long_the_work_is_given_up() {
    let server = Server::start(|_| json_reply(502, &json!({"error": "gone"})));
    let mut options = HttpOptions { retries: 10_000, ..options(&[&server]) };
    options.pace.patience = Duration::from_millis(60);
    let mut backend = HttpBackend::connect(options).unwrap();
    (0..6).for_each(|id| backend.submit(request(id)).unwrap());
    let error = step_error(&mut backend);
    assert!(error.contains("no server has been well") && error.contains("502: gone"), "{error}");
    assert_eq!(backend.in_flight(), 6, "nothing was lost on the way");
}

#[test]
fn the_start_says_which_server_does_not_answer_and_why() {
    let error = |options| HttpBackend::connect(options).map(|_| ()).unwrap_err().to_string();
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/v1", listener.local_addr().unwrap())
    };
    let gone = HttpOptions::for_addresses([closed.as_str()]).unwrap();
    let line = error(gone.clone());
    assert!(
        line.starts_with(&format!("no server answers: {closed}: cannot connect")) && !line.contains('\n'),
        "{line}"
    );

    let (one, other) = (Server::start(good), Server::of_model(json!({"id": "other"}), 0, good));
    let line = error(options(&[&one, &other]));
    assert!(line.contains("serves m and ") && line.contains("serves other; a pool serves one model"), "{line}");
    let line = error(HttpOptions { model: Some("x".into()), ..options(&[&one]) });
    assert!(line.ends_with("it serves m and not x; name one that it has"), "{line}");

    // One that answers is enough.
    let mut both = options(&[&one]);
    both.endpoints.extend(gone.endpoints);
    let mut backend = HttpBackend::connect(both).unwrap();
    assert_eq!(backend.slots(), 4);
    assert!(ask(&mut backend, request(0)).is_ok());
    assert!(backend.health()[1].last_error.as_ref().unwrap().contains("cannot connect"));
}

#[test]
fn one_that_answers_late_gets_work_then() {
    let early = Server::start(|asked| {
        let mut reply = vec![wait(15)];
        reply.extend(good(asked));
        reply
    });
    let late = Server::of_model(json!({"id": "m"}), 1, good);
    let mut backend = backend(&[&early, &late]);
    assert!(backend.health()[1].last_error.as_ref().unwrap().contains("loading"));
    (0..40).for_each(|id| backend.submit(request(id)).unwrap());
    assert!(drain(&mut backend).values().all(Result::is_ok));
    assert!(backend.health()[1].done > 0 && backend.health()[1].failed == 0);
}

#[test]
fn the_key_goes_into_one_header_and_nowhere_else() {
    let server = Server::start(|asked| match asked.number {
        0 => good(asked),
        _ => json_reply(400, &json!({"error": {"message": "bad key sk-test-1 here"}})),
    });
    let key = Some(Secret::new("sk-test-1", "test").unwrap());
    let mut backend = HttpBackend::connect(HttpOptions { key, ..options(&[&server]) }).unwrap();
    assert!(ask(&mut backend, request(0)).is_ok());
    let asked = server.asked().remove(0);
    assert!(asked.head.contains("authorization: bearer sk-test-1\r\n"), "{}", asked.head);
    assert!(asked.head.contains("accept-encoding: identity\r\n") && !asked.body.to_string().contains("sk-test"));
    let error = error_of(&mut backend, request(1));
    assert!(error.contains("bad key *** here"), "{error}");
    let rendered = backend.render(&request(0).messages).unwrap();
    assert!(rendered.contains("\n  \"model\": \"m\"") && !rendered.contains("sk-test"), "{rendered}");
    assert!(!format!("{:?}", backend.options).contains("sk-test"));
}

#[test]
fn the_identity_is_the_served_name() {
    let server = Server::of_model(json!({"id": "org/model", "owned_by": "vllm", "max_model_len": 4096}), 0, good);
    let plain = backend(&[&server]);
    let digest: String = Sha256::digest(b"httporg/model").iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = ModelIdentity {
        name: "org/model".into(),
        content: digest,
        template: "server".into(),
        compute: "http".into(),
        context_length: 4096,
    };
    assert_eq!(plain.identity(), &expected);
    let extra = json!({"chat_template_kwargs": {"enable_thinking": false}}).as_object().unwrap().clone();
    let other = HttpBackend::connect(HttpOptions { extra, ..options(&[&server]) }).unwrap();
    assert_ne!(other.identity().content, plain.identity().content);
    let shown: Value = serde_json::from_str(&other.render(&request(0).messages).unwrap()).unwrap();
    assert_eq!((&shown["return_token_ids"], &shown["top_k"]), (&json!(true), &json!(-1)));
}

#[test]
fn what_cannot_be_asked_is_refused_at_once() {
    let server = Server::start(good);
    let mut backend = backend(&[&server]);
    assert!(backend.submit(Request { messages: Vec::new(), ..request(0) }).is_err());
    let sampling = Sampling { top_p: 0.0, ..Sampling::default() };
    assert!(backend.submit(Request { sampling, ..request(0) }).is_err());
    assert_eq!(backend.in_flight(), 0);
    backend.step(&mut Vec::new()).unwrap();
}
