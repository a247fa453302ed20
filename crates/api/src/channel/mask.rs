//! Which settings an update names, and how they are carried over. A path is a kind (`webhook`) or one of its
//! settings (`webhook.url`). Secrets that are not named stay; named by their kind only, they stay when the
//! message leaves them empty or hidden, since nobody can read them back to repeat them.

use super::secret::{HIDDEN, hidden_url};
use domain::field_error::{FieldError, quoted};
use prost_types::FieldMask;
use wire::v1;
use wire::v1::channel::Settings;

/// The one path outside the settings.
pub(super) const DISABLED_REASON: &str = "disabled_reason";

const WEBHOOK: [&str; 5] =
    ["webhook.url", "webhook.method", "webhook.headers", "webhook.body_template", "webhook.secret"];
const TELEGRAM: [&str; 2] = ["telegram.bot_token", "telegram.chat_id"];
const EMAIL: [&str; 1] = ["email.to"];
const SLACK: [&str; 1] = ["slack.url"];
const DISCORD: [&str; 1] = ["discord.url"];

/// The paths an update names, kinds spelled out. An empty mask names what the message sets.
pub(super) fn paths_named(mask: Option<&FieldMask>, message: &v1::Channel) -> Result<Vec<&'static str>, FieldError> {
    let asked = mask.map_or(&[][..], |mask| &mask.paths);
    let paths = if asked.is_empty() { paths_set(message) } else { known_paths(asked, message)? };
    if paths.is_empty() {
        return Err(FieldError::new("update_mask", "names no field, and the channel sets none"));
    }
    Ok(paths)
}

fn known_paths(asked: &[String], message: &v1::Channel) -> Result<Vec<&'static str>, FieldError> {
    let set = paths_set(message);
    let mut paths = Vec::new();
    for path in asked {
        let of_kind = parts(path);
        let whole = of_kind.iter().filter(|part| !is_secret(part) || set.contains(part));
        let one = all_paths().find(|known| known == path);
        if of_kind.is_empty() && one.is_none() && path != "log" {
            let allowed = "`disabled_reason`, a kind such as `webhook`, or one of its settings such as `webhook.url`";
            return Err(FieldError::new("update_mask", format!("found {}, allowed: {allowed}", quoted(path))));
        }
        let new: Vec<_> = whole.copied().chain(one).filter(|path| !paths.contains(path)).collect();
        paths.extend(new);
    }
    Ok(paths)
}

fn all_paths() -> impl Iterator<Item = &'static str> {
    WEBHOOK.into_iter().chain(TELEGRAM).chain(EMAIL).chain(SLACK).chain(DISCORD).chain([DISABLED_REASON])
}

fn parts(kind: &str) -> &'static [&'static str] {
    match kind {
        "webhook" => &WEBHOOK,
        "telegram" => &TELEGRAM,
        "email" => &EMAIL,
        "slack" => &SLACK,
        "discord" => &DISCORD,
        _ => &[],
    }
}

fn is_secret(path: &str) -> bool {
    matches!(path, "webhook.secret" | "telegram.bot_token")
}

fn paths_set(message: &v1::Channel) -> Vec<&'static str> {
    let settings: Vec<(&'static str, bool)> = match &message.settings {
        Some(Settings::Webhook(w)) => {
            let set = [
                !w.url.is_empty(),
                !w.method.is_empty(),
                !w.headers.is_empty(),
                !w.body_template.is_empty(),
                !w.secret.is_empty(),
            ];
            WEBHOOK.into_iter().zip(set).collect()
        }
        Some(Settings::Telegram(t)) => {
            TELEGRAM.into_iter().zip([!t.bot_token.is_empty(), !t.chat_id.is_empty()]).collect()
        }
        Some(Settings::Email(email)) => vec![("email.to", !email.to.is_empty())],
        Some(Settings::Slack(slack)) => vec![("slack.url", !slack.url.is_empty())],
        Some(Settings::Discord(discord)) => vec![("discord.url", !discord.url.is_empty())],
        Some(Settings::Log(_)) | None => Vec::new(),
    };
    let disabled = (DISABLED_REASON, !message.disabled_reason.is_empty());
    settings.into_iter().chain([disabled]).filter(|(_, set)| *set).map(|(path, _)| path).collect()
}

/// Carries the named settings of `from` over into `into`. A channel keeps its kind.
pub(super) fn carry_over(paths: &[&str], from: Option<Settings>, into: &mut Settings) -> Result<(), FieldError> {
    let kind = into.kind_word();
    let foreign = |path: &&&str| **path != DISABLED_REASON && path.split('.').next() != Some(kind);
    if let Some(path) = paths.iter().find(foreign) {
        return Err(FieldError::new(*path, format!("the channel is of kind `{kind}`; make another one instead")));
    }
    match (from, into) {
        (Some(from), into) => paths.iter().for_each(|path| set(path, &from, into)),
        (None, _) if paths == [DISABLED_REASON] => {}
        (None, _) => return Err(FieldError::new("settings", "the fields that the mask names are missing")),
    }
    Ok(())
}

