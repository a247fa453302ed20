//! The three ports, bound before anything is opened: a port in use is the commonest reason a start fails.

use crate::config::types::Config;
use crate::config::value::ListenAddr;
use crate::failure::Failure;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

/// Connections the kernel holds for us while every accept loop is busy.
const BACKLOG: i32 = 4_096;

/// The bound ports and where they really are.
pub struct Listeners {
    pub http: Bound,
    pub grpc: Bound,
    pub admin: Bound,
}

/// A bound port.
pub struct Bound {
    pub listener: TcpListener,
    pub address: SocketAddr,
}

impl Listeners {
    /// Binds all three. The refusal names the setting, the address and how to change it.
    pub fn bind(config: &Config) -> Result<Self, Failure> {
        Ok(Self {
            http: bind("http.listen", "--http", &config.http.listen)?,
            grpc: bind("grpc.listen", "--grpc", &config.grpc.listen)?,
            admin: bind("admin.listen", "--admin", &config.admin.listen)?,
        })
    }
}

impl Bound {
    /// An address to reach the port by from this machine: a wildcard is answered on loopback too.
    pub fn reachable(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        SocketAddr::new(ip, self.address.port())
    }
}

fn bind(setting: &str, flag: &str, wanted: &ListenAddr) -> Result<Bound, Failure> {
    let variable = crate::config::env::variable_of(setting);
    let refusal = |error: io::Error| {
        let wanted = wanted.as_str();
        Failure::failed(format_args!("{setting} {wanted}: {error} (change it with {flag} or {variable})"))
    };
    let addresses = wanted.as_str().to_socket_addrs().map_err(refusal)?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in addresses {
        match listen(address) {
            Ok(bound) => return Ok(bound),
            Err(error) => last = error,
        }
    }
    Err(refusal(last))
}

fn listen(address: SocketAddr) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for connections of the life before to leave TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from(socket);
    let address = listener.local_addr()?;
    Ok(Bound { listener, address })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> ListenAddr {
        ListenAddr::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn port_zero_takes_a_free_one_and_a_taken_one_is_named() {
        let first = bind("http.listen", "--http", &wanted("127.0.0.1:0")).unwrap();
        assert_ne!(first.address.port(), 0);
        let taken = first.address.to_string();
        let failure = bind("http.listen", "--http", &wanted(&taken)).err().unwrap();
        assert_eq!(failure.status, 1);
        let line = failure.to_string();
        assert!(
            line.starts_with(&format!("http.listen {taken}: ")) && line.contains("QUIETPULSE_HTTP_LISTEN"),
            "{line}"
        );
    }

    #[test]
    fn a_wildcard_is_reached_by_loopback() {
        let bound = bind("http.listen", "--http", &wanted("0.0.0.0:0")).unwrap();
        assert_eq!(bound.reachable().ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert_eq!(bound.reachable().port(), bound.address.port());
    }
}
