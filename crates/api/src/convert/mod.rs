//! Between the words of `domain` and the messages of api.proto.

pub(crate) mod ping;
pub(crate) mod time;
pub(crate) mod transition;
