//! `dateline pin`

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{FAILED, WRONG_INPUT, count, fail, find_article, load, print_diagnostics};
use crate::article::ParseOptions;
use crate::article::pin::{self, Pinned, Unpinned};
use crate::beneath::Root;
use crate::config::Config;
use crate::daemon;
use crate::diagnostics::Severity;
use crate::ledger::Ledger;
use crate::store;
use crate::types::{ArticlePath, EntryId};
use crate::watch::scan::{Scan, scan};
use crate::watch::stat::stat_file;

/// Write the ids under which readers know articles into their files, so that they travel with the files.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dateline pin --dry-run            show what would be written into which file
  dateline pin                      pin every published article that has no id of its own
  dateline pin content/world/a.md   pin this one

Nothing but the id is written, and readers see no change.")]
pub(super) struct Pin {
    /// Only show what would be written.
    #[arg(long)]
    dry_run: bool,
    /// Files of articles, as paths from here or below the content directory, or `name:path` in another source. If none is given: all files in the
    /// content directory that were published.
    #[arg(value_name = "ARTICLE")]
    articles: Vec<PathBuf>,
}

/// How many files had which result.
#[derive(Default)]
struct PinSummary {
    pinned: usize,
    with_id: usize,
    unpublished: usize,
    refused: usize,
    failed: usize,
}

/// The result for a file.
enum Outcome {
    Pinned(EntryId, Pinned),
    HasId(EntryId),
    Unpublished,
}

/// Why a file wasn't changed.
enum PinError {
    /// The file is unsuitable, or the request is.
    Input(String),
    /// An I/O error.
    Machine(String),
}

/// The article files, and the ledger with their ids.
struct PinContext<'a> {
    root: &'a Root,
    options: &'a ParseOptions,
    ledger: &'a Ledger,
    scan: &'a Scan,
    /// Device and inode of each article's file.
    files: HashMap<&'a ArticlePath, (u64, u64)>,
    /// The articles that share a file through links.
    articles: HashMap<(u64, u64), Vec<&'a ArticlePath>>,
}

impl Pin {
    pub(super) fn run(&self, file: &Path) -> ExitCode {
        let (_, config) = match load(file) {
            Ok(loaded) => loaded,
            Err(code) => return code,
        };
        let ledger = match store::read_ledger(&config.state) {
            Ok(ledger) => ledger,
            Err(error) => return fail(&error.to_string()),
        };
        let roots = daemon::roots(&config);
        let scans: Vec<(&Root, Scan)> = roots.iter().map(|root| (root, scan(root))).collect();
        let context = |(root, scan)| PinContext::new(root, &config, &ledger, scan);
        let contexts: Vec<PinContext<'_>> = scans.iter().map(|(root, scan)| context((*root, scan))).collect();
        let mut summary = PinSummary::default();
        let is_named = !self.articles.is_empty();
        let mut wanted = Vec::new();
        for given in &self.articles {
            match find_article(given, &roots) {
                Some(path) => wanted.push(path),
                None => {
                    let reason = format!("there is no such article in {}", roots.content().name);
                    summary.refuse(&given.display(), &reason);
                }
            }
        }
        // The files of other sources belong to the agencies that sent them.
        if let Some((_, scan)) = scans.first().filter(|_| !is_named) {
            let unreadable = || scan.listing.directories.iter().filter_map(|folder| folder.unreadable.as_ref());
            print_diagnostics(unreadable());
            summary.failed += unreadable().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
            wanted.extend(scan.files.iter().map(|(path, _)| path.clone()));
        }
        for path in &wanted {
            let shown = config.file_name(path);
            let Some(context) = contexts.iter().find(|context| context.root.source.as_deref() == path.source()) else {
                continue;
            };
            match context.pin(path, self.dry_run) {
                Ok(Outcome::Pinned(id, pinned)) => {
                    outln!("{shown}  {id}");
                    for (line, text) in (pinned.line..).zip(pinned.inserted.lines()) {
                        outln!("{line:>6} + {text}");
                    }
                    summary.pinned += 1;
                }
                Ok(Outcome::HasId(own)) => {
                    if is_named {
                        outln!("{shown}  {own} is its id already");
                    }
                    summary.with_id += 1;
                }
                Ok(Outcome::Unpublished) if is_named => {
                    summary.refuse(&shown, "not published yet, so there is no id under which readers know it");
                }
                Ok(Outcome::Unpublished) => summary.unpublished += 1,
                Err(PinError::Input(reason)) => summary.refuse(&shown, &reason),
                Err(PinError::Machine(reason)) => {
                    errln!("dateline: {shown}: {reason}");
                    summary.failed += 1;
                }
            }
        }
        outln!("{}", summary.summary(self.dry_run));
        if summary.failed > 0 {
            ExitCode::from(FAILED)
        } else if summary.refused > 0 {
            ExitCode::from(WRONG_INPUT)
        } else {
            ExitCode::SUCCESS
        }
    }
}

