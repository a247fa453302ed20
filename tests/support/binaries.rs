//! Where the programs under test are: beside the test executable, in `target/<profile>/`. Built once when they are
//! missing or older than the source, so that nobody tests yesterday's server. A cluster's server speaks to Kafka and
//! ScyllaDB as well; cargo would put it in the same place, so it is copied to one of its own, `cluster-bin/`.

use super::target::{self, Target};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

const PROGRAMS: [&str; 2] = ["quietpulse", "qp"];

/// The server.
pub fn quietpulse() -> PathBuf {
    directory().join("quietpulse")
}

/// The server as the release before snapshots of format 2 would be: it knows format 1 only.
pub fn quietpulse_of_format_1() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| built_of_format_1(profile()).join("quietpulse")).clone()
}

fn built_of_format_1(profile: PathBuf) -> PathBuf {
    let directory = profile.join("format-1-bin");
    if !is_newer(&directory.join("quietpulse")) {
        build(&profile, &["-p", "quietpulse-server", "--features", "only-format-1"]);
        copy(&profile, &directory, "quietpulse");
    }
    directory
}

/// Copies a program that was built. One that runs keeps its old file.
fn copy(profile: &Path, directory: &Path, name: &str) {
    let next = directory.join(format!("{name}.next"));
    std::fs::create_dir_all(directory).expect("a place for the programs");
    std::fs::copy(profile.join(name), &next)
        .and_then(|_| std::fs::rename(&next, directory.join(name)))
        .expect("a copy");
}

/// The client.
pub fn qp() -> PathBuf {
    directory().join("qp")
}

/// The client, told nothing: no variable of whoever runs the suite reaches it.
pub fn qp_command() -> tokio::process::Command {
    let mut command = tokio::process::Command::new(qp());
    for name in ["QUIETPULSE_URL", "QUIETPULSE_API_KEY", "QUIETPULSE_PING_KEY", "QUIETPULSE_PING_URL"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The build's `target/`, for what the suite keeps between runs.
pub fn target() -> PathBuf {
    profile().parent().expect("target/<profile>").to_owned()
}

fn directory() -> &'static PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| match (std::env::var_os("QP_BIN_DIR"), target::chosen()) {
        (Some(directory), _) => PathBuf::from(directory),
        (None, Target::OneMachine) => built(profile()),
        (None, Target::Cluster) => built_for_a_cluster(profile()),
    })
}

/// `target/<profile>` of `target/<profile>/deps/e2e-…`.
fn profile() -> PathBuf {
    let executable = std::env::current_exe().expect("the path of this executable");
    let parent = executable.parent().expect("a file lies in a directory");
    let is_deps = parent.file_name().is_some_and(|name| name == "deps");
    if is_deps { parent.parent().expect("target/<profile>").to_owned() } else { parent.to_owned() }
}

fn built(directory: PathBuf) -> PathBuf {
    if !is_fresh(&directory) {
        build(&directory, &["-p", "quietpulse-server", "-p", "quietpulse-cli", "--no-default-features"]);
    }
    directory
}

fn built_for_a_cluster(profile: PathBuf) -> PathBuf {
    let directory = profile.join("cluster-bin");
    if !is_fresh(&directory) {
        build(&profile, &["-p", "quietpulse-server", "-p", "quietpulse-cli"]);
        PROGRAMS.iter().for_each(|name| copy(&profile, &directory, name));
    }
    let version = Command::new(directory.join("quietpulse")).arg("version").output().expect("the server runs");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    assert!(version.contains("embedded kafka"), "not built for a cluster: {version}");
    directory
}

fn is_fresh(directory: &Path) -> bool {
    PROGRAMS.iter().all(|name| is_newer(&directory.join(name)))
}

/// Whether a program is there and newer than the source.
fn is_newer(program: &Path) -> bool {
    let made = modified(program);
    made.is_some_and(|binary| newest_source(&root().join("crates")).is_none_or(|source| source <= binary))
}

fn build(directory: &Path, more: &[&str]) {
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--bins", "--profile", profile];
    let status = Command::new(cargo).args(arguments).args(more).current_dir(root()).status().expect("cargo runs");
    assert!(status.success(), "the programs under test do not build");
}

/// The workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

fn newest_source(directory: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(directory).ok()?.flatten();
    let newest = entries.filter_map(|entry| {
        let path = entry.path();
        match entry.file_type().ok()?.is_dir() {
            // The crates' own tests are no part of the programs.
            true if path.file_name().is_some_and(|name| name == "tests") => None,
            true => newest_source(&path),
            false => modified(&path),
        }
    });
    newest.max()
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}
