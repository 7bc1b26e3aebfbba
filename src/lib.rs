//! THE MAP (to be written with the code).

pub mod article;
pub mod build;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod deliver;
pub mod diag;
pub mod engine;
pub mod event;
pub mod feed;
pub mod serve;
pub mod snapshot;
pub mod types;
pub mod watch;
