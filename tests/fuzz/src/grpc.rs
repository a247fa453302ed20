//! What comes over gRPC, as far as it is read without asking anybody. The first byte of the input says what the rest
//! is: a message of some kind, a page token or a cursor.

use super::input::{Input, assert_one_line, is_unsafe};
use super::records::assert_config_reads_back;
use api::fuzzing::{check_settings, created, hidden_settings, reread_cursor, shown, updated, updated_settings};
use domain::egress::EgressPolicy;
use domain::field_error::FieldError;
use domain::ids::{ChannelId, TenantId};
use domain::monitor::{Identity, MonitorConfig, Policy};
use domain::record::{Body, Envelope};
use domain::schedule::Schedule;
use domain::time::UnixMs;
use prost::Message;
use store::embedded::fuzzing::{page_key, page_token};
use wire::convert::log::{decode_record, encode_record, outcome_from_wire, outcome_to_wire};
use wire::v1;
use wire::v1::channel::Settings;

const NOW: UnixMs = UnixMs::from_secs(1_800_000_000);
const BODY_LIMIT_BYTES: usize = 10_000;

/// What is taken is stored and shown as what it is; what is refused names its field.
pub fn grpc(data: &[u8]) {
    let mut input = Input::new(data);
    let (kind, bytes) = (input.u8(), input.rest());
    match kind {
        0 => with(bytes, ping),
        1 => with(bytes, create_monitor),
        2 => with(bytes, update_monitor),
        3 => with(bytes, create_channel),
        4 => with(bytes, update_channel),
        5 => with(bytes, outcome),
        6 => cursor(&String::from_utf8_lossy(bytes)),
        _ => page(&String::from_utf8_lossy(bytes)),
    }
}

fn with<M: Message + Default>(bytes: &[u8], check: fn(M)) {
    if let Ok(message) = M::decode(bytes) {
        check(message);
    }
}

fn ping(message: v1::PingRequest) {
    match ingest::fuzzing::ping_message(&message, BODY_LIMIT_BYTES) {
        Ok(ping) => {
            let details = ping.details.as_deref().expect("a message has details");
            assert!(
                details.body.len() <= BODY_LIMIT_BYTES && details.body_cut == (message.body.len() > details.body.len())
            );
            let body = Body::Ping(ping);
            let bytes = encode_record(&Envelope::default(), &body);
            assert_eq!(decode_record(&bytes), Ok((Envelope::default(), body)));
        }
        Err(refused) => assert_one_line(&refused),
    }
}

fn create_monitor(asked: v1::CreateMonitorRequest) {
    let Some(wanted) = asked.monitor else { return };
    let channels = ids(&wanted);
    match created(&wanted, &channels, NOW) {
        Ok(config) => {
            assert_config_reads_back(&config);
            assert!(!config.policy.assertions.iter().any(|assertion| assertion.source().contains(is_unsafe)));
            let reply = v1::Monitor { channels: wanted.channels, ..shown(&config) };
            assert_eq!(created(&reply, &channels, NOW), Ok(config), "a reply that is sent back");
        }
        Err(refused) => assert_names_field(&refused),
    }
}

fn update_monitor(asked: v1::UpdateMonitorRequest) {
    let Some(wanted) = &asked.monitor else { return };
    let channels = ids(wanted);
    match updated(nightly(), &asked, &channels, NOW) {
        Ok(config) => {
            assert_eq!(config.identity.slug, "backup", "a slug never changes");
            assert_config_reads_back(&config);
            assert_eq!(updated(config.clone(), &asked, &channels, NOW), Ok(config), "an edit that is made twice");
        }
        Err(refused) => assert_names_field(&refused),
    }
}

fn nightly() -> MonitorConfig {
    let identity =
        Identity { tenant: TenantId(1), slug: "backup".into(), name: "Backup".into(), ..Identity::default() };
    let schedule = Schedule::cron("0 2 * * *", "Europe/Berlin").expect("a schedule");
    MonitorConfig { identity, policy: Policy::every(schedule, 3_600) }
}

fn ids(wanted: &v1::Monitor) -> Vec<ChannelId> {
    (1..=wanted.channels.len() as u64).map(ChannelId).collect()
}

fn create_channel(asked: v1::CreateChannelRequest) {
    let Some(settings) = asked.channel.and_then(|channel| channel.settings) else { return };
    match check_settings(&settings, &EgressPolicy::default()) {
        Ok(()) => shows_nothing_secret(settings),
        Err(refused) => assert_names_field(&refused),
    }
}

/// Replies hide what is secret, and what is hidden comes back as it was.
fn shows_nothing_secret(settings: Settings) {
    let hidden = hidden_settings(settings.clone());
    match &hidden {
        Settings::Webhook(webhook) => {
            assert!(webhook.secret.is_empty() && webhook.headers.values().all(|value| value == "…"));
        }
        Settings::Telegram(telegram) => assert!(telegram.bot_token.is_empty()),
        Settings::Slack(v1::SlackSettings { url }) | Settings::Discord(v1::DiscordSettings { url }) => {
            assert!(url.ends_with("/…") && url.matches('/').count() == 3, "{url}");
        }
        Settings::Email(_) | Settings::Log(_) => {}
    }
    let channel = v1::Channel { settings: Some(hidden), ..v1::Channel::default() };
    let asked = v1::UpdateChannelRequest { channel: Some(channel), update_mask: None };
    if let Ok(kept) = updated_settings(settings.clone(), &asked) {
        assert_eq!(kept, settings);
    }
}

fn update_channel(asked: v1::UpdateChannelRequest) {
    let stored = Settings::Webhook(v1::WebhookSettings {
        url: "https://hooks.example.com/a".into(),
        headers: [("X-Key".to_owned(), "key".to_owned())].into(),
        secret: format!("whsec_{}=", "A".repeat(43)),
        ..v1::WebhookSettings::default()
    });
    match updated_settings(stored, &asked) {
        Ok(settings) => match check_settings(&settings, &EgressPolicy::default()) {
            Ok(()) => shows_nothing_secret(settings),
            Err(refused) => assert_names_field(&refused),
        },
        Err(refused) => assert_names_field(&refused),
    }
}

/// What a notifier reports.
fn outcome(message: v1::LogOutcome) {
    match outcome_from_wire(message) {
        Ok(outcome) => assert_eq!(outcome_from_wire(outcome_to_wire(&outcome)), Ok(outcome)),
        Err(refused) => assert_one_line(&refused.to_string()),
    }
}

fn cursor(text: &str) {
    if let Some(plain) = reread_cursor(text) {
        assert_eq!(reread_cursor(&plain), Some(plain));
    }
}

fn page(text: &str) {
    for letter in [b'm', b'h'] {
        if let Some(key) = page_key(letter, 7, text) {
            assert_eq!(page_token(letter, 7, &key), text);
        }
    }
    // A token is at most 400 characters of base64, 6 bytes of which are not the key.
    let key = page_key(b'm', 7, &page_token(b'm', 7, text.as_bytes()));
    assert_eq!(key.as_deref(), (text.len() <= 294).then_some(text.as_bytes()), "{text}");
}

fn assert_names_field(refused: &FieldError) {
    assert!(!refused.field.is_empty());
    assert_one_line(&refused.to_string());
}
