//! Reads the formats that agencies deliver: ninjs (`.json`), and NewsML-G2 and NITF (`.xml`).
//!
//! A reader for each format copies what a file states into the neutral [`item`]. [`apply`] makes an article of the item, so that every word
//! is interpreted in one place; [`media`] and [`availability`] do so for pictures. [`notices`] recognises items that are about other items, and [`text`] has the paragraphs and datelines.
//!
//! # Where does each field come from?
//!
//! In a cell with several places, the first that is stated counts, unless it says otherwise.
//!
//! | field | ninjs | NewsML-G2 | NITF |
//! |---|---|---|---|
//! | key of the item | `uri` | `guid` | `doc-id`, otherwise `uno` |
//! | version | `version`, then `versionCreated` | `version`, then `versionCreated` | `du-key` (`generation.version`), then the date of the update |
//! | status | `pubStatus` | `pubStatus`, and that of a NITF text inside | `management-status` |
//! | embargo | `embargoed`, `embargoedUntil` | `embargoed`, and that of a NITF text inside | `date.release` |
//! | expiry | `expires` | `expires`, and that of a NITF text inside | `date.expire` |
//! | date | `firstCreated`, `contentCreated`, `versionCreated` | `firstCreated`, `contentCreated`, `versionCreated` | `date.issue`, `date.publication` |
//! | updated | `versionCreated`, if later | `contentModified`, `versionCreated`, if later | `revision-history`, if later |
//! | title | `headline`, `headlines` with the role `main`, without a role or with another, `title` | `headline` with the role `main`, without a role or with another, `title` | `hl1`, `title` |
//! | summary | `description_*`, `descriptions`, a lower headline | `description`, a lower headline | `abstract`, `hl2` |
//! | authors | `byline`, `by`, split into names without the agency; otherwise `authors` | `by`, split into names without the agency; otherwise `creator`, `contributor` | `person` in `byline`; otherwise `byline`, split into names |
//! | source | `infosource`, `infoSources`, `source`; otherwise the provider | `infoSource`; otherwise the provider | the provider |
//! | provider | `infosource` with the role `provider`, `provider` | `provider` | `distributor`, otherwise `regsrc` of `doc-id` |
//! | copyright | `copyrightNotice`, otherwise `©` and `copyrightHolder`; then `usageTerms` | `copyrightNotice`, otherwise `©` and `copyrightHolder`; then `usageTerms` | `note` of the class `cpyrt`, `copyrite`, otherwise `©` and the holder in `doc.copyright`; then `rights`, `doc.rights` |
//! | dateline | in the text | `dateline`, before the text | `dateline`, before the text |
//! | place (only `explain`) | `located` | `located` | `location` in `dateline` |
//! | language | `language` | `language`, `xml:lang` | `baselang`, `xml:lang` |
//! | tags | names of `subject`, `person`, `organisation`, `place`, `event` and `object` in singular or plural, otherwise their codes; `keywords` | names of `subject`, otherwise codes; `keyword` | `tobject.subject`, `identified-content`, `doc-scope`, `key-list` |
//! | text | `body_*`, `bodies`: HTML, otherwise plain text | `inlineXML` (XHTML or NITF), otherwise `inlineData` | `body.content`, `body.end` |
//! | lead picture | the first picture of `associations` that may be shown, with all `renditions` | `remoteContent` with pictures, otherwise the `icon`, otherwise that of a NITF text | the first `media` with a picture, with all sizes |
//! | caption | description with the role `caption`, another description, the headline | `description` with the role `caption` | `media-caption` |
//! | credit | `byline`, `by`, `copyrightHolder` of the picture | `creditline` | `media-producer` |
//! | alternative text | description with the role `alt` | `description` with the role `alt` | `alternate-text` |
//! | media | further pictures, sound and film of `associations` and `renditions` | sound and film in `remoteContent`, the `icon` | further `media` |
//! | correction | `genres`, `signal` | `signal`, `genre`, `role` | `correction`, `tobject.type`, `tobject.property`, `ed-msg` |
//! | related items (only `explain`) | other `associations` | `link`, `itemRef` of packages | `management-doc-idref`, `correction`, `du-key` |
//! | slugline (chooses the section) | `slugline` | `slugline` | `key` of `du-key` |
//! | subjects (choose the section) | codes and names of the tags | codes and names of `subject`, its `broader` and `hierarchyInfo` | `tobject.subject` with all its names, `identified-content` |
//! | urgency (only `explain`) | `urgency` | `urgency` | `urgency` |
//! | editor's note (only `explain`) | `edNote` | `edNote` | `ed-msg`, `note`, `info` of `correction` |
//!
//! # What becomes of a package?
//!
//! A package lists other items. It's ignored, and reported as `content-ignored`: sections list stories by date.

