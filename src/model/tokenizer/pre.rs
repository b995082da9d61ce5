//! How text is cut into words before merges apply, by the name that GGUF metadata gives (`tokenizer.ggml.pre`).
//!
//! The expressions are facts of each model's own tokenizer, as llama.cpp lists them (`src/llama-vocab.cpp`). A name that is
//! not here is refused: with wrong cuts a model reads and writes other tokens than it was trained on.

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PreTokenizer {
    /// Applied in order, each to what the one before has cut.
    pub expressions: &'static [&'static str],
    /// A word that is in the vocabulary is one token, whatever the merges say.
    pub ignore_merges: bool,
    /// Default for files that do not say whether the opening token is added.
    pub add_bos: bool,
    /// Text is composed (NFC) first.
    pub composes: bool,
}

pub(in crate::model) const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)";
pub(in crate::model) const DIGIT: &str = r"\p{N}";
/// May end an expression without changing its cuts: white space that nothing else matches is a piece either way.
pub(in crate::model) const REST: &str = r"|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const SEED: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DEEPSEEK3: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##;

const PLAIN: PreTokenizer =
    PreTokenizer { expressions: &[GPT2], ignore_merges: false, add_bos: false, composes: false };

/// Looks a name up.
pub(super) fn by_name(name: &str) -> Option<PreTokenizer> {
    Some(match name {
        "gpt-2" | "phi-2" | "mpt" | "olmo" | "jais" | "trillion" | "granite-docling" | "exaone4" | "a.x-4.0"
        | "gigachat" | "mellum" => PLAIN,
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b" | "mellum2" => {
            PreTokenizer { expressions: &[DIGIT, GPT2], ..PLAIN }
        }
        "llama-bpe" | "llama3" | "llama-v3" | "falcon3" | "falcon-h1" | "pixtral" | "midm-2.0" | "lfm2" => {
            PreTokenizer { expressions: &[LLAMA3], ignore_merges: true, add_bos: true, ..PLAIN }
        }
        "smaug-bpe" | "dbrx" => PreTokenizer { expressions: &[LLAMA3], ..PLAIN },
        "qwen2" | "deepseek-r1-qwen" | "kormo" | "megrez" => {
            PreTokenizer { expressions: &[QWEN2], composes: true, ..PLAIN }
        }
        "stablelm2" | "hunyuan" | "solar-open" => PreTokenizer { expressions: &[QWEN2], ..PLAIN },
        "qwen35" => PreTokenizer { expressions: &[QWEN35], ..PLAIN },
        "seed-coder" => PreTokenizer { expressions: &[SEED], ..PLAIN },
        "tekken" => PreTokenizer { expressions: &[TEKKEN], ignore_merges: true, add_bos: true, ..PLAIN },
        "falcon" => PreTokenizer { expressions: &[r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"], ..PLAIN },
        "deepseek-v3" => PreTokenizer { expressions: &[r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK3], ..PLAIN },
        "deepseek-coder" => PreTokenizer {
            expressions: &["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}"],
            ..PLAIN
        },
        // Files from before the key existed have it too.
        "default" => {
            PreTokenizer { expressions: &[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"], ..PLAIN }
        }
        _ => return None,
    })
}

/// The name of a way to cut text, for its expressions in order; `None` where no name is known.
pub(in crate::model) fn name_of(expressions: &[String], ignore_merges: bool, composes: bool) -> Option<&'static str> {
    let bare = |expression: &str| expression.strip_suffix(REST).unwrap_or(expression).to_owned();
    NAMES.into_iter().find(|name| {
        by_name(name).is_some_and(|known| {
            known.ignore_merges == ignore_merges
                && known.composes == composes
                && known.expressions.len() == expressions.len()
                && known.expressions.iter().zip(expressions).all(|(known, found)| bare(known) == bare(found))
        })
    })
}

/// One name for each way that a `tokenizer.json` can say.
const NAMES: [&str; 11] = [
    "gpt-2",
    "smollm",
    "llama-bpe",
    "smaug-bpe",
    "qwen2",
    "stablelm2",
    "qwen35",
    "seed-coder",
    "tekken",
    "deepseek-v3",
    "deepseek-coder",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_by_its_expressions() {
        for name in NAMES {
            let known = by_name(name).unwrap();
            let expressions: Vec<String> =
                known.expressions.iter().map(|expression| (*expression).to_owned()).collect();
            assert_eq!(name_of(&expressions, known.ignore_merges, known.composes), Some(name));
        }
        assert_eq!(name_of(&[r"\d|\s+".to_owned()], false, false), None);
        assert_eq!(name_of(&[], false, false), None);
    }
}
