//! What must not be.

use std::fmt;

/// Which promise is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Acknowledged, and not in the log.
    LostPing,
    /// In the log, and nobody sent it.
    PhantomPing,
    /// A `missed` of a job that pinged in time, or that nobody could have heard.
    FalseDown,
    /// An alert of a monitor that was paused.
    PausedAlert,
    /// Two transitions, or two incidents, for one silence.
    DoubleIncident,
    /// A silence that nobody was told of.
    MissingAlert,
    /// Some other transition that the log does not imply, or that it implies and is not there.
    OtherVerdict,
    /// Concluded at another record or of another deadline than the log says.
    OtherPlace,
    /// A `missed` that an ingest's own report of deafness explains, and that stands.
    BlindMiss,
    /// A delivery that has not come to its end.
    OpenDelivery,
    /// A transition that reached nobody.
    UntoldAlert,
    /// Attempts of one delivery under several ids, or one alert in several deliveries.
    ChangedId,
    /// `up` before its `down`.
    SwappedOrder,
    /// A snapshot that stands before an earlier one.
    RewoundOffset,
}

/// One broken promise.
#[derive(Clone, Debug)]
pub struct Violation {
    pub rule: Rule,
    /// Slug, or empty.
    pub monitor: String,
    /// Shard and offset of the records it is about.
    pub places: Vec<(u16, u64)>,
    pub words: String,
    /// What happened around it, oldest first.
    pub timeline: Vec<String>,
}

impl Violation {
    pub fn new(rule: Rule, monitor: &str, words: impl Into<String>) -> Self {
        let (places, timeline) = (Vec::new(), Vec::new());
        Self { rule, monitor: monitor.to_owned(), places, words: words.into(), timeline }
    }

    pub fn at(mut self, shard: u16, offset: u64) -> Self {
        self.places.push((shard, offset));
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: ", self.rule)?;
        if !self.monitor.is_empty() {
            write!(f, "monitor {}: ", self.monitor)?;
        }
        f.write_str(&self.words)?;
        for (shard, offset) in &self.places {
            write!(f, " [shard {shard} offset {offset}]")?;
        }
        self.timeline.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}
