//! Pages.

use crate::support::{World, bad, refusal};
use domain::ping::PingKind;
use prost_types::Duration;
use wire::v1::{self, Monitor};

async fn many(world: &World, count: usize) {
    for n in 0..count {
        let tags = if n % 2 == 0 { vec!["even".to_owned(), "all".to_owned()] } else { vec!["all".to_owned()] };
        let period = Some(Duration { seconds: 10, nanos: 0 });
        let monitor = Monitor { slug: format!("m{n:02}"), tags, period, grace: period, ..Monitor::default() };
        world.create(monitor).await.unwrap();
    }
}

async fn list(world: &World, ask: v1::ListMonitorsRequest) -> v1::ListMonitorsResponse {
    world.monitors().list_monitors(world.ask(ask)).await.unwrap().into_inner()
}

/// All slugs, page by page, and how many pages it took.
async fn all(world: &World, mut ask: v1::ListMonitorsRequest) -> (Vec<String>, usize) {
    let (mut slugs, mut pages) = (Vec::new(), 0);
    loop {
        let page = list(world, ask.clone()).await;
        assert!(page.monitors.len() <= ask.page_size as usize);
        slugs.extend(page.monitors.into_iter().map(|monitor| monitor.slug));
        pages += 1;
        if page.next_page_token.is_empty() {
            return (slugs, pages);
        }
        ask.page_token = page.next_page_token;
    }
}

#[tokio::test]
async fn pages_meet_without_gap_or_overlap() {
    let world = World::start().await;
    many(&world, 7).await;
    let expected: Vec<String> = (0..7).map(|n| format!("m{n:02}")).collect();
    for page_size in [1, 2, 3, 7, 100] {
        let (slugs, pages) = all(&world, v1::ListMonitorsRequest { page_size, ..Default::default() }).await;
        assert_eq!((slugs, pages), (expected.clone(), 7_usize.div_ceil(page_size as usize)));
    }
    let whole = list(&world, v1::ListMonitorsRequest { page_size: u32::MAX, ..Default::default() }).await;
    assert_eq!(whole.monitors.len(), 7);
}

#[tokio::test]
async fn tags_and_status_narrow_the_list() {
    let world = World::start().await;
    many(&world, 6).await;
    world.pass(1).await;
    for slug in ["m01", "m02", "m05"] {
        world.ping(slug, PingKind::Success, b"").await;
    }
    world.ping("m03", PingKind::Fail, b"").await;
    let status =
        |status: &str, page_size| v1::ListMonitorsRequest { status: status.into(), page_size, ..Default::default() };
    assert_eq!(all(&world, status("up", 2)).await.0, ["m01", "m02", "m05"]);
    assert_eq!(all(&world, status("down", 1)).await.0, ["m03"]);
    assert_eq!(all(&world, status("new", 100)).await.0, ["m00", "m04"]);
    assert_eq!(all(&world, status("paused", 100)).await.0, [""; 0]);
    // `late` is nowhere stored: it is seen because the owners are asked.
    world.pass(15).await;
    assert_eq!(all(&world, status("late", 1)).await.0, ["m01", "m02", "m05"]);
    let tagged = |tags: &[&str]| {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        v1::ListMonitorsRequest { tags, page_size: 2, status: "late".into(), ..Default::default() }
    };
    assert_eq!(all(&world, tagged(&["all", "even"])).await.0, ["m02"]);
    assert_eq!(all(&world, tagged(&["nobody"])).await.0, [""; 0]);
}

#[tokio::test]
async fn a_list_without_owners_is_the_stores_and_says_so() {
    let world = World::start().await;
    many(&world, 3).await;
    world.clock.advance(5_000);
    world.owner.set_away(true);
    let page = list(&world, v1::ListMonitorsRequest::default()).await;
    assert_eq!(page.monitors.len(), 3);
    assert!(page.monitors.iter().all(|monitor| monitor.state_age == Some(Duration { seconds: 5, nanos: 0 })));
}

