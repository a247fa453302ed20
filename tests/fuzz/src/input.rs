//! Cutting an input into what a target needs, and the checks that many share.

use std::borrow::Cow;

/// An input that is eaten from the front. What is not there reads as zero or as nothing.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn u8(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    /// Big-endian.
    pub fn u16(&mut self) -> u16 {
        self.take(2).iter().fold(0, |value, byte| value << 8 | u16::from(*byte))
    }

    /// Big-endian.
    pub fn u32(&mut self) -> u32 {
        self.take(4).iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
    }

    /// Big-endian.
    pub fn u64(&mut self) -> u64 {
        self.take(8).iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    /// Big-endian, two's complement.
    pub fn i64(&mut self) -> i64 {
        self.u64() as i64
    }

    /// So many bytes, or as many as there are.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Bytes up to the next 0xff, which no text holds, or all.
    pub fn field(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == 0xff).unwrap_or(self.0.len());
        let field = self.take(end);
        self.take(1);
        field
    }

    /// A field as text; what is not UTF-8 in it is replaced.
    pub fn text(&mut self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.field())
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

/// Every refusal is one line of a bounded length, with nothing in it that a terminal would act on.
#[track_caller]
pub fn assert_one_line(text: &str) {
    assert!(!text.contains(is_unsafe), "not one plain line: {text:?}");
    assert!(text.len() <= 2_000, "{} bytes of refusal: {text:.200}", text.len());
}

/// Characters that act instead of being read.
pub fn is_unsafe(c: char) -> bool {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}
