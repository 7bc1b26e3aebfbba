//! `dateline init`
//!
//! `generator` makes a configuration from that of a site generator: `settings` reads its files, `literals` finds values in programs, `hugo`,
//! `zola`, `jekyll`, `pelican` and `eleventy` know the keys, and `site` writes dateline's configuration.

mod eleventy;
mod generator;
mod hugo;
mod jekyll;
mod literals;
mod pelican;
mod settings;
mod site;
mod zola;

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use self::generator::Generator;
use super::fail;
use super::shell::quoted;

/// The files of a new newsroom.
const FILES: [(&str, &str); 4] = [
    ("config/dateline.toml", include_str!("init/dateline.toml")),
    ("content/news/welcome.md", include_str!("init/welcome.md")),
    ("content/news/page.html", include_str!("init/page.html")),
    ("content/news/wire.txt", include_str!("init/wire.txt")),
];

/// Create a newsroom: a commented configuration and three example articles. Never overwrites anything.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  dateline init newsroom\n  dateline init --from hugo ~/my-site    write my-site/dateline.toml for the site as it is"
)]
pub(super) struct Init {
    /// The directory, which is created if it doesn't exist; `.` is the current one.
    directory: PathBuf,
    /// Write a `dateline.toml` for the site in the directory, according to the configuration of its generator.
    #[arg(long, value_name = "GENERATOR")]
    from: Option<Generator>,
}

impl Init {
    pub(super) fn run(&self) -> ExitCode {
        if let Some(generator) = self.from {
            return generator.write_configuration(&self.directory);
        }
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

fn create(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
