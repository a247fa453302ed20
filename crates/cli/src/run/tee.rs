//! The job's output: passed on byte for byte as it comes, its end kept for the report, metrics picked out.
//!
//! One plain thread a stream reads the pipe and writes to our stdout or stderr, unbuffered, so that the order
//! of writes and the back pressure of a slow reader are the job's own. A reader that goes away (`| head`) closes
//! the job's pipe, as it would without us; a disk that is full does not: that must not end a job.

use super::metrics::{Findings, Rule, Scanner};
use crate::warn;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, pipe};
use std::os::fd::BorrowedFd;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// What is kept of the output; the most that any server keeps of a body.
const KEPT_BYTES: usize = crate::ping::MAX_BODY_BYTES;
const CHUNK_BYTES: usize = 64 * 1024;
/// How long pipes that outlive the command must be quiet before we leave them.
const QUIET: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Pipes for a job that has not started, and the threads that wait at their other ends. They come first: if
/// there are no more threads to be had, the job runs without them.
pub struct Tee {
    stdout: PipeWriter,
    stderr: PipeWriter,
    output: Output,
}

/// The threads at work.
pub struct Output {
    ended: Vec<oneshot::Receiver<()>>,
    /// Closed when the command has ended, which the threads see.
    command_runs: PipeWriter,
    kept: Arc<Mutex<Captured>>,
}

/// What is left of the output when all of it is passed on.
#[derive(Default)]
pub struct Captured {
    tail: VecDeque<u8>,
    pub findings: Findings,
}

impl Tee {
    /// Passes on to our stdout and stderr.
    pub fn new(rules: Vec<Rule>) -> io::Result<Self> {
        let rules: Arc<[Rule]> = rules.into();
        let (runs, command_runs) = pipe()?;
        let kept = Arc::new(Mutex::new(Captured::default()));
        let (out, stdout) = pipe()?;
        let (err, stderr) = pipe()?;
        let scanner = || Scanner::new(rules.clone());
        let stream = |reader, to| Stream { reader, to, scanner: scanner(), kept: kept.clone() };
        let ended = vec![start(stream(out, To::Stdout), runs.try_clone()?)?, start(stream(err, To::Stderr), runs)?];
        Ok(Self { stdout, stderr, output: Output { ended, command_runs, kept } })
    }

    /// The job's stdout.
    pub fn stdout(&self) -> io::Result<Stdio> {
        self.stdout.try_clone().map(Stdio::from)
    }

    /// The job's stderr.
    pub fn stderr(&self) -> io::Result<Stdio> {
        self.stderr.try_clone().map(Stdio::from)
    }

    /// The job has its ends; ours are closed, so that the threads see when the last writer is gone.
    pub fn begin(self) -> Output {
        self.output
    }
}

