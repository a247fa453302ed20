//! The kinds of channels as subcommands, and what of their settings was given.

use crate::exit::Failure;
use clap::Subcommand;
use std::collections::HashMap;
use std::io::Read;
use wire::v1::channel::Settings;
use wire::v1::{
    Channel, DiscordSettings, EmailSettings, LogSettings, SlackSettings, TelegramSettings, WebhookSettings,
};

/// The most bytes a value read from a file may have.
const MAX_FILE_BYTES: u64 = 100_000;

#[derive(Subcommand)]
pub enum Kind {
    /// POST JSON to a URL (Standard Webhooks)
    Webhook {
        /// Where to
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// POST (default), PUT or GET
        #[arg(long)]
        method: Option<String>,
        /// An extra header, `Name: value`; may be repeated
        #[arg(long, value_name = "HEADER", value_parser = header)]
        header: Vec<(String, String)>,
        /// Replaces the JSON body
        #[arg(long, value_name = "TEXT|@FILE")]
        body_template: Option<String>,
        /// The signing secret, `whsec_…`; drawn by the server when left out
        #[arg(long, value_name = "SECRET|@FILE")]
        secret: Option<String>,
    },
    /// Send a Telegram message
    Telegram {
        /// The bot's token
        #[arg(long, value_name = "TOKEN|@FILE")]
        token: Option<String>,
        /// The chat's id
        #[arg(long, value_name = "ID", allow_hyphen_values = true)]
        chat: Option<String>,
    },
    /// Send a mail
    Email {
        /// The recipient
        #[arg(long, value_name = "ADDRESS")]
        to: Option<String>,
    },
    /// Post to Slack
    Slack {
        /// The incoming webhook
        #[arg(long, value_name = "URL|@FILE")]
        url: Option<String>,
    },
    /// Post to Discord
    Discord {
        /// The channel's webhook
        #[arg(long, value_name = "URL|@FILE")]
        url: Option<String>,
    },
    /// Print one line on the server's stdout
    Log,
}

/// A channel with the API's paths of what was given, and the flags that a new channel lacks.
pub struct Draft {
    pub channel: Channel,
    pub paths: Vec<&'static str>,
    missing: Vec<&'static str>,
}

impl Draft {
    /// A new channel. What it needs is known here, before anybody is called.
    pub fn of_new(name: String, kind: Kind) -> Result<Self, Failure> {
        let draft = Self::named(name).with(kind)?;
        match draft.missing.as_slice() {
            [] => Ok(draft),
            missing => Err(Failure::Usage(format!("missing: {}", missing.join(", ")))),
        }
    }

    /// What is to change of a channel.
    pub fn of_changes(name: String, kind: Option<Kind>, enable: bool) -> Result<Self, Failure> {
        let mut draft = Self::named(name);
        if let Some(kind) = kind {
            draft = draft.with(kind)?;
        }
        if enable {
            draft.paths.push("disabled_reason");
        }
        if draft.paths.is_empty() {
            return Err(Failure::Usage("nothing to change: give a setting, or --enable".to_owned()));
        }
        Ok(draft)
    }

    fn named(name: String) -> Self {
        Self { channel: Channel { name, ..Channel::default() }, paths: Vec::new(), missing: Vec::new() }
    }

    /// Fails when a file named by `@FILE` cannot be read.
    fn with(mut self, kind: Kind) -> Result<Self, Failure> {
        self.channel.settings = Some(match kind {
            Kind::Webhook { url, method, header, body_template, secret } => {
                let headers = (!header.is_empty()).then(|| header.into_iter().collect::<HashMap<_, _>>());
                Settings::Webhook(WebhookSettings {
                    url: self.needed("--url", "webhook.url", url)?,
                    method: self.optional("webhook.method", method)?,
                    headers: self.given("webhook.headers", headers),
                    body_template: self.optional("webhook.body_template", body_template)?,
                    secret: self.optional("webhook.secret", secret)?,
                })
            }
            Kind::Telegram { token, chat } => Settings::Telegram(TelegramSettings {
                bot_token: self.needed("--token", "telegram.bot_token", token)?,
                chat_id: self.needed("--chat", "telegram.chat_id", chat)?,
            }),
            Kind::Email { to } => Settings::Email(EmailSettings { to: self.needed("--to", "email.to", to)? }),
            Kind::Slack { url } => Settings::Slack(SlackSettings { url: self.needed("--url", "slack.url", url)? }),
            Kind::Discord { url } => {
                Settings::Discord(DiscordSettings { url: self.needed("--url", "discord.url", url)? })
            }
            Kind::Log => Settings::Log(LogSettings {}),
        });
        Ok(self)
    }

    fn needed(&mut self, flag: &'static str, path: &'static str, value: Option<String>) -> Result<String, Failure> {
        if value.is_none() {
            self.missing.push(flag);
        }
        self.optional(path, value)
    }

    fn optional(&mut self, path: &'static str, value: Option<String>) -> Result<String, Failure> {
        let value = value.map(text_or_file).transpose()?;
        Ok(self.given(path, value))
    }

    fn given<T: Default>(&mut self, path: &'static str, value: Option<T>) -> T {
        if value.is_some() {
            self.paths.push(path);
        }
        value.unwrap_or_default()
    }
}

/// `@FILE` is the file's text without the newline at its end, `@-` is stdin, all else is itself.
fn text_or_file(value: String) -> Result<String, Failure> {
    let Some(file) = value.strip_prefix('@') else { return Ok(value) };
    let mut text = String::new();
    let read = match file {
        "-" => std::io::stdin().take(MAX_FILE_BYTES).read_to_string(&mut text),
        _ => std::fs::File::open(file).and_then(|open| open.take(MAX_FILE_BYTES).read_to_string(&mut text)),
    };
    read.map_err(|error| Failure::Usage(format!("cannot read {file}: {error}")))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("allowed: `Name: value`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let kind = || Kind::Telegram { token: Some("1:a".into()), chat: None };
        let refused = Draft::of_new("phone".into(), kind()).err().map(|failure| failure.to_string());
        assert_eq!(refused.as_deref(), Some("missing: --chat"));
        let changes = Draft::of_changes("phone".into(), Some(kind()), true).unwrap();
        assert_eq!(changes.paths, ["telegram.bot_token", "disabled_reason"]);
        assert!(Draft::of_changes("phone".into(), None, false).is_err());
    }

    #[test]
    fn a_secret_comes_from_a_file_without_its_newline() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "1:token\n").unwrap();
        assert_eq!(text_or_file(format!("@{}", file.path().display())).unwrap(), "1:token");
        assert!(text_or_file("@/no/such/file".into()).is_err());
        assert_eq!(text_or_file("plain".into()).unwrap(), "plain");
    }

    #[test]
    fn a_header_is_name_and_value() {
        assert_eq!(header("X-Team: db: x"), Ok(("X-Team".into(), "db: x".into())));
        assert!(header("X-Team").is_err());
    }
}
