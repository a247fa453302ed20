//! The format of the file and its steps from one version to the next. Steps are only ever added: a file of
//! any older version is brought up at start, in one transaction a step; one of a newer version is refused.

use super::connection::broken;
use crate::StoreError;
use rusqlite::{Connection, TransactionBehavior};

/// Step `n` leads from version `n` to `n + 1`.
const STEPS: [&str; 1] = [include_str!("1.sql")];

/// Marks the file as ours in its header: "QPst". So nobody's other database is taken for a store.
const APPLICATION_ID: i64 = 0x5150_7374;

/// Refuses a file that is not a store of today's format: who may only read cannot bring it there.
pub(super) fn check(connection: &Connection, file: &str) -> Result<(), StoreError> {
    let (version, known) = (pragma(connection, "user_version")?, STEPS.len() as i64);
    if pragma(connection, "application_id")? != APPLICATION_ID || version != known {
        return Err(StoreError::Broken(format!("{file} is not a store of format {known} (found {version})")));
    }
    Ok(())
}

/// Brings the file to today's format. Refuses a newer one, and one that is not a store.
pub(super) fn migrate(connection: &mut Connection, file: &str) -> Result<(), StoreError> {
    let version = pragma(connection, "user_version")?;
    let known = STEPS.len() as i64;
    if version > known {
        return Err(StoreError::Broken(format!(
            "{file} has format {version}, this version of quietpulse knows formats up to {known}: start a newer one"
        )));
    }
    if pragma(connection, "application_id")? != APPLICATION_ID && !is_empty(connection)? {
        return Err(StoreError::Broken(format!("{file} is not a store of quietpulse")));
    }
    let steps = STEPS.iter().enumerate().skip(usize::try_from(version).unwrap_or(0));
    steps.into_iter().try_for_each(|(number, step)| apply(connection, number, step))
}

fn apply(connection: &mut Connection, number: usize, step: &str) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(broken)?;
    transaction.execute_batch(step).map_err(broken)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(broken)?;
    transaction.pragma_update(None, "user_version", number as i64 + 1).map_err(broken)?;
    transaction.commit().map_err(broken)
}

fn pragma(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    connection.pragma_query_value(None, name, |row| row.get(0)).map_err(broken)
}

fn is_empty(connection: &Connection) -> Result<bool, StoreError> {
    let tables = "select count(*) from sqlite_schema";
    connection.query_row(tables, (), |row| row.get::<_, i64>(0)).map(|count| count == 0).map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_file_gets_the_newest_format_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, "f").unwrap();
        migrate(&mut connection, "f").unwrap();
        assert_eq!(pragma(&connection, "user_version").unwrap(), STEPS.len() as i64);
    }

    #[test]
    fn a_newer_format_is_refused_by_its_number() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, "f").unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let refusal = migrate(&mut connection, "f").unwrap_err().to_string();
        assert!(refusal.contains("f has format 99") && refusal.contains("newer"), "{refusal}");
    }

    #[test]
    fn somebody_elses_database_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("create table theirs (x)").unwrap();
        assert!(migrate(&mut connection, "f").unwrap_err().to_string().contains("not a store"));
    }
}