impl<'a> PinContext<'a> {
    fn new(root: &'a Root, config: &'a Config, ledger: &'a Ledger, scan: &'a Scan) -> PinContext<'a> {
        let files: HashMap<_, _> = scan.files.iter().map(|(path, stamp)| (path, (stamp.device, stamp.inode))).collect();
        let mut articles: HashMap<(u64, u64), Vec<&ArticlePath>> = HashMap::new();
        for (path, stamp) in &scan.files {
            articles.entry((stamp.device, stamp.inode)).or_default().push(path);
        }
        let sources = &config.sources;
        let options = &sources.get(root.source.as_deref()).unwrap_or(&sources.content).parsing;
        PinContext { root, options, ledger, scan, files, articles }
    }

    fn pin(&self, path: &ArticlePath, dry_run: bool) -> Result<Outcome, PinError> {
        let refuse = |reason: &str| Err(PinError::Input(reason.to_owned()));
        let Some(file) = self.files.get(path) else {
            let unusable = self.scan.unusable.iter().find(|(unusable, _)| unusable == path);
            return refuse(
                unusable.map_or("this is not a file that dateline reads as an article", |(_, why)| &why.message),
            );
        };
        let Some(id) = self.ledger.article(path).and_then(|facts| facts.id.as_ref()) else {
            return Ok(Outcome::Unpublished);
        };
        if let Some(other) = self.articles.get(file).into_iter().flatten().find(|other| **other != path) {
            let other = self.root.display(other.as_str());
            return refuse(&format!("this file is {other} as well, and cannot carry the ids of two articles"));
        }
        let stamp = match stat_file(self.root, path) {
            Ok(Some(stamp)) => stamp,
            Ok(None) => return refuse("it is gone"),
            Err(diagnostic) => return refuse(&diagnostic.message),
        };
        if stamp.size > self.options.max_size {
            return refuse("it is larger than `content.max_size`");
        }
        let cannot = |what: &str, error: io::Error| PinError::Machine(format!("cannot {what} it: {error}"));
        // A link stays a link; its target is replaced.
        let target = self.root.open().and_then(|beneath| beneath.real_path(path.as_str(), &mut Vec::new()));
        let target = self.root.path.join(target.map_err(|error| cannot("find", error))?);
        let read = || {
            let mut bytes = Vec::new();
            self.root.open_file(path).and_then(|(mut file, _)| file.read_to_end(&mut bytes)).map(|_| bytes)
        };
        let bytes = read().map_err(|error| cannot("read", error))?;
        let pinned = match pin::pin(path, &bytes, id, self.options) {
            Ok(pinned) => pinned,
            Err(Unpinned::HasId(own)) => return Ok(Outcome::HasId(own)),
            Err(Unpinned::Unsafe(reason)) => return Err(PinError::Input(reason)),
        };
        let is_unchanged =
            || stat_file(self.root, path).is_ok_and(|now| now == Some(stamp)) && read().is_ok_and(|now| now == bytes);
        if !dry_run && !replace(&target, &pinned.bytes, is_unchanged).map_err(|error| cannot("write", error))? {
            return refuse("it was changed meanwhile; try again");
        }
        Ok(Outcome::Pinned(id.clone(), pinned))
    }
}