fn set(path: &str, from: &Settings, into: &mut Settings) {
    match (from, into) {
        (Settings::Webhook(from), Settings::Webhook(into)) => set_webhook(path, from, into),
        (Settings::Telegram(from), Settings::Telegram(into)) => match path {
            "telegram.bot_token" => into.bot_token.clone_from(&from.bot_token),
            "telegram.chat_id" => into.chat_id.clone_from(&from.chat_id),
            _ => {}
        },
        (Settings::Email(from), Settings::Email(into)) if path == "email.to" => into.to.clone_from(&from.to),
        (Settings::Slack(from), Settings::Slack(into)) if path == "slack.url" => set_url(&from.url, &mut into.url),
        (Settings::Discord(from), Settings::Discord(into)) if path == "discord.url" => {
            set_url(&from.url, &mut into.url)
        }
        _ => {}
    }
}

fn set_webhook(path: &str, from: &v1::WebhookSettings, into: &mut v1::WebhookSettings) {
    match path {
        "webhook.url" => into.url.clone_from(&from.url),
        "webhook.method" => into.method.clone_from(&from.method),
        "webhook.headers" => {
            let as_it_was = std::mem::take(&mut into.headers);
            let kept = |name: &String, value: &String| match as_it_was.get(name) {
                Some(old) if value == HIDDEN => old.clone(),
                _ => value.clone(),
            };
            into.headers = from.headers.iter().map(|(name, value)| (name.clone(), kept(name, value))).collect();
        }
        "webhook.body_template" => into.body_template.clone_from(&from.body_template),
        "webhook.secret" => into.secret.clone_from(&from.secret),
        _ => {}
    }
}

/// A hidden URL that comes back means the one it hides.
fn set_url(from: &str, into: &mut String) {
    if from != hidden_url(into) {
        from.clone_into(into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(paths: &[&str]) -> FieldMask {
        FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
    }

    fn webhook(url: &str, secret: &str) -> v1::WebhookSettings {
        v1::WebhookSettings { url: url.into(), secret: secret.into(), ..Default::default() }
    }

    fn with(settings: Settings) -> v1::Channel {
        v1::Channel { name: "ops".into(), settings: Some(settings), ..Default::default() }
    }

    #[test]
    fn unknown_paths_are_refused_by_name() {
        let message = with(Settings::Webhook(webhook("u", "s")));
        for path in [
            "*",
            "secret",
            "id",
            "tenant",
            "name",
            "kind",
            "version",
            "created_at",
            "webhook.headers.x",
            "webhook.",
            "",
        ] {
            let error = paths_named(Some(&mask(&[path])), &message).unwrap_err();
            assert!(error.field == "update_mask" && error.message.contains(&format!("`{path}`")), "{error}");
        }
    }

    #[test]
    fn a_kind_names_its_settings_and_its_secret_only_when_given() {
        let named = |secret: &str| {
            paths_named(Some(&mask(&["webhook"])), &with(Settings::Webhook(webhook("u", secret)))).unwrap()
        };
        assert_eq!(named("s").last(), Some(&"webhook.secret"));
        assert_eq!(named(""), WEBHOOK[..4]);
        assert_eq!(paths_named(None, &with(Settings::Webhook(webhook("u", "")))), Ok(vec!["webhook.url"]));
        assert!(paths_named(None, &v1::Channel::default()).is_err());
    }

    #[test]
    fn only_the_named_settings_change() {
        let mut stored = Settings::Webhook(webhook("old", "secret"));
        carry_over(&["webhook.url"], Some(Settings::Webhook(webhook("new", "other"))), &mut stored).unwrap();
        assert_eq!(stored, Settings::Webhook(webhook("new", "secret")));
    }

    #[test]
    fn what_is_hidden_comes_back_as_it_was() {
        let headers = |value: &str| [("X-Key".to_owned(), value.to_owned())].into();
        let mut stored = Settings::Webhook(v1::WebhookSettings { headers: headers("key"), ..Default::default() });
        let shown = Settings::Webhook(v1::WebhookSettings { headers: headers(HIDDEN), ..Default::default() });
        let before = stored.clone();
        carry_over(&["webhook.headers"], Some(shown), &mut stored).unwrap();
        assert_eq!(stored, before);
        let url = |url: &str| Settings::Slack(v1::SlackSettings { url: url.into() });
        let mut stored = url("https://hooks.slack.com/services/x");
        carry_over(&["slack.url"], Some(url("https://hooks.slack.com/…")), &mut stored).unwrap();
        assert_eq!(stored, url("https://hooks.slack.com/services/x"));
    }

    #[test]
    fn a_channel_keeps_its_kind() {
        let mut stored = Settings::Email(v1::EmailSettings { to: "a@b.example".into() });
        let error = carry_over(&["webhook.url"], Some(Settings::Webhook(webhook("u", ""))), &mut stored).unwrap_err();
        assert_eq!(error.field, "webhook.url");
    }
}
