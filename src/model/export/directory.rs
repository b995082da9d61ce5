//! A Hugging Face model directory in shards, and a PEFT adapter: what transformers, peft and vLLM open.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde_json::{Value, json};

use super::place::NewDirectory;
use super::safetensors::{self, Named};
use super::source::with_values;
use super::{COMPANIONS, Companions, Encoding, ExportError, Meter, Source, Summary, Watch};
use crate::model::{Folder, Origin};

/// Most bytes of tensors in a file, unless one alone is larger; the Hub's tools take this size well.
const SHARD: u64 = 5_000_000_000;

/// Writes a model directory, an adapter merged into the weights. `place` must be new, or an empty directory.
///
/// # Errors
/// [`Encoding::Q8_0`], which such directories do not have; a value that does not fit; of the file system; or `watch` said to
/// stop.
pub fn write_directory(
    source: &Source,
    place: &Path,
    encoding: Encoding,
    watch: Watch<'_>,
) -> Result<Summary, ExportError> {
    write_shards(source, place, encoding, SHARD, watch)
}

pub(super) fn write_shards(
    source: &Source,
    place: &Path,
    encoding: Encoding,
    shard: u64,
    watch: Watch<'_>,
) -> Result<Summary, ExportError> {
    refuse_blocks(source, encoding)?;
    let companions = Companions::of(source.files(), encoding)?;
    let architecture = &source.files().architecture;
    let tensors = architecture.tensors();
    let total = total(&tensors, encoding);
    let mut meter = Meter::new(watch, total);
    let mut directory = NewDirectory::begin(place)?;
    for (name, content) in &companions.files {
        directory.content(name, content)?;
    }
    directory.content("config.json", format!("{:#}\n", companions.config).as_bytes())?;
    directory.content("README.md", &card(source, encoding)?)?;
    let shards = shards(&tensors, encoding, shard);
    let mut map: BTreeMap<&str, String> = BTreeMap::new();
    for (number, range) in shards.iter().enumerate() {
        let name = shard_name(number, shards.len());
        let tensors = &tensors[range.clone()];
        map.extend(tensors.iter().map(|(tensor, _)| (tensor.as_str(), name.clone())));
        let mut file = directory.file(&name)?;
        safetensors::write(&mut file, &mut meter, tensors, encoding, |(name, shape), put| {
            source.tensor(name, shape, put)
        })?;
        directory.close(file)?;
    }
    if shards.len() > 1 {
        let index = json!({ "metadata": { "total_size": total }, "weight_map": map });
        directory.content("model.safetensors.index.json", format!("{index:#}\n").as_bytes())?;
    }
    Ok(Summary {
        path: place.to_path_buf(),
        bytes: directory.finish()?,
        tensors: tensors.len(),
        parameters: architecture.parameter_count(),
        encoding,
        notes: template_note(source),
    })
}

/// Writes the adapter alone, with the files that came with it. `place` must be new, or an empty directory.
///
/// # Errors
/// As [`write_directory`]; if there is no adapter.
pub fn write_adapter(
    source: &Source,
    place: &Path,
    encoding: Encoding,
    watch: Watch<'_>,
) -> Result<Summary, ExportError> {
    let Some(adapter) = source.adapter() else {
        return Err(source.refused("there is no adapter to export; give the directory of one"));
    };
    refuse_blocks(source, encoding)?;
    let weights = adapter.weights();
    let tensors: Vec<Named> =
        weights.names().into_iter().filter_map(|name| Some((name.clone(), weights.shape(&name)?.to_vec()))).collect();
    let mut meter = Meter::new(watch, total(&tensors, encoding));
    let mut directory = NewDirectory::begin(place)?;
    let from = Folder::Disk(adapter.directory().to_path_buf());
    for name in COMPANIONS.into_iter().filter(|name| *name != "generation_config.json") {
        if let Some(content) = from.read(name)? {
            directory.content(name, &content)?;
        }
    }
    directory.content("README.md", &card_of(&from)?.unwrap_or_else(|| new_card(source, "peft", encoding)))?;
    let mut config = adapter.config().clone();
    config.insert("base_model_name_or_path".into(), source.files().name.as_str().into());
    config.insert("inference_mode".into(), true.into());
    directory.content("adapter_config.json", format!("{:#}\n", Value::Object(config)).as_bytes())?;
    let mut file = directory.file("adapter_model.safetensors")?;
    safetensors::write(&mut file, &mut meter, &tensors, encoding, |(name, shape), put| {
        with_values(&weights.tensor(name, shape)?, name, put)
    })?;
    directory.close(file)?;
    Ok(Summary {
        path: place.to_path_buf(),
        bytes: directory.finish()?,
        tensors: tensors.len(),
        parameters: tensors.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum(),
        encoding,
        notes: Vec::new(),
    })
}

