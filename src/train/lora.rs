//! Low-rank adapters: `y += (alpha / r) B A dropout(x)` beside frozen weights (Hu et al. 2021, as peft does it).

use std::ops::Range;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::model::Architecture;

/// The linear maps of a layer, by the names that adapters know them by.
pub const MODULES: [&str; 7] = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

/// What adapters are asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoraSettings {
    /// Rank r, 1 or more.
    pub rank: usize,
    pub alpha: f32,
    /// Share of an adapter's inputs that is dropped in training, 0 (off) to below 1.
    pub dropout: f32,
    /// Some of [`MODULES`]; empty is all.
    pub target_modules: Vec<String>,
}

impl Default for LoraSettings {
    fn default() -> Self {
        Self { rank: 16, alpha: 32.0, dropout: 0.0, target_modules: Vec::new() }
    }
}

impl LoraSettings {
    /// # Errors
    /// Which value means nothing, and what would.
    pub fn validate(&self) -> Result<(), TrainError> {
        let wrong = |what: String| Err(TrainError::Settings(what));
        if self.rank == 0 || self.rank > 4096 {
            return wrong(format!("lora rank is {}; 1 to 4096 is possible", self.rank));
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return wrong(format!("lora alpha is {}; it must be more than 0", self.alpha));
        }
        if !(self.dropout >= 0.0 && self.dropout < 1.0) {
            return wrong(format!("lora dropout is {}; 0 (off) to below 1 is possible", self.dropout));
        }
        match self.target_modules.iter().find(|name| !MODULES.contains(&name.as_str())) {
            Some(name) => wrong(format!("lora target `{name}` matches no module; there are {}", MODULES.join(", "))),
            None => Ok(()),
        }
    }

    /// The modules meant, in the order of [`MODULES`].
    pub fn modules(&self) -> Vec<&'static str> {
        let all = self.target_modules.is_empty();
        MODULES.into_iter().filter(|name| all || self.target_modules.iter().any(|target| target == name)).collect()
    }

    pub fn scale(&self) -> f32 {
        self.alpha / self.rank as f32
    }
}

/// One adapter of one linear map. `a` is `[rank, inputs]`, `b` `[outputs, rank]`; ranges of the flat adapter weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    pub module: &'static str,
    pub a: Range<usize>,
    pub b: Range<usize>,
    /// Columns of the joined output (queries, keys and values; gate and up) that are this map's.
    pub columns: Range<usize>,
}

/// The adapters of one joined map of one layer: their A lie side by side, as one matrix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    pub adapters: Vec<Adapter>,
    pub inputs: usize,
    /// All A.
    pub a: Range<usize>,
    /// Where this site's columns begin among all inner values of the layer.
    pub inner: usize,
}

/// The adapters of a layer.
#[derive(Debug, Clone, Default)]
pub struct LayerSites {
    pub qkv: Site,
    pub o: Site,
    pub gate_up: Site,
    pub down: Site,
}

impl LayerSites {
    pub fn all(&self) -> [&Site; 4] {
        [&self.qkv, &self.o, &self.gate_up, &self.down]
    }
}

/// Where every adapter lies in one flat run of floats.
#[derive(Debug, Clone)]
pub struct LoraLayout {
    pub settings: LoraSettings,
    pub layers: Vec<LayerSites>,
    pub len: usize,
    /// Inner values of one layer and row: rank times adapters.
    pub inner: usize,
}

impl LoraLayout {
    /// # Errors
    /// If the settings mean nothing.
    pub fn new(architecture: &Architecture, settings: &LoraSettings) -> Result<Self, TrainError> {
        settings.validate()?;
        let a = architecture;
        let (hidden, wide) = (a.hidden_size, a.intermediate_size);
        let (query, key) = (a.num_attention_heads * a.head_dim, a.num_key_value_heads * a.head_dim);
        let wanted = settings.modules();
        let (mut len, mut layers, mut inner) = (0, Vec::new(), 0);
        for _ in 0..a.num_hidden_layers {
            inner = 0;
            let mut site = |inputs: usize, maps: &[(&'static str, usize)]| -> Site {
                let begin = len;
                let mut column = 0;
                let mut adapters = Vec::new();
                for &(module, outputs) in maps {
                    if wanted.contains(&module) {
                        let a = len..len + settings.rank * inputs;
                        len = a.end;
                        adapters.push(Adapter { module, a, b: 0..0, columns: column..column + outputs });
                    }
                    column += outputs;
                }
                let a = begin..len;
                for adapter in &mut adapters {
                    adapter.b = len..len + adapter.columns.len() * settings.rank;
                    len = adapter.b.end;
                }
                let site = Site { inner, inputs, a, adapters };
                inner += site.adapters.len() * settings.rank;
                site
            };
            layers.push(LayerSites {
                qkv: site(hidden, &[("q_proj", query), ("k_proj", key), ("v_proj", key)]),
                o: site(query, &[("o_proj", hidden)]),
                gate_up: site(hidden, &[("gate_proj", wide), ("up_proj", wide)]),
                down: site(wide, &[("down_proj", hidden)]),
            });
        }
        Ok(Self { settings: settings.clone(), layers, len, inner })
    }

    /// Fresh adapters, which change nothing yet: A uniform in +-1/sqrt(inputs) (peft's Kaiming with a = sqrt 5), B zero.
    pub fn init(&self, seed: u64) -> Vec<f32> {
        let mut weights = vec![0.0; self.len];
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for site in self.layers.iter().flat_map(LayerSites::all) {
            let bound = 1.0 / (site.inputs.max(1) as f32).sqrt();
            weights[site.a.clone()].iter_mut().for_each(|x| *x = random.random_range(-bound..bound));
        }
        weights
    }

    /// Name (peft's, without the prefix `base_model.model.`), shape and range of every adapter tensor.
    pub fn places(&self) -> Vec<super::Place> {
        let mut places = Vec::new();
        for (layer, sites) in self.layers.iter().enumerate() {
            for site in sites.all() {
                for adapter in &site.adapters {
                    let block = if MODULES[..4].contains(&adapter.module) { "self_attn" } else { "mlp" };
                    let name = |part: &str| format!("model.layers.{layer}.{block}.{}.{part}.weight", adapter.module);
                    let rank = self.settings.rank;
                    places.push(super::Place {
                        name: name("lora_A"),
                        shape: vec![rank, site.inputs],
                        range: adapter.a.clone(),
                    });
                    places.push(super::Place {
                        name: name("lora_B"),
                        shape: vec![adapter.columns.len(), rank],
                        range: adapter.b.clone(),
                    });
                }
            }
        }
        places
    }
}

/// A stream of random bits for the dropped inputs of one adapter in one step: made again in the backward pass instead of
/// being kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropout {
    pub share: f32,
    pub seed: u64,
}

