//! The log format of LevelDB as W&B writes it: blocks of 32 KiB, chunks that do not cross them, records of one chunk or more.
//!
//! A chunk is a check sum (CRC-32 as in IEEE 802.3, of type and data, although W&B's own comments speak of CRC-32C), a length
//! of two bytes, a type, and data. A chunk that does not match costs the rest of its block and the record that it is in; at
//! the end of the file it is still being written, and waits.

use crate::watch::tail::{Piece, Taken};

/// `:W&B`, a magic number, a version. It counts as a part of the first block.
const FILE_HEADER: usize = 7;
const MAGIC: &[u8] = b":W&B\xe1\xbe";
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
    let mut sum = crc32fast::Hasher::new();
    sum.update(&[kind]);
    sum.update(data);
    if sum.finalize() == u32::from_le_bytes([a, b, c, d]) {
        Chunk::Data { kind, data }
    } else {
        Chunk::Damaged { len: HEADER + len }
    }
}
