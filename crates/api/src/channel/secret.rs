//! Secrets of channels: drawing them, and hiding them. What is hidden reads as [`HIDDEN`] or ends in it; a
//! hidden text that comes back in an update means "as it was".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wire::v1::channel::Settings;

/// Stands in replies where a secret is.
pub(super) const HIDDEN: &str = "…";

/// A new signing secret: `whsec_` and base64 of 32 random bytes (Standard Webhooks).
pub(super) fn draw() -> String {
    format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 32]>()))
}

/// `settings` as replies show them. A webhook's secret and a bot's token are gone; header values, which often
/// hold a key, and URLs that are secrets themselves are hidden.
pub(super) fn hidden(mut settings: Settings) -> Settings {
    match &mut settings {
        Settings::Webhook(webhook) => {
            webhook.secret.clear();
            webhook.headers.values_mut().for_each(|value| *value = HIDDEN.to_owned());
        }
        Settings::Telegram(telegram) => telegram.bot_token.clear(),
        Settings::Slack(slack) => slack.url = hidden_url(&slack.url),
        Settings::Discord(discord) => discord.url = hidden_url(&discord.url),
        Settings::Email(_) | Settings::Log(_) => {}
    }
    settings
}

/// `https://host/…`: who is told, not how to tell them.
pub(super) fn hidden_url(url: &str) -> String {
    let origin = url::Url::parse(url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    format!("{origin}/{HIDDEN}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::v1;

    #[test]
    fn a_drawn_secret_is_allowed_and_new() {
        domain::channel_rules::check_secret("secret", &draw()).unwrap();
        assert_ne!(draw(), draw());
    }

    #[test]
    fn nothing_secret_is_shown() {
        let url = "https://hooks.slack.com/services/T0/B0/canary?canary#canary".to_owned();
        let headers = [("Authorization".to_owned(), "canary".to_owned())].into();
        let webhook = v1::WebhookSettings { secret: "canary".into(), headers, ..Default::default() };
        let all = [
            Settings::Webhook(webhook),
            Settings::Telegram(v1::TelegramSettings { bot_token: "canary".into(), chat_id: "1".into() }),
            Settings::Slack(v1::SlackSettings { url: url.clone() }),
            Settings::Discord(v1::DiscordSettings { url: url.clone() }),
        ];
        for settings in all {
            assert!(!format!("{:?}", hidden(settings)).contains("canary"));
        }
        assert_eq!(hidden_url(&url), "https://hooks.slack.com/…");
    }
}
