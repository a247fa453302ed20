//! A row of the log: the records of one commit and one shard, packed into one blob.
//!
//! Format 1: `1` (u8), checksum (8 bytes), then per record its length (LEB128) and its bytes. The checksum
//! is the head of BLAKE3 over shard, first offset, count and append time (big-endian) and the records, so
//! that a row which was damaged, moved or re-numbered is noticed before anything is made of it.

use crate::RawRecord;
use bytes::Bytes;
use domain::ids::ShardId;
use domain::time::UnixMs;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 9;
/// LEB128 of a `u32`.
const LENGTH_BYTES_MAX: usize = 5;

/// Takes records until it is sealed. The blob is built where it will be written from.
pub(super) struct FrameBuilder {
    bytes: Vec<u8>,
    count: u32,
    payload_bytes: usize,
}

/// Records of one shard that follow each other, under one append time. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub first_offset: u64,
    pub count: u32,
    pub append: UnixMs,
    /// Header and records, as the row holds them.
    pub bytes: Bytes,
}

/// Why a row's bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("row of an unknown format {0}")]
    Version(u8),
    #[error("row whose checksum does not fit")]
    Checksum,
    #[error("row that is cut short")]
    Short,
}

impl FrameBuilder {
    pub fn with_capacity(bytes: usize) -> Self {
        let mut buffer = Vec::with_capacity(bytes.max(HEADER_BYTES));
        buffer.resize(HEADER_BYTES, 0);
        Self { bytes: buffer, count: 0, payload_bytes: 0 }
    }

    pub fn push(&mut self, payload: &[u8]) {
        self.bytes.reserve(payload.len() + LENGTH_BYTES_MAX);
        let mut rest = payload.len();
        while rest >= 0x80 {
            self.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
        self.bytes.extend_from_slice(payload);
        self.count += 1;
        self.payload_bytes += payload.len();
    }

    /// What the records measure without header and lengths.
    pub fn payload_bytes(&self) -> usize {
        self.payload_bytes
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn seal(mut self, shard: ShardId, first_offset: u64, append: UnixMs) -> Frame {
        if let Some((header, records)) = self.bytes.split_first_chunk_mut::<HEADER_BYTES>() {
            let sum = checksum(shard, first_offset, self.count, append, records);
            header[0] = VERSION;
            header[1..].copy_from_slice(&sum);
        }
        if self.bytes.capacity() > self.bytes.len() + self.bytes.len() / 2 {
            self.bytes.shrink_to_fit();
        }
        Frame { first_offset, count: self.count, append, bytes: Bytes::from(self.bytes) }
    }
}

impl Frame {
    /// The offset after its last record.
    pub fn end(&self) -> u64 {
        self.first_offset + u64::from(self.count)
    }

    /// What it keeps in memory at most, in bytes: sealing leaves half its length unused at most.
    pub fn memory(&self) -> usize {
        self.bytes.len() * 3 / 2 + size_of::<Self>()
    }

    /// Whether it is the row of `shard` that it says it is.
    pub fn check(&self, shard: ShardId) -> Result<(), FrameError> {
        let (header, records) = self.bytes.split_first_chunk::<HEADER_BYTES>().ok_or(FrameError::Short)?;
        let [version, sum @ ..] = header;
        if *version != VERSION {
            return Err(FrameError::Version(*version));
        }
        let fits = *sum == checksum(shard, self.first_offset, self.count, self.append, records);
        if fits { Ok(()) } else { Err(FrameError::Checksum) }
    }

    /// A place before the record `offset`, which must be one of this frame's.
    pub fn seek(&self, offset: u64) -> Result<Cursor, FrameError> {
        let mut cursor = Cursor { offset: self.first_offset, at: HEADER_BYTES };
        while cursor.offset < offset {
            self.read(&mut cursor)?.ok_or(FrameError::Short)?;
        }
        Ok(cursor)
    }

    /// The record at `cursor`, which moves on; `None` behind the last. Shares the frame's memory.
    pub fn read(&self, cursor: &mut Cursor) -> Result<Option<RawRecord>, FrameError> {
        if cursor.offset >= self.end() {
            return Ok(None);
        }
        let (length, start) = self.length_at(cursor.at)?;
        let end = start.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or(FrameError::Short)?;
        let record = RawRecord { offset: cursor.offset, append: self.append, payload: self.bytes.slice(start..end) };
        *cursor = Cursor { offset: cursor.offset + 1, at: end };
        Ok(Some(record))
    }

    /// The length that stands at `at`, and where what it measures begins.
    fn length_at(&self, at: usize) -> Result<(usize, usize), FrameError> {
        let digits = self.bytes.get(at..).ok_or(FrameError::Short)?;
        let mut length = 0;
        for (index, digit) in digits.iter().take(LENGTH_BYTES_MAX).enumerate() {
            length |= usize::from(digit & 0x7f) << (7 * index);
            if digit & 0x80 == 0 {
                return Ok((length, at + index + 1));
            }
        }
        Err(FrameError::Short)
    }
}

/// A place between two records of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    /// Of the record that follows.
    pub offset: u64,
    at: usize,
}

fn checksum(shard: ShardId, first_offset: u64, count: u32, append: UnixMs, records: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&shard.0.to_be_bytes());
    hasher.update(&first_offset.to_be_bytes());
    hasher.update(&count.to_be_bytes());
    hasher.update(&append.0.to_be_bytes());
    hasher.update(records);
    let mut sum = [0; 8];
    hasher.finalize_xof().fill(&mut sum);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: ShardId = ShardId(3);

