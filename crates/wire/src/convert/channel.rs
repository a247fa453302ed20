//! Channel settings.

use crate::v1::channel::Settings;

impl Settings {
    /// The word of the kind, as a label, in rows and in every API.
    pub fn kind_word(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Telegram(_) => "telegram",
            Self::Email(_) => "email",
            Self::Slack(_) => "slack",
            Self::Discord(_) => "discord",
            Self::Log(_) => "log",
        }
    }
}
