//! `qp channel`: where alerts go.

mod kinds;

use crate::Context;
use crate::connect::{Server, ServerArgs, Settings};
use crate::exit::Failure;
use crate::output::{self, Table};
use crate::pages::{self, Limit};
use crate::time;
use clap::{Args, Subcommand};
use kinds::{Draft, Kind};
use prost_types::FieldMask;
use std::convert::Infallible;
use std::ffi::OsString;
use wire::v1::{self, channel};

#[derive(Args)]
pub struct ChannelArgs {
    #[command(subcommand)]
    command: ChannelCommand,
}

/// `--url` before `channel` is the server's; behind `webhook`, `slack` and `discord` it is the channel's.
#[derive(Subcommand)]
enum ChannelCommand {
    /// Create a channel
    #[command(after_help = CREATE_EXAMPLES)]
    Create {
        #[arg(value_parser = unmarked)]
        name: String,
        #[command(subcommand)]
        kind: Kind,
    },
    /// Change the settings that are given, and no others
    #[command(after_help = UPDATE_EXAMPLES)]
    Update {
        #[arg(value_parser = unmarked)]
        name: String,
        /// Let a channel that was switched off take deliveries again
        #[arg(long)]
        enable: bool,
        #[command(subcommand)]
        kind: Option<Kind>,
    },
    /// List channels
    List(ListArgs),
    /// Show a channel, without its secrets
    Get(NamedArgs),
    /// Delete a channel
    Delete(NamedArgs),
    /// Send a test message now and say how it went; 1 when it did not arrive
    Test(NamedArgs),
    /// What was sent, newest first
    Deliveries(DeliveriesArgs),
}

#[derive(Args)]
struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Args)]
struct NamedArgs {
    name: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Args)]
struct DeliveriesArgs {
    name: String,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    server: ServerArgs,
}

const CREATE_EXAMPLES: &str = "\
Examples:
  qp channel create ops webhook --url https://example.com/hook --header 'X-Team: db'
  qp channel create phone telegram --token @/run/secrets/bot --chat -100123
  qp channel create mail email --to ops@example.com

A value that begins with @ is read from that file (@- is stdin), so that secrets stay out of the process list. \
The webhook's secret is printed once, here.";

const UPDATE_EXAMPLES: &str = "\
Examples:
  qp channel update ops webhook --url https://example.com/new-hook
  qp channel update ops --enable";

/// Stands before a name that is also the name of a kind. No argument of a process can hold it.
const MARK: char = '\0';

/// The command line, with the name behind `channel create` and `channel update` marked when it is the name of
/// a kind too: clap takes a subcommand wherever it sees one, and `create slack slack` is what people type.
pub fn marked(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    let is_kind = |word: &OsString| Kind::has_subcommand(&word.to_string_lossy());
    let place = arguments.windows(3).position(|words| match words {
        [channel, verb, name] => channel == "channel" && (verb == "create" || verb == "update") && is_kind(name),
        _ => false,
    });
    if let Some(name) = place.and_then(|place| arguments.get_mut(place + 2)) {
        *name = format!("{MARK}{}", name.to_string_lossy()).into();
    }
    arguments
}

fn unmarked(name: &str) -> Result<String, Infallible> {
    Ok(name.strip_prefix(MARK).unwrap_or(name).to_owned())
}

/// Runs one `qp channel` command.
pub async fn run(args: ChannelArgs, context: Context) -> Result<(), Failure> {
    let Context { settings, json } = context;
    match args.command {
        ChannelCommand::Create { name, kind } => create(&settings, Draft::of_new(name, kind)?, json).await,
        ChannelCommand::Update { name, enable, kind } => {
            update(&settings, Draft::of_changes(name, kind, enable)?, json).await
        }
        ChannelCommand::List(args) => list(&connected(settings, args.server).await?, json).await,
        ChannelCommand::Get(args) => get(&connected(settings, args.server).await?, args.name, json).await,
        ChannelCommand::Delete(args) => delete(&connected(settings, args.server).await?, args.name, json).await,
        ChannelCommand::Test(args) => test(&connected(settings, args.server).await?, args.name, json).await,
        ChannelCommand::Deliveries(args) => {
            deliveries(&connected(settings, args.server).await?, args.name, args.limit.most(json), json).await
        }
    }
}

async fn connected(settings: Settings, server: ServerArgs) -> Result<Server, Failure> {
    Server::connect(&settings.with_url(server.url)).await
}

async fn create(settings: &Settings, draft: Draft, json: bool) -> Result<(), Failure> {
    let server = Server::connect(settings).await?;
    let request = v1::CreateChannelRequest { channel: Some(draft.channel) };
    show(&server.channels().create_channel(server.request(request)).await?.into_inner(), json)
}

async fn update(settings: &Settings, draft: Draft, json: bool) -> Result<(), Failure> {
    let server = Server::connect(settings).await?;
    let update_mask = Some(FieldMask { paths: draft.paths.into_iter().map(str::to_owned).collect() });
    let request = v1::UpdateChannelRequest { channel: Some(draft.channel), update_mask };
    show(&server.channels().update_channel(server.request(request)).await?.into_inner(), json)
}

