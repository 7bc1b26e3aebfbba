//! Recognises a feed by its own address and by its generator, in the first bytes of the file.

use std::borrow::Cow;

/// The part of a file that is searched. Nearly all feeds state their own address within it.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Whether an XML feed names dateline as its generator.
pub(super) fn names_dateline(bytes: &[u8]) -> bool {
    head(bytes).contains("<generator>dateline</generator>")
}

/// Whether two feeds state the same address as their own.
pub(super) fn has_same_address(found: &[u8], document: &[u8]) -> bool {
    let (found, document) = (head(found), head(document));
    own_address(&found).is_some_and(|address| Some(address) == own_address(&document))
}

fn head(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes.get(..MAX_HEAD_BYTES).unwrap_or(bytes))
}

/// The address that a feed states as its own: the self link of XML, or the `feed_url` of JSON Feed.
fn own_address(head: &str) -> Option<&str> {
    if head.starts_with('{') {
        let (_, rest) = head.split_once("\"feed_url\":\"")?;
        return rest.split_once('"').map(|(address, _)| address);
    }
    let at = head.find("rel=\"self\"")?;
    let (before, after) = head.split_at_checked(at)?;
    let tag = head.get(before.rfind('<')?..at + after.find('>')?)?;
    let (_, rest) = tag.split_once("href=\"")?;
    rest.split_once('"').map(|(address, _)| address)
}
