//! The command line: one file per command. Only this module prints.

/// Prints a line to standard output, with control characters escaped. Ignores a closed pipe, as with `head`.
macro_rules! outln {
    ($($arguments:tt)*) => {
        $crate::cli::print_line(&mut std::io::stdout().lock(), format_args!($($arguments)*))
    };
}

/// Prints a line to standard error, likewise.
macro_rules! errln {
    ($($arguments:tt)*) => {
        $crate::cli::print_line(&mut std::io::stderr().lock(), format_args!($($arguments)*))
    };
}

mod backup;
mod build;
mod check;
mod command;
mod explain;
mod fetch;
mod generate;
mod history;
mod import_ids;
mod init;
mod item_versions;
mod log;
mod new;
mod pin;
mod progress;
mod serve;
mod shell;
mod table;

use std::fmt;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, Subcommand};
use unicode_width::UnicodeWidthStr;

use crate::beneath::{Root, Roots};
use crate::config::{Checked, Config};
use crate::daemon;
use crate::diagnostics::{Diagnostic, escape};
use crate::store;
use crate::types::{ArticlePath, folder};
use crate::watch::scan::article_at;

/// Exit code for failures of the machine: a port is taken, a disk is full.
const FAILED: u8 = 1;
/// Exit code for wrong input: the configuration, an article, an argument.
const WRONG_INPUT: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  dateline init newsroom && cd newsroom && dateline serve
                                        start a newsroom and serve its feeds
  dateline init --from hugo my-site     write a configuration for an existing site
  dateline new technology \"Robots dig\"  write the next article
  dateline check                        find every mistake in articles and configuration
  dateline explain content/world/a.md   why is it in this feed, and not in that?
  dateline import-ids https://www.courier.example/feed/
                                        readers of that feed will see no article twice
  dateline pin --dry-run                write ids into the files of published articles
  dateline build --out public           write the feeds to files, without a server

Exit codes: 0 fine, 1 the machine failed, 2 the input is wrong.";

/// Whether some output couldn't be written, other than to a closed pipe.
static OUTPUT_FAILED: AtomicBool = AtomicBool::new(false);

/// Prints a line. Escapes control characters, since names and texts come from files, arguments and servers.
fn print_line(to: &mut dyn Write, line: fmt::Arguments<'_>) {
    print(to, &format!("{}\n", escape(&line.to_string())));
}

/// Prints text that is already escaped.
fn print(to: &mut dyn Write, text: &str) {
    if let Err(error) = to.write_all(text.as_bytes()).and_then(|()| to.flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        OUTPUT_FAILED.store(true, Ordering::Relaxed);
    }
}

/// Watches a directory of articles and serves them as RSS, Atom and JSON feeds, a feed per section.
#[derive(Debug, Parser)]
#[command(name = "dateline", version, about, after_help = EXAMPLES, max_term_width = 100, disable_help_subcommand = true)]
struct Arguments {
    /// The configuration file.
    #[arg(long, global = true, value_name = "PATH", default_value = "config/dateline.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch, build and serve. The default command.
    Serve(serve::Serve),
    /// Build the feeds to files once, without a server.
    Build(build::Build),
    /// Read the configuration and every article, and print every problem with its place and remedy. Writes nothing.
    Check(check::Check),
    /// Show where each field of an article came from, and which feeds have the article and why.
    Explain(explain::Explain),
    /// Take over the ids and dates of a feed that dateline replaces, so that its readers see no article twice.
    ImportIds(import_ids::ImportIds),
    /// Create a newsroom: a commented configuration and three example articles. Never overwrites anything.
    Init(init::Init),
    /// Create the file of a new article, and print its path.
    New(new::New),
    /// Remove an article from all feeds and pages at once, and tell readers so.
    Retract(command::Retract),
    /// Publish a retracted article again.
    Restore(command::Restore),
    /// Publish stories that wait for an editor.
    Release(command::Release),
    /// Confirm that files which vanished in a mass were deleted on purpose.
    AcceptRemovals(command::AcceptRemovals),
    /// Make the running daemon read its configuration again.
    Reload(command::Reload),
    /// Print what happened to an article, and when.
    History(history::History),
    /// Copy the state to a file, also while a daemon runs; `--restore` puts a copy back.
    Backup(backup::Backup),
    /// Write the ids under which readers know articles into their files, so that they travel with the files.
    Pin(pin::Pin),
    /// Print shell completions or the man page.
    #[command(hide = true)]
    Generate(generate::Generate),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let code = run(arguments());
    match OUTPUT_FAILED.load(Ordering::Relaxed) && code == ExitCode::SUCCESS {
        true => fail("some output could not be written; check free space"),
        false => code,
    }
}

/// Parses the command line. On an error, prints it with arguments escaped and exits.
fn arguments() -> Arguments {
    Arguments::try_parse().unwrap_or_else(|error| {
        let escaped = std::env::args_os().map(|argument| escape(&argument.to_string_lossy()).into_owned());
        Arguments::try_parse_from(escaped).err().unwrap_or(error).exit()
    })
}

fn run(arguments: Arguments) -> ExitCode {
    let config = &arguments.config;
    match arguments.command.unwrap_or_else(|| Command::Serve(serve::Serve::default())) {
        Command::Serve(command) => command.run(config),
        Command::Build(command) => command.run(config),
        Command::Check(command) => command.run(config),
        Command::Explain(command) => command.run(config),
        Command::ImportIds(command) => command.run(config),
        Command::Init(command) => command.run(),
        Command::New(command) => command.run(config),
        Command::Retract(command) => command.run(config),
        Command::Restore(command) => command.run(config),
        Command::Release(command) => command.run(config),
        Command::AcceptRemovals(command) => command.run(config),
        Command::Reload(command) => command.run(config),
        Command::History(command) => command.run(config),
        Command::Backup(command) => command.run(config),
        Command::Pin(command) => command.run(config),
        Command::Generate(command) => command.run(),
    }
}

