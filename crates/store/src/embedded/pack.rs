//! Pings of one monitor in one table row. Under load a step holds several pings of a monitor, and a row costs
//! a page of the write-ahead log however little is in it: packed, they share that page.

use domain::engine::effects::HistoryRow;
use prost::Message;
use wire::convert::DecodeError;
use wire::convert::rows::{history_from_wire, history_to_wire, open, seal};
use wire::v1;

/// The most pings of a row, and the most bytes of two and more: who wants one ping reads the row.
const MAX_PINGS: usize = 64;
const MAX_BYTES: usize = 32 << 10;

/// A row of the table.
pub(super) struct Pack {
    pub monitor: i64,
    pub newest: i64,
    pub oldest: i64,
    /// Of the newest ping.
    pub at_ms: i64,
    /// A `wire::v1::HistoryRows`, oldest ping first.
    pub cell: Vec<u8>,
}

/// One ping out of a row.
pub(super) struct Unpacked {
    pub offset: i64,
    pub bytes: usize,
    pub row: Result<HistoryRow, DecodeError>,
}

/// The rows of one step, in the order of the table's key as far as it is by monitor: neighbours share pages.
/// Of two rows for the same ping the later one counts.
pub(super) fn pack(history: &[HistoryRow]) -> Vec<Pack> {
    let mut rows: Vec<_> = history.iter().collect();
    rows.sort_by_key(|row| (row.monitor.0 as i64, row.offset));
    rows.dedup_by(|later, earlier| {
        let same = (later.monitor, later.offset) == (earlier.monitor, earlier.offset);
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
    let (mut packs, mut group) = (Vec::new(), Group::default());
    for row in rows {
        let message = history_to_wire(row);
        let bytes = message.encoded_len();
        if !group.has_room(&message, bytes) {
            packs.extend(std::mem::take(&mut group).close());
        }
        group.bytes += bytes;
        group.rows.push(message);
    }
    packs.extend(group.close());
    packs
}

/// The pings of a cell that lie below `before`, oldest first.
pub(super) fn unpack(cell: &[u8], before: i64) -> Result<impl Iterator<Item = Unpacked>, DecodeError> {
    let rows = open::<v1::HistoryRows>(cell)?.rows;
    if rows.is_empty() {
        return Err(DecodeError::Field { field: "rows", problem: "missing".into() });
    }
    Ok(rows.into_iter().filter(move |row| (row.offset as i64) < before).map(|row| Unpacked {
        offset: row.offset as i64,
        bytes: row.encoded_len(),
        row: history_from_wire(row),
    }))
}

/// Pings that become a row.
#[derive(Default)]
struct Group {
    rows: Vec<v1::HistoryRow>,
    bytes: usize,
}

impl Group {
    fn has_room(&self, row: &v1::HistoryRow, bytes: usize) -> bool {
        self.rows.last().is_none_or(|last| last.monitor == row.monitor)
            && self.rows.len() < MAX_PINGS
            && (self.rows.is_empty() || self.bytes + bytes <= MAX_BYTES)
    }

    fn close(self) -> Option<Pack> {
        let (oldest, newest) = (self.rows.first()?, self.rows.last()?);
        Some(Pack {
            monitor: newest.monitor as i64,
            newest: newest.offset as i64,
            oldest: oldest.offset as i64,
            at_ms: newest.ping.as_ref().map_or(0, |ping| ping.at_ms),
            cell: seal(&v1::HistoryRows { rows: self.rows }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::world::World;

    fn with_body(world: &World, slug: &str, offset: u64, bytes: usize) -> HistoryRow {
        let mut row = world.ping(slug, offset);
        row.details.body = vec![7; bytes];
        row
    }

    fn spans(packs: &[Pack]) -> Vec<(i64, i64)> {
        packs.iter().map(|pack| (pack.oldest, pack.newest)).collect()
    }

    #[test]
    fn pings_of_a_monitor_share_a_row_up_to_a_number_and_a_size() {
        let world = World::new();
        let many: Vec<_> = (0..150).rev().map(|offset| world.ping("m", offset)).collect();
        assert_eq!(spans(&pack(&many)), [(0, 63), (64, 127), (128, 149)]);
        let sizes = [10_000, 10_000, 10_000, 10_000, 100_000, 1, 1];
        let large: Vec<_> = (0..).zip(sizes).map(|(offset, bytes)| with_body(&world, "m", offset, bytes)).collect();
        assert_eq!(spans(&pack(&large)), [(0, 2), (3, 3), (4, 4), (5, 6)]);
        assert!(pack(&[]).is_empty());
    }

    #[test]
    fn monitors_do_not_mix_and_lie_in_the_order_of_the_key() {
        let world = World::new();
        let rows: Vec<_> = (0..90).map(|offset| world.ping(&format!("m{}", offset % 30), offset)).collect();
        let packs = pack(&rows);
        assert_eq!(packs.len(), 30);
        assert!(packs.is_sorted_by_key(|pack| pack.monitor));
        assert!(
            packs.iter().all(|pack| pack.newest == pack.oldest + 60
                && pack.at_ms == crate::conformance::world::BASE_MS + pack.newest)
        );
    }

    #[test]
    fn of_two_rows_of_a_ping_the_later_counts() {
        let world = World::new();
        let later = HistoryRow { coalesced: 3, ..world.ping("m", 1) };
        let packs = pack(&[world.ping("m", 1), world.ping("m", 2), later.clone()]);
        let rows: Vec<_> = unpack(&packs[0].cell, 2).unwrap().map(|ping| ping.row.unwrap()).collect();
        assert_eq!((packs.len(), rows), (1, vec![later]));
    }

    #[test]
    fn the_format_of_a_packed_cell_is_frozen() {
        let rows = vec![v1::HistoryRow { monitor: 1, offset: 2, ..Default::default() }; 2];
        let frozen = b"\x00\x01\x0a\x0b\x09\x01\0\0\0\0\0\0\0\x10\x02\x0a\x0b\x09\x01\0\0\0\0\0\0\0\x10\x02";
        assert_eq!(seal(&v1::HistoryRows { rows }), frozen);
        assert_eq!(unpack(frozen, 3).unwrap().map(|ping| (ping.offset, ping.bytes)).collect::<Vec<_>>(), [(2, 11); 2]);
        assert!(unpack(b"\x00\x01", 3).is_err() && unpack(b"\x00\x02\x0a\x00", 3).is_err());
    }
}
