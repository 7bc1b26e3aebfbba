//! Parses the arguments, runs, sets the exit code; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    dateline::cli::main()
}
