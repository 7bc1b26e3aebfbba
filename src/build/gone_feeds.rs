//! What readers of a feed are told that has ended: in the feed's own format, since that is what they can read.

use std::sync::Arc;

use bytes::Bytes;

use super::assemble::{self, Past, below};
use super::placement::{FeedKey, SectionRules};
use crate::config::Retirement;
use crate::feed::{Feed, Format, encode};
use crate::snapshot::RetiredAddress;
use crate::types::{EntryId, Text};

/// Every address that was published once, the most particular first.
pub fn former(cabinet: &SectionRules) -> Arc<[RetiredAddress]> {
    let addresses = cabinet.config().addresses.iter();
    let former = addresses.map(|address| {
        let farewell = match &address.fate {
            Retirement::Moved(_) => Vec::new(),
            Retirement::Gone(reason) => farewell(cabinet, &address.path, reason.as_ref()),
        };
        RetiredAddress { address: address.clone(), final_documents: farewell }
    });
    former.collect()
}

/// An empty feed in each format that says so.
fn farewell(cabinet: &SectionRules, path: &str, reason: Option<&Text>) -> Vec<(Format, Bytes)> {
    let site = &cabinet.config().site;
    let root = assemble::feed(&FeedKey::Section(Default::default()), cabinet, Vec::new(), &Past::default());
    let folder = path.trim_start_matches('/').rsplit_once('/').map_or("", |(folder, _)| folder);
    let reason = reason.map(|reason| format!(" {reason}")).unwrap_or_default();
    let feed = Feed {
        id: EntryId::minted(format!("tag:{}:feed/{folder}", site.tag_authority)),
        title: Text::line(&format!("Ended \u{2013} {}", site.title)),
        description: Text::line(&format!("This feed has ended.{reason}")),
        base: below(&site.url, format!("{folder}/").trim_start_matches('/')),
        podcast: None,
        ..root
    };
    // Nothing in it comes from an article; a format that refused it would leave the short text.
    let documents = Format::ALL.into_iter().map(|format| (format, encode(&feed, format)));
    documents.filter_map(|(format, bytes)| Some((format, Bytes::from(bytes.ok()?)))).collect()
}
