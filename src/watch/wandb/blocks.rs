//! The log format of LevelDB as W&B writes it: blocks of 32 KiB, chunks that do not cross them, records of one chunk or more.
//!
//! A chunk is a check sum (CRC-32 as in IEEE 802.3, of type and data, although W&B's own comments speak of CRC-32C), a length
//! of two bytes, a type, and data. A chunk that does not match costs the rest of its block and the record that it is in; at
//! the end of the file it is still being written, and waits.
//!
//! [`put_record`] is the same format the other way round.

use crate::watch::tail::{Piece, Taken};

/// `:W&B`, a magic number, a version. It counts as a part of the first block.
const FILE_HEADER: usize = 7;
const MAGIC: &[u8] = b":W&B\xe1\xbe";
const VERSION: u8 = 0;
const BLOCK: u64 = 32 << 10;
const HEADER: usize = 7;
/// A longer record is left out. Histories are far shorter; tables and media lie in files of their own.
const LONGEST: usize = 8 << 20;

const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

/// The record that chunks are put together to.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    record: Option<Vec<u8>>,
    /// Where the last whole record ends.
    whole: u64,
    /// It does not begin as a record of W&B; nothing of it is read.
    foreign: bool,
}

/// What stands at a place.
enum Chunk<'a> {
    Data {
        kind: u8,
        data: &'a [u8],
    },
    /// Too little room for a chunk before the next block.
    Padding,
    /// So long, if its header can be believed.
    Damaged {
        len: usize,
    },
    /// Not whole yet.
    Torn,
}

impl Assembly {
    /// Where the last whole record ends that was read.
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// Hands over the records of a piece.
    pub fn take(&mut self, piece: &Piece<'_>, troubles: &mut Vec<String>, mut each: impl FnMut(&[u8])) -> Taken {
        let mut pos = 0;
        if piece.at == 0 {
            if piece.bytes.len() < FILE_HEADER {
                return Taken::default();
            }
            self.foreign = !piece.bytes.starts_with(MAGIC);
            if self.foreign {
                troubles.push("not a record of W&B: it does not begin with `:W&B`".to_owned());
            }
            pos = FILE_HEADER;
        }
        if self.foreign {
            let read = piece.at.saturating_add(piece.bytes.len() as u64);
            return Taken { bytes: piece.bytes.len(), skip: piece.end.saturating_sub(read) };
        }
        while pos < piece.bytes.len() {
            let here = piece.at.saturating_add(pos as u64);
            let to_next = (BLOCK - here % BLOCK) as usize;
            let rest = &piece.bytes[pos..];
            match chunk(rest, to_next) {
                Chunk::Data { kind, data } => {
                    self.add(kind, data, troubles, &mut each);
                    pos += HEADER + data.len();
                    if matches!(kind, FULL | LAST) {
                        self.whole = piece.at.saturating_add(pos as u64);
                    }
                }
                Chunk::Torn => break,
                // Whether it is damaged or not yet written shows when the file goes on behind its block.
                Chunk::Padding if rest.len() <= to_next => break,
                Chunk::Damaged { len } if rest.len() <= to_next => {
                    if rest.len() > len && rest.iter().any(|byte| *byte != 0) {
                        troubles.push(format!("damaged at byte {here}; reading goes on with the block after it"));
                    }
                    break;
                }
                Chunk::Padding => pos += to_next,
                Chunk::Damaged { .. } => {
                    troubles.push(format!("the block at byte {} is damaged from byte {here} on", here - here % BLOCK));
                    self.record = None;
                    pos += to_next;
                }
            }
        }
        Taken { bytes: pos, skip: 0 }
    }

