//! Opening the store: connect, look at the schema, prepare.

use super::ScyllaOptions;
use super::db::Db;
use super::dialect::Dialect;
use super::schema;
use super::session::connect;
use super::statements::Statements;
use crate::StoreError;

pub(super) async fn open(options: &ScyllaOptions) -> Result<Db, StoreError> {
    let session = connect(options).await?;
    let dialect = Dialect::of(&session).await?;
    schema::check(&session, &options.keyspace).await?;
    let statements = Statements::prepare(&session, &options.keyspace).await?;
    Ok(Db::new(session, statements, options, dialect))
}
