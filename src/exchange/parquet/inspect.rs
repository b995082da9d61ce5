//! What a Parquet file claims of itself, checked before it is believed: the tree of its columns, where they lie, how large their
//! pages are and how many values they hold.
//!
//! A compressed page may be a thousand times smaller than what it holds, and a run of equal values takes no room at all. So memory
//! is bounded by limits on what pages say they hold.

use std::fs::File;
use std::os::unix::fs::FileExt;

use ::parquet::basic::{Compression, ConvertedType, Repetition, Type as Physical};
use ::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use ::parquet::schema::types::Type;

use super::MAGIC;
use super::compact::{Broken, Compact, LIST, STRUCT};

/// Largest description of a file at its end.
const LARGEST_FOOTER: u64 = 64 << 20;
/// Most columns, those that hold others counted.
const MOST_COLUMNS: usize = 10_000;
/// Deepest nesting of columns.
const DEEPEST: usize = 24;
/// Largest page, unpacked.
const LARGEST_PAGE: i64 = 256 << 20;
/// Largest dictionary, unpacked, and most values in one.
const LARGEST_DICTIONARY: i64 = 64 << 20;
const MOST_IN_DICTIONARY: i64 = 16 << 20;
/// Largest gzip page as it lies in the file: its reader does not stop at the size that the page claims, and one byte can become
/// a thousand.
const LARGEST_GZIP: i64 = 2 << 20;
/// All pages of a row group that are open at once, one a column, with their dictionaries.
const OPEN_PAGES: i64 = 2 << 30;
/// Items of lists in a row group: one row may hold all of them. A text takes the room of four numbers.
const MOST_ITEMS: i64 = 64 << 20;
/// Bytes in which the head of a page is looked for, first and then at most.
const HEAD: (u64, u64) = (4 << 10, 4 << 20);

type Checked<T> = Result<T, String>;

/// Checks the end of the file: that it describes a tree of columns of sound size.
pub fn footer(file: &File) -> Checked<()> {
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let damaged = || "the file is cut off or no Parquet file; fetch it again".to_owned();
    if length < 12 {
        return Err(damaged());
    }
    let tail = bytes_at(file, length - 8, 8)?;
    if tail[4..] == *b"PARE" {
        return Err("the file is encrypted; write it without encryption".into());
    }
    if tail[4..] != *MAGIC {
        return Err(damaged());
    }
    let size = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    if size > LARGEST_FOOTER || size > length - 12 {
        return Err(damaged());
    }
    let bytes = bytes_at(file, length - 8 - size, size)?;
    let children = children(&bytes).map_err(|_| damaged())?;
    tree(&children)
}

/// How many children each column says it has, in the order of the file.
fn children(bytes: &[u8]) -> Result<Vec<i64>, Broken> {
    let mut walk = Compact::new(bytes);
    let (mut last, mut all) = (0, Vec::new());
    while let Some((id, kind)) = walk.field(&mut last)? {
        if (id, kind) != (2, LIST) {
            walk.skip(kind)?;
            continue;
        }
        let (count, kind) = walk.list()?;
        if kind != STRUCT || count > MOST_COLUMNS {
            return Err(Broken::Nonsense);
        }
        all.clear();
        for _ in 0..count {
            let (mut last, mut children) = (0, 0);
            while let Some((id, kind)) = walk.field(&mut last)? {
                match (id, kind) {
                    (5, 4..=6) => children = walk.integer()?,
                    _ => walk.skip(kind)?,
                }
            }
            all.push(children);
        }
    }
    Ok(all)
}

/// Whether these counts of children make one tree, not too deep.
fn tree(children: &[i64]) -> Checked<()> {
    let wrong = || "the columns it describes are no tree; write the file anew".to_owned();
    let mut open: Vec<i64> = vec![1];
    for count in children {
        while open.last() == Some(&0) {
            open.pop();
        }
        *open.last_mut().ok_or_else(wrong)? -= 1;
        if *count < 0 || *count > children.len() as i64 || open.len() > DEEPEST {
            return Err(wrong());
        }
        if *count > 0 {
            open.push(*count);
        }
    }
    if open.iter().any(|left| *left != 0) {
        return Err(wrong());
    }
    Ok(())
}

/// Whether the columns are of kinds that can be read.
pub fn columns(schema: &Type) -> Checked<()> {
    if schema.get_fields().is_empty() {
        return Err("the file has no columns".into());
    }
    schema.get_fields().iter().try_for_each(|field| column(field, DEEPEST))
}

