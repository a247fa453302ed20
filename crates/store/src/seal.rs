//! Channel settings at rest: AES-256-GCM-SIV (RFC 8452), so that a copied database gives nobody a webhook's
//! secret or a bot's token.
//!
//! A cell is one format version byte, one key id byte, a random 96-bit nonce, and the ciphertext with its
//! tag. What it belongs to ("tenant/channel/field") is authenticated with it: a ciphertext moved to another
//! row, or into another tenant, does not open. GCM-SIV rather than GCM, because a repeated nonce (a cloned
//! virtual machine) then shows only that two texts are equal.

use crate::row::ChannelRow;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use domain::ids::{ChannelId, TenantId};
use domain::token::derive_secret;
use prost::Message;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use wire::v1;
use wire::v1::channel::Settings;

const FORMAT: u8 = 1;
const FIRST_KEY: u8 = 1;
const HEADER_BYTES: usize = 2;

/// Why a sealed cell did not open, or keys were not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the sealed cell is shorter than its header")]
    TooShort,
    #[error("the sealed cell has format {0}, which this version does not know")]
    UnknownFormat(u8),
    #[error("the sealed cell was written under key {0}, which is not configured")]
    UnknownKey(u8),
    #[error("two keys have the id {0}")]
    RepeatedKey(u8),
    /// Changed bytes, another key under the same id, or a cell that belongs to another row.
    #[error("the sealed cell does not belong here or was changed")]
    Refused,
    #[error("the sealed settings cannot be read: {0}")]
    Settings(String),
}

/// A key and the number that cells name it by.
#[derive(Clone)]
pub struct SealKey {
    pub id: u8,
    pub root: [u8; 32],
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({}, redacted)", self.id)
    }
}

/// Seals under one key, opens under several.
#[derive(Clone)]
pub struct Sealer {
    current: u8,
    keys: Arc<BTreeMap<u8, RandomizedNonceKey>>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer(key {} of {}, redacted)", self.current, self.keys.len())
    }
}

impl Sealer {
    /// One key, with id 1, derived from `root`.
    pub fn new(root: &[u8; 32]) -> Self {
        Self { current: FIRST_KEY, keys: Arc::new(BTreeMap::from([(FIRST_KEY, aead_key(root))])) }
    }

    /// Seals under `current`; opens what `current` or one of `older` sealed. Two keys of one id are refused.
    pub fn with_keys(current: SealKey, older: &[SealKey]) -> Result<Self, SealError> {
        let mut keys = BTreeMap::from([(current.id, aead_key(&current.root))]);
        for key in older {
            if keys.insert(key.id, aead_key(&key.root)).is_some() {
                return Err(SealError::RepeatedKey(key.id));
            }
        }
        Ok(Self { current: current.id, keys: Arc::new(keys) })
    }

    /// `plain` as a cell that opens only with the same `aad`.
    pub fn seal(&self, aad: &str, plain: &[u8]) -> Vec<u8> {
        let mut text = plain.to_vec();
        let nonce = self.keys[&self.current]
            .seal_in_place_append_tag(Aad::from(aad), &mut text)
            .expect("AES-GCM-SIV takes any text below 64 GiB");
        let mut cell = Vec::with_capacity(HEADER_BYTES + NONCE_LEN + text.len());
        cell.extend_from_slice(&[FORMAT, self.current]);
        cell.extend_from_slice(nonce.as_ref());
        cell.extend_from_slice(&text);
        cell
    }

    /// What was sealed for `aad`.
    pub fn open(&self, aad: &str, cell: &[u8]) -> Result<Vec<u8>, SealError> {
        let (&[format, key_id], rest) = cell.split_first_chunk().ok_or(SealError::TooShort)?;
        if format != FORMAT {
            return Err(SealError::UnknownFormat(format));
        }
        let key = self.keys.get(&key_id).ok_or(SealError::UnknownKey(key_id))?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SealError::TooShort)?;
        let mut text = text.to_vec();
        let plain = key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut text)
            .map_err(|_| SealError::Refused)?;
        Ok(plain.to_vec())
    }

    /// Whether `cell` was sealed under an older key and should be sealed again.
    pub fn is_outdated(&self, cell: &[u8]) -> bool {
        cell.get(1).is_some_and(|id| *id != self.current)
    }
}

/// Keys are derived, so that the root may serve other purposes too.
fn aead_key(root: &[u8; 32]) -> RandomizedNonceKey {
    let key = derive_secret(root, "seal");
    RandomizedNonceKey::new(&AES_256_GCM_SIV, &key).expect("AES-256-GCM-SIV keys have 32 bytes")
}

/// What the settings of a channel are bound to.
pub fn channel_aad(tenant: TenantId, channel: ChannelId) -> String {
    format!("{tenant}/{channel}/settings")
}

