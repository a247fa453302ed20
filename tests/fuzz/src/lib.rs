//! The bodies of the fuzz targets: each reads bytes of somebody else's as the product does, and panics when what came
//! of it is not what was promised. Never a panic of the product, and more where that is cheap to say: what parses is
//! written and read again as the same; what is refused names its field in one line; runs come one after another.
//!
//! | target | reads |
//! |---|---|
//! | [`token`] | ping tokens and ping keys |
//! | [`ping_url`] | paths and queries of the ping route, and what `create=1` makes of them |
//! | [`framing`] | the bytes of an HTTP/1 connection |
//! | [`cron`], [`oncalendar`] | schedules, with their next runs in several zones |
//! | [`assertion`], [`duration`] | the small languages |
//! | [`config`] | the server's configuration: a file and variables |
//! | [`grpc`] | messages of the tenants' API and of the ping door, page tokens, cursors |
//! | [`log_record`] | one record of the log |
//! | [`log_story`] | records that an engine applies one after another |
//! | [`snapshot`] | manifests, monitors on the move, and whole snapshots |
//! | [`store_cell`] | the cells of every table |
//! | [`template`] | what people wrote, on its way into every channel's message |
//!
//! `make fuzz` runs them under libFuzzer; `tests/abuse` runs them over the corpora on the stable toolchain, and makes
//! the seeds. How a target cuts its input is said in its file.

mod grpc;
mod input;
mod ping;
mod records;
mod schedules;
mod settings;
mod small;
mod snapshots;
mod store_cells;
mod templates;
mod tokens;

/// The server's own files: it is a program, and no library could be asked.
#[path = "../../../crates/server/src/config/mod.rs"]
#[allow(dead_code, unused_imports, unexpected_cfgs)]
mod config_files;
#[allow(unused_imports)]
#[path = "../../../crates/server/src/telemetry/filter.rs"]
mod filter;

pub use grpc::grpc;
pub use ping::{framing, ping_url};
pub use records::{log_record, log_story};
pub use schedules::{cron, oncalendar};
pub use settings::config;
pub use small::{assertion, duration};
pub use snapshots::snapshot;
pub use store_cells::store_cell;
pub use templates::template;
pub use tokens::token;

/// A target: its name and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 14] = [
    ("assertion", assertion),
    ("config", config),
    ("cron", cron),
    ("duration", duration),
    ("framing", framing),
    ("grpc", grpc),
    ("log_record", log_record),
    ("log_story", log_story),
    ("oncalendar", oncalendar),
    ("ping_url", ping_url),
    ("snapshot", snapshot),
    ("store_cell", store_cell),
    ("template", template),
    ("token", token),
];

/// What the configuration asks of the rest of the server, by the paths it asks for it.
pub(crate) mod telemetry {
    pub use super::filter::parse_filter;
}
pub(crate) mod installation {
    pub const FILE: &str = "installation.toml";
}
