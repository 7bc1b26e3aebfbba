//! Options of parsing, and the fields that labels of wire text stand for.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::extensions::Extensions;
use super::ignored::IgnoredKind;
use super::slugs::SlugStyle;
use crate::types::{ArticlePath, Language, Text, WebUrl};

/// The options of parsing the files of one source. A change makes dateline parse every article of the source again.
#[derive(Clone, PartialEq, Debug)]
pub struct ParseOptions {
    /// The source's directory as diagnostics spell it, without a trailing slash: `content`.
    pub root: Arc<str>,
    /// The time zone of dates without an offset.
    pub timezone: TimeZone,
    /// The charset of files that are neither UTF-8 nor marked otherwise, as a WHATWG label; `None`: detect.
    pub charset: Option<&'static encoding_rs::Encoding>,
    /// Labels of wire text besides the built-in ones: (label, field).
    pub wire_labels: Vec<(Text, WireField)>,
    /// The size of the largest file that is parsed (bytes).
    pub max_size: u64,
    /// The options that all files of the source share.
    pub source: SourceDefaults,
    /// The publisher's website, against which addresses such as `/assets/x.jpg` are resolved. `None`: unknown.
    pub home: Option<WebUrl>,
    /// The extensions of Markdown.
    pub markdown: Extensions,
    /// How addresses spell names.
    pub slugs: SlugStyle,
}

/// The options that all files of a source share.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SourceDefaults {
    /// The format of all files.
    pub format: SourceFormat,
    /// The source of articles that state none.
    pub provider: Option<Text>,
    /// The language of articles that state none. `None`: their section's.
    pub language: Option<Language>,
}

impl ParseOptions {
    /// The default options.
    pub fn new(root: &str, timezone: TimeZone) -> ParseOptions {
        const MAX_SIZE: u64 = 8 << 20;
        let (charset, wire_labels, home) = (None, Vec::new(), None);
        let markdown = Extensions::default();
        let (source, slugs) = (SourceDefaults::default(), SlugStyle::default());
        let (root, max_size) = (root.into(), MAX_SIZE);
        ParseOptions { root, timezone, charset, wire_labels, max_size, source, home, markdown, slugs }
    }

    /// The path of a file or a folder as diagnostics spell it.
    pub fn display(&self, path: &ArticlePath) -> String {
        match path.relative() {
            "" => self.root.to_string(),
            relative => format!("{}/{relative}", self.root),
        }
    }
}

/// The format of a source's files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SourceFormat {
    /// The file's extension and contents decide.
    #[default]
    Auto,
    /// Markdown with front matter.
    Markdown,
    /// Whole HTML pages.
    Html,
    /// Wire text.
    Wire,
    /// ninjs.
    Ninjs,
    /// NewsML-G2.
    NewsMl,
    /// NITF.
    Nitf,
}

impl SourceFormat {
    /// The formats with their names in the configuration.
    pub const NAMES: [(&'static str, SourceFormat); 7] = [
        ("auto", SourceFormat::Auto),
        ("markdown", SourceFormat::Markdown),
        ("html", SourceFormat::Html),
        ("wire", SourceFormat::Wire),
        ("ninjs", SourceFormat::Ninjs),
        ("newsml", SourceFormat::NewsMl),
        ("nitf", SourceFormat::Nitf),
    ];

    /// Why a file isn't of this format, by its name. `None` if it may be.
    pub(super) fn refusal(self, path: &ArticlePath) -> Option<IgnoredKind> {
        const MARKDOWN: &str = "*.md";
        const HTML: &str = "*.html";
        const TEXT: &str = "*.txt";
        const JSON: &str = "*.json";
        const XML: &str = "*.xml";
        let wanted = match self {
            SourceFormat::Auto => return None,
            SourceFormat::Markdown => MARKDOWN,
            SourceFormat::Html => HTML,
            SourceFormat::Wire => TEXT,
            SourceFormat::Ninjs => JSON,
            SourceFormat::NewsMl | SourceFormat::Nitf => XML,
        };
        let found = match path.extension().to_ascii_lowercase().as_str() {
            "md" | "markdown" | "mdown" | "mkd" | "mkdn" | "mkdown" | "mdx" => MARKDOWN,
            "html" | "htm" => HTML,
            "txt" => TEXT,
            "json" => JSON,
            "xml" => XML,
            _ => return None,
        };
        (found != wanted).then_some(IgnoredKind::OtherFormat(found))
    }
}

/// The field that a labelled line of wire text sets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WireField {
    /// The breadcrumb: `position`, `位置`.
    Breadcrumb,
    /// The headline: `Title`, `标题`.
    Title,
    /// The agency: `Source`, `来源`.
    Source,
    /// The date and time: `Date`, `时间`.
    Date,
    /// The date and time of the last change: `Updated`, `更新时间`.
    Updated,
    /// The byline: `Author`, `作者`.
    Author,
    /// The editor: `Editor`, `责任编辑`.
    Editor,
    /// Tags: `Keywords`, `关键词`.
    Tags,
    /// A summary: `Summary`, `摘要`.
    Summary,
    /// The caption of the lead picture: `图片说明`.
    Caption,
    /// The heading of links to other stories: `Top News`, `相关新闻`. The text below it isn't part of the article.
    Related,
    /// The permanent id.
    Id,
    /// The slugline.
    Slugline,
    /// The instant before which the article isn't public: `Embargo`, `发布限制`.
    Embargo,
    /// The instant from which the article isn't public any more: `Expires`, `有效期至`.
    Expires,
    /// Published, draft or retracted: `Status`, `状态`.
    Status,
    /// Whether the text is a draft: `Draft: yes`, `草稿`.
    Draft,
    /// A correction, with or without a date: `Correction`, `更正`.
    Correction,
    /// The people who may read the text: `Visibility`, `可见性`.
    Access,
}