async fn get(server: &Server, name: String, json: bool) -> Result<(), Failure> {
    let request = server.request(v1::GetChannelRequest { name });
    show(&server.channels().get_channel(request).await?.into_inner(), json)
}

async fn delete(server: &Server, name: String, json: bool) -> Result<(), Failure> {
    let request = server.request(v1::DeleteChannelRequest { name: name.clone() });
    let reply = server.channels().delete_channel(request).await?;
    if json {
        output::resource(&reply.into_inner())
    } else {
        output::line(&format!("{} deleted", output::clean(&name)))
    }
}

async fn test(server: &Server, name: String, json: bool) -> Result<(), Failure> {
    let request = server.request(v1::TestChannelRequest { name });
    let reply = server.channels().test_channel(request).await?.into_inner();
    if json {
        output::resource(&reply)?;
    }
    match (reply.delivered, json) {
        (true, true) => Ok(()),
        (true, false) => output::line("delivered"),
        (false, true) => Err(Failure::Said),
        (false, false) => Err(Failure::Refused(format!("not delivered: {}", reply.error))),
    }
}

async fn list(server: &Server, json: bool) -> Result<(), Failure> {
    let page = async |page_size, page_token| {
        let request = server.request(v1::ListChannelsRequest { page_size, page_token });
        let reply = server.channels().list_channels(request).await?.into_inner();
        Ok((reply.channels, reply.next_page_token))
    };
    let channels = pages::all(page).await?;
    if json {
        return output::array(&channels);
    }
    if channels.is_empty() {
        return output::line("no channels: alerts go to the server's log");
    }
    let mut table = Table::new(["NAME", "KIND", "CREATED", "STATE"]);
    for channel in &channels {
        table.row([channel.name.clone(), channel.kind.clone(), time::utc(channel.created_at.as_ref()), state(channel)]);
    }
    table.print()
}

async fn deliveries(server: &Server, channel: String, most: usize, json: bool) -> Result<(), Failure> {
    let page = async |page_size, page_token| {
        let request = server.request(v1::ListDeliveriesRequest { channel: channel.clone(), page_size, page_token });
        let reply = server.channels().list_deliveries(request).await?.into_inner();
        Ok((reply.deliveries, reply.next_page_token))
    };
    let deliveries = pages::up_to(most, pages::HEAVY_PAGE_SIZE, page).await?;
    if json {
        return output::array(&deliveries);
    }
    if deliveries.is_empty() {
        return output::line("no deliveries");
    }
    let mut table = Table::new(["CREATED", "STATE", "ATTEMPTS", "NEXT ATTEMPT", "MONITOR", "ID", "ERROR"]);
    for delivery in &deliveries {
        table.row([
            time::utc(delivery.created_at.as_ref()),
            delivery.state.clone(),
            delivery.attempts.to_string(),
            time::utc(delivery.next_attempt_at.as_ref()),
            delivery.monitor_id.clone(),
            delivery.id.clone(),
            delivery.error.clone(),
        ]);
    }
    table.print()
}

fn state(channel: &v1::Channel) -> String {
    if channel.disabled_reason.is_empty() { "on".to_owned() } else { format!("off: {}", channel.disabled_reason) }
}

/// One channel. A secret is there only in the answer to its creation.
fn show(channel: &v1::Channel, json: bool) -> Result<(), Failure> {
    if json {
        return output::resource(channel);
    }
    output::line(&output::clean(&format!("{}: {}, {}", channel.name, channel.kind, state(channel))))?;
    let mut table = Table::plain();
    for (name, value) in settings_of(channel) {
        if !value.is_empty() {
            table.row([format!("  {name}"), value]);
        }
    }
    table.row(["  created".to_owned(), time::utc(channel.created_at.as_ref())]);
    table.print()
}

fn settings_of(channel: &v1::Channel) -> Vec<(&'static str, String)> {
    match channel.settings.clone() {
        Some(channel::Settings::Webhook(webhook)) => {
            let mut headers: Vec<String> =
                webhook.headers.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
            headers.sort();
            let pairs = [("url", webhook.url), ("method", webhook.method), ("headers", headers.join("; "))];
            pairs.into_iter().chain([("body template", webhook.body_template), ("secret", webhook.secret)]).collect()
        }
        Some(channel::Settings::Telegram(telegram)) => vec![("chat", telegram.chat_id)],
        Some(channel::Settings::Email(email)) => vec![("to", email.to)],
        Some(channel::Settings::Slack(slack)) => vec![("url", slack.url)],
        Some(channel::Settings::Discord(discord)) => vec![("url", discord.url)],
        Some(channel::Settings::Log(_)) | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        let marked = marked(line.split(' ').map(OsString::from));
        marked.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn a_name_may_be_the_name_of_a_kind() {
        assert_eq!(words("qp channel create slack slack")[3], "\0slack");
        assert_eq!(unmarked("\0slack"), Ok("slack".to_owned()));
        assert_eq!(words("qp channel create ops slack"), ["qp", "channel", "create", "ops", "slack"]);
        assert_eq!(words("qp run -- channel"), ["qp", "run", "--", "channel"]);
    }
}
