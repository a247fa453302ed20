//! Rows as cells: one blob per row, a two-byte big-endian format version first, then the message of
//! `rows.proto`. The same bytes in every backend, so that moving an installation copies cells.

use crate::StoreError;
use crate::row::{ApiKeyRow, ChannelRow, Scope, TenantRow};
use domain::delivery::Delivery;
use domain::engine::effects::{HistoryRow, MonitorRow, StatusRow};
use domain::ids::{ChannelId, TenantId};
use domain::transition::Transition;
use wire::convert::DecodeError;
use wire::convert::rows::{self, open, seal};
use wire::v1;

/// A row that is stored as one cell.
pub trait Cell: Sized {
    /// The table's name, for errors and metrics.
    const TABLE: &'static str;
    fn to_cell(&self) -> Vec<u8>;
    fn from_cell(cell: &[u8]) -> Result<Self, DecodeError>;

    /// As [`Cell::from_cell`], for the reads of one row.
    fn from_stored(cell: &[u8]) -> Result<Self, StoreError> {
        Self::from_cell(cell).map_err(|e| StoreError::Damaged { table: Self::TABLE, problem: e.to_string() })
    }
}

macro_rules! cell {
    ($row:ty, $table:literal, $to_wire:path, $from_wire:path) => {
        impl Cell for $row {
            const TABLE: &'static str = $table;

            fn to_cell(&self) -> Vec<u8> {
                seal(&$to_wire(self))
            }

            fn from_cell(cell: &[u8]) -> Result<Self, DecodeError> {
                $from_wire(open(cell)?)
            }
        }
    };
}

cell!(MonitorRow, "monitor", rows::monitor_to_wire, rows::monitor_from_wire);
cell!(StatusRow, "status", rows::status_to_wire, rows::status_from_wire);
cell!(HistoryRow, "history", rows::history_to_wire, rows::history_from_wire);
cell!(Transition, "transition", rows::transition_to_wire, rows::transition_from_wire);
cell!(Delivery, "delivery", rows::delivery_to_wire, rows::delivery_from_wire);
cell!(TenantRow, "tenant", tenant_to_wire, tenant_from_wire);
cell!(ApiKeyRow, "api_key", api_key_to_wire, api_key_from_wire);
cell!(ChannelRow, "channel", channel_to_wire, channel_from_wire);

fn tenant_to_wire(row: &TenantRow) -> v1::TenantRow {
    v1::TenantRow {
        id: row.id.0,
        name: row.name.clone(),
        ping_key_generation: u32::from(row.ping_key_generation),
        created_ms: row.created_ms,
    }
}

fn tenant_from_wire(row: v1::TenantRow) -> Result<TenantRow, DecodeError> {
    let generation = u8::try_from(row.ping_key_generation);
    Ok(TenantRow {
        id: TenantId(row.id),
        name: row.name,
        ping_key_generation: generation.map_err(|_| refused("ping_key_generation", "above 255"))?,
        created_ms: row.created_ms,
    })
}

fn api_key_to_wire(row: &ApiKeyRow) -> v1::ApiKeyRow {
    v1::ApiKeyRow {
        prefix: row.prefix.clone(),
        tenant: row.tenant.0,
        name: row.name.clone(),
        sha256: row.sha256.to_vec(),
        scope: row.scope.word().to_owned(),
        created_ms: row.created_ms,
        revoked: row.revoked,
    }
}

fn api_key_from_wire(row: v1::ApiKeyRow) -> Result<ApiKeyRow, DecodeError> {
    Ok(ApiKeyRow {
        prefix: row.prefix,
        tenant: TenantId(row.tenant),
        name: row.name,
        sha256: row.sha256.try_into().map_err(|_| refused("sha256", "not 32 bytes"))?,
        scope: Scope::from_word(&row.scope).ok_or_else(|| refused("scope", "an unknown word"))?,
        created_ms: row.created_ms,
        revoked: row.revoked,
    })
}

fn channel_to_wire(row: &ChannelRow) -> v1::ChannelRow {
    v1::ChannelRow {
        id: row.id.0,
        tenant: row.tenant.0,
        name: row.name.clone(),
        kind: row.kind.clone(),
        settings: row.settings.clone(),
        version: row.version,
        created_ms: row.created_ms,
        changed_ms: row.changed_ms,
        disabled: row.disabled.clone(),
        deleted: row.deleted,
    }
}

fn channel_from_wire(row: v1::ChannelRow) -> Result<ChannelRow, DecodeError> {
    Ok(ChannelRow {
        id: ChannelId(row.id),
        tenant: TenantId(row.tenant),
        name: row.name,
        kind: row.kind,
        settings: row.settings,
        version: row.version,
        created_ms: row.created_ms,
        changed_ms: row.changed_ms,
        disabled: row.disabled,
        deleted: row.deleted,
    })
}

fn refused(field: &'static str, problem: &str) -> DecodeError {
    DecodeError::Field { field, problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKeyRow {
        ApiKeyRow {
            prefix: "qpk_1".into(),
            tenant: TenantId(3),
            name: "ci".into(),
            sha256: [9; 32],
            scope: Scope::Write,
            created_ms: 5,
            revoked: true,
        }
    }

    #[test]
    fn rows_read_back_what_they_wrote() {
        let tenant = TenantRow { id: TenantId(3), name: "t".into(), ping_key_generation: 7, created_ms: -1 };
        assert_eq!(TenantRow::from_cell(&tenant.to_cell()), Ok(tenant));
        assert_eq!(ApiKeyRow::from_cell(&key().to_cell()), Ok(key()));
        let channel = ChannelRow {
            id: ChannelId(u64::MAX),
            tenant: TenantId(3),
            name: "ops".into(),
            kind: "webhook".into(),
            settings: vec![0, 255],
            version: 4,
            created_ms: 1,
            changed_ms: 2,
            disabled: "gone".into(),
            deleted: true,
        };
        assert_eq!(ChannelRow::from_cell(&channel.to_cell()), Ok(channel));
    }

    #[test]
    fn the_format_of_a_cell_is_frozen() {
        let tenant = TenantRow { id: TenantId(1), name: "default".into(), ping_key_generation: 2, created_ms: 3 };
        let frozen = b"\x00\x01\x08\x01\x12\x07default\x18\x02\x20\x03";
        assert_eq!(tenant.to_cell(), frozen);
        assert_eq!(TenantRow::from_cell(frozen), Ok(tenant));
    }

    #[test]
    fn broken_cells_are_errors_that_say_where() {
        let wrong = |change: fn(&mut v1::ApiKeyRow)| {
            let mut row = api_key_to_wire(&key());
            change(&mut row);
            ApiKeyRow::from_cell(&seal(&row)).unwrap_err().to_string()
        };
        assert!(wrong(|row| row.sha256.push(1)).starts_with("sha256"));
        assert!(wrong(|row| row.scope = "root".into()).starts_with("scope"));
        assert_eq!(ApiKeyRow::from_cell(&[0, 2]), Err(DecodeError::Version(2)));
        assert!(matches!(ApiKeyRow::from_stored(&[1]), Err(StoreError::Damaged { table: "api_key", .. })));
    }
}
