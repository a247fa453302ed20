//! The server's configuration. The input is a TOML file and, behind a line `---`, variables as `NAME=value`, one a
//! line.

use super::config_files::types::Config;
use super::config_files::{ConfigError, Settings, Sources, load};
use super::input::assert_one_line;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::AsRawFd;
use std::path::Path;

thread_local! {
    /// Without a name, so that nothing is left behind by a run that is killed.
    static FILE: File = tempfile::tempfile().expect("a file to write configurations into");
}

/// A configuration is whole and within its bounds, or refused in a line that says who set what, and never repeats a
/// password.
pub fn config(data: &[u8]) {
    let (file, variables) = split(data);
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    let variables: Vec<(OsString, OsString)> =
        variables.map(|(name, value)| (format!("QUIETPULSE_{name}").into(), value.into())).collect();
    let passwords: Vec<String> = variables
        .iter()
        .filter(|(name, _)| name.to_string_lossy().ends_with("PASSWORD"))
        .map(|(_, value)| value.to_string_lossy().into_owned())
        // A short one may stand in a message for another reason.
        .filter(|value| value.len() >= 8)
        .collect();
    match with_file(file, |path| load(Sources { file: Some(path), variables, flags: vec![] })) {
        Ok((config, settings)) => check(&config, &settings, &passwords),
        Err(refused) => {
            let line = refused.to_string();
            assert_one_line(&line);
            assert!(!passwords.iter().any(|password| line.contains(password)), "a password is repeated: {line}");
        }
    }
}

fn check(config: &Config, settings: &Settings, passwords: &[String]) {
    let shown = format!("{config:?}");
    assert!(!passwords.iter().any(|password| shown.contains(password)), "a password is shown");
    assert!((1..=64).contains(&config.log.shards), "{}", config.log.shards);
    let again: Result<Config, ConfigError> = settings.read();
    assert_eq!(again.as_ref(), Ok(config));
}

fn split(data: &[u8]) -> (&[u8], std::borrow::Cow<'_, str>) {
    const LINE: &[u8] = b"\n---\n";
    match data.windows(LINE.len()).position(|part| part == LINE) {
        Some(at) => (&data[..at + 1], String::from_utf8_lossy(&data[at + LINE.len()..])),
        None => (data, "".into()),
    }
}

fn with_file<T>(text: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    FILE.with(|file| {
        let mut writer = file;
        let written = writer.set_len(0).and_then(|()| writer.rewind()).and_then(|()| writer.write_all(text));
        written.and_then(|()| writer.rewind()).expect("a file is written");
        read(Path::new(&format!("/dev/fd/{}", file.as_raw_fd())))
    })
}
