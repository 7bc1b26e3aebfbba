//! `dateline init --from`: writes a configuration for the site of another tool.

use std::borrow::Cow;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::ValueEnum;
use jiff::tz::Offset;

use super::settings::Settings;
use super::site::Site;
use super::{eleventy, hugo, jekyll, pelican, zola};
use crate::cli::shell::quoted;
use crate::cli::{WRONG_INPUT, fail, print_diagnostics, refuse};
use crate::daemon;
use crate::diagnostics::Severity;

/// A generator of static sites.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Generator {
    Hugo,
    Zola,
    Jekyll,
    Pelican,
    Eleventy,
}

const ALL: [Generator; 5] =
    [Generator::Hugo, Generator::Zola, Generator::Jekyll, Generator::Pelican, Generator::Eleventy];

impl Generator {
    fn name(self) -> &'static str {
        match self {
            Generator::Hugo => "hugo",
            Generator::Zola => "zola",
            Generator::Jekyll => "jekyll",
            Generator::Pelican => "pelican",
            Generator::Eleventy => "eleventy",
        }
    }

    /// Loads the configuration files. `false` if there are none.
    fn load(self, settings: &mut Settings<'_>) -> bool {
        match self {
            Generator::Hugo => hugo::load(settings),
            Generator::Zola => zola::load(settings),
            Generator::Jekyll => jekyll::load(settings),
            Generator::Pelican => pelican::load(settings),
            Generator::Eleventy => eleventy::load(settings),
        }
    }

    fn site(self, settings: &Settings<'_>) -> Site {
        match self {
            Generator::Hugo => hugo::site(settings),
            Generator::Zola => zola::site(settings),
            Generator::Jekyll => jekyll::site(settings),
            Generator::Pelican => pelican::site(settings),
            Generator::Eleventy => eleventy::site(settings),
        }
    }

    /// Writes `dateline.toml`, unless there is one or the generator's configuration can't be read.
    pub(super) fn write_configuration(self, directory: &Path) -> ExitCode {
        let shown = directory.display();
        if !directory.is_dir() {
            return refuse(&format!("{shown} is not a directory; name the directory of the site"));
        }
        let file = directory.join("dateline.toml");
        if file.symlink_metadata().is_ok() {
            return refuse(&format!("{} exists and is never overwritten; move it away first", file.display()));
        }
        let mut settings = Settings::new(directory);
        if !self.load(&mut settings) {
            let other = ALL.into_iter().find(|other| *other != self && other.load(&mut Settings::new(directory)));
            let help = other.map_or("name the directory that has its configuration".to_owned(), |other| {
                format!("this looks like a site of `--from {}`", other.name())
            });
            let diagnostics = settings.into_diagnostics();
            print_diagnostics(&diagnostics);
            return refuse(&format!("{shown} has no configuration of {}; {help}", self.name()));
        }
        let mut site = self.site(&settings);
        let diagnostics = settings.into_diagnostics();
        print_diagnostics(&diagnostics);
        if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            errln!("dateline: nothing was written");
            return ExitCode::from(WRONG_INPUT);
        }
        if !directory.join(&site.content).is_dir() {
            let message =
                format!("{} is not a directory; its articles should be there", directory.join(&site.content).display());
            return refuse(&message);
        }
        site.sections.truncate(MAX_SECTIONS);
        let text = site.to_toml(self.name(), &file, Offset::UTC.to_datetime(daemon::now()).year());
        let created = fs::OpenOptions::new().write(true).create_new(true).open(&file);
        match created.and_then(|mut file| file.write_all(text.as_bytes())) {
            Ok(()) => outln!("made  {}", file.display()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return refuse(&format!("{} exists and is never overwritten", file.display()));
            }
            Err(error) => return fail(&format!("cannot make {}: {error}", file.display())),
        }
        outln!("");
        let config = file.display().to_string();
        let config = quoted(&config).unwrap_or("dateline.toml".into());
        outln!("Now: dateline check --config {config}");
        if let Some(feed) = old_feed(&site, directory) {
            outln!(
                "To keep the ids of the old feed, before the first start: dateline import-ids --config {config} {feed}"
            );
        }
        ExitCode::SUCCESS
    }
}

/// The most folders that become sections.
const MAX_SECTIONS: usize = 200;

/// The feed that dateline replaces: a file of the last build, otherwise its address.
fn old_feed(site: &Site, directory: &Path) -> Option<String> {
    let (file, path) = site.old_feed.as_ref()?;
    let built = directory.join(file);
    if built.is_file() {
        return quoted(&built.display().to_string()).map(Cow::into_owned);
    }
    quoted(&format!("{}{path}", site.home.as_ref()?)).map(Cow::into_owned)
}
