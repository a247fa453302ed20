//! What a shard's state hashes to, piece by piece: two engines that have applied the same records must agree, however
//! they came by their state (invariant I1).

use domain::engine::Engine;
use domain::engine::snapshot::{Format, KIND_CONFIG, KIND_HOT, KIND_POLICIES, KIND_SIDE};
use wire::v1;

/// Monitors of one piece.
const PIECE: u32 = 4_096;

/// The state behind one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Every record below this is applied, and none above.
    pub next_offset: u64,
    pub pieces: Vec<PieceDigest>,
}

/// One piece of the state, as snapshots cut it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PieceDigest {
    pub kind: u8,
    pub index: u32,
    pub hash: [u8; 32],
}

impl Digest {
    /// Encodes every piece and hashes it. Takes as long as a full snapshot.
    pub fn of(engine: &Engine) -> Self {
        let written = engine.plan_snapshot(None, Format::Plain).written.into_iter();
        let hashed = written.map(|(piece, bytes)| {
            let hash = blake3::hash(&bytes).into();
            PieceDigest { kind: piece.kind, index: piece.index, hash }
        });
        let mut pieces: Vec<PieceDigest> = hashed.collect();
        pieces.sort();
        Self { next_offset: engine.next_offset(), pieces }
    }

    /// One hash for all of it, in hex.
    pub fn whole(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.next_offset.to_be_bytes());
        for piece in &self.pieces {
            hasher.update(&[piece.kind]).update(&piece.index.to_be_bytes()).update(&piece.hash);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// The pieces that only one of the two has, or has otherwise, in words.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let lacks = |one: &Self, other: &Self| {
            let alone = one.pieces.iter().filter(|piece| !other.pieces.contains(piece)).map(PieceDigest::words);
            alone.collect::<Vec<_>>()
        };
        let mut words = [lacks(self, other), lacks(other, self)].concat();
        words.sort();
        words.dedup();
        words
    }
}

impl PieceDigest {
    fn words(&self) -> String {
        let (first, last) = (u64::from(self.index) * u64::from(PIECE), (u64::from(self.index) + 1) * u64::from(PIECE));
        match self.kind {
            KIND_SIDE => "clock, evidence, runs, incidents and deliveries".to_owned(),
            KIND_POLICIES => "policies".to_owned(),
            KIND_HOT => format!("state of monitors {first}..{last}"),
            KIND_CONFIG => format!("configuration of monitors {first}..{last}"),
            other => format!("piece {}.{} of a kind this build does not know", other, self.index),
        }
    }
}

impl From<Digest> for v1::ShardDigestResponse {
    fn from(digest: Digest) -> Self {
        let piece = |piece: PieceDigest| v1::PieceDigest {
            kind: piece.kind.into(),
            index: piece.index,
            hash: piece.hash.to_vec(),
        };
        Self { next_offset: digest.next_offset, pieces: digest.pieces.into_iter().map(piece).collect() }
    }
}

impl Digest {
    /// `None`: not what an owner sends.
    pub fn from_wire(digest: v1::ShardDigestResponse) -> Option<Self> {
        let piece = |piece: v1::PieceDigest| {
            let (kind, hash) = (u8::try_from(piece.kind).ok()?, piece.hash.try_into().ok()?);
            Some(PieceDigest { kind, index: piece.index, hash })
        };
        let pieces = digest.pieces.into_iter().map(piece).collect::<Option<Vec<_>>>()?;
        Some(Self { next_offset: digest.next_offset, pieces })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::ShardId;
    use domain::record::{Body, Envelope, Params, Record};
    use domain::time::UnixMs;

    fn engine(records: u64) -> Engine {
        let mut engine = Engine::new(ShardId(0), Params::EMBEDDED);
        for offset in 0..records {
            let (append, envelope) = (UnixMs(offset as i64 * 1_000), Envelope::default());
            engine.apply(&Record { offset, append, envelope, body: Body::Canary }, &mut Vec::new());
        }
        engine
    }

    #[test]
    fn equal_states_have_one_hash_and_others_say_what_differs() {
        let (one, other) = (Digest::of(&engine(3)), Digest::of(&engine(4)));
        assert_eq!(one, Digest::of(&engine(3)));
        assert_eq!(one.differences(&one), Vec::<String>::new());
        assert_ne!(one.whole(), other.whole());
        assert_eq!(one.differences(&other), ["clock, evidence, runs, incidents and deliveries"]);
    }

    #[test]
    fn it_survives_its_way() {
        let digest = Digest::of(&engine(3));
        assert_eq!(Digest::from_wire(digest.clone().into()), Some(digest));
        let short = v1::PieceDigest { kind: 0, index: 0, hash: vec![1] };
        assert_eq!(Digest::from_wire(v1::ShardDigestResponse { next_offset: 1, pieces: vec![short] }), None);
    }
}
