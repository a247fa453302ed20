//! Channels and their secrets.

use crate::support::{World, bad, code, refusal};
use domain::ids::ChannelId;
use domain::ping::PingKind;
use prost_types::FieldMask;
use store::Directory;
use store::seal::open_settings;
use tonic::{Code, Status};
use wire::v1::{self, Channel, channel::Settings};

fn with(name: &str, settings: Settings) -> Channel {
    Channel { name: name.into(), settings: Some(settings), ..Channel::default() }
}

fn webhook(url: &str) -> v1::WebhookSettings {
    v1::WebhookSettings { url: url.into(), ..Default::default() }
}

fn hook() -> Channel {
    with("ops", Settings::Webhook(webhook("https://hooks.example.com/a")))
}

/// `whsec_` and base64 of 24 bytes.
fn secret(letter: &str) -> String {
    format!("whsec_{}", letter.repeat(32))
}

async fn get(world: &World, name: &str) -> Result<Channel, Status> {
    let ask = v1::GetChannelRequest { name: name.into() };
    world.channels().get_channel(world.ask(ask)).await.map(tonic::Response::into_inner)
}

async fn update(world: &World, paths: &[&str], channel: Channel) -> Result<Channel, Status> {
    let mask = FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() };
    let ask = v1::UpdateChannelRequest { channel: Some(channel), update_mask: (!paths.is_empty()).then_some(mask) };
    world.channels().update_channel(world.ask(ask)).await.map(tonic::Response::into_inner)
}

async fn stored(world: &World, name: &str) -> Settings {
    let row = world.store.channel_by_name(crate::support::TENANT, name).await.unwrap().unwrap();
    open_settings(&world.sealer, &row).unwrap()
}

