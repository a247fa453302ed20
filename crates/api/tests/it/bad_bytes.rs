//! Messages that are too large, or are no messages.

use crate::support::{World, code};
use bytes::{Buf, BufMut};
use prost::Message;
use std::time::{Duration, Instant};
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Status};
use wire::v1::{self, Monitor};

/// Sends bytes as they are.
#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}

async fn send(world: &World, bytes: Vec<u8>) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(world.connect());
    client.ready().await.map_err(|problem| Status::unknown(problem.to_string()))?;
    let path = "/quietpulse.v1.MonitorService/CreateMonitor".parse().unwrap();
    client.unary(world.ask(bytes), path, Raw).await.map(drop)
}

/// The server still answers, and soon.
async fn is_well(world: &World) {
    let begun = Instant::now();
    world.monitors().list_monitors(world.ask(v1::ListMonitorsRequest::default())).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_message_above_a_megabyte_is_refused() {
    let world = World::start().await;
    let large = Monitor { slug: "m".into(), description: "x".repeat(1 << 20), ..Monitor::default() };
    assert_eq!(code(world.create(large).await), Code::OutOfRange);
    is_well(&world).await;
}

#[tokio::test]
async fn a_bomb_counts_as_what_it_inflates_to() {
    let world = World::start().await;
    let monitor = Some(Monitor { slug: "m".into(), description: "x".repeat(64 << 20), ..Monitor::default() });
    let mut client = world.monitors().send_compressed(CompressionEncoding::Gzip);
    let begun = Instant::now();
    client.create_monitor(world.ask(v1::CreateMonitorRequest { monitor, ..Default::default() })).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let small = Some(Monitor { slug: "m".into(), description: "x".repeat(1_000), ..Monitor::default() });
    client.create_monitor(world.ask(v1::CreateMonitorRequest { monitor: small, ..Default::default() })).await.unwrap();
    is_well(&world).await;
}

#[tokio::test]
async fn bytes_that_are_no_message_are_refused_and_hurt_nobody() {
    let world = World::start().await;
    let request = v1::CreateMonitorRequest {
        monitor: Some(Monitor { slug: "m".into(), ..Monitor::default() }),
        ..Default::default()
    };
    let good = request.encode_to_vec();
    // Groups within groups, 200 deep and half a million deep.
    let nested = |depth: usize| [vec![0x7b; depth], vec![0x7c; depth]].concat();
    // A string that says it is longer than the message.
    let cut = [0x0a, 0xff, 0xff, 0xff, 0xff, 0x07, b'x'].to_vec();
    // Text that is not UTF-8 in `command_id`.
    let latin = [0x12, 0x01, 0xff].to_vec();
    for bytes in [nested(200), nested(500_000), cut, latin, vec![0xff; 1_000], vec![0x00]] {
        send(&world, bytes).await.unwrap_err();
    }
    // Half a million fields nobody knows are skipped; as many tags are counted and refused.
    let unknown = [0xf8, 0x01, 0x00].repeat(300_000);
    send(&world, [good.clone(), unknown].concat()).await.unwrap();
    let tags = Monitor { slug: "n".into(), tags: vec![String::new(); 400_000], ..Monitor::default() };
    assert_eq!(code(world.create(tags).await), Code::InvalidArgument);
    is_well(&world).await;
}
