//! Settings from variables: `QUIETPULSE_HTTP_LISTEN` is `http.listen`. A variable that nothing reads is a mistake
//! that would otherwise go unseen, so it refuses to start.

use super::error::{ConfigError, Origin};
use super::settings::{Settings, names, nearest};
use domain::field_error::quoted;
use std::ffi::OsString;

const PREFIX: &str = "QUIETPULSE_";

/// Read by the client, by jobs or by the command line, not by the configuration.
const OTHERS: [&str; 6] = [
    "QUIETPULSE_URL",
    "QUIETPULSE_API_KEY",
    "QUIETPULSE_MONITOR",
    "QUIETPULSE_PING_KEY",
    "QUIETPULSE_PING_URL",
    "QUIETPULSE_CONFIG",
];

/// Lays the variables over `settings`.
pub fn overlay(
    settings: &mut Settings,
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(), ConfigError> {
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let text = value.to_str();
        if OTHERS.contains(&name) || is_service_link(name, text.unwrap_or_default()) {
            continue;
        }
        let origin = Origin::Variable(name.to_owned());
        let setting = names().find(|known| variable_of(known) == name);
        let setting = setting.ok_or_else(|| ConfigError::new(origin.clone(), unknown(name)))?;
        let text = text.ok_or_else(|| ConfigError::new(origin.clone(), format!("{setting}: not a text in UTF-8")))?;
        settings.set_text(setting, text, origin)?;
    }
    Ok(())
}

/// The variable of a setting.
pub fn variable_of(setting: &str) -> String {
    format!("{PREFIX}{}", setting.replace('.', "_").to_ascii_uppercase())
}

fn unknown(name: &str) -> String {
    let known = names().map(variable_of).chain(OTHERS.map(str::to_owned));
    match nearest(name, known) {
        Some(known) => format!("unknown variable, did you mean {known}?"),
        None => format!("unknown variable {}; `quietpulse config default` prints all settings", quoted(name)),
    }
}

/// Kubernetes and Docker tell each container about services by variables named after them, so that a service
/// called `quietpulse` gives QUIETPULSE_SERVICE_HOST, QUIETPULSE_PORT=tcp://… and QUIETPULSE_PORT_8080_TCP.
fn is_service_link(name: &str, value: &str) -> bool {
    let service = name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT");
    let port = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    let part = name.rsplit_once("_PORT_").is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    service || part || (port && name.contains("_PORT"))
}
