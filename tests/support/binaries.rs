//! Where the programs under test are: beside the test executable, in `target/<profile>/`. Built once when they are
//! missing or older than the source, so that nobody tests yesterday's server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The server.
pub fn quietpulse() -> PathBuf {
    directory().join("quietpulse")
}

/// The client.
pub fn qp() -> PathBuf {
    directory().join("qp")
}

/// The build's `target/`, for what the suite keeps between runs.
pub fn target() -> PathBuf {
    profile().parent().expect("target/<profile>").to_owned()
}

fn directory() -> &'static PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| match std::env::var_os("QP_BIN_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => built(profile()),
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
    let oldest = ["quietpulse", "qp"].map(|name| modified(&directory.join(name))).into_iter().min().flatten();
    let fresh =
        oldest.is_some_and(|binary| newest_source(&root().join("crates")).is_none_or(|source| source <= binary));
    if !fresh {
        build(&directory);
    }
    directory
}

fn build(directory: &Path) {
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "-p", "quietpulse-server", "-p", "quietpulse-cli", "--bins", "--profile", profile];
    let status = Command::new(cargo).args(arguments).current_dir(root()).status().expect("cargo runs");
    assert!(status.success(), "the programs under test do not build");
}

/// The workspace.
fn root() -> &'static Path {
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
