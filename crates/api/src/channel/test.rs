//! Sends a test message.

use super::read::find;
use crate::auth::Caller;
use crate::deps::Api;
use std::time::Duration;
use tonic::Status;
use wire::v1;

/// Left of the call's time for the reply.
const MARGIN: Duration = Duration::from_secs(1);
const ERROR_CHARS_MOST: usize = 500;

/// Sends a test message now. A provider's refusal is a reply, not an error of the call.
pub(super) async fn test(
    api: &Api,
    caller: Caller,
    asked: v1::TestChannelRequest,
) -> Result<v1::TestChannelResponse, Status> {
    let row = find(api, caller.tenant, &asked.name, "name").await?;
    let patience = api.limits.call.saturating_sub(MARGIN);
    let outcome = tokio::time::timeout(patience, api.deps.tester.test(row)).await;
    let outcome = outcome.unwrap_or_else(|_| Err(format!("no answer within {} s", patience.as_secs())));
    let error: String = outcome.err().unwrap_or_default().chars().take(ERROR_CHARS_MOST).collect();
    Ok(v1::TestChannelResponse { delivered: error.is_empty(), error })
}
