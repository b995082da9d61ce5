//! Prompts that are rendered here and sent as tokens.

use super::server::{chosen, event};
use super::*;
use crate::generate::local::{ChatText, ModelText};
use crate::model::{MICRO, ModelFiles};

fn with_tokens(options: HttpOptions) -> HttpOptions {
    HttpOptions { prompts: Prompts::Tokens(Box::new(PromptTokens::open(MICRO).unwrap())), ..options }
}

fn vllm(behaviour: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Server {
    Server::of_model(json!({"id": "m", "owned_by": "vllm"}), 0, behaviour)
}

/// What a local run would be given.
fn ids(messages: &[Message]) -> Vec<u32> {
    ModelText::new(&ModelFiles::open(MICRO).unwrap()).encode_chat(messages).unwrap()
}

#[test]
fn a_prompt_goes_out_as_the_tokens_of_a_local_run() {
    let server = vllm(|_| {
        let choice =
            json!({"index": 0, "text": " 4.", "finish_reason": "stop", "stop_reason": 2, "token_ids": [7, 8, 9, 2]});
        chosen(&choice)
    });
    let mut backend = HttpBackend::connect(with_tokens(options(&[&server]))).unwrap();
    let text = " 4.".to_owned();
    assert_eq!(ask(&mut backend, request(0)), Ok((text.clone(), 4, FinishReason::Stop, text)));
    let asked = server.asked().remove(0);
    let prompt = ids(&request(0).messages);
    assert!(!asked.chat && asked.body.get("messages").is_none());
    assert_eq!(asked.body["prompt"], json!(prompt));
    assert_eq!((&asked.body["stop_token_ids"], &asked.body["return_token_ids"]), (&json!(stop_ids()), &json!(true)));
    // A dry run shows the text and then the body.
    let shown = backend.render(&request(0).messages).unwrap();
    let (before, body) = shown.split_once("\n\n{\n").unwrap();
    assert!(before.contains("problem 0"), "{shown}");
    let body: Value = serde_json::from_str(&format!("{{{body}")).unwrap();
    assert_eq!((&body["prompt"], &body["model"]), (&json!(prompt), &json!("m")));
    assert!(shown.contains("\n  \"n\": 1,\n"), "{shown}");
}

fn stop_ids() -> Vec<u32> {
    ModelText::new(&ModelFiles::open(MICRO).unwrap()).stop_ids().to_vec()
}

#[test]
fn a_stream_of_a_prompt_is_shown_as_it_comes() {
    let server = vllm(|_| {
        let piece = |text: &str| event(&json!({"index": 0, "text": text, "finish_reason": null}));
        let end = event(&json!({"index": 0, "text": "", "finish_reason": "length"}));
        stream(vec![piece(" It"), wait(5), piece(" is"), end, bytes("data: [DONE]\n\n")])
    });
    let streaming = HttpOptions { streams: 1, ..with_tokens(options(&[&server])) };
    let mut backend = HttpBackend::connect(streaming).unwrap();
    backend.submit(request(0)).unwrap();
    let mut events = Vec::new();
    while backend.in_flight() > 0 {
        backend.step(&mut events).unwrap();
    }
    // The server does not count the prompt, whose tokens are known.
    let prompt_tokens = ids(&request(0).messages).len();
    assert_eq!(events[0], Event::Started { id: 0, prompt_tokens });
    let deltas = events.iter().filter_map(|event| match event {
        Event::Text { delta, .. } => Some(delta.as_str()),
        _ => None,
    });
    assert_eq!(deltas.collect::<String>(), " It is");
    let finished = Event::Finished {
        id: 0,
        text: " It is".into(),
        token_ids: Vec::new(),
        tokens: 2,
        logprob: None,
        reason: FinishReason::Length,
    };
    assert_eq!(events.last(), Some(&finished));
    assert_eq!(backend.spent(), Spent { calls: 1, prompt_tokens: prompt_tokens as u64, completion_tokens: 2 });
}

#[test]
fn a_server_that_takes_no_tokens_is_said_in_a_line() {
    for (words, status, said) in [
        ("404: Not Found", 404, json!({"detail": "Not Found"})),
        ("400: cannot unmarshal array", 400, json!({"error": "cannot unmarshal\narray"})),
    ] {
        let server = Server::start(move |_| json_reply(status, &said));
        let mut backend = HttpBackend::connect(with_tokens(options(&[&server]))).unwrap();
        let error = error_of(&mut backend, request(0));
        assert!(error.contains("leave --tokenizer out") && error.contains(words) && !error.contains('\n'), "{error}");
        assert!(backend.fails_as_one(false), "the next one will fail too");
    }
    // What is about something else is said as it is.
    let server = Server::start(|_| json_reply(404, &json!({"error": {"message": "The model `m` does not exist."}})));
    let mut backend = HttpBackend::connect(with_tokens(options(&[&server]))).unwrap();
    let error = error_of(&mut backend, request(0));
    assert!(error.ends_with("404: The model `m` does not exist.") && !error.contains("--tokenizer"), "{error}");
    // Where others were answered it is about the one request.
    let server = Server::start(|asked| match asked.number {
        0 => good(asked),
        _ => json_reply(400, &json!({"error": {"message": "no"}})),
    });
    let mut backend = HttpBackend::connect(with_tokens(options(&[&server]))).unwrap();
    assert!(ask(&mut backend, request(0)).is_ok());
    let error = error_of(&mut backend, request(1));
    assert!(error.ends_with("400: no") && !backend.fails_as_one(false), "{error}");
}

#[test]
fn a_chat_that_the_template_refuses_is_never_sent() {
    let server = vllm(good);
    let mut backend = HttpBackend::connect(with_tokens(options(&[&server]))).unwrap();
    // There is nothing to go on from in an empty beginning.
    let messages = vec![Message::new(Role::User, "a"), Message::new(Role::Assistant, " ")];
    let error = backend.submit(Request { messages, ..request(0) }).unwrap_err().to_string();
    assert!(error.contains("template of micro"), "{error}");
    assert_eq!((backend.in_flight(), server.asked().len()), (0, 0));
}

#[test]
fn samples_of_the_two_ways_are_told_apart() {
    let server = vllm(good);
    let chat = backend(&[&server]);
    let tokens = HttpBackend::connect(with_tokens(options(&[&server]))).unwrap();
    let template = ModelFiles::open(MICRO).unwrap().template.hash();
    assert_eq!((chat.identity().template.as_str(), &tokens.identity().template), ("server", &template));
    assert_ne!(chat.identity().content, tokens.identity().content);
    let again = HttpBackend::connect(with_tokens(options(&[&server]))).unwrap();
    assert_eq!(again.identity(), tokens.identity());
    // Other tokens of the same texts are another prompt.
    let directory = tempfile::tempdir().unwrap();
    let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/micro");
    for file in ["tokenizer_config.json", "config.json"] {
        std::fs::copy(from.join(file), directory.path().join(file)).unwrap();
    }
    let mut tokenizer: Value = serde_json::from_slice(&std::fs::read(from.join("tokenizer.json")).unwrap()).unwrap();
    let vocabulary = &mut tokenizer["model"]["vocab"];
    (vocabulary["!"], vocabulary["\""]) = (4.into(), 3.into());
    std::fs::write(directory.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let other = Prompts::Tokens(Box::new(PromptTokens::open(directory.path().to_str().unwrap()).unwrap()));
    let other = HttpBackend::connect(HttpOptions { prompts: other, ..options(&[&server]) }).unwrap();
    assert_eq!(other.identity().template, tokens.identity().template);
    assert_ne!(other.identity().content, tokens.identity().content);
    // Whether probabilities are told changes no sample.
    let told = HttpBackend::connect(HttpOptions { logprobs: true, ..options(&[&server]) }).unwrap();
    assert_eq!(told.identity(), chat.identity());
}
