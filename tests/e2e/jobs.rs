//! The jobs people run, with the programs they run them with.

use std::time::Duration;
use suites::cases;
use suites::support::http;
use suites::support::qp::Monitor;
use suites::support::runner::Shown;
use suites::support::server::Server;
use suites::support::tools::{require, run, succeed};
use suites::support::wait::{secs, until};

const BASH_JOB: &str = r#"set -euo pipefail; eval "$STEP"; curl -fsS -m 10 --retry 3 -o /dev/null "$QP""#;
const PYTHON_URLLIB: &str =
    "import os, urllib.request as u; print(u.urlopen(os.environ['QP'], timeout=10).read().decode())";
const PYTHON_REQUESTS: &str = "import os, requests; r = requests.post(os.environ['QP'], data='done', timeout=10); r.raise_for_status(); print(r.text)";
const PYTHON_WORKER: &str = "\
import os, urllib.request as u
for batch in os.environ['BATCHES'].split():
    u.urlopen(os.environ['QP'] + '?metric=count:' + batch, timeout=10).read()
";
const NODE_FETCH: &str = "fetch(process.env.QP).then(async (r) => { console.log(r.status, await r.text()); }, (e) => { console.error(e); process.exit(1); })";

const RUN_A: &str = "6f0d3c1e-8a43-4c6e-9a0d-0f6f2f3f5a01";
const RUN_B: &str = "6f0d3c1e-8a43-4c6e-9a0d-0f6f2f3f5a02";

cases! {
    a_bash_job_pings_at_its_end_and_a_failing_step_does_not,
    python_pings_with_urllib_and_with_requests,
    node_pings_with_fetch,
    curl_pings_over_http2_and_with_a_file,
    a_worker_that_counts_is_down_when_it_counts_nothing,
    a_script_that_exits_zero_having_done_nothing_is_down,
    a_start_without_a_finish_times_out,
    overlapping_runs_are_both_watched,
    an_overlap_warns_or_fails_as_asked,
    an_exit_code_is_a_verdict_and_zero_recovers,
    qp_run_ends_a_command_that_takes_too_long,
    qp_run_reports_start_output_and_exit_code,
    qp_run_changes_nothing_when_the_server_is_away,
    qp_run_ends_as_shells_do,
}

async fn a_bash_job_pings_at_its_end_and_a_failing_step_does_not() -> Shown {
    require("curl", &["--version"]).await?;
    let server = Server::start().await;
    let monitor = server.create("nightly", &["--period", "3s", "--grace", "1s"]).await;
    succeed("bash", &["-c", BASH_JOB], &[("QP", &monitor.ping_url), ("STEP", "true")]).await;
    assert_eq!(server.status("nightly").await, "up");
    let failed = run("bash", &["-c", BASH_JOB], &[("QP", &monitor.ping_url), ("STEP", "false | true; false")]).await;
    assert_eq!(failed.status.code(), Some(1));
    let down = server.until_transition("nightly", "monitor.down", "missed", secs(15)).await;
    assert!(down["from"] == "up" || down["from"] == "late", "{down:#}");
    assert_eq!(server.pings("nightly").await.len(), 1, "the failing one never got to its ping");
    Ok(())
}

async fn python_pings_with_urllib_and_with_requests() -> Shown {
    require("python3", &["-c", "import requests"]).await?;
    let server = Server::start().await;
    let monitor = server.create("py", &["--period", "1h"]).await;
    for script in [PYTHON_URLLIB, PYTHON_REQUESTS] {
        assert_eq!(succeed("python3", &["-c", script], &[("QP", &monitor.ping_url)]).await.trim(), "OK");
    }
    let pings = server.until_pings("py", 2).await;
    assert_eq!((&pings[0]["method"], &pings[1]["method"]), (&"POST".into(), &"GET".into()));
    assert!(pings[0]["userAgent"].as_str().is_some_and(|agent| agent.starts_with("python-requests/")), "{pings:#?}");
    assert_eq!(pings[0]["body"], base64("done"), "{pings:#?}");
    Ok(())
}

async fn node_pings_with_fetch() -> Shown {
    require("node", &["-e", "process.exit(typeof fetch === 'function' ? 0 : 1)"]).await?;
    let server = Server::start().await;
    let monitor = server.create("js", &["--period", "1h"]).await;
    assert_eq!(succeed("node", &["-e", NODE_FETCH], &[("QP", &monitor.ping_url)]).await.trim(), "200 OK");
    assert_eq!(server.status("js").await, "up");
    Ok(())
}

