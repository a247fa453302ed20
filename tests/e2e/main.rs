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
//! | `history` | what is kept of many pings |
//! | `kills` | `kill -9` under load |
//! | `outage` | a server that was away, and clocks that jump |
//! | `shutdown` | SIGTERM, two servers on one directory, ports in use, backups |
//! | `client` | what `qp` and `quietpulse admin` print and how they end |
//! | `secrets` | what never reaches a log |

mod bad_input;
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
