//! Finding the server and its key, and the connection to it.

mod server;
mod settings;

pub use server::Server;
pub use settings::Settings;

/// `--url`, for commands that have no other meaning for it.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ServerArgs {
    /// The server's gRPC address, `host:port` or `https://host` [env: QUIETPULSE_URL]
    #[arg(long, global = true, value_name = "GRPC_ADDR")]
    pub url: Option<String>,
}
