//! Typed ids. None is drawn at random inside the engine: each is derived from what caused it, so that the
//! same log gives the same ids at every replay (invariant I1).

use std::fmt;
use std::str::FromStr;

/// Owner of monitors, channels and API keys. Tenant 1 is `default`, made at the first start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(pub u32);

/// A monitor: 64 bits of a keyed hash over (tenant, slug); its top bits choose the shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorId(pub u64);

/// A channel, drawn by the API when the channel is made. Zero is the built-in channel `log`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u64);

impl ChannelId {
    /// The built-in channel: one readable line on stdout. Used when a monitor names no channel.
    pub const LOG: Self = Self(0);
}

/// One partition of the log and all monitors that hash to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// How many shards an installation has: fixed when it is created, 1 ..= 4096.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardCount(u16);

impl ShardCount {
    /// `None` outside 1 ..= 4096.
    pub const fn new(count: u16) -> Option<Self> {
        if count >= 1 && count <= 4096 { Some(Self(count)) } else { None }
    }

    /// The number itself.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// `monitor_id * S >> 64`: equal ranges of the id space, so that a shard is a range.
    pub fn shard_of(self, monitor: MonitorId) -> ShardId {
        ShardId(((u128::from(monitor.0) * u128::from(self.0)) >> 64) as u16)
    }

    /// The lowest monitor id that falls into `shard`; canaries of the shard carry it.
    pub fn first_monitor_of(self, shard: ShardId) -> MonitorId {
        let id = (u128::from(shard.0) << 64).div_ceil(u128::from(self.0));
        MonitorId(id as u64)
    }

    /// All shards, in order.
    pub fn all(self) -> impl Iterator<Item = ShardId> {
        (0..self.0).map(ShardId)
    }
}

impl fmt::Display for MonitorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for MonitorId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        parse_hex_u64(text, "").map(Self).ok_or(IdError("monitor id: 16 hex digits"))
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ch_{:016x}", self.0)
    }
}

impl FromStr for ChannelId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        parse_hex_u64(text, "ch_").map(Self).ok_or(IdError("channel id: ch_ and 16 hex digits"))
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A text that is not an id of the kind asked for; it says what the kind looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a {0}")]
pub struct IdError(pub &'static str);

fn parse_hex_u64(text: &str, prefix: &str) -> Option<u64> {
    let digits = text.strip_prefix(prefix)?;
    let plain = digits.len() == 16 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    plain.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

macro_rules! derived_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let refusal = IdError(concat!(stringify!($name), ": ", $prefix, " and 32 hex digits"));
                let digits = text.strip_prefix($prefix).filter(|d| d.len() == 32).ok_or(refusal)?;
                let (high, low) = digits.split_at_checked(16).ok_or(refusal)?;
                let high = parse_hex_u64(high, "").ok_or(refusal)?;
                let low = parse_hex_u64(low, "").ok_or(refusal)?;
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&high.to_be_bytes());
                bytes[8..].copy_from_slice(&low.to_be_bytes());
                Ok(Self(bytes))
            }
        }
    };
}

derived_id!(
    /// A status change or notice, derived from monitor, kind and cause (a deadline or a ping's identity).
    TransitionId, "tr_");
derived_id!(
    /// One transition (or digest) x one channel; the idempotency key of every attempt.
    DeliveryId, "dl_");
derived_id!(
    /// Chosen by the caller of a command; repeating the same id is idempotent.
    CommandId, "cm_");
derived_id!(
    /// A run id (`rid`) as the job sent it: any UUID, either case.
    RunId, "");

/// Hashes a cause into 16 bytes. Every part is length-prefixed, so that no two causes share a text.
pub(crate) fn derive(context: &str, parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_equal_ranges_of_the_id_space() {
        let four = ShardCount::new(4).unwrap();
        assert_eq!(four.shard_of(MonitorId(0)), ShardId(0));
        assert_eq!(four.shard_of(MonitorId(u64::MAX)), ShardId(3));
        for count in [1, 3, 4, 64, 4096] {
            let shards = ShardCount::new(count).unwrap();
            for shard in shards.all() {
                assert_eq!(shards.shard_of(shards.first_monitor_of(shard)), shard);
            }
        }
    }

    #[test]
    fn ids_read_back_what_they_print() {
        let id = TransitionId(derive("test", &[b"a", b"b"]));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(MonitorId(7).to_string().parse(), Ok(MonitorId(7)));
        assert!("tr_00".parse::<TransitionId>().is_err());
        assert!("tr_ÿ000000000000000000000000000000".parse::<TransitionId>().is_err());
    }

    #[test]
    fn parts_of_a_cause_do_not_run_together() {
        assert_ne!(derive("test", &[b"ab", b"c"]), derive("test", &[b"a", b"bc"]));
    }
}
