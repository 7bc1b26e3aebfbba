//! Reads the configuration file, and finds the directories that it names.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::saved_documents::SAVED_VERIFY_TIMEOUT;
use crate::beneath::{Root, Roots};
use crate::config::{self, Checked, Config};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::engine;
use crate::event::WatchPlan;

/// Reads a configuration file.
pub fn load(file: &Path) -> Checked {
    match std::fs::read(file) {
        Ok(bytes) => config::parse(file, &bytes),
        Err(error) => {
            let name = file.display().to_string();
            let help = match error.kind() {
                io::ErrorKind::NotFound => {
                    "`dateline init DIR` makes a newsroom with a configuration; `--config PATH` names another file"
                }
                io::ErrorKind::IsADirectory => "`--config PATH` names the file itself, such as `config/dateline.toml`",
                _ => "see whether the file is readable for this user",
            };
            let diagnostic = Diagnostic::new(Code::ConfigUnreadable, format!("cannot read `{name}`: {error}"));
            Checked { config: None, diagnostics: vec![diagnostic.at(Place::file(&name)).help(help)] }
        }
    }
}

/// Logs that links lead to another address than the configured one, and that the output directory isn't written.
pub(super) fn log_relocation(configured: &Config, config: &Config) {
    if !config.is_relocated {
        return;
    }
    let not_written = configured.output.as_ref().map(|output| tracing::field::display(output.display()));
    tracing::info!(
        url = %config.site.url,
        configured = %configured.site.url,
        not_written,
        "links lead to the address that dateline listens on; nothing is written to the output directory"
    );
}

/// Returns the directories of all sources. Symbolic links in their paths are resolved once, so that change events name the same paths.
pub fn roots(config: &Config) -> Roots {
    let root = |plan: &WatchPlan| adjusted(Root::new(&plan.directory, &plan.parsing.root), plan);
    let (content, named) = engine::watch_plans(config);
    Roots::new(root(&content), named.iter().map(root).collect())
}

/// Like [`roots`], but unresolved if the file system doesn't respond, so that the daemon starts anyway. Only the content directory is looked
/// for: the watchers find the other directories.
pub(super) async fn find_roots(config: &Arc<Config>) -> Roots {
    let (found, root_found) = oneshot::channel();
    let (content, named) = engine::watch_plans(config);
    let (content, named) = (unresolved_root(&content), named.iter().map(unresolved_root).collect());
    let unresolved = content.clone();
    // The runtime would wait for one of its own threads at the end, so this thread isn't one.
    let thread = std::thread::Builder::new().name("root".into());
    let started = thread.spawn(move || found.send(unresolved.resolve_again()).unwrap_or_default());
    match tokio::time::timeout(SAVED_VERIFY_TIMEOUT, root_found).await {
        Ok(Ok(content)) if started.is_ok() => Roots::new(content, named),
        _ => Roots::new(content, named),
    }
}

/// The directory of a source, with an unresolved path. Its watcher resolves it.
pub(super) fn unresolved_root(plan: &WatchPlan) -> Root {
    adjusted(Root::unresolved(&plan.directory, &plan.parsing.root), plan)
}

fn adjusted(root: Root, plan: &WatchPlan) -> Root {
    root.of_source(plan.source.clone()).with_ignore(&plan.ignore).with_others(&plan.others)
}
