//! The backend over a small random model and a toy tokenizer of bytes.

use std::collections::BTreeMap;

use super::*;
use crate::generate::StreamKey;
use crate::model::{Family, MICRO, tiny_decoder};
use crate::records::{Role, Sampling};

/// One token a byte; 96 ends a turn. Bytes are folded into what a vocabulary of 97 has.
pub(crate) struct Bytes;

const END: u32 = 96;

fn letter(token: u32) -> u8 {
    b' ' + (token % 95) as u8
}

impl ChatText for Bytes {
    fn encode_chat(&self, messages: &[Message]) -> color_eyre::Result<Vec<u32>> {
        Ok(self.render(messages)?.bytes().map(|byte| u32::from(byte) % 96).collect())
    }

    fn render(&self, messages: &[Message]) -> color_eyre::Result<String> {
        ensure!(messages.iter().all(|message| message.content != "raise"), "template raised");
        Ok(messages.iter().map(|message| format!("<{:?}>{}", message.role, message.content)).collect())
    }

    fn stop_ids(&self) -> &[u32] {
        &[END]
    }

    fn stream(&self) -> Box<dyn TokenText> {
        Box::new(Letters(Vec::new()))
    }
}

/// Every third token is the first half of a two-byte character, so that cuts inside characters happen.
struct Letters(Vec<u8>);

impl TokenText for Letters {
    fn push(&mut self, token: u32) -> Option<String> {
        if !self.0.is_empty() {
            self.0.push(0x80 + (token % 64) as u8);
            return String::from_utf8(std::mem::take(&mut self.0)).ok();
        }
        if token.is_multiple_of(3) {
            self.0.push(0xC3);
            return None;
        }
        Some(char::from(letter(token)).to_string())
    }

    fn finish(&mut self) -> Option<String> {
        (!self.0.is_empty()).then(|| String::from_utf8_lossy(&std::mem::take(&mut self.0)).into_owned())
    }
}

fn backend_of(family: Family, slots: usize, context_limit: Option<usize>) -> LocalBackend {
    let options = LocalOptions { slots: Some(slots), context_limit, ..LocalOptions::default() };
    let names = ("tiny".to_owned(), "content".to_owned(), "plain".to_owned());
    LocalBackend::new(Arc::new(tiny_decoder(family, 97)), Box::new(Bytes), names, &options)
}

fn backend(slots: usize) -> LocalBackend {
    backend_of(Family::Llama, slots, None)
}

fn request(id: u64, problem: &str, draw: u32, sampling: &Sampling) -> Request {
    Request {
        id,
        messages: vec![Message::new(Role::User, problem)],
        sampling: sampling.clone(),
        stream: StreamKey { seed: 3, problem_id: problem.into(), draw, turn: 0 },
        dialogue: id,
    }
}

fn sampling(max_tokens: usize) -> Sampling {
    Sampling { temperature: 1.0, max_tokens, ..Sampling::default() }
}

/// Runs until nothing is in flight; checks that deltas and final texts agree.
fn drain(backend: &mut LocalBackend) -> BTreeMap<u64, (String, Vec<u32>, FinishReason)> {
    let (mut events, mut done, mut shown) = (Vec::new(), BTreeMap::new(), BTreeMap::<u64, String>::new());
    let mut steps = 0;
    while backend.in_flight() > 0 {
        backend.step(&mut events).unwrap();
        steps += 1;
        assert!(steps < 10_000, "it must come to an end");
        for event in events.drain(..) {
            match event {
                Event::Started { id, .. } => assert!(shown.insert(id, String::new()).is_none(), "started once"),
                Event::Text { id, delta, .. } => shown.get_mut(&id).unwrap().push_str(&delta),
                Event::Finished { id, text, token_ids, tokens, reason, logprob } => {
                    assert_eq!(logprob, None);
                    assert_eq!(shown[&id], text);
                    assert_eq!(tokens, token_ids.len());
                    assert!(done.insert(id, (text, token_ids, reason)).is_none());
                }
                Event::Failed { error, .. } => panic!("{error}"),
                Event::Postponed { .. } => panic!("nothing is put off here"),
            }
        }
    }
    done
}

/// 3 problems with 5 draws each, of several lengths.
fn work(sampling: impl Fn(u32) -> Sampling) -> Vec<Request> {
    let long = "A long problem that takes more than one chunk. ".repeat(8);
    let problems = ["What is 2 + 2?", "What is 2 + 3 and then some more?", long.as_str()];
    (0..15).map(|id| request(id, problems[id as usize % 3], id as u32 / 3, &sampling(id as u32 / 3))).collect()
}

