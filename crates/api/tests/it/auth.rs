//! Who is let in.

use crate::support::{OTHER, TENANT, World, code, until};
use domain::ids::TenantId;
use store::Directory;
use store::row::{ApiKeyRow, Scope};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Code, Request};
use wire::v1;

async fn outcome(world: &World, values: &[String]) -> Result<v1::ListMonitorsResponse, tonic::Status> {
    let mut request = Request::new(v1::ListMonitorsRequest::default());
    for value in values {
        request.metadata_mut().append("authorization", value.parse::<MetadataValue<Ascii>>().unwrap());
    }
    world.monitors().list_monitors(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn whoever_shows_no_good_key_is_not_let_in() {
    let world = World::start().await;
    let good = format!("Bearer {}", world.admin);
    outcome(&world, std::slice::from_ref(&good)).await.unwrap();
    outcome(&world, &[format!("bearer {}", world.admin)]).await.unwrap();

    let (unknown, _) = api::keys::new_key(TENANT, "unknown", Scope::Admin, world.now());
    let cases: Vec<Vec<String>> = vec![
        vec![],
        vec![String::new()],
        vec!["Bearer".into()],
        vec!["Bearer ".into()],
        vec![world.admin.clone()],
        vec![format!("Basic {}", world.admin)],
        vec![format!("{good} ")],
        vec![format!("Bearer  {}", world.admin)],
        vec![good.to_uppercase()],
        vec![good[..good.len() - 1].to_owned()],
        vec![format!("Bearer {unknown}")],
        vec![good.clone(), good.clone()],
        vec![format!("{good},{good}")],
        vec![format!("Bearer qpk_{}", "a".repeat(10_000))],
    ];
    for values in cases {
        assert_eq!(code(outcome(&world, &values).await), Code::Unauthenticated, "{values:?}");
    }
    // A megabyte does not get through the transport's own limit, and hurts nobody else.
    outcome(&world, &[format!("Bearer {}", "a".repeat(1 << 20))]).await.unwrap_err();
    until(|| async { outcome(&world, std::slice::from_ref(&good)).await.ok() }).await;
}

#[tokio::test]
async fn the_right_prefix_with_another_secret_is_refused() {
    let world = World::start().await;
    let (key, row) = api::keys::new_key(TENANT, "x", Scope::Admin, world.now());
    world.store.add_api_key(ApiKeyRow { sha256: [0; 32], ..row }).await.unwrap();
    assert_eq!(code(outcome(&world, &[format!("Bearer {key}")]).await), Code::Unauthenticated);
}

#[tokio::test]
async fn a_refusal_repeats_no_key() {
    let world = World::start().await;
    let status = outcome(&world, &["Bearer qpk_canary".into()]).await.unwrap_err();
    assert!(!format!("{status:?}").contains("canary"), "{status:?}");
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_its_trust() {
    let world = World::start().await;
    let (key, row) = world.key(TENANT, Scope::Read).await;
    let values = [format!("Bearer {key}")];
    outcome(&world, &values).await.unwrap();
    // By another node: this one believes it a little longer.
    world.store.revoke_api_key(TENANT, &row.prefix).await.unwrap();
    let refused = until(|| async { outcome(&world, &values).await.err() }).await;
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_key_of_no_tenant_is_refused() {
    let world = World::start().await;
    let (key, _) = world.key(TenantId(99), Scope::Admin).await;
    assert_eq!(code(outcome(&world, &[format!("Bearer {key}")]).await), Code::Unauthenticated);
}

#[tokio::test]
async fn a_key_may_do_what_its_scope_says() {
    let world = World::start().await;
    let (read, _) = world.key(TENANT, Scope::Read).await;
    let (write, _) = world.key(TENANT, Scope::Write).await;
    let mut refused = Vec::new();
    macro_rules! refuse {
        ($key:expr, $client:ident, $($method:ident($message:expr)),+) => {
            $(refused.push((stringify!($method), code(world.$client().$method(World::ask_with($key, $message)).await)));)+
        };
    }
    refuse!(
        &read,
        monitors,
        create_monitor(v1::CreateMonitorRequest::default()),
        update_monitor(v1::UpdateMonitorRequest::default()),
        pause_monitor(v1::PauseMonitorRequest::default()),
        resume_monitor(v1::ResumeMonitorRequest::default()),
        delete_monitor(v1::DeleteMonitorRequest::default()),
        rotate_ping_token(v1::RotatePingTokenRequest::default())
    );
    refuse!(
        &read,
        channels,
        create_channel(v1::CreateChannelRequest::default()),
        update_channel(v1::UpdateChannelRequest::default()),
        delete_channel(v1::DeleteChannelRequest::default()),
        test_channel(v1::TestChannelRequest::default())
    );
    refuse!(&read, incidents, acknowledge_incident(v1::AcknowledgeIncidentRequest::default()));
    for key in [&read, &write] {
        refuse!(
            key,
            admins,
            create_key(v1::CreateKeyRequest::default()),
            list_keys(v1::ListKeysRequest::default()),
            revoke_key(v1::RevokeKeyRequest::default()),
            backup(v1::BackupRequest::default())
        );
    }
    assert_eq!(refused.len(), 19);
    assert!(refused.iter().all(|(_, code)| *code == Code::PermissionDenied), "{refused:?}");

    let list = v1::ListMonitorsRequest::default();
    world.monitors().list_monitors(World::ask_with(&read, list)).await.unwrap();
    let monitor = Some(v1::Monitor { slug: "a".into(), ..Default::default() });
    let create = v1::CreateMonitorRequest { monitor, ..Default::default() };
    world.monitors().create_monitor(World::ask_with(&write, create)).await.unwrap();
}

#[tokio::test]
async fn a_key_that_may_only_read_does_not_get_what_pings() {
    let world = World::start().await;
    let monitor = v1::Monitor { slug: "a".into(), ..Default::default() };
    let made = world.create(monitor).await.unwrap();
    assert!(made.ping_url.starts_with("https://ping.example.org/ping/"), "{}", made.ping_url);
    for (scope, expected) in [(Scope::Read, ""), (Scope::Write, &made.ping_url), (Scope::Admin, &made.ping_url)] {
        let (key, _) = world.key(TENANT, scope).await;
        let get = World::ask_with(&key, v1::GetMonitorRequest { slug: "a".into() });
        let got = world.monitors().get_monitor(get).await.unwrap().into_inner();
        let list = World::ask_with(&key, v1::ListMonitorsRequest::default());
        let listed = world.monitors().list_monitors(list).await.unwrap().into_inner();
        assert_eq!((got.ping_url.as_str(), listed.monitors[0].ping_url.as_str()), (expected, expected));
        assert_eq!(v1::Monitor { ping_url: made.ping_url.clone(), ..got }, made);
    }
}

#[tokio::test]
async fn the_tenant_is_the_keys() {
    let world = World::start().await;
    let (other, _) = world.key(OTHER, Scope::Admin).await;
    let list = v1::ListKeysRequest {};
    let keys = world.admins().list_keys(World::ask_with(&other, list)).await.unwrap().into_inner().keys;
    assert_eq!(keys.len(), 1);
    assert!(other.starts_with(&keys[0].prefix));
}
