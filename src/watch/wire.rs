//! Protocol buffers on the wire, as far as event files and W&B's records need them. Every length is checked against the bytes
//! that are there; what is malformed ends the message.

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub fn bytes(self) -> Option<&'a [u8]> {
        if let Value::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub fn text(self) -> Option<&'a str> {
        self.bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    pub fn varint(self) -> Option<u64> {
        if let Value::Varint(number) = self { Some(number) } else { None }
    }

    pub fn double(self) -> Option<f64> {
        if let Value::Fixed64(bits) = self { Some(f64::from_bits(bits)) } else { None }
    }

    pub fn float(self) -> Option<f64> {
        if let Value::Fixed32(bits) = self { Some(f64::from(f32::from_bits(bits))) } else { None }
    }
}

/// The fields of a message, in their order.
#[derive(Debug, Clone)]
pub(super) struct Message<'a> {
    rest: &'a [u8],
}

impl<'a> Message<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The last field of a number counts, as the format wants it.
    pub fn field(&self, number: u64) -> Option<Value<'a>> {
        self.clone().filter(|(found, _)| *found == number).map(|(_, value)| value).last()
    }

    pub fn all(&self, number: u64) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.clone().filter(move |(found, _)| *found == number).filter_map(|(_, value)| value.bytes())
    }

    fn cut(&mut self, len: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(len).ok()?)?;
        self.rest = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Message<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = varint(&mut self.rest)?;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut self.rest)?),
            1 => Value::Fixed64(u64::from_le_bytes(self.cut(8)?.try_into().ok()?)),
            2 => {
                let len = varint(&mut self.rest)?;
                Value::Bytes(self.cut(len)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.cut(4)?.try_into().ok()?)),
            _ => return None,
        };
        Some((key >> 3, value))
    }
}

/// A number of seven bits a byte, the lowest first.
pub(super) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..70).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or_default();
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Appends a number of seven bits a byte.
pub(super) fn put_varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// Appends a field that holds bytes: a text or a message.
pub(super) fn put_bytes(to: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(to, (field << 3) | 2);
    put_varint(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_round_and_what_is_cut_ends_the_message() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, number);
            assert_eq!(varint(&mut bytes.as_slice()), Some(number));
            assert_eq!(varint(&mut &bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(varint(&mut [0xff; 11].as_slice()), None);
        let mut bytes = Vec::new();
        put_bytes(&mut bytes, 3, b"abc");
        put_bytes(&mut bytes, 3, b"de");
        assert_eq!(Message::new(&bytes).field(3).and_then(Value::text), Some("de"));
        assert_eq!(Message::new(&bytes).all(3).count(), 2);
        assert_eq!(Message::new(&bytes[..8]).all(3).count(), 1);
    }
}
