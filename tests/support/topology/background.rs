//! A thread for what must go on while a case waits or computes: forwarders, and the connection to the database.

use std::sync::OnceLock;
use tokio::runtime::{Builder, Handle, Runtime};

/// Where such work is spawned.
pub fn background() -> &'static Handle {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let make = || Builder::new_multi_thread().worker_threads(1).thread_name("fronts").enable_all().build();
    RUNTIME.get_or_init(|| make().expect("a thread")).handle()
}
