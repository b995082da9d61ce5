//! The vocabulary under `tokenizer.*`: copied from a GGUF file, or made of `tokenizer.json`.
//!
//! GGUF has no words for how text is cut before merges apply, only names of known ways (`tokenizer.ggml.pre`). A tokenizer
//! that cuts in no known way cannot be said and is refused: under another name the model would read other tokens than it
//! was trained on.

use serde_json::Value;

use super::pairs::Pairs;
use crate::model::error::one_line;
use crate::model::export::{ExportError, Source};
use crate::model::tokenizer::{pre, token_text};
use crate::model::{Folder, Gguf, GgufValue, ModelError, ModelFiles, Origin};

/// `tokenizer.ggml.token_type`.
const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const UNUSED: i32 = 5;

const TOKENS: &str = "tokenizer.ggml.tokens";
const KINDS: &str = "tokenizer.ggml.token_type";
const SCORES: &str = "tokenizer.ggml.scores";

/// Puts the vocabulary and the chat template; gives what a person should know of them.
pub(super) fn put(source: &Source, pairs: &mut Pairs) -> Result<Vec<String>, ExportError> {
    let files = source.files();
    match &files.origin {
        Origin::Gguf(path) => {
            copy(&Gguf::open(path)?, files.architecture.vocab_size, pairs).map_err(|reason| source.refused(reason))?;
            Ok(Vec::new())
        }
        Origin::Directory(folder) => {
            let (json, config) = (read_json(folder, "tokenizer.json")?, read_json(folder, "tokenizer_config.json")?);
            let refused = |reason: String| source.refused(one_line(&format!("tokenizer.json: {reason}")));
            make(files, &json, &config, pairs).map_err(refused)
        }
    }
}

/// Null where there is no such file; that it is needed was found when the model was opened.
fn read_json(folder: &Folder, name: &str) -> Result<Value, ExportError> {
    let Some(bytes) = folder.read(name)? else { return Ok(Value::Null) };
    let wrong = |error| ModelError::config(&folder.path().join(name), format!("not valid JSON: {error}"));
    Ok(serde_json::from_slice(&bytes).map_err(wrong)?)
}

/// Takes over every pair of another file that says something of its tokenizer.
fn copy(file: &Gguf, vocab_size: usize, pairs: &mut Pairs) -> Result<(), String> {
    for (key, value) in file.metadata().iter().filter(|(key, _)| key.starts_with("tokenizer.")) {
        match value {
            GgufValue::Text(text) => pairs.text(key, text),
            GgufValue::Bool(value) => pairs.bool(key, *value),
            GgufValue::Unsigned(_) | GgufValue::Signed(_) => {
                let id = file.unsigned(key).and_then(|value| u32::try_from(value).ok());
                pairs.u32(key, id.ok_or_else(|| format!("its `{key}` is no id"))?);
            }
            GgufValue::Array(_) => copy_array(file, key, vocab_size, pairs)?,
            // None that is known has this type.
            GgufValue::Float(_) => {}
        }
    }
    Ok(())
}

/// Lists with an entry a token are made as long as the embedding, as readers want them.
fn copy_array(file: &Gguf, key: &str, vocab_size: usize, pairs: &mut Pairs) -> Result<(), String> {
    if let Some(mut texts) = file.strings(key) {
        if key == TOKENS {
            (texts.len()..vocab_size).for_each(|id| texts.push(padding(id)));
        }
        pairs.texts(key, &texts);
        return Ok(());
    }
    let Some(numbers) = file.numbers(key) else { return Ok(()) };
    match key {
        KINDS => {
            let mut kinds: Vec<i32> = numbers.iter().map(|kind| *kind as i32).collect();
            kinds.resize(kinds.len().max(vocab_size), UNUSED);
            pairs.i32s(key, &kinds);
        }
        SCORES => {
            let mut scores: Vec<f32> = numbers.iter().map(|score| *score as f32).collect();
            scores.resize(scores.len().max(vocab_size), 0.0);
            pairs.f32s(key, &scores);
        }
        _ => return Err(format!("its `{key}` is of no known kind")),
    }
    Ok(())
}

