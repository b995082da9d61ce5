//! What is exported: an opened model, with an adapter that is merged into its weights or without.

use std::path::Path;

use candle_core::{DType, Storage, Tensor};

use super::{Adapter, ExportError};
use crate::hub;
use crate::model::error::one_line;
use crate::model::{MICRO, ModelError, ModelFiles};

/// A model and perhaps an adapter for it.
#[derive(Debug)]
pub struct Source {
    files: ModelFiles,
    adapter: Option<Adapter>,
}

impl Source {
    /// Opens whatever [`ModelFiles::open`] does, or the directory of a PEFT adapter with its base: `base` if it is given,
    /// else the one that the adapter names.
    ///
    /// # Errors
    /// As [`ModelFiles::open`]; an adapter that does not fit its base, or of a kind that is not read.
    pub fn open(model: &str, base: Option<&str>) -> Result<Self, ExportError> {
        let fetched =
            if hub::is_hub_name(model) { Some(hub::model_path(model).map_err(ModelError::from)?) } else { None };
        let path = fetched.as_deref().unwrap_or_else(|| Path::new(model));
        let has = |name: &str| path.join(name).is_file();
        let is_adapter = model != MICRO && has("adapter_config.json") && !has("config.json");
        if !is_adapter {
            if base.is_some() {
                let reason = "it is no adapter, so it has no base; leave the base out".to_owned();
                return Err(ExportError::Refused { model: one_line(model), reason });
            }
            return Ok(Self { files: ModelFiles::open(model)?, adapter: None });
        }
        let config = super::adapter::read_config(path)?;
        let files = match (base, config.base.as_deref()) {
            (Some(base), _) => ModelFiles::open(base)?,
            (None, None) => return Err(config.refused("it names no base model; say which it is (--base)")),
            (None, Some(named)) => ModelFiles::open(named).map_err(|error| match error {
                ModelError::NotFound { .. } | ModelError::Unsupported { .. } => {
                    let named = one_line(named);
                    config.refused(format!("its base model `{named}` is not on this machine; say where it is (--base)"))
                }
                other => other.into(),
            })?,
        };
        let adapter = Adapter::open(config, &files.architecture)?;
        Ok(Self { files, adapter: Some(adapter) })
    }

    /// A model that is open already.
    pub fn of(files: ModelFiles) -> Self {
        Self { files, adapter: None }
    }

    /// The model, or the adapter's base.
    pub fn files(&self) -> &ModelFiles {
        &self.files
    }

    pub fn adapter(&self) -> Option<&Adapter> {
        self.adapter.as_ref()
    }

    /// What the model is called: the last part of its path, without the file's kind.
    pub fn name(&self) -> String {
        // A dot in it begins no kind of file.
        if self.adapter.is_none()
            && let Ok(name) = hub::Name::parse(&self.files.name)
            && name.path().is_none()
        {
            return name.short().to_owned();
        }
        let spec = self.adapter.as_ref().map_or(Path::new(&self.files.name), Adapter::directory);
        let file = !spec.is_dir() && spec.extension().is_some();
        let name = if file { spec.file_stem() } else { spec.file_name() };
        name.map_or_else(|| "model".to_owned(), |name| one_line(&name.to_string_lossy()))
    }

    /// Hands on the values of one tensor, the adapter merged into them. They are in memory no longer than that.
    pub(super) fn tensor<T>(
        &self,
        name: &str,
        shape: &[usize],
        take: impl FnOnce(&[f32]) -> Result<T, ExportError>,
    ) -> Result<T, ExportError> {
        let tensor = self.files.weights.tensor(name, shape)?;
        let Some(adapter) = self.adapter.as_ref().filter(|adapter| adapter.changes(name)) else {
            return with_values(&tensor, name, take);
        };
        let mut values = with_values(&tensor, name, |values| Ok(values.to_vec()))?;
        drop(tensor);
        adapter.merge(name, &mut values)?;
        take(&values)
    }

    pub(super) fn refused(&self, reason: impl Into<String>) -> ExportError {
        ExportError::Refused { model: one_line(&self.files.name), reason: reason.into() }
    }
}

/// Hands on the values of a tensor in main memory, without a copy where they lie in order.
pub(super) fn with_values<T>(
    tensor: &Tensor,
    name: &str,
    take: impl FnOnce(&[f32]) -> Result<T, ExportError>,
) -> Result<T, ExportError> {
    let (storage, layout) = tensor.storage_and_layout();
    if let (Storage::Cpu(values), Some((begin, end))) = (&*storage, layout.contiguous_offsets())
        && let Ok(values) = values.as_slice::<f32>()
    {
        return take(&values[begin..end]);
    }
    drop(storage);
    let values = tensor
        .flatten_all()
        .and_then(|tensor| tensor.to_dtype(DType::F32)?.to_vec1::<f32>())
        .map_err(|error| ModelError::Tensor { name: name.to_owned(), reason: one_line(&error.to_string()) })?;
    take(&values)
}
