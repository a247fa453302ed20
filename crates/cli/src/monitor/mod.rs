//! `qp monitor`: create, change, pause, delete and look at monitors.

mod fields;
mod history;
mod show;

use crate::Context;
use crate::connect::{Server, ServerArgs};
use crate::exit::Failure;
use crate::pages::{self, Limit};
use crate::repeat::{CommandId, until_known, until_told};
use crate::{output, time};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use fields::{Clearable, Fields};
use prost_types::FieldMask;
use tonic::{Response, Status};
use wire::v1;

const STATUS_WORDS: [&str; 6] = ["new", "up", "late", "down", "paused", "unknown"];

#[derive(Args)]
pub struct MonitorArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: MonitorCommand,
}

#[derive(Subcommand)]
enum MonitorCommand {
    /// Create a monitor; without a schedule it expects a ping a day, with one hour of grace
    #[command(after_help = CREATE_EXAMPLES)]
    Create {
        slug: String,
        #[command(flatten)]
        fields: Box<Fields>,
        #[command(flatten)]
        id: CommandId,
    },
    /// Show a monitor, with its ping URL
    Get { slug: String },
    /// Change the fields that are given, and no others
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(Box<UpdateArgs>),
    /// Stop watching for a while
    Pause {
        slug: String,
        /// Resume by itself after this long, e.g. 2h; without it, until `resume`
        #[arg(long = "for", value_name = "D", value_parser = time::seconds)]
        pause_for: Option<u64>,
        #[command(flatten)]
        id: CommandId,
    },
    /// Watch again
    Resume {
        slug: String,
        #[command(flatten)]
        id: CommandId,
    },
    /// Delete a monitor; its ping URL is dead within 30 seconds
    Delete {
        slug: String,
        #[command(flatten)]
        id: CommandId,
    },
    /// Give the monitor a new ping URL; the old one is dead within 30 seconds
    RotateToken {
        slug: String,
        #[command(flatten)]
        id: CommandId,
    },
    /// What the job sent, newest first
    Pings {
        slug: String,
        #[command(flatten)]
        limit: Limit,
    },
    /// What was concluded, newest first
    Transitions {
        slug: String,
        #[command(flatten)]
        limit: Limit,
    },
    /// List monitors
    List {
        /// Only those with this status
        #[arg(long, short, value_parser = PossibleValuesParser::new(STATUS_WORDS))]
        status: Option<String>,
        /// Only those with this tag; several: with all of them
        #[arg(long, short, value_name = "T")]
        tag: Vec<String>,
    },
}

#[derive(Args)]
struct UpdateArgs {
    slug: String,
    #[command(flatten)]
    fields: Fields,
    /// Set a field back to its default; may be repeated
    #[arg(long, value_name = "FIELD", value_parser = Clearable::parse)]
    clear: Vec<Clearable>,
    /// Only if the monitor's version is still this one
    #[arg(long, value_name = "N")]
    if_version: Option<u32>,
    #[command(flatten)]
    id: CommandId,
}

const CREATE_EXAMPLES: &str = "\
Examples:
  qp monitor create heartbeat --period 1m --grace 30s
  qp monitor create backup --cron '0 2 * * *' --tz Europe/Berlin --grace 30m --max-runtime 2h --tag db
  qp monitor create report --oncalendar 'Mon..Fri 07:30' --tz Europe/Riga --assert 'count >= 1' --channel ops";

const UPDATE_EXAMPLES: &str = "\
--tag, --channel and --assert replace the whole list.

Examples:
  qp monitor update backup --grace 1h
  qp monitor update backup --tag db --tag nightly --clear max-runtime";