fn make(files: &ModelFiles, json: &Value, config: &Value, pairs: &mut Pairs) -> Result<Vec<String>, String> {
    let model = &json["model"];
    let name = pre_tokenizer(json)?;
    let (tokens, kinds) = tokens(files, json)?;
    pairs.text("tokenizer.ggml.model", "gpt2");
    pairs.text("tokenizer.ggml.pre", name);
    pairs.texts(TOKENS, &tokens);
    pairs.i32s(KINDS, &kinds);
    pairs.texts("tokenizer.ggml.merges", &merges(model)?);
    put_ends(files, config, pairs)?;
    if !files.template.is_plain() {
        pairs.text("tokenizer.chat_template", files.template.source());
    }
    let added = json["added_tokens"].as_array().map(Vec::as_slice).unwrap_or_default();
    let on = |token: &Value, key: &str| token[key].as_bool().unwrap_or(false);
    let wide =
        added.iter().filter(|token| on(token, "lstrip") || on(token, "rstrip") || on(token, "single_word")).count();
    let note = format!("{wide} added tokens take spaces or word borders with them, which GGUF cannot say");
    Ok(if wide > 0 { vec![note] } else { Vec::new() })
}

/// The name under which llama.cpp cuts text as this tokenizer does.
fn pre_tokenizer(json: &Value) -> Result<&'static str, String> {
    let model = &json["model"];
    if model["byte_fallback"].as_bool() == Some(true) {
        return Err(
            "a SentencePiece vocabulary has scores, which this file lacks; convert it with llama.cpp".to_owned()
        );
    }
    let kind = model["type"].as_str().unwrap_or("BPE");
    if kind != "BPE" {
        return Err(format!("a vocabulary of type `{kind}` cannot be said in GGUF here; only byte-level BPE can"));
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
        if model[key].as_str().is_some_and(|text| !text.is_empty()) {
            return Err(format!("its `{key}` cannot be said in GGUF"));
        }
    }
    let composes = composes(&json["normalizer"])?;
    let cuts = cuts(&json["pre_tokenizer"])?;
    let ignore_merges = model["ignore_merges"].as_bool().unwrap_or(false);
    pre::name_of(&cuts, ignore_merges, composes).ok_or_else(|| {
        "llama.cpp has no name for the way in which it cuts text, so it cannot be said in GGUF; export a Hugging Face \
         directory instead"
            .to_owned()
    })
}

/// Whether text is composed (NFC) first; anything else is refused.
fn composes(normalizer: &Value) -> Result<bool, String> {
    match normalizer["type"].as_str() {
        None if normalizer.is_null() => Ok(false),
        Some("NFC") => Ok(true),
        Some("Sequence") => {
            let steps = normalizer["normalizers"].as_array().map(Vec::as_slice).unwrap_or_default();
            match steps {
                [] => Ok(false),
                [one] if one["type"] != "Sequence" => composes(one),
                _ => Err("its steps of normalisation cannot be said in GGUF".to_owned()),
            }
        }
        other => Err(format!("normalisation by `{}` cannot be said in GGUF", other.unwrap_or("an unnamed step"))),
    }
}

/// The expressions that cut text, in the form of [`pre`].
fn cuts(pre_tokenizer: &Value) -> Result<Vec<String>, String> {
    let steps = match pre_tokenizer["type"].as_str() {
        Some("Sequence") => pre_tokenizer["pretokenizers"].as_array().map(Vec::as_slice).unwrap_or_default(),
        _ => std::slice::from_ref(pre_tokenizer),
    };
    let Some((last, before)) = steps.split_last().filter(|(last, _)| last["type"] == "ByteLevel") else {
        return Err("its pre-tokenizer does not end in bytes, so it cannot be said in GGUF".to_owned());
    };
    let mut cuts = before.iter().map(cut).collect::<Result<Vec<_>, _>>()?;
    if last["add_prefix_space"].as_bool().unwrap_or(true) {
        return Err("it puts a space before every text, which cannot be said in GGUF".to_owned());
    }
    if last["use_regex"].as_bool().unwrap_or(true) {
        cuts.push(pre::GPT2.to_owned());
    }
    Ok(cuts)
}

