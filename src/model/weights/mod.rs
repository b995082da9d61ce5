//! Tensors by their Hugging Face names, whatever file they lie in: safetensors (one file or shards) or GGUF.
//!
//! Files are mapped, headers are checked before they are believed, and one tensor is decoded at a time, so memory peaks
//! near the size of what the caller keeps. Everything comes as f32 on the CPU. Pickled weights are refused.

mod gguf;
mod mapping;
mod names;
mod safetensors;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use candle_core::quantized::ggml_file::qtensor_from_ggml;
use candle_core::{DType, Device, Tensor};

pub use gguf::{Gguf, GgufArray, GgufTensor, GgufValue};
pub(super) use mapping::content_hash;
pub(super) use names::{gguf_name, is_permuted};

use self::mapping::Mapping;
use self::safetensors::{Number, SafeTensorsFile};
use super::error::one_line;
use super::folder::Folder;
use super::{Architecture, Family, ModelError};

/// The tensors of a model.
pub struct Weights {
    path: PathBuf,
    source: Source,
}

enum Source {
    /// The files, and for every tensor the file it lies in.
    SafeTensors {
        files: Vec<SafeTensorsFile>,
        places: BTreeMap<String, usize>,
    },
    Gguf {
        file: Gguf,
        order: RowOrder,
    },
}

/// What is needed to put the rows of a GGUF file back into Hugging Face order.
#[derive(Debug, Clone, Copy)]
struct RowOrder {
    family: Family,
    head_dim: usize,
}

impl std::fmt::Debug for Weights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Weights").field("path", &self.path).field("tensors", &self.names().len()).finish()
    }
}

impl Weights {
    /// Opens the safetensors files of a model's folder.
    pub fn open(folder: &Folder) -> Result<Self, ModelError> {
        let name = "model.safetensors";
        match (folder, folder.embedded(name)) {
            (Folder::Disk(directory), _) => Self::open_directory(directory),
            (_, Some(bytes)) => {
                let file = SafeTensorsFile::of(Mapping::embedded(&folder.path().join(name), bytes))?;
                Self::from_files(folder.path(), vec![file])
            }
            (_, None) => Err(no_weights(folder.path())),
        }
    }

    /// Opens the safetensors files of a Hugging Face directory: `model.safetensors`, or the shards that
    /// `model.safetensors.index.json` names.
    pub fn open_directory(directory: &Path) -> Result<Self, ModelError> {
        let index = directory.join("model.safetensors.index.json");
        let single = directory.join("model.safetensors");
        let files = if index.is_file() {
            open_shards(directory, &index)?
        } else if single.is_file() {
            vec![SafeTensorsFile::open(&single)?]
        } else {
            return Err(no_weights(directory));
        };
        Self::from_files(directory, files)
    }

    /// Opens one safetensors file, whatever it is called.
    ///
    /// # Errors
    /// It cannot be read, or is not what its header says.
    pub fn open_file(path: &Path) -> Result<Self, ModelError> {
        Self::from_files(path, vec![SafeTensorsFile::open(path)?])
    }

    fn from_files(directory: &Path, files: Vec<SafeTensorsFile>) -> Result<Self, ModelError> {
        let mut places = BTreeMap::new();
        for (number, file) in files.iter().enumerate() {
            for name in file.tensors.keys() {
                if places.insert(name.clone(), number).is_some() {
                    return Err(ModelError::damaged(directory, format!("tensor `{name}` is in two files")));
                }
            }
        }
        Ok(Self { path: directory.to_path_buf(), source: Source::SafeTensors { files, places } })
    }

    /// Takes the tensors of an opened GGUF file.
    pub fn from_gguf(file: Gguf, architecture: &Architecture) -> Self {
        let order = RowOrder { family: architecture.family, head_dim: architecture.head_dim };
        Self { path: file.path().to_path_buf(), source: Source::Gguf { file, order } }
    }