fn column(field: &Type, depth: usize) -> Checked<()> {
    let wrong = |what: &str| Err(format!("column `{}`: {what}; leave the column out", field.name()));
    let Some(depth) = depth.checked_sub(1) else { return wrong("nested too deep") };
    if !field.get_basic_info().has_repetition() {
        return wrong("no word on whether it repeats");
    }
    let kind = field.get_basic_info().converted_type();
    if field.is_primitive() {
        return match kind {
            ConvertedType::INTERVAL => wrong("intervals are not read"),
            _ => Ok(()),
        };
    }
    let inner = field.get_fields();
    let repeats = |field: &Type| {
        field.get_basic_info().has_repetition() && field.get_basic_info().repetition() == Repetition::REPEATED
    };
    match kind {
        _ if inner.is_empty() => return wrong("a structure without fields"),
        ConvertedType::LIST if inner.len() != 1 || !repeats(&inner[0]) => return wrong("no list of the usual shape"),
        ConvertedType::LIST if inner[0].is_group() && inner[0].get_fields().is_empty() => {
            return wrong("no list of the usual shape");
        }
        ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE => {
            let pair = &inner[0];
            let sound =
                inner.len() == 1 && pair.is_group() && repeats(pair) && (1..=2).contains(&pair.get_fields().len());
            if !sound {
                return wrong("no map of the usual shape");
            }
        }
        _ => {}
    }
    inner.iter().try_for_each(|field| column(field, depth))
}

/// Checks where all columns of all row groups lie, and the head of every page.
pub fn pages(file: &File, metadata: &ParquetMetaData) -> Checked<()> {
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    for at in 0..metadata.num_row_groups() {
        group(file, length, metadata.row_group(at)).map_err(|what| format!("row group {}: {what}", at + 1))?;
    }
    Ok(())
}

fn group(file: &File, length: u64, group: &RowGroupMetaData) -> Checked<()> {
    let rows = group.num_rows();
    if rows < 0 {
        return Err("less than no rows".into());
    }
    let (mut open, mut items) = (0i64, 0i64);
    for column in group.columns() {
        let name = || column.column_path().string();
        let found = chunk(file, length, column).map_err(|what| format!("column `{}`: {what}", name()))?;
        if found.levels < rows {
            return Err(format!("column `{}`: {rows} rows are promised and {} are there", name(), found.levels));
        }
        open = open.saturating_add(found.largest).saturating_add(found.dictionary);
        if column.column_descr().max_rep_level() > 0 {
            let room = if column.column_type() == Physical::BYTE_ARRAY { 4 } else { 1 };
            items = items.saturating_add(found.levels.saturating_mul(room));
        }
    }
    if open > OPEN_PAGES {
        return Err("pages of more than 2 GiB would be open at once; write it with smaller pages".into());
    }
    if items > MOST_ITEMS {
        return Err("its lists hold too many items; write it with smaller row groups".into());
    }
    Ok(())
}

/// What the pages of one column say of themselves.
#[derive(Debug, Default, PartialEq, Eq)]
struct Chunk {
    /// Values, with those that are missing.
    levels: i64,
    largest: i64,
    dictionary: i64,
}

fn chunk(file: &File, length: u64, column: &ColumnChunkMetaData) -> Checked<Chunk> {
    if column.file_path().is_some() {
        return Err("lies in another file; write everything into one".into());
    }
    let begin = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let (begin, size) = (u64::try_from(begin).ok(), u64::try_from(column.compressed_size()).ok());
    let (Some(mut at), Some(size)) = (begin, size) else { return Err("lies nowhere".into()) };
    let end = at.checked_add(size).filter(|end| *end <= length).ok_or("lies beyond the end of the file")?;
    let gzip = matches!(column.compression(), Compression::GZIP(_));
    let mut found = Chunk::default();
    while at < end {
        let (head, begins) = head_at(file, at, end)?;
        head.check(gzip, end - begins)?;
        found.add(&head);
        at = begins + head.packed as u64;
    }
    Ok(found)
}

impl Chunk {
    fn add(&mut self, head: &PageHead) {
        match head.kind {
            PageHead::DICTIONARY => self.dictionary = self.dictionary.max(head.unpacked),
            PageHead::INDEX => {}
            _ => {
                self.largest = self.largest.max(head.unpacked);
                self.levels = self.levels.saturating_add(head.values);
            }
        }
    }
}

/// The head of a page, as far as memory depends on it.
#[derive(Debug, Default, PartialEq, Eq)]
struct PageHead {
    kind: i64,
    unpacked: i64,
    packed: i64,
    values: i64,
    encoding: i64,
}

impl PageHead {
    const INDEX: i64 = 1;
    const DICTIONARY: i64 = 2;

    fn read(walk: &mut Compact<'_>) -> Result<Self, Broken> {
        let mut head = Self::default();
        let mut last = 0;
        while let Some((id, kind)) = walk.field(&mut last)? {
            match (id, kind) {
                (1, 4..=6) => head.kind = walk.integer()?,
                (2, 4..=6) => head.unpacked = walk.integer()?,
                (3, 4..=6) => head.packed = walk.integer()?,
                // The encoding stands behind the number of values, in a page of the second version behind two more numbers.
                (5 | 7, STRUCT) => head.read_counts(walk, 2)?,
                (8, STRUCT) => head.read_counts(walk, 4)?,
                _ => walk.skip(kind)?,
            }
        }
        Ok(head)
    }