/// The cell for [`ChannelRow::settings`].
pub fn seal_settings(sealer: &Sealer, tenant: TenantId, channel: ChannelId, settings: &Settings) -> Vec<u8> {
    let message = v1::Channel { settings: Some(settings.clone()), ..v1::Channel::default() };
    sealer.seal(&channel_aad(tenant, channel), &message.encode_to_vec())
}

/// The settings of a stored channel.
pub fn open_settings(sealer: &Sealer, row: &ChannelRow) -> Result<Settings, SealError> {
    let plain = sealer.open(&channel_aad(row.tenant, row.id), &row.settings)?;
    let message = v1::Channel::decode(plain.as_slice()).map_err(|e| SealError::Settings(e.to_string()))?;
    message.settings.ok_or_else(|| SealError::Settings("empty".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u8) -> SealKey {
        SealKey { id, root: [id; 32] }
    }

    fn row(tenant: u32, channel: u64, settings: Vec<u8>) -> ChannelRow {
        ChannelRow {
            id: ChannelId(channel),
            tenant: TenantId(tenant),
            name: "ops".into(),
            kind: "webhook".into(),
            settings,
            version: 1,
            created_ms: 0,
            changed_ms: 0,
            disabled: String::new(),
            deleted: false,
        }
    }

    #[test]
    fn opens_what_it_sealed_and_never_seals_the_same_bytes() {
        let sealer = Sealer::new(&[7; 32]);
        let (first, second) = (sealer.seal("a", b"secret"), sealer.seal("a", b"secret"));
        assert_ne!(first, second);
        assert_eq!(sealer.open("a", &first).unwrap(), b"secret");
        assert_eq!(sealer.open("a", &sealer.seal("a", b"")).unwrap(), b"");
        assert!(!first.windows(6).any(|w| w == b"secret"));
    }

    #[test]
    fn a_cell_moved_or_changed_does_not_open() {
        let sealer = Sealer::new(&[7; 32]);
        let cell = sealer.seal("1/ch_1/settings", b"secret");
        assert_eq!(sealer.open("2/ch_1/settings", &cell), Err(SealError::Refused));
        assert_eq!(Sealer::new(&[8; 32]).open("1/ch_1/settings", &cell), Err(SealError::Refused));
        for place in HEADER_BYTES..cell.len() {
            let mut changed = cell.clone();
            changed[place] ^= 1;
            assert_eq!(sealer.open("1/ch_1/settings", &changed), Err(SealError::Refused), "byte {place}");
        }
    }

    #[test]
    fn a_cell_cut_short_anywhere_is_an_error() {
        let sealer = Sealer::new(&[7; 32]);
        let cell = sealer.seal("a", b"secret");
        for length in 0..cell.len() {
            assert!(sealer.open("a", &cell[..length]).is_err(), "{length} bytes");
        }
        assert_eq!(sealer.open("a", &[9, 1]), Err(SealError::UnknownFormat(9)));
    }

    #[test]
    fn older_keys_open_and_only_the_current_one_seals() {
        let old = Sealer::with_keys(key(1), &[]).unwrap();
        let rotated = Sealer::with_keys(key(2), &[key(1)]).unwrap();
        let cell = old.seal("a", b"secret");
        assert_eq!(rotated.open("a", &cell).unwrap(), b"secret");
        assert!(rotated.is_outdated(&cell) && !rotated.is_outdated(&rotated.seal("a", b"")));
        assert_eq!(old.open("a", &rotated.seal("a", b"")), Err(SealError::UnknownKey(2)));
        assert_eq!(Sealer::with_keys(key(1), &[key(1)]).unwrap_err(), SealError::RepeatedKey(1));
    }

    #[test]
    fn settings_open_only_in_their_own_row() {
        let sealer = Sealer::new(&[7; 32]);
        let settings = Settings::Slack(v1::SlackSettings { url: "https://hooks.example/x".into() });
        let cell = seal_settings(&sealer, TenantId(1), ChannelId(5), &settings);
        assert_eq!(open_settings(&sealer, &row(1, 5, cell.clone())).unwrap(), settings);
        assert_eq!(open_settings(&sealer, &row(1, 6, cell.clone())), Err(SealError::Refused));
        assert_eq!(open_settings(&sealer, &row(2, 5, cell)), Err(SealError::Refused));
        let empty = sealer.seal(&channel_aad(TenantId(1), ChannelId(5)), b"");
        assert!(matches!(open_settings(&sealer, &row(1, 5, empty)), Err(SealError::Settings(_))));
    }

    #[test]
    fn debug_shows_no_key() {
        let text = format!("{:?} {:?}", Sealer::new(&[0xab; 32]), key(0xab));
        assert!(!text.contains("171, 171") && !text.contains("abab"), "{text}");
    }
}
