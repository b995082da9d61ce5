//! Thrift's compact protocol, as far as it takes to walk over a structure and pick a few integers out of it.
//!
//! Reads from a slice, allocates nothing, and believes no size that the slice could not hold.

/// Deepest nesting of structures that is walked.
const DEEPEST: usize = 32;

/// Kinds of values, as fields and lists name them.
pub const LIST: u8 = 9;
pub const STRUCT: u8 = 12;

/// Why a structure cannot be walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The bytes end before the structure does.
    Short,
    /// They are no structure.
    Nonsense,
}

pub type Result<T> = std::result::Result<T, Broken>;

/// A place in some bytes.
#[derive(Debug, Clone)]
pub struct Compact<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Compact<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes walked over.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The next field of a structure, as its number and kind; `None` at the structure's end. `last` is the number before it.
    pub fn field(&mut self, last: &mut i64) -> Result<Option<(i64, u8)>> {
        let head = self.byte()?;
        if head == 0 {
            return Ok(None);
        }
        let step = i64::from(head >> 4);
        let id = if step == 0 { self.integer()? } else { last.checked_add(step).ok_or(Broken::Nonsense)? };
        *last = id;
        Ok(Some((id, head & 15)))
    }

    /// A zigzag integer of any width.
    pub fn integer(&mut self) -> Result<i64> {
        let raw = self.varint()?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    /// The length of a list and the kind of its items. No list is longer than the bytes that are left.
    pub fn list(&mut self) -> Result<(usize, u8)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => usize::try_from(self.varint()?).map_err(|_| Broken::Nonsense)?,
            count => usize::from(count),
        };
        if count > self.bytes.len().saturating_sub(self.at) {
            return Err(Broken::Short);
        }
        Ok((count, head & 15))
    }

    /// Walks over the value of a field.
    pub fn skip(&mut self, kind: u8) -> Result<()> {
        self.skip_within(kind, false, DEEPEST)
    }

    fn skip_within(&mut self, kind: u8, in_list: bool, depth: usize) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or(Broken::Nonsense)?;
        match kind {
            // A field of this kind has its value in its head.
            1 | 2 if !in_list => Ok(()),
            1..=3 => self.over(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.over(8),
            8 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Broken::Nonsense)?;
                self.over(length)
            }
            9 | 10 => {
                let (count, kind) = self.list()?;
                (0..count).try_for_each(|_| self.skip_within(kind, true, depth))
            }
            11 => self.skip_map(depth),
            STRUCT => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip_within(kind, false, depth)?;
                }
                Ok(())
            }
            13 => self.over(16),
            _ => Err(Broken::Nonsense),
        }
    }

    fn skip_map(&mut self, depth: usize) -> Result<()> {
        let count = usize::try_from(self.varint()?).map_err(|_| Broken::Nonsense)?;
        if count == 0 {
            return Ok(());
        }
        if count > self.bytes.len().saturating_sub(self.at) {
            return Err(Broken::Short);
        }
        let kinds = self.byte()?;
        for _ in 0..count {
            self.skip_within(kinds >> 4, true, depth)?;
            self.skip_within(kinds & 15, true, depth)?;
        }
        Ok(())
    }

    fn over(&mut self, count: usize) -> Result<()> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len()).ok_or(Broken::Short)?;
        self.at = end;
        Ok(())
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).ok_or(Broken::Short)?;
        self.at += 1;
        Ok(byte)
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Broken::Nonsense)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_walked_and_integers_are_zigzag() {
        // Field 1: i32 -2; field 3: binary of two bytes; field 4: a list of two booleans; end.
        let bytes = [0x15, 3, 0x28, 2, b'h', b'i', 0x19, 0x21, 1, 2, 0];
        let mut walk = Compact::new(&bytes);
        let mut last = 0;
        assert_eq!(walk.field(&mut last), Ok(Some((1, 5))));
        assert_eq!(walk.integer(), Ok(-2));
        assert_eq!(walk.field(&mut last), Ok(Some((3, 8))));
        walk.skip(8).unwrap();
        assert_eq!(walk.field(&mut last), Ok(Some((4, LIST))));
        walk.skip(LIST).unwrap();
        assert_eq!(walk.field(&mut last), Ok(None));
        assert_eq!(walk.at(), bytes.len());
    }

    #[test]
    fn no_size_is_believed_that_the_bytes_cannot_hold() {
        // A binary of 2^34 bytes, a list of as many items, a map of as many entries.
        let huge = [0x80, 0x80, 0x80, 0x80, 0x40];
        assert_eq!(Compact::new(&huge).skip(8), Err(Broken::Short));
        assert_eq!(Compact::new(&[&[0xf5][..], &huge[..]].concat()).skip(LIST), Err(Broken::Short));
        assert_eq!(Compact::new(&huge).skip(11), Err(Broken::Short));
        assert_eq!(Compact::new(&[0xff; 12]).integer(), Err(Broken::Nonsense));
    }

    #[test]
    fn nesting_has_an_end() {
        assert_eq!(Compact::new(&[0x1c; 4096]).skip(STRUCT), Err(Broken::Nonsense));
    }

    #[test]
    fn any_bytes_are_walked_without_a_panic() {
        for seed in 0..2_000u32 {
            let bytes: Vec<u8> = (0..40u32)
                .map(|at| (seed.wrapping_mul(2_654_435_761).wrapping_add(at.wrapping_mul(40_503)) >> 7) as u8)
                .collect();
            for kind in 0..16 {
                let _ = Compact::new(&bytes).skip(kind);
            }
        }
    }
}
