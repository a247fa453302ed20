//! Whom a ping is for: a slug, a token, `<ping_key>/<slug>` or a whole URL; and the URL that makes of it.

use crate::connect::{Server, Settings};
use crate::exit::Failure;
use crate::monitor;
use domain::monitor::check_slug;
use reqwest::Url;

/// A target as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Url(Url),
    /// A token, or `<ping_key>/<slug>`: authorises itself.
    Path(String),
    Slug(String),
}

/// A text that names no monitor. It is not repeated: it may be a mistyped token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a monitor; allowed: a slug (1 to 100 of a-z, 0-9, - and _), a ping token, <ping_key>/<slug>, or a ping URL"
)]
pub struct TargetError;

impl Target {
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        if text.starts_with("http://") || text.starts_with("https://") {
            let url = Url::parse(text).map_err(|_| TargetError)?;
            return if url.has_host() { Ok(Self::Url(url)) } else { Err(TargetError) };
        }
        if domain::token::parse_uuid(text).is_some() {
            return Ok(Self::Path(text.to_ascii_lowercase()));
        }
        match text.split_once('/') {
            Some((key, slug)) if is_key(key) && check_slug(slug).is_ok() => Ok(Self::Path(text.to_owned())),
            None if check_slug(text).is_ok() => Ok(Self::Slug(text.to_owned())),
            _ => Err(TargetError),
        }
    }

    /// The monitor's ping URL. Asks the server only for a slug of which nothing but a gRPC address is known.
    pub async fn resolve(self, settings: &Settings) -> Result<Url, Failure> {
        let slug = match self {
            Self::Url(url) => return Ok(url),
            Self::Path(path) => return below(settings.ping_base()?, &path),
            Self::Slug(slug) => slug,
        };
        match (settings.ping_base()?, settings.ping_key()?) {
            (Some(base), Some(key)) => below(Some(base), &format!("{key}/{slug}")),
            (_, None) if settings.api_key()?.is_none() => Err(no_key()),
            _ => asked(settings, slug).await,
        }
    }
}

fn below(base: Option<String>, path: &str) -> Result<Url, Failure> {
    let base = base.ok_or_else(|| {
        Failure::Usage("the HTTP address is not known: give --ping-url or QUIETPULSE_PING_URL".to_owned())
    })?;
    let base = base.trim_end_matches('/');
    let root = if base.ends_with("/ping") { base.to_owned() } else { format!("{base}/ping") };
    let refused = |_| Failure::Usage(format!("--ping-url: found `{base}`, allowed: http://host:port or https://host"));
    Url::parse(&format!("{root}/{path}")).map_err(refused)
}

async fn asked(settings: &Settings, slug: String) -> Result<Url, Failure> {
    let server = Server::connect(settings).await?;
    let monitor = monitor::get(&server, slug).await?.into_inner();
    Url::parse(&monitor.ping_url).map_err(|_| Failure::Refused("ping_url: the server gave none".to_owned()))
}

fn no_key() -> Failure {
    Failure::Usage(
        "a slug needs a ping key: give QUIETPULSE_PING_KEY, or a token or URL in the slug's place".to_owned(),
    )
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_says_what_it_is() {
        let token = "0190e0f4-1f2b-8c3d-9e4f-5a6b7c8d9e0f";
        assert_eq!(Target::parse(token), Ok(Target::Path(token.into())));
        assert_eq!(Target::parse("key/backup"), Ok(Target::Path("key/backup".into())));
        assert_eq!(Target::parse("backup"), Ok(Target::Slug("backup".into())));
        assert!(matches!(Target::parse("https://h/ping/x"), Ok(Target::Url(_))));
        for bad in ["", "Backup", "a/b/c", "key/", "http://", "ftp://h/x", "a b"] {
            assert_eq!(Target::parse(bad), Err(TargetError), "{bad}");
        }
    }

    #[test]
    fn both_layouts_of_a_base_work() {
        let url = |base: &str| below(Some(base.into()), "key/backup").unwrap().to_string();
        assert_eq!(url("http://h:1"), "http://h:1/ping/key/backup");
        assert_eq!(url("http://h:1/ping/"), "http://h:1/ping/key/backup");
        assert!(below(None, "key/backup").is_err());
    }
}
