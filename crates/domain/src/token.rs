//! Self-authenticating ping tokens and ping keys: ingest tells a forged one from a real one without IO.
//!
//! A token is a lower-case hyphenated UUID of version 8 (RFC 9562): 64 bits of monitor id, a 6-bit
//! generation and a 52-bit MAC over both. A ping key is 22 characters of `[a-z2-7]` (RFC 4648 base32,
//! lower case): 32 bits of tenant, a 6-bit generation and a 72-bit MAC. A leaked database leaks neither,
//! since the keys of the MAC are not in it.

use crate::ids::{MonitorId, ShardCount, ShardId, TenantId, derive};
use subtle::ConstantTimeEq;

/// Generations count 0 ..= 62; 63 marks a canary.
pub const MAX_GENERATION: u8 = 62;
const CANARY_GENERATION: u8 = 63;
const TOKEN_MAC_BITS: u32 = 52;
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What a genuine token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenClaim {
    /// The ping of a monitor, under the token generation it was issued with.
    Monitor { monitor: MonitorId, generation: u8 },
    /// The proof of hearing of one shard (evidence, never a monitor's ping).
    Canary { shard: ShardId },
}

/// The keys of one installation. New tokens use the first token key; all of them are accepted.
#[derive(Clone)]
pub struct KeyRing {
    identity: [u8; 32],
    token_keys: Vec<[u8; 32]>,
    shards: ShardCount,
}

impl KeyRing {
    /// `identity` never changes in the life of an installation: monitor ids hang on it. `token_keys` is
    /// newest first and must not be empty (an empty ring accepts and issues nothing useful).
    pub fn new(identity: [u8; 32], token_keys: Vec<[u8; 32]>, shards: ShardCount) -> Self {
        Self { identity, token_keys, shards }
    }

    /// The shards of this installation.
    pub fn shards(&self) -> ShardCount {
        self.shards
    }

    /// The monitor that (tenant, slug) names, whether or not it exists.
    pub fn monitor_id(&self, tenant: TenantId, slug: &str) -> MonitorId {
        let mut hasher = blake3::Hasher::new_keyed(&self.identity);
        hasher.update(&tenant.0.to_be_bytes());
        hasher.update(slug.as_bytes());
        MonitorId(first_u64(&hasher))
    }

    /// The shard that holds `monitor`.
    pub fn shard_of(&self, monitor: MonitorId) -> ShardId {
        self.shards.shard_of(monitor)
    }

    /// The token of a monitor's generation, as it stands in a ping URL.
    pub fn token(&self, monitor: MonitorId, generation: u8) -> String {
        self.seal(monitor.0, generation.min(MAX_GENERATION))
    }

    /// The token ingest pings to prove that `shard` can hear.
    pub fn canary_token(&self, shard: ShardId) -> String {
        self.seal(self.shards.first_monitor_of(shard).0, CANARY_GENERATION)
    }

    /// Reads a token. `None` for anything that this installation did not issue, in one class of timing.
    pub fn open(&self, text: &str) -> Option<TokenClaim> {
        let bits = parse_uuid_v8(text)?;
        let body = bits >> TOKEN_MAC_BITS;
        let mac = (bits as u64) & ((1 << TOKEN_MAC_BITS) - 1);
        let genuine =
            self.token_keys.iter().fold(false, |found, key| found | bool::from(token_mac(key, body).ct_eq(&mac)));
        if !genuine {
            return None;
        }
        let (id, generation) = ((body >> 6) as u64, (body & 63) as u8);
        Some(match generation {
            CANARY_GENERATION => TokenClaim::Canary { shard: self.shards.shard_of(MonitorId(id)) },
            _ => TokenClaim::Monitor { monitor: MonitorId(id), generation },
        })
    }

    /// A tenant's ping key, for slug URLs.
    pub fn ping_key(&self, tenant: TenantId, generation: u8) -> String {
        let key = self.token_keys.first().copied().unwrap_or_default();
        encode_ping_key(tenant, generation & 63, ping_key_mac(&key, tenant, generation & 63))
    }

    /// The tenant and generation of a genuine ping key.
    pub fn open_ping_key(&self, text: &str) -> Option<(TenantId, u8)> {
        let (tenant, generation, mac) = decode_ping_key(text)?;
        let genuine = self
            .token_keys
            .iter()
            .fold(false, |found, key| found | bool::from(ping_key_mac(key, tenant, generation).ct_eq(&mac)));
        genuine.then_some((tenant, generation))
    }

    fn seal(&self, id: u64, generation: u8) -> String {
        let body = (u128::from(id) << 6) | u128::from(generation);
        let key = self.token_keys.first().copied().unwrap_or_default();
        print_uuid_v8((body << TOKEN_MAC_BITS) | u128::from(token_mac(&key, body)))
    }
}

/// What of a token may be shown: its first eight digits, which hold no part of the MAC.
pub fn token_hint(monitor: MonitorId) -> String {
    format!("{:08x}-…", monitor.0 >> 32)
}

fn first_u64(hasher: &blake3::Hasher) -> u64 {
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_be_bytes(bytes)
}

fn token_mac(key: &[u8; 32], body: u128) -> u64 {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(b"token");
    hasher.update(&body.to_be_bytes());
    first_u64(&hasher) >> (64 - TOKEN_MAC_BITS)
}

fn ping_key_mac(key: &[u8; 32], tenant: TenantId, generation: u8) -> [u8; 9] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(b"ping key");
    hasher.update(&tenant.0.to_be_bytes());
    hasher.update(&[generation]);
    let mut mac = [0; 9];
    hasher.finalize_xof().fill(&mut mac);
    mac
}

