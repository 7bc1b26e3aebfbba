//! `dateline init`

use std::borrow::Cow;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::fail;
use crate::diagnostics::escape;

/// The files of a new newsroom.
const FILES: [(&str, &str); 4] = [
    ("config/dateline.toml", include_str!("init/dateline.toml")),
    ("content/news/welcome.md", include_str!("init/welcome.md")),
    ("content/news/page.html", include_str!("init/page.html")),
    ("content/news/wire.txt", include_str!("init/wire.txt")),
];

/// Create a newsroom: a commented configuration and three example articles. Never overwrites anything.
#[derive(Args, Debug)]
pub(super) struct Init {
    /// The directory, which is created if it doesn't exist; `.` is the current one.
    directory: PathBuf,
}

impl Init {
    pub(super) fn run(&self) -> ExitCode {
        for (name, text) in FILES {
            let path = self.directory.join(name);
            match create(&path, text) {
                Ok(()) => outln!("made  {}", path.display()),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => outln!("kept  {}", path.display()),
                Err(error) => return fail(&format!("cannot make {}: {error}", path.display())),
            }
        }
        outln!("");
        match quoted(&self.directory.display().to_string()) {
            Some(directory) => outln!("Now: cd {directory} && dateline serve"),
            None => outln!("Now run `dateline serve` in that directory"),
        }
        ExitCode::SUCCESS
    }
}

/// A path quoted for a shell. `None` if a terminal can't show it verbatim.
fn quoted(path: &str) -> Option<Cow<'_, str>> {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,@%:".contains(c);
    match escape(path) {
        Cow::Owned(_) => None,
        Cow::Borrowed(path) if !path.is_empty() && path.chars().all(is_plain) => Some(path.into()),
        Cow::Borrowed(path) => Some(format!("'{}'", path.replace('\'', "'\\''")).into()),
    }
}

fn create(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