impl Dropout {
    /// That of one adapter in one pass; `None` where nothing is dropped.
    pub(super) fn of(settings: &LoraSettings, seed: u64, layer: usize, module: &str) -> Option<Self> {
        let index = MODULES.iter().position(|name| *name == module).unwrap_or_default();
        let seed = mix(seed ^ mix((layer * MODULES.len() + index + 1) as u64));
        (settings.dropout > 0.0).then_some(Self { share: settings.dropout, seed })
    }

    /// `out = x` with some elements 0 and the others scaled up, so that the mean stays. The same seed drops the same.
    pub(super) fn apply(self, x: &[f32], out: &mut [f32]) {
        use rayon::prelude::*;
        const PIECE: usize = 4096;
        let keep = 1.0 / (1.0 - self.share);
        let limit = (f64::from(self.share) * 2f64.powi(32)) as u64;
        out.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).enumerate().for_each(|(piece, (out, x))| {
            for (at, (out, x)) in out.iter_mut().zip(x).enumerate() {
                let bits = mix(self.seed ^ ((piece * PIECE + at) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 32;
                *out = if bits < limit { 0.0 } else { x * keep };
            }
        });
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): well mixed bits from a counter.
pub(super) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Family, tiny};

    #[test]
    fn adapters_lie_side_by_side_and_cover_the_run() {
        let (architecture, _) = tiny(Family::Qwen2, 96);
        let settings = LoraSettings {
            rank: 3,
            target_modules: vec!["v_proj".into(), "q_proj".into(), "down_proj".into()],
            ..LoraSettings::default()
        };
        let layout = LoraLayout::new(&architecture, &settings).unwrap();
        let mut covered: Vec<_> = layout.places().into_iter().map(|place| place.range).collect();
        covered.sort_by_key(|range| range.start);
        assert_eq!(covered.first().unwrap().start, 0);
        assert!(covered.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert_eq!(covered.last().unwrap().end, layout.len);
        let qkv = &layout.layers[1].qkv;
        assert_eq!(qkv.adapters[1].columns, 64..80);
        assert_eq!((qkv.a.start, qkv.a.end), (qkv.adapters[0].a.start, qkv.adapters[1].a.end));
        assert_eq!(layout.inner, 9);
        let weights = layout.init(1);
        assert!(weights[qkv.adapters[0].b.clone()].iter().all(|x| *x == 0.0));
        assert!(weights[qkv.a.clone()].iter().any(|x| *x != 0.0));
        assert_eq!(layout.places()[0].name, "model.layers.0.self_attn.q_proj.lora_A.weight");
    }

    #[test]
    fn settings_that_mean_nothing_are_refused() {
        let with = |change: fn(&mut LoraSettings)| {
            let mut settings = LoraSettings::default();
            change(&mut settings);
            settings.validate()
        };
        assert!(with(|_| {}).is_ok());
        assert!(with(|s| s.rank = 0).is_err());
        assert!(with(|s| s.dropout = 1.0).is_err());
        assert!(with(|s| s.alpha = f32::NAN).is_err());
        let message = with(|s| s.target_modules = vec!["attention".into()]).unwrap_err().to_string();
        assert!(message.contains("`attention` matches no module") && message.contains("q_proj"), "{message}");
    }

    #[test]
    fn dropout_keeps_the_mean_and_repeats() {
        let x = vec![1.0; 100_000];
        let (mut a, mut b) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        let dropout = Dropout { share: 0.3, seed: 5 };
        dropout.apply(&x, &mut a);
        dropout.apply(&x, &mut b);
        assert_eq!(a, b);
        let mean = a.iter().sum::<f32>() / a.len() as f32;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        Dropout { share: 0.3, seed: 6 }.apply(&x, &mut b);
        assert_ne!(a, b);
    }
}