async fn curl_pings_over_http2_and_with_a_file() -> Shown {
    require("bash", &["-c", "curl --version | grep -q HTTP2"]).await?;
    let server = Server::start().await;
    let monitor = server.create("curl", &["--period", "1h"]).await;
    let url = monitor.ping_url.as_str();
    assert_eq!(succeed("curl", &["-fsS", "--http2-prior-knowledge", "-w", " %{http_version}", url], &[]).await, "OK 2");
    assert_eq!(
        succeed("curl", &["-fsS", "-m", "10", "--retry", "5", "--data-binary", "last lines", url], &[]).await,
        "OK"
    );
    assert_eq!(succeed("curl", &["-fsS", "-I", "-o", "/dev/null", "-w", "%{http_code}", url], &[]).await, "200");
    let refused = run("curl", &["-fsS", &format!("{url}/256")], &[]).await;
    assert_eq!(refused.status.code(), Some(22), "-f makes a refusal fail the job");
    let pings = server.until_pings("curl", 3).await;
    assert_eq!((&pings[0]["method"], &pings[1]["body"]), (&"HEAD".into(), &base64("last lines").into()), "{pings:#?}");
    Ok(())
}

async fn a_worker_that_counts_is_down_when_it_counts_nothing() -> Shown {
    require("python3", &["-c", "import urllib.request"]).await?;
    let server = Server::start().await;
    let monitor = server.create("worker", &["--period", "1h", "--assert", "count >= 1"]).await;
    let batches = |batches: &'static str| [("QP", monitor.ping_url.clone()), ("BATCHES", batches.to_owned())];
    for (work, status) in [("10 250 1", "up"), ("7 0", "down"), ("3", "up")] {
        let variables = batches(work);
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        succeed("python3", &["-c", PYTHON_WORKER], &variables).await;
        server.until_status("worker", status, secs(5)).await;
    }
    let down = server.until_transition("worker", "monitor.down", "assertion_failed", secs(5)).await;
    assert!(down["detail"].as_str().is_some_and(|detail| detail.contains("count >= 1")), "{down:#}");
    let pings = server.until_pings("worker", 6).await;
    assert_eq!(
        pings.iter().map(|ping| ping["metrics"]["count"].as_f64()).collect::<Vec<_>>(),
        [3.0, 0.0, 7.0, 1.0, 250.0, 10.0].map(Some)
    );
    Ok(())
}

async fn a_script_that_exits_zero_having_done_nothing_is_down() -> Shown {
    let server = Server::start().await;
    server.create("import", &["--period", "1h", "--assert", "count >= 1"]).await;
    for (rows, status) in [("12", "up"), ("0", "down")] {
        let script = format!("echo processed {rows} rows");
        let job =
            ["run", "--monitor", "import", "--metric", r"count:processed (\d+) rows", "--", "bash", "-c", &script];
        let output = server.qp_output(&job).await;
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("processed {rows} rows\n"));
        server.until_status("import", status, secs(5)).await;
    }
    server.until_transition("import", "monitor.down", "assertion_failed", secs(5)).await;
    Ok(())
}

async fn a_start_without_a_finish_times_out() -> Shown {
    let server = Server::start().await;
    let monitor = server.create("hang", &["--period", "1h", "--max-runtime", "1s"]).await;
    server.ping(&monitor, "").await;
    server.ping(&monitor, "/start").await;
    let shown = server.monitor("hang").await;
    assert_eq!((&shown["running"], &shown["openRuns"]), (&true.into(), &1.into()), "{shown:#}");
    let down = server.until_transition("hang", "monitor.down", "timed_out", secs(12)).await;
    let (occurred, deadline) = (instant(&down["occurredAt"]), instant(&down["deadlineAt"]));
    assert_eq!(occurred, deadline, "a verdict is dated to its deadline: {down:#}");
    server.until_status("hang", "down", secs(5)).await;
    server.ping(&monitor, "").await;
    server.until_status("hang", "up", secs(5)).await;
    Ok(())
}

async fn overlapping_runs_are_both_watched() -> Shown {
    let server = Server::start().await;
    let monitor = server.create("overlap", &["--period", "1h", "--max-runtime", "4s"]).await;
    server.ping(&monitor, "").await;
    start(&server, &monitor, RUN_A).await;
    start(&server, &monitor, RUN_B).await;
    assert_eq!(server.monitor("overlap").await["openRuns"], 2);
    server.ping(&monitor, &format!("?rid={RUN_B}")).await;
    let shown = server.monitor("overlap").await;
    assert_eq!((&shown["openRuns"], &shown["status"]), (&1.into(), &"up".into()), "the other one goes on: {shown:#}");
    server.until_transition("overlap", "monitor.down", "timed_out", secs(15)).await;
    let finish = &server.until_pings("overlap", 4).await[0];
    assert_eq!((&finish["rid"], &finish["kind"]), (&RUN_B.into(), &"success".into()));
    assert!(finish["duration"].is_string(), "a matched run has a duration: {finish:#}");
    Ok(())
}

