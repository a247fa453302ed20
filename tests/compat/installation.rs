//! `installation.toml`, and what hangs on the secrets in it for ever: monitor ids, ping URLs, ping keys. Nothing that was
//! handed out may change its meaning, whatever becomes of the file.

use crate::frozen::{self, UNKNOWN};
use domain::ids::{MonitorId, ShardId, TenantId};
use domain::token::{TokenClaim, derive_secret, internal_token};
use server::Installation;
use std::fs;
use std::path::Path;

/// The server's own code: a program has no library to ask.
#[path = "../../crates/server/src/installation/mod.rs"]
#[allow(dead_code, reason = "the server uses the rest")]
mod server;

pub const WHAT: &str = "installation";
const NEWEST: u16 = 1;
const RAISE: &str = "`VERSION` in crates/server/src/installation/mod.rs and `NEWEST` in tests/compat/installation.rs";
/// Of the first release; a new version's file holds secrets of its own.
const KEYS: &str = "keys-v1.toml";

/// The secrets that are frozen, in the words of the newest version.
const VALUES: &str = r#"
version = 1
shards = 4
node = "3e6feb2ef097f9e9"
identity_key = "1111111111111111111111111111111111111111111111111111111111111111"
token_keys = ["2222222222222222222222222222222222222222222222222222222222222222", "333333333333333333333333333333333333333333333333333333333333333a"]
root_secret = "4444444444444444444444444444444444444444444444444444444444444444"
"#;

fn open(directory: &Path, toml: &str) -> Result<Installation, String> {
    fs::write(directory.join(server::FILE), toml).expect("the file is written");
    Installation::open(directory).map_err(|error| error.to_string())
}

fn frozen_toml(version: u16) -> Option<String> {
    frozen::read(&frozen::file_of(WHAT, version, "toml"))
}

/// What was handed out under an installation's secrets.
fn handed_out(installation: &Installation) -> String {
    let (ring, tenant) = (installation.key_ring(), TenantId(3));
    let monitor = ring.monitor_id(tenant, "nightly-backup");
    let mut text = format!("node {:016x}, {} shards\n", installation.node, installation.shards.get());
    text += &format!("monitor nightly-backup of tenant {tenant}: {monitor} in shard {}\n", ring.shard_of(monitor));
    for generation in [0, 1, 62] {
        text += &format!("token of generation {generation}: {}\n", ring.token(monitor, generation));
        text += &format!("ping key of generation {generation}: {}\n", ring.ping_key(tenant, generation));
    }
    text += &format!("token of monitor 0: {}\n", ring.token(MonitorId(0), 0));
    text += &format!("canary of shard 2: {}\n", ring.canary_token(ShardId(2)));
    text += &format!("internal token: {}\n", internal_token(installation.root()));
    text + &format!("secret for sealing: {}\n", frozen::hex(&derive_secret(installation.root(), "seal")))
}

#[test]
fn every_version_opens_and_what_was_handed_out_stays_what_it_was() {
    let directory = tempfile::tempdir().unwrap();
    if frozen::is_freezing() {
        let made = open(directory.path(), VALUES).unwrap();
        let path = directory.path().join("new.toml");
        made.write_shared(&path).unwrap();
        frozen::freeze(&frozen::file_of(WHAT, NEWEST, "txt"), &handed_out(&made));
        frozen::freeze(&frozen::file_of(WHAT, NEWEST, "toml"), &fs::read_to_string(path).unwrap());
    }
    assert!(frozen_toml(NEWEST).is_some(), "{}", frozen::missing(&frozen::file_of(WHAT, NEWEST, "toml")));
    for (version, toml) in (1..).map_while(|version| Some((version, frozen_toml(version)?))) {
        let opened = open(directory.path(), &toml).unwrap();
        let text = frozen::read(&frozen::file_of(WHAT, version, "txt")).expect("its text is in git");
        assert_eq!(handed_out(&opened), text, "version {version}");
    }
}

#[test]
fn todays_file_is_the_frozen_one() {
    let Some(toml) = frozen_toml(NEWEST) else { return };
    let directory = tempfile::tempdir().unwrap();
    let again = directory.path().join("again.toml");
    open(directory.path(), &toml).unwrap().write_shared(&again).unwrap();
    assert_eq!(fs::read_to_string(again).unwrap(), toml, "{}", frozen::advice(WHAT, NEWEST, RAISE));
}

#[test]
fn tokens_of_the_text_still_open() {
    let Some((toml, text)) = frozen_toml(NEWEST).zip(frozen::read(&frozen::file_of(WHAT, NEWEST, "txt"))) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let ring = open(directory.path(), &toml).unwrap().key_ring();
    let after = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).expect("a line").to_owned();
    let monitor = ring.monitor_id(TenantId(3), "nightly-backup");
    let claim = TokenClaim::Monitor { monitor, generation: 62 };
    assert_eq!(ring.open(&after("token of generation 62: ")), Some(claim));
    assert_eq!(ring.open(&after("canary of shard 2: ")), Some(TokenClaim::Canary { shard: ShardId(2) }));
    assert_eq!(ring.open_ping_key(&after("ping key of generation 1: ")), Some((TenantId(3), 1)));
}

#[test]
fn a_cut_or_flipped_file_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    for toml in (1..).map_while(frozen_toml) {
        for damaged in frozen::damaged(toml.as_bytes()) {
            fs::write(directory.path().join(server::FILE), damaged).unwrap();
            let _ = Installation::open(directory.path());
        }
    }
}

#[test]
fn an_unknown_version_is_refused_by_its_number() {
    let Some(toml) = frozen_toml(NEWEST) else { return };
    let directory = tempfile::tempdir().unwrap();
    let newer = toml.replace(&format!("version = {NEWEST}"), &format!("version = {UNKNOWN}"));
    let refusal = open(directory.path(), &newer).err().expect("a file of the future is refused");
    assert!(refusal.contains("version 99"), "{refusal}");
}

/// `keys.toml` has no version: it is two words that any text editor may have written.
#[test]
fn the_keys_of_the_first_release_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let keys =
        server::keys_file::Keys { api_key: "qpk_1a2b3c4d_secret".into(), ping_key: "abcdefghijklmnopqrstuv".into() };
    server::keys_file::write(directory.path(), &keys).unwrap();
    let today = fs::read_to_string(directory.path().join(server::keys_file::FILE)).unwrap();
    if frozen::is_freezing() {
        frozen::freeze(KEYS, &today);
    }
    let frozen = frozen::read(KEYS).unwrap_or_else(|| panic!("{}", frozen::missing(KEYS)));
    assert_eq!(today, frozen, "a client of the first release must be able to read what is written today");
    fs::write(directory.path().join(server::keys_file::FILE), frozen).unwrap();
    assert!(server::keys_file::read(directory.path()).unwrap() == Some(keys));
}
