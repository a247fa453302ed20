//! The store as one process sees it, through faults of its own.
//!
//! For a **cut** client everything is busy after a second; what was on its way when the cut came is applied if it had
//! got through by then. A **frozen** client is a paused process: its calls wait until it is thawed, and a write that
//! had not got through by then is applied only after that, however late.

use super::faults::{Fate, Kind, StoreFaults};
use super::tables::Tables;
use crate::log::dice::dice;
use ::store::StoreError;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// How long it takes to find out that nobody answers.
const CUT_TIMEOUT: Duration = Duration::from_secs(1);

pub struct SimStoreClient {
    pub(super) name: Arc<str>,
    tables: Arc<Mutex<Tables>>,
    state: Mutex<State>,
    thaw: Notify,
}

struct State {
    faults: StoreFaults,
    cut: bool,
    frozen: bool,
    dice: StdRng,
}

impl SimStoreClient {
    pub(super) fn new(tables: Arc<Mutex<Tables>>, name: &str, seed: u64) -> Self {
        let state = State { faults: StoreFaults::default(), cut: false, frozen: false, dice: dice(seed, name, 1) };
        Self { name: name.into(), tables, state: Mutex::new(state), thaw: Notify::new() }
    }

    /// What may happen to calls from now on.
    pub fn set_faults(&self, faults: StoreFaults) {
        self.state.lock().faults = faults;
    }

    /// Everything is busy after a second.
    pub fn cut(&self, cut: bool) {
        self.state.lock().cut = cut;
    }

    /// Stops the client as a paused process stops, or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        self.state.lock().frozen = frozen;
        self.thaw.notify_waiters();
    }

    /// A write, and how long it takes. `work` may apply a part of it, as its dice say, when it is given any.
    pub(super) async fn tearing<T: Send>(
        &self,
        work: impl FnOnce(&mut Tables, Option<StdRng>) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        self.reach().await?;
        let Fate { delay, busy, unknown, torn } = {
            let mut state = self.state.lock();
            let faults = state.faults;
            faults.draw(&mut state.dice)
        };
        self.wait(delay / 2).await?;
        if busy {
            return Err(refused());
        }
        let is_torn = torn.is_some();
        let answer = work(&mut self.tables.lock(), torn);
        self.wait(delay - delay / 2).await?;
        if unknown || is_torn { Err(StoreError::Busy("nobody said whether it was done".into())) } else { answer }
    }

    /// A write that is done or not done.
    pub(super) async fn change<T: Send>(
        &self,
        work: impl FnOnce(&mut Tables) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        self.tearing(|tables, torn| if torn.is_some() { Err(refused()) } else { work(tables) }).await
    }

    /// A read; `work` is told how many writes back it is to look.
    pub(super) async fn look<T: Send>(
        &self,
        kind: Kind,
        work: impl FnOnce(&Tables, usize) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        self.reach().await?;
        let (fate, age) = {
            let mut state = self.state.lock();
            let faults = StoreFaults { unknown: 0.0, torn: 0.0, ..state.faults };
            (faults.draw(&mut state.dice), faults.draw_age(kind, &mut state.dice))
        };
        self.wait(fate.delay / 2).await?;
        if fate.busy {
            return Err(refused());
        }
        let answer = work(&self.tables.lock(), age);
        self.wait(fate.delay - fate.delay / 2).await?;
        answer
    }

    async fn wait(&self, delay: Duration) -> Result<(), StoreError> {
        if !delay.is_zero() {
            sleep(delay).await;
        }
        self.reach().await
    }

    /// Waits while the client is frozen, and refuses while it is cut off.
    async fn reach(&self) -> Result<(), StoreError> {
        self.thawed().await;
        if !self.state.lock().cut {
            return Ok(());
        }
        sleep(CUT_TIMEOUT).await;
        self.thawed().await;
        Err(StoreError::Busy("the store does not answer".into()))
    }

    async fn thawed(&self) {
        loop {
            let mut thaw = pin!(self.thaw.notified());
            thaw.as_mut().enable();
            if !self.state.lock().frozen {
                return;
            }
            thaw.await;
        }
    }
}

fn refused() -> StoreError {
    StoreError::Busy("simulated".into())
}
