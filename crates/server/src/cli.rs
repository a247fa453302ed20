//! What people type.

use crate::config::{self, Config, ConfigError, Flag, Settings, Sources};
use crate::failure::Failure;
use crate::{backtest, explain, replay};
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Tells people when work that should have happened did not.
#[derive(Parser)]
#[command(name = "quietpulse", version, about, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run the server
    Serve(ServeArguments),
    /// Print or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Keys, backups, and what a cluster needs before it starts
    Admin(AdminArguments),
    /// Say what led to a verdict, and what came of it
    Explain(explain::Arguments),
    /// Work out from the log what the shards' states must be, and compare
    Replay(replay::Arguments),
    /// Say what other settings would have alerted of
    Backtest(backtest::Arguments),
    /// Move an installation of one machine to a cluster, while pings go on
    #[cfg(feature = "cluster")]
    Migrate(MigrateArguments),
    /// Versions, and what was compiled in
    Version,
}

#[derive(Args, Default)]
pub struct ServeArguments {
    /// Settings that differ from `quietpulse config default`
    #[arg(long, value_name = "FILE", env = "QUIETPULSE_CONFIG")]
    config: Option<PathBuf>,
    /// Where everything is kept [default: ./quietpulse-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Where pings are taken [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// Where the API is served [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR")]
    grpc: Option<String>,
    /// Where metrics and health are served [default: 127.0.0.1:8082]
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// The address clients reach the ping routes by
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// human or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Some of ingest,evaluator,notifier,api [default: all of these], and auditor
    #[arg(long, value_name = "ROLES")]
    roles: Option<String>,
}

impl ServeArguments {
    /// The configuration these arguments ask for.
    pub fn load(&self) -> Result<(Config, Settings), ConfigError> {
        let flags: Vec<Flag> = vec![
            ("--data-dir", "data_dir", self.data_dir.clone()),
            ("--http", "http.listen", self.http.clone()),
            ("--grpc", "grpc.listen", self.grpc.clone()),
            ("--admin", "admin.listen", self.admin.clone()),
            ("--public-url", "http.public_url", self.public_url.clone()),
            ("--log-format", "telemetry.log_format", self.log_format.clone()),
            ("--roles", "roles", self.roles.clone()),
        ];
        config::load(Sources { file: self.config.as_deref(), variables: std::env::vars_os().collect(), flags })
    }
}

/// See docs/migrating.md.
#[cfg(feature = "cluster")]
#[derive(Args)]
pub struct MigrateArguments {
    /// What the installation runs on now
    #[arg(long, value_parser = ["embedded"])]
    pub from: String,
    /// What it is to run on
    #[arg(long, value_parser = ["cluster"])]
    pub to: String,
    /// The data directory to move, whether a server works with it or not [default: ./quietpulse-data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// The configuration of the cluster
    #[arg(long, value_name = "FILE", env = "QUIETPULSE_CONFIG")]
    config: Option<PathBuf>,
    /// An API key of scope admin, if keys.toml is not in the data directory
    #[arg(long, value_name = "KEY", env = "QUIETPULSE_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// End when the old server took no ping for so long; else when it has stopped
    #[arg(long, value_name = "DURATION", value_parser = humane)]
    pub until_quiet: Option<std::time::Duration>,
}

#[cfg(feature = "cluster")]
fn humane(text: &str) -> Result<std::time::Duration, String> {
    let ms = domain::duration::parse_duration_ms(text).map_err(|error| error.to_string())?;
    Ok(std::time::Duration::from_millis(ms))
}

#[cfg(feature = "cluster")]
impl MigrateArguments {
    /// The cluster's configuration.
    pub fn target(&self) -> Result<Config, ConfigError> {
        let sources = Sources { file: self.config.as_deref(), variables: std::env::vars_os().collect(), flags: vec![] };
        config::load(sources).map(|(config, _)| config)
    }

    /// The configuration of the old data directory: its defaults, since a move changes nothing there.
    pub fn source(&self) -> Result<Config, ConfigError> {
        let flags = vec![("--data-dir", "data_dir", self.data_dir.clone())];
        config::load(Sources { file: None, variables: vec![], flags }).map(|(config, _)| config)
    }
}

#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Print the complete default file
    Default,
    /// Check a file and the variables: exit 0 or 2
    Check {
        #[arg(value_name = "FILE", env = "QUIETPULSE_CONFIG")]
        file: Option<PathBuf>,
    },
}

#[derive(Args)]
pub struct AdminArguments {
    #[command(flatten)]
    pub target: Target,
    #[command(subcommand)]
    pub command: AdminCommand,
}

