//! A large run of floats in pages as large as the system has: weights, gradients and moments.
//!
//! Memory of many megabytes in pages of four kilobytes costs a page fault for each when it is first touched, and misses of
//! the address cache ever after. Where the system gives large pages for the asking, this asks.

use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// Floats below which ordinary memory serves as well.
const WORTH_MAPPING: usize = 1 << 20;

/// A fixed number of floats, zero at first.
#[derive(Debug)]
pub struct Floats(Memory);

#[derive(Debug)]
enum Memory {
    Plain(Vec<f32>),
    Mapped { map: MmapMut, len: usize },
}

impl Floats {
    pub fn zeros(len: usize) -> Self {
        if len >= WORTH_MAPPING
            && let Ok(map) = MmapMut::map_anon(len * size_of::<f32>())
        {
            #[cfg(target_os = "linux")]
            // Only a wish: without large pages it is ordinary memory.
            let _ = map.advise(memmap2::Advice::HugePage);
            return Self(Memory::Mapped { map, len });
        }
        Self(Memory::Plain(vec![0.0; len]))
    }
}

impl Deref for Floats {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &self.0 {
            Memory::Plain(values) => values,
            // SAFETY: the map is on a page border, `len` floats long, zero at first and written as floats only; every bit
            // pattern is a float.
            Memory::Mapped { map, len } => unsafe { std::slice::from_raw_parts(map.as_ptr().cast(), *len) },
        }
    }
}

impl DerefMut for Floats {
    fn deref_mut(&mut self) -> &mut [f32] {
        match &mut self.0 {
            Memory::Plain(values) => values,
            // SAFETY: as above, and `self` is borrowed for as long as the slice.
            Memory::Mapped { map, len } => unsafe { std::slice::from_raw_parts_mut(map.as_mut_ptr().cast(), *len) },
        }
    }
}

impl Clone for Floats {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len());
        copy.copy_from_slice(self);
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_are_zeros_that_can_be_written_and_copied() {
        for len in [0, 5, WORTH_MAPPING - 1, WORTH_MAPPING + 3] {
            let mut floats = Floats::zeros(len);
            assert!(floats.len() == len && floats.iter().all(|x| x.to_bits() == 0));
            if let Some(last) = floats.last_mut() {
                *last = 2.5;
            }
            let copy = floats.clone();
            floats.fill(1.0);
            assert_eq!(copy.last().copied(), (len > 0).then_some(2.5));
        }
    }
}
