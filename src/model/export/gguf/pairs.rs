//! Metadata pairs as bytes (ggml's `docs/gguf.md`: a key, a type, a value). Readers ask for the exact type of each key.

/// Pairs in the order in which they were put.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    bytes: Vec<u8>,
    count: u64,
}

const U32: u32 = 4;
const I32: u32 = 5;
const F32: u32 = 6;
const BOOL: u32 = 7;
const TEXT: u32 = 8;
const ARRAY: u32 = 9;

impl Pairs {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn u32(&mut self, key: &str, value: u32) {
        self.key(key, U32);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub fn f32(&mut self, key: &str, value: f32) {
        self.key(key, F32);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub fn bool(&mut self, key: &str, value: bool) {
        self.key(key, BOOL);
        self.bytes.push(u8::from(value));
    }

    pub fn text(&mut self, key: &str, value: &str) {
        self.key(key, TEXT);
        put_text(&mut self.bytes, value);
    }

    pub fn texts(&mut self, key: &str, values: &[String]) {
        self.array(key, TEXT, values.len());
        values.iter().for_each(|value| put_text(&mut self.bytes, value));
    }

    pub fn i32s(&mut self, key: &str, values: &[i32]) {
        self.array(key, I32, values.len());
        values.iter().for_each(|value| self.bytes.extend_from_slice(&value.to_le_bytes()));
    }

    pub fn f32s(&mut self, key: &str, values: &[f32]) {
        self.array(key, F32, values.len());
        values.iter().for_each(|value| self.bytes.extend_from_slice(&value.to_le_bytes()));
    }

    fn key(&mut self, key: &str, kind: u32) {
        put_text(&mut self.bytes, key);
        self.bytes.extend_from_slice(&kind.to_le_bytes());
        self.count += 1;
    }

    fn array(&mut self, key: &str, kind: u32, length: usize) {
        self.key(key, ARRAY);
        self.bytes.extend_from_slice(&kind.to_le_bytes());
        self.bytes.extend_from_slice(&(length as u64).to_le_bytes());
    }
}

/// A text with its length before it.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}
