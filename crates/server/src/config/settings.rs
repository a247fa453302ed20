//! Settings in layers: the default file, a file, variables, flags. Each remembers who set it, so that a refusal
//! can name the line, variable or flag to mend.

use super::error::{ConfigError, Origin};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use toml::{Table, Value};

/// The complete default file: it is the schema as well, since every setting stands in it.
pub const DEFAULT_FILE: &str = include_str!("default.toml");

/// Settings whose text no message may repeat.
const SECRETS: [&str; 3] = ["smtp.password", "kafka.password", "scylla.password"];

/// The default file's settings by dotted name. A test holds the file against the types, so it always parses.
static DEFAULTS: LazyLock<BTreeMap<String, Value>> =
    LazyLock::new(|| flatten(&DEFAULT_FILE.parse::<Table>().unwrap_or_default()));

/// A setting and who set it.
#[derive(Clone, Debug)]
struct Setting {
    value: Value,
    origin: Origin,
}

/// Every setting by dotted name (`http.listen`), later layers over earlier ones.
#[derive(Clone, Debug)]
pub struct Settings(BTreeMap<String, Setting>);

impl Settings {
    /// The default file.
    pub fn defaults() -> Self {
        let own = |(name, value): (&String, &Value)| {
            (name.clone(), Setting { value: value.clone(), origin: Origin::Default })
        };
        Self(DEFAULTS.iter().map(own).collect())
    }

    /// Sets `name`, which must be known, to a value of any type; types are checked by [`Self::read`].
    pub fn set(&mut self, name: &str, value: Value, origin: Origin) -> Result<(), ConfigError> {
        match self.0.get_mut(name) {
            Some(setting) => *setting = Setting { value, origin },
            None => return Err(ConfigError::new(origin, unknown_setting(name))),
        }
        Ok(())
    }

    /// Sets `name` from a text (a variable, a flag), which is read as the type the default has.
    pub fn set_text(&mut self, name: &str, text: &str, origin: Origin) -> Result<(), ConfigError> {
        let value = match DEFAULTS.get(name) {
            Some(default) => value_like(default, text),
            None => return Err(ConfigError::new(origin, unknown_setting(name))),
        };
        let refusal = |problem: String| ConfigError::new(origin.clone(), format!("{name}: {problem}"));
        let value = value.map_err(refusal)?;
        self.set(name, value, origin)
    }

    /// The settings as their types. A refusal names the setting and who set it.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, ConfigError> {
        self.table().try_into().map_err(|whole: toml::de::Error| self.culprit::<T>(&whole))
    }

    /// Who set `name`.
    pub fn origin(&self, name: &str) -> Origin {
        self.0.get(name).map_or(Origin::Default, |setting| setting.origin.clone())
    }

    /// The settings that somebody set, with who did.
    pub fn changed(&self) -> impl Iterator<Item = (&str, &Origin)> {
        let set = |setting: &&Setting| setting.origin != Origin::Default;
        self.0.iter().filter_map(move |(name, setting)| set(&setting).then_some((name.as_str(), &setting.origin)))
    }

    /// serde says what is wrong but not where: the culprit is the setting that the defaults alone do not stand.
    fn culprit<T: serde::de::DeserializeOwned>(&self, whole: &toml::de::Error) -> ConfigError {
        let changed = self.0.iter().filter(|(_, setting)| setting.origin != Origin::Default);
        for (name, setting) in changed {
            let mut alone = Self::defaults();
            alone.0.insert(name.clone(), setting.clone());
            if let Err(error) = alone.table().try_into::<T>() {
                return ConfigError::new(setting.origin.clone(), type_problem(name, error.message()));
            }
        }
        ConfigError::new(Origin::Default, one_line(whole.message()))
    }

    fn table(&self) -> Table {
        let mut root = Table::new();
        for (name, setting) in &self.0 {
            match name.split_once('.') {
                None => drop(root.insert(name.clone(), setting.value.clone())),
                Some((section, key)) => {
                    let entry = root.entry(section).or_insert_with(|| Value::Table(Table::new()));
                    if let Value::Table(table) = entry {
                        table.insert(key.to_owned(), setting.value.clone());
                    }
                }
            }
        }
        root
    }
}

/// All names of settings, dotted.
pub fn names() -> impl Iterator<Item = &'static str> {
    DEFAULTS.keys().map(String::as_str)
}

/// Whether there is a section of this name.
pub fn is_section(name: &str) -> bool {
    names().any(|known| known.split_once('.').is_some_and(|(section, _)| section == name))
}

/// `unknown setting …, did you mean …?`
pub fn unknown_setting(name: &str) -> String {
    let shown = domain::field_error::quoted(name);
    match nearest(name, names()) {
        Some(known) => format!("unknown setting {shown}, did you mean `{known}`?"),
        None => format!("unknown setting {shown}; `quietpulse config default` prints all settings"),
    }
}

/// The known name most like `found`, if one is like it at all.
pub fn nearest<T: AsRef<str>>(found: &str, known: impl Iterator<Item = T>) -> Option<T> {
    let likeness = |name: &T| strsim::jaro_winkler(found, name.as_ref());
    known
        .map(|name| (likeness(&name), name))
        .filter(|(like, _)| *like > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// A message as one line.
pub fn one_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join(", ")
}

/// serde's messages repeat what they found, which is no help with a secret.
fn type_problem(name: &str, message: &str) -> String {
    if SECRETS.contains(&name) {
        format!("{name}: allowed: a text in quotes")
    } else {
        format!("{name}: {}", one_line(message))
    }
}

fn value_like(default: &Value, text: &str) -> Result<Value, String> {
    let found = || domain::field_error::quoted(text);
    match default {
        Value::Integer(_) => {
            text.parse().map(Value::Integer).map_err(|_| format!("found {}, allowed: a whole number", found()))
        }
        Value::Float(_) => text.parse().map(Value::Float).map_err(|_| format!("found {}, allowed: a number", found())),
        Value::Boolean(_) => {
            text.parse().map(Value::Boolean).map_err(|_| format!("found {}, allowed: true or false", found()))
        }
        Value::Array(_) => Ok(Value::Array(list(text).map(Value::String).collect())),
        _ => Ok(Value::String(text.to_owned())),
    }
}

fn list(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned)
}

fn flatten(root: &Table) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    for (name, value) in root {
        match value {
            Value::Table(section) => {
                flat.extend(section.iter().map(|(key, value)| (format!("{name}.{key}"), value.clone())));
            }
            _ => drop(flat.insert(name.clone(), value.clone())),
        }
    }
    flat
}