mod apply;
mod availability;
mod item;
mod json;
mod media;
mod newsml;
mod ninjs;
mod nitf;
mod notices;
mod text;
mod xhtml;
mod xml;

use std::collections::HashMap;

use self::xml::Malformed;
use super::draft::Draft;
use super::ignored::IgnoredKind;
use super::item_source::ItemSource;
use super::lifecycle;
use super::meaning::Status;
use super::options::SourceFormat;
use super::parsed::Parsed;
use crate::diagnostics::Code;
use crate::types::ArticlePath;

/// Whether JSON is an item of ninjs.
pub(super) fn is_json_item(source: &str) -> bool {
    json::parse(source).is_ok_and(|root| ninjs::is_item(&root, source))
}

/// Parses a `.json` file.
pub(super) fn read_json(draft: Draft<'_>) -> Parsed {
    let source = draft.source().text;
    let root = match json::parse(source) {
        Ok(root) => root,
        // Other programs' files may be in any notation.
        Err(_) if !source.contains("\"uri\"") && !lifecycle::withholds(source) => {
            return ignore(draft, IgnoredKind::Json);
        }
        Err(refusal) => return refuse(draft, refusal),
    };
    if !ninjs::is_item(&root, source) {
        return ignore(draft, IgnoredKind::Json);
    }
    match ninjs::read(&root, source) {
        Ok(item) => apply::apply(draft, &item),
        Err(refusal) => refuse(draft, refusal),
    }
}

/// Parses an `.xml` file with one item. Of a file with several items, the first one.
pub(super) fn read_xml(draft: Draft<'_>) -> Parsed {
    let source = draft.source().text;
    let format = draft.source().options.source.format;
    let found = match root_name(source) {
        Some("nitf") if format == SourceFormat::NewsMl => return ignore(draft, IgnoredKind::OtherFormat("*.xml")),
        Some("newsItem" | "packageItem" | "newsMessage") if format == SourceFormat::Nitf => {
            return ignore(draft, IgnoredKind::OtherFormat("*.xml"));
        }
        Some("nitf") => nitf::read(source).map(|item| vec![item]),
        Some("newsItem" | "packageItem" | "newsMessage") => newsml::read(source),
        Some(_) => return ignore(draft, IgnoredKind::Xml),
        None if !may_withhold(source) && !lifecycle::withholds(source) => return ignore(draft, IgnoredKind::Xml),
        None => {
            let message = "this is not XML: the first element is missing".to_owned();
            Err(Malformed { message, help: "ask the agency to send the file again", span: 0..0 })
        }
    };
    match found.map(|items| items.into_iter().next()) {
        Ok(Some(item)) => apply::apply(draft, &item),
        Ok(None) => ignore(draft, IgnoredKind::Package),
        Err(malformed) => refuse(draft, malformed),
    }
}

