//! Faults: `kill -9`, full and hanging disks, damaged state, unreadable folders, lost events.

#![expect(
    clippy::print_stderr,
    reason = "a seed, figures, and the reasons of skipped tests are for the person who runs them"
)]

mod content;
mod enclosure;
mod hang;
mod ledger;
mod limits;
mod outage;
mod sameness;
mod startup;
mod storm;
mod unseen;

pub(crate) use enclosure::without_privileges;
