//! `dateline new`

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::{fail, load, refuse};
use crate::beneath::{Links, is_outside};
use crate::daemon;
use crate::types::{SectionPath, Text};

/// Create the file of a new article, and print its path.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  dateline new technology/chips \"Wafers from the harbour\"")]
pub(super) struct New {
    /// The section, as in its URL: `technology/chips`.
    section: String,
    /// The headline.
    headline: String,
    /// Create the folder of a section that isn't configured.
    #[arg(long)]
    create: bool,
}

impl New {
    pub(super) fn run(&self, file: &Path) -> ExitCode {
        let (_, config) = match load(file) {
            Ok(loaded) => loaded,
            Err(code) => return code,
        };
        let section = match SectionPath::parse(&self.section) {
            Ok(section) => section,
            Err(reason) => return refuse(&reason),
        };
        let title = Text::line(&self.headline);
        if title.is_empty() {
            return refuse("the headline is empty");
        }
        let known = section.is_root() || config.sections.iter().any(|known| known.path == section);
        if !known {
            let names: Vec<&str> = config.sections.iter().map(|known| known.path.as_str()).collect();
            let meant = crate::diagnostics::nearest(section.as_str(), names.iter().copied());
            let meant = meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            if !self.create && !config.content.directory.join(section.as_str()).is_dir() {
                return refuse(&format!(
                    "no section `{section}` is configured{meant}; with `--create` its folder is made all the same, and its stories are \
                     in the nearest section above it"
                ));
            }
            errln!(
                "dateline: no section `{section}` is configured, so its stories will be in the nearest one above{meant}"
            );
        }
        // The directory may be an unmounted disk; a file written now would be hidden by the mount.
        if let Err(error) = fs::read_dir(&config.content.directory) {
            return fail(&format!(
                "cannot use `content.directory`, {}: {error}; mount it, make it, or correct the key",
                config.content.directory.display()
            ));
        }
        let now = config.parsing.timezone.to_datetime(daemon::now());
        let offset = config.parsing.timezone.to_offset(daemon::now());
        let date =
            crate::types::Moment::new(daemon::now(), offset).map(crate::types::Moment::rfc3339).unwrap_or_default();
        let folder = config.content.directory.join(section.as_str());
        let found = daemon::roots(&config).content().open().and_then(|root| root.stat(section.as_str(), Links::Follow));
        if found.is_err_and(|error| is_outside(&error)) {
            return refuse(&format!(
                "{} leads out of the content directory, and nothing there is published",
                folder.display()
            ));
        }
        if let Err(error) = fs::create_dir_all(&folder) {
            return fail(&format!("cannot make {}: {error}", folder.display()));
        }
        let stem = format!("{}-{}", now.strftime("%Y-%m-%d"), slug(title.as_str()));
        let quoted = serde_json::to_string(title.as_str()).unwrap_or_default();
        let text = format!(
            "---\ntitle: {quoted}\ndate: {date}\nauthors: []\ntags: []\nsummary: \"\"\ndraft: true   # remove this line to publish\n---\n\n"
        );
        for attempt in 1..1_000 {
            let name = if attempt == 1 { format!("{stem}.md") } else { format!("{stem}-{attempt}.md") };
            let path = folder.join(name);
            match fs::OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    return match file.write_all(text.as_bytes()) {
                        Ok(()) => {
                            outln!("{}", path.display());
                            ExitCode::SUCCESS
                        }
                        Err(error) => fail(&format!("cannot write {}: {error}", path.display())),
                    };
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return fail(&format!("cannot write {}: {error}", path.display())),
            }
        }
        refuse("there are a thousand articles of this name today already")
    }
}

/// A slug of letters and digits of any script, joined by hyphens.
fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = String::new();
    for word in words {
        if slug.len() + word.len() > 80 && !slug.is_empty() {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.extend(word.chars().flat_map(char::to_lowercase).take(60));
    }
    if slug.is_empty() { "article".to_owned() } else { slug }
}
