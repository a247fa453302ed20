//! Cells of the store. The first byte of the input says of which table, the rest is the cell.

use super::input::{Input, assert_one_line};
use domain::delivery::Delivery;
use domain::engine::effects::{HistoryRow, MonitorRow, StatusRow};
use domain::ids::{ChannelId, TenantId};
use domain::transition::Transition;
use std::fmt::Debug;
use store::cell::Cell;
use store::embedded::fuzzing::{pack, unpack};
use store::row::{ApiKeyRow, ChannelRow, TenantRow};
use store::seal::{Sealer, open_settings};
use wire::convert::rows::{open, view_from_wire, view_to_wire};
use wire::v1;

/// What reads is written again as a cell that reads as the same; what does not says why.
pub fn store_cell(data: &[u8]) {
    let mut input = Input::new(data);
    let (table, cell) = (input.u8(), input.rest());
    match table {
        0 => row::<MonitorRow>(cell),
        1 => row::<StatusRow>(cell),
        2 => row::<HistoryRow>(cell),
        3 => row::<Transition>(cell),
        4 => row::<Delivery>(cell),
        5 => row::<TenantRow>(cell),
        6 => row::<ApiKeyRow>(cell),
        7 => row::<ChannelRow>(cell),
        8 => packed(cell),
        9 => view(cell),
        _ => sealed(cell),
    }
}

fn row<R: Cell + Debug + PartialEq>(cell: &[u8]) {
    match R::from_cell(cell) {
        Ok(row) => assert_cell_reads_back(&row),
        Err(refused) => assert_one_line(&refused.to_string()),
    }
}

pub(crate) fn assert_cell_reads_back<R: Cell + Debug + PartialEq>(row: &R) {
    assert_eq!(R::from_cell(&row.to_cell()).as_ref(), Ok(row));
}

/// Pings in one row: what is sound in them packs to cells that unpack and pack as the same.
fn packed(cell: &[u8]) {
    let pings = match unpack(cell) {
        Ok(pings) => pings,
        Err(refused) => return assert_one_line(&refused.to_string()),
    };
    let cells = pack(&pings.into_iter().flatten().collect::<Vec<HistoryRow>>());
    let again = cells.iter().flat_map(|cell| unpack(cell).expect("a pack reads"));
    let again: Vec<HistoryRow> = again.collect::<Result<_, _>>().expect("all of it is sound");
    assert_eq!(pack(&again), cells);
}

/// A monitor as the owner of a shard shows it to the API.
fn view(cell: &[u8]) {
    if let Ok(view) = open::<v1::MonitorViewRow>(cell).and_then(view_from_wire) {
        assert_eq!(view_from_wire(view_to_wire(&view)).as_ref(), Ok(&view));
    }
}

/// Nothing opens that was not sealed.
fn sealed(cell: &[u8]) {
    let row = ChannelRow {
        id: ChannelId(1),
        tenant: TenantId(1),
        name: "ops".into(),
        kind: "webhook".into(),
        settings: cell.to_vec(),
        version: 1,
        created_ms: 0,
        changed_ms: 0,
        disabled: String::new(),
        deleted: false,
    };
    let refused = open_settings(&Sealer::new(&[5; 32]), &row).expect_err("settings that nobody sealed");
    assert_one_line(&refused.to_string());
}
