//! Pages of the lists that tenants look at. A stale page shows every row as it stood before a turn.

use super::tables::{ListKey, Place, Tables};
use super::token::{List, clamp, foreign, numbers};
use ::store::{MonitorFilter, Page, StoreError, StoredMonitor};
use domain::delivery::Delivery;
use domain::engine::effects::HistoryRow;
use domain::ids::{ChannelId, DeliveryId, MonitorId, TenantId, TransitionId};
use domain::transition::Transition;
use std::ops::Bound;

/// Fills a page from `rows`, each with its key.
fn page<T>(list: &List, limit: u32, rows: impl Iterator<Item = (Vec<u8>, T)>) -> Page<T> {
    let (mut page, mut last) = (Page { rows: Vec::new(), next: None }, Vec::new());
    for (key, row) in rows {
        if page.rows.len() == clamp(limit) {
            page.next = Some(list.token(&last));
            break;
        }
        page.rows.push(row);
        last = key;
    }
    page
}

impl Place {
    fn as_listed(&self, turn: u64) -> Option<StoredMonitor> {
        let row = self.monitor.as_ref()?.before(turn).filter(|row| !row.deleted)?.clone();
        Some(StoredMonitor { row, status: self.status.as_ref().and_then(|row| row.before(turn)).cloned() })
    }

    /// With how many writes it is behind; each of its two rows for itself.
    pub(super) fn aged(&self, age: usize) -> Option<StoredMonitor> {
        let row = self.monitor.as_ref()?.aged(age)?.clone();
        Some(StoredMonitor { row, status: self.status.as_ref().and_then(|row| row.aged(age)).cloned() })
    }
}

impl Tables {
    pub(super) fn transition(&self, id: TransitionId, age: usize) -> Option<Transition> {
        self.transitions.get(&id).filter(|filed| !filed.expired)?.versions.aged(age).cloned()
    }

    pub(super) fn delivery(&self, id: DeliveryId, age: usize) -> Option<Delivery> {
        let row = self.deliveries.get(&id)?.aged(age)?;
        self.deliveries_by_channel.contains(&(row.channel, row.created_ms, id)).then(|| row.clone())
    }

    fn monitors_of(
        &self,
        tenant: TenantId,
        after: Bound<String>,
        age: usize,
    ) -> impl Iterator<Item = (&String, StoredMonitor)> {
        let from = match after {
            Bound::Excluded(slug) => Bound::Excluded((tenant, slug)),
            _ => Bound::Included((tenant, String::new())),
        };
        let turn = self.list_turn(ListKey::Monitors(tenant), age);
        let of_tenant = self.monitors.range((from, Bound::Unbounded)).take_while(move |((of, _), _)| *of == tenant);
        of_tenant.filter_map(move |((_, slug), place)| Some((slug, place.as_listed(turn)?)))
    }

    pub(super) fn monitor_page(
        &self,
        tenant: TenantId,
        filter: &MonitorFilter,
        limit: u32,
        after: Option<&str>,
        age: usize,
    ) -> Result<Page<StoredMonitor>, StoreError> {
        let list = filter.tags.iter().fold(List::new(b'm', tenant.0.into()), |list, tag| list.narrowed(tag));
        let after = list.key(after)?.map_or(Ok(Bound::Unbounded), |key| text(key).map(Bound::Excluded))?;
        let wanted = |stored: &StoredMonitor| {
            let tags = &stored.row.config.identity.tags;
            filter.tags.iter().all(|tag| tags.contains(tag))
        };
        let rows = self.monitors_of(tenant, after, age).filter(|(_, stored)| wanted(stored));
        Ok(page(&list, limit, rows.map(|(slug, stored)| (slug.clone().into_bytes(), stored))))
    }