fn cut(step: &Value) -> Result<String, String> {
    let unknown = |what: &str| format!("a pre-tokenizer with {what} cannot be said in GGUF");
    match step["type"].as_str() {
        Some("Digits") if step["individual_digits"].as_bool() == Some(true) => Ok(pre::DIGIT.to_owned()),
        Some("Digits") => Ok(format!("{}+", pre::DIGIT)),
        Some("Split") => {
            let expression =
                step["pattern"]["Regex"].as_str().ok_or_else(|| unknown("a pattern that is no expression"))?;
            let inverted = step["invert"].as_bool().unwrap_or(false);
            match step["behavior"].as_str() {
                Some("Isolated") => Ok(expression.to_owned()),
                // What matches is kept and the rest removed: the same, where white space is matched to the last.
                Some("Removed") if inverted && expression.ends_with(pre::REST) => Ok(expression.to_owned()),
                other => Err(unknown(&format!("behaviour `{}`", other.unwrap_or("unnamed")))),
            }
        }
        other => Err(unknown(&format!("a step `{}`", other.unwrap_or("unnamed")))),
    }
}

/// Every token by its id, as long as the embedding, and what kind each is.
fn tokens(files: &ModelFiles, json: &Value) -> Result<(Vec<String>, Vec<i32>), String> {
    let vocabulary = json["model"]["vocab"].as_object().ok_or("it has no `vocab`")?;
    let added = json["added_tokens"].as_array().map(Vec::as_slice).unwrap_or_default();
    let added = added.iter().filter_map(|token| token["content"].as_str());
    // Ids of added tokens are what the tokenizer made of them, not what the file says.
    let added: Vec<(&str, u32)> = added.filter_map(|text| Some((text, files.tokenizer.token_to_id(text)?))).collect();
    let size = files.architecture.vocab_size;
    let mut tokens: Vec<Option<&str>> = vec![None; size];
    let mut kinds = vec![UNUSED; size];
    let in_vocabulary = vocabulary.iter().filter_map(|(text, id)| Some((text.as_str(), id.as_u64()?, NORMAL)));
    for (text, id, kind) in in_vocabulary.chain(added.iter().map(|(text, id)| (*text, u64::from(*id), USER_DEFINED))) {
        let at = usize::try_from(id).ok().filter(|at| *at < size);
        let at = at.ok_or_else(|| format!("a token has id {id}, but the embedding {size} rows"))?;
        tokens[at] = Some(text);
        // An id below 2^24, as the embedding's rows are.
        kinds[at] = if files.tokenizer.is_special(at as u32) { CONTROL } else { kind };
    }
    let named = |(id, text): (usize, &Option<&str>)| text.map_or_else(|| padding(id), str::to_owned);
    Ok((tokens.iter().enumerate().map(named).collect(), kinds))
}

/// What a row of the embedding is called that no token has.
fn padding(id: usize) -> String {
    format!("[PAD{id}]")
}

/// `left right` each; the file has pairs or such texts.
fn merges(model: &Value) -> Result<Vec<String>, String> {
    let list = model["merges"].as_array().ok_or("it has no `merges`")?;
    let text = |merge: &Value| match merge {
        Value::String(text) => Some(text.clone()),
        Value::Array(pair) => match pair.as_slice() {
            [left, right] => Some(format!("{} {}", left.as_str()?, right.as_str()?)),
            _ => None,
        },
        _ => None,
    };
    let plain = |text: &String| text.split(' ').count() == 2;
    list.iter()
        .map(|merge| text(merge).filter(plain))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| "a merge is not two tokens without spaces".to_owned())
}

