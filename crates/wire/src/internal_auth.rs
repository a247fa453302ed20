//! How the processes of one installation know each other: a bearer token derived from its root secret.

use subtle::ConstantTimeEq;
use tonic::service::Interceptor;
use tonic::{Request, Status, metadata::AsciiMetadataValue};

/// The bearer token of the installation, put on every call.
#[derive(Clone)]
pub struct InternalAuth(AsciiMetadataValue);

impl InternalAuth {
    /// `token` is what `domain::token::internal_token` gives. A text that cannot stand in a header gives a
    /// value that no server accepts.
    pub fn new(token: &str) -> Self {
        Self(format!("Bearer {token}").parse().unwrap_or_else(|_| AsciiMetadataValue::from_static("Bearer -")))
    }
}

impl Interceptor for InternalAuth {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Lets only calls with the installation's token through.
#[derive(Clone)]
pub struct InternalGuard(String);

impl InternalGuard {
    /// `token` is what `domain::token::internal_token` gives.
    pub fn new(token: &str) -> Self {
        Self(format!("Bearer {token}"))
    }
}

impl Interceptor for InternalGuard {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        match request.metadata().get("authorization") {
            None => Err(Status::unauthenticated("this service is for the installation's own processes")),
            Some(shown) if bool::from(shown.as_bytes().ct_eq(self.0.as_bytes())) => Ok(request),
            Some(_) => Err(Status::permission_denied("this service is for the installation's own processes")),
        }
    }
}
