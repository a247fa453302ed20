//! Frozen bytes: what any version of the product wrote is read by every later one, and means the same.
//!
//! Everything that outlives the process that wrote it has files in `frozen/`, one pair for each version of its format:
//! `<what>-v<N>.hex` holds the bytes, `<what>-v<N>.txt` says in words what they mean. Nobody ever changes one of them.
//! The tests read all of them, write the same values with today's code, and compare. A test that fails says what to do;
//! in short: a changed format gets a new number and a new pair of files,
//! `QP_FREEZE=1 cargo test -p quietpulse-suites --test compat` writes the files that are not there yet, and whoever
//! reviews the change reads the new text.
//!
//! | module | what |
//! |---|---|
//! | `records` | records of the log, as they stand in the embedded log and in Kafka |
//! | `adopted` | a monitor on its way to another installation |
//! | `snapshots` | manifests and pieces of a shard's state, in every format |
//! | `rows`, `sealed` | cells of the store, and the settings of channels within them |
//! | `frames`, `log_file`, `store_file` | the embedded files: rows, tables, and their versions |
//! | `cluster_cells` | cells that only Cassandra or ScyllaDB holds |
//! | `installation` | secrets and keys of an installation, and the tokens that hang on them |
//! | `versions` | no version in the code is without its files |

mod adopted;
#[cfg(feature = "cluster")]
mod cluster_cells;
mod database;
mod frames;
mod frozen;
mod installation;
mod log_file;
mod records;
mod rows;
mod sealed;
mod snapshots;
mod store_file;
mod story;
mod text;
mod values;
mod versions;
