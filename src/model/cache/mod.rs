//! The key-value cache of one sequence.
//!
//! Memory grows in blocks of [`BLOCK`] positions. Blocks are shared: a clone of a cache costs nothing, and whoever
//! writes into a shared block first takes a copy of it. So a prompt is prefilled once for all of its samples, and a
//! dialogue keeps what it has from turn to turn.

use std::sync::Arc;

mod pages;

pub(super) use pages::{PageLayout, Pages, Pool};

use super::ops::attention::BlockLayout;

/// Positions in a block.
pub const BLOCK: usize = 32;

/// Keys and values of the tokens that a sequence has been through.
#[derive(Debug, Clone)]
pub struct Cache {
    tokens: Vec<u32>,
    pub(super) store: Store,
}

#[derive(Debug, Clone)]
pub(super) enum Store {
    /// For the kernels: each block laid out as [`BlockLayout`] says.
    Blocks { layout: BlockLayout, blocks: Vec<Arc<Vec<f32>>> },
    /// For the composed path.
    Pages(Pages),
}

impl Cache {
    pub(super) fn blocks(layout: BlockLayout) -> Self {
        Self { tokens: Vec::new(), store: Store::Blocks { layout, blocks: Vec::new() } }
    }

    pub(super) fn pages(pool: Arc<Pool>) -> Self {
        Self { tokens: Vec::new(), store: Store::Pages(Pages::new(pool)) }
    }

    /// The tokens whose keys and values are here.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// How many of `tokens`, from the first, are already here.
    pub fn common_prefix(&self, tokens: &[u32]) -> usize {
        self.tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count()
    }

    /// Forgets all but the first `len` tokens.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len() {
            return;
        }
        self.tokens.truncate(len);
        match &mut self.store {
            Store::Blocks { blocks, layout } => blocks.truncate(len.div_ceil(layout.positions)),
            Store::Pages(pages) => pages.truncate(len),
        }
    }

    /// Makes room for `more` tokens behind those that are here, in blocks that nobody else holds.
    pub(super) fn reserve(&mut self, more: usize) {
        let len = self.tokens.len();
        if let Store::Blocks { layout, blocks } = &mut self.store {
            let wanted = (len + more).div_ceil(layout.positions);
            if !len.is_multiple_of(layout.positions)
                && more > 0
                && let Some(last) = blocks.get_mut(len / layout.positions)
            {
                Arc::make_mut(last);
            }
            while blocks.len() < wanted {
                blocks.push(Arc::new(vec![0.0; layout.len()]));
            }
        }
    }

    /// Keys and values of one layer at one position, all heads one after another. [`Cache::reserve`] came before.
    pub(super) fn write(&mut self, layer: usize, position: usize, keys: &[f32], values: &[f32]) {
        let Store::Blocks { layout, blocks } = &mut self.store else { return };
        let (block, at) = (position / layout.positions, position % layout.positions);
        let dim = layout.head_dim;
        let Some(block) = blocks.get_mut(block).map(Arc::make_mut) else { return };
        for head in 0..layout.kv_heads {
            let here = head * dim..(head + 1) * dim;
            let to = layout.keys(layer, head);
            let places = block[to..to + dim * layout.positions].iter_mut().skip(at).step_by(layout.positions);
            places.zip(&keys[here.clone()]).for_each(|(to, key)| *to = *key);
            let to = layout.values(layer, head) + at * dim;
            block[to..to + dim].copy_from_slice(&values[here]);
        }
    }

    /// Takes note that the keys and values of these tokens are now complete.
    pub(super) fn advance(&mut self, tokens: &[u32]) {
        self.tokens.extend_from_slice(tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> Cache {
        Cache::blocks(BlockLayout { layers: 1, kv_heads: 1, head_dim: 2, positions: BLOCK })
    }

    fn put(cache: &mut Cache, token: u32) {
        let value = [token as f32; 2];
        let position = cache.len();
        cache.reserve(1);
        cache.write(0, position, &value, &value);
        cache.advance(&[token]);
    }

    fn key(cache: &Cache, position: usize) -> f32 {
        let Store::Blocks { layout, blocks } = &cache.store else { unreachable!() };
        blocks[position / layout.positions][layout.keys(0, 0) + position % layout.positions]
    }

    #[test]
    fn clones_share_until_one_writes() {
        let mut one = cache();
        (0..40).for_each(|token| put(&mut one, token));
        let mut two = one.clone();
        put(&mut two, 99);
        put(&mut one, 50);
        assert_eq!((key(&one, 40), key(&two, 40)), (50.0, 99.0));
        assert_eq!((key(&one, 39), key(&two, 39)), (39.0, 39.0));
        let (Store::Blocks { blocks: a, .. }, Store::Blocks { blocks: b, .. }) = (&one.store, &two.store) else {
            unreachable!()
        };
        assert!(Arc::ptr_eq(&a[0], &b[0]), "the full block is still shared");
        assert!(!Arc::ptr_eq(&a[1], &b[1]));
    }

    #[test]
    fn truncation_forgets_and_another_continuation_overwrites() {
        let mut one = cache();
        (0..70).for_each(|token| put(&mut one, token));
        let kept = one.clone();
        assert_eq!(one.common_prefix(&[0, 1, 2, 7]), 3);
        one.truncate(33);
        let Store::Blocks { blocks, .. } = &one.store else { unreachable!() };
        assert_eq!((one.len(), blocks.len()), (33, 2));
        put(&mut one, 1000);
        assert_eq!(key(&one, 33), 1000.0);
        assert_eq!(key(&kept, 33), 33.0);
    }
}