fn refuse_blocks(source: &Source, encoding: Encoding) -> Result<(), ExportError> {
    if encoding == Encoding::Q8_0 {
        return Err(source.refused("q8_0 is a format of GGUF files; choose f32, f16 or bf16 here"));
    }
    Ok(())
}

fn total(tensors: &[Named], encoding: Encoding) -> u64 {
    tensors.iter().map(|(_, shape)| encoding.bytes(shape.iter().product())).sum()
}

/// Which tensors go into which file, in order: as many as fit, but one at least.
fn shards(tensors: &[Named], encoding: Encoding, most: u64) -> Vec<Range<usize>> {
    let mut shards: Vec<Range<usize>> = Vec::new();
    let mut filled = 0;
    for (index, (_, shape)) in tensors.iter().enumerate() {
        let bytes = encoding.bytes(shape.iter().product());
        match shards.last_mut() {
            Some(shard) if filled + bytes <= most => {
                shard.end = index + 1;
                filled += bytes;
            }
            _ => {
                shards.push(index..index + 1);
                filled = bytes;
            }
        }
    }
    shards
}

fn shard_name(number: usize, of: usize) -> String {
    if of == 1 {
        return "model.safetensors".to_owned();
    }
    format!("model-{:05}-of-{of:05}.safetensors", number + 1)
}

/// The model's own card, where it has one and stays the same model; else a new one.
fn card(source: &Source, encoding: Encoding) -> Result<Vec<u8>, ExportError> {
    let own = match &source.files().origin {
        Origin::Directory(folder) if source.adapter().is_none() => card_of(folder)?,
        _ => None,
    };
    Ok(own.unwrap_or_else(|| new_card(source, "transformers", encoding)))
}

fn card_of(folder: &Folder) -> Result<Option<Vec<u8>>, ExportError> {
    Ok(folder.read("README.md")?.map(std::borrow::Cow::into_owned))
}

fn new_card(source: &Source, library: &str, encoding: Encoding) -> Vec<u8> {
    let files = source.files();
    let adapter = source.adapter().map(|adapter| adapter.directory().display().to_string());
    let code = |text: &str| text.replace(['`', '\n', '\r', '|'], "'");
    let mut facts = vec![("weights", encoding.to_string()), ("model", code(&files.name))];
    facts.push(("content of its weights", files.content_hash.clone()));
    let what = match (&adapter, library) {
        (Some(adapter), "peft") => {
            facts.push(("adapter", code(adapter)));
            "A LoRA adapter for the model below."
        }
        (Some(adapter), _) => {
            facts.push(("adapter", code(adapter)));
            "The model below with a LoRA adapter merged into its weights."
        }
        (None, _) => "The model below, in another form.",
    };
    let rows: String = facts.iter().map(|(key, value)| format!("| {key} | `{value}` |\n")).collect();
    format!(
        "---\nlibrary_name: {library}\npipeline_tag: text-generation\nbase_model: {}\ntags:\n- cribble\n---\n\n# {}\n\n\
         {what}\n\n| | |\n|---|---|\n{rows}",
        Value::from(files.name.as_str()),
        code(&source.name()),
    )
    .into_bytes()
}

/// An adapter may come with a template of its own; the base's is what is written.
fn template_note(source: &Source) -> Vec<String> {
    let Some(adapter) = source.adapter() else { return Vec::new() };
    let Ok(own) = std::fs::read(adapter.directory().join("chat_template.jinja")) else { return Vec::new() };
    if own == source.files().template.source().as_bytes() {
        return Vec::new();
    }
    vec!["the adapter has another chat template than its base; the base's was written".to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_filled_in_order() {
        let tensors: Vec<Named> =
            [10, 20, 100, 5, 5].into_iter().map(|size| (format!("t{size}"), vec![size])).collect();
        assert_eq!(shards(&tensors, Encoding::F16, 64), [0..2, 2..3, 3..5]);
        assert_eq!(shards(&tensors, Encoding::F32, u64::MAX).len(), 1);
        assert!(shards(&[], Encoding::F32, 1).is_empty());
        assert_eq!(shard_name(0, 1), "model.safetensors");
        assert_eq!(shard_name(1, 12), "model-00002-of-00012.safetensors");
    }
}
