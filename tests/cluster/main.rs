//! The cluster as people meet it: several real processes of each role on a real Kafka and a real Cassandra.
//!
//! | module | shows |
//! |---|---|
//! | `one_machine` | the cases of `e2e`, unchanged: a cluster does for its users what one process does |
//! | `administration` | what operators type |
//! | `takeover` | evaluators that end, die, freeze, vanish and arrive |
//! | `day` | the same records on both kinds of backends are the same verdicts, to the byte |
//! | `rolling` | every process replaced under load behind HAProxy, and nobody notices |
//! | `upgrade` | the same with two releases that save their state differently |
//! | `moving` | an installation of one machine goes on in a cluster while its jobs go on pinging |
//!
//! `tests/cluster/run`, or `cargo test -p quietpulse-suites --features cluster --test cluster [part of a name]`, which
//! starts the servers itself (JDK 17 and Maven) in `target/cluster/` and ends them.
//!
//! | variable | effect |
//! |---|---|
//! | `QP_CLUSTER_DIR=dir` | uses the servers that `deploy/local/cluster up --dir dir` started, where they are as many as asked |
//! | `QP_STRICT=1` | what could not be tried is a failure |
//! | `QP_LONG=1` | an evaluator is frozen for ninety seconds instead of twenty |
//! | `QP_BIN_DIR=dir` | tests the programs in that directory instead of building them |

mod administration;
mod crowd;
mod day;
mod moving;
mod one_machine;
mod rolling;
mod takeover;
mod traffic;
mod upgrade;

use std::process::ExitCode;
use suites::support::evidence;
use suites::support::runner;
use suites::support::target::{self, Target};
use suites::support::topology::Real;

fn main() -> ExitCode {
    target::choose(Target::Cluster);
    // The long ones first: the rest runs beside them.
    let modules = [
        day::cases(),
        rolling::cases(),
        upgrade::cases(),
        moving::cases(),
        takeover::cases(),
        one_machine::cases(),
        administration::cases(),
    ];
    runner::run(modules.into_iter().flatten().collect(), || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(Real::end_all());
        one_machine::not_run().iter().for_each(|line| println!("{line}"));
        evidence::findings()
    })
}
