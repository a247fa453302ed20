//! Logs on stderr, traces to a collector when one is named, metrics for `/metrics`.

mod describe;
mod filter;
pub mod metric;
mod otlp;
pub mod process;

pub use filter::parse_filter;

use crate::config::types::{LogFormat, Telemetry};
use std::io::IsTerminal;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

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
