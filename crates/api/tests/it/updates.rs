//! Edits: masks and versions.

use crate::support::{World, bad, code, refusal};
use prost_types::{Duration, FieldMask};
use tonic::{Code, Status};
use wire::v1::{self, Monitor};

fn m() -> Monitor {
    Monitor { slug: "m".into(), ..Monitor::default() }
}

fn secs(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

/// A world with a monitor `m`, and its version. It was edited once: version 0 in a request means "any".
async fn world() -> (World, u32) {
    let world = World::start().await;
    let cron = Monitor {
        cron: "0 2 * * *".into(),
        tz: "Europe/Berlin".into(),
        tags: vec!["db".into()],
        max_runtime: secs(60),
        ..m()
    };
    world.create(cron).await.unwrap();
    let version = update(&world, &["description"], m()).await.unwrap().version;
    (world, version)
}

async fn update_under(world: &World, id: &str, paths: &[&str], monitor: Monitor) -> Result<Monitor, Status> {
    let mask = FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() };
    let update_mask = (!paths.is_empty()).then_some(mask);
    let message = v1::UpdateMonitorRequest { monitor: Some(monitor), update_mask, command_id: id.to_owned() };
    world.monitors().update_monitor(world.ask(message)).await.map(tonic::Response::into_inner)
}

async fn update(world: &World, paths: &[&str], monitor: Monitor) -> Result<Monitor, Status> {
    update_under(world, "", paths, monitor).await
}

#[tokio::test]
async fn only_the_named_fields_change() {
    let (world, version) = world().await;
    let wanted = Monitor { name: "New".into(), tags: vec!["other".into()], grace: secs(5), ..m() };
    let edited = update(&world, &["name", "grace"], wanted).await.unwrap();
    assert_eq!((edited.name.as_str(), edited.grace, edited.version), ("New", secs(5), version + 1));
    assert_eq!(
        (edited.tags.clone(), edited.cron.as_str(), edited.max_runtime),
        (vec!["db".to_owned()], "0 2 * * *", secs(60))
    );
    assert_eq!(world.get("m").await.unwrap(), edited);
}

#[tokio::test]
async fn a_tag_said_twice_is_one() {
    let (world, _) = world().await;
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    let twice = Monitor { tags: tags(&["b", "a", "b"]), ..m() };
    assert_eq!(update(&world, &["tags"], twice.clone()).await.unwrap().tags, tags(&["b", "a"]));
    let made = world.create(Monitor { slug: "other".into(), ..twice }).await.unwrap();
    assert_eq!(made.tags, tags(&["b", "a"]));
    let often = Monitor { slug: "often".into(), tags: vec!["a".into(); 32], ..Monitor::default() };
    assert_eq!(world.create(often).await.unwrap().tags, tags(&["a"]));
}

#[tokio::test]
async fn a_named_field_that_is_not_set_is_cleared() {
    let (world, _) = world().await;
    let edited = update(&world, &["tags", "max_runtime", "grace"], m()).await.unwrap();
    assert_eq!((edited.tags, edited.max_runtime, edited.grace), (Vec::new(), None, secs(3_600)));
}

#[tokio::test]
async fn an_empty_mask_names_what_is_set() {
    let (world, _) = world().await;
    let edited = update(&world, &[], Monitor { description: "why".into(), ..m() }).await.unwrap();
    assert_eq!((edited.description.as_str(), edited.tags.len()), ("why", 1));
    assert_eq!(refusal(update(&world, &[], m()).await), bad("update_mask"));
    let status = Monitor { description: "why".into(), status: "up".into(), ..m() };
    assert_eq!(refusal(update(&world, &[], status).await), bad("status"));
}

#[tokio::test]
async fn a_message_as_it_was_read_may_be_sent_back_under_a_mask() {
    let (world, version) = world().await;
    let read = world.get("m").await.unwrap();
    let edited = update(&world, &["name"], Monitor { name: "Back".into(), ..read }).await.unwrap();
    assert_eq!((edited.name.as_str(), edited.version), ("Back", version + 1));
}

#[tokio::test]
async fn schedules_are_replaced_and_moved() {
    let (world, _) = world().await;
    let moved = update(&world, &["tz"], Monitor { tz: "Asia/Tokyo".into(), ..m() }).await.unwrap();
    assert_eq!((moved.cron.as_str(), moved.tz.as_str()), ("0 2 * * *", "Asia/Tokyo"));
    let other = update(&world, &["cron"], Monitor { cron: "0 3 * * *".into(), ..m() }).await.unwrap();
    assert_eq!((other.cron.as_str(), other.tz.as_str()), ("0 3 * * *", "Asia/Tokyo"));
    let calendar = Monitor { oncalendar: "*-*-* 04:00:00".into(), tz: "UTC".into(), ..m() };
    let calendar = update(&world, &["period", "cron", "oncalendar", "tz"], calendar).await.unwrap();
    assert_eq!(
        (calendar.cron.as_str(), calendar.oncalendar.as_str(), calendar.tz.as_str()),
        ("", "*-*-* 04:00:00", "UTC")
    );
    let period = update(&world, &["period"], Monitor { period: secs(60), ..m() }).await.unwrap();
    assert_eq!((period.period, period.oncalendar.as_str(), period.tz.as_str()), (secs(60), "", ""));
    assert_eq!(refusal(update(&world, &["tz"], Monitor { tz: "UTC".into(), ..m() }).await), bad("tz"));
    assert_eq!(refusal(update(&world, &["cron"], m()).await), bad("cron"));
    let two = Monitor { period: secs(60), cron: "* * * * *".into(), ..m() };
    assert_eq!(refusal(update(&world, &["period", "cron"], two).await), bad("cron"));
}

