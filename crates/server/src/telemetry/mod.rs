//! Logs on stderr, traces to a collector when one is named, metrics for `/metrics`.

mod describe;
pub mod metric;
mod otlp;
pub mod process;

use crate::config::types::{LogFormat, Telemetry};
use std::io::IsTerminal;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

/// Other people's crates stay at info: below that they print requests, and with them ping tokens and API keys.
const CAPPED: [&str; 9] = ["h2", "hyper", "hyper_util", "tower", "tonic", "axum", "reqwest", "rustls", "lettre"];

/// Keeps telemetry going; [`Guard::finish`] sends what is left.
#[must_use]
pub struct Guard(Option<otlp::Traces>);

/// Installs logging and, with an endpoint, tracing. Once a process, inside the runtime.
pub fn init(settings: &Telemetry) -> Result<Guard, String> {
    let traces = match settings.otlp_endpoint.as_str() {
        "" => None,
        endpoint => Some(otlp::Traces::start(endpoint, settings.otlp_sample)?),
    };
    let lines = lines(settings.log_format).with_filter(parse_filter(&settings.log_filter)?);
    // What is traced does not depend on what is logged.
    let spans = traces.as_ref().map(|traces| tracing_opentelemetry::layer().with_tracer(traces.tracer()));
    let spans = spans.with_filter(parse_filter("info")?);
    tracing_subscriber::registry().with(lines).with(spans).try_init().map_err(|error| error.to_string())?;
    log_panics();
    Ok(Guard(traces))
}

/// Logging for a short command: what a person should know, nothing else.
pub fn init_for_command() {
    let warnings = EnvFilter::default().add_directive(LevelFilter::WARN.into());
    // Fails only when a subscriber is there already, which then serves as well.
    let _installed = tracing_subscriber::registry().with(lines(LogFormat::Human)).with(warnings).try_init();
}

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

impl Guard {
    /// Sends the spans that wait. Blocks for at most a few seconds.
    pub fn finish(self) {
        if let Some(traces) = self.0 {
            traces.shutdown();
        }
    }
}

fn lines(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let stderr = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Json => stderr.json().flatten_event(true).with_current_span(false).boxed(),
        LogFormat::Human => stderr.with_ansi(std::io::stderr().is_terminal()).boxed(),
    }
}

/// A panic is a log line like any other, so that a collector sees it.
fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let payload = info.payload();
        let text =
            payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let text = domain::field_error::quoted(text.unwrap_or("no text"));
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        metric::count_panic();
        tracing::error!(place, thread, text, "a thread panicked");
    }));
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
