//! The rows.

use super::audit::{Audit, Key};
use super::versions::{Turns, Versions};
use ::store::ChunkKey;
use ::store::row::{ApiKeyRow, ChannelRow, Revocation, ShardOwner, TenantRow};
use domain::delivery::Delivery;
use domain::engine::effects::{HistoryRow, MonitorRow, StatusRow};
use domain::ids::{ChannelId, DeliveryId, MonitorId, ShardId, TenantId, TransitionId};
use domain::transition::Transition;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(super) struct Tables {
    /// How many rows were written.
    turn: u64,
    pub monitors: BTreeMap<(TenantId, String), Place>,
    pub history: BTreeMap<(MonitorId, u64), Versions<HistoryRow>>,
    pub transitions: BTreeMap<TransitionId, Filed>,
    /// In the order in which they were first stored, from 1.
    pub order: Vec<TransitionId>,
    /// By offset, then by place in `order`.
    pub transitions_by_monitor: BTreeSet<(MonitorId, u64, u64)>,
    pub transitions_by_tenant: BTreeSet<(TenantId, u64)>,
    pub deliveries: BTreeMap<DeliveryId, Versions<Delivery>>,
    pub deliveries_by_channel: BTreeSet<(ChannelId, i64, DeliveryId)>,
    pub revocations: BTreeMap<MonitorId, Versions<Revocation>>,
    pub owners: BTreeMap<ShardId, Versions<Option<ShardOwner>>>,
    pub manifests: BTreeMap<ShardId, Versions<Vec<u8>>>,
    pub chunks: BTreeMap<(ShardId, ChunkKey), Vec<u8>>,
    pub tenants: BTreeMap<TenantId, TenantRow>,
    pub api_keys: BTreeMap<String, ApiKeyRow>,
    pub channels: BTreeMap<ChannelId, Versions<ChannelRow>>,
    lists: BTreeMap<ListKey, Turns>,
    pub audit: Audit,
}

/// A monitor and its status, which are written apart.
#[derive(Default)]
pub(super) struct Place {
    pub monitor: Option<Versions<MonitorRow>>,
    pub status: Option<Versions<StatusRow>>,
}

pub(super) struct Filed {
    pub versions: Versions<Transition>,
    /// Its place in the order of storing, from 1. A rewrite keeps it: cursors have passed it.
    pub order: u64,
    /// Nobody but a checker finds it.
    pub expired: bool,
}

/// What is read as one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ListKey {
    Monitors(TenantId),
    History(MonitorId),
    Transitions(MonitorId),
    Deliveries(ChannelId),
}

impl Tables {
    pub(super) fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    pub(super) fn touch(&mut self, list: ListKey, turn: u64) {
        self.lists.entry(list).or_default().add(turn);
    }

    /// The turn before which a list is `age` writes old.
    pub(super) fn list_turn(&self, list: ListKey, age: usize) -> u64 {
        self.lists.get(&list).map_or(super::versions::NOW, |turns| turns.aged(age))
    }

    /// Removes what is older, as the embedded store does: deliveries under way stay. How many rows.
    pub(super) fn expire(&mut self, history_before_ms: i64, transitions_before_ms: i64) -> u64 {
        let old = |(key, row): (&(MonitorId, u64), &Versions<HistoryRow>)| {
            (row.now().ping.at_ms < history_before_ms).then_some(*key)
        };
        let pings: Vec<_> = self.history.iter().filter_map(old).collect();
        for key in &pings {
            self.history.remove(key);
            self.audit.forget(&Key::History(key.0, key.1));
        }
        let transitions = self.expire_transitions(transitions_before_ms);
        pings.len() as u64 + transitions + self.expire_deliveries(transitions_before_ms)
    }

    fn expire_transitions(&mut self, before_ms: i64) -> u64 {
        let is_old = |filed: &&mut Filed| !filed.expired && filed.versions.now().known_ms < before_ms;
        let mut expired = 0;
        for filed in self.transitions.values_mut().filter(is_old) {
            let row = filed.versions.now();
            self.transitions_by_monitor.remove(&(row.monitor, row.offset, filed.order));
            self.transitions_by_tenant.remove(&(row.identity.tenant, filed.order));
            filed.expired = true;
            expired += 1;
        }
        expired
    }

    /// What is out of its channel's list has expired.
    fn expire_deliveries(&mut self, before_ms: i64) -> u64 {
        let is_old = |row: &Delivery| row.created_ms < before_ms && row.state.is_terminal();
        let old = self.deliveries.values().map(Versions::now).filter(|row| is_old(row));
        let mut expired = 0;
        for row in old {
            expired += u64::from(self.deliveries_by_channel.remove(&(row.channel, row.created_ms, row.id)));
        }
        expired
    }
}

/// For checkers.
impl Tables {
    pub(super) fn all_transitions(&self) -> Vec<Transition> {
        let filed = self.order.iter().filter_map(|id| self.transitions.get(id));
        filed.map(|filed| filed.versions.now().clone()).collect()
    }

    pub(super) fn all_deliveries(&self) -> Vec<Delivery> {
        self.deliveries.values().map(|row| row.now().clone()).collect()
    }

    pub(super) fn all_monitors(&self) -> Vec<MonitorRow> {
        self.monitors.values().filter_map(|place| place.monitor.as_ref()).map(|row| row.now().clone()).collect()
    }

    pub(super) fn all_statuses(&self) -> Vec<StatusRow> {
        self.monitors.values().filter_map(|place| place.status.as_ref()).map(|row| row.now().clone()).collect()
    }

    pub(super) fn history_of(&self, monitor: MonitorId) -> Vec<HistoryRow> {
        self.history.range((monitor, 0)..=(monitor, u64::MAX)).map(|(_, row)| row.now().clone()).collect()
    }
}