    fn read_counts(&mut self, walk: &mut Compact<'_>, encoding: i64) -> Result<(), Broken> {
        let mut last = 0;
        while let Some((id, kind)) = walk.field(&mut last)? {
            match (id, kind) {
                (1, 4..=6) => self.values = walk.integer()?,
                (id, 4..=6) if id == encoding => self.encoding = walk.integer()?,
                _ => walk.skip(kind)?,
            }
        }
        Ok(())
    }

    fn check(&self, gzip: bool, left: u64) -> Checked<()> {
        let largest = if self.kind == Self::DICTIONARY { LARGEST_DICTIONARY } else { LARGEST_PAGE };
        let sound = (0..=largest).contains(&self.unpacked)
            && (0..=i64::from(i32::MAX)).contains(&self.values)
            && u64::try_from(self.packed).is_ok_and(|packed| packed <= left);
        if !sound {
            return Err("a page of no sound size; write the file anew, with smaller pages".into());
        }
        if self.kind == Self::DICTIONARY && (self.values > self.unpacked || self.values > MOST_IN_DICTIONARY) {
            return Err("a dictionary of no sound size; write the file without dictionaries".into());
        }
        if gzip && self.packed > LARGEST_GZIP {
            return Err("a gzip page of more than 2 MiB; write the file with zstd or snappy".into());
        }
        // These two have lists of lengths inside that their reader allocates unseen.
        if self.kind != Self::DICTIONARY && matches!(self.encoding, 6 | 7) {
            return Err("texts in a delta encoding; write the file with plain or dictionary encoding".into());
        }
        Ok(())
    }
}

/// The head of the page that begins at this byte, and where its data begins.
fn head_at(file: &File, at: u64, end: u64) -> Checked<(PageHead, u64)> {
    for most in [HEAD.0, HEAD.1] {
        let bytes = bytes_at(file, at, most.min(end - at))?;
        let mut walk = Compact::new(&bytes);
        match PageHead::read(&mut walk) {
            Ok(head) => return Ok((head, at + walk.at() as u64)),
            // The head may be longer: it can hold the least and the greatest text.
            Err(Broken::Short) if most < HEAD.1 && end - at > most => {}
            Err(_) => break,
        }
    }
    Err(format!("no page at byte {at}; fetch the file again"))
}

/// Callers have compared `size` with the file's length or with a limit.
fn bytes_at(file: &File, at: u64, size: u64) -> Checked<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(size).map_err(|error| error.to_string())?];
    file.read_exact_at(&mut bytes, at).map_err(|error| error.to_string())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_one_tree() {
        assert_eq!(tree(&[2, 0, 1, 0]), Ok(()));
        for bad in [&[2, 0][..], &[1, 0, 0], &[-1], &[1 << 30, 0], &[]] {
            assert!(tree(bad).is_err(), "{bad:?}");
        }
        let chain: Vec<i64> = std::iter::repeat_n(1, 30).chain([0]).collect();
        assert!(tree(&chain).is_err(), "too deep");
    }

    #[test]
    fn pages_that_claim_too_much_are_refused() {
        let sound = PageHead { kind: 0, unpacked: 1 << 20, packed: 100, values: 1 << 30, encoding: 0 };
        assert_eq!(sound.check(false, 100), Ok(()));
        let head = |change: &dyn Fn(&mut PageHead)| {
            let mut head = PageHead { kind: 0, unpacked: 1 << 20, packed: 100, values: 9, encoding: 0 };
            change(&mut head);
            head
        };
        assert!(head(&|head| head.unpacked = i64::from(i32::MAX)).check(false, 100).is_err());
        assert!(head(&|head| head.packed = 101).check(false, 100).is_err());
        assert!(head(&|head| head.packed = -1).check(false, 100).is_err());
        assert!(head(&|head| head.values = -1).check(false, 100).is_err());
        assert!(head(&|head| head.encoding = 7).check(false, 100).is_err());
        assert!(head(&|head| head.packed = 3 << 20).check(true, 4 << 20).is_err());
        let dictionary = |values| head(&|head| (head.kind, head.values) = (PageHead::DICTIONARY, values));
        assert!(dictionary(1 << 20).check(false, 100).is_ok());
        assert!(dictionary((1 << 20) + 1).check(false, 100).is_err());
    }

    #[test]
    fn the_head_of_a_page_is_read() {
        // Type 0, 300 bytes unpacked, 20 packed, then a data page of 7 values in encoding 8.
        let bytes = [0x15, 0, 0x15, 0xd8, 0x04, 0x15, 40, 0x2c, 0x15, 14, 0x15, 16, 0, 0];
        let head = PageHead::read(&mut Compact::new(&bytes)).unwrap();
        assert_eq!(head, PageHead { kind: 0, unpacked: 300, packed: 20, values: 7, encoding: 8 });
    }
}
