//! A story under construction: the values, paragraphs and warnings of a wire text, collected line by line.

use std::collections::BTreeMap;
use std::ops::Range;

use super::captions::credit;
use super::dates::looks_like_date;
use super::fields::{Piece, decides_publication};
use super::lines::Line;
use super::names::names_in;
use super::source_slice::SourceSlice;
use crate::article::lifecycle::line::Claim;
use crate::article::meaning::Meaning;
use crate::article::options::WireField;
use crate::article::summary::is_wider;
use crate::diagnostics::Code;

/// The parts of a wire text.
#[derive(Debug, Default)]
pub(super) struct Story<'a> {
    /// All values with field and origin, in the order of the text. The breadcrumb is one value.
    pub(super) values: Vec<(WireField, SourceSlice<'a>, &'static str)>,
    /// The first value of each field.
    first: BTreeMap<WireField, SourceSlice<'a>>,
    /// Access labels with their values.
    pub(super) access: Vec<(SourceSlice<'a>, SourceSlice<'a>)>,
    /// The credit of the picture.
    pub(super) credit: Option<SourceSlice<'a>>,
    /// The paragraphs with their byte ranges.
    pub(super) body: Vec<(String, Range<usize>)>,
    /// Headlines of other stories with their teasers.
    pub(super) related: Vec<(String, Range<usize>)>,
    /// Warnings about ambiguous lines.
    pub(super) notes: Vec<Note>,
    /// Misspelt labels that may be about publication, which refuse the file.
    pub(super) refusals: Vec<(Meaning, Note)>,
}

/// A diagnostic about an ambiguous line.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) code: Code,
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

impl<'a> Story<'a> {
    /// The first value of a field.
    pub(super) fn value(&self, field: WireField) -> Option<SourceSlice<'a>> {
        self.first.get(&field).copied()
    }

    /// Adds a value with its field and origin.
    pub(super) fn add(&mut self, value: (WireField, SourceSlice<'a>, &'static str)) {
        self.first.entry(value.0).or_insert(value.1);
        self.values.push(value);
    }

    /// Adds a warning.
    pub(super) fn note(&mut self, code: Code, span: Range<usize>, message: impl Into<String>, help: &str) {
        self.notes.push(Note { code, span, message: message.into(), help: help.into() });
    }

    /// Applies the values of a labelled line.
    pub(super) fn apply(&mut self, pieces: &[Piece<'a>], line: &Line<'a>) {
        for piece in pieces {
            // If the label is about publication, an empty value refuses the file later.
            let decides = decides_publication(piece);
            match piece.field {
                Some(WireField::Access) => self.access.push((piece.label, piece.value)),
                Some(field) if decides && piece.value.text.is_empty() => {
                    self.add_labelled(field, SourceSlice { text: "", start: piece.label.start });
                }
                _ if piece.value.text.is_empty() => {
                    let label = piece.label.text;
                    self.note(
                        Code::WireLabel,
                        piece.label.span(),
                        format!("`{label}` has no value"),
                        "write its value, or remove the label",
                    );
                }
                Some(WireField::Related) => self.add_related(piece.value),
                Some(WireField::Caption) => match piece.value.last_brackets() {
                    Some((caption, inside)) if credit(inside).is_some() => {
                        self.add_picture(caption, credit(inside).unwrap_or(inside));
                    }
                    _ => self.add((WireField::Caption, piece.value, "labelled line")),
                },
                Some(field) => self.add_labelled(field, piece.value),
                None => self.note(
                    Code::WireLabel,
                    piece.value.span(),
                    format!("`{}` has no label", shortened(piece.value.text)),
                    if line.text.text.contains(':') || line.text.text.contains('：') {
                        "write a label in front of it, such as `Source:`; `[content.wire]` in the configuration adds labels"
                    } else {
                        "write a label in front of it, such as `Source:`"
                    },
                ),
            }
        }
    }

    /// Adds the value of a labelled line. Most fields have one value: a second one is reported and left out.
    pub(super) fn add_labelled(&mut self, field: WireField, value: SourceSlice<'a>) {
        // Several embargoes aren't contradictory: the article waits for all.
        let has_one_value = !matches!(
            field,
            WireField::Author
                | WireField::Editor
                | WireField::Tags
                | WireField::Embargo
                | WireField::Expires
                | WireField::Status
                | WireField::Draft
                | WireField::Correction
        );
        if has_one_value && let Some(first) = self.value(field) {
            if first.text != value.text {
                self.note(
                    Code::WireConflict,
                    value.span(),
                    format!(
                        "`{}` contradicts `{}` above; the first one is used",
                        shortened(value.text),
                        shortened(first.text)
                    ),
                    "remove one of them",
                );
            }
            return;
        }
        self.add((field, value, "labelled line"));
    }

    /// Applies a line about an embargo without a colon.
    pub(super) fn apply_embargo(&mut self, until: SourceSlice<'a>, claim: Claim, line: &Line<'a>) {
        let (field, value) = match claim {
            Claim::Until | Claim::Possible => (WireField::Embargo, until),
            Claim::Mark => (WireField::Status, line.text),
            // `FOR IMMEDIATE RELEASE: 1 June 2030`: released on that day.
            Claim::NoEmbargo if looks_like_date(until.text) => (WireField::Date, until),
            Claim::NoEmbargo => (WireField::Embargo, line.text),
        };
        self.add((field, value, "embargo line"));
    }

    pub(super) fn has_picture(&self) -> bool {
        self.credit.is_some() || self.value(WireField::Caption).is_some()
    }

    /// Sets the caption and the credit of the picture, unless they are set already.
    pub(super) fn add_picture(&mut self, caption: SourceSlice<'a>, credit: SourceSlice<'a>) {
        if !caption.text.is_empty() && self.value(WireField::Caption).is_none() {
            self.add((WireField::Caption, caption, "caption"));
        }
        if !credit.text.is_empty() && self.credit.is_none() {
            self.credit = Some(credit);
        }
    }

    /// Adds the headline of another story.
    pub(super) fn add_related(&mut self, value: SourceSlice<'_>) {
        self.related.push((value.text.to_owned(), value.span()));
    }

    /// Reports a misspelt label. If it may be about publication, the file is refused.
    pub(super) fn report_near_label(&mut self, label: SourceSlice<'_>, meant: &str, field: WireField) {
        let decides = match field {
            WireField::Date => Some(Meaning::Date),
            WireField::Embargo => Some(Meaning::Embargo),
            WireField::Expires => Some(Meaning::Expires),
            WireField::Status => Some(Meaning::Status),
            WireField::Draft => Some(Meaning::Draft),
            _ => None,
        };
        if let Some(meaning) = decides {
            let message =
                format!("`{}` is not a known label, and may state when or whether the article is public", label.text);
            let help = format!("did you mean `{meant}`? `[content.wire]` in the configuration adds labels");
            self.refusals.push((meaning, Note { code: Code::ArticleLifecycle, span: label.span(), message, help }));
            return;
        }
        self.note(
            Code::WireLabel,
            label.span(),
            format!("`{}` is not a known label, so this line is not used", label.text),
            &format!("did you mean `{meant}`? `[content.wire]` in the configuration adds labels"),
        );
    }

    /// The authors of the story, for comparison.
    pub(super) fn authors(&self) -> Vec<String> {
        names_in(self.values.iter().filter(|(field, ..)| *field == WireField::Author).map(|(_, value, _)| value.text))
    }
}

fn shortened(text: &str) -> String {
    if !is_wider(text, 60) { text.to_owned() } else { format!("{}…", text.chars().take(50).collect::<String>()) }
}