async fn an_overlap_warns_or_fails_as_asked() -> Shown {
    let server = Server::start().await;
    for (policy, kind, status) in [("warn", "monitor.warning", "up"), ("fail", "monitor.down", "down")] {
        let monitor = server.create(policy, &["--period", "1h", "--max-runtime", "1h", "--overlap", policy]).await;
        server.ping(&monitor, "").await;
        start(&server, &monitor, RUN_A).await;
        start(&server, &monitor, RUN_B).await;
        server.until_transition(policy, kind, "overlap", secs(5)).await;
        assert_eq!(server.status(policy).await, status);
    }
    Ok(())
}

async fn an_exit_code_is_a_verdict_and_zero_recovers() -> Shown {
    let server = Server::start().await;
    let monitor = server.create("exit", &["--period", "1h"]).await;
    for (rest, status) in
        [("/0", "up"), ("/17", "down"), ("/18", "down"), ("/0000", "up"), ("/fail", "down"), ("", "up"), ("/log", "up")]
    {
        server.ping(&monitor, rest).await;
        server.until_status("exit", status, secs(5)).await;
    }
    let downs = server.transitions_of("exit", "monitor.down").await;
    assert_eq!(downs.len(), 2, "a failure while down is no second incident: {downs:#?}");
    let codes: Vec<Option<u64>> =
        server.until_pings("exit", 7).await.iter().map(|ping| ping["exitCode"].as_u64()).collect();
    assert_eq!(codes, [None, None, None, Some(0), Some(18), Some(17), Some(0)]);
    Ok(())
}

async fn qp_run_ends_a_command_that_takes_too_long() -> Shown {
    let server = Server::start().await;
    server.create("slow", &["--period", "1h"]).await;
    let began = std::time::Instant::now();
    let output = server.qp_output(&["run", "--monitor", "slow", "--timeout", "2s", "--", "sleep", "60"]).await;
    let took = began.elapsed();
    assert_eq!(output.status.code(), Some(124), "{}", String::from_utf8_lossy(&output.stderr));
    assert!((secs(2)..secs(15)).contains(&took), "{took:?}");
    server.until_status("slow", "down", secs(5)).await;
    Ok(())
}

async fn qp_run_reports_start_output_and_exit_code() -> Shown {
    let server = Server::start().await;
    server.create("wrapped", &["--period", "1h"]).await;
    let output =
        server.qp_output(&["run", "--monitor", "wrapped", "--", "bash", "-c", "echo out; echo err >&2; exit 7"]).await;
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(7), b"out\n".as_slice()));
    assert!(String::from_utf8_lossy(&output.stderr).contains("err\n"));
    let pings = server.until_pings("wrapped", 2).await;
    assert_eq!(
        (&pings[1]["kind"], &pings[0]["kind"], &pings[0]["exitCode"]),
        (&"start".into(), &"exit".into(), &7.into())
    );
    assert_eq!(pings[0]["rid"], pings[1]["rid"], "one run");
    assert_ne!(pings[0]["rid"], "");
    let down = server.until_transition("wrapped", "monitor.down", "failed", secs(5)).await;
    assert_eq!(down["to"], "down");
    assert_eq!(server.monitor("wrapped").await["lastExitCode"], 7);
    Ok(())
}

async fn qp_run_changes_nothing_when_the_server_is_away() -> Shown {
    let server = Server::start().await;
    let monitor = server.create("away", &["--period", "1h"]).await;
    let home = server.kill().await;
    let script = "printf 'a\\0b\\xff\\nno newline at the end'; echo to-stderr >&2; exit 3";
    let job = home.qp(&["run", "--monitor", &monitor.ping_url, "--", "bash", "-c", script]).output();
    let output =
        tokio::time::timeout(secs(60), job).await.expect("it does not wait for a server for ever").expect("qp runs");
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout, b"a\0b\xff\nno newline at the end");
    assert!(String::from_utf8_lossy(&output.stderr).contains("to-stderr\n"));
    Ok(())
}

async fn qp_run_ends_as_shells_do() -> Shown {
    let server = Server::start().await;
    server.create("shell", &["--period", "1h"]).await;
    let not_executable = server.home.root().join("config.toml").display().to_string();
    let jobs: [(&[&str], i32); 4] = [
        (&["no-such-command-here"], 127),
        (&[&not_executable], 126),
        (&["bash", "-c", "kill -9 $$"], 137),
        (&["true"], 0),
    ];
    for (job, code) in jobs {
        let output = server.qp_output(&[&["run", "--monitor", "shell", "--"], job].concat()).await;
        assert_eq!(output.status.code(), Some(code), "{job:?}: {}", String::from_utf8_lossy(&output.stderr));
        let (status, what) = (if code == 0 { "up" } else { "down" }, format!("{job:?}"));
        until(&what, Duration::from_secs(5), async || (server.status("shell").await == status).then_some(())).await;
    }
    Ok(())
}

async fn start(server: &Server, monitor: &Monitor, run: &str) {
    let reply = http::get(server.http, &format!("{}/start?rid={run}", monitor.path)).await;
    assert_eq!(reply.status, 200);
}

fn instant(value: &serde_json::Value) -> jiff::Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("not a time: {value}"))
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
