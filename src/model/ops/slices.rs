//! A mutable slice that several threads write disjoint parts of.

use std::marker::PhantomData;

/// A slice shared by the tasks of one parallel region; each writes parts that no other touches.
#[derive(Clone, Copy)]
pub(crate) struct SharedMut<'a> {
    start: *mut f32,
    len: usize,
    life: PhantomData<&'a mut [f32]>,
}

// SAFETY: the pointer is only used through `as_mut_ptr` and `range`, whose callers promise disjoint parts.
unsafe impl Send for SharedMut<'_> {}
// SAFETY: as above.
unsafe impl Sync for SharedMut<'_> {}

impl<'a> SharedMut<'a> {
    pub(crate) fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), life: PhantomData }
    }

    /// The first element. What is written through it must lie inside the slice and be no other task's.
    pub(crate) fn as_mut_ptr(self) -> *mut f32 {
        self.start
    }

    /// A part of the slice.
    ///
    /// # Safety
    /// No other task may hold any of it.
    ///
    /// # Panics
    /// If the part is not inside the slice.
    pub(crate) unsafe fn range(self, begin: usize, len: usize) -> &'a mut [f32] {
        assert!(begin.checked_add(len).is_some_and(|end| end <= self.len), "part inside the slice");
        // SAFETY: inside the slice, and the caller promises that it is no other task's.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(begin), len) }
    }
}