#[test]
fn tokens_do_not_depend_on_slots_order_or_company() {
    for family in [Family::Llama, Family::Qwen2, Family::Qwen3] {
        let values = |draw| Sampling {
            top_p: 0.9,
            temperature: if draw == 0 { 0.0 } else { 0.9 },
            ..sampling(20 + 5 * draw as usize)
        };
        let mut alone = BTreeMap::new();
        for request in work(values) {
            let mut backend = backend_of(family, 1, None);
            backend.submit(request).unwrap();
            alone.extend(drain(&mut backend));
        }
        assert!(alone.values().map(|(_, ids, _)| ids).collect::<std::collections::BTreeSet<_>>().len() > 10);
        for slots in [1, 4, 15] {
            let mut backend = backend_of(family, slots, None);
            for request in work(values) {
                backend.submit(request).unwrap();
            }
            assert_eq!(drain(&mut backend), alone, "{family:?}, {slots} slots");
            let mut backward = backend_of(family, slots, None);
            for request in work(values).into_iter().rev() {
                backward.submit(request).unwrap();
            }
            assert_eq!(drain(&mut backward), alone, "{family:?}, {slots} slots, backward");
        }
    }
}

#[test]
fn guesses_save_steps_and_change_nothing() {
    // Greedy, so that the model falls into a loop, and at a low temperature, so that it leaves it now and then.
    let values = |draw: u32| Sampling { temperature: 0.25 * draw as f32, ..sampling(60 + draw as usize) };
    let outcome = |slots: usize, record: fn() -> Option<lookup::Record>| {
        let mut backend = backend(slots);
        backend.record = record();
        let (mut requests, mut done, mut steps) = (work(values), BTreeMap::new(), 0);
        requests.iter_mut().for_each(|request| request.sampling.repetition_penalty = 1.05);
        requests.into_iter().for_each(|request| backend.submit(request).unwrap());
        let mut events = Vec::new();
        while backend.in_flight() > 0 {
            // Measured times must not decide here.
            backend.record = record();
            backend.step(&mut events).unwrap();
            steps += 1;
            assert!(backend.slots.iter().all(|slot| slot.cache.len() < slot.prompt.len() + slot.next_index().max(1)));
        }
        for event in events {
            if let Event::Finished { id, text, token_ids, reason, .. } = event {
                done.insert(id, (text, token_ids, reason));
            }
        }
        (done, steps)
    };
    let (plain, slow) = outcome(4, || None);
    let (guessed, fast) = outcome(4, || Some(lookup::Record::eager()));
    assert_eq!(plain, guessed);
    assert!(fast * 3 < slow * 2, "{fast} steps and {slow}");
    assert_eq!(outcome(1, || Some(lookup::Record::eager())).0, plain);
    assert_eq!(outcome(15, || Some(lookup::Record::default())).0, plain);
}

#[test]
fn samples_of_a_problem_share_one_prefill() {
    let mut backend = backend(8);
    let problem = "A problem that is asked eight times over, long enough to be worth it.".repeat(2);
    for draw in 0..8 {
        backend.submit(request(draw, &problem, draw as u32, &sampling(4))).unwrap();
    }
    let mut events = Vec::new();
    while backend.slots.iter().all(|slot| slot.progress != Progress::Decoding) {
        backend.step(&mut events).unwrap();
        assert!(backend.slots[1..].iter().all(|slot| slot.cache.is_empty()), "the others wait for the first");
    }
    backend.step(&mut events).unwrap();
    assert!(backend.slots.iter().all(|slot| slot.progress == Progress::Decoding), "all the others in one step");
    drop(events);
    backend.cancel(0);
    assert_eq!(backend.in_flight(), 7);
}

#[test]
fn a_dialogue_goes_on_from_its_cache_and_says_the_same_as_without() {
    let first = request(1, "What is 2 + 2? Think step by step.", 0, &sampling(12));
    let mut backend = backend(2);
    backend.submit(first.clone()).unwrap();
    let answer = drain(&mut backend).remove(&1).unwrap().0;
    let mut messages = first.messages.clone();
    messages.extend([Message::new(Role::Assistant, answer), Message::new(Role::User, "Check it.")]);
    let stream = StreamKey { turn: 1, ..first.stream.clone() };
    let second = Request { id: 2, messages, stream, ..first };
    assert_eq!(backend.dialogues.len(), 1);
    backend.submit(second.clone()).unwrap();
    backend.admit(&mut Vec::new());
    let (kept, prompt) = (&backend.dialogues[0].1, &backend.slots[0].prompt);
    assert!(backend.slots[0].shared_with(kept.tokens()) > 30 && prompt.len() > kept.len(), "most of it is there");
    let with = drain(&mut backend).remove(&2).unwrap();
    assert_eq!(backend.dialogues.len(), 1);
    backend.close_dialogue(1);
    assert!(backend.dialogues.is_empty());
    let mut fresh = backend_of(Family::Llama, 1, None);
    fresh.submit(second).unwrap();
    assert_eq!(drain(&mut fresh).remove(&2).unwrap(), with);
}

