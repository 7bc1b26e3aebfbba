//! An agency's item, the same for ninjs, NewsML-G2 and NITF. [`super::apply`] makes an article of it.
//!
//! The readers of the formats copy what an item states and interpret nothing but the structure: a status, a date or a
//! subject stays text. So each word is interpreted in one place, whatever the format.

use std::ops::Range;

/// A stated value.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Field {
    /// The value, with character references resolved. May be empty.
    pub(super) text: String,
    /// The place of the value in the file.
    pub(super) span: Range<usize>,
    /// The key or element that states it, for `dateline explain`: `pubStatus`, `itemMeta/embargoed`.
    pub(super) origin: &'static str,
}

/// Calls a setter with a field, if it is stated.
pub(super) fn set(field: Option<&Field>, setter: impl FnOnce(&str, Range<usize>, &'static str)) {
    if let Some(Field { text, span, origin }) = field {
        setter(text, span.clone(), origin);
    }
}

/// The kind of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Kind {
    /// A story.
    #[default]
    Text,
    /// A picture, with a caption as its text.
    Picture,
    /// Audio, video, graphics or a composite.
    Other,
    /// A list of other items.
    Package,
}

/// An item: what a file states about one story, picture or package.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Item {
    /// The part of the file that contains the item.
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
    /// `uri`, `guid` or `doc-id`.
    pub(super) id: Option<Field>,
    /// `version`
    pub(super) version: Option<Field>,
    /// When this version was made: `versionCreated`.
    pub(super) version_created: Option<Field>,
    /// When the item was first made: `firstCreated`, `contentCreated`, `date.issue`.
    pub(super) first_created: Option<Field>,
    /// When the content was last changed: `contentModified`.
    pub(super) modified: Option<Field>,
    /// `pubStatus`; for NITF, the `management-status` of `docdata`.
    pub(super) status: Option<Field>,
    /// `embargoed`. An empty value is an embargo without a time.
    pub(super) embargo: Option<Field>,
    /// `expires`, `date.expire`
    pub(super) expires: Option<Field>,
    /// More statuses: a second `pubStatus`, or that of the NITF document inside a NewsML-G2 item. Each of them may withhold.
    pub(super) further_statuses: Vec<Field>,
    /// More embargoes, from the same places. Each of them may withhold.
    pub(super) further_embargoes: Vec<Field>,
    /// More expiry times, from the same places. Each of them may withhold.
    pub(super) further_expiries: Vec<Field>,
    /// The status that the referenced items get: `management-idref-status`.
    pub(super) reference_status: Option<Field>,
    /// Genres and signals: `sig:correction`, `genre:Update`. Names and codes.
    pub(super) signals: Vec<Field>,
    /// Other items that this one is about.
    pub(super) references: Vec<Reference>,
    pub(super) title: Option<Field>,
    /// Lower headlines, in order.
    pub(super) subheads: Vec<Field>,
    /// Bylines as written, with "By".
    pub(super) bylines: Vec<Field>,
    /// Names of creators and contributors, one per field.
    pub(super) authors: Vec<Field>,
    /// The dateline: place, date and agency as the text's first words.
    pub(super) dateline: Option<Field>,
    /// Where the content was made.
    pub(super) place: Option<Field>,
    /// The source of the information: `infoSource`.
    pub(super) source: Option<Field>,
    /// The agency that sends the item.
    pub(super) provider: Option<Field>,
    /// The agency's code, if its name is stated too.
    pub(super) provider_code: Option<Field>,
    pub(super) copyright_holder: Option<Field>,
    pub(super) copyright_notice: Option<Field>,
    pub(super) usage_terms: Option<Field>,
    pub(super) language: Option<Field>,
    pub(super) subjects: Vec<Subject>,
    pub(super) keywords: Vec<Field>,
    pub(super) slugline: Option<Field>,
    /// The urgency: 1 (most urgent) to 9.
    pub(super) urgency: Option<Field>,
    /// Notes for editors, which readers never see.
    pub(super) editor_notes: Vec<Field>,
    pub(super) summary: Option<Field>,
    /// The page of the item on the agency's or publisher's website.
    pub(super) link: Option<Field>,
    /// Texts of the story, best first.
    pub(super) bodies: Vec<ItemBody>,
    pub(super) pictures: Vec<Picture>,
    /// Audio and video.
    pub(super) media: Vec<Rendition>,
    /// Headlines or ids of related items.
    pub(super) related: Vec<Field>,
    /// Keys that the format doesn't define, and that may be about publication or access.
    pub(super) statements: Vec<Statement>,
}

impl Item {
    /// The statements of the item about its own publication.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            statuses: self.status.iter().chain(&self.further_statuses).cloned().collect(),
            embargoes: self.embargo.iter().chain(&self.further_embargoes).cloned().collect(),
            expiries: self.expires.iter().chain(&self.further_expiries).cloned().collect(),
            statements: self.statements.clone(),
        }
    }
}

/// A key and its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Statement {
    /// The key as written.
    pub(super) key: String,
    pub(super) value: Field,
}

/// A reference to another item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reference {
    /// The id of the other item.
    pub(super) id: Field,
    /// The relation as stated: `irel:seeAlso`, `kill`, `du-key`, `management-doc-idref`.
    pub(super) relation: Option<Field>,
}

/// A subject, place, person or organisation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Subject {
    /// The code with its scheme as stated: `medtop:20000350`.
    pub(super) code: Option<Field>,
    /// The name, in the item's language if several are stated.
    pub(super) name: Option<Field>,
    /// The codes or names of broader subjects, as stated.
    pub(super) broader: Vec<Field>,
}

/// The format of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Markup {
    /// HTML, or XHTML without namespace prefixes. Not sanitised.
    Html,
    /// Paragraphs, separated by blank lines, or by line breaks if there are none.
    Plain,
}

/// A text of the story.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ItemBody {
    pub(super) markup: Markup,
    pub(super) field: Field,
}

/// A picture in one or more renditions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Picture {
    pub(super) id: Option<Field>,
    pub(super) limits: Limits,
    pub(super) caption: Option<Field>,
    pub(super) credit: Option<Field>,
    pub(super) alt: Option<Field>,
    /// All renditions, as stated.
    pub(super) renditions: Vec<Rendition>,
}

/// The statements of a picture or another file about its own publication. Each value may withhold it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Limits {
    pub(super) statuses: Vec<Field>,
    pub(super) embargoes: Vec<Field>,
    pub(super) expiries: Vec<Field>,
    /// Keys that the format doesn't define, and that may be about publication or access.
    pub(super) statements: Vec<Statement>,
}

/// A media file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Rendition {
    pub(super) address: Field,
    /// The id of the picture, if the address is stated too.
    pub(super) id: Option<Field>,
    pub(super) media_type: Option<Field>,
    /// `rnd:highRes`, `thumbnail` ...
    pub(super) role: Option<Field>,
    pub(super) width: Option<Field>,
    pub(super) height: Option<Field>,
    /// The size in bytes.
    pub(super) size: Option<Field>,
    /// The duration in seconds.
    pub(super) duration: Option<Field>,
    /// Those of this file alone.
    pub(super) limits: Limits,
}