/// Divides a message into its items. `None` for other files and damaged messages. Each item becomes a message of its own, so that the
/// version in the state directory is complete.
pub(super) fn items(path: &ArticlePath, source: &str) -> Option<Vec<ItemSource>> {
    root_name(source).filter(|name| *name == "newsMessage")?;
    let items = newsml::read(source).ok()?;
    let (tag, name) = root_tag(source)?;
    let tag = tag.replace(['\n', '\r'], " ");
    let set = name.replace("newsMessage", "itemSet");
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut lines = (0, 0);
    let mut sources = Vec::with_capacity(items.len());
    for (number, item) in items.iter().enumerate() {
        let text = source.get(item.span.clone())?;
        let key = item.id.as_ref().map(|id| id.text.trim()).filter(|id| !id.is_empty());
        let key = key.map_or_else(|| format!("item-{}", number + 1), str::to_owned);
        let count = known.entry(key.clone()).or_default();
        *count += 1;
        let key = if *count == 1 { key } else { format!("{key}~{count}") };
        let (at, above) = lines;
        lines = (item.span.start, above + source.get(at..item.span.start)?.matches('\n').count());
        sources.push(ItemSource {
            path: ArticlePath::item_of(path, &key),
            text: format!("{tag}<{set}>{text}</{set}></{name}>"),
            lines_above: u32::try_from(lines.1).unwrap_or(u32::MAX),
            is_only: items.len() == 1,
        });
    }
    Some(sources)
}

/// The start tag of the first element. `None` if there is none.
fn root_tag(source: &str) -> Option<(&str, &str)> {
    let mut rest = source.trim_start();
    loop {
        let end = if rest.starts_with("<?") {
            rest.find("?>")? + 2
        } else if rest.starts_with("<!--") {
            rest.find("-->")? + 3
        } else if rest.starts_with("<!") {
            // A document type may contain declarations in brackets.
            let end = rest.find('>')?;
            match rest.find('[').filter(|bracket| *bracket < end) {
                Some(bracket) => bracket + rest.get(bracket..)?.find("]>")? + 2,
                None => end + 1,
            }
        } else {
            break;
        };
        rest = rest.get(end..)?.trim_start();
    }
    let name = rest.strip_prefix('<')?;
    let length = name.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))?;
    let mut quote = None;
    let end = rest.char_indices().find(|(_, c)| {
        match quote {
            Some(open) if open == *c => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(*c),
            None => return *c == '>',
            Some(_) => {}
        }
        false
    });
    Some((rest.get(..=end?.0)?, name.get(..length)?))
}

/// The name of the first element, without its prefix.
fn root_name(source: &str) -> Option<&str> {
    let (_, name) = root_tag(source)?;
    Some(name.rsplit(':').next().unwrap_or(name))
}

/// Whether XML that can't be read mentions an embargo, an expiry, or a status that isn't public.
pub(super) fn may_withhold(source: &str) -> bool {
    const MARKS: &[&str] = &["embargoed", "expires", "date.release", "date.expire"];
    const STATUSES: &[&str] = &["pubStatus", "management-status"];
    /// The maximum distance of a value from its name.
    const MAX_DISTANCE_CHARACTERS: usize = 100;
    let names = |name: &'static str| source.match_indices(name).map(move |(at, _)| at + name.len());
    let is_public = |at: usize| {
        let after = source.get(at..).unwrap_or_default();
        let end = after.char_indices().nth(MAX_DISTANCE_CHARACTERS).map_or(after.len(), |(end, _)| end);
        let value = after.get(..end).unwrap_or_default().split(['"', '\'', '>', '<']).nth(1).unwrap_or_default();
        lifecycle::parse_status(value) == Some(Status::Published)
    };
    MARKS.iter().any(|name| names(name).next().is_some())
        || STATUSES.iter().any(|name| {
            // An end tag has no value.
            names(name)
                .filter(|at| !source.get(*at..).is_some_and(|after| after.starts_with('>')))
                .any(|at| !is_public(at))
        })
}

/// The result for a file of another program.
fn ignore(draft: Draft<'_>, kind: IgnoredKind) -> Parsed {
    Parsed { ignored: Some(kind), ..draft.refuse(false) }
}

/// The result for a file that can't be read. If it mentions an embargo or a status, earlier versions are withheld.
fn refuse(mut draft: Draft<'_>, refusal: Malformed) -> Parsed {
    let source = draft.source().text;
    let is_xml = draft.source().path.extension().eq_ignore_ascii_case("xml");
    let withholds = lifecycle::withholds(source) || (is_xml && may_withhold(source));
    draft.report(Code::AgencySyntax, refusal.span, refusal.message, refusal.help);
    draft.refuse(withholds)
}

#[cfg(test)]
mod tests;
