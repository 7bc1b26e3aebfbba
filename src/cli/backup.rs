//! `dateline backup`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{fail, load, refuse};
use crate::store::{self, StoreError};

/// Copy the state to a file, while a daemon uses it or not, or put such a copy in its place.
#[derive(Args, Debug)]
pub(super) struct Backup {
    /// The copy to write, which must not exist yet; with `--restore`, the copy to read.
    file: PathBuf,
    /// Put the copy in the place of the state, and keep the present state beside it. No daemon may run.
    #[arg(long)]
    restore: bool,
}

impl Backup {
    pub(super) fn run(&self, file: &Path) -> ExitCode {
        let config = match load(file) {
            Ok((_, config)) => config,
            Err(code) => return code,
        };
        if self.restore {
            return match store::restore(&config.state, &self.file) {
                Ok(None) => done(&format!("the state is that of {}", self.file.display())),
                Ok(Some(kept)) => done(&format!(
                    "the state is that of {}; what was there is in {}",
                    self.file.display(),
                    kept.display()
                )),
                Err(error) => fail(&error.to_string()),
            };
        }
        match store::backup(&config.state, &self.file) {
            Ok(()) => done(&format!("the state is copied to {}", self.file.display())),
            Err(StoreError::Exists(path)) => {
                refuse(&format!("`{}` exists, and a backup overwrites nothing: choose another name", path.display()))
            }
            Err(error @ StoreError::Nothing(_)) => refuse(&error.to_string()),
            Err(error) => fail(&error.to_string()),
        }
    }
}

fn done(message: &str) -> ExitCode {
    outln!("{message}");
    ExitCode::SUCCESS
}
