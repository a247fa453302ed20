//! Reads a file into the settings, with the line of every key.

use super::error::{ConfigError, Origin};
use super::settings::{Settings, is_section, one_line, unknown_setting};
use std::io::Read;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// No configuration is larger; a disk image named by mistake is not read whole.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Lays the file at `path` over `settings`. A file that was named must be there and hold something.
pub fn overlay(settings: &mut Settings, path: &Path) -> Result<(), ConfigError> {
    let shown = path.display().to_string();
    let whole = |problem: String| ConfigError::new(Origin::File { path: shown.clone(), line: None }, problem);
    let text = read(path).map_err(whole)?;
    if text.trim().is_empty() {
        return Err(whole("the file is empty; `quietpulse config default` prints a complete one".to_owned()));
    }
    overlay_text(settings, &shown, &text)
}

/// As [`overlay`], for the text of a file called `path`.
pub fn overlay_text(settings: &mut Settings, path: &str, text: &str) -> Result<(), ConfigError> {
    let at =
        |span: std::ops::Range<usize>| Origin::File { path: path.to_owned(), line: Some(line_of(text, span.start)) };
    let root = DeTable::parse(text)
        .map_err(|error| ConfigError::new(at(error.span().unwrap_or(0..0)), one_line(error.message())))?;
    for (key, value) in root.get_ref() {
        let name = key.get_ref().as_ref();
        match value.get_ref() {
            DeValue::Table(section) if is_section(name) => {
                for (inner, value) in section {
                    set(settings, &format!("{name}.{}", inner.get_ref()), value, at(inner.span()))?;
                }
            }
            _ if is_section(name) => {
                return Err(ConfigError::new(at(key.span()), format!("`{name}` is a section: write [{name}]")));
            }
            _ => set(settings, name, value, at(key.span()))?,
        }
    }
    Ok(())
}

fn set(settings: &mut Settings, name: &str, value: &Spanned<DeValue<'_>>, origin: Origin) -> Result<(), ConfigError> {
    let value = plain(value.get_ref()).ok_or_else(|| {
        // A section that nobody knows is a table here: its name is what is wrong, not its type.
        let known = super::settings::names().any(|known| known == name);
        let problem = if known { format!("{name}: allowed: a single value or a list") } else { unknown_setting(name) };
        ConfigError::new(origin.clone(), problem)
    })?;
    settings.set(name, value, origin)
}

fn plain(value: &DeValue<'_>) -> Option<toml::Value> {
    Some(match value {
        DeValue::String(text) => toml::Value::String(text.to_string()),
        DeValue::Integer(digits) => toml::Value::Integer(i64::from_str_radix(digits.as_str(), digits.radix()).ok()?),
        DeValue::Float(digits) => toml::Value::Float(digits.as_str().parse().ok()?),
        DeValue::Boolean(flag) => toml::Value::Boolean(*flag),
        DeValue::Array(items) => {
            toml::Value::Array(items.iter().map(|item| plain(item.get_ref())).collect::<Option<_>>()?)
        }
        DeValue::Datetime(_) | DeValue::Table(_) => return None,
    })
}

fn read(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err("larger than 1 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "not a text in UTF-8".to_owned())
}

/// The line of a byte, from 1.
fn line_of(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|b| *b == b'\n').count() + 1
}
