//! THE MAP (to be written with the code).

pub mod article;
pub mod config;
pub mod diag;
pub mod event;
pub mod feed;
pub mod serve;
pub mod snapshot;
pub mod types;
