//! Protobuf's JSON mapping (protobuf.dev/programming-guides/json), taken from the descriptors, so that a new
//! field of the API shows up here without a line of code.
//!
//! Fields without presence are always printed (`"running": false`), as scripts test them; unset messages and
//! optional numbers (a monitor that never pinged has no `lastPingAt`) are left out.

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde::ser::{Serialize, Serializer};
use std::io::{self, Error};
use std::sync::OnceLock;
use wire::v1;

/// A message that commands print: its full name in the descriptors.
pub trait Resource: Message {
    const NAME: &'static str;
}

macro_rules! resources {
    ($($kind:ident)+) => {
        $(impl Resource for v1::$kind {
            const NAME: &'static str = concat!("quietpulse.v1.", stringify!($kind));
        })+
    };
}

resources! {
    Monitor Ping Transition Channel Delivery Incident
    DeleteMonitorResponse DeleteChannelResponse TestChannelResponse
}

/// A message that serde prints by the mapping.
pub struct Json(DynamicMessage);

/// `message` for serde. Fails only if the descriptors lack the type, which no release can.
pub fn json<M: Resource>(message: &M) -> io::Result<Json> {
    let descriptor = pool()
        .and_then(|pool| pool.get_message_by_name(M::NAME))
        .ok_or_else(|| Error::other(format!("no description of {}", M::NAME)))?;
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).map(Json).map_err(Error::other)
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_with_options(serializer, &SerializeOptions::new().skip_default_fields(false))
    }
}

fn pool() -> Option<&'static DescriptorPool> {
    static POOL: OnceLock<Option<DescriptorPool>> = OnceLock::new();
    POOL.get_or_init(|| DescriptorPool::decode(wire::FILE_DESCRIPTOR_SET).ok()).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_types::{Duration, Timestamp};

    #[test]
    fn a_monitor_keeps_its_defaults_and_leaves_out_what_is_unset() {
        let monitor = v1::Monitor {
            slug: "backup".into(),
            grace: Some(Duration { seconds: 90, nanos: 0 }),
            created_at: Some(Timestamp { seconds: 1_795_485_606, nanos: 0 }),
            ..v1::Monitor::default()
        };
        let value = serde_json::to_value(json(&monitor).unwrap()).unwrap();
        assert_eq!(value["slug"], "backup");
        assert_eq!(value["grace"], "90s");
        assert_eq!(value["createdAt"], "2026-11-24T02:00:06Z");
        assert_eq!((&value["running"], &value["version"], &value["status"]), (&false.into(), &0.into(), &"".into()));
        assert_eq!(value["tags"], serde_json::json!([]));
        let unset = ["lastPingAt", "nextExpectedAt", "deadlineAt", "maxRuntime", "lastExitCode"];
        assert!(unset.iter().all(|field| value.get(field).is_none()), "{value}");
    }

    #[test]
    fn every_resource_has_a_description() {
        json(&v1::Ping::default()).unwrap();
        json(&v1::Transition::default()).unwrap();
        json(&v1::Channel::default()).unwrap();
        json(&v1::Delivery::default()).unwrap();
        json(&v1::Incident::default()).unwrap();
        json(&v1::DeleteMonitorResponse::default()).unwrap();
        json(&v1::DeleteChannelResponse::default()).unwrap();
        json(&v1::TestChannelResponse::default()).unwrap();
    }
}
