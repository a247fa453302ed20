//! `admin topic` and `admin schema`: what a cluster's log and store must have before a server starts.

use crate::cli::{SchemaCommand, TopicCommand};
use crate::config::types::{Config, LogBackend, StoreBackend};
use crate::failure::Failure;
use crate::installation::Installation;
use crate::serve::cluster::{kafka_options, scylla_options};
use domain::ids::ShardCount;
use eventlog::kafka::admin::{self, Finding, Severity, TopicPlan};
use store::scylla::schema::{self, MigrationStatus, Replication};

/// Makes the topic, or says what does not fit.
pub async fn topic(config: &Config, command: &TopicCommand) -> Result<String, Failure> {
    if config.log.backend != LogBackend::Kafka {
        return Err(Failure::usage("log.backend: is not \"kafka\", so there is no topic"));
    }
    let (options, shards) = (kafka_options(config), shards(config)?);
    let failed = |error: eventlog::kafka::OpenError| Failure::failed(format_args!("the log: {error}"));
    match command {
        TopicCommand::Create => {
            let kafka = &config.kafka;
            let (replication, min_in_sync) = (kafka.replication, kafka.min_in_sync);
            let plan = TopicPlan { shards, replication, min_in_sync, retain_for: kafka.retain_for.duration() };
            admin::create(&options, &plan).await.map(|lines| as_lines(&lines)).map_err(failed)
        }
        TopicCommand::Check => {
            let findings = admin::check(&options, Some(shards)).await.map_err(failed)?;
            report(&config.kafka.topic, &findings)
        }
    }
}

/// Brings the tables up to date, or says what is.
pub async fn schema(config: &Config, command: &SchemaCommand) -> Result<String, Failure> {
    if config.store.backend != StoreBackend::Scylla {
        return Err(Failure::usage("store.backend: is not \"scylla\", so there is no schema to apply"));
    }
    let options = scylla_options(config, ShardCount::new(1).ok_or_else(|| Failure::failed("one shard"))?);
    match command {
        SchemaCommand::Apply => {
            let replication = Replication { factor: config.scylla.replication };
            schema::apply(&options, replication, &mut |line| eprintln!("{line}")).await.map_err(Failure::failed)?;
            Ok(format!("the schema of {} is up to date\n", config.scylla.keyspace))
        }
        SchemaCommand::Status => {
            let steps = schema::status(&options).await.map_err(Failure::failed)?;
            Ok(as_lines(&steps.iter().map(status_line).collect::<Vec<_>>()))
        }
    }
}

fn shards(config: &Config) -> Result<ShardCount, Failure> {
    let file = config.installation_file();
    match Installation::read(&file).map_err(Failure::failed)? {
        Some(installation) => Ok(installation.shards),
        None => Err(Failure::failed(format_args!(
            "installation: {} is not there, and it says how many partitions are needed",
            file.display()
        ))),
    }
}

/// Every finding; a refusal makes the command fail.
fn report(topic: &str, findings: &[Finding]) -> Result<String, Failure> {
    let lines = as_lines(&findings.iter().map(finding_line).collect::<Vec<_>>());
    let refused: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Refused).collect();
    let Some(first) = refused.first() else { return Ok(lines) };
    eprint!("{lines}");
    Err(Failure::failed(format_args!(
        "kafka.topic {topic}: {} is {}, needed: {} ({} in all do not fit)",
        first.setting,
        first.found,
        first.wanted,
        refused.len()
    )))
}

fn finding_line(finding: &Finding) -> String {
    let word = match finding.severity {
        Severity::Ok => "ok",
        Severity::Warning => "warning",
        Severity::Refused => "refused",
    };
    format!("{word:<8} {} = {} (wanted: {})", finding.setting, finding.found, finding.wanted)
}

fn status_line(step: &MigrationStatus) -> String {
    match step.applied_ms {
        Some(at) => format!("{:>3} {} applied {}", step.version, step.name, domain::time::UnixMs(at)),
        None => format!("{:>3} {} not applied", step.version, step.name),
    }
}

fn as_lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}
