//! Cells as bytes, for the suite that keeps those of every version (`tests/compat`). No promise is made of anything in
//! here.

use super::feed::Place;
use super::shard_tables::{owner_from_cell, owner_to_cell};
use crate::row::ShardOwner;
use domain::ids::TransitionId;

/// The cell of a shard's owner.
pub fn owner_cell(owner: &ShardOwner) -> Vec<u8> {
    owner_to_cell(owner)
}

/// The owner in a cell.
pub fn owner(cell: &[u8]) -> Result<ShardOwner, String> {
    owner_from_cell(cell).map_err(|error| error.to_string())
}

/// The cell of a place in a feed's lane.
pub fn place_cell(era_us: i64, offset: i64, nth: i16, id: TransitionId) -> Vec<u8> {
    Place { era_us, offset, nth, id }.to_cell()
}

/// Era, offset, number and id of the place in a cell.
pub fn place(cell: &[u8]) -> Option<(i64, i64, i16, TransitionId)> {
    Place::from_cell(cell).map(|place| (place.era_us, place.offset, place.nth, place.id))
}
