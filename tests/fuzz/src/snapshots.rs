//! Bytes that become an engine's state. The first byte of the input says which: a manifest, a monitor on the move, or
//! a snapshot, whose pieces stand one after another with four bytes of length before each: policies, side, and then
//! state and configuration of each chunk.

use super::input::{Input, assert_one_line};
use super::records::assert_comes_back;
use domain::engine::Engine;
use domain::engine::adopt::Adopted;
use domain::engine::snapshot::{Format, KIND_CONFIG, KIND_HOT, KIND_POLICIES, KIND_SIDE, Manifest, Piece};
use domain::ids::ShardId;
use domain::record::{Body, Envelope, Record};
use domain::time::UnixMs;

/// Chunks of a snapshot at most.
const CHUNKS_MOST: u32 = 3;

/// What reads is written again as bytes that read as the same; what does not read is refused.
pub fn snapshot(data: &[u8]) {
    let mut input = Input::new(data);
    match input.u8() {
        0 => manifest(input.rest()),
        1 => adopted(input.rest()),
        _ => engine(input),
    }
}

fn manifest(bytes: &[u8]) {
    let read = match Manifest::decode(bytes) {
        Ok(read) => read,
        Err(refused) => return assert_one_line(&refused.to_string()),
    };
    for format in [Format::Plain, Format::Checked] {
        assert_eq!(Manifest::decode(&read.encode(format)).as_ref(), Ok(&read));
    }
    let mut checked = read.encode(Format::Checked);
    let place = bytes.len() % (checked.len() - 2) + 2;
    checked[place] ^= 1 << (bytes.len() % 8);
    assert!(Manifest::decode(&checked).is_err(), "a flipped bit at {place} was not noticed");
}

fn adopted(bytes: &[u8]) {
    match Adopted::decode(bytes) {
        Ok(read) => assert_moves_on(&read),
        Err(refused) => assert_one_line(&refused.to_string()),
    }
}

fn assert_moves_on(adopted: &Adopted) {
    let bytes = adopted.encode();
    let again = Adopted::decode(&bytes).expect("what was written reads");
    // Not compared as values: a number that is none, which only damage makes, is not equal to itself.
    assert_eq!(again.encode(), bytes);
}

fn engine(mut input: Input<'_>) {
    let mut manifest = Manifest::default();
    let mut pieces = Vec::new();
    let chunks = (0..CHUNKS_MOST).flat_map(|index| [(KIND_HOT, index), (KIND_CONFIG, index)]);
    for (kind, index) in [(KIND_POLICIES, 0), (KIND_SIDE, 0)].into_iter().chain(chunks) {
        if input.is_over() {
            break;
        }
        let length = input.u32() as usize;
        manifest.pieces.push(Piece { kind, index, epoch: 0 });
        pieces.push(input.take(length).to_vec());
    }
    match Engine::restore(ShardId(0), &manifest, &pieces) {
        Ok(engine) => goes_on(engine),
        Err(refused) => assert_one_line(&refused.to_string()),
    }
}

/// What restores goes on: it is saved, left, and judged.
fn goes_on(mut engine: Engine) {
    assert_comes_back(&engine);
    engine.leave().for_each(|adopted| assert_moves_on(&adopted));
    let mut effects = Vec::new();
    for seconds in [1, 3_600, 86_400] {
        let append = UnixMs(engine.now_ms()).plus_ms(seconds * 1_000);
        let record = Record { offset: engine.next_offset(), append, envelope: Envelope::default(), body: Body::Tick };
        engine.apply(&record, &mut effects);
    }
}
