//! `quietpulse migrate`: an installation of one machine goes on in a cluster. Monitors, channels, keys, tokens, history
//! and open incidents move; ping URLs stay the same; pings that arrive during the move are passed on.
//!
//! 1. [`target`]: the cluster is looked at; it must have the same secrets.
//! 2. [`source`]: the old log is told that its monitors have moved. Its server judges nothing from there on, and takes
//!    pings as before.
//! 3. [`copy`]: keys and channels, then every monitor with all the old engine knows of it, then history.
//! 4. [`forward`]: pings the old server still takes are passed on, until it has stopped.
//! 5. The old directory is marked, so that no server goes on with it by mistake, and the owners of the cluster's shards
//!    are waited for: whoever then asks for a monitor finds it.
//!
//! While the copy lags behind, the cluster's shards are told that nobody could hear ([`blind`]): a job whose ping is
//! still on its way must not look silent. The old directory is left as it is, and a file in it says how far the move
//! came ([`progress`]): a move that was interrupted goes on when it is started again.

mod blind;
mod copy;
mod forward;
mod progress;
mod source;
mod target;

use crate::cli::MigrateArguments;
use crate::failure::Failure;
use crate::installation::moved_file;
use crate::{output, telemetry};
use blind::Blind;
use progress::Progress;
use source::Source;
use target::Target;

/// Moves an installation.
pub fn run(arguments: &MigrateArguments) -> Result<(), Failure> {
    telemetry::init_for_command();
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format_args!("the runtime: {error}")))?;
    let moved = runtime.block_on(async {
        tokio::select! {
            moved = migrate(arguments) => moved,
            _ = tokio::signal::ctrl_c() => Err(Failure::failed("interrupted; start it again and it goes on")),
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    output::print(&moved?)
}

async fn migrate(arguments: &MigrateArguments) -> Result<String, Failure> {
    let (from, to) = (arguments.source()?, arguments.target()?);
    let source = Source::open(&from, arguments.api_key.clone()).await?;
    let target = Target::open(&to, source.installation()).await?;
    say(format_args!("moving {} to the topic {}", source.directory().display(), to.kafka.topic));
    let blind = Blind::begin(&target);
    let mut progress = Progress::open(source.directory())?;
    if progress.markers.is_empty() {
        progress.begin(source.mark().await?)?;
        say(format_args!("the old log says so; its server takes pings and judges nothing from here on"));
    }
    let state = source.state().await?;
    copy::directory(&state, &target).await?;
    let engines = copy::engines(&state, &progress.markers).await?;
    let moved = copy::monitors(&state, &engines, &target).await?;
    let routes = forward::Routes::of(&engines, &target);
    drop(engines);
    let forwarded = forward::run(&source, &target, &routes, progress, blind, arguments.until_quiet, async {
        copy::history(&state, &moved, &target).await
    });
    let forwarded = forwarded.await?;
    moved_file::write(source.directory(), &target.place()).map_err(Failure::failed)?;
    source.discard(state).await;
    target.wait_for_owners(&moved).await;
    target.close().await;
    Ok(format!("{} monitors moved, {forwarded} records passed on\n", moved.len()))
}

/// A line of progress.
fn say(line: std::fmt::Arguments<'_>) {
    eprintln!("{line}");
}
