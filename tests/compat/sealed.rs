//! Settings of channels, sealed. A nonce is random, so today's cells are other bytes than the frozen ones: of a cell that
//! is written today, what comes before the nonce and the length are compared.

use crate::frozen::{self, Entries, UNKNOWN};
use crate::rows;
use domain::ids::{ChannelId, TenantId};
use store::row::ChannelRow;
use store::seal::{SealKey, Sealer, open_settings, seal_settings};
use wire::v1;
use wire::v1::channel::Settings;

pub const WHAT: &str = "sealed";
const NEWEST: u16 = 1;
const RAISE: &str = "`FORMAT` in crates/store/src/seal.rs and `NEWEST` in tests/compat/sealed.rs";
/// Format and key.
const HEADER_BYTES: usize = 2;

fn sealer(key: u8) -> Sealer {
    let other = SealKey { id: 9, root: [9; 32] };
    Sealer::with_keys(SealKey { id: key, root: [key; 32] }, &[other]).expect("two keys")
}

fn settings() -> Settings {
    Settings::Slack(v1::SlackSettings { url: "https://hooks.example/T0/B0/secret".into() })
}

fn cells() -> Entries {
    let of = |key| seal_settings(&sealer(key), TenantId(3), ChannelId(77), &settings());
    vec![
        ("key 1".to_owned(), of(1)),
        ("key 200".to_owned(), of(200)),
        ("text".to_owned(), sealer(1).seal("a", b"secret")),
    ]
}

fn means(entries: &Entries) -> Result<String, String> {
    frozen::each(entries, |name, cell| match name {
        "text" => sealer(1).open("a", cell).map(|plain| format!("{plain:?}")).map_err(|error| error.to_string()),
        name => {
            let key = if name == "key 200" { 200 } else { 1 };
            let row = ChannelRow { settings: cell.to_vec(), ..rows::channel() };
            open_settings(&sealer(key), &row).map(|settings| format!("{settings:#?}")).map_err(|e| e.to_string())
        }
    })
}

#[test]
fn every_version_opens_and_means_what_its_text_says() {
    let today = cells();
    if frozen::is_freezing() && frozen::entries(WHAT, NEWEST).is_none() {
        frozen::freeze(&frozen::file_of(WHAT, NEWEST, "txt"), &means(&today).unwrap());
        frozen::freeze_entries(WHAT, NEWEST, &today);
    }
    let advice = frozen::advice(WHAT, NEWEST, RAISE);
    let newest = frozen::entries(WHAT, NEWEST)
        .unwrap_or_else(|| panic!("{}", frozen::missing(&frozen::file_of(WHAT, NEWEST, "hex"))));
    for ((name, old), (_, new)) in newest.iter().zip(&today) {
        let shape = |cell: &[u8]| (cell[..HEADER_BYTES].to_vec(), cell.len());
        assert_eq!(shape(new), shape(old), "`{name}` is sealed in another way.\n{advice}");
    }
    for version in frozen::versions(WHAT) {
        let text = frozen::read(&frozen::file_of(WHAT, version, "txt")).expect("its text is in git");
        assert_eq!(means(&frozen::entries(WHAT, version).unwrap()), Ok(text), "version {version}");
    }
}

#[test]
fn a_cut_or_flipped_cell_does_not_open() {
    for (name, cell) in frozen::versions(WHAT).flat_map(|version| frozen::entries(WHAT, version).unwrap()) {
        for damaged in frozen::damaged(&cell) {
            assert!(means(&vec![(name.clone(), damaged)]).is_err());
        }
    }
}

#[test]
fn an_unknown_version_is_refused_by_its_number() {
    for (name, mut cell) in frozen::versions(WHAT).flat_map(|version| frozen::entries(WHAT, version).unwrap()) {
        cell[0] = UNKNOWN;
        let refusal = means(&vec![(name, cell)]).unwrap_err();
        assert!(refusal.contains("format 99"), "{refusal}");
    }
}