    fn add(&mut self, kind: u8, data: &[u8], troubles: &mut Vec<String>, each: &mut impl FnMut(&[u8])) {
        match kind {
            FULL => {
                self.record = None;
                each(data);
            }
            FIRST => self.record = Some(data.to_vec()),
            MIDDLE | LAST => {
                // Without its beginning it is the rest of a damaged record.
                let Some(mut record) = self.record.take() else { return };
                if record.len() + data.len() > LONGEST {
                    troubles.push(format!("a record of more than {} MiB is left out", LONGEST >> 20));
                    return;
                }
                record.extend_from_slice(data);
                if kind == LAST {
                    each(&record);
                } else {
                    self.record = Some(record);
                }
            }
            _ => self.record = None,
        }
    }
}

fn chunk(rest: &[u8], to_next: usize) -> Chunk<'_> {
    if to_next < HEADER {
        return Chunk::Padding;
    }
    let Some((header, after)) = rest.split_first_chunk::<HEADER>() else { return Chunk::Torn };
    let [a, b, c, d, low, high, kind] = *header;
    let len = usize::from(u16::from_le_bytes([low, high]));
    if HEADER + len > to_next || !(FULL..=LAST).contains(&kind) {
        return Chunk::Damaged { len: HEADER };
    }
    let Some(data) = after.get(..len) else { return Chunk::Torn };
    if sum(kind, data) == u32::from_le_bytes([a, b, c, d]) {
        Chunk::Data { kind, data }
    } else {
        Chunk::Damaged { len: HEADER + len }
    }
}

fn sum(kind: u8, data: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&[kind]);
    sum.update(data);
    sum.finalize()
}

/// What stands before the first record of a file.
pub(super) fn beginning() -> Vec<u8> {
    [MAGIC, &[VERSION]].concat()
}

/// Appends a record to bytes that are to be written, the first of them at this place of the file.
pub(super) fn put_record(to: &mut Vec<u8>, from: u64, record: &[u8]) {
    let (mut rest, mut is_first) = (record, true);
    loop {
        let here = from + to.len() as u64;
        let mut room = (BLOCK - here % BLOCK) as usize;
        if room < HEADER {
            to.resize(to.len() + room, 0);
            room = BLOCK as usize;
        }
        let (data, after) = rest.split_at(rest.len().min(room - HEADER));
        let kind = match (is_first, after.is_empty()) {
            (true, true) => FULL,
            (true, false) => FIRST,
            (false, false) => MIDDLE,
            (false, true) => LAST,
        };
        to.extend_from_slice(&sum(kind, data).to_le_bytes());
        // A block is shorter than 64 KiB.
        to.extend_from_slice(&(data.len() as u16).to_le_bytes());
        to.push(kind);
        to.extend_from_slice(data);
        if after.is_empty() {
            return;
        }
        (rest, is_first) = (after, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_any_length_come_back_wherever_a_block_ends() {
        let block = BLOCK as usize;
        for first in (block - 40..block).chain([0, 1, 70_000]) {
            let records = [vec![1; first], b"second".to_vec(), Vec::new(), vec![2; 3 * block]];
            let mut bytes = beginning();
            for record in &records {
                put_record(&mut bytes, 0, record);
            }
            let (mut read, mut troubles) = (Vec::new(), Vec::new());
            let piece = Piece { bytes: &bytes, at: 0, end: bytes.len() as u64 };
            let taken = Assembly::default().take(&piece, &mut troubles, |record: &[u8]| read.push(record.to_vec()));
            assert!(read == records, "a first record of {first} bytes");
            assert_eq!((taken.bytes, troubles.len()), (bytes.len(), 0), "a first record of {first} bytes");
        }
    }

    /// Written in two goes, the second goes on where the first ended.
    #[test]
    fn the_place_in_the_file_decides_where_a_record_is_parted() {
        let record = vec![3; BLOCK as usize];
        let mut whole = beginning();
        put_record(&mut whole, 0, &record);
        let at = whole.len() as u64;
        put_record(&mut whole, 0, &record);
        let mut second = Vec::new();
        put_record(&mut second, at, &record);
        assert!(whole[at as usize..] == second);
    }
}
