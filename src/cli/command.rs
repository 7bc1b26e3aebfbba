//! `retract`, `restore`, `release`, `accept-removals`, `reload`: sent to the running daemon, or applied to the state if none is running.

use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::{WRONG_INPUT, fail, load, refuse, resolve_path};
use crate::config::{Checked, Config};
use crate::control::{self, Answer, CommandOutcome, Request};
use crate::daemon::{self, Inputs, StateCache};
use crate::deliver::Target;
use crate::deliver::disk::Disk;
use crate::event::Ticket;
use crate::store::{Store, StoreError};

/// Remove an article from all feeds and pages at once, whatever its file says, and tell readers so.
#[derive(Args, Debug)]
#[command(after_help = "\
Its text leaves every feed and page, its page answers 410, and feeds tell their readers for as long as `feeds.tombstones` says.
Example: dateline retract content/world/quake.md --reason \"The photo shows another town.\"")]
pub(super) struct Retract {
    /// The article's file, as a path from here or below the content directory, `name:path` in another source, its id, or that of an agency's item.
    article: String,
    /// The reason that readers are told.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Publish a retracted article again, under the id that it had.
#[derive(Args, Debug)]
pub(super) struct Restore {
    /// The article's file, as a path from here or below the content directory, `name:path` in another source, its id, or that of an agency's item.
    article: String,
}

/// Publish stories that wait for an editor, because their source has `trust = "hold"`.
#[derive(Args, Debug)]
#[command(after_help = "\
Only the version that waits now is released: a new version of the story waits again, and readers keep the released one until then. \
`/status.json` lists the files that wait, and `dateline explain` shows what is in one.

Exit codes: 0 all are released; 1 the daemon doesn't answer, or the release cannot be recorded; 2 one of them is unknown or does not \
wait. The others are released.
Example: dateline release wire:2026/quake.txt")]
pub(super) struct Release {
    /// The stories' files, as paths from here or `SOURCE:PATH`, or their ids, or those of agencies' items.
    #[arg(required = true)]
    articles: Vec<String>,
}

/// Confirm that files which vanished in a mass were deleted on purpose.
#[derive(Args, Debug)]
pub(super) struct AcceptRemovals {}

/// Make the running daemon read its configuration again.
#[derive(Args, Debug)]
#[command(after_help = "\
A configuration is refused if it gives other ids (`ids`), takes the last entry out of a feed (`empty`), or takes more than a third \
of its articles out of a feed (`shrink`). `[reload] allow = [\"ids\", \"empty\", \"shrink\"]` in the configuration allows these changes \
for good.

Exit codes: 0 the daemon uses the configuration; 1 the daemon doesn't answer, or this user may not use its socket; 2 the configuration was \
refused, or no daemon is running.")]
pub(super) struct Reload {
    /// Apply the configuration even if it gives other ids, or empties or shrinks a feed.
    #[arg(long)]
    force: bool,
}

impl Retract {
    pub(super) fn run(self, file: &Path) -> ExitCode {
        send_request(file, |config| Request::Retract {
            article: article_name(&self.article, config),
            reason: self.reason,
        })
    }
}

impl Restore {
    pub(super) fn run(self, file: &Path) -> ExitCode {
        send_request(file, |config| Request::Restore { article: article_name(&self.article, config) })
    }
}

impl Release {
    pub(super) fn run(self, file: &Path) -> ExitCode {
        send_request(file, |config| Request::Release {
            articles: self.articles.iter().map(|article| article_name(article, config)).collect(),
        })
    }
}

impl AcceptRemovals {
    pub(super) fn run(self, file: &Path) -> ExitCode {
        send_request(file, |_| Request::AcceptRemovals)
    }
}

impl Reload {
    pub(super) fn run(self, file: &Path) -> ExitCode {
        send_request(file, |_| Request::Reload { force: self.force })
    }
}

/// The key of the article's path. Anything else, such as an id, is returned as it is.
fn article_name(given: &str, config: &Config) -> String {
    resolve_path(given, &daemon::roots(config)).as_str().to_owned()
}

fn send_request(file: &Path, request: impl FnOnce(&Config) -> Request) -> ExitCode {
    let (checked, config) = match load(file) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let request = request(&config);
    let answer = match control::ask(&config.state, &request) {
        Ok(Some(answer)) => answer,
        Ok(None) if matches!(request, Request::Reload { .. }) => return refuse("no daemon is running"),
        Ok(None) => match run_without_daemon(checked, &config, request) {
            Ok(answer) => answer,
            Err(error) => return fail(&error.to_string()),
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
            outln!("{message}");
            match is_recorded {
                true => ExitCode::SUCCESS,
                false => fail(NOT_RECORDED),
            }
        }
        Err(why) => {
            errln!("dateline: {why}");
            ExitCode::from(WRONG_INPUT)
        }
    }
}

const NOT_RECORDED: &str = "this cannot be recorded at the moment, so a restart would forget it: see whether the disk of the state \
                         directory is full and whether it can be written, and run the command again";

/// Applies a command without a daemon: updates the state and writes feed documents.
fn run_without_daemon(checked: Checked, config: &Config, request: Request) -> Result<Answer, StoreError> {
    let mut store = None;
    let state = || store.insert(Store::open(&config.state)?).ledger();
    let request = daemon::request_event(request, config, Ticket(0));
    let mut records = Vec::new();
    let inputs = Inputs { ledger: state, cache: StateCache::none(), request: Some(request), needs_all_bodies: false };
    let mut built = daemon::build_once(checked, config, inputs, |_, _| {}, |_| {}, |more| records.extend(more))?;
    // A failed write doesn't stop a retraction: the documents change in any case.
    let recorded = store.map(|mut store| store.append(&records, daemon::now()));
    if let Some(directory) = config.output.clone() {
        let mut disk = Disk::new(directory, &config.state).with_reader(built.reader());
        for problem in built.deliveries.iter().flat_map(|delivery| disk.deliver(delivery).problems) {
            errln!("{}", problem.to_log_line());
        }
        built.deliver_archives(config, |delivery, reader| {
            disk.set_reader(reader);
            disk.deliver(delivery).problems.iter().for_each(|problem| errln!("{}", problem.to_log_line()));
        });
    }
    let is_recorded = match recorded {
        Some(Err(error)) if built.answer.as_ref().is_some_and(Result::is_ok) => {
            errln!("dateline: {error}");
            false
        }
        recorded => recorded.transpose().map(|_| true)?,
    };
    let answer = built.answer.unwrap_or_else(|| Err("nothing was done".to_owned()));
    Ok(answer.map(|message| CommandOutcome { message, is_recorded }))
}
