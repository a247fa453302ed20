//! Which log lines are let through.

use tracing_subscriber::filter::EnvFilter;

/// Other people's crates stay at info: below that they print requests, and with them ping tokens and API keys.
const CAPPED: [&str; 9] = ["h2", "hyper", "hyper_util", "tower", "tonic", "axum", "reqwest", "rustls", "lettre"];

/// A filter as `RUST_LOG` writes it; other people's crates are held at info whatever it says.
pub fn parse_filter(text: &str) -> Result<EnvFilter, String> {
    let refusal =
        |error: &dyn std::fmt::Display| format!("{error}; allowed: levels such as \"info\" or \"info,ingest=debug\"");
    let filter = EnvFilter::builder().parse(text).map_err(|error| refusal(&error))?;
    CAPPED.iter().try_fold(filter, |filter, target| {
        let directive = format!("{target}=info").parse().map_err(|error| refusal(&error))?;
        Ok(filter.add_directive(directive))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_or_refused() {
        for good in ["info", "debug", "warn,ingest=trace", "off"] {
            assert!(parse_filter(good).is_ok(), "{good}");
        }
        for bad in ["a=loud", "=", "a=b=c"] {
            assert!(parse_filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn other_peoples_crates_stay_at_info() {
        let filter = parse_filter("trace,h2=trace").unwrap().to_string();
        assert!(CAPPED.iter().all(|target| filter.contains(&format!("{target}=info"))), "{filter}");
        assert!(!filter.contains("h2=trace"), "{filter}");
    }
}
