//! `qp incident`: what is down now, and saying that somebody has seen it.

use crate::Context;
use crate::connect::{Server, ServerArgs};
use crate::exit::Failure;
use crate::output::{self, Table};
use crate::repeat::{CommandId, until_known};
use crate::{pages, time};
use clap::{Args, Subcommand};
use wire::v1::{AcknowledgeIncidentRequest, Incident, ListIncidentsRequest};

#[derive(Args)]
pub struct IncidentArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: IncidentCommand,
}

#[derive(Subcommand)]
enum IncidentCommand {
    /// Open incidents, oldest first
    List,
    /// Stop the reminders of an open incident
    Ack {
        /// The incident's id, or the slug of the monitor that is down
        #[arg(value_name = "ID|SLUG")]
        incident: String,
        #[command(flatten)]
        id: CommandId,
    },
}

/// Runs one `qp incident` command.
pub async fn run(args: IncidentArgs, context: Context) -> Result<(), Failure> {
    let server = Server::connect(&context.settings.with_url(args.server.url)).await?;
    match args.command {
        IncidentCommand::List => list(&open_incidents(&server).await?, context.json),
        IncidentCommand::Ack { incident, id } => acknowledge(&server, &incident, id.or_new(), context.json).await,
    }
}

async fn open_incidents(server: &Server) -> Result<Vec<Incident>, Failure> {
    let page = async |page_size, page_token| {
        let request = server.request(ListIncidentsRequest { page_size, page_token });
        let reply = server.incidents().list_incidents(request).await?.into_inner();
        Ok((reply.incidents, reply.next_page_token))
    };
    pages::all(page).await
}

fn list(incidents: &[Incident], json: bool) -> Result<(), Failure> {
    if json {
        return output::array(incidents);
    }
    if incidents.is_empty() {
        return output::line("no open incidents");
    }
    let mut table = Table::new(["OPENED", "MONITOR", "REASON", "ACKNOWLEDGED", "ID"]);
    for incident in incidents {
        table.row([
            time::utc(incident.opened_at.as_ref()),
            incident.slug.clone(),
            incident.reason.clone(),
            yes_or_no(incident.acknowledged).to_owned(),
            incident.id.clone(),
        ]);
    }
    table.print()
}

/// The call wants id and slug; a person has one of them at hand, so the other is looked up.
async fn acknowledge(server: &Server, wanted: &str, command_id: String, json: bool) -> Result<(), Failure> {
    let open = open_incidents(server).await?;
    let found = open.into_iter().find(|incident| incident.id == wanted || incident.slug == wanted);
    let Some(incident) = found else {
        return Err(Failure::Refused(format!("id: no open incident `{wanted}`, by id or by slug")));
    };
    let ask = AcknowledgeIncidentRequest { id: incident.id, slug: incident.slug, command_id };
    let call = async || server.incidents().acknowledge_incident(server.request(ask.clone())).await;
    let incident = until_known(&ask.command_id, call).await?.into_inner();
    if json {
        return output::resource(&incident);
    }
    output::line(&output::clean(&format!("{}: incident {} acknowledged", incident.slug, incident.id)))
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
