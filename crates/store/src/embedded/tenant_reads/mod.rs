//! What tenants look at: a file per list.

mod deliveries;
mod history;
mod monitors;
mod transitions;

use super::EmbeddedStore;
use crate::{MonitorFilter, Page, StoreError, StoredMonitor, TenantReads};
use async_trait::async_trait;
use domain::delivery::Delivery;
use domain::engine::effects::HistoryRow;
use domain::ids::{ChannelId, DeliveryId, MonitorId, TenantId, TransitionId};
use domain::transition::Transition;

#[async_trait]
impl TenantReads for EmbeddedStore {
    async fn monitor(&self, tenant: TenantId, slug: &str) -> Result<Option<StoredMonitor>, StoreError> {
        let slug = slug.to_owned();
        self.readers.run(move |connection| monitors::one(connection, tenant, &slug)).await
    }

    async fn monitors(
        &self,
        tenant: TenantId,
        filter: &MonitorFilter,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<StoredMonitor>, StoreError> {
        let question = monitors::Question::new(tenant, filter, limit, after)?;
        self.readers.run(move |connection| question.answer(connection)).await
    }

    async fn history(
        &self,
        monitor: MonitorId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<HistoryRow>, StoreError> {
        let question = history::Question::new(monitor, limit, after)?;
        self.readers.run(move |connection| question.answer(connection)).await
    }

    async fn transitions(
        &self,
        monitor: MonitorId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<Transition>, StoreError> {
        let question = transitions::OfMonitor::new(monitor, limit, after)?;
        self.readers.run(move |connection| question.answer(connection)).await
    }

    async fn transitions_since(
        &self,
        tenant: TenantId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Transition>, StoreError> {
        let question = transitions::Since::new(tenant, limit, cursor)?;
        self.readers.run(move |connection| question.answer(connection)).await
    }

    async fn transition_by_id(&self, tenant: TenantId, id: TransitionId) -> Result<Option<Transition>, StoreError> {
        let found = self.readers.run(move |connection| super::shard_tables::transition(connection, id)).await?;
        Ok(found.filter(|transition| transition.identity.tenant == tenant))
    }

    async fn open_incidents(
        &self,
        tenant: TenantId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<StoredMonitor>, StoreError> {
        let question = monitors::Incidents::new(tenant, limit, after)?;
        self.readers.run(move |connection| question.answer(connection)).await
    }

    async fn deliveries(
        &self,
        channel: ChannelId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<Delivery>, StoreError> {
        let question = deliveries::Question::new(channel, limit, after)?;
        self.readers.run(move |connection| question.answer(connection)).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.readers.run(move |connection| deliveries::one(connection, id)).await
    }
}

#[cfg(test)]
mod tests {
    use super::{deliveries, history, monitors, transitions};
    use rusqlite::Connection;

    fn plan(connection: &Connection, sql: &str) -> String {
        let mut statement = connection.prepare(&format!("explain query plan {sql}")).unwrap();
        let steps = statement.raw_query().mapped(|row| row.get::<_, String>(3)).collect::<Result<Vec<_>, _>>();
        steps.unwrap().join("; ")
    }

    #[test]
    fn no_list_sorts_or_reads_a_whole_table() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::embedded::schema::migrate(&mut connection, "memory").unwrap();
        let tagged = monitors::by_tags(3);
        let queries = [
            monitors::ONE,
            monitors::ALL,
            &tagged,
            monitors::OPEN,
            history::PAGE,
            transitions::OF_MONITOR,
            transitions::SINCE,
            deliveries::PAGE,
            deliveries::ONE,
        ];
        for sql in queries {
            let plan = plan(&connection, sql);
            assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
        }
    }
}