async fn stored_webhook(world: &World) -> v1::WebhookSettings {
    match stored(world, "ops").await {
        Settings::Webhook(webhook) => webhook,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_drawn_secret_is_shown_once() {
    let world = World::start().await;
    let made = world.create_channel(hook()).await.unwrap();
    assert_eq!((made.name.as_str(), made.kind.as_str(), made.version), ("ops", "webhook", 1));
    assert!(made.id.parse::<ChannelId>().is_ok_and(|id| id != ChannelId::LOG));
    let Some(Settings::Webhook(shown)) = &made.settings else { panic!("{made:?}") };
    domain::channel_rules::check_secret("secret", &shown.secret).unwrap();
    assert_eq!(shown.secret, stored_webhook(&world).await.secret);

    let listed =
        world.channels().list_channels(world.ask(v1::ListChannelsRequest::default())).await.unwrap().into_inner();
    let edited = update(&world, &["webhook.method"], hook()).await.unwrap();
    for reply in [format!("{:?}", get(&world, "ops").await.unwrap()), format!("{listed:?}"), format!("{edited:?}")] {
        assert!(!reply.contains(&shown.secret) && reply.contains("hooks.example.com"), "{reply}");
    }
}

#[tokio::test]
async fn no_reply_and_no_row_repeats_a_secret() {
    let world = World::start().await;
    let headers = [("Authorization".to_owned(), "Bearer canary".to_owned())].into();
    let hook = v1::WebhookSettings { secret: secret("C"), headers, ..webhook("https://hooks.example.com/a") };
    let channels = [
        with("hook", Settings::Webhook(hook)),
        with("bot", Settings::Telegram(v1::TelegramSettings { bot_token: "42:canary".into(), chat_id: "-100".into() })),
        with("slack", Settings::Slack(v1::SlackSettings { url: "https://hooks.slack.com/services/canary".into() })),
        with(
            "discord",
            Settings::Discord(v1::DiscordSettings { url: "https://discord.com/api/webhooks/1/canary".into() }),
        ),
    ];
    for channel in channels {
        let name = channel.name.clone();
        let made = world.create_channel(channel).await.unwrap();
        let read = get(&world, &name).await.unwrap();
        let row = world.store.channel_by_name(crate::support::TENANT, &name).await.unwrap().unwrap();
        for text in [
            format!("{made:?}"),
            format!("{read:?}"),
            format!("{row:?}"),
            String::from_utf8_lossy(&row.settings).into(),
        ] {
            assert!(!text.contains("canary") && !text.contains(&secret("C")), "{text}");
        }
        assert_eq!(made, read);
    }
    let slack = get(&world, "slack").await.unwrap().settings;
    assert_eq!(slack, Some(Settings::Slack(v1::SlackSettings { url: "https://hooks.slack.com/…".into() })));
}

#[tokio::test]
async fn a_refusal_repeats_no_secret() {
    let world = World::start().await;
    let refused = [
        with("a", Settings::Telegram(v1::TelegramSettings { bot_token: "canary".into(), chat_id: "1".into() })),
        with("b", Settings::Slack(v1::SlackSettings { url: "http://127.0.0.1/canary".into() })),
        with("c", Settings::Slack(v1::SlackSettings { url: "canary".into() })),
        with(
            "d",
            Settings::Webhook(v1::WebhookSettings { secret: "whsec_canary".into(), ..webhook("https://a.example") }),
        ),
        with("e", Settings::Webhook(webhook("https://user:canary@a.example"))),
    ];
    for channel in refused {
        let status = world.create_channel(channel).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(
            !format!("{status:?}").contains("canary") && !String::from_utf8_lossy(status.details()).contains("canary"),
            "{status:?}"
        );
    }
}

#[tokio::test]
async fn a_bad_setting_is_refused_by_name_and_makes_nothing() {
    let world = World::start().await;
    let hook = |change: fn(&mut v1::WebhookSettings)| {
        let mut settings = webhook("https://hooks.example.com/a");
        change(&mut settings);
        with("m", Settings::Webhook(settings))
    };
    let header = |name: &str, value: &str| {
        let headers = [(name.to_owned(), value.to_owned())].into();
        with("m", Settings::Webhook(v1::WebhookSettings { headers, ..webhook("https://hooks.example.com/a") }))
    };
    let url = |url: &str| with("m", Settings::Webhook(webhook(url)));
    let mail = |to: &str| with("m", Settings::Email(v1::EmailSettings { to: to.into() }));
    let bot = |token: &str, chat: &str| {
        with("m", Settings::Telegram(v1::TelegramSettings { bot_token: token.into(), chat_id: chat.into() }))
    };
    let mut cases = vec![
        ("name", Channel { name: String::new(), ..hook(|_| ()) }),
        ("name", Channel { name: "x".repeat(101), ..hook(|_| ()) }),
        ("name", Channel { name: "a\nb".into(), ..hook(|_| ()) }),
        ("name", Channel { name: "log".into(), ..hook(|_| ()) }),
        ("settings", Channel { name: "m".into(), ..Channel::default() }),
        ("id", Channel { id: "ch_0".into(), ..hook(|_| ()) }),
        ("version", Channel { version: 1, ..hook(|_| ()) }),
        ("created_at", Channel { created_at: Some(Default::default()), ..hook(|_| ()) }),
        ("kind", Channel { kind: "webhook".into(), ..hook(|_| ()) }),
        ("disabled_reason", Channel { disabled_reason: "x".into(), ..hook(|_| ()) }),
        ("webhook.method", hook(|w| w.method = "DELETE".into())),
        ("webhook.body_template", hook(|w| w.body_template = "x".repeat(10_001))),
        ("webhook.secret", hook(|w| w.secret = "whsec_c2hvcnQ=".into())),
        ("webhook.secret", hook(|w| w.secret = format!("whsec_{}", "A".repeat(88)))),
        ("webhook.secret", hook(|w| w.secret = "A".repeat(32))),
        ("webhook.headers", header("X-Team", "a\r\nHost: b")),
        ("slack.url", with("m", Settings::Slack(v1::SlackSettings { url: "http://10.0.0.1/".into() }))),
        ("discord.url", with("m", Settings::Discord(v1::DiscordSettings::default()))),
        ("telegram.bot_token", bot("", "1")),
        ("telegram.bot_token", bot("42:a/../b", "1")),
        ("telegram.chat_id", bot("42:abc", "one")),
    ];
    cases.extend(
        ["Host", "Content-Length", "Transfer-Encoding", "webhook-signature"]
            .map(|name| ("webhook.headers", header(name, "x"))),
    );
    let inside = [
        "",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://[::1]/",
        "http://10.1.2.3/",
        "http://169.254.169.254/",
        "http://localhost/",
        "https://x.internal/",
        "ftp://a.example/",
        "file:///etc/passwd",
        "https://u:p@a.example/",
        "http://good.example\\@127.0.0.1/",
        "https://ping.example.org/ping/x",
    ];
    cases.extend(inside.map(|text| ("webhook.url", url(text))));
    let no_address = [
        "",
        "a@b@c.example",
        "\"a b\"@c.example",
        "a@b.example, c@d.example",
        "a@b.example\r\nBcc: x@y",
        "ä@b.example",
    ];
    cases.extend(no_address.map(|to| ("email.to", mail(to))));
    for (field, channel) in cases {
        assert_eq!(refusal(world.create_channel(channel.clone()).await), bad(field), "{channel:?}");
    }
    assert_eq!(code(get(&world, "m").await), Code::NotFound);
}

#[tokio::test]
async fn a_taken_name_is_refused_until_it_is_free() {
    let world = World::start().await;
    world.create_channel(hook()).await.unwrap();
    assert_eq!(refusal(world.create_channel(hook()).await), (Code::AlreadyExists, "name".into()));
    world.channels().delete_channel(world.ask(v1::DeleteChannelRequest { name: "ops".into() })).await.unwrap();
    world.create_channel(hook()).await.unwrap();
}

#[tokio::test]
async fn only_the_named_settings_change() {
    let world = World::start().await;
    let headers: std::collections::HashMap<_, _> = [("X-Key".to_owned(), "key".to_owned())].into();
    let first =
        v1::WebhookSettings { secret: secret("A"), headers: headers.clone(), ..webhook("https://old.example/") };
    world.create_channel(with("ops", Settings::Webhook(first))).await.unwrap();

    let moved = v1::WebhookSettings { secret: secret("B"), ..webhook("https://new.example/") };
    let edited = update(&world, &["webhook.url"], with("ops", Settings::Webhook(moved.clone()))).await.unwrap();
    assert_eq!(edited.version, 2);
    let now = stored_webhook(&world).await;
    assert_eq!(
        (now.url.as_str(), now.secret, now.headers.clone()),
        ("https://new.example/", secret("A"), headers.clone())
    );

    update(&world, &["webhook.secret"], with("ops", Settings::Webhook(moved))).await.unwrap();
    assert_eq!(stored_webhook(&world).await.secret, secret("B"));

    // Read, change one thing, send the whole back: what was hidden is as it was.
    let mut read = get(&world, "ops").await.unwrap();
    if let Some(Settings::Webhook(webhook)) = &mut read.settings {
        webhook.method = "PUT".into();
    }
    update(&world, &["webhook"], read).await.unwrap();
    let now = stored_webhook(&world).await;
    assert_eq!((now.method.as_str(), now.secret, now.headers), ("PUT", secret("B"), headers));
}

#[tokio::test]
async fn an_update_that_makes_no_sense_is_refused_and_changes_nothing() {
    let world = World::start().await;
    world.create_channel(hook()).await.unwrap();
    for path in ["*", "secret", "id", "tenant", "name", "kind", "version", "webhook.x", "settings"] {
        let refused = update(&world, &[path], hook()).await.unwrap_err();
        assert!(refused.message().contains(&format!("`{path}`")), "{refused}");
        assert_eq!(refusal(Err::<(), _>(refused)), bad("update_mask"));
    }
    let mail = with("ops", Settings::Email(v1::EmailSettings { to: "a@b.example".into() }));
    assert_eq!(refusal(update(&world, &["email"], mail).await), bad("email.to"));
    let inside = with("ops", Settings::Webhook(webhook("http://127.0.0.1/")));
    assert_eq!(refusal(update(&world, &["webhook.url"], inside).await), bad("webhook.url"));
    assert_eq!(refusal(update(&world, &["webhook.secret"], hook()).await), bad("webhook.secret"));
    assert_eq!(
        refusal(update(&world, &[], Channel { name: "ops".into(), ..Channel::default() }).await),
        bad("update_mask")
    );
    assert_eq!(
        refusal(update(&world, &["webhook.url"], Channel { version: 7, ..hook() }).await),
        (Code::Aborted, "version".into())
    );
    assert_eq!(
        code(update(&world, &["webhook.url"], Channel { name: "nobody".into(), ..hook() }).await),
        Code::NotFound
    );
    assert_eq!(
        code(update(&world, &["webhook.url"], Channel { name: "log".into(), ..hook() }).await),
        Code::FailedPrecondition
    );
    assert_eq!(get(&world, "ops").await.unwrap().version, 1);
}

#[tokio::test]
async fn a_channel_is_switched_off_and_on() {
    let world = World::start().await;
    world.create_channel(hook()).await.unwrap();
    let id: ChannelId = get(&world, "ops").await.unwrap().id.parse().unwrap();
    let off = Channel { name: "ops".into(), disabled_reason: "on holiday".into(), ..Channel::default() };
    assert_eq!(update(&world, &["disabled_reason"], off).await.unwrap().disabled_reason, "on holiday");
    crate::support::until(|| async { (world.owner.shards_told(id) == 4).then_some(()) }).await;
    let on = Channel { name: "ops".into(), ..Channel::default() };
    assert_eq!(update(&world, &["disabled_reason"], on).await.unwrap().disabled_reason, "");
    // What a provider's "gone" switched off, new settings switch on.
    let row = world.store.channel(id).await.unwrap().unwrap();
    let gone = store::row::ChannelRow { version: row.version + 1, disabled: "gone".into(), ..row };
    world.store.update_channel(gone).await.unwrap();
    assert_eq!(update(&world, &["webhook.url"], hook()).await.unwrap().disabled_reason, "");
}

#[tokio::test]
async fn a_deleted_channel_leaves_its_monitors_and_closes_its_deliveries() {
    let world = World::start().await;
    let id: ChannelId = world.create_channel(hook()).await.unwrap().id.parse().unwrap();
    let monitor = v1::Monitor { slug: "m".into(), channels: vec!["ops".into(), "log".into()], ..Default::default() };
    assert_eq!(world.create(monitor).await.unwrap().channels, ["ops", "log"]);
    world.pass(1).await;
    world.ping("m", PingKind::Fail, b"").await;
    let deliveries = world.ask(v1::ListDeliveriesRequest { channel: "ops".into(), ..Default::default() });
    let open = world.channels().list_deliveries(deliveries).await.unwrap().into_inner().deliveries;
    assert_eq!((open.len(), open[0].state.as_str(), open[0].channel.as_str()), (1, "offered", "ops"));
    assert_eq!(open[0].transition_ids, [world.get("m").await.unwrap().incident_id]);

    world.channels().delete_channel(world.ask(v1::DeleteChannelRequest { name: "ops".into() })).await.unwrap();
    crate::support::until(|| async { (world.owner.shards_told(id) == 4).then_some(()) }).await;
    let closed = crate::support::until(|| async {
        let delivery = store::TenantReads::delivery(&*world.store, open[0].id.parse().unwrap()).await.unwrap().unwrap();
        delivery.state.is_terminal().then_some(delivery)
    });
    closed.await;
    let row = world.store.channel(id).await.unwrap().unwrap();
    assert!(row.deleted && row.settings.is_empty());
    assert_eq!(world.get("m").await.unwrap().channels, ["log"]);
    assert_eq!(code(get(&world, "ops").await), Code::NotFound);
    let again = world.ask(v1::DeleteChannelRequest { name: "ops".into() });
    assert_eq!(refusal(world.channels().delete_channel(again).await), (Code::NotFound, "name".into()));
}

#[tokio::test]
async fn channels_are_paged_by_name() {
    let world = World::start().await;
    for name in ["b", "c", "a"] {
        world.create_channel(with(name, Settings::Log(v1::LogSettings {}))).await.unwrap();
    }
    let page = |page_token| world.ask(v1::ListChannelsRequest { page_size: 2, page_token });
    let first = world.channels().list_channels(page(String::new())).await.unwrap().into_inner();
    let rest = world.channels().list_channels(page(first.next_page_token)).await.unwrap().into_inner();
    let names: Vec<_> = first.channels.iter().chain(&rest.channels).map(|channel| channel.name.as_str()).collect();
    assert_eq!((names, rest.next_page_token.as_str()), (vec!["a", "b", "c"], ""));
}

#[tokio::test]
async fn a_test_message_tells_how_it_went() {
    let world = World::start().await;
    world.create_channel(hook()).await.unwrap();
    let ask = |name: &str| world.ask(v1::TestChannelRequest { name: name.into() });
    let went = world.channels().test_channel(ask("ops")).await.unwrap().into_inner();
    assert_eq!(went, v1::TestChannelResponse { delivered: true, error: String::new() });
    *world.tester.error.lock() = Some("410 Gone".into());
    let went = world.channels().test_channel(ask("log")).await.unwrap().into_inner();
    assert_eq!(went, v1::TestChannelResponse { delivered: false, error: "410 Gone".into() });
    assert_eq!(code(world.channels().test_channel(ask("nobody")).await), Code::NotFound);
    let tested: Vec<_> = world.tester.tested.lock().iter().map(|row| row.name.clone()).collect();
    assert_eq!(tested, ["ops", "log"]);
    open_settings(&world.sealer, &world.tester.tested.lock()[1]).unwrap();
}

#[tokio::test]
async fn settings_of_another_row_do_not_open() {
    let world = World::start().await;
    world.create_channel(hook()).await.unwrap();
    world.create_channel(with("other", Settings::Log(v1::LogSettings {}))).await.unwrap();
    let row = |name: &'static str| async {
        world.store.channel_by_name(crate::support::TENANT, name).await.unwrap().unwrap()
    };
    let moved = row("ops").await.settings;
    let other = row("other").await;
    world
        .store
        .update_channel(store::row::ChannelRow { version: other.version + 1, settings: moved, ..other })
        .await
        .unwrap();
    let shown = get(&world, "other").await.unwrap();
    assert_eq!((shown.settings, shown.kind.as_str()), (None, "log"));
}
