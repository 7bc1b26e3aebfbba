//! What is promised when things go wrong: `kill -9`, disks that are full, states that are damaged, folders that cannot be read.

#![expect(clippy::print_stderr, reason = "a seed, figures, and why something is left out are for whoever runs it")]

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
