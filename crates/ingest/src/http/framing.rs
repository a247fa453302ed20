//! Follows the messages of an HTTP/1 client through its bytes, to see what hyper lets pass: a `Content-Length`
//! said twice (RFC 9110 section 8.6 leaves it to us whether to believe it), and a chunk larger than any body
//! can be (RFC 9112 section 7.1 asks for a bound), which would be waited for until the request times out.
//!
//! The byte that makes the message one of these is replaced by one that no message may have there. So hyper
//! finds the fault, answers 400 and closes, and all else about framing stays its business: a message that
//! is malformed in another way may be followed wrongly here, since nothing comes after it.

/// The largest chunk, in bytes.
const LARGEST_CHUNK: u64 = 1 << 32;
/// No part of a head or of a chunk's size.
const POISON: u8 = 0;
const LENGTH: &[u8] = b"content-length";
const CODING: &[u8] = b"transfer-encoding";

/// Where in its messages a client is.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    place: Place,
    line: Line,
    head: Head,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Head,
    /// In so many bytes of a body that is not chunked.
    Body(u64),
    /// In a chunk's size, or what may follow it in its line.
    Size {
        size: u64,
        is_over: bool,
    },
    /// In so many bytes of a chunk, its line end included.
    Chunk(u64),
    Trailers,
}

/// What a head has said about the body.
#[derive(Debug, Default)]
struct Head {
    has_lines: bool,
    length: Option<u64>,
    is_chunked: bool,
}

/// The present line of a head.
#[derive(Debug, Default)]
struct Line {
    name: [u8; CODING.len()],
    /// Bytes so far; of the name only, once there is a field.
    filled: usize,
    field: Field,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Field {
    #[default]
    Unnamed,
    Length,
    Other,
}

const NEW_SIZE: Place = Place::Size { size: 0, is_over: false };

impl Framing {
    /// Follows what came next; bytes that must not be believed are replaced.
    pub(crate) fn inspect(&mut self, bytes: &mut [u8]) {
        let mut rest = bytes;
        while let Some((first, after)) = rest.split_first_mut() {
            let skipped = match self.place {
                Place::Body(left) | Place::Chunk(left) => left.min(1 + after.len() as u64),
                _ => 0,
            };
            if skipped > 0 {
                self.skip(skipped);
                rest = after.get_mut(skipped as usize - 1..).unwrap_or_default();
            } else {
                self.byte(first);
                rest = after;
            }
        }
    }

    fn skip(&mut self, count: u64) {
        self.place = match self.place {
            Place::Body(left) if left > count => Place::Body(left - count),
            Place::Body(_) => Place::Head,
            Place::Chunk(left) if left > count => Place::Chunk(left - count),
            Place::Chunk(_) => NEW_SIZE,
            other => other,
        };
    }

    fn byte(&mut self, byte: &mut u8) {
        match (self.place, *byte) {
            (Place::Size { size, .. }, b'\n') => self.place = after_size(size),
            (Place::Size { size, is_over: false }, digit) => self.place = size_with(size, digit, byte),
            (Place::Head, b'\n') => self.end_line(),
            (Place::Trailers, b'\n') => {
                let is_end = std::mem::take(&mut self.line).is_blank();
                self.place = if is_end { Place::Head } else { Place::Trailers };
            }
            (_, b'\r') => {}
            (Place::Head, _) => self.head_byte(byte),
            (Place::Trailers, _) => self.line.filled += 1,
            _ => {}
        }
    }

    fn head_byte(&mut self, byte: &mut u8) {
        match (self.line.field, *byte) {
            (Field::Unnamed, b':') => self.name_line(byte),
            (Field::Unnamed, _) => self.line.push(*byte),
            (Field::Length, b'0'..=b'9') => {
                let length = self.head.length.unwrap_or_default().saturating_mul(10);
                self.head.length = Some(length.saturating_add(u64::from(*byte - b'0')));
            }
            _ => {}
        }
    }

