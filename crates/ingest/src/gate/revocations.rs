//! Dead tokens: a small set kept whole in memory, so that revoking costs an ordinary ping nothing.

use domain::ids::MonitorId;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use store::row::Revocation;

/// The least living generation of each monitor that has a dead one.
#[derive(Default)]
pub(crate) struct Revocations {
    least: RwLock<HashMap<MonitorId, u8>>,
    /// Spares the lock while there are none.
    any: AtomicBool,
}

impl Revocations {
    /// Whether a token of this generation is dead.
    pub(crate) fn is_dead(&self, monitor: MonitorId, generation: u8) -> bool {
        self.any.load(Ordering::Relaxed) && self.least.read().get(&monitor).is_some_and(|least| generation < *least)
    }

    /// Replaces the set; returns the monitors whose entry is new or has changed.
    pub(crate) fn replace(&self, rows: &[Revocation]) -> Vec<MonitorId> {
        let mut fresh: HashMap<MonitorId, u8> = HashMap::with_capacity(rows.len());
        for row in rows {
            let least = fresh.entry(row.monitor).or_default();
            *least = (*least).max(row.least_generation);
        }
        let mut least = self.least.write();
        let changed = fresh
            .iter()
            .filter(|(monitor, now)| least.get(monitor) != Some(now))
            .map(|(monitor, _)| *monitor)
            .collect();
        self.any.store(!fresh.is_empty(), Ordering::Relaxed);
        *least = fresh;
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const M: MonitorId = MonitorId(7);

    fn row(least_generation: u8) -> Revocation {
        Revocation { monitor: M, least_generation }
    }

    #[test]
    fn older_generations_are_dead_and_63_kills_all() {
        let revoked = Revocations::default();
        assert!(!revoked.is_dead(M, 0));
        assert_eq!(revoked.replace(&[row(2)]), [M]);
        assert!(revoked.is_dead(M, 1) && !revoked.is_dead(M, 2) && !revoked.is_dead(MonitorId(8), 0));
        revoked.replace(&[row(63)]);
        assert!(revoked.is_dead(M, 62));
    }

    #[test]
    fn only_changes_are_reported() {
        let revoked = Revocations::default();
        revoked.replace(&[row(1)]);
        assert!(revoked.replace(&[row(1)]).is_empty());
        assert_eq!(revoked.replace(&[row(1), row(63)]), [M]);
    }
}
