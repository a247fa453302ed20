//! SQLite files as texts: the version they carry, their tables, their rows. A file's own bytes are SQLite's matter, which
//! promises to read them.

use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Everything in a file, as statements that make it again.
pub fn dump(path: &Path) -> String {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the file opens");
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).expect("a pragma");
    let mut text = String::from("-- Never changed: a file that was written once is read for ever.\n");
    for name in ["application_id", "user_version"] {
        text += &format!("pragma {name} = {};\n", number(name));
    }
    let schema = "select sql from sqlite_schema where sql is not null and name not like 'sqlite_%' order by rowid";
    column(&connection, schema).iter().for_each(|sql| text += &format!("{sql};\n"));
    let tables = "select name from sqlite_schema where type = 'table' order by name";
    for table in column(&connection, tables) {
        rows(&connection, &table)
            .iter()
            .for_each(|values| text += &format!("insert into {table} values ({values});\n"));
    }
    text
}

/// Makes the file of a text.
pub fn make(path: &Path, text: &str) {
    let connection = Connection::open(path).expect("the file is made");
    connection.execute_batch(text).expect("the statements hold");
}

fn column(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).expect("a query");
    let rows = statement.query_map((), |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

/// Each row as SQL values, in the order of the values.
fn rows(connection: &Connection, table: &str) -> Vec<String> {
    let columns = column(connection, &format!("select name from pragma_table_info('{table}')"));
    let quoted: Vec<_> = columns.iter().map(|name| format!("quote(\"{name}\")")).collect();
    let mut rows = column(connection, &format!("select {} from {table}", quoted.join(" || ', ' || ")));
    rows.sort();
    rows
}
