//! Reads the configuration file, and finds the content directory that it names.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::saved_documents::SAVED_VERIFY_TIMEOUT;
use crate::beneath::Root;
use crate::config::{self, Checked, Config};
use crate::diagnostics::{Code, Diagnostic, Place};

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

/// Returns the content directory. Symbolic links in its path are resolved once, so that change events name the same paths.
pub fn root(config: &Config) -> Root {
    Root::new(&config.content.directory, &config.parsing.root).with_ignore(&config.content.ignore)
}

/// Like [`root`], but with an unresolved path if the file system doesn't respond, so that the daemon starts anyway.
pub(super) async fn find_root(config: &Arc<Config>) -> Root {
    let (found, root_found) = oneshot::channel();
    let task_config = Arc::clone(config);
    // The runtime would wait for one of its own threads at the end, so this thread isn't one.
    let thread = std::thread::Builder::new().name("root".into());
    let started = thread.spawn(move || found.send(root(&task_config)).unwrap_or_default());
    match tokio::time::timeout(SAVED_VERIFY_TIMEOUT, root_found).await {
        Ok(Ok(root)) if started.is_ok() => root,
        _ => Root::unresolved(&config.content.directory, &config.parsing.root).with_ignore(&config.content.ignore),
    }
}
