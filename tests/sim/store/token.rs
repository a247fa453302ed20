//! Page tokens: the key of the last row given, and a check sum over it and over what was listed, so that a token of
//! another list is refused.

use ::store::StoreError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const CHECK_BYTES: usize = 8;
const MAX_ROWS: u32 = 1_000;

/// How many rows a page holds at most.
pub(super) fn clamp(limit: u32) -> usize {
    limit.clamp(1, MAX_ROWS) as usize
}

/// What is listed.
pub(super) struct List(Vec<u8>);

impl List {
    pub(super) fn new(letter: u8, id: u64) -> Self {
        Self([&[letter][..], &id.to_be_bytes()].concat())
    }

    pub(super) fn narrowed(mut self, text: &str) -> Self {
        self.0.extend_from_slice(&(text.len() as u64).to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    pub(super) fn token(&self, key: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode([key, &self.check(key)].concat())
    }

    /// The key in a token of this list; `None` without a token.
    pub(super) fn key(&self, token: Option<&str>) -> Result<Option<Vec<u8>>, StoreError> {
        token.map(|token| self.read(token).ok_or_else(foreign)).transpose()
    }

    fn read(&self, token: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (key, check) = bytes.split_last_chunk::<CHECK_BYTES>()?;
        (*check == self.check(key)).then(|| key.to_vec())
    }

    /// FNV-1a, 64 bits.
    fn check(&self, key: &[u8]) -> [u8; CHECK_BYTES] {
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        self.0.iter().chain(key).fold(0xcbf2_9ce4_8422_2325, mix).to_be_bytes()
    }
}

/// The refusal of a token that was not ours.
pub(super) fn foreign() -> StoreError {
    StoreError::Conflict("the page token is not of this list".into())
}

/// Numbers of a key, as many as there are to be.
pub(super) fn numbers<const N: usize>(key: &[u8]) -> Result<[u64; N], StoreError> {
    let (chunks, rest) = key.as_chunks::<8>();
    let numbers: Vec<_> = chunks.iter().map(|chunk| u64::from_be_bytes(*chunk)).collect();
    numbers.try_into().ok().filter(|_| rest.is_empty()).ok_or_else(foreign)
}