    /// The directory or file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hugging Face names, sorted.
    pub fn names(&self) -> Vec<String> {
        match &self.source {
            Source::SafeTensors { places, .. } => places.keys().cloned().collect(),
            Source::Gguf { file, .. } => {
                let mut names: Vec<_> =
                    file.tensors().keys().filter_map(|name| names::huggingface_name(name)).collect();
                names.sort_unstable();
                names
            }
        }
    }

    pub fn contains(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    /// Rows first, as PyTorch has it.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        match &self.source {
            Source::SafeTensors { files, places } => {
                files[*places.get(name)?].tensors.get(name).map(|tensor| tensor.shape.as_slice())
            }
            Source::Gguf { file, .. } => {
                file.tensors().get(&names::gguf_name(name)?).map(|tensor| tensor.shape.as_slice())
            }
        }
    }

    /// Reads one tensor as f32 on the CPU.
    ///
    /// # Errors
    /// It is missing, has another shape, or is of a type that is not read.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        self.check(name, shape)?;
        let missing = || ModelError::MissingTensor { path: self.path.clone(), name: name.to_owned() };
        let values = match &self.source {
            Source::SafeTensors { files, places } => {
                let file = &files[*places.get(name).ok_or_else(missing)?];
                let tensor = file.tensors.get(name).ok_or_else(missing)?;
                let values = to_f32(file.data(tensor), tensor.number).ok_or_else(|| ModelError::TensorType {
                    name: name.to_owned(),
                    found: tensor.dtype.clone(),
                    supported: "F32, F16, BF16".to_owned(),
                })?;
                file.mapping.release(file.data(tensor));
                Tensor::from_vec(values, shape, &Device::Cpu)
            }
            Source::Gguf { file, order } => {
                let tensor = names::gguf_name(name).and_then(|name| file.tensors().get(&name)).ok_or_else(missing)?;
                let values = dequantize(file, tensor, name, *order);
                file.mapping().release(file.data(tensor));
                values
            }
        };
        values.map_err(|error| ModelError::Tensor { name: name.to_owned(), reason: one_line(&error.to_string()) })
    }

    /// Checks that a tensor is there with this shape, without reading it.
    pub fn check(&self, name: &str, shape: &[usize]) -> Result<(), ModelError> {
        let found = self
            .shape(name)
            .ok_or_else(|| ModelError::MissingTensor { path: self.path.clone(), name: name.to_owned() })?;
        if found == shape {
            return Ok(());
        }
        Err(ModelError::WrongShape { name: name.to_owned(), found: found.to_vec(), wanted: shape.to_vec() })
    }

    /// Checks every tensor that a model of this architecture has.
    pub fn check_architecture(&self, architecture: &Architecture) -> Result<(), ModelError> {
        for (name, shape) in architecture.tensors() {
            self.check(&name, &shape)?;
        }
        Ok(())
    }

    /// One name for the content of all weight files; see `mapping::content_hash`.
    pub fn content_hash(&self) -> String {
        let mappings: Vec<&Mapping> = match &self.source {
            Source::SafeTensors { files, .. } => files.iter().map(|file| &file.mapping).collect(),
            Source::Gguf { file, .. } => vec![file.mapping()],
        };
        content_hash(&mappings)
    }
}

/// Opens the shards that an index names. Names that lead out of the directory are refused.
fn open_shards(directory: &Path, index: &Path) -> Result<Vec<SafeTensorsFile>, ModelError> {
    let text = std::fs::read(index).map_err(|error| ModelError::read(index, &error))?;
    let json: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| ModelError::damaged(index, error.to_string()))?;
    let map = json
        .get("weight_map")
        .and_then(|map| map.as_object())
        .ok_or_else(|| ModelError::damaged(index, "no `weight_map`"))?;
    let mut shards = BTreeMap::new();
    for (tensor, shard) in map {
        let shard = shard.as_str().ok_or_else(|| ModelError::damaged(index, format!("`{tensor}` names no file")))?;
        shards.entry(shard).or_insert_with(Vec::new).push(tensor);
    }
    let mut files = Vec::with_capacity(shards.len());
    for (shard, tensors) in shards {
        let file = SafeTensorsFile::open(&shard_path(directory, index, shard)?)?;
        if let Some(missing) = tensors.into_iter().find(|tensor| !file.tensors.contains_key(*tensor)) {
            return Err(ModelError::MissingTensor { path: directory.join(shard), name: missing.clone() });
        }
        files.push(file);
    }
    Ok(files)
}

