//! The one integration-test binary: real binary, real sockets, real files.

mod bad_articles;
mod commands;
mod config_cases;
mod convergence;
mod daemon;
mod demo;
mod house;
mod newsroom;
