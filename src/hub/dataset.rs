//! Which files of a repository are a split of a data set. Pure: knows a list of files and nothing of the network.
//!
//! Configurations and splits are told by names of directories and files, as the `datasets` library does it where a card says
//! nothing: `data/train-00000-of-00002.parquet`, `main/test-00000-of-00001.parquet`, `test.jsonl`.

use std::collections::{BTreeMap, BTreeSet};

use super::listing::{Held, Listing, RemoteFile};
use super::model::extension;
use super::name::Name;

/// The branch on which the Hub keeps every data set that it could read, as Parquet.
pub(super) const CONVERTED: &str = "refs/convert/parquet";

/// A configuration that has no name.
const DEFAULT: &str = "default";
/// Most names in a message.
const MOST_NAMES: usize = 20;

/// Words in file names, and the splits that they mean.
const WORDS: [(&str, &[&str]); 3] = [
    ("train", &["train", "training"]),
    ("validation", &["validation", "valid", "val", "dev"]),
    ("test", &["test", "testing", "eval", "evaluation"]),
];

/// By configuration and split; the files of each in their order.
pub(super) type Parts = BTreeMap<(String, String), Vec<RemoteFile>>;

/// The parts that a repository's own files make.
pub(super) fn own_parts(listing: &Listing) -> Parts {
    let mut parts = Parts::new();
    for file in &listing.files {
        let is_hidden = file.path.split('/').any(|part| part.starts_with('.'));
        if !is_hidden && matches!(extension(&file.path).as_str(), "parquet" | "jsonl") {
            parts.entry(part_of(&file.path)).or_default().push(file.clone());
        }
    }
    for files in parts.values_mut() {
        // The same rows in two forms are one split.
        if files.iter().any(|file| extension(&file.path) == "parquet") {
            files.retain(|file| extension(&file.path) == "parquet");
        }
    }
    sorted(parts)
}

/// The parts of the converted branch: `config/split/0000.parquet`.
pub(super) fn converted_parts(listing: &Listing) -> Parts {
    let mut parts = Parts::new();
    for file in &listing.files {
        let path: Vec<&str> = file.path.split('/').collect();
        if let [config, split, _] = path[..]
            && extension(&file.path) == "parquet"
        {
            let split = split.strip_prefix("partial-").unwrap_or(split);
            parts.entry((config.to_owned(), split.to_owned())).or_default().push(file.clone());
        }
    }
    sorted(parts)
}

fn sorted(mut parts: Parts) -> Parts {
    parts.values_mut().for_each(|files| files.sort_by(|a, b| a.path.cmp(&b.path)));
    parts
}

/// One file that is named, whatever it belongs to.
pub(super) fn one_file(listing: &Listing, path: &str) -> Result<Vec<RemoteFile>, String> {
    let file = listing.file(path).ok_or_else(|| format!("there is no file `{path}` in it"))?;
    match extension(path).as_str() {
        "parquet" | "jsonl" | "json" => Ok(vec![file.clone()]),
        _ => Err(format!("`{path}` is neither a Parquet nor a JSONL file")),
    }
}

/// The files of the part that is meant, or in one line why none is.
pub(super) fn choose(parts: &Parts, name: &Name, split: Option<&str>) -> Result<Vec<RemoteFile>, String> {
    let repository = name.repository();
    let configs: BTreeSet<&str> = parts.keys().map(|(config, _)| config.as_str()).collect();
    let (config, named_split) = match (name.part(), name.split()) {
        (Some(part), None) if !configs.contains(part) && parts.keys().any(|(_, split)| split == part) => {
            (None, Some(part))
        }
        named => named,
    };
    if let (Some(named), Some(wanted)) = (named_split, split)
        && named != wanted
    {
        return Err(format!("the name says split `{named}`, and `{wanted}` is asked for; leave one of them off"));
    }
    let config = match config {
        Some(config) if configs.contains(config) => config,
        Some(config) => return Err(format!("it has no part `{config}`; there are: {}", list(&configs))),
        None if configs.contains(DEFAULT) => DEFAULT,
        None => match configs.iter().copied().collect::<Vec<_>>()[..] {
            [] => return Err("it has no Parquet or JSONL files, and the Hub has not converted it".to_owned()),
            [only] => only,
            [first, ..] => {
                let all = list(&configs);
                return Err(format!("it has several parts ({all}); name one, such as hf:{repository}:{first}"));
            }
        },
    };
    let splits: BTreeSet<&str> = parts.keys().filter(|(c, _)| c == config).map(|(_, split)| split.as_str()).collect();
    let split = match (split.or(named_split), splits.iter().copied().collect::<Vec<_>>().as_slice()) {
        (Some(split), _) if splits.contains(split) => split,
        (Some(split), _) => return Err(format!("`{config}` has no split `{split}`; there are: {}", list(&splits))),
        (None, [only]) => *only,
        (None, _) if splits.contains("train") => "train",
        (None, all) => {
            let first = all.first().copied().unwrap_or("train");
            let names = list(&splits);
            return Err(format!("it has several splits ({names}); name one, such as hf:{repository}:{config}:{first}"));
        }
    };
    let files = parts.get(&(config.to_owned(), split.to_owned())).cloned().unwrap_or_default();
    whole(&files).map(|()| files)
}

