//! What fuzz targets read cursors with. No promise is made of anything in here.

use super::cursor::Cursor;

/// A cursor of `Watch`, read and written again; `None`: it is refused.
pub fn reread_cursor(text: &str) -> Option<String> {
    Cursor::read(text).ok().map(|cursor| cursor.map(|cursor| cursor.to_string()).unwrap_or_default())
}
