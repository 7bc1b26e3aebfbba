//! Respells the documents of the `rss` crate for readers that parse loosely. The meaning in XML stays the same.
//!
//! - Plain texts spell `&`, `<` and `>` as `&#x26;`, `&#x3C;` and `&#x3E;`, which most readers show as written (profile of the RSS Advisory
//!   Board, section 3.1). Many take `&lt;` in a title for the beginning of a tag.
//! - `enclosure` is the last element of its item. Newsboat plays the last media file of an item, and the crate writes `media:content`
//!   after `enclosure`.

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::feed::EncodeError;

/// The only elements that contain HTML. The crate writes both as CDATA, and their text is left as it is.
const HTML: [&[u8]; 2] = [b"description", b"content:encoded"];

pub(super) fn respell(document: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let failed = |error: quick_xml::Error| EncodeError(error.to_string());
    let mut respelt = Vec::with_capacity(document.len());
    let mut reader = Reader::from_reader(document);
    let (mut is_item, mut is_html) = (false, false);
    let mut enclosure: &[u8] = &[];
    loop {
        let start = reader.buffer_position();
        let event = reader.read_event().map_err(failed)?;
        let written = slice(document, start, reader.buffer_position());
        match &event {
            Event::Eof => return Ok(respelt),
            Event::Start(element) => {
                is_item |= element.name().as_ref() == b"item";
                is_html = is_item && HTML.contains(&element.name().as_ref());
            }
            Event::End(element) => {
                is_html = false;
                if element.name().as_ref() == b"item" {
                    is_item = false;
                    respelt.extend_from_slice(std::mem::take(&mut enclosure));
                }
            }
            Event::Empty(element) if is_item && element.name().as_ref() == b"enclosure" => {
                enclosure = written;
                continue;
            }
            Event::GeneralRef(name) if !is_html => {
                respelt.extend_from_slice(match &**name {
                    b"amp" => b"&#x26;",
                    b"lt" => b"&#x3C;",
                    b"gt" => b"&#x3E;",
                    b"quot" => b"\"",
                    b"apos" => b"'",
                    _ => written,
                });
                continue;
            }
            _ => {}
        }
        respelt.extend_from_slice(written);
    }
}

fn slice(document: &[u8], start: u64, end: u64) -> &[u8] {
    let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
    document.get(at(start)..at(end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_texts_and_enclosures_are_respelt() {
        for (written, expected) in [
            (
                "<channel><description>A &amp; B &lt;i&gt; &quot;c&apos;s&quot; &#65;</description></channel>",
                "<channel><description>A &#x26; B &#x3C;i&#x3E; \"c's\" &#65;</description></channel>",
            ),
            (
                "<item><title>A &amp;amp; B</title><description>A &amp;amp; B &lt;i></description><a b=\"&amp;\"/></item>",
                "<item><title>A &#x26;amp; B</title><description>A &amp;amp; B &lt;i></description><a b=\"&amp;\"/></item>",
            ),
            (
                "<item><description><![CDATA[A &amp; <b>B</b>]]></description><title>C &amp; D</title></item>",
                "<item><description><![CDATA[A &amp; <b>B</b>]]></description><title>C &#x26; D</title></item>",
            ),
            (
                "<item><media:description>A &amp; B</media:description></item>",
                "<item><media:description>A &#x26; B</media:description></item>",
            ),
            (
                "<item><enclosure url=\"a&amp;b\"/><media:content url=\"c\"></media:content></item><item><title>&gt;</title></item>",
                "<item><media:content url=\"c\"></media:content><enclosure url=\"a&amp;b\"/></item><item><title>&#x3E;</title></item>",
            ),
        ] {
            let respelt = respell(written.as_bytes()).expect("readable");
            assert_eq!(String::from_utf8_lossy(&respelt), expected);
        }
    }
}