/// How much of a data set a cache with these files has.
pub(super) fn held(listing: &Listing, name: &Name, split: Option<&str>) -> Held {
    if let Some(path) = name.path() {
        return if one_file(listing, path).is_ok() { Held::Whole } else { Held::Lacking };
    }
    let parts = own_parts(listing);
    match choose(&parts, name, split) {
        Ok(files) if listing.was_taken_whole() || is_settled(&parts, &files, name, split) => Held::Whole,
        Ok(_) => Held::Enough,
        Err(_) => Held::Lacking,
    }
}

/// The same of the converted branch, which goes on changing.
pub(super) fn held_converted(listing: &Listing, name: &Name, split: Option<&str>) -> Held {
    let is_enough = choose(&converted_parts(listing), name, split).is_ok();
    if is_enough { Held::Enough } else { Held::Lacking }
}

/// Whether these files would be chosen whatever else is in the repository: their part and split are named, or go before all others,
/// and they say how many they are.
fn is_settled(parts: &Parts, files: &[RemoteFile], name: &Name, split: Option<&str>) -> bool {
    let Some(((config, chosen), _)) = parts.iter().find(|(_, part)| part.as_slice() == files) else { return false };
    let is_named = [split, name.part(), name.split()].contains(&Some(chosen.as_str()));
    let goes_first = |file: &RemoteFile| extension(&file.path) == "parquet" && shard(stem(&file.path)).is_some();
    (config == DEFAULT || name.part() == Some(config.as_str()))
        && (chosen == "train" || is_named)
        && files.iter().all(goes_first)
}

/// `train-00000-of-00002` says how many there are.
fn whole(files: &[RemoteFile]) -> Result<(), String> {
    let said = files.iter().filter_map(|file| Some((shard(stem(&file.path))?.1, file)));
    match said.max_by_key(|(count, _)| *count) {
        Some((count, file)) if count > files.len() as u64 => {
            Err(format!("`{}` is one of {count} files, and {} are there", file.path, files.len()))
        }
        _ => Ok(()),
    }
}

fn list(names: &BTreeSet<&str>) -> String {
    let mut text = names.iter().take(MOST_NAMES).copied().collect::<Vec<_>>().join(", ");
    if names.len() > MOST_NAMES {
        text.push_str(", …");
    }
    text
}

/// The configuration and the split of a file.
fn part_of(path: &str) -> (String, String) {
    let (directory, _) = path.rsplit_once('/').unwrap_or(("", path));
    let mut directories: Vec<&str> = directory.split('/').filter(|part| !part.is_empty() && *part != "data").collect();
    let stem = stem(path);
    let in_name = shard(stem).map(|(split, _)| split).filter(|split| !split.is_empty()).or_else(|| word(stem));
    let split = in_name.or_else(|| {
        let at = directories.iter().rposition(|part| word(part).is_some())?;
        word(directories.remove(at))
    });
    // A directory that repeats the split is no configuration.
    directories.retain(|part| Some(*part) != split);
    let config = if directories.is_empty() { DEFAULT.to_owned() } else { directories.join("/") };
    (config, split.unwrap_or("train").to_owned())
}

/// The name of a file without its kind.
fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split_once('.').map_or(file, |(stem, _)| stem)
}

/// `train-00000-of-00002`: the split, and how many there are.
fn shard(stem: &str) -> Option<(&str, u64)> {
    let (rest, count) = stem.rsplit_once("-of-")?;
    let (split, number) = rest.rsplit_once('-')?;
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(number) && digits(count) { Some((split, count.parse().ok()?)) } else { None }
}

