//! Sets up the log of `dateline serve`: which events are written to standard error, and in which format.

use std::borrow::Cow;
use std::fmt;
use std::io::{IsTerminal, Stderr, Write, stderr};

use clap::{Args, ValueEnum};
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

use crate::diagnostics::{escape, escape_json};

/// The filter without any settings. Protocol errors of HTTP/2 clients aren't news, and clients could fill the log with them.
const DEFAULT_FILTER: &str = "info,h2=error";

/// The environment variables that set the level, the first that is set wins.
const VARIABLES: [&str; 2] = ["DATELINE_LOG", "RUST_LOG"];

#[derive(Args, Debug, Default)]
pub(super) struct Log {
    /// The least severe level that is logged: error, warn, info or debug, or a list such as `info,dateline::serve=debug`. Default: DATELINE_LOG, else RUST_LOG,
    /// else info.
    #[arg(long = "log", value_name = "LEVEL", value_parser = checked_filter)]
    filter: Option<String>,
    /// How each event is written to standard error.
    #[arg(long = "log-format", value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for people: time, level, message, fields.
    #[default]
    Text,
    /// A JSON object per line: `timestamp`, `level`, `message`, and the fields of the event.
    Json,
}

impl Log {
    /// Starts logging. A second start in one process, as in tests, keeps the first log.
    pub(super) fn start(&self) {
        let mut ignored = Vec::new();
        let filter = self.filter.as_deref().and_then(parse_filter).or_else(|| filter_of_environment(&mut ignored));
        let filter = filter.unwrap_or_else(|| EnvFilter::new(DEFAULT_FILTER));
        // Errors of the log itself would be printed to a standard error that may be closed, which panics.
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).log_internal_errors(false);
        let started = match self.format {
            Format::Text => log
                .with_ansi(stderr().is_terminal())
                .fmt_fields(debug_fn(write_field).delimited(" "))
                .with_writer(stderr)
                .try_init(),
            Format::Json => log.json().flatten_event(true).with_writer(|| EscapedJson(stderr())).try_init(),
        };
        started.unwrap_or_default();
        for (variable, value) in ignored {
            tracing::warn!(value, "{variable} isn't a log level and is ignored; use error, warn, info or debug");
        }
    }
}

/// The filter that the environment asks for. A variable that can't be parsed is noted and skipped.
fn filter_of_environment(ignored: &mut Vec<(&'static str, String)>) -> Option<EnvFilter> {
    VARIABLES.into_iter().find_map(|variable| {
        let value = std::env::var_os(variable)?;
        let filter = value.to_str().and_then(parse_filter);
        if filter.is_none() {
            ignored.push((variable, value.to_string_lossy().into_owned()));
        }
        filter
    })
}

fn checked_filter(written: &str) -> Result<String, String> {
    match parse_filter(written) {
        Some(_) => Ok(written.to_owned()),
        None => Err("use error, warn, info or debug, or a list such as `info,dateline::serve=debug`".into()),
    }
}

/// Parses a level, or a list of `target=level`. A single word that isn't a level would be a target without events, and silence all others.
fn parse_filter(written: &str) -> Option<EnvFilter> {
    let is_level = |level: &str| !level.is_empty() && level.parse::<LevelFilter>().is_ok();
    let is_valid = |directive: &str| match directive.rsplit_once('=') {
        Some((target, level)) => !target.is_empty() && is_level(level),
        None => is_level(directive),
    };
    let directives: Vec<&str> = written.split(',').map(str::trim).collect();
    let filter = || EnvFilter::try_new(format!("{DEFAULT_FILTER},{}", directives.join(","))).ok();
    directives.iter().all(|directive| is_valid(directive)).then(filter).flatten()
}

/// Writes a field of an event. Escapes control characters, since file names and clients' texts mustn't end the line or control a terminal.
fn write_field(line: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let value = format!("{value:?}");
    match field.name() {
        "message" => line.write_str(&escape(&value)),
        name => write!(line, "{name}={}", quoted(&escape(&value))),
    }
}

/// Quotes a value if it contains spaces or quotes, so that fields stay separable.
fn quoted(value: &str) -> Cow<'_, str> {
    let ends_value = |c: char| c.is_whitespace() || matches!(c, '"' | '=');
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if !inner.is_empty() && !inner.contains(ends_value) => Cow::Borrowed(inner),
        Some(_) => Cow::Borrowed(value),
        None if value.is_empty() || value.contains(ends_value) => {
            Cow::Owned(format!("\"{}\"", value.replace('"', "\\\"")))
        }
        None => Cow::Borrowed(value),
    }
}

/// Writes JSON lines to standard error, unbuffered. Escapes the control characters that JSON allows in strings.
struct EscapedJson(Stderr);

impl Write for EscapedJson {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let escaped = escape_json(String::from_utf8_lossy(line).into_owned());
        self.0.write_all(escaped.as_bytes()).map(|()| line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_spaces_are_quoted() {
        for (value, written) in [
            ("7", "7"),
            ("\"/news/\"", "/news/"),
            ("\"a story\"", "\"a story\""),
            ("dateline retract", "\"dateline retract\""),
            ("say \"hi\"", "\"say \\\"hi\\\"\""),
            ("\"\"", "\"\""),
            ("", "\"\""),
            ("a=b", "\"a=b\""),
        ] {
            assert_eq!(quoted(value), written);
        }
    }

    #[test]
    fn levels_and_targets_are_filters() {
        for (written, is_filter) in [
            ("info", true),
            ("DEBUG", true),
            ("off", true),
            ("warn,dateline::watch=debug", true),
            (" error , h2=info", true),
            ("", false),
            ("verbose", false),
            ("warning", false),
            ("dateline", false),
            ("=debug", false),
            ("dateline=loud", false),
            ("info,", false),
        ] {
            assert_eq!(parse_filter(written).is_some(), is_filter, "{written:?}");
        }
    }
}
