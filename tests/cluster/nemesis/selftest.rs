//! The cuts against plain sockets: what they promise to drop is dropped, and nothing else, and it ends with them.

use super::firewall::{Cut, require};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use suites::cases;
use suites::support::runner::Shown;
use suites::support::wait::{holds, secs, until};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A user that no process of this machine runs as.
const USER: u32 = 64_123;

cases! {
    a_full_cut_stops_both_ways_and_heals,
    a_cut_of_replies_lets_requests_through,
    other_users_notice_nothing,
}

async fn a_full_cut_stops_both_ways_and_heals() -> Shown {
    require()?;
    let mut scene = Scene::set(USER).await;
    scene.ask("before").await;
    assert_eq!(scene.answer(secs(5)).await.as_deref(), Some("before"));
    let cut = Cut::both(&[USER], &[scene.port()]);
    scene.ask("during").await;
    assert_eq!(scene.answer(secs(1)).await, None, "no answer while it is cut off");
    assert_eq!(scene.heard(), 1, "and nothing arrived");
    drop(cut);
    assert_eq!(scene.answer(secs(20)).await.as_deref(), Some("during"), "TCP makes up for it");
    Ok(())
}

async fn a_cut_of_replies_lets_requests_through() -> Shown {
    require()?;
    let mut scene = Scene::set(USER + 1).await;
    scene.ask("before").await;
    assert_eq!(scene.answer(secs(5)).await.as_deref(), Some("before"));
    let cut = Cut::replies(&[USER + 1], &[scene.port()]);
    scene.ask("during").await;
    until("the request arrives", secs(5), async || (scene.heard() == 2).then_some(())).await;
    assert_eq!(scene.answer(secs(1)).await, None, "its answer does not");
    drop(cut);
    assert_eq!(scene.answer(secs(20)).await.as_deref(), Some("during"));
    Ok(())
}

async fn other_users_notice_nothing() -> Shown {
    require()?;
    let mut scene = Scene::set(USER + 2).await;
    let _cut = Cut::both(&[USER + 3], &[scene.port()]);
    scene.ask("hello").await;
    assert_eq!(scene.answer(secs(5)).await.as_deref(), Some("hello"));
    let address = scene.address;
    holds("we connect too", Duration::from_millis(200), async || TcpStream::connect(address).await.is_ok()).await;
    Ok(())
}

/// A server that says everything again, and a client that runs as another user.
struct Scene {
    address: SocketAddr,
    heard: std::sync::Arc<std::sync::atomic::AtomicUsize>,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _client: Child,
}

impl Scene {
    async fn set(user: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let heard = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
        tokio::spawn(echo(listener, std::sync::Arc::clone(&heard)));
        let script = format!("exec 3<>/dev/tcp/{}/{}; cat <&3 & exec cat >&3", address.ip(), address.port());
        let mut command = Command::new("bash");
        command.args(["-c", &script]).uid(user).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut client = command.spawn().expect("a client as another user");
        let input = client.stdin.take().expect("piped");
        let output = BufReader::new(client.stdout.take().expect("piped")).lines();
        Self { address, heard, input, output, _client: client }
    }

    fn port(&self) -> u16 {
        self.address.port()
    }

    async fn ask(&mut self, text: &str) {
        self.input.write_all(format!("{text}\n").as_bytes()).await.expect("the client reads");
        self.input.flush().await.expect("the client reads");
    }

    async fn answer(&mut self, patience: Duration) -> Option<String> {
        tokio::time::timeout(patience, self.output.next_line()).await.ok()?.ok()?
    }

    /// How many requests arrived.
    fn heard(&self) -> usize {
        self.heard.load(std::sync::atomic::Ordering::Relaxed)
    }
}

async fn echo(listener: TcpListener, heard: std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let heard = std::sync::Arc::clone(&heard);
        tokio::spawn(async move {
            let mut bytes = [0; 1_024];
            while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                heard.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if stream.write_all(&bytes[..read]).await.is_err() {
                    return;
                }
            }
        });
    }
}
