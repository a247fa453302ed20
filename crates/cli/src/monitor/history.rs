//! What a job sent and what was concluded from it.

use crate::connect::Server;
use crate::exit::Failure;
use crate::output::{self, Table, glimpse};
use crate::{pages, time};
use wire::v1::{ListPingsRequest, ListTransitionsRequest, Ping, Transition};

/// How much of a ping's text a table shows, in characters.
const GLIMPSE_CHARS: usize = 60;

/// Pings of `slug`, newest first, at most `most`.
pub async fn pings(server: &Server, slug: String, most: usize, json: bool) -> Result<(), Failure> {
    let page = async |page_size, page_token| {
        let request = server.request(ListPingsRequest { slug: slug.clone(), page_size, page_token });
        let reply = server.monitors().list_pings(request).await?.into_inner();
        Ok((reply.pings, reply.next_page_token))
    };
    let pings = pages::up_to(most, pages::HEAVY_PAGE_SIZE, page).await?;
    if json {
        return output::array(&pings);
    }
    if pings.is_empty() {
        return output::line("no pings");
    }
    let mut table = Table::new(["#", "AT", "KIND", "DURATION", "METRICS", "FROM", "TEXT"]);
    for ping in &pings {
        table.row([
            ping.number.to_string(),
            time::utc(ping.at.as_ref()),
            kind(ping),
            time::words(ping.duration.as_ref()),
            metrics(ping),
            origin(ping),
            text(ping),
        ]);
    }
    table.print()
}

/// Transitions of `slug`, newest first, at most `most`.
pub async fn transitions(server: &Server, slug: String, most: usize, json: bool) -> Result<(), Failure> {
    let page = async |page_size, page_token| {
        let request = server.request(ListTransitionsRequest { slug: slug.clone(), page_size, page_token });
        let reply = server.monitors().list_transitions(request).await?.into_inner();
        Ok((reply.transitions, reply.next_page_token))
    };
    let transitions = pages::up_to(most, pages::HEAVY_PAGE_SIZE, page).await?;
    if json {
        return output::array(&transitions);
    }
    if transitions.is_empty() {
        return output::line("no transitions");
    }
    let mut table = Table::new(["AT", "TYPE", "CHANGE", "REASON", "EXPECTED", "ID", "DETAIL"]);
    transitions.iter().for_each(|transition| transition_row(&mut table, transition));
    table.print()
}

fn transition_row(table: &mut Table, transition: &Transition) {
    table.row([
        time::utc(transition.occurred_at.as_ref()),
        transition.r#type.clone(),
        change(transition),
        transition.reason.clone(),
        time::utc(transition.expected_at.as_ref()),
        transition.id.clone(),
        transition.detail.clone(),
    ]);
}

/// `up -> down`, or the one status of a notice that changes nothing.
pub fn change(transition: &Transition) -> String {
    if transition.from == transition.to {
        transition.to.clone()
    } else {
        format!("{} -> {}", transition.from, transition.to)
    }
}

fn kind(ping: &Ping) -> String {
    let mut words = ping.kind.clone();
    if let Some(code) = ping.exit_code {
        words.push_str(&format!(" {code}"));
    }
    if ping.coalesced > 0 {
        words.push_str(&format!(" x{}", u64::from(ping.coalesced) + 1));
    }
    words
}

fn metrics(ping: &Ping) -> String {
    let mut all: Vec<String> = ping.metrics.iter().map(|(name, value)| format!("{name}={value}")).collect();
    all.sort();
    all.join(" ")
}

fn origin(ping: &Ping) -> String {
    if ping.host.is_empty() { ping.client.clone() } else { ping.host.clone() }
}

/// Why it did not count, or what the job said: its message, or the beginning of its output.
fn text(ping: &Ping) -> String {
    if !ping.ignored.is_empty() {
        return format!("(ignored: {})", ping.ignored);
    }
    if ping.msg.is_empty() { glimpse(&ping.body, GLIMPSE_CHARS) } else { ping.msg.clone() }
}
