//! The frames of an event file: length, check sum of the length, data, check sum of the data. What the data says is not
//! its concern.
//!
//! A record whose data does not match is passed over. Where not even its length can be believed, the next place is
//! sought at which a length matches its check sum. What ends too early, or does not match at the very end of the file,
//! is still being written and waits.

use crate::watch::tail::{Piece, Taken};

/// Length and its check sum.
const HEADER: usize = 12;
/// What stands around the data.
const FRAME: u64 = 16;
/// A longer record has no scalars (but a graph or images) and is passed over unread.
const LARGEST: u64 = 1 << 20;
/// No length behind damage is believed beyond this.
const PLAUSIBLE: u64 = 1 << 30;

/// CRC-32C, rotated and shifted: so a check sum over data with check sums in it stays a good one.
pub(super) fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The length that a header tells, if it matches its check sum.
fn length(bytes: &[u8]) -> Option<u64> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (sum, _) = rest.split_first_chunk::<4>()?;
    (masked(length) == u32::from_le_bytes(*sum)).then_some(u64::from_le_bytes(*length))
}

/// Hands over the records of a piece. `adrift` is kept between pieces: the search behind damage goes on in the next
/// one.
pub(super) fn take(
    piece: &Piece<'_>,
    adrift: &mut bool,
    troubles: &mut Vec<String>,
    mut each: impl FnMut(&[u8]),
) -> Taken {
    let mut pos = 0;
    loop {
        let rest = &piece.bytes[pos..];
        if rest.len() < HEADER {
            break;
        }
        let Some(len) = length(rest) else {
            match seek(piece, pos, adrift, troubles) {
                Sought::At(found) => {
                    pos = found;
                    continue;
                }
                Sought::Further(from) => return Taken { bytes: from, skip: 0 },
                Sought::Wait => break,
            }
        };
        *adrift = false;
        let here = piece.at.saturating_add(pos as u64);
        let total = len.saturating_add(FRAME);
        let end = here.saturating_add(total);
        if end > piece.end {
            break;
        }
        if len > LARGEST {
            return Taken { bytes: pos, skip: total };
        }
        // The piece ends inside a record that is whole in the file; it comes with the next piece.
        let Some(frame) = rest.get(..total as usize) else { break };
        let (data, sum) = frame[HEADER..].split_at(len as usize);
        if masked(data).to_le_bytes() == sum {
            each(data);
        } else if end >= piece.end {
            break;
        } else {
            troubles.push(format!("the record at byte {here} is damaged and left out"));
        }
        pos += frame.len();
    }
    Taken { bytes: pos, skip: 0 }
}

enum Sought {
    /// A record begins here.
    At(usize),
    /// None does before here.
    Further(usize),
    /// There may be one when more is written.
    Wait,
}

/// Looks for the next record behind a place where none is.
fn seek(piece: &Piece<'_>, pos: usize, adrift: &mut bool, troubles: &mut Vec<String>) -> Sought {
    let rest = &piece.bytes[pos..];
    let here = piece.at.saturating_add(pos as u64);
    let found = (1..=rest.len() - HEADER).find(|at| {
        let plausible = rest[*at..].first_chunk::<8>().is_some_and(|len| u64::from_le_bytes(*len) <= PLAUSIBLE);
        plausible && length(&rest[*at..]).is_some()
    });
    if found.is_none() && piece.is_last() {
        // Over a network the end of a file is zeros until its data arrives.
        if !*adrift && rest.iter().any(|byte| *byte != 0) {
            troubles.push(format!("no record begins at byte {here}; reading goes on when one follows"));
        }
        return Sought::Wait;
    }
    if !*adrift {
        troubles.push(format!("bytes from {here} on are damaged and left out"));
        *adrift = true;
    }
    match found {
        Some(at) => Sought::At(pos + at),
        None => Sought::Further(piece.bytes.len() - (HEADER - 1)),
    }
}
