//! Channels as the store knows them, opened, and kept for a few seconds.

use domain::command::AttemptResult;
use domain::ids::{ChannelId, TenantId};
use domain::time::Clock;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::row::ChannelRow;
use store::seal::{SealError, Sealer, open_settings, seal_settings};
use store::{Store, StoreError};
use tokio::time::Instant;
use wire::v1::channel::Settings;
use wire::v1::{LogSettings, TelegramSettings};

/// An edit of a channel counts after this long at the latest.
const KEEP: Duration = Duration::from_secs(5);
const MAX_KEPT: usize = 10_000;
const STORE_ANSWER: Duration = Duration::from_secs(3);

/// A channel with its secrets.
pub(super) struct Opened {
    pub row: ChannelRow,
    pub settings: Settings,
}

/// Why a channel cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ChannelRefusal {
    #[error("channel deleted")]
    Deleted,
    #[error("channel disabled: {0}")]
    Disabled(String),
    #[error("the channel's settings cannot be opened")]
    Sealed,
    #[error("the store did not answer")]
    Store,
}

impl From<ChannelRefusal> for AttemptResult {
    /// What the owner decided is final; what the operator can repair is tried again.
    fn from(refusal: ChannelRefusal) -> Self {
        let error = refusal.to_string();
        match refusal {
            ChannelRefusal::Deleted | ChannelRefusal::Disabled(_) => Self::Failed { error },
            ChannelRefusal::Sealed | ChannelRefusal::Store => Self::Retry { after_ms: None, error },
        }
    }
}

/// Finds channels.
pub(super) struct Directory {
    store: Arc<dyn Store>,
    sealer: Sealer,
    clock: Arc<dyn Clock>,
    kept: Mutex<HashMap<ChannelId, (Instant, Arc<Opened>)>>,
}

impl Directory {
    pub(super) fn new(store: Arc<dyn Store>, sealer: Sealer, clock: Arc<dyn Clock>) -> Self {
        Self { store, sealer, clock, kept: Mutex::default() }
    }

    /// A channel of this tenant that takes deliveries.
    pub(super) async fn find(&self, tenant: TenantId, id: ChannelId) -> Result<Arc<Opened>, ChannelRefusal> {
        let opened = match self.kept(id) {
            Some(opened) => opened,
            None => self.fetch(tenant, id).await?,
        };
        if opened.row.tenant != tenant || opened.row.deleted {
            return Err(ChannelRefusal::Deleted);
        }
        match opened.row.disabled.as_str() {
            "" => Ok(opened),
            reason => Err(ChannelRefusal::Disabled(reason.to_owned())),
        }
    }

    /// A channel's settings in clear.
    pub(super) fn open(&self, row: ChannelRow) -> Result<Opened, ChannelRefusal> {
        if row.id == ChannelId::LOG {
            return Ok(Opened { row, settings: Settings::Log(LogSettings {}) });
        }
        match open_settings(&self.sealer, &row) {
            Ok(settings) => Ok(Opened { row, settings }),
            Err(error) => Err(self.unopened(&row, &error)),
        }
    }

    /// Stores a chat's new id. Somebody who edits the channel at the same moment wins: the next attempt is then
    /// told of the move again.
    pub(super) async fn move_chat(&self, opened: &Opened, chat: &str) {
        let Settings::Telegram(old) = &opened.settings else { return };
        let settings = Settings::Telegram(TelegramSettings { chat_id: chat.to_owned(), ..old.clone() });
        let row = ChannelRow {
            settings: seal_settings(&self.sealer, opened.row.tenant, opened.row.id, &settings),
            version: opened.row.version.saturating_add(1),
            changed_ms: self.clock.now().0,
            ..opened.row.clone()
        };
        let (id, written) = (row.id, tokio::time::timeout(STORE_ANSWER, self.store.update_channel(row)).await);
        self.kept.lock().remove(&id);
        match written {
            Ok(Ok(())) => tracing::info!(channel = %id, "stored the new id of a chat that moved"),
            Ok(Err(error)) => tracing::warn!(channel = %id, %error, "could not store the new id of a chat that moved"),
            Err(_) => tracing::warn!(channel = %id, "could not store the new id of a chat that moved: no answer"),
        }
    }

    fn kept(&self, id: ChannelId) -> Option<Arc<Opened>> {
        let kept = self.kept.lock();
        let (since, opened) = kept.get(&id)?;
        (since.elapsed() < KEEP).then(|| opened.clone())
    }

    async fn fetch(&self, tenant: TenantId, id: ChannelId) -> Result<Arc<Opened>, ChannelRefusal> {
        if id == ChannelId::LOG {
            return Ok(Arc::new(self.open(log_row(tenant))?));
        }
        let found = tokio::time::timeout(STORE_ANSWER, self.store.channel(id)).await;
        let row = found.unwrap_or_else(|_| Err(StoreError::Busy("no answer".to_owned())));
        let row = row.map_err(|error| unanswered(id, &error))?.ok_or(ChannelRefusal::Deleted)?;
        if row.deleted {
            return Err(ChannelRefusal::Deleted);
        }
        let opened = Arc::new(self.open(row)?);
        self.keep(id, opened.clone());
        Ok(opened)
    }

    fn keep(&self, id: ChannelId, opened: Arc<Opened>) {
        let mut kept = self.kept.lock();
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, (since, _)| since.elapsed() < KEEP);
        }
        if kept.len() < MAX_KEPT {
            kept.insert(id, (Instant::now(), opened));
        }
    }

    /// Wrong keys or a cell of another row: nobody but an operator can tell.
    fn unopened(&self, row: &ChannelRow, error: &SealError) -> ChannelRefusal {
        tracing::error!(channel = %row.id, %error, "the settings of a channel cannot be opened");
        ChannelRefusal::Sealed
    }
}

fn unanswered(id: ChannelId, error: &StoreError) -> ChannelRefusal {
    tracing::warn!(channel = %id, %error, "the store did not give a channel");
    ChannelRefusal::Store
}

/// The built-in channel stands in no table.
fn log_row(tenant: TenantId) -> ChannelRow {
    ChannelRow {
        id: ChannelId::LOG,
        tenant,
        name: "log".to_owned(),
        kind: "log".to_owned(),
        settings: Vec::new(),
        version: 1,
        created_ms: 0,
        changed_ms: 0,
        disabled: String::new(),
        deleted: false,
    }
}
