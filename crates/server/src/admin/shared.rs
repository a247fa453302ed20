//! `admin installation`: the secrets that all processes of an installation share.

use crate::cli::InstallationCommand;
use crate::failure::Failure;
use crate::installation::Installation;
use domain::ids::ShardCount;

/// The most shards an installation is made with: more partitions slow every acknowledgement down.
const MOST_SHARDS: u16 = 256;

/// Does it, and gives what to print.
pub fn run(command: &InstallationCommand) -> Result<String, Failure> {
    let InstallationCommand::Create { shards, out, from } = command;
    let allowed = || Failure::usage(format_args!("--shards: found {shards}, allowed: 1 to {MOST_SHARDS}"));
    let count = ShardCount::new(*shards).filter(|count| count.get() <= MOST_SHARDS).ok_or_else(allowed)?;
    let installation = match from {
        Some(directory) => Installation::open(directory).map(|found| found.with_shards(count)),
        None => Installation::draw(count),
    };
    installation.and_then(|installation| installation.write_shared(out)).map_err(Failure::failed)?;
    Ok(format!(
        "{}: made for {shards} shards; give it to every process (setting `installation`) and to nobody else\n",
        out.display()
    ))
}
