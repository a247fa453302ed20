//! The command itself: started as a shell would, signalled, timed out, and its end turned into an exit code.

use super::SAME_SIGNAL;
use super::signals::Signals;
use super::tee::{Captured, Output, Tee};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpgrp, kill_process, kill_process_group};
use rustix::termios::{isatty, tcgetpgrp};
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::Instant;

const TIMED_OUT: u8 = 124;
const CANNOT_EXECUTE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// How a job is run.
pub struct JobOptions {
    pub timeout: Option<Duration>,
    pub kill_after: Duration,
    pub foreground: bool,
}

/// A command that could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot run {command}: {source}")]
pub struct StartError {
    command: String,
    source: io::Error,
}

/// How a job ended.
pub struct End {
    /// What the shell would say, or 124.
    pub code: u8,
    /// `None` when it never ran.
    pub duration: Option<Duration>,
    /// What the code alone does not say.
    pub message: String,
    pub captured: Captured,
}

/// A job that runs.
pub struct Job {
    child: Child,
    /// Who gets the signals: the command, or everything in the process group it leads.
    pid: Option<Pid>,
    own_group: bool,
    output: Option<Output>,
    started: Instant,
    options: JobOptions,
}

/// What `--timeout` does next, and when.
enum Patience {
    Endless,
    TermAt(Instant),
    KillAt(Instant),
    Gone,
}

impl Job {
    /// Starts `command`: its program, then its arguments.
    pub fn start(command: &[OsString], tee: Option<Tee>, options: JobOptions) -> Result<Self, StartError> {
        let own_group = !options.foreground && !holds_terminal();
        let started = Instant::now();
        let spawned = spawn(command, tee.as_ref(), own_group).map_err(|source| StartError {
            command: command.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default(),
            source,
        });
        // Only after the start: the output's end is seen when the last writer of the pipes is gone, and until
        // here we are one ourselves.
        let child = spawned?;
        let output = tee.map(Tee::begin);
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child, pid, own_group, output, started, options })
    }

    /// Until the command has ended and all it wrote is passed on.
    pub async fn run(mut self, signals: &mut Signals) -> End {
        let end = self.wait(signals).await;
        End { captured: self.output(signals).await, ..end }
    }

    /// Waits for the command, passing signals on and keeping to the time limit.
    async fn wait(&mut self, signals: &mut Signals) -> End {
        let mut patience =
            self.options.timeout.map_or(Patience::Endless, |limit| Patience::TermAt(self.started + limit));
        let status = loop {
            tokio::select! {
                biased;
                status = self.child.wait() => break status,
                signal = signals.next() => self.pass_on(signal),
                () = until(&patience) => patience = self.lose(patience),
            }
        };
        let timed_out = matches!(patience, Patience::KillAt(_) | Patience::Gone);
        self.end(status, timed_out)
    }

    /// Everything it wrote, once it is passed on. A reader of ours that is stuck can be given up on by a signal.
    async fn output(self, signals: &mut Signals) -> Captured {
        let Some(output) = self.output else { return Captured::default() };
        tokio::select! {
            captured = output.finish() => captured,
            () = signals.asked_to_stop(Instant::now() + SAME_SIGNAL) => Captured::default(),
        }
    }

    fn end(&self, status: io::Result<ExitStatus>, timed_out: bool) -> End {
        let duration = Some(self.started.elapsed());
        let limit = self.options.timeout.unwrap_or_default();
        let (code, message) = match status {
            _ if timed_out => (TIMED_OUT, format!("ended by qp run after {limit:?} (--timeout)")),
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => (low_byte(code), String::new()),
                (None, Some(signal)) => (low_byte(128 + signal), format!("killed by signal {signal}")),
                (None, None) => (u8::MAX, "ended without a status".to_owned()),
            },
            Err(error) => (u8::MAX, format!("its end could not be seen: {error}")),
        };
        End { code, duration, message, captured: Captured::default() }
    }

    /// On a terminal, the keys that make these three have already reached the whole group.
    fn pass_on(&self, signal: Signal) {
        let from_the_keyboard = matches!(signal, Signal::INT | Signal::QUIT | Signal::WINCH);
        if self.own_group || !from_the_keyboard || !holds_terminal() {
            self.send(signal);
        }
    }

    fn lose(&self, patience: Patience) -> Patience {
        match patience {
            Patience::TermAt(_) => {
                self.send(Signal::TERM);
                // A stopped job must wake to see it.
                self.send(Signal::CONT);
                Patience::KillAt(Instant::now() + self.options.kill_after)
            }
            _ => {
                self.send(Signal::KILL);
                Patience::Gone
            }
        }
    }

    /// The child is not yet waited for when this is called, so the number cannot be somebody else's. A process
    /// that may not be signalled, or is just gone, is no reason to do anything else.
    fn send(&self, signal: Signal) {
        let Some(pid) = self.pid else { return };
        let _ = if self.own_group { kill_process_group(pid, signal) } else { kill_process(pid, signal) };
    }
}

impl End {
    /// As shells do: 127 for a program that is not there, 126 for one that cannot be executed.
    pub fn not_started(error: &StartError) -> Self {
        let code = if error.source.kind() == ErrorKind::NotFound { NOT_FOUND } else { CANNOT_EXECUTE };
        Self { code, duration: None, message: error.to_string(), captured: Captured::default() }
    }
}

async fn until(patience: &Patience) {
    match patience {
        Patience::TermAt(at) | Patience::KillAt(at) => tokio::time::sleep_until(*at).await,
        Patience::Endless | Patience::Gone => std::future::pending().await,
    }
}

fn spawn(command: &[OsString], tee: Option<&Tee>, own_group: bool) -> io::Result<Child> {
    let Some((program, arguments)) = command.split_first() else { return Err(ErrorKind::InvalidInput.into()) };
    match build(program, arguments, tee, own_group)?.spawn() {
        // A script without `#!` line: execvp(3) and shells give it to sh.
        Err(error) if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
            let script = found_on_path(program).unwrap_or_else(|| PathBuf::from(program));
            let arguments: Vec<OsString> =
                [script.into_os_string()].into_iter().chain(arguments.iter().cloned()).collect();
            build(OsStr::new("/bin/sh"), &arguments, tee, own_group)?.spawn()
        }
        spawned => spawned,
    }
}

fn build(program: &OsStr, arguments: &[OsString], tee: Option<&Tee>, own_group: bool) -> io::Result<Command> {
    let mut command = Command::new(program);
    command.args(arguments);
    if own_group {
        command.process_group(0);
    }
    if let Some(tee) = tee {
        command.stdout(tee.stdout()?).stderr(tee.stderr()?);
    }
    Ok(command)
}

fn found_on_path(program: &OsStr) -> Option<PathBuf> {
    if Path::new(program).components().count() > 1 {
        return None;
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// Whether stdin is a terminal that we are in the foreground of. A command in another process group could not
/// read from it: it would be stopped by SIGTTIN.
fn holds_terminal() -> bool {
    let stdin = rustix::stdio::stdin();
    isatty(stdin) && tcgetpgrp(stdin).is_ok_and(|group| group == getpgrp())
}

fn low_byte(code: i32) -> u8 {
    u8::try_from(code & 0xff).unwrap_or(u8::MAX)
}
