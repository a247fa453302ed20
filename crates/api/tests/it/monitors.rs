//! Monitors: making, reading, pausing, deleting.

use crate::support::{World, bad, code, refusal};
use api::Limits;
use domain::ping::PingKind;
use prost_types::{Duration, Timestamp};
use std::time::Duration as Time;
use tonic::{Code, Status};
use wire::v1::{self, Monitor};

fn named(slug: &str) -> Monitor {
    Monitor { slug: slug.into(), ..Monitor::default() }
}

fn secs(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

#[tokio::test]
async fn a_bare_slug_gets_the_defaults() {
    let world = World::start().await;
    let made = world.create(named("backup")).await.unwrap();
    assert_eq!(made.id, world.monitor_id("backup").to_string());
    assert_eq!((made.slug.as_str(), made.name.as_str(), made.status.as_str()), ("backup", "backup", "new"));
    assert_eq!((made.period, made.grace), (secs(86_400), secs(3_600)));
    assert_eq!((made.overlap.as_str(), made.on_blind.as_str()), ("allow", "notify"));
    assert_eq!((made.failures_before_alert, made.successes_before_recovery), (1, 1));
    assert_eq!(made.created_at, Some(Timestamp { seconds: world.now().secs_floor(), nanos: 0 }));
    assert_eq!(
        made.ping_url,
        format!("https://ping.example.org/ping/{}", world.keys.token(world.monitor_id("backup"), 0))
    );
    assert_eq!(made.state_age, None);
    assert_eq!(world.get("backup").await.unwrap(), made);
}

#[tokio::test]
async fn every_field_comes_back_as_it_was_set() {
    let world = World::start().await;
    let wanted = Monitor {
        slug: "full".into(),
        name: "Full \u{1f4be}".into(),
        description: "Two\nlines".into(),
        tags: vec!["db".into(), "night".into()],
        cron: "0 2 * * *".into(),
        tz: "Europe/Berlin".into(),
        grace: secs(0),
        max_runtime: secs(600),
        min_runtime: secs(5),
        overlap: "warn".into(),
        early: secs(0),
        failures_before_alert: 2,
        successes_before_recovery: 3,
        assertions: vec!["count >= 1".into()],
        first_ping_within: secs(60),
        remind_every: secs(3_600),
        on_blind: "hold".into(),
        channels: vec!["log".into()],
        manual_resume: true,
        post_only: true,
        ..Monitor::default()
    };
    let made = world.create(wanted.clone()).await.unwrap();
    let outputs = Monitor {
        id: made.id.clone(),
        ping_url: made.ping_url.clone(),
        status: "new".into(),
        deadline_at: made.deadline_at,
        next_expected_at: made.next_expected_at,
        created_at: made.created_at,
        version: made.version,
        ..wanted
    };
    assert_eq!(made, outputs);
}

#[tokio::test]
async fn a_bad_field_is_refused_by_name_and_makes_nothing() {
    let world = World::start().await;
    let texts = |n: usize| vec!["t".to_owned(); n];
    let cases: Vec<(&str, Monitor)> = vec![
        ("slug", named("")),
        ("slug", named("Über")),
        ("slug", named(&"a".repeat(101))),
        ("name", Monitor { name: "   ".into(), ..named("m") }),
        ("name", Monitor { name: "x".repeat(101), ..named("m") }),
        ("name", Monitor { name: "a\0b".into(), ..named("m") }),
        ("name", Monitor { name: "a\u{202e}b".into(), ..named("m") }),
        ("name", Monitor { name: "a\r\nb".into(), ..named("m") }),
        ("description", Monitor { description: "x".repeat(2_001), ..named("m") }),
        ("tags", Monitor { tags: texts(10_000), ..named("m") }),
        ("tags[1]", Monitor { tags: vec!["ok".into(), "a\"b".into()], ..named("m") }),
        ("tags[0]", Monitor { tags: vec!["a\nb".into()], ..named("m") }),
        ("period", Monitor { period: secs(0), ..named("m") }),
        ("period", Monitor { period: secs(-5), ..named("m") }),
        ("period", Monitor { period: secs(i64::MAX), ..named("m") }),
        ("period", Monitor { period: Some(Duration { seconds: 1, nanos: 1 }), ..named("m") }),
        ("cron", Monitor { period: secs(60), cron: "* * * * *".into(), ..named("m") }),
        ("cron", Monitor { cron: "*/0 * * * *".into(), ..named("m") }),
        ("cron", Monitor { cron: "5/0 * * * *".into(), ..named("m") }),
        ("cron", Monitor { cron: "60 * * * *".into(), ..named("m") }),
        ("cron", Monitor { cron: "10-5 * * * *".into(), ..named("m") }),
        ("cron", Monitor { cron: "0 0 30 2 *".into(), ..named("m") }),
        ("cron", Monitor { cron: ",".repeat(10_000), ..named("m") }),
        ("oncalendar", Monitor { oncalendar: "1999-01-01".into(), ..named("m") }),
        ("tz", Monitor { cron: "* * * * *".into(), tz: "../../etc/passwd".into(), ..named("m") }),
        ("tz", Monitor { cron: "* * * * *".into(), tz: "europe/berlin".into(), ..named("m") }),
        ("tz", Monitor { tz: "Europe/Berlin".into(), ..named("m") }),
        ("grace", Monitor { grace: secs(366 * 86_400 + 1), ..named("m") }),
        ("grace", Monitor { grace: secs(-1), ..named("m") }),
        ("max_runtime", Monitor { max_runtime: secs(0), ..named("m") }),
        ("min_runtime", Monitor { min_runtime: secs(9), max_runtime: secs(9), ..named("m") }),
        ("overlap", Monitor { overlap: "never".into(), ..named("m") }),
        ("early", Monitor { early: secs(1 << 40), ..named("m") }),
        ("failures_before_alert", Monitor { failures_before_alert: 101, ..named("m") }),
        ("successes_before_recovery", Monitor { successes_before_recovery: u32::MAX, ..named("m") }),
        ("assertions[0]", Monitor { assertions: vec!["count => 1".into()], ..named("m") }),
        ("assertions", Monitor { assertions: texts(17), ..named("m") }),
        ("first_ping_within", Monitor { first_ping_within: secs(0), ..named("m") }),
        ("remind_every", Monitor { remind_every: secs(5), ..named("m") }),
        ("on_blind", Monitor { on_blind: "ignore".into(), ..named("m") }),
        ("channels", Monitor { channels: vec!["nobody".into()], ..named("m") }),
        ("channels", Monitor { channels: texts(33), ..named("m") }),
        ("id", Monitor { id: "0123456789abcdef".into(), ..named("m") }),
        ("status", Monitor { status: "up".into(), ..named("m") }),
        ("created_at", Monitor { created_at: Some(Timestamp::default()), ..named("m") }),
        ("ping_url", Monitor { ping_url: "https://x".into(), ..named("m") }),
        ("ping_count", Monitor { ping_count: 1, ..named("m") }),
        ("version", Monitor { version: 3, ..named("m") }),
        ("last_exit_code", Monitor { last_exit_code: Some(0), ..named("m") }),
    ];
    for (field, monitor) in cases {
        assert_eq!(refusal(world.create(monitor.clone()).await), bad(field), "{monitor:?}");
    }
    assert_eq!(code(world.get("m").await), Code::NotFound);
    let nothing = v1::CreateMonitorRequest::default();
    assert_eq!(refusal(world.monitors().create_monitor(world.ask(nothing)).await), bad("monitor"));
}

#[tokio::test]
async fn a_taken_slug_stays_who_it_is() {
    let world = World::start().await;
    world.create(Monitor { name: "First".into(), ..named("m") }).await.unwrap();
    assert_eq!(refusal(world.create(named("m")).await), (Code::AlreadyExists, "slug".into()));
    assert_eq!(world.get("m").await.unwrap().name, "First");
}

#[tokio::test]
async fn a_command_id_makes_a_repeat_harmless() {
    let world = World::start().await;
    let id = "cm_00000000000000000000000000000001";
    let first = world.create_under(id, named("m")).await.unwrap();
    assert_eq!(world.create_under(id, named("m")).await.unwrap(), first);
    let other = Monitor { name: "Other".into(), ..named("m") };
    assert_eq!(refusal(world.create_under(id, other).await), (Code::AlreadyExists, "command_id".into()));
    assert_eq!(world.get("m").await.unwrap(), first);
    for bent in ["cm_", "cm_1", "tr_00000000000000000000000000000001", "cm_0000000000000000000000000000000G", "\n"] {
        assert_eq!(refusal(world.create_under(bent, named("n")).await), bad("command_id"), "{bent}");
    }
}

#[tokio::test]
async fn an_owner_that_falls_behind_leaves_an_id_to_repeat() {
    let world = World::with(Limits { answer: Time::from_millis(200), ..crate::support::limits() }).await;
    let id = "cm_00000000000000000000000000000002";
    world.owner.set_behind(true);
    let late = world.create_under(id, named("m")).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    assert!(late.message().contains(id), "{late}");
    world.owner.set_behind(false);
    let made = repeat_until_known(&world, id).await;
    assert_eq!(world.get("m").await.unwrap(), made);
}

/// The command is in the log twice by now: the second is the same.
async fn repeat_until_known(world: &World, id: &str) -> Monitor {
    crate::support::until(|| async {
        match world.create_under(id, named("m")).await {
            Err(late) if late.code() == Code::DeadlineExceeded => None,
            outcome => Some(outcome.unwrap()),
        }
    })
    .await
}

#[tokio::test]
async fn an_owner_that_is_away_is_waited_for() {
    let world = World::start().await;
    world.owner.set_away(true);
    let (outcome, ()) = tokio::join!(world.create(named("m")), async {
        tokio::time::sleep(Time::from_millis(300)).await;
        world.owner.set_away(false);
    });
    assert_eq!(outcome.unwrap().slug, "m");
}

#[tokio::test]
async fn a_log_that_takes_nothing_is_said_to() {
    let world = World::start().await;
    world.close_log().await;
    assert_eq!(code(world.create(named("m")).await), Code::Unavailable);
}

#[tokio::test]
async fn live_fields_are_true_to_the_second() {
    let world = World::start().await;
    world.create(Monitor { period: secs(10), grace: secs(5), ..named("m") }).await.unwrap();
    world.pass(1).await;
    world.ping("m", PingKind::Start, b"").await;
    let running = world.get("m").await.unwrap();
    assert_eq!((running.running, running.open_runs, running.last_ping_kind.as_str()), (true, 1, "start"));
    world.ping("m", PingKind::Exit(0), b"").await;
    let up = world.get("m").await.unwrap();
    assert_eq!((up.status.as_str(), up.running, up.last_exit_code, up.ping_count), ("up", false, Some(0), 2));
    assert_eq!(up.last_duration, Some(Duration { seconds: 1, nanos: 500_000_000 }));
    assert_eq!(up.next_expected_at.unwrap().seconds, world.now().secs_floor() + 10);
    world.pass(12).await;
    assert_eq!(world.get("m").await.unwrap().status, "late");
    world.pass(10).await;
    let down = world.get("m").await.unwrap();
    assert_eq!((down.status.as_str(), down.acknowledged), ("down", false));
    assert!(down.incident_id.starts_with("tr_") && down.down_since.is_some());
}

#[tokio::test]
async fn when_the_owner_is_away_the_store_answers_with_its_age() {
    let world = World::start().await;
    world.create(Monitor { period: secs(60), ..named("m") }).await.unwrap();
    world.pass(1).await;
    world.ping("m", PingKind::Success, b"").await;
    world.clock.advance(7_000);
    world.owner.set_away(true);
    let stored = world.get("m").await.unwrap();
    assert_eq!((stored.status.as_str(), stored.state_age), ("up", secs(7)));
    assert_eq!(code(world.get("nobody").await), Code::Unavailable, "whether there is one stands in the log");
    world.owner.set_away(false);
    assert_eq!(code(world.get("nobody").await), Code::NotFound);
}

#[tokio::test]
async fn an_owner_that_is_behind_is_no_witness_that_a_monitor_does_not_exist() {
    let world = World::start().await;
    world.create(named("m")).await.unwrap();
    world.owner.set_behind(true);
    assert_eq!(world.get("m").await.unwrap().slug, "m", "what it knows it tells");
    assert_eq!(code(world.get("nobody").await), Code::Unavailable);
    world.owner.set_behind(false);
    assert_eq!(code(world.get("nobody").await), Code::NotFound);
}

async fn act(world: &World, what: &str, slug: &str) -> Result<Monitor, Status> {
    let slug = slug.to_owned();
    let reply = match what {
        "pause" => {
            world.monitors().pause_monitor(world.ask(v1::PauseMonitorRequest { slug, ..Default::default() })).await
        }
        "resume" => {
            world.monitors().resume_monitor(world.ask(v1::ResumeMonitorRequest { slug, ..Default::default() })).await
        }
        _ => {
            world
                .monitors()
                .rotate_ping_token(world.ask(v1::RotatePingTokenRequest { slug, ..Default::default() }))
                .await
        }
    };
    reply.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn pause_and_resume() {
    let world = World::start().await;
    world.create(named("m")).await.unwrap();
    assert_eq!(refusal(act(&world, "resume", "m").await), (Code::FailedPrecondition, "status".into()));
    let paused = act(&world, "pause", "m").await.unwrap();
    assert_eq!((paused.status.as_str(), paused.paused_until), ("paused", None));
    assert_eq!(act(&world, "resume", "m").await.unwrap().status, "new");

    let pause = |pause_for| world.ask(v1::PauseMonitorRequest { slug: "m".into(), pause_for, ..Default::default() });
    let paused = world.monitors().pause_monitor(pause(secs(90))).await.unwrap().into_inner();
    assert_eq!(paused.paused_until.unwrap().seconds, world.now().secs_floor() + 90);
    for wrong in [secs(0), secs(-1), secs(i64::MAX), Some(Duration { seconds: 1, nanos: 5 })] {
        assert_eq!(refusal(world.monitors().pause_monitor(pause(wrong)).await), bad("pause_for"));
    }
}

#[tokio::test]
async fn a_rotated_token_is_another_url() {
    let world = World::start().await;
    let before = world.create(named("m")).await.unwrap().ping_url;
    let after = act(&world, "rotate", "m").await.unwrap().ping_url;
    assert_eq!(after, format!("https://ping.example.org/ping/{}", world.keys.token(world.monitor_id("m"), 1)));
    assert_ne!(before, after);
}

#[tokio::test]
async fn a_deleted_monitor_is_gone_for_every_call() {
    let world = World::start().await;
    world.create(named("m")).await.unwrap();
    let delete = || world.ask(v1::DeleteMonitorRequest { slug: "m".into(), ..Default::default() });
    world.monitors().delete_monitor(delete()).await.unwrap();
    assert_eq!(refusal(world.get("m").await), (Code::NotFound, "slug".into()));
    assert_eq!(refusal(world.monitors().delete_monitor(delete()).await), (Code::NotFound, "slug".into()));
    for what in ["pause", "resume", "rotate"] {
        assert_eq!(code(act(&world, what, "m").await), Code::NotFound, "{what}");
    }
    let pings = v1::ListPingsRequest { slug: "m".into(), ..Default::default() };
    assert_eq!(code(world.monitors().list_pings(world.ask(pings)).await), Code::NotFound);
    let transitions = v1::ListTransitionsRequest { slug: "m".into(), ..Default::default() };
    assert_eq!(code(world.monitors().list_transitions(world.ask(transitions)).await), Code::NotFound);
    world.owner.set_away(true);
    assert_eq!(code(world.get("m").await), Code::NotFound);
    world.owner.set_away(false);
    let again = world.create(named("m")).await.unwrap();
    assert_eq!((again.status.as_str(), again.ping_count), ("new", 0));
}
