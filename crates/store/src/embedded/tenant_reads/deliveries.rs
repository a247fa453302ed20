//! Deliveries of a channel, newest first.

use crate::cell::Cell;
use crate::embedded::connection::broken;
use crate::embedded::page::{Item, List, clamp, fill, foreign_token};
use crate::{Page, StoreError};
use domain::delivery::Delivery;
use domain::ids::{ChannelId, DeliveryId};
use rusqlite::{Connection, OptionalExtension, params};

pub(super) const ONE: &str = "select cell from delivery where id = ?1";
pub(super) const PAGE: &str = "select cell, created_ms, id from delivery
    where channel = ?1 and (created_ms, id) < (?2, ?3) order by created_ms desc, id desc limit ?4";
/// After every id, which has 16 bytes.
const PAST_ALL_IDS: [u8; 17] = [0xff; 17];

pub(super) fn one(connection: &Connection, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
    let cell = || connection.prepare_cached(ONE)?.query_row([&id.0[..]], |row| row.get::<_, Vec<u8>>(0)).optional();
    cell().map_err(broken)?.map(|cell| Delivery::from_stored(&cell)).transpose()
}

pub(super) struct Question {
    channel: ChannelId,
    limit: usize,
    list: List,
    before: (i64, Vec<u8>),
}

impl Question {
    pub(super) fn new(channel: ChannelId, limit: u32, after: Option<&str>) -> Result<Self, StoreError> {
        let list = List::new(b'd', channel.0);
        let start = || Ok((i64::MAX, PAST_ALL_IDS.to_vec()));
        let before = after.map_or_else(start, |token| created_and_id(&list.key(token)?))?;
        Ok(Self { channel, limit: clamp(limit), list, before })
    }

    pub(super) fn answer(&self, connection: &Connection) -> Result<Page<Delivery>, StoreError> {
        let mut statement = connection.prepare_cached(PAGE).map_err(broken)?;
        let values = params![self.channel.0 as i64, self.before.0, self.before.1, self.limit as i64 + 1];
        let rows = statement.query(values).map_err(broken)?;
        fill(&self.list, Delivery::TABLE, self.limit, rows, |row| {
            let created_ms: i64 = row.get(1)?;
            Item::of_cell(row, [&created_ms.to_be_bytes(), row.get_ref(2)?.as_blob()?].concat())
        })
    }
}

fn created_and_id(key: &[u8]) -> Result<(i64, Vec<u8>), StoreError> {
    let (created, id) = key.split_first_chunk().ok_or_else(foreign_token)?;
    Ok((i64::from_be_bytes(*created), id.to_vec()))
}
