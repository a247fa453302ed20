//! The one-machine product as people meet it: real processes, real sockets, other people's programs.
//!
//! | module | shows |
//! |---|---|
//! | `newcomer` | the first minutes: paste one line, see a monitor, be told of its silence |
//! | `channels` | what arrives at a webhook, in Telegram and in a mailbox, and that it is inert |
//! | `deliveries` | retries, endpoints that hang, vanish or say no |
//! | `jobs` | the jobs people run: bash, Python, Node, workers, `qp run` |
//! | `replies` | the ping API to the letter |
//! | `bad_input` | what no client should send, and what it gets |
//! | `bad_settings` | what nobody should configure, and what no port should show |
//! | `history` | what is kept of many pings |
//! | `kills` | `kill -9` under load |
//! | `outage` | a server that was away, and clocks that jump |
//! | `shutdown` | SIGTERM, two servers on one directory, ports in use, backups |
//! | `client` | what `qp` and `quietpulse admin` print and how they end |
//! | `secrets` | what never reaches a log |
//!
//! `cargo test -p quietpulse-suites --test e2e [part of a name]`. It builds the two programs when they are older than
//! their source. What a machine lacks is said in the last lines: curl, python3 with venv and requests, node, PyPI (for
//! aiosmtpd), openssl, libfaketime.
//!
//! | variable | effect |
//! |---|---|
//! | `QP_STRICT=1` | what could not be tried is a failure |
//! | `QP_KILLS=50`, `QP_SEED=n` | how often `kill -9` strikes, and a run again |
//! | `QP_LONG=1` | the server is away for two minutes instead of twenty seconds |
//! | `QP_BIN_DIR=dir` | tests the programs in that directory instead of building them |
//! | `RUST_TEST_THREADS=n` | cases at once |

mod bad_input;
mod bad_settings;
mod beat;
mod channels;
mod client;
mod deliveries;
mod history;
mod jobs;
mod kills;
mod newcomer;
mod outage;
mod replies;
mod secrets;
mod shutdown;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The long ones first: the rest runs beside them.
    let modules = [
        outage::cases(),
        kills::cases(),
        deliveries::cases(),
        bad_input::cases(),
        bad_settings::cases(),
        channels::cases(),
        jobs::cases(),
        newcomer::cases(),
        shutdown::cases(),
        replies::cases(),
        history::cases(),
        client::cases(),
        secrets::cases(),
    ];
    suites::support::runner::run(modules.into_iter().flatten().collect(), suites::support::server::findings)
}
