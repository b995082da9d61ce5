//! Which files of a repository are a model that can be opened. Pure: knows a list of files and nothing of the network.

use std::collections::BTreeSet;

use serde_json::Value;

use super::listing::{Held, Listing, RemoteFile};
use super::name::{Name, is_safe_path};

/// What belongs to a model beside its weights, where it is there.
const COMPANIONS: [&str; 8] = [
    "config.json",
    "generation_config.json",
    TOKENIZER,
    TOKENIZER_CONFIG,
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
];
const TOKENIZER: &str = "tokenizer.json";
/// Often holds the chat template.
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// Of a PEFT adapter.
const ADAPTER: [&str; 2] = ["adapter_config.json", "adapter_model.safetensors"];
/// Pickles: they can run code.
const PICKLES: [&str; 5] = ["bin", "pt", "pth", "ckpt", "pkl"];
/// An index of more bytes is none.
pub(super) const LARGEST_INDEX: u64 = 64 << 20;
/// Most names in a message.
const MOST_NAMES: usize = 8;

/// What is needed of a repository.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// Where the model lies in the repository: a directory (empty for the repository itself) or a file.
    pub root: String,
    /// The files that are known to be needed.
    pub files: Vec<RemoteFile>,
    /// Names the other files, once it is here.
    pub index: Option<RemoteFile>,
}

/// What a name means in a repository.
enum Target<'l> {
    File(&'l RemoteFile),
    /// With what the paths of its files begin with.
    Directory(String),
}

fn target<'l>(listing: &'l Listing, name: &Name) -> Result<Target<'l>, String> {
    if name.part().is_some() {
        return Err("after a colon comes a part of a data set, and a model has none; leave it off".to_owned());
    }
    let root = name.path().unwrap_or_default();
    if let Some(file) = listing.file(root) {
        return Ok(Target::File(file));
    }
    let prefix = if root.is_empty() { String::new() } else { format!("{root}/") };
    if !listing.files.iter().any(|file| file.path.starts_with(&prefix)) {
        return Err(if root.is_empty() {
            "the repository is empty".to_owned()
        } else {
            format!("there is no `{root}` in it")
        });
    }
    Ok(Target::Directory(prefix))
}

/// Chooses, or says in one line why there is nothing to choose.
pub(super) fn choose(listing: &Listing, name: &Name) -> Result<Choice, String> {
    let prefix = match target(listing, name)? {
        Target::File(file) => return one_file(file),
        Target::Directory(prefix) => prefix,
    };
    let root = name.path().unwrap_or_default();
    let find = |file: &str| listing.file(&format!("{prefix}{file}"));
    let (whole, index, adapter) = (find(WHOLE), find(INDEX), find(ADAPTER[1]));
    let is_adapter = find(ADAPTER[0]).is_some() && find("config.json").is_none();
    let mut files = companions(listing, &prefix);
    if is_adapter && adapter.is_some() {
        files.extend(ADAPTER.iter().filter_map(|file| find(file)).cloned());
        return Ok(Choice { root: root.to_owned(), files, index: None });
    }
    // As they are opened: an index goes before a whole file.
    match (index, whole) {
        (Some(index), _) if index.size > LARGEST_INDEX => return Err(format!("{INDEX} is too large to be an index")),
        (Some(_), _) => {}
        (None, Some(whole)) => files.push(whole.clone()),
        (None, None) => return Err(without_weights(listing, &prefix, name)),
    }
    for needed in ["config.json", TOKENIZER] {
        if find(needed).is_none() {
            return Err(format!("it has no {needed}, so it is no model that can be opened here"));
        }
    }
    Ok(Choice { root: root.to_owned(), files, index: index.cloned() })
}

/// Chooses what turns chats into tokens, and no weights. `is_absent` knows of what the repository does not have: a cache that has
/// `tokenizer.json` alone would be taken for a model without a chat template.
pub(super) fn choose_text(listing: &Listing, name: &Name, is_absent: impl Fn(&str) -> bool) -> Result<Choice, String> {
    let prefix = match target(listing, name)? {
        Target::File(file) => return one_file(file),
        Target::Directory(prefix) => prefix,
    };
    if listing.file(&format!("{prefix}{TOKENIZER}")).is_none() {
        return Err(without_tokenizer(listing, &prefix));
    }
    let config = format!("{prefix}{TOKENIZER_CONFIG}");
    if listing.cached && !is_known(listing, &config, is_absent) {
        return Err(format!("`{config}` is missing"));
    }
    let root = name.path().unwrap_or_default().to_owned();
    Ok(Choice { root, files: companions(listing, &prefix), index: None })
}

fn companions(listing: &Listing, prefix: &str) -> Vec<RemoteFile> {
    COMPANIONS.iter().filter_map(|file| listing.file(&format!("{prefix}{file}"))).cloned().collect()
}

