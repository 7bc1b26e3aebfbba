//! Serialises diagnostics for the cache of parsed files.

use serde::{Deserialize, Serialize};

use super::{Code, Diagnostic, Excerpt, Place, Severity};

#[derive(Serialize, Deserialize)]
struct StoredDiagnostic<'d> {
    code: &'d str,
    is_error: bool,
    message: &'d str,
    help: Option<&'d str>,
    #[serde(borrow)]
    place: Option<StoredPlace<'d>>,
}

#[derive(Serialize, Deserialize)]
struct StoredPlace<'d> {
    file: &'d str,
    line: u32,
    column: u32,
    /// The text, and the start and end of the marked range.
    excerpt: Option<(&'d str, u32, u32)>,
}

/// Serialises diagnostics. No bytes for no diagnostics. `None` if they need more than `max_bytes`.
pub fn pack(diagnostics: &[Diagnostic], max_bytes: usize) -> Option<Box<[u8]>> {
    if diagnostics.is_empty() {
        return Some(Box::default());
    }
    let number = |number: usize| u32::try_from(number).ok();
    let stored: Option<Vec<StoredDiagnostic<'_>>> = diagnostics
        .iter()
        .map(|diagnostic| {
            let place = match &diagnostic.place {
                None => None,
                Some(Place { file, line, column, excerpt }) => {
                    let excerpt = match excerpt {
                        None => None,
                        Some(Excerpt { text, start, end }) => Some((text.as_str(), number(*start)?, number(*end)?)),
                    };
                    Some(StoredPlace { file, line: *line, column: *column, excerpt })
                }
            };
            Some(StoredDiagnostic {
                code: diagnostic.code.name(),
                is_error: diagnostic.severity == Severity::Error,
                message: &diagnostic.message,
                help: diagnostic.help.as_deref(),
                place,
            })
        })
        .collect();
    let bytes = postcard::to_allocvec(&stored?).ok()?;
    (bytes.len() <= max_bytes).then(|| bytes.into_boxed_slice())
}

/// Deserialises diagnostics. `None` if the bytes are invalid.
pub fn unpack(bytes: &[u8]) -> Option<Vec<Diagnostic>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let stored: Vec<StoredDiagnostic<'_>> = postcard::from_bytes(bytes).ok()?;
    stored.into_iter().map(from_stored).collect()
}

fn from_stored(stored: StoredDiagnostic<'_>) -> Option<Diagnostic> {
    let number = |number: u32| usize::try_from(number).ok();
    let place = match stored.place {
        None => None,
        Some(StoredPlace { file, line, column, excerpt }) => {
            let excerpt = match excerpt {
                None => None,
                Some((text, start, end)) => {
                    let (start, end) = (number(start)?, number(end)?);
                    text.get(start..end)?;
                    Some(Excerpt { text: text.to_owned(), start, end })
                }
            };
            Some(Place { file: file.into(), line, column, excerpt })
        }
    };
    Some(Diagnostic {
        place,
        code: Code::ALL.iter().copied().find(|code| code.name() == stored.code)?,
        severity: if stored.is_error { Severity::Error } else { Severity::Warning },
        message: stored.message.to_owned(),
        help: stored.help.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_diagnostics_round_trip() {
        let diagnostics: Vec<Diagnostic> = Code::ALL
            .iter()
            .enumerate()
            .map(|(number, &code)| {
                let diagnostic = Diagnostic::new(code, format!("船 {number}"));
                match number % 4 {
                    0 => diagnostic,
                    1 => diagnostic.help("write `1`").at(Place::file("content/a.md")),
                    _ => diagnostic.at(Place::in_text("content/a.md", "eins\nzwö: 船 drei", 6..number % 12 + 6)),
                }
            })
            .collect();
        for count in [0, 1, 3, diagnostics.len()] {
            let some = &diagnostics[..count];
            assert_eq!(unpack(&pack(some, usize::MAX).unwrap()).as_deref(), Some(some));
        }
        let packed = pack(&diagnostics, usize::MAX).unwrap();
        assert_eq!(pack(&diagnostics, packed.len() - 1), None);
        for length in 1..packed.len() {
            assert_eq!(unpack(&packed[..length]), None, "{length} bytes of {}", packed.len());
        }
    }
}
