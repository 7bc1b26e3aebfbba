//! Parses article files. Each input format has its own module, and all of them produce the same [`Article`].
//!
//! Parsing never fails and never panics. [`Parsed`] contains the article, if the file has a usable one, and the diagnostics.
//!
//! # Which file contains what?
//!
//! - `markdown`, `html`, `wire`: one input format each. `agency`: the formats of news agencies
//! - `item_source`: a part of a file with several items. `pictures`: the pictures beside a text. `agency_notices`: texts about other items
//! - `draft`: the article under construction. `front_matter` and `values` parse its keys, `fields` applies them
//! - `data`: other tools' files, as trees of values. `data_file`: Eleventy's statements about other files
//! - `path_fields`, `file_names`, `bundle`, `cascade`: facts from paths, and from the pages of folders and sections
//! - `site_pages`, `ignored`: files that aren't stories
//! - `lifecycle`, `access`, `meaning`: keys and words about publication, and their possible meanings
//! - `gates`, `free_part`: the parts for members. `hidden_text`: hidden elements in fields
//! - `date`, `byline`, `inline_text`, `keys`, `charset`: values in the notations of many tools
//! - `model`, `media_terms`, `parsed`, `options`: the shared types. `card`: the fields that the catalog keeps
//! - `render`, `sanitise`: HTML for feeds. `rendered`: the types that both share. `extensions`: dialects of Markdown. `article_links`: links to files. `summary`: summaries
//! - `slugs`, `url_template`, `permalinks`: names and addresses as site generators spell them
//! - `packed`: compressed bodies. `pin`: writes ids into files. `steps`: counts parser steps in tests

pub mod access;
mod agency;
mod agency_notices;
pub mod article_links;
pub mod bundle;
mod byline;
pub mod card;
mod cascade;
mod charset;
pub mod data;
mod data_file;
mod date;
mod draft;
pub mod extensions;
mod fields;
mod file_names;
mod free_part;
mod front_matter;
mod gates;
mod hidden_text;
mod html;
mod ignored;
mod inline_text;
mod item_source;
mod keys;
mod lifecycle;
mod markdown;
mod meaning;
mod media_terms;
mod model;
mod options;
pub mod packed;
mod parsed;
mod path_fields;
pub mod permalinks;
pub mod pictures;
pub mod pin;
pub mod render;
mod rendered;
mod sanitise;
mod site_pages;
mod slugs;
mod steps;
pub mod summary;
mod url_template;
mod values;
mod wire;

use std::borrow::Cow;

pub use self::agency_notices::comparable_slug;
pub use self::cascade::Cascade;
use self::charset::{Declaration, NotText};
use self::draft::{Draft, Source};
pub use self::file_names::{in_drafts_folder, in_tilde_folder, is_article_name};
pub use self::ignored::IgnoredKind;
pub use self::item_source::ItemSource;
pub use self::media_terms::{Availability, HiddenMedia, MediaReference, MediaTerms, WithheldMedia};
pub use self::model::{
    AgencyNotice, Body, Correction, Image, ImageFile, ItemVersion, Media, MediaFacts, Metadata, NoticeAction,
    Retraction, Routing, SectionClaim,
};
pub use self::options::{ParseOptions, SourceDefaults, SourceFormat, WireField};
pub use self::parsed::{Article, Origin, Parsed};
pub use self::slugs::SlugStyle;
pub use self::url_template::{AddressFacts, TemplateError, UrlTemplate};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::types::{ArticlePath, ContentHash};

/// The version of the parser. Raise it with each change that can parse an unchanged file into a different article.
pub const PARSER_VERSION: u32 = 11;

/// Parses an article in the format that the path's extension names, without [`Parsed::origins`].
pub fn parse(path: &ArticlePath, bytes: &[u8], options: &ParseOptions) -> Parsed {
    read(path, bytes, options, false)
}

/// Parses an article and records where each field came from, which doubles the cost.
pub fn parse_with_origins(path: &ArticlePath, bytes: &[u8], options: &ParseOptions) -> Parsed {
    read(path, bytes, options, true)
}

/// The items of a file that may contain several, in their order. `None` for other files, and for a file that can't be divided.
pub fn items(path: &ArticlePath, bytes: &[u8], options: &ParseOptions) -> Option<Vec<ItemSource>> {
    let format = options.source.format;
    let is_message = path.item().is_none() && path.extension().eq_ignore_ascii_case("xml");
    let is_message = is_message && matches!(format, SourceFormat::Auto | SourceFormat::NewsMl);
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if !is_message || size > options.max_size {
        return None;
    }
    let decoded = charset::decode(bytes, Declaration::Xml, options.charset).ok()?;
    agency::items(path, decoded.text.trim_start_matches('\u{FEFF}'))
}

/// Parses all articles of a file: its items if it contains several, otherwise the only one.
pub fn parse_items(path: &ArticlePath, bytes: &[u8], options: &ParseOptions) -> Vec<(ArticlePath, Parsed)> {
    match items(path, bytes, options) {
        None => vec![(path.clone(), parse(path, bytes, options))],
        Some(items) => {
            let parse = |item: ItemSource| {
                let mut parsed = parse(&item.path, item.text.as_bytes(), options);
                parsed.move_down(item.lines_above);
                (item.path, parsed)
            };
            items.into_iter().map(parse).collect()
        }
    }
}

