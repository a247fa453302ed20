//! Keys and backups.

use crate::support::{OTHER, TENANT, World, bad, code, refusal};
use std::path::PathBuf;
use store::row::Scope;
use tonic::{Code, Status};
use wire::v1;

async fn create(world: &World, name: &str, scope: &str) -> Result<v1::CreateKeyResponse, Status> {
    let ask = v1::CreateKeyRequest { name: name.into(), scope: scope.into() };
    world.admins().create_key(world.ask(ask)).await.map(tonic::Response::into_inner)
}

async fn list(world: &World) -> Vec<v1::ApiKey> {
    world.admins().list_keys(world.ask(v1::ListKeysRequest {})).await.unwrap().into_inner().keys
}

async fn revoke(world: &World, prefix: &str) -> Result<v1::RevokeKeyResponse, Status> {
    let ask = v1::RevokeKeyRequest { prefix: prefix.into() };
    world.admins().revoke_key(world.ask(ask)).await.map(tonic::Response::into_inner)
}

async fn lets_in(world: &World, key: &str) -> Result<(), Status> {
    world.monitors().list_monitors(World::ask_with(key, v1::ListMonitorsRequest::default())).await.map(drop)
}

#[tokio::test]
async fn a_key_is_made_shown_once_used_and_revoked() {
    let world = World::start().await;
    world.clock.advance(1_000);
    let made = create(&world, "ci", "write").await.unwrap();
    let info = made.info.unwrap();
    assert_eq!((info.name.as_str(), info.scope.as_str(), info.revoked), ("ci", "write", false));
    lets_in(&world, &made.key).await.unwrap();
    let listed = list(&world).await;
    assert_eq!(listed[1], info);
    assert!(!format!("{listed:?}").contains(&made.key));

    revoke(&world, &info.prefix).await.unwrap();
    // At once, where it was revoked.
    assert_eq!(code(lets_in(&world, &made.key).await), Code::Unauthenticated);
    assert!(list(&world).await[1].revoked);
    revoke(&world, &info.prefix).await.unwrap();
}

#[tokio::test]
async fn a_bad_wish_is_refused_by_name() {
    let world = World::start().await;
    for name in ["", " ", "a\nb", &"x".repeat(101)] {
        assert_eq!(refusal(create(&world, name, "read").await), bad("name"));
    }
    for scope in ["", "Read", "root"] {
        assert_eq!(refusal(create(&world, "ci", scope).await), bad("scope"));
    }
    for prefix in ["", "qpk_aaaaaaaa", "'"] {
        assert_eq!(refusal(revoke(&world, prefix).await), (Code::NotFound, "prefix".into()));
    }
    assert_eq!(list(&world).await.len(), 1);
}

#[tokio::test]
async fn the_last_admin_key_stays() {
    let world = World::start().await;
    let own = list(&world).await[0].prefix.clone();
    assert_eq!(refusal(revoke(&world, &own).await), (Code::FailedPrecondition, "prefix".into()));
    // Keys of lesser scope, revoked ones and another tenant's do not count.
    create(&world, "ci", "write").await.unwrap();
    world.key(OTHER, Scope::Admin).await;
    let second = create(&world, "second", "admin").await.unwrap();
    revoke(&world, &second.info.unwrap().prefix).await.unwrap();
    assert_eq!(code(revoke(&world, &own).await), Code::FailedPrecondition);
    lets_in(&world, &world.admin).await.unwrap();
    let third = create(&world, "third", "admin").await.unwrap();
    revoke(&world, &own).await.unwrap();
    assert_eq!(code(lets_in(&world, &world.admin).await), Code::Unauthenticated);
    lets_in(&world, &third.key).await.unwrap();
}

#[tokio::test]
async fn anothers_key_is_not_there() {
    let world = World::start().await;
    let (key, row) = world.key(OTHER, Scope::Write).await;
    assert_eq!(code(revoke(&world, &row.prefix).await), Code::NotFound);
    lets_in(&world, &key).await.unwrap();
}

async fn backup(world: &World, key: &str, directory: &str) -> Result<u64, Status> {
    let ask = v1::BackupRequest { directory: directory.into() };
    world.admins().backup(World::ask_with(key, ask)).await.map(|reply| reply.into_inner().bytes)
}

#[tokio::test]
async fn the_operator_copies_the_installation() {
    let world = World::start().await;
    assert_eq!(backup(&world, &world.admin, "/backup/today").await.unwrap(), 4_096);
    for directory in ["", "here", "../there", "/a\0b"] {
        assert_eq!(refusal(backup(&world, &world.admin, directory).await), bad("directory"));
    }
    let (other, _) = world.key(OTHER, Scope::Admin).await;
    assert_eq!(code(backup(&world, &other, "/backup/theirs").await), Code::PermissionDenied);
    let (write, _) = world.key(TENANT, Scope::Write).await;
    assert_eq!(code(backup(&world, &write, "/backup/theirs").await), Code::PermissionDenied);
    *world.backups.error.lock() = Some("the directory is not empty".into());
    let refused = backup(&world, &world.admin, "/backup/today").await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::FailedPrecondition, "the directory is not empty"));
    assert_eq!(*world.backups.asked.lock(), [PathBuf::from("/backup/today"), PathBuf::from("/backup/today")]);
}

#[tokio::test]
async fn one_backup_at_a_time() {
    let world = World::start().await;
    let held = world.backups.slow.lock().await;
    let (first, second) = tokio::join!(backup(&world, &world.admin, "/backup/1"), async {
        crate::support::until(|| async { (!world.backups.asked.lock().is_empty()).then_some(()) }).await;
        let second = backup(&world, &world.admin, "/backup/2").await;
        drop(held);
        second
    });
    assert_eq!((first.unwrap(), code(second)), (4_096, Code::FailedPrecondition));
}