#[test]
fn an_answer_that_is_begun_is_gone_on_with_and_what_follows_is_told() {
    let options = LocalOptions { slots: Some(1), ..LocalOptions::default() };
    let mut backend = LocalBackend::load(MICRO, options).unwrap();
    let greedy = Sampling { temperature: 0.0, ..sampling(40) };
    let whole = request(0, "One of the stamps costs 5 coins. How many coins do 7 of them cost?", 0, &greedy);
    let mut begun = Request { id: 1, ..whole.clone() };
    begun.messages.push(Message::new(Role::Assistant, "5*7="));
    assert!(backend.render(&begun.messages).unwrap().ends_with("5*7="), "no token ends what is begun");
    backend.submit(whole).unwrap();
    backend.submit(begun.clone()).unwrap();
    let done = drain(&mut backend);
    assert_eq!(done[&0].0, format!("5*7={}", done[&1].0));
    assert_eq!(done[&0].1[4..], done[&1].1, "four tokens were read instead of written");
    begun.messages.last_mut().unwrap().content.clear();
    assert!(backend.submit(begun).is_err(), "nothing is there to go on from");
}

#[test]
fn stop_strings_end_a_turn_and_are_cut() {
    let mut backend = backend(1);
    backend.submit(request(0, "Say something.", 0, &sampling(40))).unwrap();
    let (text, ids, _) = drain(&mut backend).remove(&0).unwrap();
    let stop: String = text.chars().skip(5).take(3).collect();
    let values = Sampling { stop: vec!["never written \u{1}".into(), stop.clone()], ..sampling(40) };
    backend.submit(request(1, "Say something.", 0, &values)).unwrap();
    // The same stream key: the same tokens, until the stop string.
    let (cut, cut_ids, reason) = drain(&mut backend).remove(&1).unwrap();
    assert_eq!(reason, FinishReason::StopString);
    assert_eq!(cut, text.split(&stop).next().unwrap());
    assert!(ids.starts_with(&cut_ids));
}

#[test]
fn a_full_context_ends_a_turn_and_a_prompt_that_does_not_fit_ends_at_once() {
    let prompt = Bytes.encode_chat(&[Message::new(Role::User, "twelve")]).unwrap().len();
    let mut backend = backend_of(Family::Llama, 2, Some(prompt + 5));
    let never_ending = Sampling { temperature: 0.0, ..sampling(100) };
    backend.submit(request(0, "twelve", 0, &never_ending)).unwrap();
    backend.submit(request(1, "twelve and far too much more", 0, &never_ending)).unwrap();
    backend.submit(request(2, "twelve", 0, &Sampling { max_tokens: 5, ..never_ending.clone() })).unwrap();
    backend.submit(request(3, "twelve", 0, &Sampling { max_tokens: 0, ..never_ending })).unwrap();
    let done = drain(&mut backend);
    assert_eq!((done[&0].1.len(), done[&0].2), (5, FinishReason::ContextFull));
    assert_eq!(done[&1], (String::new(), vec![], FinishReason::ContextFull));
    assert_eq!((done[&2].1.len(), done[&2].2), (5, FinishReason::Length));
    assert_eq!(done[&3], (String::new(), vec![], FinishReason::Length));
    assert_eq!(backend.identity().context_length, prompt + 5);
}

#[test]
fn an_end_token_ends_a_turn_without_its_text() {
    let mut backend = backend(15);
    for id in 0..60 {
        backend
            .submit(request(
                id,
                "End some time.",
                id as u32,
                &Sampling { temperature: 2.0, top_p: 1.0, ..sampling(150) },
            ))
            .unwrap();
    }
    let done = drain(&mut backend);
    assert!(done.values().any(|(_, _, reason)| *reason == FinishReason::Stop));
    for (_, ids, reason) in done.values() {
        assert_eq!(ids.last() == Some(&END), *reason == FinishReason::Stop);
        assert!(!ids[..ids.len() - 1].contains(&END));
    }
}

#[test]
fn chats_that_cannot_run_are_refused() {
    let mut backend = backend(1);
    let empty = Request { messages: Vec::new(), ..request(0, "x", 0, &sampling(1)) };
    assert!(backend.submit(empty).is_err());
    assert!(backend.submit(request(0, "raise", 0, &sampling(1))).is_err());
    assert_eq!(backend.in_flight(), 0);
    backend.step(&mut Vec::new()).unwrap();
}

#[test]
fn damaged_weights_fail_the_request_and_not_the_process() {
    let (architecture, mut tensors) = crate::model::tiny(Family::Llama, 97);
    let bad = candle_core::Tensor::full(f32::NAN, architecture.hidden_size, &candle_core::Device::Cpu).unwrap();
    tensors.insert("model.norm.weight".into(), bad);
    let decoder = Decoder::load(&architecture, &tensors, Compute::F32, &candle_core::Device::Cpu).unwrap();
    let names = ("bad".to_owned(), String::new(), String::new());
    let mut backend = LocalBackend::new(Arc::new(decoder), Box::new(Bytes), names, &LocalOptions::default());
    backend.submit(request(7, "x", 0, &sampling(5))).unwrap();
    let mut events = Vec::new();
    backend.step(&mut events).unwrap();
    assert!(matches!(events.last(), Some(Event::Failed { id: 7, error }) if error.contains("finite")), "{events:?}");
    assert_eq!(backend.in_flight(), 0);
}
