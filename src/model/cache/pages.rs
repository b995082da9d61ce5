//! Key-value memory on a device: one pool of blocks for all sequences of a decoder, so that a step of many sequences is one
//! gather and one product a layer, not one a sequence.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Result, Tensor};

use super::BLOCK;

/// Blocks that a pool begins with; it doubles when they are used up.
const FIRST: usize = 64;

/// The shape of a pool.
#[derive(Debug, Clone)]
pub struct PageLayout {
    pub layers: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub dtype: DType,
    pub device: Device,
}

/// Keys and values of every block.
#[derive(Debug)]
pub struct Pool {
    layout: PageLayout,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Per layer, `[blocks * BLOCK * kv heads, head_dim]`: row (block * BLOCK + position) * kv heads + head.
    keys: Vec<Tensor>,
    values: Vec<Tensor>,
    blocks: usize,
    free: Vec<u32>,
}

/// A block in use; free again when the last sequence lets go of it.
#[derive(Debug)]
pub struct Page {
    number: u32,
    pool: Arc<Pool>,
}

impl Drop for Page {
    fn drop(&mut self) {
        self.pool.memory().free.push(self.number);
    }
}

impl Pool {
    pub fn new(layout: PageLayout) -> Arc<Self> {
        Arc::new(Self { layout, memory: Mutex::default() })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keys and values of a layer, every block.
    pub fn layer(&self, layer: usize) -> Result<(Tensor, Tensor)> {
        let memory = self.memory();
        match (memory.keys.get(layer), memory.values.get(layer)) {
            (Some(keys), Some(values)) => Ok((keys.clone(), values.clone())),
            _ => candle_core::bail!("no keys of layer {layer}"),
        }
    }

    fn take(self: &Arc<Self>) -> Result<Arc<Page>> {
        let mut memory = self.memory();
        if memory.free.is_empty() {
            self.grow(&mut memory)?;
        }
        match memory.free.pop() {
            Some(number) => Ok(Arc::new(Page { number, pool: self.clone() })),
            None => candle_core::bail!("no block is free"),
        }
    }

    fn grow(&self, memory: &mut Memory) -> Result<()> {
        let more = memory.blocks.max(FIRST);
        let l = &self.layout;
        let fresh = Tensor::zeros((more * BLOCK * l.kv_heads, l.head_dim), l.dtype, &l.device)?;
        let larger = |old: Option<&Tensor>| match old {
            Some(old) => Tensor::cat(&[old, &fresh], 0),
            // Not a clone: blocks are written in place.
            None => fresh.force_contiguous(),
        };
        // One tensor at a time, so that the old and the new pool never lie side by side whole.
        for layer in 0..l.layers {
            for side in [&mut memory.keys, &mut memory.values] {
                let tensor = larger(side.get(layer))?;
                match side.get_mut(layer) {
                    Some(old) => *old = tensor,
                    None => side.push(tensor),
                }
            }
        }
        memory.free.extend((memory.blocks as u32..(memory.blocks + more) as u32).rev());
        memory.blocks += more;
        Ok(())
    }

    /// A block with the content of another.
    fn copy(self: &Arc<Self>, page: &Page) -> Result<Arc<Page>> {
        let to = self.take()?;
        let rows = BLOCK * self.layout.kv_heads;
        let memory = self.memory();
        for tensor in memory.keys.iter().chain(&memory.values) {
            let content = tensor.narrow(0, page.number as usize * rows, rows)?.force_contiguous()?;
            tensor.slice_set(&content, 0, to.number as usize * rows)?;
        }
        drop(memory);
        Ok(to)
    }
}

/// The blocks of one sequence.
#[derive(Debug, Clone)]
pub struct Pages {
    pub(in crate::model) pool: Arc<Pool>,
    pages: Vec<Arc<Page>>,
}

impl Pages {
    pub fn new(pool: Arc<Pool>) -> Self {
        Self { pool, pages: Vec::new() }
    }

    pub fn truncate(&mut self, len: usize) {
        self.pages.truncate(len.div_ceil(BLOCK));
    }

    /// Makes room for `more` positions behind `len`, in blocks that nobody else holds.
    ///
    /// # Errors
    /// If the device has no memory left; what is there stays.
    pub fn reserve(&mut self, len: usize, more: usize) -> Result<()> {
        let pool = self.pool.clone();
        if !len.is_multiple_of(BLOCK)
            && more > 0
            && let Some(last) = self.pages.get_mut(len / BLOCK)
            && Arc::strong_count(last) > 1
        {
            *last = pool.copy(last)?;
        }
        while self.pages.len() < (len + more).div_ceil(BLOCK) {
            self.pages.push(pool.take()?);
        }
        Ok(())
    }

    /// Where a position lies in the pool, counted in positions.
    pub fn slot(&self, position: usize) -> Option<usize> {
        Some(self.pages.get(position / BLOCK)?.number as usize * BLOCK + position % BLOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Arc<Pool> {
        Pool::new(PageLayout { layers: 2, kv_heads: 1, head_dim: 2, dtype: DType::F32, device: Device::Cpu })
    }

    fn put(pages: &mut Pages, position: usize, value: f32) {
        pages.reserve(position, 1).unwrap();
        let (keys, _) = pages.pool.layer(1).unwrap();
        let row = Tensor::new(&[[value, value]], &Device::Cpu).unwrap();
        keys.slice_set(&row, 0, pages.slot(position).unwrap()).unwrap();
    }

    fn key(pages: &Pages, position: usize) -> f32 {
        let (keys, _) = pages.pool.layer(1).unwrap();
        keys.to_vec2::<f32>().unwrap()[pages.slot(position).unwrap()][0]
    }

    #[test]
    fn clones_share_until_one_writes_and_blocks_come_back() {
        let pool = pool();
        let mut one = Pages::new(pool.clone());
        (0..40).for_each(|at| put(&mut one, at, at as f32));
        let mut two = one.clone();
        put(&mut two, 40, 99.0);
        put(&mut one, 40, 50.0);
        assert_eq!((key(&one, 40), key(&two, 40)), (50.0, 99.0));
        assert_eq!((key(&one, 39), key(&two, 39)), (39.0, 39.0));
        assert_eq!(one.slot(3), two.slot(3), "the full block is still shared");
        assert_ne!(one.slot(35), two.slot(35));
        one.truncate(33);
        put(&mut one, 33, 7.0);
        assert_eq!((key(&one, 33), key(&two, 33)), (7.0, 33.0));
        drop((one, two));
        assert_eq!(pool.memory().free.len(), FIRST);
    }

    #[test]
    fn a_pool_grows_and_keeps_what_it_has() {
        let pool = pool();
        let mut pages = Pages::new(pool.clone());
        (0..(FIRST + 1) * BLOCK).for_each(|at| put(&mut pages, at, at as f32));
        assert_eq!((key(&pages, 5), key(&pages, FIRST * BLOCK)), (5.0, (FIRST * BLOCK) as f32));
        assert_eq!(pool.memory().blocks, 2 * FIRST);
        assert_eq!(pages.pages.len(), FIRST + 1);
    }
}
