//! What one ping says, and how it stands in the path and query of its URL.

use domain::ping::is_metric_name;
use reqwest::Url;
use std::time::Duration;

/// What happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Success,
    Start,
    Fail,
    Log,
    Exit(u8),
}

impl Kind {
    /// Flag value: the word, or an exit status.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "success" => Ok(Self::Success),
            "start" => Ok(Self::Start),
            "fail" => Ok(Self::Fail),
            "log" => Ok(Self::Log),
            _ if text.starts_with('+') => Err(Self::allowed()),
            _ => text.parse().map(Self::Exit).map_err(|_| Self::allowed()),
        }
    }

    fn allowed() -> String {
        "allowed: success, start, fail, log, or an exit status 0 to 255".to_owned()
    }

    /// The last part of the path; a success has none.
    fn suffix(self) -> String {
        match self {
            Self::Success => String::new(),
            Self::Start => "/start".to_owned(),
            Self::Fail => "/fail".to_owned(),
            Self::Log => "/log".to_owned(),
            Self::Exit(code) => format!("/{code}"),
        }
    }
}

/// A slug that does not exist yet may be created by its first ping.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct CreateArgs {
    /// Create the monitor if the slug is unknown, with the schedule given here
    #[arg(long)]
    create: bool,
    /// With --create: the period, e.g. 5m
    #[arg(long, value_name = "D", requires = "create")]
    period: Option<String>,
    /// With --create: a cron expression
    #[arg(long, value_name = "EXPR", requires = "create", conflicts_with_all = ["period", "oncalendar"])]
    cron: Option<String>,
    /// With --create: a systemd calendar expression
    #[arg(long, value_name = "EXPR", requires = "create", conflicts_with = "period")]
    oncalendar: Option<String>,
    /// With --create: the zone of the expression
    #[arg(long, value_name = "ZONE", requires = "create")]
    tz: Option<String>,
    /// With --create: the grace
    #[arg(long, value_name = "D", requires = "create")]
    grace: Option<String>,
    /// With --create: how long a run may take
    #[arg(long, value_name = "D", requires = "create")]
    max_runtime: Option<String>,
}

impl CreateArgs {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        if !self.create {
            return Vec::new();
        }
        let given = [
            ("period", &self.period),
            ("cron", &self.cron),
            ("oncalendar", &self.oncalendar),
            ("tz", &self.tz),
            ("grace", &self.grace),
            ("max_runtime", &self.max_runtime),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        std::iter::once(("create", "1".to_owned())).chain(given).collect()
    }
}

/// One ping, apart from whom it is for.
#[derive(Clone, Debug, Default)]
pub struct Signal {
    pub kind: Kind,
    pub rid: Option<String>,
    pub duration: Option<Duration>,
    pub metrics: Vec<(String, f64)>,
    pub message: String,
    pub environment: String,
    pub host: String,
    pub create: CreateArgs,
    pub body: Vec<u8>,
}

impl Signal {
    /// The URL to call for a monitor's ping URL, whose own query is kept.
    pub fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        let path = format!("{}{}", base.path().trim_end_matches('/'), self.kind.suffix());
        url.set_path(&path);
        let pairs = self.pairs();
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        url
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = self.create.pairs();
        pairs.extend(self.rid.clone().map(|rid| ("rid", rid)));
        pairs.extend(self.duration.map(|length| ("duration", format!("{:.3}", length.as_secs_f64()))));
        pairs.extend(self.metrics.iter().map(|(name, value)| ("metric", format!("{name}:{value}"))));
        let words = [("msg", &self.message), ("env", &self.environment), ("host", &self.host)];
        pairs.extend(words.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name, text.clone())));
        pairs
    }
}

/// Flag value: `name=number` or `name:number`.
pub fn metric(text: &str) -> Result<(String, f64), String> {
    let allowed = || "allowed: NAME=NUMBER, such as count=12".to_owned();
    let (name, value) = text.split_once(['=', ':']).ok_or_else(allowed)?;
    let value: f64 = value.trim().parse().map_err(|_| allowed())?;
    if is_metric_name(name) && value.is_finite() { Ok((name.to_owned(), value)) } else { Err(allowed()) }
}

/// Flag value: a UUID with hyphens, in either case.
pub fn run_id(text: &str) -> Result<String, String> {
    domain::token::parse_uuid(text).map(|_| text.to_owned()).ok_or_else(|| "allowed: a UUID with hyphens".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_a_word_or_an_exit_status() {
        assert_eq!(Kind::parse("start"), Ok(Kind::Start));
        assert_eq!(Kind::parse("255"), Ok(Kind::Exit(255)));
        for bad in ["256", "-1", "+1", "START", ""] {
            assert!(Kind::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_url_carries_what_the_ping_says() {
        let signal = Signal {
            kind: Kind::Exit(3),
            rid: Some("00000000-0000-4000-8000-000000000000".into()),
            duration: Some(Duration::from_millis(1_250)),
            metrics: vec![("count".into(), 12.0), ("rate".into(), 0.5)],
            message: "disk full & hot".into(),
            ..Signal::default()
        };
        let url = signal.url(&Url::parse("http://h:1/ping/k/backup/?create=1").unwrap());
        assert_eq!(
            url.as_str(),
            "http://h:1/ping/k/backup/3?create=1&rid=00000000-0000-4000-8000-000000000000&duration=1.250\
             &metric=count%3A12&metric=rate%3A0.5&msg=disk+full+%26+hot"
        );
        assert_eq!(Signal::default().url(&Url::parse("http://h/t").unwrap()).as_str(), "http://h/t");
    }

    #[test]
    fn a_metric_is_a_name_and_a_finite_number() {
        assert_eq!(metric("count=12"), Ok(("count".into(), 12.0)));
        assert_eq!(metric("count:1.5e3"), Ok(("count".into(), 1_500.0)));
        for bad in ["count", "count=", "count=x", "count=inf", "1st=2", "=2"] {
            assert!(metric(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn create_brings_its_schedule() {
        let create = CreateArgs {
            create: true,
            cron: Some("0 2 * * *".into()),
            tz: Some("UTC".into()),
            ..CreateArgs::default()
        };
        let signal = Signal { create, ..Signal::default() };
        let url = signal.url(&Url::parse("http://h/ping/k/s").unwrap());
        assert_eq!(url.query(), Some("create=1&cron=0+2+*+*+*&tz=UTC"));
    }
}
