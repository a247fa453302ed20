//! `quietpulse`: the one place that knows the configuration, the clock and all roles.
//!
//! - [`cli`]: what people type
//! - [`config`]: the default file, its types, the layers over it
//! - [`installation`]: the secrets of a data directory
//! - [`serve`]: opens everything in order, wires it, and closes it in the opposite order
//! - [`health`]: `/metrics`, `/healthz` and `/readyz`
//! - [`admin`]: keys and backups, with or without a running server; topic and schema of a cluster
//! - [`explain`], [`replay`], [`backtest`]: what led to a verdict, whether states are what the log makes of them, and what
//!   other settings would have said; they only look
//! - [`telemetry`]: logs, traces, metrics

mod admin;
mod backtest;
mod cli;
mod clock;
mod config;
mod explain;
mod failure;
mod health;
mod installation;
mod looking;
#[cfg(feature = "cluster")]
mod migrate;
mod output;
mod replay;
mod serve;
mod telemetry;
mod version;

use clap::Parser;
use cli::{Cli, Command, ConfigCommand};
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match Cli::try_parse() {
        Ok(cli) => run(cli.command),
        Err(error) if !error.use_stderr() => output::print(&error.render().to_string()),
        Err(error) => Err(cli::refusal(&error)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.status)
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Config(ConfigCommand::Default) => output::print(config::DEFAULT_FILE),
        Command::Config(ConfigCommand::Check { file }) => check(file.as_deref()),
        Command::Admin(arguments) => admin::run(arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Backtest(arguments) => backtest::run(&arguments),
        #[cfg(feature = "cluster")]
        Command::Migrate(arguments) => migrate::run(&arguments),
        Command::Version => output::print(&version::text()),
    }
}

/// Reads what `serve` would read and says who set what, without values: some are secrets.
fn check(file: Option<&std::path::Path>) -> Result<(), Failure> {
    let sources = config::Sources { file, variables: std::env::vars_os().collect(), flags: vec![] };
    let (_, settings) = config::load(sources)?;
    let changed: Vec<String> = settings.changed().map(|(name, origin)| format!("  {name}  ({origin})\n")).collect();
    output::print(&match changed.len() {
        0 => "ok: every setting has its default\n".to_owned(),
        set => format!("ok: {set} set, the rest have their defaults\n{}", changed.concat()),
    })
}