fn shard_path(directory: &Path, index: &Path, shard: &str) -> Result<PathBuf, ModelError> {
    let refuse = |why: &str| ModelError::format(index, format!("shard name `{shard}` {why}"));
    let relative = Path::new(shard);
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || shard.is_empty() || shard.contains('\\') {
        return Err(refuse("leads out of the directory"));
    }
    if relative.extension().is_none_or(|extension| extension != "safetensors") {
        return Err(refuse("is not a .safetensors file"));
    }
    let path = directory.join(relative);
    if !path.exists() {
        return Err(ModelError::MissingFile {
            directory: directory.to_path_buf(),
            file: shard.to_owned(),
            advice: "the download is incomplete".to_owned(),
        });
    }
    if leads_out(directory, &path).map_err(|error| ModelError::read(&path, &error))? {
        return Err(refuse("is a link that leads out of the directory"));
    }
    Ok(path)
}

/// Whether a path, its links followed, lies outside of the model's directory. The Hub's cache is allowed its own layout:
/// `snapshots/<commit>/x` links to `../../blobs/<hash>` of the same model.
fn leads_out(directory: &Path, path: &Path) -> std::io::Result<bool> {
    let directory = directory.canonicalize()?;
    let path = path.canonicalize()?;
    if path.starts_with(&directory) {
        return Ok(false);
    }
    let cache = directory.parent().filter(|parent| parent.ends_with("snapshots")).and_then(Path::parent);
    Ok(!cache.is_some_and(|model| path.starts_with(model.join("blobs"))))
}

fn no_weights(directory: &Path) -> ModelError {
    let pickled = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).find(|path| {
        path.extension().is_some_and(|extension| extension == "bin" || extension == "pt" || extension == "pth")
    });
    match pickled {
        Some(path) => ModelError::Pickle { path },
        None => ModelError::MissingFile {
            directory: directory.to_path_buf(),
            file: "model.safetensors".to_owned(),
            advice: "fetch the weights as safetensors, or give a .gguf file".to_owned(),
        },
    }
}

fn to_f32(bytes: &[u8], number: Number) -> Option<Vec<f32>> {
    Some(match number {
        Number::F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Number::F16 => bytes.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect(),
        Number::BF16 => bytes.as_chunks::<2>().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect(),
        Number::Other => return None,
    })
}

fn dequantize(file: &Gguf, tensor: &GgufTensor, name: &str, order: RowOrder) -> candle_core::Result<Tensor> {
    let blocks = qtensor_from_ggml(tensor.dtype, file.data(tensor), tensor.shape.clone(), &Device::Cpu)?;
    let values = blocks.dequantize(&Device::Cpu)?.to_dtype(DType::F32)?;
    if !names::is_permuted(name, order.family) {
        return Ok(values);
    }
    let row: usize = tensor.shape[1..].iter().product();
    let rows = tensor.shape[0];
    if order.head_dim == 0 || !rows.is_multiple_of(order.head_dim) {
        candle_core::bail!("{rows} rows are no multiple of the head size {}", order.head_dim);
    }
    let values = values.flatten_all()?.to_vec1::<f32>()?;
    Tensor::from_vec(names::unpermute(&values, row, order.head_dim), tensor.shape.clone(), &Device::Cpu)
}