#[tokio::test]
async fn what_cannot_be_set_cannot_be_named() {
    let (world, version) = world().await;
    for path in [
        "*",
        "",
        "id",
        "tenant",
        "slug",
        "status",
        "secret",
        "created_at",
        "version",
        "ping_url",
        "maxRuntime",
        "name,tags",
        "monitor.name",
    ] {
        let refused = update(&world, &["name", path], Monitor { name: "x".into(), ..m() }).await.unwrap_err();
        assert!(refused.message().contains(&format!("`{path}`")), "{path}: {refused}");
        assert_eq!(refusal(Err::<(), _>(refused)), bad("update_mask"), "{path}");
    }
    assert_eq!(world.get("m").await.unwrap().version, version);
}

#[tokio::test]
async fn a_bad_value_is_refused_by_name_and_changes_nothing() {
    let (world, version) = world().await;
    let cases = [
        ("name", Monitor { name: String::new(), ..m() }),
        ("grace", Monitor { grace: secs(-1), ..m() }),
        ("min_runtime", Monitor { min_runtime: secs(60), ..m() }),
        ("overlap", Monitor { overlap: "x".into(), ..m() }),
        ("channels", Monitor { channels: vec!["nobody".into()], ..m() }),
        ("failures_before_alert", Monitor { failures_before_alert: 256, ..m() }),
    ];
    for (field, monitor) in cases {
        assert_eq!(refusal(update(&world, &[field], monitor).await), bad(field));
    }
    assert_eq!(world.get("m").await.unwrap().version, version);
    assert_eq!(
        code(update(&world, &["name"], Monitor { name: "x".into(), slug: "nobody".into(), ..m() }).await),
        Code::NotFound
    );
    let nothing = v1::UpdateMonitorRequest::default();
    assert_eq!(refusal(world.monitors().update_monitor(world.ask(nothing)).await), bad("monitor"));
}

#[tokio::test]
async fn a_stale_version_is_refused() {
    let (world, version) = world().await;
    let first = update(&world, &["name"], Monitor { name: "First".into(), version, ..m() }).await.unwrap();
    assert_eq!(first.version, version + 1);
    let stale = Monitor { name: "Second".into(), version, ..m() };
    assert_eq!(refusal(update(&world, &["name"], stale).await), (Code::Aborted, "version".into()));
    let future = Monitor { name: "Second".into(), version: version + 9, ..m() };
    assert_eq!(code(update(&world, &["name"], future).await), Code::Aborted);
    assert_eq!(world.get("m").await.unwrap().name, "First");
}

#[tokio::test]
async fn edits_without_a_version_do_not_lose_each_other() {
    let (world, version) = world().await;
    let name = update(&world, &["name"], Monitor { name: "N".into(), ..m() });
    let tags = update(&world, &["tags"], Monitor { tags: vec!["t".into()], ..m() });
    let grace = update(&world, &["grace"], Monitor { grace: secs(1), ..m() });
    let early = update(&world, &["early"], Monitor { early: secs(2), ..m() });
    let (name, tags, grace, early) = tokio::join!(name, tags, grace, early);
    assert!([name, tags, grace, early].into_iter().all(|edited| edited.is_ok()));
    let after = world.get("m").await.unwrap();
    assert_eq!((after.name.as_str(), after.tags[0].as_str(), after.grace, after.early), ("N", "t", secs(1), secs(2)));
    assert_eq!(after.version, version + 4);
}

#[tokio::test]
async fn a_repeated_command_id_edits_once() {
    let (world, version) = world().await;
    let id = "cm_000000000000000000000000000000aa";
    let wanted = Monitor { name: "Once".into(), version, ..m() };
    let first = update_under(&world, id, &["name"], wanted.clone()).await.unwrap();
    assert_eq!(update_under(&world, id, &["name"], wanted).await.unwrap(), first);
    assert_eq!(world.get("m").await.unwrap().version, version + 1);
    let other = Monitor { name: "Twice".into(), ..m() };
    assert_eq!(refusal(update_under(&world, id, &["name"], other).await), (Code::AlreadyExists, "command_id".into()));
    assert_eq!(world.get("m").await.unwrap().name, "Once");
}
