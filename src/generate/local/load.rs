//! A backend from a model's files.

use std::sync::Arc;

use color_eyre::eyre::Context;

use super::{ChatText, LocalBackend, LocalOptions, TokenText};
use crate::generate::backend::is_begun;
use crate::model::{
    ChatTemplate, Compute, ComputeChoice, Decoder, ModelFiles, TensorSource, TextFiles, TokenStream, Tokenizer, Weights,
};
use crate::records::Message;

impl TensorSource for Weights {
    fn tensor(
        &self,
        name: &str,
        shape: &[usize],
    ) -> Result<candle_core::Tensor, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Weights::tensor(self, name, shape)?)
    }

    fn contains(&self, name: &str) -> bool {
        Weights::contains(self, name)
    }
}

/// Tokenizer and chat template of a model.
pub struct ModelText {
    tokenizer: Tokenizer,
    template: ChatTemplate,
}

impl ModelText {
    pub fn new(files: impl Into<TextFiles>) -> Self {
        let TextFiles { tokenizer, template, .. } = files.into();
        Self { tokenizer, template }
    }

    /// Names the tokenizer by what its tokens stand for.
    pub(in crate::generate) fn tokenizer_hash(&self) -> String {
        self.tokenizer.hash()
    }
}

impl ChatText for ModelText {
    fn encode_chat(&self, messages: &[Message]) -> color_eyre::Result<Vec<u32>> {
        Ok(match is_begun(messages) {
            true => self.tokenizer.encode_continued(&self.template, messages)?,
            false => self.tokenizer.encode_chat(&self.template, messages)?,
        })
    }

    fn render(&self, messages: &[Message]) -> color_eyre::Result<String> {
        Ok(if is_begun(messages) {
            self.template.render_continued(messages)?
        } else {
            self.template.render(messages)?
        })
    }

    fn stop_ids(&self) -> &[u32] {
        self.tokenizer.stop_ids()
    }

    fn stream(&self) -> Box<dyn TokenText> {
        Box::new(ModelTokens(Some(self.tokenizer.stream())))
    }
}

/// `None` once it is finished.
struct ModelTokens(Option<TokenStream>);

impl TokenText for ModelTokens {
    fn push(&mut self, token: u32) -> Option<String> {
        self.0.as_mut()?.push(token)
    }

    fn finish(&mut self) -> Option<String> {
        self.0.take()?.finish()
    }
}

/// A decoder from opened files.
///
/// # Errors
/// If the compute mode is not to be had, or a weight does not load.
pub fn load_decoder(files: &ModelFiles, compute: ComputeChoice, options: &LocalOptions) -> color_eyre::Result<Decoder> {
    let device = options.device().wrap_err("cannot open the GPU; this build can also run on the CPU")?;
    let compute = Compute::resolve(compute, &device)?;
    Decoder::load(&files.architecture, &files.weights, compute, &device)
        .wrap_err_with(|| format!("cannot load model `{}`", files.name))
}

impl LocalBackend {
    /// Loads a model by its path.
    ///
    /// # Errors
    /// If its files cannot be read, its architecture is not supported, or the compute mode is not to be had.
    pub fn load(spec: &str, options: LocalOptions) -> color_eyre::Result<Self> {
        let files = ModelFiles::open(spec)?;
        let decoder = load_decoder(&files, options.compute, &options)?;
        Ok(Self::from_files(files, Arc::new(decoder), &options))
    }

    /// A backend for a decoder with the tokenizer and template of `files`. The identity is that of the files.
    pub fn from_files(files: ModelFiles, decoder: Arc<Decoder>, options: &LocalOptions) -> Self {
        let names = (files.name.clone(), files.content_hash.clone(), files.template.hash());
        Self::new(decoder, Box::new(ModelText::new(&files)), names, options)
    }
}
