//! `create=1`.

use crate::support::client::get;
use crate::support::log::Mode;
use crate::support::{CHANNEL, SLUG, Server, TENANT};
use domain::ids::ChannelId;
use domain::monitor::Policy;
use domain::schedule::Schedule;
use eventlog::AppendError;
use wire::v1::shard_await_response::Answer;
use wire::v1::{Empty, EngineRefusal};

impl Server {
    fn new_slug(&self, rest: &str) -> String {
        format!("/ping/{}/hello{rest}", self.ping_key())
    }

    fn answer(&self, answer: Answer) {
        *self.engine.answer.lock() = Some(answer);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_first_ping_makes_the_monitor_with_the_defaults() {
    let server = Server::start().await;
    server.store.add_channel(ChannelId(78), TENANT, "gone", "endpoint is gone").await;
    server.answer(Answer::Created(Empty {}));
    assert_eq!(get(server.address, &server.new_slug("?create=1")).await, (201, "Created".into()));
    let ping = server.only_ping();
    let config = ping.create.expect("a configuration");
    assert_eq!(
        (config.identity.slug.as_str(), config.identity.name.as_str(), config.identity.tenant),
        ("hello", "hello", TENANT)
    );
    assert_eq!(config.policy, Policy { channels: vec![CHANNEL], ..Policy::daily() });
    let shard = server.keys.shard_of(ping.monitor);
    assert_eq!(*server.engine.asked.lock(), [(shard, 0)]);
    // From now on it is an ordinary ping.
    assert_eq!(get(server.address, &server.new_slug("?create=1")).await, (200, "OK".into()));
    assert_eq!(server.only_ping().create, None);
    assert_eq!(server.engine.asked.lock().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn parameters_make_the_schedule() {
    let server = Server::start().await;
    server.answer(Answer::Created(Empty {}));
    let target = server.new_slug("/start?create=1&period=1m&grace=30s&max_runtime=10m");
    assert_eq!(get(server.address, &target).await, (201, "Created".into()));
    let policy = server.only_ping().create.unwrap().policy;
    assert_eq!(policy.schedule, Schedule::period(60).unwrap());
    assert_eq!((policy.grace_secs, policy.max_runtime_secs), (30, Some(600)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_engine_has_the_last_word() {
    let server = Server::start().await;
    let refusal = |code, field: &str| {
        Answer::Refused(EngineRefusal { code, field: field.into(), message: "too many monitors".into() })
    };
    let cases = [
        (Some(Answer::Found(Empty {})), 200, "OK"),
        (Some(Answer::Applied(Empty {})), 200, "OK"),
        (None, 200, "OK"),
        (Some(refusal(0, "slug")), 404, "not found"),
        (Some(refusal(5, "slug")), 404, "not found"),
        (Some(refusal(2, "slug")), 400, "slug: too many monitors"),
        (Some(refusal(99, "slug")), 400, "slug: too many monitors"),
    ];
    for (place, (answer, status, text)) in cases.into_iter().enumerate() {
        *server.engine.answer.lock() = answer;
        let target = format!("/ping/{}/hello-{place}?create=1", server.ping_key());
        assert_eq!(get(server.address, &target).await, (status, text.into()));
        assert!(server.only_ping().create.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refused_create_makes_nothing() {
    let server = Server::start().await;
    server.answer(Answer::Created(Empty {}));
    let long = "a".repeat(101);
    let key = server.ping_key();
    let cases = [
        (server.new_slug("?create=1&period=soon"), 400, "period: "),
        (server.new_slug("?create=1&grace=400d"), 400, "grace: "),
        (server.new_slug("?create=1&cron=60+*+*+*+*&tz=UTC"), 400, "cron: "),
        (server.new_slug("?create=1&cron=0+3+*+*+*&tz=Nowhere"), 400, "tz: "),
        (server.new_slug("?create=1&oncalendar=never"), 400, "oncalendar: "),
        (server.new_slug("?create=1&max_runtime=0"), 400, "max_runtime: "),
        (server.new_slug("?create=1&cron=%0A%0D%1B"), 400, "cron: "),
        (server.new_slug("/256?create=1"), 400, "invalid url format"),
        (server.new_slug("?create=1&rid=x"), 400, "invalid uuid format"),
        (format!("/ping/{key}/{long}?create=1"), 400, "slug: "),
        (format!("/ping/{key}/Hello?create=1"), 400, "invalid url format"),
        (server.new_slug("?create=1&create=0"), 404, "not found"),
        (server.new_slug("?create=true"), 404, "not found"),
        (format!("/ping/{}/hello?create=1", server.keys.ping_key(TENANT, 9)), 404, "not found"),
        (format!("/ping/{}x?create=1", server.token()), 404, "not found"),
    ];
    for (target, status, beginning) in cases {
        let (found, text) = get(server.address, &target).await;
        assert_eq!(found, status, "{target}: {text}");
        assert!(text.starts_with(beginning) && !text.contains(char::is_control), "{target}: {text:?}");
    }
    assert_eq!(server.pings(), []);
    assert!(server.engine.asked.lock().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn create_means_nothing_on_a_known_slug_or_a_token() {
    let server = Server::start().await;
    for target in [format!("{}/{SLUG}", server.ping_key()), server.token()] {
        assert_eq!(get(server.address, &format!("/ping/{target}?create=1&period=soon")).await, (200, "OK".into()));
        assert_eq!(server.only_ping().create, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn while_the_store_is_away_the_ping_is_kept_and_nothing_deaf_is_made() {
    let server = Server::start().await;
    server.store.set_away(true);
    assert_eq!(get(server.address, &server.new_slug("?create=1")).await, (200, "OK".into()));
    assert_eq!(server.only_ping().create, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_create_that_is_not_durable_is_503() {
    let server = Server::start().await;
    server.log.set(Mode::Fail(AppendError::Broken));
    assert_eq!(get(server.address, &server.new_slug("?create=1")).await.0, 503);
    assert!(server.engine.asked.lock().is_empty());
}
