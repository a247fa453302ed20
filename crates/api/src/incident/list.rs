//! Lists open incidents.

use crate::auth::Caller;
use crate::convert::time::timestamp;
use crate::deps::Api;
use crate::page::PageAsk;
use crate::refusal::{from_paged, from_store};
use domain::command::IncidentView;
use domain::ids::{TenantId, TransitionId};
use domain::monitor::Identity;
use futures::{StreamExt, TryStreamExt, stream};
use store::StoredMonitor;
use tonic::Status;
use wire::v1;

/// How many reasons are looked up at once.
const LOOK_UPS: usize = 16;

/// A page, oldest first.
pub(super) async fn list(
    api: &Api,
    caller: Caller,
    asked: v1::ListIncidentsRequest,
) -> Result<v1::ListIncidentsResponse, Status> {
    let ask = PageAsk::new(asked.page_size, asked.page_token)?;
    let page =
        api.deps.store.open_incidents(caller.tenant, ask.rows, ask.after.as_deref()).await.map_err(from_paged)?;
    let open = page.rows.into_iter().filter_map(open_incident).filter(|(identity, _)| identity.tenant == caller.tenant);
    let shown = stream::iter(open).map(|(identity, incident)| message(api, identity, incident));
    let incidents = shown.buffered(LOOK_UPS).try_collect().await?;
    Ok(v1::ListIncidentsResponse { incidents, next_page_token: page.next.unwrap_or_default() })
}

fn open_incident(stored: StoredMonitor) -> Option<(Identity, IncidentView)> {
    let incident = stored.status?.live.incident?;
    (!stored.row.deleted).then_some((stored.row.config.identity, incident))
}

/// An incident as clients see it.
pub(super) async fn message(api: &Api, identity: Identity, incident: IncidentView) -> Result<v1::Incident, Status> {
    let reason = reason(api, identity.tenant, incident.id).await?;
    Ok(v1::Incident {
        id: incident.id.to_string(),
        slug: identity.slug,
        name: identity.name,
        opened_at: Some(timestamp(incident.opened_ms)),
        acknowledged: incident.acknowledged,
        reason,
    })
}

/// Why it opened: the reason of the transition it is named after; empty when that has expired.
async fn reason(api: &Api, tenant: TenantId, id: TransitionId) -> Result<String, Status> {
    let opening = api.deps.store.transition_by_id(tenant, id).await.map_err(from_store)?;
    Ok(opening.map(|transition| transition.reason.word().to_owned()).unwrap_or_default())
}
