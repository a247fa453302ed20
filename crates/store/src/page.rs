//! Pages: rows up to a limit, and a token that says where the next page begins.
//!
//! A token is base64url of a version byte, the list's letter, the key of the last row looked at, and a
//! check sum over all that and over what was listed. So a token of another list, tenant or filter is
//! refused, as is one that was cut short. It is no secret and proves nothing: it holds only what the caller saw.

use crate::{StoreError, metric};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::convert::DecodeError;

const VERSION: u8 = 1;
const CHECK_BYTES: usize = 4;
/// The longest token: a slug of 100 bytes and what goes with it, with room to spare.
const MAX_TOKEN_CHARS: usize = 400;
/// The most rows of a page, whatever was asked.
const MAX_ROWS: u32 = 1_000;
/// The most bytes of cells in a page (one row at least): bodies make rows of 100 kB and more.
pub(crate) const MAX_BYTES: usize = 2 << 20;

/// Which list a token belongs to, and the texts and numbers that were asked for.
pub(crate) struct List {
    pub letter: u8,
    pub scope: Vec<u8>,
}

impl List {
    pub(crate) fn new(letter: u8, id: u64) -> Self {
        Self { letter, scope: id.to_be_bytes().to_vec() }
    }

    /// Adds a text to the scope, so that it cannot run together with its neighbours.
    pub(crate) fn narrowed(mut self, text: &str) -> Self {
        self.scope.extend_from_slice(&(text.len() as u64).to_be_bytes());
        self.scope.extend_from_slice(text.as_bytes());
        self
    }

    pub(crate) fn token(&self, key: &[u8]) -> String {
        let mut bytes = vec![VERSION, self.letter];
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(&self.check(key));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The key in a token of this list.
    pub(crate) fn key(&self, token: &str) -> Result<Vec<u8>, StoreError> {
        self.key_within(token, MAX_TOKEN_CHARS)
    }

    /// As [`key`](Self::key), for lists whose tokens may be longer.
    pub(crate) fn key_within(&self, token: &str, most_chars: usize) -> Result<Vec<u8>, StoreError> {
        self.read(token, most_chars).ok_or_else(foreign_token)
    }

    fn read(&self, token: &str, most_chars: usize) -> Option<Vec<u8>> {
        let bytes = (token.len() <= most_chars).then(|| URL_SAFE_NO_PAD.decode(token).ok())??;
        let (&[version, letter], rest) = bytes.split_first_chunk()?;
        let (key, check) = rest.split_last_chunk::<CHECK_BYTES>()?;
        let ours = version == VERSION && letter == self.letter && *check == self.check(key);
        ours.then(|| key.to_vec())
    }

    /// FNV-1a, 32 bits.
    fn check(&self, key: &[u8]) -> [u8; CHECK_BYTES] {
        let bytes = [VERSION, self.letter].into_iter().chain(self.scope.iter().copied()).chain(key.iter().copied());
        bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)).to_be_bytes()
    }
}

/// The refusal of a token that was not ours.
pub(crate) fn foreign_token() -> StoreError {
    StoreError::Conflict("the page token is not of this list".into())
}

/// How many rows a page holds at most.
pub(crate) fn clamp(limit: u32) -> usize {
    limit.clamp(1, MAX_ROWS) as usize
}

/// The row, or a note that it is damaged.
pub(crate) fn keep<T>(table: &'static str, row: Result<T, DecodeError>) -> Option<T> {
    row.inspect_err(|problem| {
        metric::count_damaged_row(table);
        tracing::warn!(table, %problem, "a damaged row was left out of a list");
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_only_for_what_it_was_given() {
        let list = List::new(b'm', 7).narrowed("tag");
        let token = list.token(b"slug");
        assert_eq!(list.key(&token).unwrap(), b"slug");
        let others = [List::new(b'm', 8).narrowed("tag"), List::new(b'm', 7), List::new(b'i', 7).narrowed("tag")];
        for other in others {
            assert_eq!(other.key(&token), Err(foreign_token()));
        }
    }

    #[test]
    fn a_changed_token_is_refused() {
        let list = List::new(b'm', 7);
        let token = list.token(b"slug");
        for length in 0..token.len() {
            assert!(list.key(&token[..length]).is_err(), "{length} characters");
        }
        for bad in ["", "äöü", "====", &"A".repeat(100_000), &format!("{token}A")] {
            assert!(list.key(bad).is_err());
        }
    }

    #[test]
    fn scopes_do_not_run_together() {
        let (one, two) =
            (List::new(b'm', 7).narrowed("ab").narrowed("c"), List::new(b'm', 7).narrowed("a").narrowed("bc"));
        assert_ne!(one.scope, two.scope);
    }
}