#[tokio::test]
async fn deleted_monitors_are_not_listed() {
    let world = World::start().await;
    many(&world, 2).await;
    world
        .monitors()
        .delete_monitor(world.ask(v1::DeleteMonitorRequest { slug: "m00".into(), ..Default::default() }))
        .await
        .unwrap();
    assert_eq!(all(&world, v1::ListMonitorsRequest { page_size: 9, ..Default::default() }).await.0, ["m01"]);
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused_by_name() {
    let world = World::start().await;
    many(&world, 1).await;
    let ask = |ask: v1::ListMonitorsRequest| async { refusal(world.monitors().list_monitors(world.ask(ask)).await) };
    assert_eq!(ask(v1::ListMonitorsRequest { status: "UP".into(), ..Default::default() }).await, bad("status"));
    assert_eq!(ask(v1::ListMonitorsRequest { tags: vec!["t".into(); 1_000], ..Default::default() }).await, bad("tags"));
    for token in ["x", "\0", "'; drop table monitor; --"].map(str::to_owned).into_iter().chain(["x".repeat(5_000)]) {
        let list = v1::ListMonitorsRequest { page_token: token.clone(), ..Default::default() };
        assert_eq!(ask(list).await, bad("page_token"));
        let pings = v1::ListPingsRequest { slug: "m00".into(), page_token: token.clone(), ..Default::default() };
        assert_eq!(refusal(world.monitors().list_pings(world.ask(pings)).await), bad("page_token"));
        let transitions =
            v1::ListTransitionsRequest { slug: "m00".into(), page_token: token.clone(), ..Default::default() };
        assert_eq!(refusal(world.monitors().list_transitions(world.ask(transitions)).await), bad("page_token"));
        let incidents = v1::ListIncidentsRequest { page_token: token.clone(), ..Default::default() };
        assert_eq!(refusal(world.incidents().list_incidents(world.ask(incidents)).await), bad("page_token"));
        let channels = v1::ListChannelsRequest { page_token: token.clone(), ..Default::default() };
        assert_eq!(refusal(world.channels().list_channels(world.ask(channels)).await), bad("page_token"));
        let deliveries = v1::ListDeliveriesRequest { channel: "log".into(), page_token: token, ..Default::default() };
        assert_eq!(refusal(world.channels().list_deliveries(world.ask(deliveries)).await), bad("page_token"));
    }
}

#[tokio::test]
async fn a_token_leads_on_under_its_own_filter_only() {
    let world = World::start().await;
    many(&world, 4).await;
    let ask = |status: &str, tag: &str, page_token: &str| v1::ListMonitorsRequest {
        status: status.into(),
        tags: Some(tag).filter(|tag| !tag.is_empty()).map(str::to_owned).into_iter().collect(),
        page_size: 1,
        page_token: page_token.into(),
    };
    let filters = [("", ""), ("new", ""), ("up", ""), ("", "all"), ("new", "all")];
    for (status, tag) in [("", ""), ("new", ""), ("", "all"), ("new", "all")] {
        let token = list(&world, ask(status, tag, "")).await.next_page_token;
        assert_eq!(list(&world, ask(status, tag, &token)).await.monitors[0].slug, "m01");
        for (other, other_tag) in filters.into_iter().filter(|filter| *filter != (status, tag)) {
            let crossed = world.monitors().list_monitors(world.ask(ask(other, other_tag, &token))).await;
            assert_eq!(refusal(crossed), bad("page_token"), "{status} {tag} as {other} {other_tag}");
        }
    }
}

async fn pings_of(world: &World, page_size: u32, page_token: String) -> v1::ListPingsResponse {
    let ask = v1::ListPingsRequest { slug: "m00".into(), page_size, page_token };
    world.monitors().list_pings(world.ask(ask)).await.unwrap().into_inner()
}

async fn transitions_of(world: &World, page_size: u32) -> v1::ListTransitionsResponse {
    let ask = v1::ListTransitionsRequest { slug: "m00".into(), page_size, ..Default::default() };
    world.monitors().list_transitions(world.ask(ask)).await.unwrap().into_inner()
}

/// Deletes `m00`, which has been down, and makes it anew after `pause_ms`.
async fn made_anew_after(world: &World, pause_ms: i64) {
    many(world, 1).await;
    world.pass(1).await;
    for _ in 0..3 {
        world.ping("m00", PingKind::Fail, b"old").await;
    }
    assert_eq!(
        (pings_of(world, 9, String::new()).await.pings.len(), transitions_of(world, 9).await.transitions.len()),
        (3, 1)
    );
    world
        .monitors()
        .delete_monitor(world.ask(v1::DeleteMonitorRequest { slug: "m00".into(), ..Default::default() }))
        .await
        .unwrap();
    world.clock.advance(pause_ms);
    many(world, 1).await;
}

#[tokio::test]
async fn a_monitor_made_anew_shows_nothing_of_its_predecessor() {
    // Also when it follows within the lateness a ping may have.
    for pause_ms in [0, 1_000, 3_600_000] {
        let world = World::start().await;
        made_anew_after(&world, pause_ms).await;
        assert_eq!(pings_of(&world, 9, String::new()).await, v1::ListPingsResponse::default());
        assert_eq!(transitions_of(&world, 9).await, v1::ListTransitionsResponse::default());
        for body in [b"new 1", b"new 2"] {
            world.ping("m00", PingKind::Fail, body).await;
        }
        for page_size in [1, 2, 9] {
            let (mut bodies, mut token) = (Vec::new(), String::new());
            loop {
                let page = pings_of(&world, page_size, token).await;
                bodies.extend(page.pings.into_iter().map(|ping| ping.body));
                token = page.next_page_token;
                if token.is_empty() {
                    break;
                }
            }
            assert_eq!(bodies, [b"new 2", b"new 1"], "{pause_ms} ms, pages of {page_size}");
        }
        let shown = transitions_of(&world, 9).await;
        let down = world.get("m00").await.unwrap().incident_id;
        assert_eq!(shown.transitions.iter().map(|row| row.id.clone()).collect::<Vec<_>>(), [down]);
        assert_eq!(shown.next_page_token, "");
    }
}

#[tokio::test]
async fn a_stored_monitor_made_anew_shows_nothing_of_its_predecessor() {
    let world = World::start().await;
    made_anew_after(&world, 3_600_000).await;
    world.owner.set_away(true);
    assert_eq!(pings_of(&world, 1, String::new()).await, v1::ListPingsResponse::default());
    assert_eq!(transitions_of(&world, 1).await, v1::ListTransitionsResponse::default());
}

#[tokio::test]
async fn pings_are_listed_newest_first_with_what_was_sent() {
    let world = World::start().await;
    many(&world, 1).await;
    for n in 0..5 {
        world.clock.advance(1_000);
        world.ping("m00", PingKind::Exit(n), &[n, 0xff]).await;
    }
    let ask = |page_size, page_token| world.ask(v1::ListPingsRequest { slug: "m00".into(), page_size, page_token });
    let first = world.monitors().list_pings(ask(3, String::new())).await.unwrap().into_inner();
    let rest = world.monitors().list_pings(ask(3, first.next_page_token)).await.unwrap().into_inner();
    let numbers: Vec<u32> = first.pings.iter().chain(&rest.pings).map(|ping| ping.number).collect();
    assert_eq!((numbers, rest.next_page_token.as_str()), (vec![5, 4, 3, 2, 1], ""));
    let newest = &first.pings[0];
    assert_eq!((newest.kind.as_str(), newest.exit_code, newest.body.as_slice()), ("exit", Some(4), &[4, 0xff][..]));
    assert_eq!(newest.duration, Some(Duration { seconds: 1, nanos: 500_000_000 }));
}

#[tokio::test]
async fn a_page_of_large_bodies_fits_a_message() {
    let world = World::start().await;
    many(&world, 1).await;
    for _ in 0..60 {
        world.ping("m00", PingKind::Log, &[b'x'; 100_000]).await;
    }
    let (mut seen, mut token) = (0, String::new());
    loop {
        let ask = v1::ListPingsRequest { slug: "m00".into(), page_size: 1_000, page_token: token };
        let page = world.monitors().list_pings(world.ask(ask)).await.unwrap().into_inner();
        seen += page.pings.len();
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, 60);
}

#[tokio::test]
async fn transitions_are_listed_newest_first() {
    let world = World::start().await;
    many(&world, 1).await;
    world.pass(1).await;
    world.ping("m00", PingKind::Fail, b"").await;
    world.ping("m00", PingKind::Success, b"").await;
    let ask =
        |page_size, page_token| world.ask(v1::ListTransitionsRequest { slug: "m00".into(), page_size, page_token });
    let newest = world.monitors().list_transitions(ask(1, String::new())).await.unwrap().into_inner();
    let older = world.monitors().list_transitions(ask(9, newest.next_page_token)).await.unwrap().into_inner();
    let up = &newest.transitions[0];
    assert_eq!(
        (up.r#type.as_str(), up.from.as_str(), up.to.as_str(), up.reason.as_str()),
        ("monitor.up", "down", "up", "recovered")
    );
    let down = &older.transitions[0];
    assert_eq!((down.r#type.as_str(), down.reason.as_str(), down.slug.as_str()), ("monitor.down", "failed", "m00"));
    assert_eq!(
        (down.monitor_id.clone(), up.incident_id.clone()),
        (world.monitor_id("m00").to_string(), down.id.clone())
    );
}
