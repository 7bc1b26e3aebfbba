//! Boxes between colons, `::: warning`, as Docusaurus, VitePress and Pandoc write them. They become quotes with a heading.

use std::borrow::Cow;

use super::code::{CodeScanner, Syntax, line_at, next_line};

/// The text with quotes in place of boxes.
pub(super) fn as_quotes(text: &str) -> Cow<'_, str> {
    if !text.contains(":::") {
        return Cow::Borrowed(text);
    }
    let mut code = CodeScanner::new(text, Syntax::Markdown);
    let mut written = String::with_capacity(text.len());
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let (line, next) = match code.block_at(at) {
            Some(end) => (None, end),
            None => (Some(line_at(text, at)), next_line(text, at)),
        };
        let words = line
            .map(str::trim)
            .and_then(|line| line.strip_prefix(":::"))
            .map(|rest| rest.trim_start_matches(':').trim());
        match words {
            Some("") if depth > 0 => {
                depth -= 1;
                written.push_str("\n\n</blockquote>\n\n");
            }
            Some(words) if !words.is_empty() => {
                depth += 1;
                written.push_str("\n\n<blockquote>\n\n**");
                written.push_str(&heading(words));
                written.push_str("**\n\n");
            }
            _ => written.push_str(text.get(at..next).unwrap_or_default()),
        }
        at = next;
    }
    // A box that isn't closed ends with the text.
    written.push_str(&"\n\n</blockquote>\n".repeat(depth.min(100)));
    Cow::Owned(written)
}

/// The heading of a box: its title, else its kind with a capital letter. `warning Title`, `{.warning}`, `note[Title]`.
fn heading(words: &str) -> String {
    let words = words.trim_matches(|c: char| matches!(c, '{' | '}' | '.') || c.is_whitespace());
    let bracketed = words.split_once('[').and_then(|(_, title)| title.strip_suffix(']'));
    let title = bracketed.or_else(|| words.split_once(char::is_whitespace).map(|(_, title)| title));
    let shown = title.map(str::trim).filter(|title| !title.is_empty()).unwrap_or(words);
    let mut characters = shown.chars().filter(|c| !matches!(c, '*' | '[' | ']'));
    characters.next().into_iter().flat_map(char::to_uppercase).chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_become_quotes() {
        for (text, expected) in [
            ("::: warning\nHot.\n:::\n", "\n\n<blockquote>\n\n**Warning**\n\nHot.\n\n\n</blockquote>\n\n"),
            (":::note[Mind the gap]\nx\n:::", "\n\n<blockquote>\n\n**Mind the gap**\n\nx\n\n\n</blockquote>\n\n"),
            ("::: tip Try it\nx", "\n\n<blockquote>\n\n**Try it**\n\nx\n\n</blockquote>\n"),
            ("```\n::: warning\n```\n", "```\n::: warning\n```\n"),
            (":::\n", ":::\n"),
        ] {
            assert_eq!(as_quotes(text), expected);
        }
    }
}
