//! The configuration: one complete, commented default file, and the types it is read into.
//!
//! Order of settings: file, then `QUIETPULSE_…` variables, then flags. Whatever is not understood refuses to
//! start and names the line, variable or flag; nothing is guessed.

mod check;
pub mod env;
mod error;
mod file;
mod settings;
#[cfg(test)]
mod tests;
pub mod types;
pub mod value;

pub use error::{ConfigError, Origin};
pub use settings::{DEFAULT_FILE, Settings};
pub use types::Config;

use std::ffi::OsString;
use std::path::Path;

/// A flag, its setting and the text it was given.
pub type Flag = (&'static str, &'static str, Option<String>);

/// Where settings come from.
pub struct Sources<'a> {
    /// A file somebody named.
    pub file: Option<&'a Path>,
    pub variables: Vec<(OsString, OsString)>,
    pub flags: Vec<Flag>,
}

/// Reads all layers and checks the whole. The settings are given too, for who set what.
pub fn load(sources: Sources<'_>) -> Result<(Config, Settings), ConfigError> {
    let mut settings = Settings::defaults();
    if let Some(path) = sources.file {
        file::overlay(&mut settings, path)?;
    }
    env::overlay(&mut settings, sources.variables.into_iter())?;
    for (flag, setting, text) in sources.flags {
        if let Some(text) = text {
            settings.set_text(setting, &text, Origin::Flag(flag))?;
        }
    }
    let config: Config = settings.read()?;
    check::check(&config).map_err(|refusal| {
        ConfigError::new(settings.origin(refusal.setting), format!("{}: {}", refusal.setting, refusal.problem))
    })?;
    Ok((config, settings))
}
