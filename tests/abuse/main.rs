//! The bodies of the fuzz targets, over their corpora and a few changes of each seed, on the stable toolchain and
//! without libFuzzer: what was once found stays found.
//!
//! The corpora are `tests/fuzz/corpus/<target>/`. Seeds are made by `cargo test -p quietpulse-suites --test abuse --
//! --ignored write_seeds`, which leaves files of other names alone; what `make fuzz` finds is added by hand, named
//! `found-…`.

mod corpus;
mod seeds;
#[path = "../fuzz/src/lib.rs"]
mod targets;

// By these paths the server's configuration asks for the rest of the server.
use targets::{installation, telemetry};

use libtest_mimic::{Arguments, Conclusion, Trial};

fn main() {
    let targets =
        targets::TARGETS.iter().map(|target| Trial::test(format!("corpus::{}", target.0), || corpus::run(*target)));
    let others = [
        Trial::test("corpus::has_seeds_for_every_target_and_no_other", corpus::is_complete),
        Trial::test("seeds::that_are_sound_are_taken", seeds::are_taken),
        Trial::test("seeds::write_seeds", seeds::write).with_ignored_flag(true),
    ];
    let conclusion: Conclusion = libtest_mimic::run(&Arguments::from_args(), targets.chain(others).collect());
    conclusion.exit();
}
