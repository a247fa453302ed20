//! API keys: `qpk_<8 symbols>_<32 symbols>_<8 symbols>` of base32 in lower case (RFC 4648).
//!
//! The first part is public and is what the key is looked up by. The second is 160 random bits. The third is
//! a checksum over all before it, so that a typing error, or a key cut short, costs no look-up; it also lets
//! scanners of leaked secrets tell a key from a lookalike.

use domain::ids::TenantId;
use domain::time::UnixMs;
use sha2::{Digest, Sha256};
use store::row::{ApiKeyRow, Scope};

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const PREFIX_SYMBOLS: usize = 8;
const SECRET_SYMBOLS_LEAST: usize = 32;
/// Anything longer is no key and is not even hashed.
const KEY_BYTES_MOST: usize = 128;

/// A new key: the text that is shown once, and the row to keep.
pub fn new_key(tenant: TenantId, name: impl Into<String>, scope: Scope, now: UnixMs) -> (String, ApiKeyRow) {
    let prefix = format!("qpk_{}", base32(&rand::random::<[u8; 5]>()));
    let body = format!("{prefix}_{}", base32(&rand::random::<[u8; 20]>()));
    let key = format!("{body}_{}", checksum(&body));
    let sha256 = sha256(&key);
    let row = ApiKeyRow { prefix, tenant, name: name.into(), sha256, scope, created_ms: now.0, revoked: false };
    (key, row)
}

/// The public part of a well-formed key whose checksum is right.
pub(crate) fn prefix_of(key: &str) -> Option<&str> {
    if key.len() > KEY_BYTES_MOST {
        return None;
    }
    let (body, sum) = key.rsplit_once('_')?;
    let (prefix, secret) = body.rsplit_once('_')?;
    let symbols = prefix.strip_prefix("qpk_")?;
    let shaped = is_base32(symbols)
        && symbols.len() == PREFIX_SYMBOLS
        && is_base32(secret)
        && secret.len() >= SECRET_SYMBOLS_LEAST;
    (shaped && checksum(body) == sum).then_some(prefix)
}

/// What of a key is stored.
pub(crate) fn sha256(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn checksum(body: &str) -> String {
    let [a, b, c, d, e, ..] = sha256(body);
    base32(&[a, b, c, d, e])
}

/// Whole groups of five bytes, eight symbols each: no padding is ever needed.
fn base32(bytes: &[u8]) -> String {
    let group = |five: &[u8]| five.iter().fold(0u64, |bits, byte| (bits << 8) | u64::from(*byte));
    let symbol = |bits: u64, place: u32| BASE32[((bits >> (35 - 5 * place)) & 31) as usize] as char;
    bytes.chunks_exact(5).map(group).flat_map(|bits| (0..8).map(move |place| symbol(bits, place))).collect()
}

fn is_base32(text: &str) -> bool {
    text.bytes().all(|byte| BASE32.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_row_and_keeps_only_its_hash() {
        let (key, row) = new_key(TenantId(7), "ci", Scope::Write, UnixMs(5));
        assert_eq!(prefix_of(&key), Some(row.prefix.as_str()));
        assert_eq!((key.len(), row.prefix.len()), (4 + 8 + 1 + 32 + 1 + 8, 12));
        assert_eq!(row.sha256, sha256(&key));
        assert_eq!((row.tenant, row.scope, row.created_ms, row.revoked), (TenantId(7), Scope::Write, 5, false));
        assert_ne!(new_key(TenantId(7), "ci", Scope::Write, UnixMs(5)).0, key);
    }

    #[test]
    fn any_changed_symbol_is_refused_without_a_look_up() {
        let (key, _) = new_key(TenantId(1), "ci", Scope::Read, UnixMs(0));
        for place in 0..key.len() {
            let mut bytes = key.clone().into_bytes();
            bytes[place] = if bytes[place] == b'z' { b'y' } else { b'z' };
            assert_eq!(prefix_of(std::str::from_utf8(&bytes).unwrap()), None, "{place}");
        }
    }

    #[test]
    fn other_shapes_are_no_keys() {
        let (key, _) = new_key(TenantId(1), "ci", Scope::Read, UnixMs(0));
        let long = format!("qpk_aaaaaaaa_{}", "a".repeat(1 << 20));
        let long = format!("{long}_{}", checksum(&long));
        for text in ["", "qpk", "qpk___", "___", &key.to_uppercase(), &key[..key.len() - 1], &format!("{key} "), &long]
        {
            assert_eq!(prefix_of(text), None);
        }
    }

    #[test]
    fn base32_follows_rfc_4648() {
        assert_eq!(base32(b"fooba"), "mzxw6ytb");
        assert_eq!(base32(&[0, 0, 0, 0, 1]), "aaaaaaab");
    }
}