impl Output {
    /// All that was written until the command ended. Call it then: what holds the pipes longer is left behind
    /// when it is quiet for a second.
    pub async fn finish(self) -> Captured {
        drop(self.command_runs);
        for ended in self.ended {
            // An error means that the thread is gone, which is what is waited for.
            let _ = ended.await;
        }
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Captured {
    /// The last `most` bytes, from the beginning of a character on.
    pub fn tail(&self, most: usize) -> Vec<u8> {
        let skipped = self.tail.len().saturating_sub(most);
        let tail = self.tail.iter().copied().skip(skipped);
        // UTF-8 continuation bytes at a cut are the rest of a character that is gone.
        if skipped == 0 { tail.collect() } else { tail.skip_while(|byte| byte & 0xc0 == 0x80).collect() }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let bytes = bytes.get(bytes.len().saturating_sub(KEPT_BYTES)..).unwrap_or_default();
        let too_many = (self.tail.len() + bytes.len()).saturating_sub(KEPT_BYTES);
        self.tail.drain(..too_many);
        self.tail.extend(bytes);
    }
}

#[derive(Clone, Copy)]
enum To {
    Stdout,
    Stderr,
}

impl To {
    fn fd(self) -> BorrowedFd<'static> {
        match self {
            Self::Stdout => rustix::stdio::stdout(),
            Self::Stderr => rustix::stdio::stderr(),
        }
    }
}

/// One of the two streams, owned by its thread.
struct Stream {
    reader: PipeReader,
    to: To,
    scanner: Scanner,
    kept: Arc<Mutex<Captured>>,
}

fn start(stream: Stream, command_runs: PipeReader) -> io::Result<oneshot::Receiver<()>> {
    let (sender, ended) = oneshot::channel();
    std::thread::Builder::new().name("output".to_owned()).spawn(move || {
        stream.pass_on(&command_runs);
        let _ = sender.send(());
    })?;
    Ok(ended)
}

impl Stream {
    /// Until the job's last writer, or our reader, is gone.
    fn pass_on(mut self, command_runs: &PipeReader) {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut broken = false;
        while let Some(count) = next_chunk(&mut self.reader, command_runs, &mut buffer) {
            let chunk = buffer.get(..count).unwrap_or_default();
            match if broken { Ok(()) } else { write_all(self.to.fd(), chunk) } {
                Ok(()) => {}
                Err(Errno::PIPE) => break,
                Err(error) => {
                    broken = true;
                    warn(&format!("the output cannot be passed on: {error}"));
                }
            }
            self.keep(chunk);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        self.scanner.end(&mut kept.findings);
    }

    fn keep(&mut self, chunk: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.keep(chunk);
        self.scanner.feed(chunk, &mut kept.findings);
    }
}

/// Bytes read; `None` at the end.
fn next_chunk(reader: &mut PipeReader, command_runs: &PipeReader, buffer: &mut [u8]) -> Option<usize> {
    loop {
        if !is_readable(reader, command_runs) {
            return None;
        }
        match reader.read(buffer) {
            Ok(0) => return None,
            Ok(count) => return Some(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// Waits for bytes or the end of the pipe. False: the command is gone and the pipe was quiet for a second.
fn is_readable(reader: &PipeReader, command_runs: &PipeReader) -> bool {
    let mut both = [PollFd::new(reader, PollFlags::IN), PollFd::new(command_runs, PollFlags::IN)];
    loop {
        let outcome = poll(&mut both, None);
        if both.first().is_some_and(|pipe| !pipe.revents().is_empty()) || !matches!(outcome, Ok(_) | Err(Errno::INTR)) {
            return true;
        }
        if both.last().is_some_and(|runs| !runs.revents().is_empty()) {
            return comes_within_a_second(reader);
        }
    }
}

fn comes_within_a_second(reader: &PipeReader) -> bool {
    let mut alone = [PollFd::new(reader, PollFlags::IN)];
    loop {
        match poll(&mut alone, Some(&QUIET)) {
            Err(Errno::INTR) => {}
            outcome => return outcome != Ok(0),
        }
    }
}

/// Unbuffered. Our stdout may be non-blocking when the caller uses it so; then we wait for room.
fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::new(&to, PollFlags::OUT)], None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_output_is_kept() {
        let mut captured = Captured::default();
        captured.keep(&vec![b'a'; KEPT_BYTES]);
        captured.keep(b"the end");
        assert_eq!(captured.tail.len(), KEPT_BYTES);
        assert_eq!(captured.tail(7), b"the end");
        captured.keep(&vec![b'b'; 3 * KEPT_BYTES]);
        assert_eq!(captured.tail(usize::MAX), vec![b'b'; KEPT_BYTES]);
    }

    #[test]
    fn a_cut_does_not_leave_half_a_character() {
        let mut captured = Captured::default();
        captured.keep("größer".as_bytes());
        assert_eq!(captured.tail(4), "ßer".as_bytes());
        assert_eq!(captured.tail(3), b"er");
    }
}
