//! Against real models, where somebody has put them; each test says so when it skips.

use std::path::PathBuf;

use crate::model::ModelFiles;
use crate::records::{Message, Role};

const SMOLLM2: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const QWEN: &str = "Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf";

/// `$CRIBBLE_TEST_MODELS/<name>` or `~/.cache/cribble-test-models/<name>`.
fn model(name: &str) -> Option<ModelFiles> {
    let directory = std::env::var_os("CRIBBLE_TEST_MODELS")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/cribble-test-models")))?;
    let path = directory.join(name);
    if !path.is_file() {
        eprintln!("skipped: {name} is not in {}", directory.display());
        return None;
    }
    Some(ModelFiles::open(path.to_str().unwrap()).unwrap())
}

#[test]
fn a_real_model_opens_whole() {
    for name in [SMOLLM2, QWEN] {
        let Some(files) = model(name) else { continue };
        println!("{:?} {:?}", files, files.tokenizer.stop_ids());
        let shape = [files.architecture.hidden_size];
        let norm = files.weights.tensor("model.norm.weight", &shape).unwrap().to_vec1::<f32>().unwrap();
        assert!(norm.iter().all(|value| value.is_finite()));
        let chat = [Message::new(Role::User, "2 + 2?")];
        let text = files.template.render(&chat).unwrap();
        assert!(text.ends_with("<|im_start|>assistant\n"), "{text}");
        let ids = files.tokenizer.encode_chat(&files.template, &chat).unwrap();
        assert_eq!(Some(ids[0]), files.tokenizer.token_to_id("<|im_start|>"));
        println!("{ids:?}");
    }
}
