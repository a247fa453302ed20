//! Open incidents, oldest first. The table only says where to look: the monitor's own row says whether its
//! incident still stands. What does not is taken off the list on the way, dated as the row that says so, so that an
//! incident that opens later is not touched.

use super::monitors::{Dated, dated};
use crate::page::{List, clamp, foreign_token};
use crate::scylla::db::{Db, without_damaged};
use crate::scylla::encode::dropped_incident;
use crate::scylla::keys;
use crate::scylla::lane::{Lane, fill_all, least};
use crate::scylla::put::in_order;
use crate::{Page, StoreError, StoredMonitor};
use domain::ids::TenantId;
use scylla::value::CqlValue::{BigInt, SmallInt, Text};

/// Monitors looked up at once, and the most for one page.
const LOOKUPS: usize = 32;
const LOOKED_AT: usize = 2_000;
/// When it opened, and the monitor's slug.
type Raw = (i64, String);

pub(super) async fn page(
    db: &Db,
    tenant: TenantId,
    limit: u32,
    after: Option<&str>,
) -> Result<Page<StoredMonitor>, StoreError> {
    let list = List::new(b'i', u64::from(tenant.0));
    let mut last: Raw = after.map_or(Ok((i64::MIN, String::new())), |token| place(&list.key(token)?))?;
    let limit = clamp(limit);
    let mut lanes = lanes(db, tenant, &last, limit);
    let (mut rows, mut looked_at) = (Vec::new(), 0);
    loop {
        let some = take(db, &mut lanes, LOOKUPS.min(limit - rows.len())).await?;
        let Some(newest) = some.last().cloned() else { return Ok(Page { rows, next: None }) };
        (last, looked_at) = (newest, looked_at + some.len());
        rows.extend(standing(db, tenant, some).await?);
        if rows.len() == limit || looked_at >= LOOKED_AT {
            break;
        }
    }
    let is_more = !take(db, &mut lanes, 1).await?.is_empty();
    Ok(Page { rows, next: is_more.then(|| list.token(&key(&last))) })
}

fn lanes(db: &Db, tenant: TenantId, (opened_ms, slug): &Raw, limit: usize) -> Vec<Lane<Raw>> {
    let page_rows = 2 * limit as i32 / i32::from(keys::BUCKETS) + 4;
    let lane = |bucket| {
        let key = vec![BigInt(keys::tenant(tenant)), SmallInt(bucket), BigInt(*opened_ms), Text(slug.clone())];
        Lane::new(&db.statements.incidents, key, page_rows)
    };
    (0..keys::BUCKETS).map(lane).collect()
}

/// The next few rows of the table.
async fn take(db: &Db, lanes: &mut [Lane<Raw>], most: usize) -> Result<Vec<Raw>, StoreError> {
    let mut some = Vec::with_capacity(most);
    while some.len() < most {
        fill_all(db, lanes.iter_mut()).await?;
        let Some(raw) = least(lanes, Raw::clone).and_then(|lane| lane.rows.pop_front()) else { break };
        some.push(raw);
    }
    Ok(some)
}

/// The monitors whose incident is the one in the table.
async fn standing(db: &Db, tenant: TenantId, some: Vec<Raw>) -> Result<Vec<StoredMonitor>, StoreError> {
    let found = in_order(LOOKUPS, some.iter().map(|(_, slug)| undamaged(db, tenant, slug))).await?;
    let (mut rows, mut gone) = (Vec::new(), Vec::new());
    for ((opened_ms, slug), found) in some.iter().zip(found) {
        let Some(found) = found else { continue };
        match ended_us(&found, *opened_ms) {
            None => rows.push(found.stored),
            Some(Some(ended_us)) => gone.push(dropped_incident(db, keys::tenant(tenant), *opened_ms, slug, ended_us)),
            Some(None) => {}
        }
    }
    if let Err(error) = db.put_all(gone).await {
        tracing::debug!(%error, "incidents that ended stay on the list");
    }
    Ok(rows)
}

async fn undamaged(db: &Db, tenant: TenantId, slug: &str) -> Result<Option<Dated>, StoreError> {
    without_damaged(dated(db, tenant, slug).await)
}

/// `None`: the incident stands. Else when the row was written that says it does not; unknown without a status.
fn ended_us(found: &Dated, opened_ms: i64) -> Option<Option<i64>> {
    let status = found.stored.status.as_ref();
    let open = status.and_then(|status| status.live.incident.as_ref());
    match open.is_some_and(|incident| incident.opened_ms == opened_ms) {
        true if found.stored.row.deleted => Some(Some(found.config_us)),
        true => None,
        false => Some(found.status_us),
    }
}

fn key((opened_ms, slug): &Raw) -> Vec<u8> {
    [&opened_ms.to_be_bytes()[..], slug.as_bytes()].concat()
}

fn place(key: &[u8]) -> Result<Raw, StoreError> {
    let (opened, slug) = key.split_first_chunk().ok_or_else(foreign_token)?;
    let slug = String::from_utf8(slug.to_vec()).map_err(|_| foreign_token())?;
    Ok((i64::from_be_bytes(*opened), slug))
}
