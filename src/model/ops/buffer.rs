//! Scratch memory that starts on a cache line and is used again from step to step.

/// Floats in a cache line.
const LINE: usize = 64 / size_of::<f32>();

/// A growing run of floats on a cache-line border: a vector load inside it never straddles two lines.
#[derive(Debug, Default)]
pub struct Buffer {
    data: Vec<f32>,
}

impl Buffer {
    /// The first `len` floats; what they hold is left from before.
    pub fn get(&mut self, len: usize) -> &mut [f32] {
        if self.data.len() < len + LINE {
            self.data = vec![0.0; len + LINE];
        }
        let skip = self.data.as_ptr().align_offset(64).min(LINE);
        &mut self.data[skip..skip + len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_on_a_cache_line_and_keeps_its_length() {
        let mut buffer = Buffer::default();
        for len in [1, 16, 1000, 3] {
            let slice = buffer.get(len);
            assert_eq!(slice.len(), len);
            assert_eq!(slice.as_ptr().align_offset(64), 0);
        }
    }
}
