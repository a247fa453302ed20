//! What a server counts, by name and label as docs/metrics.md has them.

use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// A recorder of one server's own.
#[derive(Clone, Default)]
pub struct Figures(Arc<Mutex<HashMap<String, Arc<Figure>>>>);

#[derive(Default)]
struct Figure(Mutex<f64>);

impl Figures {
    /// The value of e.g. `ingest_shed_total{reason="busy"}`.
    pub fn value(&self, name: &str) -> f64 {
        let figures = self.0.lock();
        let figure = figures.get(name).unwrap_or_else(|| panic!("{name} is not there from the start"));
        *figure.0.lock()
    }

    fn of(&self, key: &Key) -> Arc<Figure> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={:?}", label.key(), label.value())).collect();
        let name =
            if labels.is_empty() { key.name().into() } else { format!("{}{{{}}}", key.name(), labels.join(",")) };
        self.0.lock().entry(name).or_default().clone()
    }
}

impl CounterFn for Figure {
    fn increment(&self, value: u64) {
        *self.0.lock() += value as f64;
    }

    fn absolute(&self, value: u64) {
        *self.0.lock() = value as f64;
    }
}

impl GaugeFn for Figure {
    fn increment(&self, value: f64) {
        *self.0.lock() += value;
    }

    fn decrement(&self, value: f64) {
        *self.0.lock() -= value;
    }

    fn set(&self, value: f64) {
        *self.0.lock() = value;
    }
}

impl Recorder for Figures {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.of(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.of(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
