//! The built-in channel: one line on stdout, readable or JSON, so that an installation without any channel still speaks.

pub(crate) mod message;
mod reply;
mod sink;

pub use sink::{LogForm, LogSink, StdoutSink};

use super::Sent;
use crate::notice::Message;
use std::sync::Arc;

/// Makes one attempt. Whoever reads stdout may stop reading, so the write has a thread of its own.
pub(crate) async fn send(sink: &Arc<dyn LogSink>, message: &Message<'_>) -> Sent {
    let (sink, line) = (sink.clone(), message::line(message, sink.form()));
    if sink.is_quick() {
        return reply::written(sink.line(&line));
    }
    reply::read(tokio::task::spawn_blocking(move || sink.line(&line))).await
}