fn one_file(file: &RemoteFile) -> Result<Choice, String> {
    match extension(&file.path).as_str() {
        "gguf" => Ok(Choice { root: file.path.clone(), files: vec![file.clone()], index: None }),
        pickle if PICKLES.contains(&pickle) => Err(no_pickles()),
        _ => Err("a model is a repository, a directory in one, or a .gguf file".to_owned()),
    }
}

/// The weight files that an index names, all of them in the list.
pub(super) fn indexed(listing: &Listing, index: &RemoteFile, text: &[u8]) -> Result<Vec<RemoteFile>, String> {
    let json: Value = serde_json::from_slice(text).map_err(|_| format!("{} is no JSON", index.path))?;
    let map = json.get("weight_map").and_then(Value::as_object);
    let map = map.ok_or_else(|| format!("{} has no `weight_map`", index.path))?;
    let directory = index.path.strip_suffix(INDEX).unwrap_or_default();
    let names: BTreeSet<&str> = map.values().filter_map(Value::as_str).collect();
    let mut files = Vec::new();
    for name in names {
        let shown = super::error::shown(name);
        if !is_safe_path(name) || extension(name) != "safetensors" {
            return Err(format!("{} names `{shown}`, which is no .safetensors file beside it", index.path));
        }
        let file = listing.file(&format!("{directory}{name}"));
        files.push(file.ok_or_else(|| format!("`{shown}` is missing, which {} names", index.path))?.clone());
    }
    if files.is_empty() { Err(format!("{} names no files", index.path)) } else { Ok(files) }
}

/// How much of a model a cache with these files has. `read` gives the content of one of them, and `is_absent` knows of what the
/// repository does not have: without that, a companion may be on the Hub alone.
pub(super) fn held(
    listing: &Listing,
    name: &Name,
    read: impl Fn(&RemoteFile) -> Option<Vec<u8>>,
    is_absent: impl Fn(&str) -> bool,
) -> Held {
    let Ok(choice) = choose(listing, name) else { return Held::Lacking };
    let is_whole = match &choice.index {
        Some(index) => read(index).is_some_and(|text| indexed(listing, index, &text).is_ok()),
        None => true,
    };
    if !is_whole {
        return Held::Lacking;
    }
    let is_whole = perhaps(&choice).all(|path| is_known(listing, &path, &is_absent));
    if is_whole { Held::Whole } else { Held::Enough }
}

/// How much of a model's text a cache with these files has. Says nothing of weights.
pub(super) fn held_text(listing: &Listing, name: &Name, is_absent: impl Fn(&str) -> bool) -> Held {
    let Ok(choice) = choose_text(listing, name, &is_absent) else { return Held::Lacking };
    let is_whole = perhaps_text(&choice).all(|path| is_known(listing, &path, &is_absent));
    if is_whole { Held::Whole } else { Held::Enough }
}

/// Whether a cache knows of a file that it is there, or that it is not in the repository either.
fn is_known(listing: &Listing, path: &str, is_absent: impl Fn(&str) -> bool) -> bool {
    listing.was_taken_whole() || listing.file(path).is_some() || is_absent(path)
}

/// The files that change a choice where they are there.
pub(super) fn perhaps(choice: &Choice) -> impl Iterator<Item = String> {
    beside(choice, COMPANIONS.into_iter().chain([INDEX]))
}

/// The same where no weights are wanted.
pub(super) fn perhaps_text(choice: &Choice) -> impl Iterator<Item = String> {
    beside(choice, COMPANIONS.into_iter())
}

/// Files in the directory that was chosen; none where a file was.
fn beside(choice: &Choice, names: impl Iterator<Item = &'static str>) -> impl Iterator<Item = String> {
    let is_file = choice.files.iter().any(|file| file.path == choice.root);
    let prefix = if choice.root.is_empty() { String::new() } else { format!("{}/", choice.root) };
    names.filter(move |_| !is_file).map(move |name| format!("{prefix}{name}"))
}

/// Says what there is in the place of weights.
fn without_weights(listing: &Listing, prefix: &str, name: &Name) -> String {
    let here = || listing.files.iter().filter(move |file| file.path.starts_with(prefix));
    let of = |wanted: &[&str]| {
        let found = here().filter(|file| wanted.contains(&extension(&file.path).as_str()));
        found.map(|file| file.path.as_str()).collect::<Vec<_>>()
    };
    let gguf = of(&["gguf"]);
    if let Some(first) = gguf.first() {
        let names = gguf.iter().take(MOST_NAMES).copied().collect::<Vec<_>>().join(", ");
        let more = if gguf.len() > MOST_NAMES { ", …" } else { "" };
        return format!("it holds GGUF files ({names}{more}); name one, such as hf:{}/{first}", name.repository());
    }
    if !of(&PICKLES).is_empty() {
        return no_pickles();
    }
    format!("it has neither {WHOLE} nor {INDEX} nor a .gguf file, so it is no model that can be opened here")
}

