//! What is counted, told of and streamed: tokens spent, probabilities, failures in a row, who is looked at.

use super::server::chosen;
use super::*;

#[test]
fn probabilities_are_asked_for_and_added_up() {
    let token = |value: f64| json!({"token": "x", "logprob": value, "top_logprobs": [{"token": "y", "logprob": -9.0}]});
    let told = json!({"content": [token(-0.5), token(-0.25), token(0.0), token(-0.25)]});
    let server = Server::start(move |_| {
        chosen(&json!({"message": {"content": "It is 4."}, "finish_reason": "stop", "logprobs": told}))
    });
    let of = |logprobs| {
        let mut backend = HttpBackend::connect(HttpOptions { logprobs, ..options(&[&server]) }).unwrap();
        backend.submit(request(0)).unwrap();
        let mut events = Vec::new();
        while backend.in_flight() > 0 {
            backend.step(&mut events).unwrap();
        }
        match events.pop() {
            Some(Event::Finished { logprob, .. }) => logprob,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((of(true), of(false)), (Some(-1.0), Some(-1.0)));
    let asked = server.asked();
    assert_eq!((&asked[0].body["logprobs"], asked[1].body.get("logprobs")), (&json!(true), None));
}

#[test]
fn what_was_answered_is_counted_even_where_it_is_of_no_use() {
    let server = Server::start(|asked| match asked.number {
        0 => completion("x", "content_filter"),
        1 => json_reply(500, &json!({"error": "oops"})),
        2 => json_reply(400, &json!({"error": {"message": "no"}})),
        _ => good(asked),
    });
    let mut backend = HttpBackend::connect(HttpOptions { retries: 0, ..options(&[&server]) }).unwrap();
    let spent = |calls| Spent { calls, prompt_tokens: 3 * calls, completion_tokens: 4 * calls };
    assert_eq!(backend.spent(), spent(0));
    for (id, calls) in [(0, 1), (1, 1), (2, 1), (3, 2)] {
        let outcome = ask(&mut backend, request(id));
        assert_eq!((outcome.is_ok(), backend.spent()), (id == 3, spent(calls)), "{id}");
    }
    assert!(backend.drains());
}

#[test]
fn failures_that_are_about_one_request_say_nothing_of_the_next() {
    let full = json!({"error": {"message": "This model's maximum context length is 64 tokens"}});
    let server = Server::start(move |asked| match asked.number {
        0 | 5 => json_reply(400, &full),
        1 | 6 | 8 => json_reply(422, &json!({"error": {"message": "the prompt is not fine"}})),
        2 => json_reply(404, &json!({"error": {"message": "gone"}})),
        3 | 7 => good(asked),
        4 => json_reply(500, &json!({"error": "oops"})),
        _ => json_reply(400, &json!({"error": {"message": "unknown field top_k"}})),
    });
    let mut backend = HttpBackend::connect(HttpOptions { retries: 0, ..options(&[&server]) }).unwrap();
    assert!(backend.fails_as_one(false), "nothing is known yet");
    // An answer ends a row.
    let expected = [false, false, true, true, true, true, true, true, false];
    for (id, expected) in (0..).zip(expected) {
        let _ = ask(&mut backend, request(id));
        assert_eq!(backend.fails_as_one(false), expected, "{id}");
    }
    // A value that the server does not take is sent with every request.
    let sampling = Sampling { top_k: 5, ..Sampling::default() };
    assert!(error_of(&mut backend, Request { sampling, ..request(9) }).contains("leave it off"));
    assert!(backend.fails_as_one(false));
}

#[test]
fn refusals_of_many_problems_say_something_of_the_next() {
    let server = Server::start(|asked| match asked.text().as_str() {
        "answer to problem 500" => good(asked),
        _ => json_reply(400, &json!({"error": {"message": "unknown field chat_tempalte"}})),
    });
    let mut backend = backend(&[&server]);
    let refused = |backend: &mut HttpBackend, ids: std::ops::Range<u64>| {
        ids.for_each(|id| backend.submit(request(id)).unwrap());
        assert!(drain(backend).values().all(Result::is_err));
    };
    refused(&mut backend, 0..FEW_PROBLEMS as u64 - 1);
    // Any number of draws of one problem is one.
    for id in 20..40 {
        error_of(&mut backend, Request { id, ..request(0) });
    }
    assert!(!backend.fails_as_one(false));
    refused(&mut backend, 100..101);
    assert!(backend.fails_as_one(false) && !backend.fails_as_one(true), "such work has been done before");
    // After an answer it takes more of them.
    assert!(ask(&mut backend, request(500)).is_ok());
    refused(&mut backend, 0..MANY_PROBLEMS as u64 - 1);
    assert!(!backend.fails_as_one(false));
    refused(&mut backend, 100..110);
    assert!(backend.fails_as_one(false) && backend.fails_as_one(true));
}

/// Which of the requests so far were streamed, by problem.
fn streamed(server: &Server) -> Vec<(String, bool)> {
    let mut all: Vec<_> = server.asked().iter().map(|asked| (asked.text(), asked.streamed())).collect();
    all.sort();
    all
}

#[test]
fn the_dialogue_that_is_looked_at_is_streamed_and_so_many_beside_it_as_ever() {
    let server = Server::start(good);
    let streaming = HttpOptions { streams: 1, ..options(&[&server]) };
    let mut backend = HttpBackend::connect(streaming).unwrap();
    let says = |id: u64, streamed: bool| (format!("answer to problem {id}"), streamed);
    // The first that begins.
    (0..2).for_each(|id| backend.submit(request(id)).unwrap());
    drain(&mut backend);
    assert_eq!(streamed(&server), [says(0, true), says(1, false)]);
    backend.look_at(Some(4));
    (2..6).for_each(|id| backend.submit(request(id)).unwrap());
    drain(&mut backend);
    assert_eq!(streamed(&server)[2..], [says(2, true), says(3, false), says(4, true), says(5, false)]);
    // Its next turn too, which is as many as are streamed at once.
    backend.submit(Request { dialogue: 4, ..request(6) }).unwrap();
    backend.submit(request(7)).unwrap();
    drain(&mut backend);
    assert_eq!(streamed(&server)[6..], [says(6, true), says(7, false)]);
    // One that is over, and whose turn was under way when it was looked at, leaves the place to others.
    (8..10).for_each(|id| backend.submit(request(id)).unwrap());
    drain(&mut backend);
    assert_eq!(streamed(&server)[8..], [says(8, true), says(9, false)]);
}

#[test]
fn where_nobody_watches_from_the_start_streaming_begins_with_the_first_look() {
    let server = Server::start(good);
    let mut backend = backend(&[&server]);
    (0..2).for_each(|id| backend.submit(request(id)).unwrap());
    assert!(drain(&mut backend).values().all(Result::is_ok));
    backend.look_at(Some(3));
    (2..5).for_each(|id| backend.submit(request(id)).unwrap());
    assert!(drain(&mut backend).values().all(Result::is_ok));
    let seen: Vec<bool> = streamed(&server).iter().map(|(_, streamed)| *streamed).collect();
    assert_eq!(seen, [false, false, true, true, false], "the one looked at, and one beside it");
}

#[test]
fn a_server_begins_with_as_many_as_it_works_on_at_once() {
    let of = |owner: &str, slots: u64| {
        let server = Server::of_model(json!({"id": "m", "owned_by": owner, "slots": slots}), 0, good);
        backend(&[&server]).health()[0].allowed
    };
    assert_eq!((of("llamacpp", 16), of("llamacpp", 2)), (16, 2));
    assert_eq!(of("llamacpp", 1 << 40), 4096, "no more than may ever be there");
    assert_eq!(of("vllm", 16), 4, "which has no such route");
}

#[test]
fn a_server_that_hangs_up_after_a_stream_without_a_word_loses_no_request() {
    let server = Server::start(|asked| {
        let text = format!(
            "data: {}\n\ndata: [DONE]\n\n",
            json!({"choices": [{"index": 0, "delta": {"content": asked.text()}, "finish_reason": "stop"}]})
        );
        let head = "HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5\r\n\r\n";
        // The connection is open until then, and nobody reads from it.
        vec![bytes(format!("{head}{:x}\r\n{text}\r\n0\r\n\r\n", text.len())), wait(300)]
    });
    let mut backend = HttpBackend::connect(HttpOptions { streams: 1, ..options(&[&server]) }).unwrap();
    for id in 0..3 {
        backend.submit(request(id)).unwrap();
        assert!(drain(&mut backend).values().all(Result::is_ok));
    }
    assert!(server.asked().iter().all(Asked::streamed));
    assert_eq!((backend.health()[0].done, backend.health()[0].failed), (3, 0));
}

#[test]
fn a_server_that_is_back_is_asked_again_what_it_is() {
    let model = json!({"id": "m", "owned_by": "llamacpp", "slots": [8, 2]});
    let server =
        Server::of_model(model, 0, |asked| if asked.number < 8 { json_reply(502, &json!({})) } else { good(asked) });
    let mut backend = HttpBackend::connect(HttpOptions { retries: 30, ..options(&[&server]) }).unwrap();
    assert_eq!(backend.slots(), 8);
    let begun = Instant::now();
    for id in 0.. {
        (0..8).for_each(|at| backend.submit(request(8 * id + at)).unwrap());
        assert!(drain(&mut backend).values().all(Result::is_ok));
        if backend.health()[0].allowed == 2 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it was started anew with two slots");
    }
}
