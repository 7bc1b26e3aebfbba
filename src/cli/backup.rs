//! `dateline backup`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{fail, load, refuse};
use crate::store;

/// Copy the state to a file, while a daemon uses it or not. To go back to it, put it in the place of `ledger.sqlite` while no
/// daemon runs.
#[derive(Args, Debug)]
pub(super) struct Backup {
    /// Where to; never overwritten.
    file: PathBuf,
}

impl Backup {
    pub(super) fn run(&self, file: &Path) -> ExitCode {
        let config = match load(file) {
            Ok((_, config)) => config,
            Err(code) => return code,
        };
        if self.file.exists() {
            return refuse(&format!("`{}` exists already, and a backup overwrites nothing", self.file.display()));
        }
        // Whole or not at all under its name.
        let partial = self.file.with_extension("partial");
        let copied = store::backup(&config.state, &partial).map_err(|trouble| trouble.to_string());
        let named = copied.and_then(|()| std::fs::rename(&partial, &self.file).map_err(|error| error.to_string()));
        match named {
            Ok(()) => {
                println!("the state is copied to {}", self.file.display());
                ExitCode::SUCCESS
            }
            Err(why) => {
                drop(std::fs::remove_file(&partial));
                fail(&why)
            }
        }
    }
}
