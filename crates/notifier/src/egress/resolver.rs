//! Name resolution with the policy in front: what a name leads to is judged at the moment of the connection.

use super::error::LookupFailed;
use async_trait::async_trait;
use domain::egress::{EgressPolicy, EgressRefusal};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Turns a host name into addresses.
#[async_trait]
pub trait Lookup: Send + Sync + 'static {
    /// All addresses of `host`, in the order to try them.
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Hands out only addresses that the policy allows. `None`: all of them.
pub(super) struct GuardedResolver {
    pub lookup: Arc<dyn Lookup>,
    pub policy: Option<Arc<EgressPolicy>>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, policy) = (self.lookup.clone(), self.policy.clone());
        Box::pin(async move {
            let found = lookup.lookup(name.as_str()).await.map_err(|_| LookupFailed)?;
            let allowed = allowed(found, policy.as_deref())?;
            // Port 0 stands for the port of the URL.
            let addresses: Addrs = Box::new(allowed.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

/// A name with public and other records is used by its public ones alone.
fn allowed(
    found: Vec<IpAddr>,
    policy: Option<&EgressPolicy>,
) -> Result<Vec<IpAddr>, Box<dyn std::error::Error + Send + Sync>> {
    let mut refusal: Option<EgressRefusal> = None;
    let mut check = |ip: &IpAddr| match policy.map_or(Ok(()), |p| p.check_ip(*ip)) {
        Ok(()) => true,
        Err(why) => {
            refusal = Some(why);
            false
        }
    };
    let kept: Vec<IpAddr> = found.into_iter().filter(&mut check).collect();
    match (kept.is_empty(), refusal) {
        (false, _) => Ok(kept),
        (true, Some(why)) => Err(Box::new(why)),
        (true, None) => Err(Box::new(LookupFailed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    #[test]
    fn only_public_records_of_a_mixed_answer_are_used() {
        let policy = EgressPolicy::default();
        assert_eq!(allowed(ips(&["10.0.0.1", "8.8.8.8", "::1"]), Some(&policy)).unwrap(), ips(&["8.8.8.8"]));
        let refused = allowed(ips(&["10.0.0.1", "fd00::1"]), Some(&policy)).unwrap_err();
        assert!(refused.downcast_ref::<EgressRefusal>().is_some());
        assert!(allowed(Vec::new(), Some(&policy)).unwrap_err().downcast_ref::<LookupFailed>().is_some());
        assert_eq!(allowed(ips(&["10.0.0.1"]), None).unwrap(), ips(&["10.0.0.1"]));
    }
}
