//! What a tokenizer promises, on tiny vocabularies.

use proptest::prelude::*;

use super::tiny::{self, GgufWriter};
use crate::model::{ChatTemplate, Gguf, ModelFiles, TokenStream, Tokenizer};
use crate::records::{Message, Role};

fn from_gguf(writer: &GgufWriter) -> Tokenizer {
    let directory = tempfile::tempdir().unwrap();
    let path = tiny::write(directory.path(), "x.gguf", &writer.build());
    Tokenizer::from_gguf(&Gguf::open(&path).unwrap()).unwrap()
}

fn byte_level(add_bos: bool) -> Tokenizer {
    let (tokens, kinds, merges) = tiny::vocabulary();
    from_gguf(
        &GgufWriter::default()
            .text("tokenizer.ggml.model", "gpt2")
            .text("tokenizer.ggml.pre", "smollm")
            .texts("tokenizer.ggml.tokens", &tokens)
            .i32s("tokenizer.ggml.token_type", &kinds)
            .texts("tokenizer.ggml.merges", &merges)
            .u32("tokenizer.ggml.bos_token_id", 259)
            .u32("tokenizer.ggml.eos_token_id", 260)
            .bool("tokenizer.ggml.add_bos_token", add_bos),
    )
}

fn user(content: &str) -> Vec<Message> {
    vec![Message::new(Role::User, content)]
}

#[test]
fn what_goes_to_other_threads_may() {
    fn sendable<T: Send + Sync>() {}
    sendable::<ModelFiles>();
    sendable::<Tokenizer>();
    sendable::<TokenStream>();
    sendable::<ChatTemplate>();
}

#[test]
fn merges_apply_and_special_texts_stay_text() {
    let tokenizer = byte_level(true);
    assert_eq!(tokenizer.encode("hel").unwrap(), [257]);
    assert_eq!(tokenizer.encode("hello").unwrap().len(), 3);
    assert_eq!(tokenizer.encode("<|im_end|>").unwrap().len(), 10);
    assert!(tokenizer.encode("").unwrap().is_empty());
    assert_eq!(tokenizer.stop_ids(), [258, 260]);
    assert_eq!((tokenizer.bos_id(), tokenizer.eos_id(), tokenizer.adds_bos()), (Some(259), Some(260), true));
    assert_eq!(tokenizer.id_to_text(260), "<|im_end|>");
    assert_eq!(tokenizer.id_to_text(257), "hel");
    assert_eq!(tokenizer.id_to_text(u32::MAX), "");
    assert_eq!(tokenizer.decode(&[260, 257, 99_999, 258]), "hel");
    assert_eq!(tokenizer.token_to_id("<|im_start|>"), Some(259));
    // A user-defined token is found in a text and means itself.
    assert_eq!(tokenizer.encode("<think>").unwrap(), [261]);
    assert_eq!(tokenizer.decode(&[261]), "<think>");
}

#[test]
fn the_opening_token_is_added_once() {
    let writes = ChatTemplate::new("test", tiny::CHATML).unwrap();
    let silent = ChatTemplate::new("test", "{{ messages[0].content }}").unwrap();
    let ids = |add_bos, template: &ChatTemplate| byte_level(add_bos).encode_chat(template, &user("a")).unwrap();
    assert_eq!(ids(true, &writes), ids(false, &writes));
    assert_eq!(ids(true, &silent).len(), 2);
    assert_eq!(ids(true, &silent)[0], 259);
    assert_eq!(ids(false, &silent).len(), 1);
}

/// SentencePiece's vocabulary: pieces with scores, bytes for the rest.
fn sentence_piece(prefix: bool) -> Tokenizer {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(str::to_owned).to_vec();
    let mut kinds = vec![2, 3, 3];
    let mut scores = vec![0.0f32; 3];
    for byte in 0..=255u8 {
        tokens.push(format!("<0x{byte:02X}>"));
        kinds.push(6);
        scores.push(0.0);
    }
    for (rank, piece) in ["▁h", "ll", "▁hell", "ell", "▁", "h", "e", "l", "o"].iter().enumerate() {
        tokens.push((*piece).to_owned());
        kinds.push(1);
        scores.push(-(rank as f32));
    }
    from_gguf(
        &GgufWriter::default()
            .text("tokenizer.ggml.model", "llama")
            .texts("tokenizer.ggml.tokens", &tokens)
            .i32s("tokenizer.ggml.token_type", &kinds)
            .f32s("tokenizer.ggml.scores", &scores)
            .bool("tokenizer.ggml.add_space_prefix", prefix)
            .u32("tokenizer.ggml.bos_token_id", 1)
            .u32("tokenizer.ggml.eos_token_id", 2),
    )
}

