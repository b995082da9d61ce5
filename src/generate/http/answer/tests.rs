//! Answers of many servers, and what is none.

use proptest::prelude::*;

use super::*;

fn whole(json: &str) -> Result<Written, Failure> {
    read_whole(json.as_bytes())
}

fn stream(pieces: &[&str]) -> Result<Written, Failure> {
    let mut growing = Growing::default();
    pieces.iter().try_for_each(|piece| growing.take(piece))?;
    growing.finish()
}

#[test]
fn a_whole_answer_as_vllm_gives_it() {
    let written = whole(
        r#"{"id": "x", "object": "chat.completion", "prompt_token_ids": [1, 2, 3], "choices": [{"index": 0, "message":
        {"role": "assistant", "content": "It is 4.", "reasoning_content": null, "tool_calls": []}, "logprobs": null,
        "finish_reason": "stop", "stop_reason": null, "token_ids": [5, 6, 7, 2]}],
        "usage": {"prompt_tokens": 3, "total_tokens": 7, "completion_tokens": 4}, "error": null}"#,
    );
    let expected = Written {
        text: "It is 4.".into(),
        token_ids: vec![5, 6, 7, 2],
        tokens: 4,
        prompt_tokens: 3,
        logprob: None,
        reason: FinishReason::Stop,
    };
    assert_eq!(written, Ok(expected));
}

