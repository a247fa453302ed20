//! The door of channel settings: every refusal names its field as api.proto does, e.g. `webhook.url`.

use domain::channel_rules as rules;
use domain::egress::EgressPolicy;
use domain::field_error::FieldError;
use wire::v1::channel::Settings;
use wire::v1::{EmailSettings, TelegramSettings, WebhookSettings};

/// Checks settings as they are about to be stored. URLs are checked as far as their text goes; what a name
/// resolves to is checked at every request.
pub(super) fn check(settings: &Settings, egress: &EgressPolicy) -> Result<(), FieldError> {
    match settings {
        Settings::Webhook(webhook) => check_webhook(webhook, egress),
        Settings::Telegram(TelegramSettings { bot_token, chat_id }) => {
            rules::check_bot_token("telegram.bot_token", bot_token)?;
            rules::check_chat_id("telegram.chat_id", chat_id)
        }
        Settings::Email(EmailSettings { to }) => rules::check_email("email.to", to),
        Settings::Slack(slack) => check_url("slack.url", &slack.url, egress),
        Settings::Discord(discord) => check_url("discord.url", &discord.url, egress),
        Settings::Log(_) => Ok(()),
    }
}

fn check_webhook(webhook: &WebhookSettings, egress: &EgressPolicy) -> Result<(), FieldError> {
    check_url("webhook.url", &webhook.url, egress)?;
    rules::check_method("webhook.method", &webhook.method)?;
    let headers = webhook.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    rules::check_headers("webhook.headers", headers)?;
    rules::check_template("webhook.body_template", &webhook.body_template)?;
    rules::check_secret("webhook.secret", &webhook.secret)
}

/// Never repeats the URL: it may be a secret.
fn check_url(field: &str, text: &str, egress: &EgressPolicy) -> Result<(), FieldError> {
    rules::check_url_text(field, text)?;
    let refusal = |why: &dyn std::fmt::Display| FieldError::new(field, why.to_string());
    let url = url::Url::parse(text).map_err(|problem| refusal(&problem))?;
    let host = url.host_str().ok_or_else(|| refusal(&"has no host"))?;
    let port = url.port_or_known_default().unwrap_or_default();
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    egress.check_url(url.scheme(), host, port, has_credentials).map_err(|rule| refusal(&rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_lead_inside_are_refused_in_every_spelling() {
        let egress = EgressPolicy { own_hosts: vec!["ping.example.org".into()], ..EgressPolicy::default() };
        check_url("url", "https://hooks.example.com:8443/a?b", &egress).unwrap();
        let inside = [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
            "http://[2001::1]/",
            "http://10.0.0.1/",
            "http://100.64.0.1/",
            "http://169.254.169.254/latest",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://x.internal/",
            "file:///etc/passwd",
            "gopher://a.example/",
            "ftp://a.example/",
            "http://user:pass@a.example/",
            "http://user@a.example/",
            "http://good.example\\@127.0.0.1/",
            "http://good.example\t/",
            "https://ping.example.org/ping/x",
            "https://",
            "x",
            "",
        ];
        for url in inside {
            assert_eq!(check_url("url", url, &egress).expect_err(url).field, "url");
        }
        // The part after `#` is no host, for us as for the request.
        check_url("url", "http://good.example/#@127.0.0.1/", &egress).unwrap();
    }
}
