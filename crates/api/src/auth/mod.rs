//! Who calls: the API key of a call, and what it may do. The tenant comes from the key and from nowhere else.

mod cache;
mod share;

pub(crate) use cache::Authenticator;
pub(crate) use share::{Share, Shares};

use domain::ids::TenantId;
use store::row::{ApiKeyRow, Scope};
use tokio::time::Instant;
use tonic::Status;
use tonic::metadata::MetadataMap;

/// The key a call came with.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub tenant: TenantId,
    pub scope: Scope,
    /// The key's name, for the audit trail of commands.
    pub name: String,
    /// The key's public part.
    pub prefix: String,
    /// When this call ends, whatever came of it.
    pub until: Option<Instant>,
}

impl Caller {
    fn new(row: &ApiKeyRow) -> Self {
        Self { tenant: row.tenant, scope: row.scope, name: row.name.clone(), prefix: row.prefix.clone(), until: None }
    }

    /// Refuses a key whose scope does not include `needed`.
    pub fn may(&self, needed: Scope) -> Result<(), Status> {
        if self.scope >= needed {
            return Ok(());
        }
        let (has, needed) = (self.scope.word(), needed.word());
        Err(Status::permission_denied(format!("this needs a key of scope `{needed}`, yours has `{has}`")))
    }
}

/// The one refusal of every key that is not good, so that nothing is learned from it.
pub(crate) fn unauthenticated() -> Status {
    Status::unauthenticated("an API key is needed: `authorization: Bearer qpk_…`")
}

/// The bearer of the one `authorization` value. Two values are refused: proxies disagree on which counts.
fn bearer(metadata: &MetadataMap) -> Result<&str, Status> {
    let mut values = metadata.get_all("authorization").iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(unauthenticated());
    };
    let text = value.to_str().map_err(|_| unauthenticated())?;
    let (scheme, key) = text.split_once(' ').ok_or_else(unauthenticated)?;
    // The scheme's name is case-insensitive (RFC 9110 section 11.1), the key is not.
    if scheme.eq_ignore_ascii_case("bearer") { Ok(key) } else { Err(unauthenticated()) }
}
