//! Converts requests of the control socket into events: commands and queries.

use super::configuration::load;
use super::context::{Daemon, Waiting};
use crate::config::Config;
use crate::control::{PendingRequest, Request};
use crate::event::{Command, Event, Query, Ticket};
use crate::serve::archives::ArchiveQuery;
use crate::types::Text;

impl Daemon {
    /// Turns a request into an event, and remembers the client that waits for the answer.
    pub(super) fn accept_request(&mut self, (request, answer): PendingRequest) -> Event {
        let ticket = self.add_ticket(Waiting::Client(answer));
        request_event(request, &self.config, ticket)
    }

    /// Turns a question about an archive into an event, and remembers who waits for the answer.
    pub(super) fn accept_archive_query(&mut self, ArchiveQuery { query, answer }: ArchiveQuery) -> Event {
        let ticket = self.add_ticket(Waiting::Archive(answer));
        Event::Query(query, ticket)
    }

    fn add_ticket(&mut self, waiting: Waiting) -> Ticket {
        let ticket = Ticket(self.tickets.last_key_value().map_or(0, |(Ticket(last), _)| last.saturating_add(1)));
        self.tickets.insert(ticket, waiting);
        ticket
    }
}

/// Converts a request into the event that the engine answers. Reads the configuration file if the request is a reload.
pub fn request_event(request: Request, config: &Config, ticket: Ticket) -> Event {
    let command = match request {
        Request::Retract { article, reason } => {
            let reason = reason.map(|reason| Text::line(&reason)).filter(|reason| !reason.is_empty());
            Command::Retract { article, reason }
        }
        Request::Restore { article } => Command::Restore { article },
        Request::Release { articles } => Command::Release { articles },
        Request::AcceptRemovals => Command::AcceptRemovals,
        Request::Configuration { hash } => return Event::Query(Query::Configuration { hash }, ticket),
        Request::Reload { force } => Command::Reload { checked: load(&config.file), force },
    };
    Event::Command(command, ticket)
}
