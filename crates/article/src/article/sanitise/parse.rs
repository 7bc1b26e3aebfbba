//! Parses HTML as browsers do with scripts disabled, so `noscript` has content.

use html5ever::tendril::TendrilSink;
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{ParseOpts, QualName, driver, local_name as atom, ns};
use scraper::{Html, HtmlTreeSink};

/// Parses a fragment with scripts disabled.
pub(super) fn parse_fragment(html: &str) -> Html {
    let sink = HtmlTreeSink::new(Html::new_fragment());
    let body = QualName::new(None, ns!(html), atom!("body"));
    driver::parse_fragment(sink, without_scripts(), body, Vec::new(), false).one(html)
}

/// Parses a page with scripts disabled.
pub(crate) fn parse_document(html: &str) -> Html {
    driver::parse_document(HtmlTreeSink::new(Html::new_document()), without_scripts()).one(html)
}

fn without_scripts() -> ParseOpts {
    ParseOpts {
        tree_builder: TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() },
        ..ParseOpts::default()
    }
}

/// Whether markup contains a tag of this name, in any letter case.
pub(in crate::article) fn has_tag(markup: &str, name: &str) -> bool {
    markup.match_indices('<').any(|(at, _)| {
        let tag = markup.as_bytes().get(at + 1..at + 1 + name.len());
        tag.is_some_and(|tag| tag.eq_ignore_ascii_case(name.as_bytes()))
    })
}