/// Spreads 122 bits over a UUID: 48 bits, version 8, 12 bits, variant 10, 62 bits (RFC 9562 section 5.8).
fn print_uuid_v8(bits: u128) -> String {
    let uuid =
        ((bits >> 74) << 80) | (0x8 << 76) | (((bits >> 62) & 0xfff) << 64) | (0b10 << 62) | (bits & ((1 << 62) - 1));
    let hex = format!("{uuid:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn parse_uuid_v8(text: &str) -> Option<u128> {
    let uuid = parse_lower_uuid(text)?;
    let marked = (uuid >> 76) & 0xf == 0x8 && (uuid >> 62) & 0b11 == 0b10;
    marked.then_some(((uuid >> 80) << 74) | (((uuid >> 64) & 0xfff) << 62) | (uuid & ((1 << 62) - 1)))
}

/// A canonical UUID in lower case, hyphens in their places. Upper case and bare hex are other URLs (404).
pub fn parse_lower_uuid(text: &str) -> Option<u128> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) { None } else { parse_uuid(text) }
}

/// A canonical UUID of any version and either case, e.g. a `rid`.
pub fn parse_uuid(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    if bytes.len() != 36 {
        return None;
    }
    bytes.iter().enumerate().try_fold(0u128, |value, (place, byte)| match (place, byte) {
        (8 | 13 | 18 | 23, b'-') => Some(value),
        (8 | 13 | 18 | 23, _) => None,
        _ => (*byte as char).to_digit(16).map(|digit| (value << 4) | u128::from(digit)),
    })
}

fn encode_ping_key(tenant: TenantId, generation: u8, mac: [u8; 9]) -> String {
    let mac = mac.iter().fold(0u128, |value, byte| (value << 8) | u128::from(*byte));
    let bits = (u128::from(tenant.0) << 78) | (u128::from(generation) << 72) | mac;
    (0..22).rev().map(|place| BASE32[((bits >> (place * 5)) & 31) as usize] as char).collect()
}

fn decode_ping_key(text: &str) -> Option<(TenantId, u8, [u8; 9])> {
    if text.len() != 22 {
        return None;
    }
    let bits = text.bytes().try_fold(0u128, |value, byte| {
        let digit = BASE32.iter().position(|symbol| *symbol == byte)?;
        Some((value << 5) | digit as u128)
    })?;
    let mac: [u8; 9] = bits.to_be_bytes()[7..].try_into().ok()?;
    Some((TenantId((bits >> 78) as u32), ((bits >> 72) & 63) as u8, mac))
}

/// A secret for `purpose`, derived from the installation's root secret (BLAKE3 key derivation).
pub fn derive_secret(root: &[u8; 32], purpose: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("quietpulse installation secret v1");
    hasher.update(root);
    hasher.update(purpose.as_bytes());
    *hasher.finalize().as_bytes()
}

/// The bearer token that the processes of one installation show each other.
pub fn internal_token(root: &[u8; 32]) -> String {
    let id = derive("quietpulse internal token v1", &[root]);
    id.iter().fold(String::from("qpi_"), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> KeyRing {
        KeyRing::new([1; 32], vec![[2; 32]], ShardCount::new(4).unwrap())
    }

    #[test]
    fn a_token_is_a_lower_case_version_8_uuid_that_opens() {
        let ring = ring();
        for (id, generation) in [(0, 0), (u64::MAX, MAX_GENERATION), (0x0123_4567_89ab_cdef, 7)] {
            let token = ring.token(MonitorId(id), generation);
            assert_eq!((token.len(), &token[14..15]), (36, "8"));
            assert_eq!(ring.open(&token), Some(TokenClaim::Monitor { monitor: MonitorId(id), generation }));
            assert_eq!(ring.open(&token.to_uppercase()).is_some(), !token.bytes().any(|b| b.is_ascii_lowercase()));
        }
    }

    #[test]
    fn every_flipped_bit_is_a_forgery() {
        let ring = ring();
        let token = ring.token(MonitorId(0xdead_beef_0bad_cafe), 3);
        let bits = parse_uuid_v8(&token).unwrap();
        assert!((0..122).all(|bit| ring.open(&print_uuid_v8(bits ^ (1 << bit))).is_none()));
    }

    #[test]
    fn an_old_key_stays_valid_until_it_leaves_the_ring() {
        let old = ring().token(MonitorId(5), 0);
        let both = KeyRing::new([1; 32], vec![[3; 32], [2; 32]], ShardCount::new(4).unwrap());
        let new = KeyRing::new([1; 32], vec![[3; 32]], ShardCount::new(4).unwrap());
        assert!(both.open(&old).is_some() && new.open(&old).is_none());
    }

    #[test]
    fn a_canary_names_its_shard_and_is_no_monitor() {
        let ring = ring();
        for shard in ring.shards().all() {
            assert_eq!(ring.open(&ring.canary_token(shard)), Some(TokenClaim::Canary { shard }));
        }
    }

    #[test]
    fn a_ping_key_has_22_plain_characters_and_opens() {
        let ring = ring();
        let key = ring.ping_key(TenantId(1), 0);
        assert_eq!(key.len(), 22);
        assert_eq!(ring.open_ping_key(&key), Some((TenantId(1), 0)));
        assert_eq!(ring.open_ping_key(&key.to_uppercase()), None);
        let mut forged = key.clone().into_bytes();
        forged[21] = if forged[21] == b'a' { b'b' } else { b'a' };
        assert_eq!(ring.open_ping_key(std::str::from_utf8(&forged).unwrap()), None);
    }

    #[test]
    fn ids_depend_on_tenant_and_slug() {
        let ring = ring();
        assert_ne!(ring.monitor_id(TenantId(1), "a"), ring.monitor_id(TenantId(2), "a"));
        assert_ne!(ring.monitor_id(TenantId(1), "a"), ring.monitor_id(TenantId(1), "b"));
    }
}
