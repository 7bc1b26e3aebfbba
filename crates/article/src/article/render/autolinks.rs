//! Finds addresses in text, as GitHub's Markdown does: `https://...`, `www....` and e-mail addresses (GFM, section 6.9).

use pulldown_cmark::{CowStr, Event, LinkType, Tag, TagEnd};

/// The text with links for its addresses.
pub(super) fn autolinks(text: CowStr<'_>) -> Vec<Event<'_>> {
    if !text.contains("://") && !text.contains("www.") && !text.contains('@') {
        return vec![Event::Text(text)];
    }
    let mut events = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = next(&text, at) {
        let Found { start, end, address } = found;
        let before = text.get(copied..start).unwrap_or_default();
        if !before.is_empty() {
            events.push(Event::Text(before.to_owned().into()));
        }
        events.extend(link(address, text.get(start..end).unwrap_or_default().to_owned()));
        copied = end;
        at = end;
    }
    if copied == 0 {
        return vec![Event::Text(text)];
    }
    let rest = text.get(copied..).unwrap_or_default();
    if !rest.is_empty() {
        events.push(Event::Text(rest.to_owned().into()));
    }
    events
}

/// A link to an address with the address as its text.
fn link<'a>(address: String, text: String) -> [Event<'a>; 3] {
    let tag = Tag::Link { link_type: LinkType::Autolink, dest_url: address.into(), title: "".into(), id: "".into() };
    [Event::Start(tag), Event::Text(text.into()), Event::End(TagEnd::Link)]
}

struct Found {
    start: usize,
    end: usize,
    address: String,
}

/// The next address at or after a byte offset.
fn next(text: &str, from: usize) -> Option<Found> {
    let mut at = from;
    loop {
        let sign = at + text.get(at..)?.find([':', 'w', 'W', '@'])?;
        let rest = text.get(sign..)?;
        let found = match rest.as_bytes().first() {
            Some(b':') => web(text, from, sign),
            Some(b'@') => mail(text, from, sign),
            _ => www(text, from, sign),
        };
        if found.is_some() {
            return found;
        }
        at = sign + 1;
    }
}

fn web(text: &str, from: usize, colon: usize) -> Option<Found> {
    text.get(colon..)?.strip_prefix("://")?;
    let before = text.get(from..colon)?;
    let scheme = ["https", "http", "ftp"].into_iter().find(|scheme| {
        before
            .len()
            .checked_sub(scheme.len())
            .and_then(|at| before.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(scheme))
    })?;
    let start = colon - scheme.len();
    begins_word(text, start).then_some(())?;
    let end = address_end(text, colon + 3)?;
    Some(Found { start, end, address: text.get(start..end)?.to_owned() })
}

fn www(text: &str, from: usize, start: usize) -> Option<Found> {
    let is_www = text.get(start..start + 4).is_some_and(|word| word.eq_ignore_ascii_case("www."));
    (is_www && start >= from && begins_word(text, start)).then_some(())?;
    let end = address_end(text, start)?;
    Some(Found { start, end, address: format!("http://{}", text.get(start..end)?) })
}

fn mail(text: &str, from: usize, at: usize) -> Option<Found> {
    let is_local = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    let local = text.get(from..at)?.bytes().rev().take_while(|byte| is_local(char::from(*byte))).count();
    let start = at - local;
    let domain = text.get(at + 1..)?;
    let length =
        domain.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')).count();
    let domain = domain.get(..length)?.trim_end_matches('.');
    let is_domain = domain.contains('.') && !domain.starts_with('.') && !domain.ends_with(['-', '_']);
    let follows_slash = text.get(..start).is_some_and(|before| before.ends_with('/'));
    (local > 0 && is_domain && !follows_slash).then_some(())?;
    let end = at + 1 + domain.len();
    Some(Found { start, end, address: format!("mailto:{}", text.get(start..end)?) })
}

/// Whether an address may begin here: at the start, after a blank, or after a sign of emphasis or a bracket.
fn begins_word(text: &str, start: usize) -> bool {
    text.get(..start).is_some_and(|before| {
        before.chars().next_back().is_none_or(|c| !c.is_ascii_alphanumeric() && !matches!(c, '/' | ':' | '@' | '.'))
    })
}

/// The end of an address whose domain begins at `domain`, without the punctuation of the sentence. `None` if the domain isn't valid.
fn address_end(text: &str, domain: usize) -> Option<usize> {
    let rest = text.get(domain..)?;
    let length = rest.find(|c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '"' | '“' | '”' | '，' | '。' | '、' | '）' | '」')
    });
    let mut address = rest.get(..length.unwrap_or(rest.len()))?;
    let host = address.split(['/', '?', '#', ':']).next()?;
    let is_host = host.split('.').count() > 1 && host.split('.').rev().skip(1).all(|part| !part.is_empty());
    let is_host = is_host || host == "localhost";
    let is_plain =
        host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ',' | ')' | '!' | '*' | '\''));
    (is_host && is_plain && host.starts_with(|c: char| c.is_alphanumeric())).then_some(())?;
    loop {
        let trimmed = address.trim_end_matches(['?', '!', '.', ',', ':', '*', '_', '~', '\'', ';']);
        let closes = trimmed.ends_with(')') && trimmed.matches(')').count() > trimmed.matches('(').count();
        let trimmed = if closes { trimmed.get(..trimmed.len() - 1)? } else { trimmed };
        if trimmed.len() == address.len() {
            break;
        }
        address = trimmed;
    }
    (!address.is_empty()).then_some(domain + address.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_links() {
        for (text, expected) in [
            ("see https://x.example/a_b?c=d.", "see [https://x.example/a_b?c=d](https://x.example/a_b?c=d)."),
            ("(https://x.example/a_(b))", "([https://x.example/a_(b)](https://x.example/a_(b)))"),
            ("www.x.example, too", "[www.x.example](http://www.x.example), too"),
            ("mail a.b@x.example.", "mail [a.b@x.example](mailto:a.b@x.example)."),
            ("http://localhost:80/ http://", "[http://localhost:80/](http://localhost:80/) http://"),
            ("xhttps://x.example", "xhttps://x.example"),
            ("https://nodot and w w", "https://nodot and w w"),
            (
                "https://a.example https://b.example",
                "[https://a.example](https://a.example) [https://b.example](https://b.example)",
            ),
            ("见https://x.example/a。", "见[https://x.example/a](https://x.example/a)。"),
            ("@someone and a@b", "@someone and a@b"),
        ] {
            let shown = autolinks(text.into()).into_iter().fold(
                (String::new(), String::new()),
                |(mut shown, mut open), event| {
                    match event {
                        Event::Start(Tag::Link { dest_url, .. }) => {
                            shown.push('[');
                            open = dest_url.to_string();
                        }
                        Event::End(_) => shown.push_str(&format!("]({})", std::mem::take(&mut open))),
                        Event::Text(text) => shown.push_str(&text),
                        _ => {}
                    }
                    (shown, open)
                },
            );
            assert_eq!(shown.0, expected);
        }
    }
}