/// The tokens that open and end texts and turns.
fn put_ends(files: &ModelFiles, config: &Value, pairs: &mut Pairs) -> Result<(), String> {
    let tokenizer = &files.tokenizer;
    let eos =
        tokenizer.eos_id().or(files.generation.eos_ids.first().copied()).or(tokenizer.stop_ids().first().copied());
    // Readers take some other token where none is named.
    let eos = eos.ok_or("no token ends a text; name `eos_token` in tokenizer_config.json")?;
    if let Some(bos) = tokenizer.bos_id() {
        pairs.u32("tokenizer.ggml.bos_token_id", bos);
    }
    pairs.u32("tokenizer.ggml.eos_token_id", eos);
    if !files.template.is_plain()
        && let Some(end) = tokenizer.turn_end(&files.template).ok().flatten().filter(|end| *end != eos)
    {
        pairs.u32("tokenizer.ggml.eot_token_id", end);
    }
    for (key, name) in [("padding_token_id", "pad_token"), ("unknown_token_id", "unk_token")] {
        if let Some(id) = token_text(config.get(name)).and_then(|text| tokenizer.token_to_id(text)) {
            pairs.u32(&format!("tokenizer.ggml.{key}"), id);
        }
    }
    pairs.bool("tokenizer.ggml.add_bos_token", tokenizer.adds_bos());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    fn bytes(use_regex: bool) -> Value {
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex})
    }

    fn sequence(steps: &[Value]) -> Value {
        json!({"type": "Sequence", "pretokenizers": steps})
    }

    fn split(expression: &str) -> Value {
        json!({"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": false})
    }

    fn name(pre_tokenizer: &Value, normalizer: &Value, ignore_merges: bool) -> Result<&'static str, String> {
        super::pre_tokenizer(&json!({
            "model": {"type": "BPE", "ignore_merges": ignore_merges}, "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer,
        }))
    }

    #[test]
    fn known_ways_to_cut_text_have_names() {
        let (null, nfc) = (Value::Null, json!({"type": "NFC"}));
        let digits = json!({"type": "Digits", "individual_digits": true});
        assert_eq!(name(&json!({"type": "ByteLevel", "add_prefix_space": false}), &null, false).unwrap(), "gpt-2");
        assert_eq!(name(&sequence(&[digits.clone(), bytes(true)]), &null, false).unwrap(), "smollm");
        let llama3 = sequence(&[split(LLAMA3), bytes(false)]);
        assert_eq!(name(&llama3, &null, true).unwrap(), "llama-bpe");
        assert_eq!(name(&llama3, &null, false).unwrap(), "smaug-bpe");
        let qwen2 = sequence(&[split(QWEN2), bytes(false)]);
        assert_eq!(name(&qwen2, &nfc, false).unwrap(), "qwen2");
        assert_eq!(name(&qwen2, &json!({"type": "Sequence", "normalizers": [nfc]}), false).unwrap(), "qwen2");
        assert_eq!(name(&qwen2, &null, false).unwrap(), "stablelm2");
        let coder = [
            split("[\r\n]"),
            split(r"\s?\p{L}+"),
            split(r"\s?\p{P}+"),
            split("[一-龥ࠀ-一가-퟿]+"),
            digits,
            bytes(false),
        ];
        assert_eq!(name(&sequence(&coder), &null, false).unwrap(), "deepseek-coder");
        let mut removed = split(LLAMA3);
        removed["behavior"] = json!("Removed");
        removed["invert"] = json!(true);
        assert_eq!(name(&sequence(&[removed, bytes(false)]), &null, true).unwrap(), "llama-bpe");
    }

    #[test]
    fn other_ways_are_refused() {
        let null = Value::Null;
        let refused = |pre_tokenizer: Value, normalizer: &Value| name(&pre_tokenizer, normalizer, false).unwrap_err();
        assert!(refused(sequence(&[split(r"\d|\s+"), bytes(false)]), &null).contains("no name for the way"));
        assert!(refused(json!({"type": "ByteLevel", "add_prefix_space": true}), &null).contains("a space before"));
        assert!(refused(json!({"type": "ByteLevel"}), &null).contains("a space before"));
        assert!(refused(json!({"type": "Whitespace"}), &null).contains("does not end in bytes"));
        assert!(refused(null.clone(), &null).contains("does not end in bytes"));
        assert!(refused(bytes(true), &json!({"type": "Lowercase"})).contains("`Lowercase`"));
        let mut merged = split(QWEN2);
        merged["behavior"] = json!("MergedWithNext");
        assert!(refused(sequence(&[merged, bytes(false)]), &null).contains("`MergedWithNext`"));
        let other =
            |model: Value| super::pre_tokenizer(&json!({"model": model, "pre_tokenizer": bytes(true)})).unwrap_err();
        assert!(other(json!({"type": "BPE", "byte_fallback": true})).contains("SentencePiece"));
        assert!(other(json!({"type": "WordPiece"})).contains("`WordPiece`"));
    }

    #[test]
    fn merges_are_pairs_in_either_form() {
        assert_eq!(merges_of(&json!(["a b", ["c", "d"]])).unwrap(), ["a b", "c d"]);
        for bad in [json!(["ab"]), json!(["a b c"]), json!([["a"]]), json!([1]), json!([["a b", "c"]]), Value::Null] {
            assert!(merges_of(&bad).is_err());
        }
    }

    fn merges_of(merges: &Value) -> Result<Vec<String>, String> {
        super::merges(&json!({ "merges": merges }))
    }
}
