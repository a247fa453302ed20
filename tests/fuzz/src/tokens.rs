//! Ping tokens and ping keys. The input is a text that may be one; its first bytes also choose a genuine token and a
//! change of it, since nobody can guess the MAC of one.

use super::input::Input;
use domain::ids::{MonitorId, ShardCount, TenantId};
use domain::token::{KeyRing, MAX_GENERATION, TokenClaim, parse_lower_uuid, parse_uuid};

/// Nothing but what the ring wrote opens, and that as what it was written for.
pub fn token(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let ring = ring();
    foreign(&ring, &text);
    changed(&ring, Input::new(data));
}

fn ring() -> KeyRing {
    let shards = ShardCount::new(64).expect("64 is a number of shards");
    KeyRing::new([1; 32], vec![[2; 32], [3; 32]], shards)
}

fn foreign(ring: &KeyRing, text: &str) {
    match ring.open(text) {
        Some(TokenClaim::Monitor { monitor, generation }) => {
            let under = |key: u8| KeyRing::new([1; 32], vec![[key; 32]], ring.shards()).token(monitor, generation);
            assert!([under(2), under(3)].iter().any(|token| token == text), "another text of a token: {text:?}");
        }
        Some(TokenClaim::Canary { shard }) => assert!(shard.0 < ring.shards().get()),
        None => {}
    }
    if let Some((tenant, generation)) = ring.open_ping_key(text) {
        let under = |key: u8| KeyRing::new([1; 32], vec![[key; 32]], ring.shards()).ping_key(tenant, generation);
        assert!([under(2), under(3)].iter().any(|key| key == text), "another text of a ping key: {text:?}");
    }
    if let Some(bits) = parse_lower_uuid(text) {
        assert_eq!(parse_uuid(text), Some(bits));
        assert_eq!(text, text.to_ascii_lowercase());
    }
}

fn changed(ring: &KeyRing, mut input: Input<'_>) {
    let (monitor, generation) = (MonitorId(input.u64()), input.u8());
    let (place, byte) = (usize::from(input.u8()), input.u8() & 0x7f);
    let token = ring.token(monitor, generation);
    let claim = TokenClaim::Monitor { monitor, generation: generation.min(MAX_GENERATION) };
    assert_eq!(ring.open(&token), Some(claim), "{token}");
    let other = with_byte(&token, place, byte);
    assert!(other == token || ring.open(&other).is_none(), "{token} opens as {other} too");
    let key = ring.ping_key(TenantId(monitor.0 as u32), generation);
    assert_eq!(ring.open_ping_key(&key), Some((TenantId(monitor.0 as u32), generation & 63)), "{key}");
    let other = with_byte(&key, place, byte);
    assert!(other == key || ring.open_ping_key(&other).is_none(), "{key} opens as {other} too");
}

/// `text` with one ASCII byte in the place of another.
fn with_byte(text: &str, place: usize, byte: u8) -> String {
    let place = place % text.len();
    text.bytes().enumerate().map(|(at, old)| char::from(if at == place { byte } else { old })).collect()
}
