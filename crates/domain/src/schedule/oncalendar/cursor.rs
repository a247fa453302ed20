//! A place in a line of text, for a grammar that decides by the next character.

/// Largest number that is read; systemd keeps them in a C int.
const NUMBER_MAX: u32 = i32::MAX as u32;

/// What is left of a line. Cloning it is how the grammar looks ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    pub rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// Moves over `text` if it comes next.
    pub fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Moves over `word` if it comes next in any capitals.
    pub fn eat_word(&mut self, word: &str) -> bool {
        let same = self.rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
        if same {
            self.rest = &self.rest[word.len()..];
        }
        same
    }

    /// Moves over decimal digits, any number of leading zeros included.
    pub fn number(&mut self) -> Option<u32> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let number = self.rest[..end].parse().ok().filter(|number| *number <= NUMBER_MAX)?;
        self.rest = &self.rest[end..];
        Some(number)
    }

    pub fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    pub fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Whether the line ends here or goes on with one of `next`.
    pub fn at_end_or(&self, next: &str) -> bool {
        self.rest.chars().next().is_none_or(|c| next.contains(c))
    }
}
