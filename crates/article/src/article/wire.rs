//! Parses wire text: articles as plain text from agencies and content systems.
//!
//! A typical text has a breadcrumb, the headline, a line with source, date and authors, the caption of a picture, a byline, paragraphs, the
//! editor's line, and teasers of other stories, which aren't part of the article. Any of these may be missing, and the parts of the header
//! may have any order. [`labels`] contains the words, [`lines`] classifies single lines, and [`layout`] combines them into a [`story`].
//! Ambiguous lines stay text and are reported.

mod body;
mod captions;
mod dates;
mod end_matter;
mod fields;
mod header;
mod labels;
mod layout;
mod lines;
mod markup;
mod names;
mod notices;
mod source_slice;
mod story;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

pub(crate) use self::labels::Labels;
use self::source_slice::SourceSlice;
use super::draft::Draft;
use super::ignored::IgnoredKind;
use super::lifecycle;
use super::model::Body;
use super::options::WireField;
use super::parsed::Parsed;
use super::path_fields;
use crate::diagnostics::Code;
use crate::types::Text;

/// How many characters before a value are examined for its label.
const MAX_LABEL_CHARACTERS: usize = 200;

/// How many lines and fields a text may have. A novel has fewer.
const MAX_FIELDS: usize = 200_000;

/// Parses a wire text. `text` is the text of the file with spaces in place of front matter.
pub(crate) fn read(mut draft: Draft<'_>, text: &str, labels: &Labels) -> Parsed {
    // Front matter takes precedence over the text.
    let (title, stated) = (draft.title().map(str::to_owned), draft.filled_lists());
    let text = &*markup::without_tags(text);
    if lines::has_more_than(text, MAX_FIELDS) {
        draft.report(
            Code::ArticleTooComplex,
            0..0,
            format!("the text has more than {MAX_FIELDS} lines and fields"),
            "divide it into several articles",
        );
        // The rest of the text wasn't examined.
        return draft.refuse(lifecycle::withholds(text));
    }
    if title.is_none()
        && let Some((notice, span)) = notices::find(text, labels)
    {
        let date = notices::date(text, labels);
        date.into_iter().for_each(|date| {
            draft.optionally(|draft| draft.set_published(date.text, date.span(), "date line"));
        });
        return super::agency_notices::refuse(draft, notice, span);
    }
    let story = layout::parse(text, labels, title.as_deref());
    // The label before a value on its line.
    let label = |at: usize| {
        let before = text.get(..at).unwrap_or_default();
        let near =
            before.char_indices().rev().take(MAX_LABEL_CHARACTERS).take_while(|(_, c)| !matches!(c, '\n' | '\r'));
        before.get(near.last().map_or(at, |(start, _)| start)..).unwrap_or_default()
    };
    let has_access_label = !story.access.is_empty();
    for (label, value) in story.access {
        draft.set_access(fields::access_key(label.text), value.text, value.span(), "labelled line");
    }
    // A line that looks like a label or a byline is probably meant as one.
    const MEANT: &[Code] =
        &[Code::WireLabel, Code::WireByline, Code::WireCaption, Code::WireConflict, Code::WireTrailing];
    let is_described = has_access_label
        || story.notes.iter().any(|note| MEANT.contains(&note.code))
        || !story.related.is_empty()
        || draft.has_date()
        || stated.authors
        || title.is_some()
        || story.values.iter().any(|(field, ..)| !matches!(field, WireField::Title | WireField::Summary));
    let withholds = || lifecycle::withholds(text) || !story.refusals.is_empty() || draft.is_paid();
    if !is_described && path_states_no_date(&draft) && story.credit.is_none() && !withholds() {
        return Parsed { ignored: Some(IgnoredKind::PlainText), ..draft.refuse(false) };
    }
    let has_id = draft.has_id();
    draft.routing();
    let mut authors = HashSet::new();
    for (field, value, origin) in story.values {
        let (text, span) = (value.text, value.span());
        match field {
            WireField::Breadcrumb => draft.set_breadcrumb(sections(value), span, origin),
            WireField::Title => draft.set_title(text, span, origin),
            WireField::Source => {
                draft.add_provider(text);
                draft.set_source(text, span, origin);
            }
            WireField::Date => draft.set_published(text, span, origin),
            WireField::Updated => draft.set_updated(text, span, origin),
            WireField::Author if stated.authors => {}
            WireField::Editor if stated.editors => {}
            WireField::Tags if stated.tags => {}
            WireField::Author => {
                for name in names::people(text) {
                    if authors.insert(names::comparable(&name)) {
                        draft.add_author(&name, span.clone(), origin);
                    }
                }
            }
            WireField::Editor => {
                for name in names::people(text) {
                    draft.add_editors(&name, span.clone(), origin);
                }
            }
            WireField::Tags => tags(text).for_each(|tag| draft.add_tag(tag, span.clone(), origin)),
            WireField::Summary => draft.set_summary(text, span, origin),
            WireField::Caption => draft.set_image_caption(text, span, origin),
            WireField::Id => {
                if !has_id {
                    draft.set_item_key(text, span.clone(), origin);
                }
                draft.set_id(text, span, origin);
            }
            WireField::Slugline => draft.set_slugline(text, span, origin),
            WireField::Embargo => draft.set_labelled_embargo(label(span.start), text, span, origin),
            WireField::Expires => draft.set_labelled_expires(label(span.start), text, span, origin),
            WireField::Status => draft.set_status(text, span, origin),
            WireField::Draft => draft.set_draft_word(text, span, origin),
            WireField::Correction => draft.add_correction_line(text, span, origin),
            WireField::Related | WireField::Access => {}
        }
    }
    if let Some(credit) = story.credit {
        draft.set_image_credit(credit.text, credit.span(), "caption");
    }
    for (related, span) in story.related {
        draft.record_related(Text::line(&related).as_str(), span, "other stories");
    }
    for (meaning, note) in story.refusals {
        draft.refuse_key(meaning, note.span, note.message, note.help);
    }
    for note in story.notes {
        draft.report(note.code, note.span, note.message, note.help);
    }
    if story.body.is_empty() && !draft.is_retracted() {
        draft.report(
            Code::WireBody,
            0..0,
            "no paragraph was found, so the article has no text",
            "write paragraphs below the headline, with a blank line between them",
        );
    }
    draft.set_body(Body::Paragraphs(story.body.iter().map(|(paragraph, _)| Text::line(paragraph)).collect()));
    let gets_pictures = !draft.has_image();
    Parsed { gets_pictures, ..draft.finish() }
}

