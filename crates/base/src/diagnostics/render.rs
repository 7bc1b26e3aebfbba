//! Renders diagnostics as text with carets, as a log line and as JSON.
//!
//! File contents are untrusted, so all output is escaped.

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use super::escape::mask;
use super::{Diagnostic, Severity, escape, escape_json};

impl Severity {
    /// `error` or `warning`
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

impl Diagnostic {
    /// Several lines in the style of rustc, ending in a line break.
    pub fn to_text(&self, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let message = escape(&self.message);
        let mut group = level.primary_title(message).id(self.code.name()).elements([] as [Origin<'_>; 0]);
        if let Some(place) = &self.place {
            let file = escape(&place.file);
            let line = usize::try_from(place.line).unwrap_or(usize::MAX);
            let column = usize::try_from(place.column).unwrap_or(usize::MAX);
            // The renderer derives the column from the excerpt, so a shortened line has no caret.
            match place.excerpt.as_ref().filter(|excerpt| {
                excerpt.text.get(..excerpt.start).map(|before| before.chars().count() + 1) == Some(column)
            }) {
                Some(excerpt) => {
                    let part = |range: std::ops::Range<usize>| mask(excerpt.text.get(range).unwrap_or_default());
                    let (before, marked) = (part(0..excerpt.start), part(excerpt.start..excerpt.end));
                    let span = before.len()..before.len() + marked.len();
                    let snippet = Snippet::source(before + &marked + &part(excerpt.end..excerpt.text.len()))
                        .line_start(line)
                        .path(file);
                    group = group.element(snippet.annotation(AnnotationKind::Primary.span(span)));
                }
                None if line == 0 => group = group.element(Origin::path(file)),
                None => group = group.element(Origin::path(file).line(line).char_column(column)),
            }
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(escape(help)));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut text = renderer.render(&[group]).to_string();
        text.push('\n');
        text
    }

    /// One line: `content/a.md:5:8: error[article-image]: what is wrong; what to write`.
    pub fn to_log_line(&self) -> String {
        let mut line = String::new();
        if let Some(place) = &self.place {
            line.push_str(&format!("{place}: "));
        }
        line.push_str(&format!("{}[{}]: {}", self.severity.name(), self.code, escape(&self.message)));
        if let Some(help) = &self.help {
            line.push_str("; ");
            line.push_str(&escape(help));
        }
        line
    }

    /// A JSON object on one line, for `check --json`.
    pub fn to_json(&self) -> String {
        let place = self.place.as_ref();
        let json = JsonDiagnostic {
            code: self.code.name(),
            severity: self.severity.name(),
            message: &self.message,
            file: place.map(|place| &*place.file),
            line: place.map(|place| place.line).filter(|&line| line > 0),
            column: place.map(|place| place.column).filter(|&column| column > 0),
            help: self.help.as_deref(),
        };
        escape_json(serde_json::to_string(&json).unwrap_or_default())
    }
}

/// The JSON form of a diagnostic.
#[derive(Serialize)]
struct JsonDiagnostic<'d> {
    code: &'d str,
    severity: &'d str,
    message: &'d str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'d str>,
}

#[cfg(test)]
mod tests {
    use crate::diagnostics::{Code, Diagnostic, Place};

    #[test]
    fn text_log_line_and_json_have_same_content() {
        let source = "a = 1\n图 = \"htp://x\u{1b}[31m\"\n";
        let diagnostic = Diagnostic::new(Code::ConfigUrl, "`htp` is no scheme")
            .at(Place::in_text("c.toml", source, 12..17))
            .help("did you mean `http`?");
        assert_eq!(
            diagnostic.to_text(false),
            "error[config-url]: `htp` is no scheme\n --> c.toml:2:5\n  |\n2 | 图 = \"htp://x\u{fffd}[31m\"\n  |      ^^^^^\n  |\n  = help: did you mean `http`?\n"
        );
        assert_eq!(diagnostic.to_log_line(), "c.toml:2:5: error[config-url]: `htp` is no scheme; did you mean `http`?");
        assert!(diagnostic.to_json().contains("\"line\":2,\"column\":5"));
        assert!(!diagnostic.to_text(true).contains("\u{1b}[31m\""));
    }

    #[test]
    fn codes_are_unique_and_in_kebab_case() {
        let mut names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| !code.explanation().is_empty()));
    }
}
