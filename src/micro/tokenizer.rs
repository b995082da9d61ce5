//! The small vocabulary: every digit by itself, the corpus' words whole, bytes for everything else.

use serde_json::{Value, json};
use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

/// Open a user's and the model's turn, and end one.
const SPECIAL: [&str; 3] = ["<|user|>", "<|assistant|>", "<|end|>"];
/// The id of `<|end|>`.
pub const END: u32 = 2;

/// Digits one by one; words with the space before them; signs with the space behind them; `\boxed{`.
const PIECES: &str = r"\d|\\\p{L}+\{?| ?\p{L}+|[^\s\p{L}\d\\]+ ?|\s+|\\";

/// `tokenizer.json` learnt from some texts.
///
/// # Errors
/// What the library says; it cannot happen with texts that are UTF-8.
pub fn learn(texts: impl Iterator<Item = String> + Send, vocabulary: usize) -> Result<String, tokenizers::Error> {
    let mut tokenizer = Tokenizer::new(BPE::default());
    let split = Split::new(SplitPattern::Regex(PIECES.into()), SplitDelimiterBehavior::Isolated, false)?;
    let bytes = ByteLevel::new(false, false, false);
    tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![split.into(), bytes.into()])));
    tokenizer.with_decoder(Some(bytes));
    let special = SPECIAL.map(|text| AddedToken::from(text, true));
    let mut trainer: TrainerWrapper = BpeTrainer::builder()
        .vocab_size(vocabulary)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(special.to_vec())
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build()
        .into();
    tokenizer.train(&mut trainer, texts)?;
    tokenizer.to_string(true)
}

/// `tokenizer_config.json`, with the chat template. `context`: longest text in tokens.
pub fn config(context: usize) -> Value {
    let template = "{% for message in messages %}\
                    {% if message['role'] == 'assistant' %}<|assistant|>{% else %}<|user|>{% endif %}\
                    {{ message['content'] }}<|end|>{% endfor %}\
                    {% if add_generation_prompt %}<|assistant|>{% endif %}";
    json!({
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "add_bos_token": false,
        "clean_up_tokenization_spaces": false, "model_max_length": context, "chat_template": template,
    })
}
