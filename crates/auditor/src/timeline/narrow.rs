//! A log as it would be if only some monitors were in it: what is left out still proves that somebody was heard.

use domain::command::{Action, Command};
use domain::ids::{ChannelId, MonitorId};
use domain::record::{Body, Record};
use std::borrow::Cow;

/// The record, if it speaks of a monitor that is wanted, or of none. Another monitor's ping is what it proves: a canary.
/// Another monitor is not made and does not arrive; its other commands concern nobody, but that they were carried out is
/// remembered by their ids.
pub fn narrow(record: &Record, is_wanted: impl Fn(MonitorId) -> bool) -> Cow<'_, Record> {
    let instead = match &record.body {
        Body::Ping(ping) if !is_wanted(ping.monitor) => Body::Canary,
        Body::Command(command) if matches!(command.action, Action::Create(_)) && !is_wanted(command.monitor) => {
            Body::Command(Command { action: Action::Resume, actor: String::new(), ..*command })
        }
        Body::Adopt(adopted) if !is_wanted(adopted.monitor()) => Body::ChannelClosed { channel: ChannelId::LOG },
        _ => return Cow::Borrowed(record),
    };
    let Record { offset, append, envelope, .. } = *record;
    Cow::Owned(Record { offset, append, envelope, body: instead })
}

/// The monitor that a record would make if it were not there.
pub(crate) fn made(record: &Record) -> Option<MonitorId> {
    match &record.body {
        Body::Ping(ping) if ping.create.is_some() => Some(ping.monitor),
        Body::Command(command) if matches!(command.action, Action::Create(_)) => Some(command.monitor),
        _ => None,
    }
}
