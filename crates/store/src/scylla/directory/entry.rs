//! Rows of the directory: a scope (the partition), a kind and a name.

use crate::StoreError;
use crate::cell::Cell;
use crate::page::keep;
use crate::scylla::db::Db;
use crate::scylla::lwt::Outcome;
use domain::ids::TenantId;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlValue::{self, Blob, Int, Text};

/// The kind of a tenant's own row, and of the row that says whose a key or channel is.
pub(in crate::scylla) const TENANT: &str = "tenant";
/// Versions count from 1; rows that are not versioned have this one.
pub(super) const UNVERSIONED: i32 = 0;

pub(in crate::scylla) fn tenant_scope(tenant: TenantId) -> String {
    format!("tenant:{}", tenant.0)
}

/// Where a row is.
pub(in crate::scylla) struct Place {
    pub scope: String,
    pub kind: &'static str,
    pub name: String,
}

/// A conditional write, or one that goes along with it.
pub(super) type Change<'d> = (&'d PreparedStatement, Vec<CqlValue>);

impl Place {
    pub(in crate::scylla) fn new(scope: String, kind: &'static str, name: impl Into<String>) -> Self {
        Self { scope, kind, name: name.into() }
    }

    fn columns(&self) -> [CqlValue; 3] {
        [Text(self.scope.clone()), Text(self.kind.to_owned()), Text(self.name.clone())]
    }

    /// Adds the row, if it is not there.
    pub(super) fn add<'d>(&self, db: &'d Db, version: i32, cell: Vec<u8>) -> Change<'d> {
        let values = self.columns().into_iter().chain([Int(version), Blob(cell)]);
        (&db.statements.add_entry, values.collect())
    }

    /// Replaces the row, if it is there.
    pub(super) fn replace<'d>(&self, db: &'d Db, version: i32, cell: Vec<u8>) -> Change<'d> {
        let values = [Int(version), Blob(cell)].into_iter().chain(self.columns());
        (&db.statements.replace_entry, values.collect())
    }

    /// Replaces the row, if its version is the one before.
    pub(super) fn advance<'d>(&self, db: &'d Db, version: i32, cell: Vec<u8>) -> Change<'d> {
        let values = [Int(version), Blob(cell)].into_iter().chain(self.columns());
        (&db.statements.advance_entry, values.chain([Int(version.saturating_sub(1))]).collect())
    }

    /// Removes the row; only beside a condition in the same batch.
    pub(super) fn remove<'d>(&self, db: &'d Db) -> Change<'d> {
        (&db.statements.drop_entry, self.columns().to_vec())
    }
}

impl Db {
    pub(in crate::scylla) async fn cell(&self, place: &Place) -> Result<Option<Vec<u8>>, StoreError> {
        let key = (&place.scope, place.kind, &place.name);
        let found = self.one::<(Option<i32>, Option<Vec<u8>>)>(&self.statements.entry, key).await?;
        Ok(found.and_then(|(_, cell)| cell))
    }

    pub(in crate::scylla) async fn entry<T: Cell>(&self, place: &Place) -> Result<Option<T>, StoreError> {
        self.cell(place).await?.map(|cell| T::from_stored(&cell)).transpose()
    }

    /// All of a kind, without the damaged ones, which are counted and logged.
    pub(in crate::scylla) async fn entries<T: Cell>(
        &self,
        tenant: TenantId,
        kind: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        let key = (tenant_scope(tenant), kind);
        let cells = self.all::<(Option<Vec<u8>>,)>(&self.statements.entries, key).await?;
        Ok(cells.into_iter().filter_map(|(cell,)| keep(T::TABLE, T::from_cell(&cell?))).collect())
    }

    /// Adds or replaces a row. Conditional like every write of this table: the database orders those among
    /// themselves, whatever the clocks of those who write.
    pub(in crate::scylla) async fn set_entry(&self, place: &Place, cell: Vec<u8>) -> Result<(), StoreError> {
        if self.compare_and_set(&[place.add(self, UNVERSIONED, cell.clone())]).await? == Outcome::Applied {
            return Ok(());
        }
        match self.compare_and_set(&[place.replace(self, UNVERSIONED, cell)]).await? {
            Outcome::Applied => Ok(()),
            _ => Err(StoreError::Conflict(format!("the {} was removed meanwhile", place.kind))),
        }
    }

    /// Carries changes out, or says that somebody was first. After a doubt the row `written` tells: if it is what
    /// this wanted to write, this wrote it.
    pub(super) async fn change(
        &self,
        changes: &[Change<'_>],
        written: (&Place, &[u8]),
        conflict: impl FnOnce() -> String,
    ) -> Result<(), StoreError> {
        match self.compare_and_set(changes).await? {
            Outcome::Applied => Ok(()),
            Outcome::RefusedAfterDoubt if self.cell(written.0).await?.as_deref() == Some(written.1) => Ok(()),
            _ => Err(StoreError::Conflict(conflict())),
        }
    }
}
