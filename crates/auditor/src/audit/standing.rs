//! How far a monitor is compared.

use crate::model::Implied;
use domain::monitor::Policy;
use domain::ping::Ping;

/// One monitor.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Compared up to here; `None`: its state is not known for sure yet.
    pub from: Option<u64>,
    /// Successes in a row that are still needed to know it.
    needed: u8,
    /// No success before this instant counts.
    not_before_ms: i64,
    /// What the log implied since `from`.
    pub implied: Vec<Implied>,
}

impl Standing {
    /// Everything is known of it from its first record on.
    pub fn known(from: u64) -> Self {
        Self { from: Some(from), needed: 0, not_before_ms: i64::MIN, implied: Vec::new() }
    }

    /// Its state is not known.
    pub fn unknown(not_before_ms: i64) -> Self {
        Self { from: None, needed: u8::MAX, not_before_ms, implied: Vec::new() }
    }

    /// It will never be known: dead tokens of a deleted monitor live on in it.
    pub fn hopeless() -> Self {
        Self::unknown(i64::MAX)
    }

    /// It was found to differ.
    pub fn lose(&mut self) {
        *self = Self::unknown(i64::MIN);
    }

    /// Notes a ping that was read and not ignored. `is_up`: the second opinion says so after it.
    pub fn hear(&mut self, ping: &Ping, policy: &Policy, is_up: bool, now_ms: i64, offset: u64) {
        if self.from.is_some() || !ping.kind.finishes() {
            return;
        }
        let all = policy.successes_before_recovery;
        if !is_up || ping.kind.fails() || now_ms < self.not_before_ms {
            self.needed = all;
            return;
        }
        self.needed = self.needed.min(all).saturating_sub(1);
        if self.needed == 0 {
            self.from = Some(offset + 1);
            self.implied.clear();
        }
    }
}
