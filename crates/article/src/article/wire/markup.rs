//! Removes markup around lines of wire text about publication: `<b>EMBARGOED UNTIL 1 June 2030</b>`.

use std::borrow::Cow;

use super::super::access;
use super::super::draft::lines::{tag_length, untagged};
use super::super::lifecycle::{self, line};

/// Markup besides tags.
const OTHER_MARKUP: &[&str] = &["<!--", "&lt;", "&gt;", "&nbsp;"];

/// How many lines at the top of a text are examined.
const MAX_LINES: usize = 20;

/// Replaces tags by blanks in lines that begin with a tag and are about publication. Byte offsets don't change.
pub(super) fn without_tags(text: &str) -> Cow<'_, str> {
    let is_tagged = |line: &str| line.trim_start().starts_with(['<', '&']);
    let lines = || text.split_inclusive('\n').filter(|line| !line.trim().is_empty()).take(MAX_LINES);
    if !lines().any(is_tagged) {
        return Cow::Borrowed(text);
    }
    let mut seen = 0;
    let mut blanked = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        seen += usize::from(!line.trim().is_empty());
        if seen <= MAX_LINES && is_tagged(line) && is_about_publication(&untagged(line)) {
            blank_tags(line, &mut blanked);
        } else {
            blanked.push_str(line);
        }
    }
    Cow::Owned(blanked)
}

/// Whether a line is about publication or access.
fn is_about_publication(words: &str) -> bool {
    let says = |(label, value): (&str, &str)| {
        lifecycle::label_meaning(label).is_some() || access::is_access_line(label, value.trim())
    };
    line::parse_embargo(words).is_some() || words.split_once([':', '：']).is_some_and(says)
}

fn blank_tags(line: &str, blanked: &mut String) {
    let mut rest = line;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, tag) = rest.split_at(at);
        blanked.push_str(before);
        let sign = OTHER_MARKUP.iter().find(|sign| tag.starts_with(**sign)).map(|sign| sign.len());
        match sign.or_else(|| tag_length(tag)) {
            Some(length) => {
                blanked.extend(std::iter::repeat_n(' ', length));
                rest = tag.get(length..).unwrap_or_default();
            }
            None => {
                blanked.push_str(tag.get(..1).unwrap_or_default());
                rest = tag.get(1..).unwrap_or_default();
            }
        }
    }
    blanked.push_str(&rest.replace("-->", "   "));
}
