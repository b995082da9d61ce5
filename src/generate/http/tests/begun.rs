//! Answers that are begun, and are to be gone on with.

use super::*;
use crate::model::MICRO;
use crate::records::ServerState;

fn of(owner: &str, behaviour: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Server {
    Server::of_model(json!({"id": "m", "owned_by": owner}), 0, behaviour)
}

fn begun(id: u64) -> Request {
    let question = Message::new(Role::User, format!("problem {id}"));
    Request { messages: vec![question, Message::new(Role::Assistant, "Let me see:")], ..request(id) }
}

#[test]
fn each_kind_of_server_is_told_as_it_wants_to_be() {
    for (owner, told) in [("vllm", true), ("sglang", true), ("llamacpp", false)] {
        let server = of(owner, |_| completion(" it is 4.", "stop"));
        let mut backend = backend(&[&server]);
        let text = " it is 4.".to_owned();
        assert_eq!(ask(&mut backend, begun(0)), Ok((text.clone(), 4, FinishReason::Stop, text)), "{owner}");
        let body = server.asked().remove(0).body;
        assert_eq!(body["messages"][1], json!({"role": "assistant", "content": "Let me see:"}), "{owner}");
        let fields = (body.get("continue_final_message"), body.get("add_generation_prompt"));
        assert_eq!(fields, (told.then_some(&json!(true)), told.then_some(&json!(false))), "{owner}");
    }
}

#[test]
fn a_beginning_is_taken_off_only_where_it_is_known_to_be_said_again() {
    for (owner, streams, kept) in [
        ("llamacpp", 0, " it is 4."),
        ("llamacpp", 1, "Let me see: it is 4."),
        ("vllm", 0, "Let me see: it is 4."),
        ("sglang", 1, "Let me see: it is 4."),
    ] {
        // Which is what a model may write.
        let server = of(owner, |asked| match asked.streamed() {
            true => stream(vec![delta("Let me"), delta(" see: it"), delta(" is 4."), ending()]),
            false => completion("Let me see: it is 4.", "stop"),
        });
        let mut backend = HttpBackend::connect(HttpOptions { streams, ..options(&[&server]) }).unwrap();
        let text = kept.to_owned();
        assert_eq!(ask(&mut backend, begun(0)), Ok((text.clone(), 4, FinishReason::Stop, text)), "{owner} {streams}");
    }
}

#[test]
fn servers_that_cannot_are_refused_alone_and_passed_over_beside_others() {
    let (ollama, other) = (of("library", good), of("test", good));
    let mut pool = backend(&[&ollama, &other]);
    let error = pool.submit(begun(0)).unwrap_err().to_string();
    assert!(error.contains(&ollama.url()) && error.contains("ask vLLM, SGLang or llama-server, or give --tokenizer"));
    assert!(!error.contains('\n') && pool.in_flight() == 0, "{error}");

    let able = of("vllm", |_| completion(" it is 4.", "stop"));
    let mut pool = backend(&[&ollama, &able, &other]);
    (0..6).for_each(|id| pool.submit(begun(id)).unwrap());
    assert!(drain(&mut pool).values().all(Result::is_ok));
    assert_eq!((ollama.asked().len(), able.asked().len(), other.asked().len()), (0, 6, 0));
    // They are well, and get what they can do.
    assert!(pool.health().iter().all(|health| health.state == ServerState::Healthy));
    (10..16).for_each(|id| pool.submit(request(id)).unwrap());
    drain(&mut pool);
    assert!(!ollama.asked().is_empty() && !other.asked().is_empty());

    // A prompt of tokens is the same to all.
    let tokens =
        HttpOptions { prompts: Prompts::Tokens(Box::new(PromptTokens::open(MICRO).unwrap())), ..options(&[&other]) };
    let mut pool = HttpBackend::connect(tokens).unwrap();
    let (text, ..) = ask(&mut pool, begun(0)).unwrap();
    assert!(text.starts_with("answer to ") && text.ends_with(" tokens"), "{text}");
}

#[test]
fn one_that_starts_late_and_cannot_either_is_told_of_like_the_others() {
    let (ollama, late) = (of("library", good), Server::of_model(json!({"id": "m", "owned_by": "test"}), 1, good));
    let mut pool = backend(&[&ollama, &late]);
    pool.submit(begun(0)).unwrap();
    let error = step_error(&mut pool);
    let lines = [ollama.url(), late.url()].map(|url| line(&url, CANNOT_GO_ON)).join("; ");
    let expected =
        format!("no server is left that can write what is left to write ({lines}); what was written is stored");
    assert_eq!(error, expected);
}

#[test]
fn work_that_only_sick_servers_could_do_is_given_up() {
    let ollama = of("library", good);
    let broken = of("vllm", |_| json_reply(502, &json!({"error": "gone"})));
    let mut options = HttpOptions { retries: 10_000, ..options(&[&ollama, &broken]) };
    options.pace.patience = Duration::from_millis(60);
    let mut pool = HttpBackend::connect(options).unwrap();
    pool.submit(begun(0)).unwrap();
    let error = step_error(&mut pool);
    let well = line(&ollama.url(), CANNOT_GO_ON);
    assert!(error.contains("502: gone") && error.contains(&well) && !error.contains("has been well"), "{error}");
    assert!(error.ends_with("what was written is stored, and the same command goes on"), "{error}");
    assert_eq!(pool.in_flight(), 1, "nothing was lost on the way");
}

#[test]
fn one_that_gets_no_work_of_a_kind_does_not_end_that_of_the_others() {
    let ollama = of("library", good);
    let weary = of("vllm", |asked| match asked.number {
        ..12 => json_reply(500, &json!({"error": "oops"})),
        _ => good(asked),
    });
    let mut pool = HttpBackend::connect(HttpOptions { retries: 20, ..options(&[&ollama, &weary]) }).unwrap();
    let sampling = Sampling { top_k: 5, ..Sampling::default() };
    (0..4).for_each(|id| pool.submit(Request { sampling: sampling.clone(), ..request(id) }).unwrap());
    assert!(drain(&mut pool).values().all(Result::is_ok), "it rested, and was well again");
    assert_eq!((ollama.asked().len(), pool.health().remove(0).state), (0, ServerState::Sick));
}