impl PinSummary {
    fn refuse(&mut self, path: &impl std::fmt::Display, reason: &str) {
        errln!("dateline: {path} is left alone: {reason}");
        self.refused += 1;
    }

    fn summary(&self, dry_run: bool) -> String {
        let verb = if dry_run { "would be pinned" } else { "pinned" };
        let mut parts = vec![format!("{} {verb}", count(self.pinned, "article"))];
        let others = [
            (self.with_id, "with an id already"),
            (self.unpublished, "not published yet"),
            (self.refused, "left alone"),
            (self.failed, "failed"),
        ];
        parts.extend(others.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")));
        parts.join(", ")
    }
}

/// Atomically replaces a file, keeping its mode and owner, unless it changed in the meantime. The temporary name starts with a dot, so
/// that it isn't taken for an article. Returns whether the file was replaced.
fn replace(file: &Path, bytes: &[u8], is_unchanged: impl Fn() -> bool) -> io::Result<bool> {
    let (temporary, mut new) = create_beside(file)?;
    let mut write = || {
        let (old, made) = (fs::metadata(file)?, new.metadata()?);
        if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
            // Otherwise the authors might lose write access.
            fchown(&new, Some(old.uid()), Some(old.gid()))?;
        }
        new.set_permissions(old.permissions())?;
        new.write_all(bytes)?;
        new.sync_all()?;
        if !is_unchanged() {
            fs::remove_file(&temporary)?;
            return Ok(false);
        }
        fs::rename(&temporary, file)?;
        Ok(true)
    };
    let replaced = write().inspect_err(|_: &io::Error| drop(fs::remove_file(&temporary)))?;
    // Some file systems can't sync a folder. The article itself is safe.
    drop(file.parent().map(|folder| File::open(folder).and_then(|folder| folder.sync_all())));
    Ok(replaced)
}

/// Creates a temporary file beside another. Leftovers of a killed run aren't touched.
fn create_beside(file: &Path) -> io::Result<(PathBuf, File)> {
    let mut attempt = 1;
    loop {
        let temporary = file.with_file_name(format!(".dateline-pin-{}-{attempt}", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary) {
            Ok(new) => return Ok((temporary, new)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1_000 => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("readable")
            .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn changed_file_is_kept_without_leftovers() {
        let folder = tempfile::tempdir().expect("a scratch directory");
        let file = folder.path().join("a.md");
        fs::write(&file, "old").expect("writable");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("ours");
        let changed = || {
            let temporary = names(folder.path()).into_iter().find(|name| name != "a.md").expect("it is written first");
            assert!(!crate::article::is_article_name(&temporary), "{temporary}");
            false
        };
        assert!(!replace(&file, b"new", changed).expect("nothing fails"));
        assert_eq!((fs::read(&file).expect("there"), names(folder.path())), (b"old".to_vec(), vec!["a.md".to_owned()]));

        assert!(replace(&file, b"new", || true).expect("nothing fails"));
        assert_eq!((fs::read(&file).expect("there"), names(folder.path())), (b"new".to_vec(), vec!["a.md".to_owned()]));
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o7777, 0o640);

        // If the target can't be replaced, the temporary file is removed.
        let in_the_way = folder.path().join("b.md");
        fs::create_dir_all(in_the_way.join("full")).expect("writable");
        replace(&in_the_way, b"new", || true).expect_err("a folder is in the way");
        assert_eq!(names(folder.path()), ["a.md", "b.md"]);
    }
}
