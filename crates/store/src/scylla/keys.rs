//! Partition keys: how ids and times become the columns that rows are found by. All of it is frozen: rows lie
//! where an earlier release put them.

use domain::ids::{ChannelId, MonitorId, ShardId, TenantId};

/// Ranges of the slugs of a tenant, each a partition: a tenant of a million monitors has 30,000 in each.
pub(super) const BUCKETS: i16 = 32;
/// Chunks of a snapshot in one partition.
const GROUP_CHUNKS: u32 = 64;
/// Ranges of monitors whose revocations lie together.
pub(super) const REVOKED_RANGES: u64 = 16;
const DAY_MS: i64 = 86_400_000;
const MONTH_MS: i64 = 30 * DAY_MS;

pub(super) fn tenant(id: TenantId) -> i64 {
    i64::from(id.0)
}

pub(super) fn shard(id: ShardId) -> i32 {
    i32::from(id.0)
}

pub(super) fn monitor(id: MonitorId) -> i64 {
    id.0 as i64
}

pub(super) fn channel(id: ChannelId) -> i64 {
    id.0 as i64
}

/// The partition of a slug in its tenant: FNV-1a over its bytes, folded to 5 bits.
pub(super) fn bucket(slug: &str) -> i16 {
    let hash = slug.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    ((hash ^ (hash >> 16)) % BUCKETS as u32) as i16
}

/// The day (UTC) of a time.
pub(super) fn day(ms: i64) -> i32 {
    whole(ms, DAY_MS)
}

/// The 30 days that a time lies in.
pub(super) fn month(ms: i64) -> i32 {
    whole(ms, MONTH_MS)
}

/// Times that no clock shows are kept at the ends of the range.
fn whole(ms: i64, length_ms: i64) -> i32 {
    ms.div_euclid(length_ms).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

pub(super) fn chunk_group(index: u32) -> i32 {
    (index / GROUP_CHUNKS) as i32
}

/// The range of a monitor's revocation: by its top bits, as shards are.
pub(super) fn revoked_range(id: MonitorId) -> i64 {
    ((u128::from(id.0) * u128::from(REVOKED_RANGES)) >> 64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_rows_are_frozen() {
        assert_eq!(["backup", "a", "", "z-9", "job-1"].map(bucket), [16, 0, 25, 2, 20]);
        assert_eq!([day(-1), day(0), day(DAY_MS), month(1_800_000_000_000)], [-1, 0, 1, 694]);
        assert_eq!([chunk_group(63), chunk_group(64)], [0, 1]);
        assert_eq!(revoked_range(MonitorId(u64::MAX)), 15);
    }

    #[test]
    fn slugs_spread_evenly() {
        let mut counts = [0u32; BUCKETS as usize];
        for nth in 0..32_000 {
            counts[bucket(&format!("job-{nth}")) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }

    #[test]
    fn no_time_leaves_the_range() {
        assert_eq!([day(i64::MAX), day(i64::MIN)], [i32::MAX, i32::MIN]);
    }
}
