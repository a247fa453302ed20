//! A real SMTP server (aiosmtpd) in a process of its own.

use super::binaries;
use super::runner::{Skipped, lock};
use super::tools;
use super::wait::until;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

const PACKAGE: &str = "aiosmtpd==1.4.6";
static PYTHON: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();

/// The server; it ends with this value.
pub struct Smtp {
    pub port: u16,
    mails: Arc<Mutex<Vec<Value>>>,
    _child: Child,
}

impl Smtp {
    /// Takes every mail.
    pub async fn listen() -> Result<Self, Skipped> {
        Self::with(&[]).await
    }

    /// Refuses the first `refusals` mails for a while (F41).
    pub async fn greylisting(refusals: u32) -> Result<Self, Skipped> {
        Self::with(&["greylist", &refusals.to_string()]).await
    }

    /// Knows nobody: 550 for every recipient (F41).
    pub async fn knowing_nobody() -> Result<Self, Skipped> {
        Self::with(&["unknown"]).await
    }

    /// Takes mail only over TLS, which it offers by STARTTLS or from the first byte, and after a login.
    pub async fn secure(way: &str, certificate: &Certificate) -> Result<Self, Skipped> {
        Self::with(&[way, &certificate.path("cert.pem"), &certificate.path("key.pem")]).await
    }

    async fn with(arguments: &[&str]) -> Result<Self, Skipped> {
        let python = PYTHON.get_or_init(prepare).await.clone().map_err(Skipped)?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/support/smtp.py");
        let mut command = Command::new(python);
        command.arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the mail server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let first = lines.next_line().await.expect("readable").expect("the mail server says its port");
        let first: Value = serde_json::from_str(&first).expect("JSON");
        let port = first["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
        let mails = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&mails);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                lock(&kept).push(serde_json::from_str(&line).expect("JSON"));
            }
        });
        Ok(Self { port, mails, _child: child })
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Mails taken and refused, oldest first.
    pub fn mails(&self) -> Vec<Value> {
        lock(&self.mails).clone()
    }

    /// Waits for a mail whose subject matches.
    pub async fn mail(&self, what: &str, patience: Duration, matches: impl Fn(&str) -> bool) -> Value {
        let subject = |mail: &Value| mail["subject"].as_str().is_some_and(&matches);
        until(what, patience, async || self.mails().into_iter().find(subject)).await
    }
}

/// A certificate for 127.0.0.1 under an authority of its own, in a directory that ends with it.
pub struct Certificate(tempfile::TempDir);

impl Certificate {
    /// Made with the `openssl` program.
    pub async fn make() -> Result<Self, Skipped> {
        tools::require("openssl", &["version"]).await?;
        let made = Self(tempfile::tempdir().expect("a directory"));
        std::fs::write(made.path("san"), "subjectAltName=IP:127.0.0.1,DNS:localhost").expect("written");
        made.openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=authority").await;
        made.openssl("req -newkey rsa:2048 -nodes -keyout key.pem -out csr -subj /CN=localhost").await;
        made.openssl("x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -out cert.pem").await;
        Ok(made)
    }

    async fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.args(arguments.split(' ')).current_dir(self.0.path());
        assert!(succeeds(&mut command).await, "openssl {arguments}");
    }

    /// `ca.pem`, `cert.pem` or `key.pem`.
    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

/// An interpreter that has the package, made once under `target/`.
async fn prepare() -> Result<PathBuf, String> {
    let home = binaries::target().join("tools").join("smtp");
    let python = home.join("bin").join("python");
    if succeeds(Command::new(&python).args(["-c", "import aiosmtpd"])).await {
        return Ok(python);
    }
    if !succeeds(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home)).await {
        return Err("python3 with venv is absent, so there is no SMTP server to send to".into());
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE];
    if !succeeds(Command::new(&python).args(install)).await {
        return Err(format!("{PACKAGE} could not be installed from PyPI, so there is no SMTP server to send to"));
    }
    Ok(python)
}

async fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    matches!(tokio::time::timeout(Duration::from_secs(120), command.status()).await, Ok(Ok(status)) if status.success())
}
