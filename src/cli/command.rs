//! Commands for the daemon, or where none is running, for the state itself: `retract`, `restore`, `accept-removals`, `reload`.

use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::{WRONG_INPUT, fail, load, meant, refuse};
use crate::config::{Checked, Config};
use crate::control::{self, Answer, CommandOutcome, Request};
use crate::daemon::{self, Inputs, StateCache};
use crate::deliver::Target;
use crate::deliver::disk::Disk;
use crate::store::{Store, StoreError};

/// Take an article from its readers at once, whatever its file says, and tell them so.
#[derive(Args, Debug)]
#[command(after_help = "\
Its text leaves every feed and page, its page answers 410, and feeds tell their readers for as long as `feeds.tombstones` says.
Example: dateline retract content/world/quake.md --reason \"The photo shows another town.\"")]
pub(super) struct Retract {
    /// The article's file, as a path from here or below the content directory, or its id.
    article: String,
    /// What readers are told.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Give a retracted article back to its readers, under the id that it had.
#[derive(Args, Debug)]
pub(super) struct Restore {
    /// The article's file, as a path from here or below the content directory, or its id.
    article: String,
}

/// Say that the files that vanished in a mass were deleted on purpose.
#[derive(Args, Debug)]
pub(super) struct AcceptRemovals {}

/// Have the running daemon read its configuration again.
#[derive(Args, Debug)]
#[command(after_help = "\
A configuration is refused if it gives other ids (`ids`), takes the last entry out of a feed (`empty`), or takes more than a third \
of its articles out of a feed (`shrink`). `[reload] allow = [\"ids\", \"empty\", \"shrink\"]` in the configuration allows these changes \
for good, each by its word.

Exit codes: 0 the daemon uses the configuration; 1 the daemon doesn't answer, or this user may not ask it; 2 the configuration was \
refused, or no daemon is running.")]
pub(super) struct Reload {
    /// Take the configuration even if it gives other ids, or empties or shrinks a feed.
    #[arg(long)]
    force: bool,
}

impl Retract {
    pub(super) fn run(self, file: &Path) -> ExitCode {
        ask(file, |config| Request::Retract { article: name(&self.article, config), reason: self.reason })
    }
}

impl Restore {
    pub(super) fn run(self, file: &Path) -> ExitCode {
        ask(file, |config| Request::Restore { article: name(&self.article, config) })
    }
}

impl AcceptRemovals {
    pub(super) fn run(self, file: &Path) -> ExitCode {
        ask(file, |_| Request::AcceptRemovals)
    }
}

impl Reload {
    pub(super) fn run(self, file: &Path) -> ExitCode {
        ask(file, |_| Request::Reload { force: self.force })
    }
}

/// The path below the content directory where the file is there; else what was given, which may be an id or the path of a
/// file that is gone.
fn name(given: &str, config: &Config) -> String {
    meant(given, &daemon::root(config)).to_string()
}

fn ask(file: &Path, request: impl FnOnce(&Config) -> Request) -> ExitCode {
    let (checked, config) = match load(file) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let request = request(&config);
    let answer = match control::ask(&config.state, &request) {
        Ok(Some(answer)) => answer,
        Ok(None) if matches!(request, Request::Reload { .. }) => return refuse("no daemon is running"),
        Ok(None) => match act(checked, &config, request) {
            Ok(answer) => answer,
            Err(trouble) => return fail(&trouble.to_string()),
        },
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let state = config.state.display();
            return fail(&format!(
                "this user may not use the state in `{state}`: run this as the user that dateline runs as"
            ));
        }
        Err(error) => return fail(&format!("the daemon does not answer: {error}")),
    };
    match answer {
        Ok(CommandOutcome { message, is_recorded }) => {
            say!("{message}");
            match is_recorded {
                true => ExitCode::SUCCESS,
                false => fail(FORGOTTEN),
            }
        }
        Err(why) => {
            tell!("dateline: {why}");
            ExitCode::from(WRONG_INPUT)
        }
    }
}

const FORGOTTEN: &str = "this cannot be recorded at the moment, so a restart would forget it: see whether the disk of the state \
                         directory is full and whether it can be written, and run the command again";

/// Does it without a daemon: the state is changed, and the feed documents are written as a daemon would.
fn act(checked: Checked, config: &Config, request: Request) -> Result<Answer, StoreError> {
    let mut store = None;
    let state = || store.insert(Store::open(&config.state)?).ledger();
    let command = daemon::command(request, config);
    let mut records = Vec::new();
    let inputs = Inputs { ledger: state, cache: StateCache::none(), command: Some(command), whole: false };
    let built = daemon::build_once(checked, config, inputs, |_, _| {}, |_| {}, |more| records.extend(more))?;
    // What is taken from readers does not wait for a disk: it leaves the files in any case.
    let remembered = store.map(|mut store| store.append(&records, daemon::now()));
    if let Some(mut disk) = config.output.clone().map(|directory| Disk::new(directory, &config.state)) {
        for problem in built.deliveries.iter().flat_map(|delivery| disk.deliver(delivery).problems) {
            tell!("{}", problem.to_log_line());
        }
    }
    let is_recorded = match remembered {
        Some(Err(trouble)) if built.answer.as_ref().is_some_and(Result::is_ok) => {
            tell!("dateline: {trouble}");
            false
        }
        remembered => remembered.transpose().map(|_| true)?,
    };
    let answer = built.answer.unwrap_or_else(|| Err("nothing was done".to_owned()));
    Ok(answer.map(|message| CommandOutcome { message, is_recorded }))
}