    /// A line's name is complete.
    fn name_line(&mut self, colon: &mut u8) {
        let name = self.line.name.get(..self.line.filled).unwrap_or_default();
        self.line.field = Field::Other;
        if name == CODING {
            self.head.is_chunked = true;
        } else if name == LENGTH && self.head.length.is_some() {
            *colon = POISON;
        } else if name == LENGTH {
            self.line.field = Field::Length;
            self.head.length = Some(0);
        }
    }

    fn end_line(&mut self) {
        if !std::mem::take(&mut self.line).is_blank() {
            self.head.has_lines = true;
        } else if self.head.has_lines {
            let head = std::mem::take(&mut self.head);
            self.place = match head.length {
                // A coding that does not end in `chunked` is refused by hyper (RFC 9112 section 6.3).
                _ if head.is_chunked => NEW_SIZE,
                Some(length) if length > 0 => Place::Body(length),
                _ => Place::Head,
            };
        }
    }
}

fn after_size(size: u64) -> Place {
    if size == 0 { Place::Trailers } else { Place::Chunk(size.saturating_add(2)) }
}

fn size_with(size: u64, digit: u8, byte: &mut u8) -> Place {
    let Some(value) = char::from(digit).to_digit(16) else { return Place::Size { size, is_over: true } };
    let size = size.saturating_mul(16).saturating_add(u64::from(value));
    if size > LARGEST_CHUNK {
        *byte = POISON;
    }
    Place::Size { size, is_over: false }
}

impl Line {
    fn is_blank(&self) -> bool {
        self.filled == 0 && self.field == Field::Unnamed
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.name.get_mut(self.filled) {
            *place = byte.to_ascii_lowercase();
        }
        self.filled += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes are replaced, however the messages are cut into reads.
    fn replaced(messages: &str) -> usize {
        let read_in = |part: usize| {
            let mut bytes = messages.as_bytes().to_vec();
            let mut framing = Framing::default();
            bytes.chunks_mut(part).for_each(|read| framing.inspect(read));
            bytes.iter().zip(messages.bytes()).filter(|(now, then)| **now != *then).count()
        };
        let all = read_in(messages.len());
        for part in 1..messages.len() {
            assert_eq!(read_in(part), all, "{messages:?} in parts of {part}");
        }
        all
    }

    const TWICE: &str = "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx";

    #[test]
    fn a_length_said_twice_is_found_behind_every_kind_of_message() {
        for before in [
            "",
            "\r\n\n",
            "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
            "GET / HTTP/1.1\n\n",
            "POST / HTTP/1.1\r\ncontent-length:0\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 12\r\nX-Content-Length: 3\r\n\r\nhello\n\nhello",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n00B;a=f\r\nhello\n\nhell\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            assert_eq!(replaced(&format!("{before}GET / HTTP/1.1\r\n\r\n")), 0, "{before:?}");
            assert_eq!(replaced(&format!("{before}{TWICE}")), 1, "{before:?}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_left_alone() {
        let body = TWICE.len();
        assert_eq!(replaced(&format!("POST / HTTP/1.1\r\nContent-Length: {body}\r\n\r\n{TWICE}")), 0);
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(replaced(&format!("{chunked}{body:X}\r\n{TWICE}\r\n0\r\n\r\n")), 0);
        assert_eq!(replaced(&format!("{chunked}000000000000000000001 ;ffffffffffffffff\r\nx\r\n0\r\n\r\n")), 0);
    }

    #[test]
    fn a_chunk_has_a_largest_size() {
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(replaced(&format!("{chunked}100000000\r\nx")), 0);
        assert_eq!(replaced(&format!("{chunked}100000001\r\nx")), 1);
        assert!(replaced(&format!("{chunked}1\r\nx\r\nffffffffffffffff\r\nx")) > 0);
    }
}