/// Which installation: a server by its address, or the one in a data directory on this machine.
#[derive(Args)]
pub struct Target {
    /// gRPC address of a running server
    #[arg(long, global = true, value_name = "ADDR", env = "QUIETPULSE_URL")]
    pub url: Option<String>,
    /// An API key of scope admin
    #[arg(long, global = true, value_name = "KEY", env = "QUIETPULSE_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// The data directory [default: ./quietpulse-data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// The configuration that names the data directory
    #[arg(long, global = true, value_name = "FILE", env = "QUIETPULSE_CONFIG")]
    config: Option<PathBuf>,
}

impl Target {
    /// The configuration; most of it plays no part here.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let flags = vec![("--data-dir", "data_dir", self.data_dir.clone())];
        let sources = Sources { file: self.config.as_deref(), variables: std::env::vars_os().collect(), flags };
        config::load(sources).map(|(config, _)| config)
    }
}

/// An installation that is only looked at, whether a server works with it or not.
#[derive(Args)]
pub struct Looking {
    /// The data directory [default: ./quietpulse-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// The configuration that names the data directory, or the cluster's log and store
    #[arg(long, value_name = "FILE", env = "QUIETPULSE_CONFIG")]
    config: Option<PathBuf>,
}

impl Looking {
    /// The configuration; most of it plays no part here.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let flags = vec![("--data-dir", "data_dir", self.data_dir.clone())];
        let sources = Sources { file: self.config.as_deref(), variables: std::env::vars_os().collect(), flags };
        config::load(sources).map(|(config, _)| config)
    }
}

#[derive(Subcommand)]
pub enum AdminCommand {
    /// API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// The secrets that the processes of a cluster share
    #[command(subcommand)]
    Installation(InstallationCommand),
    /// The topic that is a cluster's log
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Topic(TopicCommand),
    /// The tables of a cluster's store
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Copy everything into an empty directory, while the server runs
    Backup {
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

#[derive(Subcommand)]
pub enum InstallationCommand {
    /// Draw new secrets into a file that is not there yet
    Create {
        /// How many shards it has for its whole life
        #[arg(long, default_value_t = 64)]
        shards: u16,
        #[arg(long, value_name = "FILE", default_value = "installation.toml")]
        out: PathBuf,
        /// Take the secrets of this data directory, whose monitors are to move: ping URLs stay the same
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
}

#[cfg(feature = "cluster")]
#[derive(Subcommand)]
pub enum TopicCommand {
    /// Make it; one that is there and fits is fine
    Create,
    /// Say what of it fits: exit 0 or 1
    Check,
}

#[cfg(feature = "cluster")]
#[derive(Subcommand)]
pub enum SchemaCommand {
    /// Make or upgrade the tables; safe twice, and from two machines at once
    Apply,
    /// Say which steps were applied
    Status,
}

#[derive(Subcommand)]
pub enum KeyCommand {
    /// Make a key; it is shown once
    Create {
        /// What it is for
        name: String,
        /// read, write or admin
        #[arg(long, default_value = "write")]
        scope: String,
    },
    /// List keys by their public prefix
    List,
    /// Make a key worthless
    Revoke {
        /// The public prefix, as `list` shows it
        prefix: String,
    },
}

/// clap's words as one last line: what is wrong first, then how it is written.
pub fn refusal(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        eprintln!("{text}");
        return Failure::usage("a command is needed, as shown above");
    }
    let (head, usage) = text.split_once("Usage:").unwrap_or((&text, ""));
    let head = head.split("For more information").next().unwrap_or_default();
    let words = head.strip_prefix("error:").unwrap_or(head).split_whitespace().collect::<Vec<_>>().join(" ");
    let usage = usage.lines().next().unwrap_or_default().trim();
    let tail = if usage.is_empty() { String::new() } else { format!("; usage: {usage}") };
    Failure::usage(format_args!("{words}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_refusal_is_one_line_that_names_the_argument() {
        let error = Cli::try_parse_from(["quietpulse", "serve", "--prot", "1"]).err().unwrap();
        let failure = refusal(&error);
        assert_eq!(failure.status, 2);
        assert!(failure.to_string().contains("--prot"), "{failure}");
        assert!(!failure.to_string().contains('\n'));
        let error = Cli::try_parse_from(["quietpulse", "admin", "key", "revoke"]).err().unwrap();
        assert!(refusal(&error).to_string().contains("<PREFIX>"), "{}", refusal(&error));
        let error = Cli::try_parse_from(["quietpulse", "serve", "--config"]).err().unwrap();
        assert_eq!(refusal(&error).to_string(), "a value is required for '--config <FILE>' but none was supplied");
        let error = Cli::try_parse_from(["quietpulse"]).err().unwrap();
        assert_eq!(refusal(&error).to_string(), "a command is needed, as shown above");
    }
}
