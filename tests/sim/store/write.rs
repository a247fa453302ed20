//! One step of a shard's owner. Of every row the later write stands.

use super::audit::{DeliveryWrite, Key, Step};
use super::tables::{Filed, ListKey, Tables};
use super::versions::Versions;
use ::store::ShardBatch;
use ::store::cell::Cell;
use ::store::row::Revocation;
use domain::delivery::Delivery;
use domain::engine::effects::{HistoryRow, MonitorRow, StatusRow};
use domain::transition::Transition;
use rand::Rng;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Leaves out of a step whatever the dice say.
pub(super) fn tear(batch: &mut ShardBatch, mut dice: StdRng) {
    batch.monitors.retain(|_| dice.random());
    batch.statuses.retain(|_| dice.random());
    batch.history.retain(|_| dice.random());
    batch.transitions.retain(|_| dice.random());
    batch.deliveries.retain(|_| dice.random());
    batch.revocations.retain(|_| dice.random());
}

/// Writes a row of a table; whether it stands.
pub(super) fn put<K: Ord, T>(rows: &mut BTreeMap<K, Versions<T>>, key: K, turn: u64, hlt_us: i64, row: T) -> bool {
    match rows.get_mut(&key) {
        Some(versions) => versions.put(turn, hlt_us, row),
        None => rows.insert(key, Versions::new(turn, hlt_us, row)).is_none(),
    }
}

fn put_here<T>(place: &mut Option<Versions<T>>, turn: u64, hlt_us: i64, row: T) {
    match place {
        Some(versions) => _ = versions.put(turn, hlt_us, row),
        None => *place = Some(Versions::new(turn, hlt_us, row)),
    }
}

impl Tables {
    pub(super) fn write(&mut self, by: &Arc<str>, batch: ShardBatch) {
        let hlt_us = batch.hlt_us;
        self.audit.note(contents(by, &batch));
        batch.monitors.into_iter().for_each(|row| self.put_monitor(hlt_us, row));
        batch.statuses.into_iter().for_each(|row| self.put_status(hlt_us, row));
        batch.history.into_iter().for_each(|row| self.put_history(hlt_us, row));
        batch.transitions.into_iter().for_each(|row| self.put_transition(hlt_us, row));
        batch.deliveries.into_iter().for_each(|row| self.put_delivery(by, hlt_us, row));
        for row in batch.revocations {
            let turn = self.next_turn();
            put(&mut self.revocations, row.monitor, turn, hlt_us, row);
        }
    }

    fn put_monitor(&mut self, hlt_us: i64, row: MonitorRow) {
        let (turn, identity) = (self.next_turn(), &row.config.identity);
        let (tenant, slug) = (identity.tenant, identity.slug.clone());
        put_here(&mut self.monitors.entry((tenant, slug)).or_default().monitor, turn, hlt_us, row);
        self.touch(ListKey::Monitors(tenant), turn);
    }

    fn put_status(&mut self, hlt_us: i64, row: StatusRow) {
        let (turn, tenant) = (self.next_turn(), row.tenant);
        let place = self.monitors.entry((tenant, row.slug.clone())).or_default();
        put_here(&mut place.status, turn, hlt_us, row);
        self.touch(ListKey::Monitors(tenant), turn);
    }

    fn put_history(&mut self, hlt_us: i64, row: HistoryRow) {
        let (turn, monitor) = (self.next_turn(), row.monitor);
        put(&mut self.history, (monitor, row.offset), turn, hlt_us, row);
        self.touch(ListKey::History(monitor), turn);
    }

    fn put_transition(&mut self, hlt_us: i64, row: Transition) {
        let (turn, id, monitor) = (self.next_turn(), row.id, row.monitor);
        self.touch(ListKey::Transitions(monitor), turn);
        let Some(filed) = self.transitions.get_mut(&id) else { return self.file(turn, hlt_us, row) };
        let order = filed.order;
        let (old, new) = (index_of(filed.versions.now()), index_of(&row));
        if !filed.versions.put(turn, hlt_us, row) {
            return;
        }
        filed.expired = false;
        self.transitions_by_monitor.remove(&(old.0, old.1, order));
        self.transitions_by_tenant.remove(&(old.2, order));
        self.transitions_by_monitor.insert((new.0, new.1, order));
        self.transitions_by_tenant.insert((new.2, order));
    }

    /// Stores a transition for the first time.
    fn file(&mut self, turn: u64, hlt_us: i64, row: Transition) {
        let (id, (monitor, offset, tenant)) = (row.id, index_of(&row));
        self.order.push(id);
        let order = self.order.len() as u64;
        self.transitions_by_monitor.insert((monitor, offset, order));
        self.transitions_by_tenant.insert((tenant, order));
        self.transitions.insert(id, Filed { versions: Versions::new(turn, hlt_us, row), order, expired: false });
    }

    fn put_delivery(&mut self, by: &Arc<str>, hlt_us: i64, row: Delivery) {
        let (turn, id, channel) = (self.next_turn(), row.id, row.channel);
        let old = self.deliveries.get(&id).map(|versions| versions.now().created_ms);
        let stood = put(&mut self.deliveries, id, turn, hlt_us, row.clone());
        if stood {
            if let Some(created_ms) = old {
                self.deliveries_by_channel.remove(&(channel, created_ms, id));
            }
            self.deliveries_by_channel.insert((channel, row.created_ms, id));
        }
        self.touch(ListKey::Deliveries(channel), turn);
        let write = DeliveryWrite { by: by.clone(), hlt_us, row, stood };
        self.audit.deliveries.entry(id).or_default().push(write);
    }
}

type TransitionIndex = (domain::ids::MonitorId, u64, domain::ids::TenantId);

fn index_of(row: &Transition) -> TransitionIndex {
    (row.monitor, row.offset, row.identity.tenant)
}

fn contents<'a>(by: &'a Arc<str>, batch: &ShardBatch) -> Step<'a> {
    let mut step = Step::new(by, batch.hlt_us);
    for row in &batch.monitors {
        step.add(Key::Monitor(row.config.identity.tenant, row.config.identity.slug.clone()), &row.to_cell());
    }
    for row in &batch.statuses {
        step.add(Key::Status(row.tenant, row.slug.clone()), &row.to_cell());
    }
    for row in &batch.history {
        step.add(Key::History(row.monitor, row.offset), &row.to_cell());
    }
    for row in &batch.transitions {
        step.add(Key::Transition(row.id), &row.to_cell());
    }
    for row in &batch.deliveries {
        step.add(Key::Delivery(row.id), &row.to_cell());
    }
    for Revocation { monitor, least_generation } in &batch.revocations {
        step.add(Key::Revocation(*monitor), &[*least_generation]);
    }
    step
}
