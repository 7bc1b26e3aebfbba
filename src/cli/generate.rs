//! `dateline generate`: hidden, for packagers.

use std::process::ExitCode;

use clap::{Args, CommandFactory, Subcommand};
use clap_complete::Shell;

use super::{Arguments, fail, print};

/// Print shell completions or the man page.
#[derive(Args, Debug)]
pub(super) struct Generate {
    #[command(subcommand)]
    what: GeneratedFile,
}

#[derive(Debug, Subcommand)]
enum GeneratedFile {
    /// Completions for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// The man page, in roff.
    Man,
}

impl Generate {
    pub(super) fn run(&self) -> ExitCode {
        let mut command = Arguments::command();
        let mut text = Vec::new();
        let result = match self.what {
            GeneratedFile::Completions { shell } => {
                clap_complete::generate(shell, &mut command, "dateline", &mut text);
                Ok(())
            }
            GeneratedFile::Man => clap_mangen::Man::new(command).render(&mut text),
        };
        match result {
            Ok(()) => {
                print(&mut std::io::stdout().lock(), &String::from_utf8_lossy(&text));
                ExitCode::SUCCESS
            }
            Err(error) => fail(&error.to_string()),
        }
    }
}
