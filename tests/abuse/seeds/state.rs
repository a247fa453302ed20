//! Seeds of stored state: cells of every table and snapshots, as the stories leave them.

use super::Seed;
use super::story::{all_stories, silent_night, told};
use domain::engine::Engine;
use domain::engine::effects::{Effect, HistoryRow};
use domain::engine::snapshot::{Format, KIND_CONFIG, KIND_HOT, KIND_POLICIES, KIND_SIDE, Manifest, Piece};
use domain::ids::{ChannelId, ShardId, TenantId};
use domain::ping::PingDetails;
use libtest_mimic::Failed;
use store::cell::Cell;
use store::embedded::fuzzing::pack;
use store::row::{ApiKeyRow, ChannelRow, Scope, TenantRow};
use wire::convert::rows::{seal, view_to_wire};

/// Manifests, monitors on the move, and whole snapshots.
pub fn snapshots() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (name, steps) in all_stories() {
        let engine = told(&steps).0;
        seeds.push((format!("engine-{name}"), [&[2], &*snapshot_bytes(&engine, Format::Plain)].concat()));
        if let Some(adopted) = engine.leave().next() {
            seeds.push((format!("adopted-{name}"), [&[1], &*adopted.encode()].concat()));
        }
    }
    let engine = told(&silent_night()).0;
    seeds.push(("engine-checked".into(), [&[2], &*snapshot_bytes(&engine, Format::Checked)].concat()));
    seeds.push((
        "engine-new".into(),
        [&[2], &*snapshot_bytes(&Engine::new(ShardId(0), engine.params()), Format::Plain)].concat(),
    ));
    for (name, format) in [("manifest-plain", Format::Plain), ("manifest-checked", Format::Checked)] {
        seeds.push((name.into(), [&[0], &*engine.plan_snapshot(None, format).manifest.encode(format)].concat()));
    }
    let pieces = (0..200).map(|index| Piece { kind: KIND_HOT, index, epoch: u64::MAX }).collect();
    let large = Manifest { next_offset: u64::MAX, pieces };
    seeds.push(("manifest-large".into(), [&[0], &*large.encode(Format::Plain)].concat()));
    seeds.push(("bad-version".into(), b"\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00".to_vec()));
    seeds.push(("bad-count".into(), b"\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff".to_vec()));
    seeds
}

/// Every snapshot of a story restores.
pub fn restore_all() -> Result<(), Failed> {
    for (name, steps) in all_stories() {
        for format in [Format::Plain, Format::Checked] {
            let plan = told(&steps).0.plan_snapshot(None, format);
            let pieces: Vec<Vec<u8>> = plan.written.iter().map(|(_, bytes)| bytes.clone()).collect();
            Engine::restore(ShardId(0), &plan.manifest, &pieces).map_err(|refused| format!("{name}: {refused}"))?;
        }
    }
    Ok(())
}

/// The pieces in the target's order, each with its length.
fn snapshot_bytes(engine: &Engine, format: Format) -> Vec<u8> {
    let written = engine.plan_snapshot(None, format).written;
    let order = [KIND_POLICIES, KIND_SIDE, KIND_HOT, KIND_CONFIG];
    let pieces = order.iter().filter_map(|kind| written.iter().find(|(piece, _)| piece.kind == *kind));
    pieces.flat_map(|(_, bytes)| [&(bytes.len() as u32).to_be_bytes(), &**bytes].concat()).collect()
}

/// A cell of each table, with the target's byte for the table before it.
pub fn cells() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (story, steps) in all_stories() {
        let (engine, effects) = told(&steps);
        seeds.extend(
            last_of_each(&effects)
                .into_iter()
                .map(|(table, name, cell)| (format!("{name}-{story}"), [&[table], &*cell].concat())),
        );
        let view = engine.leave().next().and_then(|adopted| engine.view(adopted.monitor()));
        seeds.extend(view.map(|view| (format!("view-{story}"), [&[9], &*seal(&view_to_wire(&view))].concat())));
    }
    // A few of each kind are enough.
    seeds.retain(|(name, _)| ["silent-night", "retries", "outage", "runs"].iter().any(|story| name.ends_with(story)));
    seeds.extend(directory());
    seeds
}

fn last_of_each(effects: &[Effect]) -> Vec<(u8, &'static str, Vec<u8>)> {
    let last = |read: fn(&Effect) -> Option<Vec<u8>>| effects.iter().rev().find_map(read);
    let history = history(effects);
    let cells = [
        (0, "monitor", last(|effect| if let Effect::Monitor(row) = effect { Some(row.to_cell()) } else { None })),
        (1, "status", last(|effect| if let Effect::Status(row) = effect { Some(row.to_cell()) } else { None })),
        (2, "history", history.last().map(Cell::to_cell)),
        (3, "transition", last(|effect| if let Effect::Transition(row) = effect { Some(row.to_cell()) } else { None })),
        (4, "delivery", last(|effect| if let Effect::Delivery(row) = effect { Some(row.to_cell()) } else { None })),
        (8, "packed", pack(&history).pop()),
    ];
    cells.into_iter().filter_map(|(table, name, cell)| cell.map(|cell| (table, name, cell))).collect()
}

fn history(effects: &[Effect]) -> Vec<HistoryRow> {
    let heard = effects.iter().filter_map(|effect| if let Effect::Heard(heard) = effect { Some(heard) } else { None });
    let row = |(offset, heard): (usize, &domain::engine::effects::Heard)| HistoryRow {
        monitor: heard.monitor,
        offset: offset as u64,
        ping: heard.ping.clone(),
        ignored: heard.ignored.to_owned(),
        coalesced: 2,
        details: PingDetails { body: b"done\n".to_vec(), method: "POST".into(), ..PingDetails::default() },
    };
    heard.enumerate().map(row).collect()
}

fn directory() -> Vec<Seed> {
    let tenant = TenantRow { id: TenantId(1), name: "default".into(), ping_key_generation: 2, created_ms: 3 };
    let key = ApiKeyRow {
        prefix: "qpk_1".into(),
        tenant: TenantId(3),
        name: "ci".into(),
        sha256: [9; 32],
        scope: Scope::Write,
        created_ms: 5,
        revoked: true,
    };
    let channel = ChannelRow {
        id: ChannelId(u64::MAX),
        tenant: TenantId(3),
        name: "ops".into(),
        kind: "webhook".into(),
        settings: vec![1, 1, 0, 255],
        version: 4,
        created_ms: 1,
        changed_ms: 2,
        disabled: "gone".into(),
        deleted: true,
    };
    let cell = |table: u8, cell: Vec<u8>| [&[table], &*cell].concat();
    vec![
        ("tenant".into(), cell(5, tenant.to_cell())),
        ("api-key".into(), cell(6, key.to_cell())),
        ("channel".into(), cell(7, channel.to_cell())),
        ("sealed-short".into(), cell(10, vec![1, 1])),
        ("sealed-other-key".into(), cell(10, [&[1, 9], &[7; 40][..]].concat())),
        ("sealed-changed".into(), cell(10, [&[1, 1], &[7; 60][..]].concat())),
        ("bad-version".into(), cell(3, vec![0, 2, 10, 0])),
        ("bad-no-rows".into(), cell(8, vec![0, 1])),
        ("bad-cut".into(), cell(6, key.to_cell()[..20].to_vec())),
    ]
}