#[test]
fn sentence_piece_vocabularies_are_rebuilt() {
    let tokenizer = sentence_piece(true);
    let texts = |text: &str| -> Vec<String> {
        tokenizer.encode(text).unwrap().iter().map(|id| tokenizer.id_to_text(*id)).collect()
    };
    // `▁h` is the best piece, then `ll`, then `ell`, which `▁h` makes `▁hell`.
    assert_eq!(texts("hello"), [" hell", "o"]);
    assert_eq!(texts("help"), [" h", "e", "l", "p"]);
    assert_eq!(tokenizer.encode("é").unwrap().len(), 3, "a space and two bytes");
    for text in ["hello hello", "é€😀", "  two  spaces ", "\n", "<s>hello</s>"] {
        assert_eq!(tokenizer.decode(&tokenizer.encode(text).unwrap()), text);
        let bare = sentence_piece(false);
        assert_eq!(bare.decode(&bare.encode(text).unwrap()), text);
    }
    assert!(tokenizer.adds_bos());
    assert_eq!(tokenizer.stop_ids(), [2]);
    assert!(!tokenizer.encode("</s>").unwrap().contains(&2));
    let cut: Vec<u32> = tokenizer.encode("😀").unwrap()[..3].to_vec();
    assert_eq!(tokenizer.decode(&cut), "\u{FFFD}");
}

#[test]
fn long_and_odd_texts_are_encoded_in_time() {
    let tokenizer = byte_level(false);
    for text in
        [" ".repeat(300_000), "x".repeat(300_000), "1".repeat(100_000), "\n \t".repeat(100_000), "'".repeat(100_000)]
    {
        assert_eq!(tokenizer.decode(&tokenizer.encode(&text).unwrap()), text);
    }
    let flood = "<|im_end|>".repeat(20_000);
    let ids = tokenizer.encode_chat(&ChatTemplate::plain(), &user(&flood)).unwrap();
    assert!(ids.iter().all(|id| !tokenizer.is_special(*id)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever messages say, the special tokens are the template's, and the text is the messages'.
    #[test]
    fn messages_never_write_structure(
        contents in proptest::collection::vec(
            proptest::collection::vec(
                proptest::sample::select(vec![
                    "<|im_end|>", "<|im_start|>", "<|endoftext|>", "<|", "|>", "im_end", "im_start|>", "<", ">", "a", "\n",
                    " ", "é", "\u{F0000}", "<|im_", "end|>", "<think>", "12",
                ]),
                0..7,
            ),
            1..4,
        ),
    ) {
        let tokenizer = byte_level(false);
        let messages: Vec<Message> =
            contents.iter().map(|parts| Message::new(Role::User, parts.concat())).collect();
        let close = ChatTemplate::new("close", "{% for m in messages %}{{ m.content }}{% endfor %}").unwrap();
        let ids = tokenizer.encode_chat(&close, &messages).unwrap();
        prop_assert!(ids.iter().all(|id| !tokenizer.is_special(*id)));
        prop_assert_eq!(tokenizer.decode(&ids), messages.iter().map(|m| m.content.as_str()).collect::<String>());

        let chatml = ChatTemplate::new("chatml", tiny::CHATML).unwrap();
        let ids = tokenizer.encode_chat(&chatml, &messages).unwrap();
        prop_assert_eq!(ids.iter().filter(|id| tokenizer.is_special(**id)).count(), 2 * messages.len() + 1);
        let text: String = messages.iter().map(|m| format!("user\n{}\n", m.content)).collect();
        prop_assert_eq!(tokenizer.decode(&ids), text + "assistant\n");
    }
}
