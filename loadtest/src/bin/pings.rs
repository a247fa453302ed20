//! Durable pings per second of the whole product on one machine, with a bare axum server in the same run as
//! the unit: the two are loaded in turn, several times, by the same generator, and the ratio is that of
//! neighbours in time. Whoever reads the figures should look at the ratios: a busy machine moves both.

use anyhow::{Context, Result, bail};
use clap::Parser;
use loadtest::generator::{Load, Report};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Measures durable pings per second against a bare axum server.
#[derive(Parser)]
struct Options {
    /// The server's binary.
    #[arg(long, default_value = "target/release/quietpulse")]
    server: PathBuf,
    /// Keep-alive connections, one measurement each.
    #[arg(long, value_delimiter = ',', default_value = "64,256")]
    connections: Vec<usize>,
    /// Monitors that are pinged in turn: enough that none is pinged faster than its rate limit, since a
    /// coalesced ping would not be written.
    #[arg(long, default_value_t = 20_000)]
    monitors: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Pairs of measurements.
    #[arg(long, default_value_t = 3)]
    pairs: usize,
    /// Requests per second in open loop; 0: closed loop.
    #[arg(long, default_value_t = 0.0)]
    rate: f64,
    /// Arguments for the server.
    #[arg(long, value_delimiter = ' ', allow_hyphen_values = true)]
    server_args: Vec<String>,
    /// Serves the bare server and nothing else (used by the benchmark itself).
    #[arg(long, hide = true)]
    baseline: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(if_baseline_or_measure(options))
}

async fn if_baseline_or_measure(options: Options) -> Result<()> {
    if options.baseline {
        let (listener, address) = loadtest::baseline::bind().await?;
        println!("ready http={address}");
        return Ok(loadtest::baseline::serve(listener).await?);
    }
    measure(&options).await
}

async fn measure(options: &Options) -> Result<()> {
    let data = std::env::temp_dir().join(format!("quietpulse-bench-{}", std::process::id()));
    std::fs::create_dir_all(&data)?;
    let baseline = Server::start(Command::new(std::env::current_exe()?).arg("--baseline"))?;
    let product = Server::start(
        Command::new(&options.server)
            .args(["serve", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data-dir"])
            .arg(&data)
            .args(&options.server_args),
    )?;
    let paths = create_monitors(options, &data, product.address).await?;
    let bare: Arc<[String]> = vec!["/ping/7e3a3471-d64e-8c26-a003-e323025ac723".to_owned()].into();
    for connections in &options.connections {
        let load = |target, paths: &Arc<[String]>| Load {
            target,
            connections: *connections,
            warm_up: Duration::from_secs(1),
            duration: Duration::from_secs(options.seconds),
            rate: Some(options.rate).filter(|rate| *rate > 0.0),
            paths: Arc::clone(paths),
        };
        let mut ratios = Vec::new();
        for _ in 0..options.pairs {
            let unit = load(baseline.address, &bare).run().await;
            let ours = load(product.address, &paths).run().await;
            ratios.push(ours.rate() / unit.rate());
            println!("{connections} connections: {} | bare axum: {}", words(&ours), words(&unit));
        }
        ratios.sort_by(f64::total_cmp);
        println!(
            "{connections} connections: ratio to bare axum, median of {}: {:.2}",
            ratios.len(),
            ratios[ratios.len() / 2]
        );
    }
    drop((product, baseline));
    std::fs::remove_dir_all(&data)?;
    Ok(())
}

fn words(report: &Report) -> String {
    let ms = |q| report.latencies.quantile(q).as_secs_f64() * 1e3;
    format!(
        "{:.0}/s, p50 {:.2} ms, p99 {:.2} ms, {} refused, {} errors",
        report.rate(),
        ms(0.5),
        ms(0.99),
        report.refused,
        report.errors
    )
}

/// Makes the monitors by slug and gives the paths that ping them.
async fn create_monitors(options: &Options, data: &std::path::Path, address: SocketAddr) -> Result<Arc<[String]>> {
    let keys = std::fs::read_to_string(data.join("keys.toml")).context("keys.toml")?;
    let key = keys
        .lines()
        .find_map(|line| line.strip_prefix("ping_key = "))
        .context("no ping_key")?
        .trim_matches('"')
        .to_owned();
    let paths: Vec<String> =
        (0..options.monitors).map(|n| format!("/ping/{key}/bench-{n}?create=1&period=1h&grace=1h")).collect();
    let load = Load {
        target: address,
        connections: 32,
        warm_up: Duration::ZERO,
        duration: Duration::from_secs(3600),
        rate: None,
        paths: Vec::new().into(),
    };
    create_all(&load, &paths).await?;
    Ok((0..options.monitors).map(|n| format!("/ping/{key}/bench-{n}")).collect::<Vec<_>>().into())
}

async fn create_all(load: &Load, paths: &[String]) -> Result<()> {
    for chunk in paths.chunks(64) {
        let asked = chunk.iter().map(|path| loadtest::generator::request_once(load.target, path));
        for status in futures_of(asked).await {
            if !matches!(status?, 200 | 201) {
                bail!("a monitor was not made");
            }
        }
    }
    Ok(())
}

async fn futures_of<T>(work: impl Iterator<Item = impl Future<Output = T> + Send + 'static>) -> Vec<T>
where
    T: Send + 'static,
{
    let tasks: Vec<_> = work.map(tokio::spawn).collect();
    let mut done = Vec::new();
    for task in tasks {
        if let Ok(value) = task.await {
            done.push(value);
        }
    }
    done
}

/// A server process that says where it is on its first line and ends with this one.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("starting a server")?;
        let mut lines = BufReader::new(child.stdout.take().context("no stdout")?).lines();
        let address = lines
            .by_ref()
            .map_while(std::io::Result::ok)
            .find_map(|line| line.split_whitespace().find_map(|word| word.strip_prefix("http=")?.parse().ok()))
            .context("the server did not say where it is")?;
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
