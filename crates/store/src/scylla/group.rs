//! Which rows are written by one request. Those of a partition share unlogged batches, which cost the database
//! a thirteenth of what they would one by one and become visible together; batches of a partition follow one
//! another, in the order of their rows. Partitions of one small row (a ping of each of many monitors) share
//! batches too, if the same node has them: what such a row costs is mostly the request.

use std::collections::BTreeMap;

/// The most rows and, for two and more, bytes of a batch. One partition is one mutation, to which the
/// database's limits on batches do not apply; this keeps it far below a segment of the commit log.
const BATCH_ROWS: usize = 50;
const BATCH_BYTES: usize = 64 << 10;
/// The same for a batch of several partitions. Cassandra writes a warning to its log above 10 of them, or 5 kB.
const SHARED_ROWS: usize = 10;
const SHARED_BYTES: usize = 4 << 10;

/// A row to write.
pub(super) trait Piece {
    type Partition: Ord;
    fn partition(&self) -> Self::Partition;
    fn bytes(&self) -> usize;
}

/// Rows that are written together.
pub(super) struct Group<P> {
    pub pieces: Vec<P>,
    bytes: usize,
}

/// Groups that are written one after the other.
pub(super) type Sequence<P> = Vec<Group<P>>;

/// Adds a row to the last group, or to a new one if that is full.
fn append<P: Piece>(groups: &mut Sequence<P>, piece: P, most_rows: usize, most_bytes: usize) {
    let bytes = piece.bytes();
    let has_room = |group: &&mut Group<P>| group.pieces.len() < most_rows && group.bytes + bytes <= most_bytes;
    match groups.last_mut().filter(has_room) {
        Some(last) => {
            last.pieces.push(piece);
            last.bytes += bytes;
        }
        None => groups.push(Group { pieces: vec![piece], bytes }),
    }
}

/// A sequence per partition.
pub(super) fn by_partition<P: Piece>(pieces: Vec<P>) -> Vec<Sequence<P>> {
    let mut partitions: BTreeMap<P::Partition, Sequence<P>> = BTreeMap::new();
    for piece in pieces {
        append(partitions.entry(piece.partition()).or_default(), piece, BATCH_ROWS, BATCH_BYTES);
    }
    partitions.into_values().collect()
}

/// Puts partitions of one small row together where `home` is the same.
pub(super) fn share<P: Piece, H: Ord>(partitions: Vec<Sequence<P>>, home: impl Fn(&P) -> H) -> Vec<Sequence<P>> {
    let (small, mut sequences): (Vec<_>, Vec<_>) = partitions.into_iter().partition(is_small);
    let mut homes: BTreeMap<H, Sequence<P>> = BTreeMap::new();
    for piece in small.into_iter().flatten().flat_map(|group| group.pieces) {
        append(homes.entry(home(&piece)).or_default(), piece, SHARED_ROWS, SHARED_BYTES);
    }
    // One row each: nothing says which comes first.
    sequences.extend(homes.into_values().flatten().map(|group| vec![group]));
    sequences
}

fn is_small<P>(groups: &Sequence<P>) -> bool {
    matches!(&groups[..], [only] if only.pieces.len() == 1 && only.bytes <= SHARED_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Partition, number, bytes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Row(u32, usize, usize);

    impl Piece for Row {
        type Partition = u32;

        fn partition(&self) -> u32 {
            self.0
        }

        fn bytes(&self) -> usize {
            self.2
        }
    }

    fn sizes(sequences: &[Sequence<Row>]) -> Vec<Vec<usize>> {
        sequences.iter().map(|groups| groups.iter().map(|group| group.pieces.len()).collect()).collect()
    }

    #[test]
    fn a_partition_is_cut_by_rows_and_bytes_and_keeps_its_order() {
        let rows: Vec<_> = (0..120).map(|nth| Row(7, nth, 100)).collect();
        let cut = by_partition(rows.clone());
        assert_eq!(sizes(&cut), [[50, 50, 20]]);
        assert_eq!(cut.into_iter().flatten().flat_map(|group| group.pieces).collect::<Vec<_>>(), rows);
        let large = [10, 70_000, 10, 60_000, 10_000].into_iter().enumerate();
        assert_eq!(sizes(&by_partition(large.map(|(nth, bytes)| Row(7, nth, bytes)).collect())), [[1, 1, 2, 1]]);
    }

    #[test]
    fn partitions_of_one_small_row_share_where_they_have_one_home() {
        let mut rows: Vec<_> = (0..25).map(|nth| Row(nth as u32, nth, 100)).collect();
        rows.extend([Row(100, 0, 5_000), Row(101, 0, 10), Row(101, 1, 10)]);
        let shared = share(by_partition(rows.clone()), |row| row.0 % 2);
        let mut counts = sizes(&shared);
        counts.sort_unstable();
        assert_eq!(counts, [vec![1], vec![2], vec![2], vec![3], vec![10], vec![10]]);
        for group in shared.iter().flatten().filter(|group| group.pieces.len() == 10) {
            assert!(group.pieces.iter().all(|row| row.0 % 2 == group.pieces[0].0 % 2));
        }
        let mut all: Vec<_> = shared.into_iter().flatten().flat_map(|group| group.pieces).collect();
        all.sort_unstable();
        assert_eq!(all, rows);
    }

    #[test]
    fn shared_batches_stay_below_what_the_database_warns_of() {
        let rows = (0..20).map(|nth| Row(nth as u32, nth, 1_500)).collect();
        assert!(share(by_partition(rows), |_| 0).iter().flatten().all(|group| group.bytes <= SHARED_BYTES));
    }
}