/// Whether the file's name and folders state no date.
fn path_states_no_date(draft: &Draft<'_>) -> bool {
    let path = draft.source().path;
    path_fields::of(path, path.stem()).date.is_none()
}

/// Splits tags at commas and semicolons, Chinese ones also at blanks.
fn tags(value: &str) -> impl Iterator<Item = &str> {
    let splits_at_blanks = !value.contains([',', ';']) && !value.contains(|c: char| c.is_ascii_alphabetic());
    value.split(move |c: char| {
        matches!(c, ',' | '，' | ';' | '；' | '、' | '|') || (splits_at_blanks && c.is_whitespace())
    })
}

/// The sections of a breadcrumb, outermost first, without the site's root and the page kind.
fn sections(breadcrumb: SourceSlice<'_>) -> Vec<Text> {
    let mut crumbs = fields::crumbs(breadcrumb);
    if crumbs.len() > 1 && crumbs.first().is_some_and(|first| labels::contains(labels::SITE_ROOTS, first)) {
        crumbs.remove(0);
    }
    if crumbs.last().is_some_and(|last| labels::contains(labels::PAGE_KINDS, last)) {
        crumbs.pop();
    }
    crumbs.into_iter().map(Text::line).filter(|crumb| !crumb.is_empty()).collect()
}
