//! Cells that only Cassandra or ScyllaDB holds: who answers for a shard, and how far a tenant's feed reaches.

use crate::frozen::{Entries, Kind, each};
use crate::values::{INCIDENT, START};
use store::row::ShardOwner;
use store::scylla::frozen as cells;

mod owner {
    use super::*;

    pub const KIND: Kind = Kind {
        what: "shard-owner",
        raise: "`CELL_VERSION` in crates/store/src/scylla/shard_tables.rs and `written` in tests/compat/cluster_cells.rs",
        written: &[1],
        encode: |_| owners().iter().map(|owner| (owner.address.clone(), cells::owner_cell(owner))).collect(),
        means: |entries: &Entries| each(entries, |_, cell| cells::owner(cell).map(|owner| format!("{owner:#?}"))),
        read: None,
        alone: true,
        // An owner's cell is a hint: one of another version counts as damaged, and the next claim replaces it.
        renumber: None,
    };

    fn owners() -> [ShardOwner; 2] {
        let far = ShardOwner { address: "[2001:db8::1]:7443".into(), node: u64::MAX, since_ms: START };
        [far, ShardOwner { address: "evaluator-0:7443".into(), node: 1, since_ms: -1 }]
    }

    crate::frozen::suite!(KIND);

    #[test]
    fn another_version_is_refused() {
        let (_, mut cell) = (KIND.encode)(1).remove(0);
        cell[1] = crate::frozen::UNKNOWN;
        assert!(cells::owner(&cell).is_err());
    }
}

mod place {
    use super::*;

    pub const KIND: Kind = Kind {
        what: "feed-place",
        raise: "`CELL_VERSION` in crates/store/src/scylla/feed.rs and `written` in tests/compat/cluster_cells.rs",
        written: &[1],
        encode: |_| vec![("a place".to_owned(), cells::place_cell(START * 1_000, 77, 3, INCIDENT))],
        means: |entries: &Entries| {
            each(entries, |_, cell| {
                cells::place(cell).map(|place| format!("{place:?}")).ok_or("not a place".to_owned())
            })
        },
        read: None,
        alone: true,
        // A feed of which nothing is known is written anew.
        renumber: None,
    };

    crate::frozen::suite!(KIND);
}
