//! `quietpulse backtest`: what other settings would have alerted of, from the pings that came.
//!
//! - `ask`: what is asked: settings, stretch of time.
//! - `past`: the monitor and its past, from the store.
//! - `answer`: what came of it, in words and as JSON.

mod answer;
mod ask;
mod past;

use crate::failure::Failure;
use crate::looking::{self, Looked};
use crate::output;
use answer::Answer;
pub use ask::Arguments;
use domain::time::Clock;
use past::Past;

/// Prints what would have been, beside what was.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.place.load()?;
    let now = crate::clock::SystemClock.now();
    let (from_ms, to_ms) = arguments.span(now)?;
    let text = looking::run(async {
        let looked = Looked::open(config).await?;
        let past = Past::gather(looked.store.as_ref(), arguments.tenant(), &arguments.slug, (from_ms, to_ms)).await?;
        let proposed = arguments.propose(&past.config, now)?;
        let answer = Answer::of(&past, proposed, (from_ms, to_ms), arguments.recovered_within_ms()?);
        Ok(if arguments.json { answer.json() } else { answer.text() })
    })?;
    output::print(&text)
}