fn read(path: &ArticlePath, bytes: &[u8], options: &ParseOptions, with_origins: bool) -> Parsed {
    let file = || draft::file_name(options, path);
    let refused = |code, message: String, help: &str, place: Place| {
        let withhold = may_withhold(path, bytes);
        let place = Place { excerpt: place.excerpt.filter(|_| !withhold), ..place };
        let diagnostics = vec![Diagnostic::new(code, message).at(place).help(help)];
        Parsed { withhold, embargoed: withhold, ..Parsed::refused(diagnostics) }
    };
    let whole_file = || Place::file(&file());
    if let Some(kind) = options.source.format.refusal(path) {
        return Parsed { ignored: Some(kind), ..Parsed::refused(Vec::new()) };
    }
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > options.max_size {
        return too_large(path, bytes, options);
    }
    let extension = path.extension().to_ascii_lowercase();
    let is_html = matches!(extension.as_str(), "html" | "htm");
    let declaration = match extension.as_str() {
        "xml" => Declaration::Xml,
        _ if is_html => Declaration::Html,
        _ => Declaration::None,
    };
    let decoded = match charset::decode(bytes, declaration, options.charset) {
        Ok(decoded) => decoded,
        Err(NotText::Binary) => {
            return refused(
                Code::ArticleBinary,
                "this is not text".into(),
                "save the article as UTF-8 text",
                whole_file(),
            );
        }
        Err(NotText::Malformed(valid, encoding)) => {
            let place = Place::in_text(&file(), &valid, valid.len()..valid.len());
            let message = format!("a byte here is not {}", encoding.name());
            return refused(
                Code::ArticleEncoding,
                message,
                "save the article as UTF-8, or set `content.charset`",
                place,
            );
        }
    };
    let text = decoded.text.trim_start_matches('\u{FEFF}');
    if text.trim().is_empty() {
        return refused(
            Code::ArticleEmpty,
            "the file is empty".into(),
            "finish writing it, or remove it",
            whole_file(),
        );
    }
    let new_draft = || {
        let mut draft = Draft::new(Source { path, text, options }, ContentHash::of(bytes), with_origins);
        if let Some(encoding) = decoded.guessed {
            let help = format!(
                "save the article as UTF-8, or set `content.charset = \"{}\"` if all such files are",
                encoding.name().to_ascii_lowercase()
            );
            let message = format!("this is not UTF-8; it is read as {}", encoding.name());
            draft.report(Code::ArticleCharset, 0..0, message, help);
        }
        draft
    };
    match extension.as_str() {
        "json" if bundle::is_data_file(path) => return data_file::read(new_draft()),
        "json" => return agency::read_json(new_draft()),
        "xml" => return agency::read_xml(new_draft()),
        _ => {}
    }
    let mut draft = new_draft();
    let labels = (extension == "txt").then(|| wire::Labels::new(&options.wire_labels));
    let is_label = |label: &str| labels.as_ref().is_some_and(|labels| labels.field(label).is_some());
    let kind = match &labels {
        Some(_) => front_matter::FileKind::Wire(&is_label),
        None if is_html => front_matter::FileKind::Page,
        None => front_matter::FileKind::Markdown,
    };
    let body = match front_matter::read(text, kind) {
        None => 0,
        Some(Ok(matter)) => {
            fields::apply(&mut draft, &matter.keys);
            matter.body
        }
        Some(Err(refusal)) => {
            if let Some(labels) = labels.as_ref().filter(|_| refusal.may_be_label) {
                let parsed = wire::read(new_draft(), text, labels);
                if is_withheld(&parsed) {
                    return parsed;
                }
            }
            let withholds = refusal.withholds || lifecycle::withholds(front_matter::head(text));
            return draft.refuse_front_matter(refusal, withholds);
        }
    };
    match &labels {
        Some(labels) => wire::read(draft, &below_front_matter(text, body), labels),
        // A page with front matter is a template, as in Jekyll.
        None if is_html && body > 0 => {
            let page = below_front_matter(text, body);
            let expanded = render::expand(&page, render::Syntax::Html);
            draft.report_removed(0, &expanded.removed);
            html::read(draft, &expanded.text)
        }
        None if is_html => html::read(draft, text),
        None => markdown::read(draft, body),
    }
}

/// Whether readers get neither this version of the article nor an earlier one.
fn is_withheld(parsed: &Parsed) -> bool {
    match &parsed.article {
        Some(article) => article.metadata.draft || article.metadata.access.is_private(),
        None => parsed.withhold,
    }
}

/// The text below the front matter at its original offsets. Spaces replace the front matter.
fn below_front_matter(text: &str, body: usize) -> Cow<'_, str> {
    match text.split_at_checked(body) {
        None | Some(("", _)) => Cow::Borrowed(text),
        Some((above, below)) => Cow::Owned(" ".repeat(above.len()) + below),
    }
}

/// Whether a file that can't be parsed mentions an embargo, a restriction or a status that isn't public.
pub fn may_withhold(path: &ArticlePath, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    in_drafts_folder(path)
        || lifecycle::withholds(&text)
        || front_matter::may_withhold(&text)
        || (path.extension().eq_ignore_ascii_case("xml") && agency::may_withhold(&text))
}

/// How many bytes of a file above `content.max_size` are searched for an embargo: front matter, or the head of a page.
pub const MAX_HEAD_BYTES: u64 = 64 * 1024;

/// The result for a file above `content.max_size`. `head` contains its first [`MAX_HEAD_BYTES`] bytes.
pub fn too_large(path: &ArticlePath, head: &[u8], options: &ParseOptions) -> Parsed {
    let message = format!("the file is larger than {} bytes", options.max_size);
    let diagnostic = Diagnostic::new(Code::ArticleTooLarge, message).at(Place::file(&draft::file_name(options, path)));
    let diagnostics = vec![diagnostic.help("shorten it, or raise `content.max_size`")];
    let head = head.get(..usize::try_from(MAX_HEAD_BYTES).unwrap_or(usize::MAX)).unwrap_or(head);
    let withhold = may_withhold(path, head);
    Parsed { withhold, embargoed: withhold, ..Parsed::refused(diagnostics) }
}
