//! Server-sent events: bytes as they come off the network in, the data of whole events out.
//!
//! Only what chat servers use of the format (WHATWG HTML, section 9.2): lines end with LF, CR or CRLF, a blank line
//! ends an event, lines that begin with a colon are comments, fields other than `data` do not matter here.

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SseError {
    #[error("an event of the stream is longer than {0} bytes")]
    TooLong(usize),
    #[error("the stream is not UTF-8 text")]
    NotText,
}

/// Cuts a stream into events, whatever pieces it comes in.
#[derive(Debug)]
pub(super) struct SseParser {
    /// Most bytes of a line, and of the data of an event.
    longest: usize,
    /// The line that is not whole yet. Bytes, since a character may be cut by the end of a piece.
    line: Vec<u8>,
    /// The data of the event that is not whole yet.
    data: Option<String>,
    /// The last line ended with CR: an LF that follows belongs to it.
    after_return: bool,
    /// A byte order mark may stand before the first line only.
    begun: bool,
}

impl SseParser {
    pub(super) fn new(longest: usize) -> Self {
        Self { longest, line: Vec::new(), data: None, after_return: false, begun: false }
    }

    /// Takes the next piece and appends the data of the events that it completes.
    ///
    /// # Errors
    /// If a line or an event is too long, or a line is no UTF-8.
    pub(super) fn push(&mut self, mut bytes: &[u8], events: &mut Vec<String>) -> Result<(), SseError> {
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                return self.keep(bytes);
            };
            self.keep(&bytes[..end])?;
            self.after_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            self.end_line(events)?;
        }
        Ok(())
    }

    /// The stream has ended. Returns the data of an event that only lacks its blank line: some servers leave it out.
    pub(super) fn finish(mut self) -> Option<String> {
        let mut events = Vec::new();
        let whole = self.end_line(&mut events).and_then(|()| self.end_line(&mut events));
        whole.ok().and(events.pop())
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), SseError> {
        if bytes.len() > self.longest.saturating_sub(self.line.len()) {
            return Err(SseError::TooLong(self.longest));
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<String>) -> Result<(), SseError> {
        let line = std::mem::take(&mut self.line);
        let mut line = std::str::from_utf8(&line).map_err(|_| SseError::NotText)?;
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            events.extend(self.data.take());
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field != "data" {
            return Ok(());
        }
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut self.data {
            None => self.data = Some(value.to_owned()),
            Some(data) if data.len() + value.len() < self.longest => {
                data.push('\n');
                data.push_str(value);
            }
            Some(_) => return Err(SseError::TooLong(self.longest)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The events of a stream that comes in pieces of `size` bytes.
    fn read(stream: &[u8], size: usize) -> Result<Vec<String>, SseError> {
        let (mut parser, mut events) = (SseParser::new(64), Vec::new());
        for piece in stream.chunks(size.max(1)) {
            parser.push(piece, &mut events)?;
        }
        events.extend(parser.finish());
        Ok(events)
    }

    #[test]
    fn events_are_the_same_for_every_cut_and_line_end() {
        let stream = "\u{feff}: hello\ndata: {\"a\":\"é∑😀\"}\n\nevent: x\nid: 4\ndata:two\ndata: lines\n\n\n\
                      : ping\n\ndata: [DONE]\n\n";
        for ends in ["\n", "\r\n", "\r"] {
            let stream = stream.replace('\n', ends);
            for size in 1..stream.len() {
                let events = read(stream.as_bytes(), size).unwrap();
                assert_eq!(events, ["{\"a\":\"é∑😀\"}", "two\nlines", "[DONE]"], "{ends:?} {size}");
            }
        }
    }

    #[test]
    fn an_event_without_its_blank_line_counts_at_the_end() {
        assert_eq!(read(b"data: a\n\ndata: [DONE]", 5).unwrap(), ["a", "[DONE]"]);
        assert_eq!(read(b"data: a\n\ndata: b\n", 100).unwrap(), ["a", "b"]);
        assert_eq!(read(b"", 1).unwrap(), [""; 0]);
        assert_eq!(read(b"data\n\n", 1).unwrap(), [""]);
    }

    #[test]
    fn lines_and_events_have_an_end() {
        assert_eq!(read("x".repeat(65).as_bytes(), 7), Err(SseError::TooLong(64)));
        assert_eq!(read(format!("{}\ndata: fine\n\n", "x".repeat(64)).as_bytes(), 7).unwrap(), ["fine"]);
        let many = "data: 0123456789\n".repeat(6);
        assert_eq!(read(many.as_bytes(), 100), Err(SseError::TooLong(64)));
        assert_eq!(read(b"data: \xff\xfe\n\n", 3), Err(SseError::NotText));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_and_cuts_do_not_matter(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), any::<u8>()], 0..200),
            size in 1usize..9,
        ) {
            prop_assert_eq!(read(&bytes, size), read(&bytes, usize::MAX));
        }

        #[test]
        fn texts_come_out_as_they_went_in(
            texts in proptest::collection::vec("[ -~é😀]{0,14}", 0..6),
            size in 1usize..9,
        ) {
            let stream: String = texts.iter().map(|text| format!("data: {text}\r\n\r\n")).collect();
            prop_assert_eq!(read(stream.as_bytes(), size).unwrap(), texts);
        }
    }
}
