//! Traces over OTLP, only when an endpoint is named.

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use std::time::Duration;

/// The exporter and its queue.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts exporting to `endpoint` the given share of the traces that begin here. Needs the runtime.
    pub fn start(endpoint: &str, share: f64) -> Result<Self, String> {
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(Duration::from_secs(3))
            .build()
            .map_err(|error| error.to_string())?;
        let resource = Resource::builder().with_service_name("quietpulse").build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        Ok(Self(provider))
    }

    /// What makes spans.
    pub fn tracer(&self) -> SdkTracer {
        self.0.tracer("quietpulse")
    }

    /// Sends the queue and stops. A collector that is away costs a few seconds and a log line.
    pub fn shutdown(self) {
        if let Err(error) = self.0.shutdown_with_timeout(Duration::from_secs(3)) {
            tracing::info!(%error, "the last traces were not taken");
        }
    }
}
