//! Encodes the list of all feeds as OPML 2.0, nested like the sections.

use std::fmt::Write;

use crate::encoding::escape_xml_attribute;
use crate::types::Text;

/// A feed in the list, with the feeds of its subsections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outline {
    /// The feed's title.
    pub title: Text,
    /// The URL of the feed's page.
    pub page: String,
    /// The URL that readers subscribe to.
    pub feed: String,
    /// The subsections' feeds.
    pub children: Vec<Outline>,
}

/// Encodes the list.
pub fn encode(title: &Text, outlines: &[Outline]) -> Vec<u8> {
    let mut document =
        String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<opml version=\"2.0\">\n<head><title>");
    escape_xml_attribute(title.as_str(), &mut document);
    document.push_str("</title></head>\n<body>\n");
    for outline in outlines {
        write_outline(outline, &mut document);
    }
    document.push_str("</body>\n</opml>\n");
    document.into_bytes()
}

fn write_outline(outline: &Outline, document: &mut String) {
    // Subscription lists use `type="rss"` for Atom and JSON feeds too.
    document.push_str("<outline type=\"rss\"");
    let title = outline.title.as_str();
    for (name, value) in [("text", title), ("title", title), ("xmlUrl", &outline.feed), ("htmlUrl", &outline.page)] {
        // Writing to a string can't fail.
        write!(document, " {name}=\"").unwrap_or_default();
        escape_xml_attribute(value, document);
        document.push('"');
    }
    if outline.children.is_empty() {
        document.push_str("/>\n");
        return;
    }
    document.push_str(">\n");
    for child in &outline.children {
        write_outline(child, document);
    }
    document.push_str("</outline>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines_nest_and_escape() {
        let leaf = Outline {
            title: Text::new("a \"b\" <&>"),
            page: "http://x/?a&b".into(),
            feed: "http://x/rss.xml".into(),
            children: vec![],
        };
        let tree = Outline { title: Text::new("科技"), children: vec![leaf.clone()], ..leaf };
        let text = String::from_utf8(encode(&Text::new("T & T"), &[tree])).expect("UTF-8");
        assert!(text.contains("<title>T &amp; T</title>"), "{text}");
        assert!(text.contains("<outline type=\"rss\" text=\"科技\" title=\"科技\" xmlUrl=\"http://x/rss.xml\" htmlUrl=\"http://x/?a&amp;b\">\n<outline "), "{text}");
        assert!(text.contains("text=\"a &quot;b&quot; &lt;&amp;&gt;\""), "{text}");
    }
}
