//! Rows that only the store and its callers know; the engine has no part in them.

use domain::ids::{ChannelId, MonitorId, TenantId};

/// An owner of monitors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRow {
    pub id: TenantId,
    pub name: String,
    /// Ping keys of other generations are refused.
    pub ping_key_generation: u8,
    pub created_ms: i64,
}

/// What a key may do; each includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Read,
    Write,
    Admin,
}

impl Scope {
    /// The word used in every API and file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The scope a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Read, Self::Write, Self::Admin].into_iter().find(|scope| scope.word() == word)
    }
}

/// An API key. The key itself is not kept, only its SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// The public part, by which it is looked up.
    pub prefix: String,
    pub tenant: TenantId,
    pub name: String,
    pub sha256: [u8; 32],
    pub scope: Scope,
    pub created_ms: i64,
    pub revoked: bool,
}

/// Where alerts go.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelRow {
    pub id: ChannelId,
    pub tenant: TenantId,
    pub name: String,
    /// `webhook`, `telegram`, `email`, `slack`, `discord` or `log`.
    pub kind: String,
    /// A `wire::v1::Channel` of which only `settings` is set, encoded and sealed ([`crate::seal`]).
    pub settings: Vec<u8>,
    /// From 1; each change adds one.
    pub version: u32,
    pub created_ms: i64,
    pub changed_ms: i64,
    /// Why it takes no deliveries; empty: it does.
    pub disabled: String,
    pub deleted: bool,
}

impl std::fmt::Debug for ChannelRow {
    /// Without the settings: they hold secrets, if sealed ones.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChannelRow({} {:?} {} v{})", self.id, self.name, self.kind, self.version)
    }
}

/// Tokens of a monitor below a generation are dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revocation {
    pub monitor: MonitorId,
    /// 63: all of them.
    pub least_generation: u8,
}

/// Who answers for a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardOwner {
    /// `host:port` of its gRPC listener.
    pub address: String,
    pub node: u64,
    pub since_ms: i64,
}
