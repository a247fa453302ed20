//! Generated protobuf types, and their conversions to the words of `domain`.

pub mod convert;
pub mod internal_auth;
pub mod shard_client;

/// The types of proto/quietpulse/v1.
pub mod v1 {
    #![allow(clippy::all, missing_docs)]
    tonic::include_proto!("quietpulse.v1");
}

/// The compiled descriptors, for gRPC reflection and for the JSON mapping.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
