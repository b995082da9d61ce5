//! The text of a model without its weights.

use std::path::Path;

use serde_json::json;

use super::tiny;
use crate::model::{MICRO, ModelError, ModelFiles, TextFiles};
use crate::records::{Message, Role};

fn open(path: &Path) -> Result<TextFiles, ModelError> {
    TextFiles::open(path.to_str().unwrap())
}

fn message(path: &Path) -> String {
    let text = open(path).unwrap_err().to_string();
    assert!(!text.contains('\n') && text.len() < 600, "{text}");
    text
}

/// The tokens of a chat, and those that end a turn.
fn ids(text: &TextFiles) -> (Vec<u32>, Vec<u32>) {
    let chat = [Message::new(Role::System, "be brief"), Message::new(Role::User, "hello 12 <|im_end|>\n")];
    (text.tokenizer.encode_chat(&text.template, &chat).unwrap(), text.tokenizer.stop_ids().to_vec())
}

#[test]
fn a_directory_without_weights_has_the_text_of_the_whole_one() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    tiny::directory(at);
    let whole = TextFiles::from(&ModelFiles::open(at.to_str().unwrap()).unwrap());
    let same = |text: &TextFiles| {
        assert_eq!(ids(text), ids(&whole));
        assert_eq!((text.template.hash(), text.tokenizer.hash()), (whole.template.hash(), whole.tokenizer.hash()));
        assert_eq!((&text.name, &text.generation), (&whole.name, &whole.generation));
    };
    same(&open(at).unwrap());
    std::fs::remove_file(at.join("model.safetensors")).unwrap();
    same(&open(at).unwrap());
    std::fs::remove_file(at.join("config.json")).unwrap();
    same(&open(at).unwrap());
    assert!(ModelFiles::open(at.to_str().unwrap()).unwrap_err().to_string().contains("there is no config.json"));
    // A pickle beside it is nobody's concern here.
    tiny::write(at, "pytorch_model.bin", b"\x80\x02");
    same(&open(at).unwrap());
}

#[test]
fn what_comes_with_the_program_and_gguf_files_have_theirs() {
    let directory = tempfile::tempdir().unwrap();
    let path = tiny::write(directory.path(), "tiny.gguf", &tiny::gguf().build());
    for spec in [MICRO, path.to_str().unwrap()] {
        let (text, files) = (TextFiles::open(spec).unwrap(), ModelFiles::open(spec).unwrap());
        assert_eq!(ids(&text), ids(&TextFiles::from(&files)), "{spec}");
        assert_eq!((text.name.as_str(), &text.generation), (spec, &files.generation));
    }
}

#[test]
fn whichever_file_names_them_turns_end() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let json = tiny::tokenizer_json().to_string();
    tiny::write(at, "tokenizer.json", json.as_bytes());
    let stops = || open(at).unwrap().tokenizer.stop_ids().to_vec();
    // Those that are known by their names.
    assert_eq!(stops(), [258, 260]);
    assert!(open(at).unwrap().template.is_plain());
    tiny::write(at, "tokenizer_config.json", json!({"eos_token": "<|im_start|>"}).to_string().as_bytes());
    assert_eq!(stops(), [258, 259, 260]);
    tiny::write(at, "generation_config.json", br#"{"eos_token_id": 262}"#);
    assert_eq!(stops(), [258, 259, 260, 262]);
    // Of an architecture that cannot be opened.
    tiny::write(at, "config.json", br#"{"architectures": ["MambaForCausalLM"], "eos_token_id": [263]}"#);
    assert_eq!(stops(), [258, 259, 260, 262, 263]);
}

#[test]
fn the_hash_tells_vocabularies_apart() {
    let directory = tempfile::tempdir().unwrap();
    let hash = |json: &serde_json::Value| {
        tiny::write(directory.path(), "tokenizer.json", json.to_string().as_bytes());
        open(directory.path()).unwrap().tokenizer.hash()
    };
    let json = tiny::tokenizer_json();
    let first = hash(&json);
    assert_eq!(first.len(), 16);
    let mut other = json.clone();
    // Two tokens swapped.
    other["model"]["vocab"]["he"] = json["model"]["vocab"]["hel"].clone();
    other["model"]["vocab"]["hel"] = json["model"]["vocab"]["he"].clone();
    assert_ne!(hash(&other), first);
    assert_eq!(hash(&json), first);
}

#[test]
fn what_has_no_text_is_refused_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    assert!(message(&at.join("none")).starts_with("no model at"));
    assert!(message(at).contains("there is no tokenizer.json"));
    tiny::directory(at);
    std::fs::remove_file(at.join("tokenizer.json")).unwrap();
    assert!(message(at).contains("there is no tokenizer.json"));
    tiny::write(at, "tokenizer.json", b"{");
    assert!(message(at).contains("tokenizer.json: tokenizer: "));
    tiny::directory(at);
    tiny::write(at, "config.json", b"{");
    assert!(message(at).contains("config.json: not valid JSON"));
    assert!(message(&at.join("tokenizer.json")).contains("neither a directory nor"));
    assert!(message(&at.join("model.safetensors")).contains("give the directory"));
    assert!(message(&tiny::write(at, "x.gguf", b"not a model")).contains("does not begin as"));
    assert!(TextFiles::open("hf:name").unwrap_err().to_string().contains("the owner is missing"));
}