/// The split that a word in a name means.
fn word(text: &str) -> Option<&'static str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).find_map(|word| {
        let word = word.to_ascii_lowercase();
        WORDS.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(split, _)| *split)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(paths: &[&str]) -> Listing {
        let file = |path: &&str| RemoteFile { path: (*path).into(), size: 1, etag: String::new(), sha256: None };
        Listing { commit: String::new(), files: paths.iter().map(file).collect(), cached: false }
    }

    fn own(name: &str, split: Option<&str>, paths: &[&str]) -> Result<Vec<String>, String> {
        let files = choose(&own_parts(&listing(paths)), &Name::parse(name).unwrap(), split)?;
        Ok(files.into_iter().map(|file| file.path).collect())
    }

    const GSM8K: [&str; 5] = [
        "README.md",
        "main/test-00000-of-00001.parquet",
        "main/train-00000-of-00001.parquet",
        "socratic/test-00000-of-00001.parquet",
        "socratic/train-00000-of-00001.parquet",
    ];

    #[test]
    fn many_parts_want_a_name() {
        let error = own("hf:openai/gsm8k", None, &GSM8K).unwrap_err();
        assert!(error.contains("main, socratic") && error.contains("hf:openai/gsm8k:main"), "{error}");
        assert_eq!(own("hf:openai/gsm8k:main", None, &GSM8K).unwrap(), [GSM8K[2]]);
        assert_eq!(own("hf:openai/gsm8k:main:test", None, &GSM8K).unwrap(), [GSM8K[1]]);
        assert_eq!(own("hf:openai/gsm8k:socratic", Some("test"), &GSM8K).unwrap(), [GSM8K[3]]);
        assert!(own("hf:openai/gsm8k:none", None, &GSM8K).unwrap_err().contains("main, socratic"));
        assert!(own("hf:openai/gsm8k:main:none", None, &GSM8K).unwrap_err().contains("test, train"));
        assert!(own("hf:openai/gsm8k:main:test", Some("train"), &GSM8K).is_err());
    }

    #[test]
    fn one_part_needs_none() {
        let data = [
            "data/test-00000-of-00001.parquet",
            "data/train-00001-of-00002.parquet",
            "data/train-00000-of-00002.parquet",
        ];
        assert_eq!(own("hf:a/b", None, &data).unwrap(), [data[2], data[1]]);
        assert_eq!(own("hf:a/b:test", None, &data).unwrap(), [data[0]]);
        assert_eq!(own("hf:a/b", None, &["test.jsonl", "README.md"]).unwrap(), ["test.jsonl"]);
        assert_eq!(own("hf:a/b", None, &["train.jsonl", "data/train.parquet"]).unwrap(), ["data/train.parquet"]);
        assert_eq!(own("hf:a/b", None, &["problems.jsonl"]).unwrap(), ["problems.jsonl"]);
        assert_eq!(
            own("hf:a/b", None, &["val/1.jsonl", "test/1.jsonl"]).unwrap_err().matches("test, validation").count(),
            1
        );
        assert!(own("hf:a/b", None, &["data/train-00000-of-00002.parquet"]).unwrap_err().contains("one of 2"));
        assert!(own("hf:a/b", None, &["README.md", ".x/train.parquet"]).is_err());
    }

    #[test]
    fn a_cache_is_whole_when_nothing_else_could_be_meant() {
        let of =
            |name: &str, split: Option<&str>, paths: &[&str]| held(&listing(paths), &Name::parse(name).unwrap(), split);
        let test = ["main/test-00000-of-00001.parquet"];
        assert_eq!(of("hf:a/b:main:test", None, &test), Held::Whole);
        assert_eq!(of("hf:a/b:main", Some("test"), &test), Held::Whole);
        // On the Hub there may be training data, or another part.
        assert_eq!(of("hf:a/b:main", None, &test), Held::Enough);
        assert_eq!(of("hf:a/b", Some("test"), &test), Held::Enough);
        assert_eq!(of("hf:a/b", None, &["data/train-00000-of-00001.parquet"]), Held::Whole);
        assert_eq!(of("hf:a/b:test", None, &["data/test-00000-of-00001.parquet"]), Held::Whole);
        // Nobody says how many there are.
        assert_eq!(of("hf:a/b", None, &["data/train.parquet"]), Held::Enough);
        assert_eq!(of("hf:a/b", None, &["data/train.parquet", ".gitattributes"]), Held::Whole);
        assert_eq!(of("hf:a/b", None, &["data/train-00000-of-00002.parquet"]), Held::Lacking);
        assert_eq!(of("hf:a/b:none", None, &test), Held::Lacking);
        assert_eq!(of("hf:a/b/x.jsonl", None, &["x.jsonl"]), Held::Whole);
        assert_eq!(of("hf:a/b/x.jsonl", None, &["y.jsonl"]), Held::Lacking);
        let name = Name::parse("hf:a/b:test").unwrap();
        assert_eq!(held_converted(&listing(&["default/test/0000.parquet"]), &name, None), Held::Enough);
        assert_eq!(held_converted(&listing(&[]), &name, None), Held::Lacking);
    }

    #[test]
    fn the_converted_branch_says_it_in_directories() {
        let listing = listing(&[
            "main/train/0000.parquet",
            "main/train/0001.parquet",
            "main/partial-test/0000.parquet",
            "x.json",
        ]);
        let parts = converted_parts(&listing);
        let files = choose(&parts, &Name::parse("hf:a/b").unwrap(), None).unwrap();
        assert_eq!(files.len(), 2);
        assert_eq!(choose(&parts, &Name::parse("hf:a/b:test").unwrap(), None).unwrap().len(), 1);
    }

    #[test]
    fn a_file_is_named_as_it_is_listed() {
        let listing = listing(&["a/x.jsonl", "run.py"]);
        assert_eq!(one_file(&listing, "a/x.jsonl").unwrap().len(), 1);
        assert!(one_file(&listing, "x.jsonl").is_err() && one_file(&listing, "run.py").is_err());
    }
}
