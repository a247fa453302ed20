//! What goes to stdout: one JSON document, or tables and lines for people.
//!
//! Text that came from elsewhere (names, messages, bodies) is shown with control characters escaped: a ping
//! must not be able to drive the terminal of whoever lists it.

use crate::exit::Failure;
use crate::json::{Resource, json};
use serde::Serialize;
use std::io::{self, Write};

/// One line on stdout.
pub fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// One JSON document, indented.
pub fn document(value: &impl Serialize) -> Result<(), Failure> {
    line(&serde_json::to_string_pretty(value).map_err(io::Error::other)?)
}

/// One JSON object on one line, for streams.
pub fn object_line<M: Resource>(message: &M) -> Result<(), Failure> {
    line(&serde_json::to_string(&json(message)?).map_err(io::Error::other)?)
}

/// One resource as JSON.
pub fn resource<M: Resource>(message: &M) -> Result<(), Failure> {
    document(&json(message)?)
}

/// A list of resources as one JSON array.
pub fn array<M: Resource>(messages: &[M]) -> Result<(), Failure> {
    let all = messages.iter().map(json).collect::<io::Result<Vec<_>>>()?;
    document(&all)
}

/// Columns that line up, two blanks apart. Rows may be shorter than the head.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(str::to_owned).to_vec()] }
    }

    /// A table without a head, for names and values.
    pub fn plain() -> Self {
        Self { rows: Vec::new() }
    }

    /// Adds a row; cells are escaped and kept to one line.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| clean(cell)).collect());
    }

    pub fn print(&self) -> Result<(), Failure> {
        let widths = self.widths();
        self.rows.iter().try_for_each(|row| line(&aligned(row, &widths)))
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width =
            |column| self.rows.iter().filter_map(|row| row.get(column)).map(|cell: &String| cell.chars().count()).max();
        (0..columns).map(|column| width(column).unwrap_or(0)).collect()
    }
}

fn aligned(row: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in row.iter().zip(widths) {
        text.push_str(&format!("{cell:<width$}  "));
    }
    text.trim_end().to_owned()
}

/// `text` on one line, with control characters and direction marks escaped.
pub fn clean(text: &str) -> String {
    let unsafe_here = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(unsafe_here) {
        return text.to_owned();
    }
    text.chars().map(|c| if unsafe_here(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// The first `most` characters of the first line, with a mark where more followed.
pub fn glimpse(bytes: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let first = text.trim().lines().next().unwrap_or_default();
    let cut: String = first.chars().take(most).collect();
    if cut.len() < text.trim().len() { format!("{cut}…") } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_rows_have_no_blank_end() {
        let mut table = Table::new(["SLUG", "STATUS"]);
        table.row(["backup".into(), "up".into()]);
        table.row(["a".into(), "é down".into()]);
        let widths = table.widths();
        let lines: Vec<String> = table.rows.iter().map(|row| aligned(row, &widths)).collect();
        assert_eq!(lines, ["SLUG    STATUS", "backup  up", "a       é down"]);
    }

    #[test]
    fn text_from_elsewhere_cannot_drive_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\n\u{202e}c"), "a\\u{1b}[2Jb\\n\\u{202e}c");
        assert_eq!(clean("Größe"), "Größe");
    }

    #[test]
    fn a_glimpse_is_one_short_line() {
        assert_eq!(glimpse(b"done\nall of it", 40), "done…");
        assert_eq!(glimpse(b"done\n", 40), "done");
        assert_eq!(glimpse("größer".as_bytes(), 3), "grö…");
    }
}