    pub(super) fn incident_page(
        &self,
        tenant: TenantId,
        limit: u32,
        after: Option<&str>,
        age: usize,
    ) -> Result<Page<StoredMonitor>, StoreError> {
        let list = List::new(b'i', tenant.0.into());
        let after = list.key(after)?.map(opened_and_slug).transpose()?;
        let open = self.monitors_of(tenant, Bound::Unbounded, age).filter_map(|(slug, stored)| {
            let opened_ms = stored.status.as_ref()?.live.incident.as_ref()?.opened_ms;
            Some(((opened_ms, slug.clone()), stored))
        });
        let mut open: Vec<_> = open.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).collect();
        open.sort_by(|(a, _), (b, _)| a.cmp(b));
        let key = |(opened_ms, slug): (i64, String)| [&opened_ms.to_be_bytes()[..], slug.as_bytes()].concat();
        Ok(page(&list, limit, open.into_iter().map(|(place, stored)| (key(place), stored))))
    }

    pub(super) fn history_page(
        &self,
        monitor: MonitorId,
        limit: u32,
        after: Option<&str>,
        age: usize,
    ) -> Result<Page<HistoryRow>, StoreError> {
        let list = List::new(b'h', monitor.0);
        let end = list.key(after)?.map(|key| numbers::<1>(&key)).transpose()?;
        let end = end.map_or(Bound::Included((monitor, u64::MAX)), |[before]| Bound::Excluded((monitor, before)));
        let turn = self.list_turn(ListKey::History(monitor), age);
        let rows = self.history.range((Bound::Included((monitor, 0)), end)).rev();
        let rows =
            rows.filter_map(|((_, offset), row)| Some((offset.to_be_bytes().to_vec(), row.before(turn)?.clone())));
        Ok(page(&list, limit, rows))
    }

    /// By offset, and among those of one record the last stored first.
    pub(super) fn transition_page(
        &self,
        monitor: MonitorId,
        limit: u32,
        after: Option<&str>,
        age: usize,
    ) -> Result<Page<Transition>, StoreError> {
        let list = List::new(b't', monitor.0);
        let before = list.key(after)?.map_or(Ok([u64::MAX; 2]), |key| numbers::<2>(&key))?;
        let turn = self.list_turn(ListKey::Transitions(monitor), age);
        let places = self.transitions_by_monitor.range((monitor, 0, 0)..(monitor, before[0], before[1])).rev();
        let rows = places.filter_map(|(_, offset, order)| {
            let row = self.in_order(*order)?.before(turn)?.clone();
            Some(([offset.to_be_bytes(), order.to_be_bytes()].concat(), row))
        });
        Ok(page(&list, limit, rows))
    }

    fn in_order(&self, order: u64) -> Option<&super::versions::Versions<Transition>> {
        let id = self.order.get((order as usize).checked_sub(1)?)?;
        self.transitions.get(id).map(|filed| &filed.versions)
    }

    /// Never stale: a cursor passes none by and gives none twice.
    pub(super) fn transitions_since(
        &self,
        tenant: TenantId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Transition>, StoreError> {
        let list = List::new(b's', tenant.0.into());
        let Some(key) = list.key(cursor)? else {
            let now = self.order.len() as u64;
            return Ok(Page { rows: Vec::new(), next: Some(list.token(&now.to_be_bytes())) });
        };
        let [after] = numbers::<1>(&key)?;
        let places = self.transitions_by_tenant.range((tenant, after + 1)..=(tenant, u64::MAX)).take(clamp(limit));
        let places: Vec<_> = places.map(|(_, order)| *order).collect();
        let rows = places.iter().filter_map(|order| self.in_order(*order)).map(|row| row.now().clone()).collect();
        let last = places.last().copied().unwrap_or(after);
        Ok(Page { rows, next: Some(list.token(&last.to_be_bytes())) })
    }

    pub(super) fn delivery_page(
        &self,
        channel: ChannelId,
        limit: u32,
        after: Option<&str>,
        age: usize,
    ) -> Result<Page<Delivery>, StoreError> {
        let list = List::new(b'd', channel.0);
        let end = match list.key(after)? {
            None => Bound::Included((channel, i64::MAX, DeliveryId([u8::MAX; 16]))),
            Some(key) => created_and_id(&key).map(|(created_ms, id)| Bound::Excluded((channel, created_ms, id)))?,
        };
        let turn = self.list_turn(ListKey::Deliveries(channel), age);
        let start = Bound::Included((channel, i64::MIN, DeliveryId([0; 16])));
        let rows = self.deliveries_by_channel.range((start, end)).rev().filter_map(|(_, created_ms, id)| {
            let row = self.deliveries.get(id)?.before(turn)?.clone();
            Some(([&created_ms.to_be_bytes()[..], &id.0].concat(), row))
        });
        Ok(page(&list, limit, rows))
    }
}

fn text(key: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(key).map_err(|_| foreign())
}

fn opened_and_slug(key: Vec<u8>) -> Result<(i64, String), StoreError> {
    let (opened_ms, slug) = key.split_first_chunk().ok_or_else(foreign)?;
    Ok((i64::from_be_bytes(*opened_ms), text(slug.to_vec())?))
}

fn created_and_id(key: &[u8]) -> Result<(i64, DeliveryId), StoreError> {
    let (created_ms, id) = key.split_first_chunk().ok_or_else(foreign)?;
    Ok((i64::from_be_bytes(*created_ms), DeliveryId(id.try_into().map_err(|_| foreign())?)))
}
