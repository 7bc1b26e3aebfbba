//! Reads the formats that agencies deliver: ninjs (`.json`), and NewsML-G2 and NITF (`.xml`).
//!
//! A reader for each format copies what a file states into the neutral [`item`]. [`apply`] makes an article of the item, so that every word
//! is interpreted in one place. [`notices`] recognises items that are about other items, and [`text`] has the paragraphs and datelines.
//!
//! # Where does each field come from?
//!
//! In a cell with several places, the first that is stated counts, unless it says otherwise.
//!
//! | field | ninjs | NewsML-G2 | NITF |
//! |---|---|---|---|
//! | key of the item | `uri` | `guid` | `doc-id` |
//! | version | `version`, then `versionCreated` | `version`, then `versionCreated` | `du-key` with its `generation`, then `date.issue` |
//! | status | `pubStatus` | `pubStatus` | `management-status` |
//! | embargo | `embargoed`, `embargoedUntil` | `embargoed` | `date.release` |
//! | expiry | `expires` | `expires` | `date.expire` |
//! | date | `firstCreated`, `contentCreated`, `versionCreated` | `firstCreated`, `contentCreated`, `versionCreated` | `date.issue` |
//! | updated | `versionCreated`, if later | `contentModified`, `versionCreated`, if later | `revision-history`, if later |
//! | title | `headline`, `headlines` with the role `main`, the first of `headlines`, `title` | `headline` | `hl1`, `title` |
//! | summary | `description_*`, `descriptions`, the first other headline | `description`, the first other headline | `abstract`, `hl2` |
//! | authors | `byline`, `by`, split into names without the agency; `authors` | `by`, split into names; `creator`, `contributor` | `byline`, split into names |
//! | source | `infosource`, `infoSources`, `source`; otherwise the provider | `infoSource`; otherwise the provider | `doc.copyright`, `distributor` |
//! | provider | `infosource` with the role `provider`, `provider` | `provider` | `distributor` |
//! | copyright | `copyrightNotice`, otherwise `©` and `copyrightHolder`; then `usageTerms` | `copyrightNotice`, otherwise `©` and `copyrightHolder`; then `usageTerms` | `doc.copyright`, `rights-info` |
//! | dateline | in the text | `dateline`, before the text | `dateline`, before the text |
//! | place (only `explain`) | `located` | `located` | `location` |
//! | language | `language` | `language`, `xml:lang` | `xml:lang` |
//! | tags | names of `subject`, `person`, `organisation`, `place`, `event` and `object` in singular or plural, otherwise their codes; `keywords` | `subject`, `keyword` | `tobject.subject`, `identified-content`, `key-list` |
//! | text | `body_*`, `bodies`: HTML, otherwise plain text | `inlineXML`, `inlineData` | `body.content` |
//! | lead picture | the first picture of `associations`, with all `renditions` | the first picture, with all `remoteContent` | the first `media` with a picture |
//! | caption | description with the role `caption`, another description, the headline | `description` | `media-caption` |
//! | credit | `byline`, `by`, `copyrightHolder` of the picture | `creditline`, `creator` | `media-producer` |
//! | alternative text | description with the role `alt` | `description` with the role `alt` | `alternate-text` |
//! | media | further pictures, sound and film of `associations` and `renditions` | further `remoteContent` | further `media` |
//! | correction | `genres`, `signal` | `signal`, `genre` | `correction` |
//! | related items (only `explain`) | other `associations` | `link` | `du-key`, `management-doc-idref` |
//! | urgency, slugline (only `explain`) | `urgency`, `slugline` | `urgency`, `slugline` | `urgency`, `slugline` |
//! | editor's note (only `explain`) | `edNote` | `edNote` | `ed-msg` |
//!
//! # What becomes of a package?
//!
//! A package lists other items. It's ignored, and reported as `content-ignored`: sections list stories by date.

mod apply;
mod item;
mod json;
mod newsml;
mod ninjs;
mod nitf;
mod notices;
mod text;
mod xhtml;
mod xml;

use self::xml::Malformed;
use super::draft::Draft;
use super::ignored::IgnoredKind;
use super::lifecycle;
use super::parsed::Parsed;
use crate::diagnostics::Code;

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

/// Parses an `.xml` file.
pub(super) fn read_xml(draft: Draft<'_>) -> Parsed {
    ignore(draft, IgnoredKind::Xml)
}

/// The result for a file of another program.
fn ignore(draft: Draft<'_>, kind: IgnoredKind) -> Parsed {
    Parsed { ignored: Some(kind), ..draft.refuse(false) }
}

/// The result for a file that can't be read. If it mentions an embargo or a status, earlier versions are withheld.
fn refuse(mut draft: Draft<'_>, refusal: Malformed) -> Parsed {
    let withholds = lifecycle::withholds(draft.source().text);
    draft.report(Code::AgencySyntax, refusal.span, refusal.message, refusal.help);
    draft.refuse(withholds)
}

#[cfg(test)]
mod tests;
