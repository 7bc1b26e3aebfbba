//! Converts requests of the control socket into the engine's commands.

use super::configuration::load;
use super::context::Daemon;
use crate::config::Config;
use crate::control::{PendingRequest, Request};
use crate::event::{Command, Event, Ticket};
use crate::types::Text;

impl Daemon {
    /// Turns a request into an event, and remembers the client that waits for the answer.
    pub(super) fn accept_request(&mut self, (request, answer): PendingRequest) -> Event {
        let ticket = Ticket(self.tickets.last_key_value().map_or(0, |(Ticket(last), _)| last.saturating_add(1)));
        self.tickets.insert(ticket, answer);
        Event::Command(command(request, &self.config), ticket)
    }
}

/// Converts a request into the engine's command. Reads the configuration file if the request is a reload.
pub fn command(request: Request, config: &Config) -> Command {
    match request {
        Request::Retract { article, reason } => {
            let reason = reason.map(|reason| Text::line(&reason)).filter(|reason| !reason.is_empty());
            Command::Retract { article, reason }
        }
        Request::Restore { article } => Command::Restore { article },
        Request::AcceptRemovals => Command::AcceptRemovals,
        Request::Configuration { hash } => Command::Configuration { hash },
        Request::Reload { force } => Command::Reload { checked: load(&config.file), force },
    }
}
