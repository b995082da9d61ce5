//! Bounds on the work that one answer may cost. Whatever passes them is compared as text or not at all.
//!
//! Together they keep every comparison under 50 ms in a release build, whatever the input: no timeout is needed.

/// Bytes of an answer that is read as mathematics. The longest answer of MATH has 159.
pub const ANSWER_BYTES: usize = 4096;
/// Bytes of an answer whose normalised text is kept for comparison.
pub const TEXT_BYTES: usize = 65_536;
/// Bytes at the end of a completion in which its answer is looked for. Chains have some ten thousand.
pub const COMPLETION_BYTES: usize = 1 << 20;
/// Tokens of an answer.
pub const TOKENS: usize = 2048;
/// Groups, powers and functions inside each other. A level takes some ten stack frames of the parser.
pub const DEPTH: usize = 40;
/// Atoms that one parse may look at, over all its attempts.
pub const PARSE_STEPS: usize = 20_000;
/// Bits of an exact numerator or denominator: 2^4096 has 1,234 digits.
pub const BITS: u64 = 4096;
/// Largest exact factorial; 500! has 3,768 bits.
pub const FACTORIAL: u32 = 500;
/// Nodes evaluated in one comparison, terms of sums included.
pub const EVALUATIONS: usize = 60_000;
/// Terms of a sum or product.
pub const TERMS: usize = 2000;
/// Items of a list, set or tuple; matching unordered items costs their square.
pub const ITEMS: usize = 64;
/// Values that `\pm` may unfold to.
pub const SIGNS: usize = 16;