    fn frame(payloads: &[Vec<u8>]) -> Frame {
        let mut builder = FrameBuilder::with_capacity(0);
        payloads.iter().for_each(|payload| builder.push(payload));
        builder.seal(SHARD, 100, UnixMs(1_700_000_000_000))
    }

    fn all(frame: &Frame, from: u64) -> Vec<RawRecord> {
        let mut cursor = frame.seek(from).unwrap();
        std::iter::from_fn(|| frame.read(&mut cursor).unwrap()).collect()
    }

    #[test]
    fn records_of_every_length_come_back() {
        let payloads: Vec<_> = [0, 1, 127, 128, 16_383, 16_384, 100_000].iter().map(|n| vec![*n as u8; *n]).collect();
        let frame = frame(&payloads);
        assert_eq!(frame.check(SHARD), Ok(()));
        let records = all(&frame, 100);
        assert!(records.iter().map(|r| &r.payload[..]).eq(payloads.iter().map(|p| &p[..])));
        assert!(records.iter().map(|r| r.offset).eq(100..107));
        assert_eq!(all(&frame, 105).len(), 2);
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let good = frame(&[b"one".to_vec(), b"two".to_vec()]);
        for bit in 0..good.bytes.len() * 8 {
            let mut bytes = good.bytes.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let bad = Frame { bytes: bytes.into(), ..good.clone() };
            assert!(bad.check(SHARD).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_row_under_another_number_is_noticed() {
        let good = frame(&[b"one".to_vec()]);
        assert_eq!(good.check(ShardId(4)), Err(FrameError::Checksum));
        for moved in [
            Frame { first_offset: 101, ..good.clone() },
            Frame { count: 2, ..good.clone() },
            Frame { append: UnixMs(0), ..good.clone() },
        ] {
            assert_eq!(moved.check(SHARD), Err(FrameError::Checksum));
        }
    }

    #[test]
    fn bytes_cut_anywhere_are_an_error_and_no_panic() {
        let good = frame(&[vec![7; 200], b"two".to_vec()]);
        for length in 0..good.bytes.len() {
            let cut = Frame { bytes: good.bytes.slice(..length), ..good.clone() };
            assert!(cut.check(SHARD).is_err());
            assert_eq!(cut.seek(102).err(), Some(FrameError::Short));
        }
    }

    /// Bytes as the first release wrote them: they must be read for ever.
    #[test]
    fn format_1_is_frozen() {
        let bytes = include_bytes!("fixtures/frame_v1.bin");
        let frozen =
            Frame { first_offset: 100, count: 3, append: UnixMs(1_700_000_000_000), bytes: Bytes::from_static(bytes) };
        assert_eq!(frozen.check(SHARD), Ok(()));
        let records = all(&frozen, 100);
        assert_eq!(records[0].payload, Bytes::from_static(b"first"));
        assert_eq!(records[1].payload, Bytes::new());
        assert_eq!(records[2].payload, Bytes::from(vec![0xa5; 300]));
        let again = frame(&[b"first".to_vec(), vec![], vec![0xa5; 300]]);
        assert_eq!(again.bytes, frozen.bytes);
    }
}
