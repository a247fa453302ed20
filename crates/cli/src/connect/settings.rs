//! Where the server is and which key it wants. In order: flags, `QUIETPULSE_*` variables, then `ready.json`
//! and `keys.toml` in the data directory, so that on the server's own machine nothing needs to be said.

use crate::exit::Failure;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

const DEFAULT_GRPC: &str = "127.0.0.1:8081";
const DEFAULT_HTTP: &str = "127.0.0.1:8080";
const DEFAULT_DATA_DIR: &str = "quietpulse-data";

/// What was given by flag or variable; the files are read when they are needed.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    url: Option<String>,
    api_key: Option<String>,
    ping_url: Option<String>,
    ping_key: Option<String>,
    data_dir: PathBuf,
}

/// Addresses of a running server, as it writes them into its data directory; `host:port`.
#[derive(serde::Deserialize)]
struct Ready {
    http: String,
    grpc: String,
}

/// Keys the server made at its first start.
#[derive(Default, serde::Deserialize)]
struct Keys {
    api_key: Option<String>,
    ping_key: Option<String>,
}

impl Settings {
    /// Flags first, then the environment.
    pub fn new(url: Option<String>, api_key: Option<String>, data_dir: Option<PathBuf>) -> Self {
        let data_dir = data_dir.or_else(|| variable("QUIETPULSE_DATA_DIR").map(PathBuf::from));
        Self {
            url: url.or_else(|| variable("QUIETPULSE_URL")),
            api_key: api_key.or_else(|| variable("QUIETPULSE_API_KEY")),
            ping_url: variable("QUIETPULSE_PING_URL"),
            ping_key: variable("QUIETPULSE_PING_KEY"),
            data_dir: data_dir.unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR)),
        }
    }

    /// A `--url` that stands behind the command wins over one before it.
    pub fn with_url(mut self, url: Option<String>) -> Self {
        self.url = url.or(self.url);
        self
    }

    /// A `--ping-url` on the command line.
    pub fn with_ping_url(mut self, ping_url: Option<String>) -> Self {
        self.ping_url = ping_url.or(self.ping_url);
        self
    }

    /// The key of the tenants' API; `None` when there is none anywhere.
    pub fn api_key(&self) -> Result<Option<String>, Failure> {
        match &self.api_key {
            Some(key) => Ok(Some(key.clone())),
            None => Ok(self.keys()?.api_key),
        }
    }

    /// The key of slug pings.
    pub fn ping_key(&self) -> Result<Option<String>, Failure> {
        match &self.ping_key {
            Some(key) => Ok(Some(key.clone())),
            None if self.is_elsewhere()? => Ok(None),
            None => Ok(self.keys()?.ping_key),
        }
    }

    /// The base of ping URLs, such as `http://127.0.0.1:8080`; `None` when only a gRPC address is known.
    pub fn ping_base(&self) -> Result<Option<String>, Failure> {
        if let Some(url) = &self.ping_url {
            return Ok(Some(with_scheme(url)));
        }
        if self.is_elsewhere()? {
            return Ok(None);
        }
        let address = self.ready()?.map_or_else(|| DEFAULT_HTTP.to_owned(), |ready| reachable(&ready.http));
        Ok(Some(with_scheme(&address)))
    }

    /// Whether the server that was asked for is another one than that of the data directory, whose HTTP
    /// address and ping key would then be wrong.
    fn is_elsewhere(&self) -> Result<bool, Failure> {
        let Some(url) = &self.url else { return Ok(false) };
        let local = self.ready()?.map(|ready| with_scheme(&reachable(&ready.grpc)));
        Ok(local.is_none_or(|local| local != with_scheme(url)))
    }

    /// The gRPC address, and words that say where it came from.
    pub fn grpc(&self) -> Result<(String, String), Failure> {
        if let Some(url) = &self.url {
            return Ok((with_scheme(url), String::new()));
        }
        let file = self.data_dir.join("ready.json");
        Ok(match self.ready()? {
            Some(ready) => (with_scheme(&reachable(&ready.grpc)), format!(" (from {})", file.display())),
            None => (
                with_scheme(DEFAULT_GRPC),
                format!(" (the default, since {} does not exist; --url or QUIETPULSE_URL say where)", file.display()),
            ),
        })
    }

    fn ready(&self) -> Result<Option<Ready>, Failure> {
        let file = self.data_dir.join("ready.json");
        let Some(text) = read(&file)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| unreadable(&file, &error))
    }

    fn keys(&self) -> Result<Keys, Failure> {
        let file = self.data_dir.join("keys.toml");
        let Some(text) = read(&file)? else { return Ok(Keys::default()) };
        // The parser's message would quote the line, and with it the key.
        toml::from_str(&text).map_err(|_| unreadable(&file, &"not the TOML that the server writes"))
    }
}

/// An empty variable counts as unset: that is how crontabs and unit files switch things off.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn with_scheme(address: &str) -> String {
    let address = address.trim().trim_end_matches('/');
    if address.contains("://") { address.to_owned() } else { format!("http://{address}") }
}

/// `0.0.0.0` and `[::]` are addresses to listen on; what listens there is reached over loopback.
fn reachable(address: &str) -> String {
    match address.parse::<SocketAddr>() {
        Ok(listen) if listen.ip().is_unspecified() => {
            let loopback: IpAddr = match listen {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            };
            SocketAddr::new(loopback, listen.port()).to_string()
        }
        _ => address.to_owned(),
    }
}

/// The file's text; `None` when it does not exist. Other trouble is named, since silence would look like a
/// missing key.
fn read(file: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(unreadable(file, &error)),
    }
}

fn unreadable(file: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::Usage(format!("cannot read {}: {why}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_get_a_scheme_and_can_be_dialled() {
        assert_eq!(with_scheme("127.0.0.1:8081"), "http://127.0.0.1:8081");
        assert_eq!(with_scheme("https://pulse.example.com/"), "https://pulse.example.com");
        assert_eq!(reachable("0.0.0.0:8081"), "127.0.0.1:8081");
        assert_eq!(reachable("[::]:8081"), "[::1]:8081");
        assert_eq!(reachable("10.0.0.7:8081"), "10.0.0.7:8081");
    }

    #[test]
    fn the_data_directory_serves_only_its_own_server() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ready.json"), r#"{"http":"0.0.0.0:80","grpc":"127.0.0.1:81","pid":1}"#)
            .unwrap();
        std::fs::write(dir.path().join("keys.toml"), "api_key = \"a\"\nping_key = \"p\"\n").unwrap();
        let local = Settings { data_dir: dir.path().to_owned(), ..Settings::default() };
        assert_eq!(local.ping_base().unwrap().unwrap(), "http://127.0.0.1:80");
        assert_eq!(local.ping_key().unwrap().unwrap(), "p");
        let same = local.clone().with_url(Some("127.0.0.1:81".into()));
        assert_eq!(same.ping_key().unwrap().unwrap(), "p");
        let other = local.with_url(Some("pulse.example.com:81".into()));
        assert_eq!(other.ping_base().unwrap(), None);
        assert_eq!(other.ping_key().unwrap(), None);
    }

    #[test]
    fn a_broken_key_file_is_named_without_its_content() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("keys.toml"), "api_key = qp_secret").unwrap();
        let settings = Settings { data_dir: dir.path().to_owned(), ..Settings::default() };
        let message = settings.api_key().unwrap_err().to_string();
        assert!(message.contains("keys.toml") && !message.contains("qp_secret"), "{message}");
    }
}
