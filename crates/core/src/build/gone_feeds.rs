//! Builds the final document of each retired feed: an empty feed in its own format that says why it ended.

use std::sync::Arc;

use bytes::Bytes;

use super::assemble::{self, FeedHistory, join_url};
use super::placement::{FeedKey, SectionRules};
use crate::config::Retirement;
use crate::feed::{Feed, Format, encode};
use crate::snapshot::RetiredAddress;
use crate::types::{EntryId, Text};

/// All retired addresses, most specific first.
pub fn retired_addresses(rules: &SectionRules) -> Arc<[RetiredAddress]> {
    let addresses = rules.config().addresses.iter();
    let retired = addresses.map(|address| {
        let final_documents = match &address.retirement {
            Retirement::Moved(_) => Vec::new(),
            Retirement::Gone(reason) => final_documents(rules, &address.path, reason.as_ref()),
        };
        RetiredAddress { address: address.clone(), final_documents }
    });
    retired.collect()
}

/// An empty feed in each format, whose description says why the feed ended.
fn final_documents(rules: &SectionRules, path: &str, reason: Option<&Text>) -> Vec<(Format, Bytes)> {
    let site = &rules.config().site;
    let root = assemble::feed(&FeedKey::Section(Default::default()), rules, Vec::new(), &FeedHistory::default());
    let folder = path.trim_start_matches('/').rsplit_once('/').map_or("", |(folder, _)| folder);
    let reason = reason.map(|reason| format!(" {reason}")).unwrap_or_default();
    let feed = Feed {
        id: EntryId::minted(format!("tag:{}:feed/{folder}", site.tag_authority)),
        title: Text::line(&format!("Ended \u{2013} {}", site.title)),
        description: Text::line(&format!("This feed has ended.{reason}")),
        base: join_url(&site.url, format!("{folder}/").trim_start_matches('/')),
        podcast: None,
        hubs: Vec::new(),
        ..root
    };
    // Contains no article, so encoding can't fail in practice. If it did, readers would get the plain-text answer.
    let documents = Format::ALL.into_iter().map(|format| (format, encode(&feed, format)));
    documents.filter_map(|(format, bytes)| Some((format, Bytes::from(bytes.ok()?)))).collect()
}
