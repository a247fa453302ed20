//! What holds for every token and ping key, whatever is in them: what was issued opens and says what it was issued for,
//! what was changed by one bit does not open, and keys come and go without a token changing its meaning.

use crate::ids::{MonitorId, ShardCount, ShardId, TenantId};
use crate::token::{KeyRing, MAX_GENERATION, TokenClaim};
use proptest::prelude::*;

type Key = [u8; 32];

fn ring(keys: Vec<Key>, shards: u16) -> KeyRing {
    KeyRing::new([7; 32], keys, ShardCount::new(shards).unwrap())
}

/// Different keys, newest first. Of equal ones the property "the key is gone" would not hold.
fn keys(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Key>> {
    prop::collection::btree_set(any::<Key>(), count).prop_map(|keys| keys.into_iter().collect()).prop_shuffle()
}

/// The texts that differ from `text` in one bit of one byte, as far as they are texts.
fn flipped(text: &str) -> impl Iterator<Item = String> {
    (0..text.len() * 8).filter_map(move |bit| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        String::from_utf8(bytes).ok()
    })
}

/// The UUIDs that differ from the one in `text` in one of their 128 bits, version and variant included.
fn flipped_uuids(text: &str) -> impl Iterator<Item = String> {
    let uuid = crate::token::parse_uuid(text).unwrap();
    (0..128).map(move |bit| {
        let hex = format!("{:032x}", uuid ^ (1 << bit));
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    })
}

fn monitor(id: u64, generation: u8) -> Option<TokenClaim> {
    Some(TokenClaim::Monitor { monitor: MonitorId(id), generation })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_token_says_what_it_was_issued_for(id: u64, generation in 0..=MAX_GENERATION, keys in keys(1..4), shards in 1u16..=4096) {
        let ring = ring(keys, shards);
        let token = ring.token(MonitorId(id), generation);
        prop_assert_eq!(ring.open(&token), monitor(id, generation));
        prop_assert_eq!(token.len(), 36);
        prop_assert!(token.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-')));
    }

    #[test]
    fn every_flipped_bit_of_a_token_is_refused(id: u64, generation in 0..=MAX_GENERATION, keys in keys(1..4)) {
        let ring = ring(keys, 64);
        let token = ring.token(MonitorId(id), generation);
        for forged in flipped_uuids(&token).chain(flipped(&token)) {
            prop_assert_eq!(ring.open(&forged), None, "{}", forged);
        }
    }

    #[test]
    fn a_canary_is_refused_after_every_flipped_bit_too(keys in keys(1..3), shards in 1u16..=4096, which: prop::sample::Index) {
        let ring = ring(keys, shards);
        let shard = ShardId(which.index(usize::from(shards)) as u16);
        let token = ring.canary_token(shard);
        prop_assert_eq!(ring.open(&token), Some(TokenClaim::Canary { shard }));
        for forged in flipped_uuids(&token) {
            prop_assert_eq!(ring.open(&forged), None, "{}", forged);
        }
    }

    #[test]
    fn generations_have_tokens_of_their_own(id: u64, keys in keys(1..2)) {
        let ring = ring(keys, 64);
        let mut tokens: Vec<String> = (0..=MAX_GENERATION).map(|generation| ring.token(MonitorId(id), generation)).collect();
        for (generation, token) in tokens.iter().enumerate() {
            prop_assert_eq!(ring.open(token), monitor(id, generation as u8));
        }
        tokens.sort();
        tokens.dedup();
        prop_assert_eq!(tokens.len(), usize::from(MAX_GENERATION) + 1);
    }

    /// No monitor's token can be asked for that would pass as a canary's.
    #[test]
    fn a_generation_beyond_the_last_is_the_last(id: u64, beyond in MAX_GENERATION..=u8::MAX, keys in keys(1..2)) {
        let ring = ring(keys, 64);
        prop_assert_eq!(ring.open(&ring.token(MonitorId(id), beyond)), monitor(id, MAX_GENERATION));
    }

    #[test]
    fn a_token_lives_as_long_as_its_key_is_in_the_ring(id: u64, generation in 0..=MAX_GENERATION, keys in keys(2..6)) {
        for place in 0..keys.len() {
            let token = ring(keys[place..].to_vec(), 64).token(MonitorId(id), generation);
            prop_assert_eq!(ring(keys.clone(), 64).open(&token), monitor(id, generation), "issued under key {}", place);
            let mut without = keys.clone();
            without.remove(place);
            prop_assert_eq!(ring(without, 64).open(&token), None, "key {} is gone", place);
        }
    }

    /// New tokens come from the newest key alone: what is issued after a rotation outlives the older keys.
    #[test]
    fn a_rotation_issues_under_the_newest_key(id: u64, keys in keys(2..5)) {
        let issued = ring(keys.clone(), 64).token(MonitorId(id), 0);
        prop_assert_eq!(&issued, &ring(keys[..1].to_vec(), 64).token(MonitorId(id), 0));
        prop_assert_ne!(&issued, &ring(keys[1..].to_vec(), 64).token(MonitorId(id), 0));
    }

    /// Tokens do not contain the number of shards: an installation may be moved to one that has more.
    #[test]
    fn a_token_is_the_same_for_any_number_of_shards(id: u64, keys in keys(1..2), shards in 1u16..=4096) {
        let (one, other) = (ring(keys.clone(), 4), ring(keys, shards));
        prop_assert_eq!(one.token(MonitorId(id), 3), other.token(MonitorId(id), 3));
        prop_assert_eq!(one.monitor_id(TenantId(1), "backup"), other.monitor_id(TenantId(1), "backup"));
    }

    #[test]
    fn a_ping_key_says_its_tenant_and_no_flipped_bit_passes(tenant: u32, generation in 0u8..64, keys in keys(1..3)) {
        let ring = ring(keys, 64);
        let key = ring.ping_key(TenantId(tenant), generation);
        prop_assert_eq!(ring.open_ping_key(&key), Some((TenantId(tenant), generation)));
        for forged in flipped(&key) {
            prop_assert_eq!(ring.open_ping_key(&forged), None, "{}", forged);
        }
    }

    #[test]
    fn a_ping_key_lives_as_long_as_its_key_is_in_the_ring(tenant: u32, keys in keys(2..5)) {
        let key = ring(keys[1..].to_vec(), 64).ping_key(TenantId(tenant), 0);
        prop_assert!(ring(keys.clone(), 64).open_ping_key(&key).is_some());
        let mut without = keys;
        without.remove(1);
        prop_assert_eq!(ring(without, 64).open_ping_key(&key), None);
    }

    #[test]
    fn no_text_is_too_strange_to_refuse(text in any::<String>(), like in "[0-9a-f-]{34,38}|[a-z2-7]{20,24}") {
        let ring = ring(vec![[1; 32]], 4);
        for text in [text, like] {
            prop_assert_eq!(ring.open(&text), None);
            prop_assert_eq!(ring.open_ping_key(&text), None);
        }
    }
}
