//! What fuzz targets read with: packed pings and page tokens. No promise is made of anything in here.

use super::pack;
use crate::page::List;
use domain::engine::effects::HistoryRow;
use wire::convert::DecodeError;

/// The cells that `rows` make.
pub fn pack(rows: &[HistoryRow]) -> Vec<Vec<u8>> {
    pack::pack(rows).into_iter().map(|pack| pack.cell).collect()
}

/// The pings of a cell, oldest first; the damaged ones too.
pub fn unpack(cell: &[u8]) -> Result<Vec<Result<HistoryRow, DecodeError>>, DecodeError> {
    Ok(pack::unpack(cell, i64::MAX)?.map(|ping| ping.row).collect())
}

/// The key in a page token of the list `letter` of `id`; `None`: it is no token of this list.
pub fn page_key(letter: u8, id: u64, token: &str) -> Option<Vec<u8>> {
    List::new(letter, id).key(token).ok()
}

/// The page token of a key.
pub fn page_token(letter: u8, id: u64, key: &[u8]) -> String {
    List::new(letter, id).token(key)
}
