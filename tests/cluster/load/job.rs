//! What a job does, again and again.

use super::office::Office;
use super::pinger::Pinger;
use super::roster::{Behaviour, Plan};
use crate::history::{History, Signal};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// W: for so long after a deadline nobody is accused.
const W_SECS: f64 = 6.0;

/// A job at work.
pub struct Job {
    plan: Plan,
    pinger: Pinger,
    office: Arc<Office>,
    dice: StdRng,
    /// The period its monitor has now.
    period_secs: u32,
}

impl Job {
    pub fn new(plan: Plan, path: &str, front: SocketAddr, office: Arc<Office>, history: Arc<History>) -> Self {
        let pinger = Pinger::new(&plan.slug, path, front, history);
        let (dice, period_secs) = (StdRng::seed_from_u64(plan.seed), plan.period_secs);
        Self { plan, pinger, office, dice, period_secs }
    }

    /// Until the load ends.
    pub async fn run(mut self) {
        // Not all at once.
        self.rest(0.0, f64::from(self.plan.period_secs)).await;
        loop {
            match self.plan.behaviour {
                Behaviour::Healthy => self.work(30.0, 60.0).await,
                Behaviour::Silent => self.fall_silent().await,
                Behaviour::Failing => self.fail_for_a_while().await,
                Behaviour::Run => self.start_and_finish().await,
                Behaviour::Paused => self.be_paused().await,
                Behaviour::Flapping => self.flap().await,
                Behaviour::Edited => self.be_edited().await,
            }
        }
    }

    /// Pings in time for so many seconds.
    async fn work(&mut self, least: f64, most: f64) {
        let end = Instant::now() + self.seconds(least, most);
        while Instant::now() < end {
            self.pinger.ping(Signal::Success, None).await;
            self.wait_a_period().await;
        }
    }

    async fn fall_silent(&mut self) {
        self.work(10.0, 40.0).await;
        let forgiven = f64::from(self.plan.period_secs + self.plan.grace_secs) + W_SECS;
        self.rest(forgiven + 2.0, forgiven + 15.0).await;
    }

    async fn fail_for_a_while(&mut self) {
        self.work(10.0, 30.0).await;
        for _ in 0..self.dice.random_range(1..3) {
            self.pinger.ping(Signal::Fail, None).await;
            self.wait_a_period().await;
        }
    }

    async fn flap(&mut self) {
        for signal in [Signal::Success, Signal::Fail] {
            self.pinger.ping(signal, None).await;
            self.wait_a_period().await;
        }
    }

    async fn start_and_finish(&mut self) {
        let limit = f64::from(self.plan.max_runtime_secs.unwrap_or(5));
        let run = format!("{:032x}", self.dice.random::<u128>());
        let run = format!("{}-{}-{}-{}-{}", &run[..8], &run[8..12], &run[12..16], &run[16..20], &run[20..]);
        let next = Instant::now() + self.seconds(0.6, 0.8).mul_f64(f64::from(self.period_secs));
        self.pinger.ping(Signal::Start, Some(&run)).await;
        if self.dice.random_bool(0.15) {
            self.rest(limit + W_SECS + 2.0, limit + W_SECS + 6.0).await;
        } else {
            self.rest(0.1 * limit, 0.6 * limit).await;
        }
        let signal = if self.dice.random_bool(0.1) { Signal::Fail } else { Signal::Success };
        self.pinger.ping(signal, Some(&run)).await;
        self.pinger.ping(Signal::Log, None).await;
        sleep_until(next).await;
    }

    async fn be_paused(&mut self) {
        self.work(10.0, 25.0).await;
        self.office.pause(&self.plan.slug).await;
        let forgiven = f64::from(self.plan.period_secs + self.plan.grace_secs) + W_SECS;
        self.rest(forgiven + 2.0, forgiven + 10.0).await;
        self.office.resume(&self.plan.slug).await;
    }

    async fn be_edited(&mut self) {
        self.work(8.0, 20.0).await;
        let next =
            if self.period_secs == self.plan.period_secs { self.plan.period_secs + 5 } else { self.plan.period_secs };
        // Who will have to be quicker is so before it is asked.
        if next < self.period_secs {
            self.pinger.ping(Signal::Success, None).await;
        }
        self.office.set_period(&self.plan.slug, next).await;
        self.period_secs = next;
    }

    async fn wait_a_period(&mut self) {
        let pause = self.seconds(0.6, 0.9).mul_f64(f64::from(self.period_secs));
        sleep(pause).await;
    }

    async fn rest(&mut self, least: f64, most: f64) {
        let pause = self.seconds(least, most);
        sleep(pause).await;
    }

    fn seconds(&mut self, least: f64, most: f64) -> Duration {
        Duration::from_secs_f64(self.dice.random_range(least..=most))
    }
}
