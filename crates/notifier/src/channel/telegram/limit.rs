//! Telegram's limits, kept so that it need not enforce them: 25 messages a second per bot, one a second per
//! chat, 15 a minute per group. Messages wait for their turn and are never dropped.
//!
//! Each bucket is one instant, the "theoretical arrival time" of the generic cell rate algorithm: how far it
//! lies ahead of now is what the next message has to wait, less the burst that is allowed.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// A longer wait goes back to the engine, which keeps it durably.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// Buckets that are kept before the idle ones are dropped.
const MAX_BUCKETS: usize = 10_000;

#[derive(Clone, Copy)]
struct Rate {
    interval: Duration,
    burst: Duration,
}

const BOT: Rate = Rate { interval: Duration::from_millis(40), burst: Duration::from_secs(1) };
const CHAT: Rate = Rate { interval: Duration::from_secs(1), burst: Duration::ZERO };
const GROUP: Rate = Rate { interval: Duration::from_secs(4), burst: Duration::from_secs(16) };

/// The buckets of all bots and chats.
#[derive(Default)]
pub(super) struct Limits(Mutex<HashMap<Key, Instant>>);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Bot(String),
    Chat(String, String),
    Group(String, String),
}

impl Limits {
    /// Takes a place and says how long to wait for it; `Err` takes none and says when to come back.
    pub(super) fn reserve(&self, token: &str, chat: &str, now: Instant) -> Result<Duration, Duration> {
        let mut buckets = self.0.lock();
        if buckets.len() > MAX_BUCKETS {
            buckets.retain(|_, full_until| *full_until > now);
        }
        let wanted = wanted(token, chat);
        let wait = wanted.iter().map(|(key, rate)| wait(buckets.get(key), *rate, now)).max().unwrap_or_default();
        if wait > LONGEST_WAIT {
            return Err(wait);
        }
        for (key, rate) in wanted {
            let full_until = buckets.entry(key).or_insert(now);
            *full_until = (*full_until).max(now) + rate.interval;
        }
        Ok(wait)
    }

    /// Telegram said how long this bot has to be quiet.
    pub(super) fn pause(&self, token: &str, pause: Duration, now: Instant) {
        let full_until = now + pause.min(Duration::from_secs(600)) + BOT.burst;
        let mut buckets = self.0.lock();
        let bucket = buckets.entry(Key::Bot(token.to_owned())).or_insert(now);
        *bucket = (*bucket).max(full_until);
    }
}

/// Groups and channels have ids below zero, or a name.
fn wanted(token: &str, chat: &str) -> Vec<(Key, Rate)> {
    let (bot, here) = (token.to_owned(), chat.to_owned());
    let mut wanted = vec![(Key::Bot(bot.clone()), BOT), (Key::Chat(bot.clone(), here.clone()), CHAT)];
    if chat.starts_with(['-', '@']) {
        wanted.push((Key::Group(bot, here), GROUP));
    }
    wanted
}

fn wait(full_until: Option<&Instant>, rate: Rate, now: Instant) -> Duration {
    full_until.map(|full| full.saturating_duration_since(now).saturating_sub(rate.burst)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_chat_gets_one_message_a_second_and_a_bot_twenty_five() {
        let (limits, now) = (Limits::default(), Instant::now());
        let waits: Vec<u64> = (0..3).filter_map(|_| limits.reserve("b", "1", now).ok()).map(|w| w.as_secs()).collect();
        assert_eq!(waits, [0, 1, 2]);
        let spread = Limits::default();
        let last = (0..76).filter_map(|chat| spread.reserve("b", &chat.to_string(), now).ok()).last().unwrap();
        assert_eq!(last, Duration::from_secs(2));
        assert_eq!(spread.reserve("another", "1", now), Ok(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn what_would_wait_too_long_takes_no_place() {
        let (limits, now) = (Limits::default(), Instant::now());
        for _ in 0..21 {
            assert!(limits.reserve("b", "1", now).is_ok());
        }
        assert_eq!(limits.reserve("b", "1", now), Err(Duration::from_secs(21)));
        assert_eq!(limits.reserve("b", "1", now + Duration::from_secs(1)), Ok(Duration::from_secs(20)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_the_bot_and_nobody_else() {
        let (limits, now) = (Limits::default(), Instant::now());
        limits.pause("b", Duration::from_secs(30), now);
        assert_eq!(limits.reserve("b", "1", now), Err(Duration::from_secs(30)));
        assert_eq!(limits.reserve("c", "1", now), Ok(Duration::ZERO));
        assert_eq!(limits.reserve("b", "1", now + Duration::from_secs(30)), Ok(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_gets_fifteen_a_minute() {
        let (limits, start) = (Limits::default(), Instant::now());
        let second = Duration::from_secs;
        let sent_at = |n: u64| limits.reserve("b", "-1", start + second(n)).ok().map(|wait| second(n) + wait);
        let sent = (0..60).filter_map(sent_at).filter(|at| *at < second(60)).count();
        // Fifteen by the rate, four more by the burst at the start.
        assert_eq!(sent, 19);
    }
}