/// Loads the configuration and prints its diagnostics. If it is invalid, returns the exit code.
fn load(file: &Path) -> Result<(Checked, Arc<Config>), ExitCode> {
    let checked = daemon::load(file);
    print_diagnostics(&checked.diagnostics);
    match &checked.config {
        Some(config) => {
            let config = Arc::clone(config);
            Ok((checked, config))
        }
        None => {
            errln!("{} of the configuration must be fixed first", count(checked.diagnostics.len(), "mistake"));
            Err(ExitCode::from(WRONG_INPUT))
        }
    }
}

/// Starts with a new state, as `--new-state` requests.
fn start_over(config: &Config) -> Result<(), ExitCode> {
    match store::start_over(&config.state) {
        Ok(None) => Ok(()),
        Ok(Some(kept)) => {
            errln!("the state starts over; what is left of the old ledger is in {}", kept.display());
            Ok(())
        }
        Err(error) => Err(fail(&error.to_string())),
    }
}

/// Finds the file of an article: `name:path` in a source, a path relative to the working directory or to the directory of a source, or an
/// absolute path. A link resolves to the article it points to.
fn find_article(given: &Path, roots: &Roots) -> Option<ArticlePath> {
    // The key of an item may contain slashes.
    if let Some((file, key)) = given.to_str().and_then(split_item) {
        return find_article(Path::new(file), roots).map(|file| ArticlePath::item_of(&file, key));
    }
    let found = |path: PathBuf| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let path = std::fs::canonicalize(folder).ok()?.join(path.file_name()?);
        let found = roots.iter().find_map(|root| Some((root, root.relative(&path)?)));
        let (root, path) = found.filter(|_| path.is_file())?;
        Some(article_at(root, folder::relative(&path)))
    };
    let named = given.to_str().and_then(|given| split_source(given, roots));
    let in_source = named.map(|(root, path)| root.path.join(path));
    let below = || roots.iter().find_map(|root| found(root.path.join(given)));
    in_source.and_then(found).or_else(|| found(given.to_owned())).or_else(below)
}

/// Splits `name:path`, if a source has the name.
fn split_source<'g, 'r>(given: &'g str, roots: &'r Roots) -> Option<(&'r Root, &'g str)> {
    let (name, path) = given.split_once(':')?;
    Some((roots.get(Some(name))?, path.trim_start_matches('/')))
}

/// Splits the path of an item in a file that contains several: `message.xml#<key>`.
fn split_item(given: &str) -> Option<(&str, &str)> {
    let (at, _) = given.match_indices('#').find(|(at, _)| {
        let extension = at.checked_sub(4).and_then(|start| given.get(start..*at));
        extension.is_some_and(|extension| extension.eq_ignore_ascii_case(".xml"))
    })?;
    Some((given.get(..at)?, given.get(at + 1..)?))
}

/// The path of an article, also of a file that is gone or unreadable. Anything else, such as an id, is returned as it is.
fn resolve_path(given: &str, roots: &Roots) -> ArticlePath {
    if let Some((file, key)) = split_item(given) {
        return ArticlePath::item_of(&resolve_path(file, roots), key);
    }
    let lexical = || {
        let plain = |path: &Path| {
            let mut plain = PathBuf::new();
            for component in std::path::absolute(path).ok()?.components() {
                match component {
                    Component::ParentDir => drop(plain.pop()),
                    component => plain.push(component),
                }
            }
            Some(plain)
        };
        let given = plain(Path::new(given))?;
        let below = |root: &Root| {
            let bases = [Some(root.path.clone()), plain(Path::new(&root.name))];
            let below = bases.iter().flatten().find_map(|base| given.strip_prefix(base).ok())?.to_str()?;
            (!below.is_empty() && !root.is_of_other_source(below)).then(|| ArticlePath::new(&root.key(below)))
        };
        roots.iter().find_map(below)
    };
    let named = || split_source(given, roots).map(|(root, path)| ArticlePath::new(&root.key(path)));
    let found = find_article(Path::new(given), roots).or_else(named).or_else(lexical);
    found.unwrap_or_else(|| ArticlePath::new(given))
}

fn print_diagnostics<'d>(diagnostics: impl IntoIterator<Item = &'d Diagnostic>) {
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for diagnostic in diagnostics {
        print(&mut std::io::stderr().lock(), &format!("{}\n", diagnostic.to_text(color)));
    }
}

/// Prints a failure of the machine and returns its exit code.
fn fail(message: &str) -> ExitCode {
    errln!("dateline: {message}");
    ExitCode::from(FAILED)
}

/// Prints a mistake in the input and returns its exit code.
fn refuse(message: &str) -> ExitCode {
    errln!("dateline: {message}");
    ExitCode::from(WRONG_INPUT)
}

/// Escapes a table cell and pads it to a width in terminal columns. Ideographs take two columns, combining characters none.
fn cell(text: &str, columns: usize) -> String {
    let text = escape(text);
    let blanks = columns.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(blanks))
}

/// The width of a cell in terminal columns.
fn columns(text: &str) -> usize {
    escape(text).width()
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
