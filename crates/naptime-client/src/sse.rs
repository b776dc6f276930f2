//! Server-sent events as they come over a connection, in parts of any size.
//!
//! A block without data tells where the stream is all the same, which the crates for this format leave out; so it is read
//! here. Lines end as Naptime ends them, with `\n`, or with `\r\n`.

use std::mem::take;

/// The longest block that is read: a list of all problems may be long.
const MAX_BLOCK_BYTES: usize = 16 * 1024 * 1024;

/// One block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// What happened; blank if nothing did.
    pub(crate) event: String,
    pub(crate) data: String,
    /// Where the stream is after it.
    pub(crate) id: Option<String>,
}

/// Puts parts together.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// The beginning of a line whose end is to come.
    line: Vec<u8>,
    /// The beginning of a block.
    message: Message,
}

/// A block that is longer than any of Naptime's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Parser {
    /// The blocks that end in this part.
    pub(crate) fn feed(&mut self, part: &[u8]) -> Result<Vec<Message>, TooLong> {
        let mut messages = Vec::new();
        for piece in part.split_inclusive(|&byte| byte == b'\n') {
            if self.line.len() + self.message.data.len() + piece.len() > MAX_BLOCK_BYTES {
                return Err(TooLong);
            }
            self.line.extend_from_slice(piece);
            if self.line.ends_with(b"\n") {
                let line = take(&mut self.line);
                let line = String::from_utf8_lossy(&line);
                messages.extend(self.take_line(line.trim_end_matches(['\r', '\n'])));
            }
        }
        Ok(messages)
    }

    fn take_line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let message = take(&mut self.message);
            return (message != Message::default()).then_some(message);
        }
        // A line that begins with a colon is a comment.
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.message.event),
            "id" => self.message.id = Some(value.to_owned()),
            "data" => {
                if !self.message.data.is_empty() {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(event: &str, data: &str, id: Option<&str>) -> Message {
        Message { event: event.to_owned(), data: data.to_owned(), id: id.map(str::to_owned) }
    }

    #[test]
    fn blocks_are_read_however_they_are_cut() {
        let text = ": naptime\nretry: 1000\nid: 1\n\nid: 2\r\nevent: run\r\ndata: {\"a\":\r\ndata: \"ü: 1\"}\r\n\r\n: \n\nid: 3\nevent:gap\ndata:{}\n\nid: 4\nevent: half";
        let expect = [
            message("", "", Some("1")),
            message("run", "{\"a\":\n\"ü: 1\"}", Some("2")),
            message("gap", "{}", Some("3")),
        ];
        for size in [1, 2, 3, 7, text.len()] {
            let mut parser = Parser::default();
            let parts = text.as_bytes().chunks(size);
            let read: Vec<_> = parts.flat_map(|part| parser.feed(part).unwrap()).collect();
            assert_eq!(read, expect, "{size}");
        }
    }

    #[test]
    fn what_has_no_end_is_refused() {
        let mut parser = Parser::default();
        let endless = (0..17).try_for_each(|_| parser.feed(&[b'x'; 1024 * 1024]).map(drop));
        assert_eq!(endless, Err(TooLong));
    }
}