/// Says what there is in the place of a tokenizer.
fn without_tokenizer(listing: &Listing, prefix: &str) -> String {
    let mut here = listing.files.iter().filter(|file| file.path.starts_with(prefix));
    if here.any(|file| extension(&file.path) == "gguf") {
        return format!(
            "it holds GGUF files and no {TOKENIZER}; name the repository that they were made of, or a directory with its tokenizer"
        );
    }
    format!("it has no {TOKENIZER}; name a repository or a directory that has one")
}

fn no_pickles() -> String {
    "its weights are pickles (.bin, .pt), which can run code and are never read; look for a revision or a copy of it with \
     .safetensors files"
        .to_owned()
}

/// In small letters; empty where there is none.
pub(super) fn extension(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.rsplit_once('.').map_or_else(String::new, |(_, extension)| extension.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(paths: &[&str]) -> Listing {
        let file = |path: &&str| RemoteFile { path: (*path).into(), size: 1, etag: String::new(), sha256: None };
        Listing { commit: String::new(), files: paths.iter().map(file).collect(), cached: false }
    }

    fn chosen(name: &str, paths: &[&str]) -> Result<Vec<String>, String> {
        let choice = choose(&listing(paths), &Name::parse(name).unwrap())?;
        Ok(choice.files.into_iter().chain(choice.index).map(|file| file.path).collect())
    }

    #[test]
    fn only_what_is_opened_is_fetched() {
        let files = chosen(
            "hf:a/b",
            &[
                "README.md",
                "config.json",
                "model.safetensors",
                "pytorch_model.bin",
                "tokenizer.json",
                "onnx/model.onnx",
            ],
        );
        assert_eq!(files.unwrap(), ["config.json", "tokenizer.json", "model.safetensors"]);
        let sharded = ["config.json", "tokenizer.json", INDEX, "consolidated.safetensors", WHOLE];
        assert_eq!(chosen("hf:a/b", &sharded).unwrap(), ["config.json", "tokenizer.json", INDEX]);
        let below = ["x/config.json", "x/tokenizer.json", "x/model.safetensors", "config.json"];
        assert_eq!(chosen("hf:a/b/x", &below).unwrap().len(), 3);
        let adapter = ["adapter_config.json", "adapter_model.safetensors", "tokenizer.json"];
        assert_eq!(chosen("hf:a/b", &adapter).unwrap().len(), 3);
    }

    #[test]
    fn pickles_are_refused_and_gguf_files_want_a_name() {
        let error = chosen("hf:a/b", &["config.json", "tokenizer.json", "pytorch_model.bin"]).unwrap_err();
        assert!(error.contains("pickles"), "{error}");
        assert!(chosen("hf:a/b/pytorch_model.bin", &["pytorch_model.bin"]).unwrap_err().contains("pickles"));
        let error = chosen("hf:a/b", &["m-q4.gguf", "m-q8.gguf"]).unwrap_err();
        assert!(error.contains("hf:a/b/m-q4.gguf"), "{error}");
        assert_eq!(chosen("hf:a/b/m-q8.gguf", &["m-q4.gguf", "m-q8.gguf"]).unwrap(), ["m-q8.gguf"]);
        let cases: [(&str, &[&str]); 6] = [
            ("hf:a/b", &["README.md"]),
            ("hf:a/b", &[]),
            ("hf:a/b/none", &["config.json"]),
            ("hf:a/b:main", &["config.json"]),
            ("hf:a/b", &["model.safetensors", "config.json"]),
            ("hf:a/b/README.md", &["README.md"]),
        ];
        for (name, paths) in cases {
            assert!(chosen(name, paths).is_err(), "{name} {paths:?}");
        }
    }

    #[test]
    fn a_cache_is_whole_when_nothing_can_be_on_the_hub_alone() {
        let name = Name::parse("hf:a/b").unwrap();
        let of = |paths: &[&str], absent: &[&str]| {
            let read = |_: &RemoteFile| Some(br#"{"weight_map":{"a":"model-1.safetensors"}}"#.to_vec());
            held(&listing(paths), &name, read, |path| absent.contains(&path))
        };
        let here = ["config.json", "tokenizer.json", "tokenizer_config.json", WHOLE];
        let absent = [
            "generation_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "chat_template.jinja",
            "chat_template.json",
            INDEX,
        ];
        assert_eq!(of(&here, &absent), Held::Whole);
        for at in 0..absent.len() {
            let mut fewer = absent.to_vec();
            fewer.remove(at);
            assert_eq!(of(&here, &fewer), Held::Enough, "{}", absent[at]);
        }
        assert_eq!(of(&here[..3], &absent), Held::Lacking);
        let mut all = here.to_vec();
        all.push(".gitattributes");
        assert_eq!(of(&all, &[]), Held::Whole);
        // Of several weight files, all.
        let sharded = ["config.json", "tokenizer.json", INDEX, "model-1.safetensors"];
        assert_eq!(of(&sharded, &[]), Held::Enough);
        assert_eq!(of(&sharded[..3], &[]), Held::Lacking);
        // A file is all of it.
        let name = Name::parse("hf:a/b/m.gguf").unwrap();
        assert_eq!(held(&listing(&["m.gguf"]), &name, |_| None, |_| false), Held::Whole);
    }

    fn text(name: &str, paths: &[&str]) -> Result<Vec<String>, String> {
        let choice = choose_text(&listing(paths), &Name::parse(name).unwrap(), |_| false)?;
        assert!(choice.index.is_none());
        Ok(choice.files.into_iter().map(|file| file.path).collect())
    }

    #[test]
    fn of_a_tokenizer_no_weights_are_fetched() {
        let all = [
            "README.md",
            "added_tokens.json",
            "chat_template.jinja",
            "config.json",
            "generation_config.json",
            INDEX,
            "model-1.safetensors",
            WHOLE,
            "pytorch_model.bin",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer.model",
            "tokenizer_config.json",
            "vocab.json",
        ];
        let mut few = text("hf:a/b", &all).unwrap();
        few.sort_unstable();
        let wanted = [all[1], all[2], all[3], all[4], all[9], all[10], all[12]];
        assert_eq!(few, wanted);
        // Neither numbers nor weights need be there, of whatever kind they are.
        assert_eq!(text("hf:a/b", &["tokenizer.json", "pytorch_model.bin"]).unwrap(), ["tokenizer.json"]);
        let below = ["x/tokenizer.json", "x/model.safetensors", "config.json"];
        assert_eq!(text("hf:a/b/x", &below).unwrap(), ["x/tokenizer.json"]);
        assert_eq!(text("hf:a/b/m.gguf", &["m.gguf", "tokenizer.json"]).unwrap(), ["m.gguf"]);
        let error = text("hf:a/b", &["m-q4.gguf", "m-q8.gguf", "config.json"]).unwrap_err();
        assert!(error.contains("GGUF") && error.contains("a directory with its tokenizer"), "{error}");
        assert!(text("hf:a/b", &[WHOLE, "config.json"]).unwrap_err().contains("no tokenizer.json"));
        for name in ["hf:a/b:main", "hf:a/b/none", "hf:a/b/tokenizer.json", "hf:a/b/pytorch_model.bin"] {
            assert!(text(name, &["tokenizer.json", "pytorch_model.bin"]).is_err(), "{name}");
        }
    }

    #[test]
    fn a_tokenizer_in_the_cache_is_no_model_there() {
        let name = Name::parse("hf:a/b").unwrap();
        let cached = |paths: &[&str]| Listing { cached: true, ..listing(paths) };
        let of = |paths: &[&str], absent: &[&str]| held_text(&cached(paths), &name, |path| absent.contains(&path));
        let here = ["config.json", "tokenizer.json", "tokenizer_config.json"];
        let absent = [
            "generation_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "chat_template.jinja",
            "chat_template.json",
        ];
        assert_eq!(of(&here, &absent), Held::Whole);
        assert_eq!(held(&cached(&here), &name, |_| None, |_| true), Held::Lacking);
        assert_eq!(of(&here, &absent[1..]), Held::Enough);
        assert_eq!(of(&[&here[..], &[".gitattributes"]].concat(), &[]), Held::Whole);
        // Where the chat template may be on the Hub alone the cache will not do.
        assert_eq!(of(&here[..2], &absent), Held::Lacking);
        assert_eq!(of(&here[..2], &[&absent[..], &here[2..]].concat()), Held::Whole);
        assert_eq!(of(&["config.json", WHOLE], &absent), Held::Lacking);
    }

    #[test]
    fn an_index_names_files_of_the_repository_alone() {
        let listing = listing(&[INDEX, "model-1.safetensors", "x.bin"]);
        let index = listing.file(INDEX).unwrap();
        let read = |text: &str| indexed(&listing, index, text.as_bytes());
        let fine = read(r#"{"weight_map":{"a":"model-1.safetensors","b":"model-1.safetensors"}}"#).unwrap();
        assert_eq!(fine.len(), 1);
        for bad in [
            "",
            "{}",
            r#"{"weight_map":{}}"#,
            r#"{"weight_map":{"a":"../model-1.safetensors"}}"#,
            r#"{"weight_map":{"a":"x.bin"}}"#,
            r#"{"weight_map":{"a":"model-2.safetensors"}}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