/// Runs one `qp monitor` command.
pub async fn run(args: MonitorArgs, context: Context) -> Result<(), Failure> {
    // What is wrong with the command line is said before anybody is called.
    if let MonitorCommand::Update(update) = &args.command {
        update_request(update)?;
    }
    let server = Server::connect(&context.settings.with_url(args.server.url)).await?;
    let json = context.json;
    let shown = match args.command {
        MonitorCommand::List { status, tag } => return list(&server, status.unwrap_or_default(), tag, json).await,
        MonitorCommand::Pings { slug, limit } => return history::pings(&server, slug, limit.most(json), json).await,
        MonitorCommand::Transitions { slug, limit } => {
            return history::transitions(&server, slug, limit.most(json), json).await;
        }
        MonitorCommand::Delete { slug, id } => return delete(&server, slug, id.or_new(), json).await,
        MonitorCommand::Create { slug, fields, id } => create(&server, slug, *fields, id.or_new()).await?,
        MonitorCommand::Get { slug } => until_told(async || get(&server, slug.clone()).await).await?,
        MonitorCommand::Update(asked) => update(&server, update_request(&asked)?).await?,
        MonitorCommand::Pause { slug, pause_for, id } => pause(&server, slug, pause_for, id.or_new()).await?,
        MonitorCommand::Resume { slug, id } => {
            let ask = v1::ResumeMonitorRequest { slug, command_id: id.or_new() };
            let call = async || server.monitors().resume_monitor(server.request(ask.clone())).await;
            until_known(&ask.command_id, call).await?
        }
        MonitorCommand::RotateToken { slug, id } => {
            let ask = v1::RotatePingTokenRequest { slug, command_id: id.or_new() };
            let call = async || server.monitors().rotate_ping_token(server.request(ask.clone())).await;
            until_known(&ask.command_id, call).await?
        }
    };
    show::monitor(&shown.into_inner(), json)
}

async fn create(
    server: &Server,
    slug: String,
    fields: Fields,
    command_id: String,
) -> Result<Response<v1::Monitor>, Failure> {
    let (monitor, _) = fields.into_monitor(slug);
    let ask = v1::CreateMonitorRequest { monitor: Some(monitor), command_id };
    let call = async || server.monitors().create_monitor(server.request(ask.clone())).await;
    until_known(&ask.command_id, call).await
}

async fn update(server: &Server, ask: v1::UpdateMonitorRequest) -> Result<Response<v1::Monitor>, Failure> {
    let call = async || server.monitors().update_monitor(server.request(ask.clone())).await;
    until_known(&ask.command_id, call).await
}

async fn pause(
    server: &Server,
    slug: String,
    pause_for: Option<u64>,
    command_id: String,
) -> Result<Response<v1::Monitor>, Failure> {
    let ask = v1::PauseMonitorRequest { slug, pause_for: pause_for.map(time::to_proto), command_id };
    let call = async || server.monitors().pause_monitor(server.request(ask.clone())).await;
    until_known(&ask.command_id, call).await
}

/// Asks for one monitor, once.
pub async fn get(server: &Server, slug: String) -> Result<Response<v1::Monitor>, Status> {
    server.monitors().get_monitor(server.request(v1::GetMonitorRequest { slug })).await
}

fn update_request(update: &UpdateArgs) -> Result<v1::UpdateMonitorRequest, Failure> {
    let (mut monitor, mut paths) = update.fields.clone().into_monitor(update.slug.clone());
    monitor.version = update.if_version.unwrap_or(0);
    for field in &update.clear {
        if paths.contains(&field.0) {
            return Err(Failure::Usage(format!("--clear {}: the field is also given a value", field.0)));
        }
        paths.push(field.0);
    }
    if paths.is_empty() {
        return Err(Failure::Usage("nothing to change: give a field, or --clear FIELD".to_owned()));
    }
    let paths = paths.into_iter().map(str::to_owned).collect();
    let update_mask = Some(FieldMask { paths });
    Ok(v1::UpdateMonitorRequest { monitor: Some(monitor), update_mask, command_id: update.id.clone().or_new() })
}

async fn delete(server: &Server, slug: String, command_id: String, json: bool) -> Result<(), Failure> {
    let ask = v1::DeleteMonitorRequest { slug: slug.clone(), command_id };
    let call = async || server.monitors().delete_monitor(server.request(ask.clone())).await;
    let reply = until_known(&ask.command_id, call).await?;
    if json {
        output::resource(&reply.into_inner())
    } else {
        output::line(&format!("{} deleted", output::clean(&slug)))
    }
}

async fn list(server: &Server, status: String, tags: Vec<String>, json: bool) -> Result<(), Failure> {
    let page = async |page_size, page_token| {
        let request = v1::ListMonitorsRequest { page_size, page_token, status: status.clone(), tags: tags.clone() };
        let reply = server.monitors().list_monitors(server.request(request)).await?.into_inner();
        Ok((reply.monitors, reply.next_page_token))
    };
    let monitors = pages::all(page).await?;
    if json { output::array(&monitors) } else { show::monitors(&monitors) }
}
