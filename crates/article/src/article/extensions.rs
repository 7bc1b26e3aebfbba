//! The extensions of Markdown: CommonMark with those of GitHub, Hugo and other tools.

use pulldown_cmark::Options;

/// An extension of Markdown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extension {
    /// Tables with `|` (GFM).
    Tables,
    /// Footnotes: `[^1]`.
    Footnotes,
    /// Deleted text: `~~text~~` (GFM).
    Strikethrough,
    /// Lists with boxes: `- [x]` (GFM).
    TaskLists,
    /// Addresses in the text become links (GFM).
    Autolinks,
    /// Quotes with a heading: `> [!NOTE]` (GitHub).
    Alerts,
    /// Definition lists: `: definition` below a term (PHP Markdown Extra).
    DefinitionLists,
    /// Highlighted text: `==text==`.
    Mark,
    /// Subscripts: `H~2~O`.
    Subscript,
    /// Superscripts: `x^2^`.
    Superscript,
    /// Boxes between colons: `::: warning` (Docusaurus, VitePress, Pandoc).
    Containers,
    /// Typographic quotation marks, dashes and ellipses for ASCII ones.
    Typographer,
}

impl Extension {
    /// Every extension with its name in the configuration.
    pub const ALL: &[(&str, Extension)] = &[
        ("tables", Extension::Tables),
        ("footnotes", Extension::Footnotes),
        ("strikethrough", Extension::Strikethrough),
        ("task-lists", Extension::TaskLists),
        ("autolinks", Extension::Autolinks),
        ("alerts", Extension::Alerts),
        ("definition-lists", Extension::DefinitionLists),
        ("mark", Extension::Mark),
        ("subscript", Extension::Subscript),
        ("superscript", Extension::Superscript),
        ("containers", Extension::Containers),
        ("typographer", Extension::Typographer),
    ];

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of extensions. The default is GitHub's and Hugo's, except typographic characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Extensions(u16);

impl Default for Extensions {
    fn default() -> Extensions {
        Extensions::DEFAULT
    }
}

impl FromIterator<Extension> for Extensions {
    fn from_iter<I: IntoIterator<Item = Extension>>(extensions: I) -> Extensions {
        Extensions(extensions.into_iter().fold(0, |bits, extension| bits | extension.bit()))
    }
}

impl Extensions {
    /// The default.
    pub const DEFAULT: Extensions = Extensions(
        Extension::Tables.bit()
            | Extension::Footnotes.bit()
            | Extension::Strikethrough.bit()
            | Extension::TaskLists.bit()
            | Extension::Autolinks.bit()
            | Extension::Alerts.bit()
            | Extension::DefinitionLists.bit(),
    );

    /// Whether the set contains an extension.
    pub fn has(self, extension: Extension) -> bool {
        self.0 & extension.bit() != 0
    }

    /// A number that identifies the set.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// The options of the parser.
    pub(super) fn options(self) -> Options {
        [
            (Extension::Tables, Options::ENABLE_TABLES),
            (Extension::Footnotes, Options::ENABLE_FOOTNOTES),
            (Extension::Strikethrough, Options::ENABLE_STRIKETHROUGH),
            (Extension::TaskLists, Options::ENABLE_TASKLISTS),
            (Extension::Alerts, Options::ENABLE_GFM),
            (Extension::DefinitionLists, Options::ENABLE_DEFINITION_LIST),
            (Extension::Subscript, Options::ENABLE_SUBSCRIPT),
            (Extension::Superscript, Options::ENABLE_SUPERSCRIPT),
            (Extension::Typographer, Options::ENABLE_SMART_PUNCTUATION),
        ]
        .into_iter()
        .filter(|(extension, _)| self.has(*extension))
        .fold(Options::empty(), |options, (_, option)| options | option)
    }
}
