//! The integration tests, in one binary. Most of them run the real binary with real sockets and files.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod access;
mod agency;
mod anchors;
mod archives;
mod bad_articles;
mod bundles;
mod caching;
mod changes;
mod commands;
mod config_cases;
mod convergence;
mod daemon;
mod demo;
mod deployments;
mod documents;
mod dormant;
mod drop_folders;
mod engine_scripts;
mod escaping;
mod event_log;
mod faults;
mod feeds;
mod first_try;
mod front_matter;
mod front_matter_invariant;
mod house;
mod identity;
mod ignored;
mod import_ids;
mod init_from;
mod late_bodies;
mod lifecycle;
mod limits;
mod links;
mod listeners;
mod manual;
mod messages;
mod moves;
mod names;
mod newsroom;
mod output;
mod output_claim;
mod pages_load;
mod pictures;
mod pin;
mod podcast;
mod restart;
mod restart_verification;
mod restricted;
mod retraction;
mod rules;
mod sites;
mod sources;
mod time;
mod undated;
mod unfinished;
mod versions;
mod watching;
mod websub;
mod wire;
mod words;
