//! The seeds: inputs that are sound, nearly sound, or known to be trouble. Texts stand here as they are; bytes are made
//! by the product's own encoders.

mod messages;
mod state;
mod story;
mod templates;
mod texts;
mod urls;

use super::corpus;
use libtest_mimic::Failed;
use std::fs;

/// A seed: its name and its bytes.
pub type Seed = (String, Vec<u8>);

/// The seeds of every target.
fn all() -> Vec<(&'static str, Vec<Seed>)> {
    vec![
        ("assertion", texts::assertions()),
        ("config", texts::configurations()),
        ("cron", texts::cron()),
        ("duration", texts::durations()),
        ("framing", urls::connections()),
        ("grpc", messages::all()),
        ("log_record", story::records()),
        ("log_story", story::stories()),
        ("oncalendar", texts::calendar()),
        ("ping_url", urls::pings()),
        ("snapshot", state::snapshots()),
        ("store_cell", state::cells()),
        ("template", templates::all()),
        ("token", urls::tokens()),
    ]
}

/// Writes all seeds into the corpora.
pub fn write() -> Result<(), Failed> {
    for (target, seeds) in all() {
        let folder = corpus::folder(target);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds {
            fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}

/// What the encoders write is read, so that the seeds lead into the depth of what they are for.
pub fn are_taken() -> Result<(), Failed> {
    for (name, bytes) in story::records().into_iter().filter(|(name, _)| !name.starts_with("bad-")) {
        wire::convert::log::decode_record(&bytes).map_err(|refused| format!("{name}: {refused}"))?;
    }
    state::restore_all()
}

/// Texts as seeds, numbered under one word.
fn numbered(word: &str, texts: &[&str]) -> Vec<Seed> {
    let name = |place: usize| format!("{word}-{:02}", place + 1);
    texts.iter().enumerate().map(|(place, text)| (name(place), text.as_bytes().to_vec())).collect()
}
