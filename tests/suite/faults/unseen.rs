//! Retractions before the first scan are recorded.

use dateline::daemon::load;
use dateline::engine::Engine;
use dateline::event::{Answer, Command, Effect, Event, Ticket};
use dateline::ledger::{Ledger, Record};
use dateline::types::{ArticlePath, ContentHash, EntryId};
use jiff::Timestamp;

use crate::newsroom::Newsroom;

/// The engine records a retraction before it answers the command.
#[test]
fn answered_commands_survive_kill_before_first_scan() {
    let newsroom = Newsroom::new();
    let path = ArticlePath::new("news/ships.md");
    let ledger = Ledger::replay([Record::Published {
        path: path.clone(),
        id: EntryId::parse("tag:courier.example,2026:ships").expect("an id"),
        hash: ContentHash::of(b"1"),
        date: Timestamp::UNIX_EPOCH,
    }]);
    let mut engine = Engine::with_ledger(ledger);
    engine.handle(Event::Config(load(&newsroom.path("config/dateline.toml"))), Timestamp::UNIX_EPOCH);
    let command = Command::Retract { article: path.to_string(), reason: None };
    let effects = engine.handle(Event::Command(command, Ticket(7)), Timestamp::UNIX_EPOCH);
    let written = |effect: &Effect| matches!(effect, Effect::Persist(records) if matches!(records[..], [Record::Retracted { .. }]));
    let answered = |effect: &Effect| matches!(effect, Effect::Answer(Ticket(7), Answer::Command(Ok(_))));
    let (written, answered) = (effects.iter().position(written), effects.iter().position(answered));
    assert!(written.is_some() && written < answered, "{effects:?}");
}