#[test]
fn reasons_are_told_apart() {
    let reason = |rest: &str| whole(&format!(r#"{{"choices": [{{"message": {{"content": "a"}}, {rest}}}]}}"#));
    let of = |rest: &str| reason(rest).unwrap().reason;
    assert_eq!(of(r#""finish_reason": "stop""#), FinishReason::Stop);
    assert_eq!(of(r#""finish_reason": "stop", "stop_reason": 151645"#), FinishReason::Stop);
    assert_eq!(of(r#""finish_reason": "stop", "stop_reason": "END""#), FinishReason::StopString);
    assert_eq!(of(r#""finish_reason": "stop", "matched_stop": "END""#), FinishReason::StopString);
    assert_eq!(of(r#""finish_reason": "length""#), FinishReason::Length);
    let other = reason(r#""finish_reason": "content_filter""#).unwrap_err();
    assert_eq!(other.kind, FailureKind::Unusable);
    assert!(other.message.contains("content_filter"));
    assert_eq!(reason(r#""finish_reason": null"#).unwrap_err().kind, FailureKind::Broken);
    assert_eq!(reason(r#""index": 0"#).unwrap_err().kind, FailureKind::Broken);
}

#[test]
fn the_one_choice_may_stand_without_a_list() {
    let written = whole(r#"{"choices": {"index": 3, "message": {"content": "a"}, "finish_reason": "stop"}}"#);
    assert_eq!(written.unwrap().text, "a");
    assert_eq!(whole(r#"{"choices": "a"}"#).unwrap_err().kind, FailureKind::Broken);
}

#[test]
fn a_stop_string_that_was_left_in_is_cut() {
    let mut written =
        whole(r#"{"choices": [{"message": {"content": "a b END c"}, "finish_reason": "length"}]}"#).unwrap();
    written.cut_at(&["".into(), "c".into(), "END".into()]);
    assert_eq!((written.text.as_str(), written.reason), ("a b ", FinishReason::StopString));
}

#[test]
fn a_stream_is_put_together_and_its_tokens_counted() {
    let begin = r#"{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}"#;
    let one = r#"{"choices": [{"index": 0, "delta": {"content": "It "}, "finish_reason": null}]}"#;
    let other = r#"{"choices": [{"index": 1, "delta": {"content": "NOT"}, "finish_reason": "length"}]}"#;
    let two = r#"{"choices": [{"index": 0, "delta": {"content": "is 4."}}]}"#;
    let end = r#"{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}"#;
    let usage = r#"{"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}}"#;
    let written = stream(&[begin, one, other, two, end, "[DONE]"]).unwrap();
    assert_eq!((written.text.as_str(), written.tokens, written.reason), ("It is 4.", 2, FinishReason::Stop));
    let written = stream(&[begin, one, two, end, usage, "[DONE]"]).unwrap();
    assert_eq!((written.tokens, written.prompt_tokens), (5, 9));
    assert_eq!(stream(&[begin, one, "[DONE]"]).unwrap_err().kind, FailureKind::Broken);
    let error = stream(&[begin, one, r#"{"error": {"message": "out of memory"}}"#]).unwrap_err();
    assert!(error.message.contains("out of memory") && error.kind == FailureKind::Broken, "{error:?}");
    assert_eq!(stream(&["[DONE]"]).unwrap_err(), Failure::empty());
}

#[test]
fn token_ids_of_a_stream_are_joined() {
    let one = r#"{"prompt_token_ids": [1, 2], "choices": [{"delta": {"content": ""}}]}"#;
    let two = r#"{"choices": [{"delta": {"content": "ab"}, "token_ids": [7, 8]}]}"#;
    let three = r#"{"choices": [{"delta": {"content": ""}, "token_ids": [2], "finish_reason": "stop"}]}"#;
    let written = stream(&[one, two, three]).unwrap();
    assert_eq!((written.token_ids, written.tokens, written.prompt_tokens), (vec![7, 8, 2], 3, 2));
}

#[test]
fn the_text_of_a_prompt_is_read_like_that_of_a_chat() {
    let written = whole(
        r#"{"object": "text_completion", "choices": [{"index": 0, "text": " 4.", "finish_reason": "stop",
        "stop_reason": 2, "token_ids": [7, 2], "prompt_token_ids": [1]}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}"#,
    )
    .unwrap();
    assert_eq!((written.text.as_str(), written.token_ids, written.reason), (" 4.", vec![7, 2], FinishReason::Stop));
    let one = r#"{"choices": [{"index": 0, "text": "It is", "finish_reason": null}]}"#;
    let two = r#"{"choices": [{"index": 0, "text": " 4.", "finish_reason": "length"}]}"#;
    let written = stream(&[one, two, "[DONE]"]).unwrap();
    assert_eq!((written.text.as_str(), written.tokens, written.reason), ("It is 4.", 2, FinishReason::Length));
}

#[test]
fn probabilities_of_all_tokens_make_one_of_the_turn() {
    let chat = |logprobs: &str, usage: &str| {
        let choice = format!(r#"{{"message": {{"content": "ab"}}, "finish_reason": "stop", "logprobs": {logprobs}}}"#);
        whole(&format!(r#"{{"choices": [{choice}]{usage}}}"#)).unwrap()
    };
    let two = r#"{"content": [{"token": "a", "logprob": -0.5, "id": 5}, {"token": "b", "logprob": -1.0, "id": 6}]}"#;
    let of = |count: usize| format!(r#", "usage": {{"completion_tokens": {count}}}"#);
    let written = chat(two, &of(2));
    assert_eq!((written.logprob, written.token_ids, written.tokens), (Some(-1.5), vec![5, 6], 2));
    let written = chat(two, &of(3));
    assert_eq!((written.logprob, written.token_ids), (Some(-1.5), vec![]), "the ending token alone is not told of");
    assert_eq!(chat(two, &of(4)).logprob, None);
    let written = chat(two, "");
    assert_eq!((written.logprob, written.tokens), (Some(-1.5), 2), "they count the tokens where nobody else does");
    for nothing in
        ["null", "false", "[]", r#"{"content": null}"#, r#"{"content": [{"logprob": null}, {"logprob": -1}]}"#]
    {
        assert_eq!(chat(nothing, &of(2)).logprob, None, "{nothing}");
    }
    let plain = r#"{"choices": [{"text": "ab", "finish_reason": "stop", "logprobs": {"text_offset": [0, 1],
        "tokens": ["a", "b"], "token_logprobs": [-0.25, -0.25], "top_logprobs": null}}], "usage": {"completion_tokens": 2}}"#;
    assert_eq!(whole(plain).unwrap().logprob, Some(-0.5));
}

#[test]
fn probabilities_of_a_stream_are_added_up_and_may_not_have_holes() {
    let piece = |text: &str, rest: &str| format!(r#"{{"choices": [{{"text": "{text}", {rest}}}]}}"#);
    let told = piece("a", r#""logprobs": {"token_logprobs": [-0.5]}"#);
    let other = piece("b", r#""logprobs": {"content": [{"logprob": -0.25}]}"#);
    let bare = piece("c", r#""logprobs": null"#);
    let end = piece("", r#""finish_reason": "stop""#);
    let usage = r#"{"choices": [], "usage": {"completion_tokens": 3}}"#;
    let of = |pieces: &[&str]| stream(pieces).unwrap().logprob;
    assert_eq!(of(&[&told, &other, &end]), Some(-0.75));
    assert_eq!(of(&[&told, &other, &end, usage]), Some(-0.75), "without the ending token");
    assert_eq!(of(&[&told, &other, &bare, &end]), None);
    assert_eq!(of(&[&told, &end, usage]), None);
    assert_eq!(of(&[&bare, &end]), None);
}

#[test]
fn a_failure_says_what_it_cost_if_the_server_does() {
    let cut_off = r#"{"choices": [{"message": {"content": "x"}, "finish_reason": "content_filter"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1}}"#;
    let spent = |calls, prompt_tokens, completion_tokens| Spent { calls, prompt_tokens, completion_tokens };
    assert_eq!(whole(cut_off).unwrap_err().spent, spent(1, 9, 1));
    let split = r#"{"choices": [{"message": {"content": "4", "reasoning": "2+2"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 8, "completion_tokens": 18446744073709551615}}"#;
    assert_eq!(whole(split).unwrap_err().spent, spent(1, 8, 0), "what cannot be is not believed");
    assert_eq!(whole(r#"{"choices": [{"finish_reason": "content_filter"}]}"#).unwrap_err().spent, Spent::default());
    let usage = r#"{"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}"#;
    assert_eq!(stream(&[usage]).unwrap_err().spent, spent(1, 7, 2), "it broke off");
    assert_eq!(stream(&[usage, r#"{"error": "gone"}"#]).unwrap_err().spent, spent(1, 7, 2));
}

#[test]
fn what_would_lose_text_is_no_answer() {
    let split = r#"{"choices": [{"message": {"content": "4", "reasoning_content": "2+2"}, "finish_reason": "stop"}]}"#;
    assert_eq!(whole(split).unwrap_err().kind, FailureKind::Unusable);
    for garbage in ["{", "[]", "null", "3", "{}", r#"{"choices": {}}"#, r#"{"choices": []}"#] {
        assert_eq!(whole(garbage).unwrap_err().kind, FailureKind::Broken, "{garbage}");
    }
    assert_eq!(whole(" \n").unwrap_err(), Failure::empty());
}

#[test]
fn counts_that_cannot_be_are_not_believed() {
    let json = r#"{"choices": [{"message": {"content": "12345678"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 18446744073709551615, "completion_tokens": 99999999999}}"#;
    let written = whole(json).unwrap();
    assert_eq!((written.tokens, written.prompt_tokens), (1, 0));
    let none = r#"{"choices": [{"message": {"content": "123456789"}, "finish_reason": "stop"}]}"#;
    assert_eq!(whole(none).unwrap().tokens, 3);
}

#[test]
fn many_choices_and_deep_nests_do_no_harm() {
    let many = format!(r#"{{"choices": [{}{{}}]}}"#, "{},".repeat(100_000));
    assert_eq!(whole(&many).unwrap_err().kind, FailureKind::Broken);
    let deep = format!(r#"{{"x": {}"#, "[".repeat(100_000));
    assert_eq!(whole(&deep).unwrap_err().kind, FailureKind::Broken);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_whole(&bytes);
        let _ = Growing::default().take(&String::from_utf8_lossy(&bytes));
    }
}
