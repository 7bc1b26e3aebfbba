//! Matches the items of the replaced feed with articles: by link, else by title and date.
//!
//! # Why are ambiguous items not matched?
//!
//! Feed readers store ids permanently. If an id goes to the wrong article, nobody can correct that.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::OldItem;
use crate::encoding::{decode_segment, encode_segment};
use crate::types::nfc;

/// How far apart two dates of one article may be. One of them may lack a time or a time zone.
const MAX_DATE_DIFFERENCE: SignedDuration = SignedDuration::from_hours(24);

/// The facts about an article that matching needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate<'a> {
    /// The public URL.
    pub url: &'a str,
    /// The title.
    pub title: &'a str,
    /// The date, if stated.
    pub date: Option<Timestamp>,
}

/// The result for an item. Numbers are indices into the articles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Match {
    /// The only article with the item's link.
    ByLink(usize),
    /// The only article with the item's title and date, or with its title if the article has no date.
    ByTitle(usize),
    /// Several articles may match, or several items may match one article. The reason completes "no match: ".
    Ambiguous(&'static str, Vec<usize>),
    /// The item's link and title match no article.
    None,
}

/// Removes repeated items, since pages of one feed overlap. Returns the others and the number removed.
pub fn distinct(mut items: Vec<OldItem>) -> (Vec<OldItem>, usize) {
    let before = items.len();
    let mut seen = HashSet::new();
    items.retain(|item| {
        let link = item.link.as_deref();
        item.id.is_empty() || seen.insert((item.id.clone(), link.and_then(normal_url).or(link.map(str::to_owned))))
    });
    let repeated = before - items.len();
    (items, repeated)
}

/// Matches each item with an article.
pub fn match_items(items: &[OldItem], articles: &[Candidate]) -> Vec<Match> {
    let mut found = match_by_link(items, articles);
    match_by_title(items, articles, &mut found);
    found
}

fn match_by_link(items: &[OldItem], articles: &[Candidate]) -> Vec<Match> {
    let links: Vec<Option<String>> = items.iter().map(|item| normal_url(item.link.as_deref()?)).collect();
    let mut linked: HashMap<&str, (usize, Vec<usize>)> = HashMap::new();
    for link in links.iter().flatten() {
        linked.entry(link).or_default().0 += 1;
    }
    for (at, article) in articles.iter().enumerate() {
        if let Some((_, candidates)) = normal_url(article.url).and_then(|url| linked.get_mut(url.as_str())) {
            candidates.push(at);
        }
    }
    let outcome = |link: &Option<String>| match link.as_deref().and_then(|link| linked.get(link)) {
        Some((1, candidates)) if let [at] = candidates.as_slice() => Match::ByLink(*at),
        Some((_, candidates)) if candidates.len() == 1 => {
            Match::Ambiguous("several items have its link", candidates.clone())
        }
        Some((_, candidates)) if !candidates.is_empty() => {
            Match::Ambiguous("several articles have its link", candidates.clone())
        }
        _ => Match::None,
    };
    links.iter().map(outcome).collect()
}

/// The unmatched items and articles with one title.
#[derive(Default)]
struct TitleGroup {
    /// The dates of items, sorted. Items without a date are only counted.
    items: Vec<Timestamp>,
    undated_items: usize,
    articles: Vec<(Timestamp, usize)>,
    undated_articles: Vec<usize>,
}

fn match_by_title(items: &[OldItem], articles: &[Candidate], found: &mut [Match]) {
    let mut matched = HashSet::new();
    for outcome in &*found {
        match outcome {
            Match::ByLink(at) => drop(matched.insert(*at)),
            Match::Ambiguous(_, candidates) => matched.extend(candidates),
            _ => {}
        }
    }
    let unmatched_title =
        |outcome: &Match, item: &OldItem| (*outcome == Match::None).then(|| normal_title(&item.title));
    let titles: Vec<Option<String>> = items
        .iter()
        .zip(&*found)
        .map(|(item, outcome)| unmatched_title(outcome, item).filter(|title| !title.is_empty()))
        .collect();
    let mut groups: HashMap<&str, TitleGroup> = HashMap::new();
    for (title, item) in titles.iter().zip(items) {
        let Some(title) = title else { continue };
        let group = groups.entry(title).or_default();
        match item.date {
            Some(date) => group.items.push(date),
            None => group.undated_items += 1,
        }
    }
    for (at, article) in articles.iter().enumerate().filter(|(at, _)| !matched.contains(at)) {
        let Some(group) = groups.get_mut(normal_title(article.title).as_str()) else { continue };
        match article.date {
            Some(date) => group.articles.push((date, at)),
            None => group.undated_articles.push(at),
        }
    }
    for group in groups.values_mut() {
        group.items.sort_unstable();
        group.articles.sort_unstable();
    }
    for ((title, item), outcome) in titles.iter().zip(items).zip(found) {
        if let Some(group) = title.as_ref().and_then(|title| groups.get(title.as_str())) {
            *outcome = group.match_date(item.date);
        }
    }
}

impl TitleGroup {
    fn match_date(&self, date: Option<Timestamp>) -> Match {
        let all =
            || self.articles.iter().map(|(_, at)| *at).chain(self.undated_articles.iter().copied()).take(9).collect();
        if self.articles.is_empty() && self.undated_articles.is_empty() {
            return Match::None;
        }
        let Some(date) = date else { return Match::Ambiguous("it has no date to go with its title", all()) };
        let near = within_a_day(&self.articles, date, |(date, _)| *date);
        match (near, self.undated_articles.as_slice()) {
            ([], []) => Match::Ambiguous("it has another date than articles with its title", all()),
            (&[(of, at)], []) => self.match_if_unique(at, within_a_day(&self.items, of, |date| *date).len()),
            ([], &[at]) => self.match_if_unique(at, self.items.len()),
            (near, undated) => {
                let candidates = near.iter().map(|(_, at)| *at).chain(undated.iter().copied()).take(9);
                Match::Ambiguous("several articles have its title", candidates.collect())
            }
        }
    }

    /// Matches the article if only one item could be it.
    fn match_if_unique(&self, at: usize, items: usize) -> Match {
        match items + self.undated_items {
            0 | 1 => Match::ByTitle(at),
            _ => Match::Ambiguous("several items have its title", vec![at]),
        }
    }
}

/// The part of a sorted list that is at most a day away from an instant.
fn within_a_day<T>(ordered: &[T], instant: Timestamp, date: impl Fn(&T) -> Timestamp) -> &[T] {
    let from = ordered.partition_point(|item| instant.duration_since(date(item)) > MAX_DATE_DIFFERENCE);
    let to = ordered.partition_point(|item| date(item).duration_since(instant) <= MAX_DATE_DIFFERENCE);
    ordered.get(from..to).unwrap_or_default()
}

/// Normalises a web address, so that spellings of one page are equal. Drops the scheme, a final slash or `index.html`, the fragment and
/// `utm_` parameters; unifies escapes. `None` if the address isn't HTTP.
pub fn normal_url(raw: &str) -> Option<String> {
    let url = url::Url::parse(raw.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let mut normal = url.host_str()?.to_owned();
    // `Url` has dropped the scheme's default port already.
    if let Some(port) = url.port() {
        normal.push_str(&format!(":{port}"));
    }
    let mut segments: Vec<&str> = url.path().split('/').filter(|segment| !segment.is_empty()).collect();
    segments.pop_if(|last| last.eq_ignore_ascii_case("index.html"));
    for segment in segments {
        normal.push('/');
        normal.push_str(&normalise_escapes(segment));
    }
    let mut separator = '?';
    for parameter in url.query().unwrap_or_default().split('&') {
        let is_tracking = parameter.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("utm_"));
        if !parameter.is_empty() && !is_tracking {
            normal.push(separator);
            normal.push_str(&parameter.split('=').map(normalise_escapes).collect::<Vec<_>>().join("="));
            separator = '&';
        }
    }
    Some(normal)
}

/// Decodes part of a URL and escapes everything that may be escaped, in NFC.
fn normalise_escapes(part: &str) -> String {
    encode_segment(&nfc(&String::from_utf8_lossy(&decode_segment(part))))
}

/// Normalises a title: HTML, case, white space, and the typographic quotes, dashes and dots that WordPress inserts.
pub fn normal_title(raw: &str) -> String {
    let html = raw.contains(['&', '<']).then(|| scraper::Html::parse_fragment(raw));
    let text = html.map(|html| html.root_element().text().collect::<String>());
    let text = nfc(text.as_deref().unwrap_or(raw)).to_lowercase();
    let mut normal = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !normal.is_empty() {
            normal.push(' ');
        }
        for character in word.chars() {
            match character {
                '\u{2018}'..='\u{201B}' | '\u{2032}' => normal.push('\''),
                '\u{201C}'..='\u{201F}' | '\u{2033}' => normal.push('"'),
                '\u{2010}'..='\u{2015}' | '-' if normal.ends_with('-') => {}
                '\u{2010}'..='\u{2015}' => normal.push('-'),
                '\u{2026}' => normal.push_str("..."),
                other => normal.push(other),
            }
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_url_are_equal() {
        for (one, other, same) in [
            ("http://X.example/a", "https://x.example/a/", true),
            ("https://x.example:443/a", "http://x.example:80/a", true),
            ("https://x.example/a/index.html", "https://x.example/a", true),
            ("https://x.example/%e7%a7%91%7E/", "https://x.example/\u{79d1}~", true),
            ("https://x.example/e%CC%81,b", "https://x.example/%C3%A9%2cb", true),
            ("https://x.example/a#more", "https://x.example/a?utm_source=rss&UTM_medium=rss", true),
            ("https://x.example/?p=1&b=%2f", "https://x.example/?p=1&b=%2F&utm_id=2", true),
            ("https://x.example/a%2Fb", "https://x.example/a/b", false),
            ("https://x.example/?p=1", "https://x.example/?p=2", false),
            ("https://x.example/a", "https://x.example/A", false),
            ("https://x.example:8080/a", "https://x.example/a", false),
            ("https://x.example/a", "https://www.x.example/a", false),
            ("https://x.example/100%", "https://x.example/100%25", true),
        ] {
            assert_eq!(normal_url(one) == normal_url(other), same, "{one} {other} {:?}", normal_url(one));
        }
        for none in ["", "a", "/a", "ftp://x.example/a", "mailto:a@x.example", "urn:a", "http://"] {
            assert_eq!(normal_url(none), None, "{none}");
        }
    }

    #[test]
    fn spellings_of_one_title_are_equal() {
        for (one, other, same) in [
            ("It&#8217;s  \u{201c}On\u{201d}", "it's\u{a0}\"on\"", true),
            ("A <em>B</em> &amp; C &#8211; D&hellip;", "a b & c - d...", true),
            ("Cafe\u{301}", "CAF\u{c9}", true),
            ("A -- B", "A \u{2014} B", true),
            ("1 < 2", "1 &lt; 2", true),
            ("Part 1", "Part 2", false),
        ] {
            assert_eq!(normal_title(one) == normal_title(other), same, "{one} {other}");
        }
    }

    /// Day 0 means no date.
    fn date(day: i64) -> Option<Timestamp> {
        (day > 0).then(|| Timestamp::from_second(day * 86_400).expect("in range"))
    }

    fn item(id: &str, link: &str, title: &str, day: i64) -> OldItem {
        OldItem {
            id: id.to_owned(),
            id_is_feed_id: false,
            id_is_link: false,
            link: (!link.is_empty()).then(|| format!("http://x.example/{link}")),
            title: title.to_owned(),
            date: date(day),
        }
    }

    #[test]
    fn items_match_one_article_or_none() {
        use Match::{Ambiguous, ByLink, ByTitle, None};
        type Rows<'a> = &'a [(&'a str, &'a str, i64)];
        let cases: &[(&str, Rows, Rows, &[Match])] = &[
            ("by link, whatever title and date", &[("a", "T", 1)], &[("a", "U", 9), ("b", "T", 1)], &[ByLink(0)]),
            ("by title and day", &[("old", "T", 5)], &[("a", "T", 6), ("b", "T", 9)], &[ByTitle(0)]),
            ("by title where the article has no date", &[("", "T", 5)], &[("a", "t", 0)], &[ByTitle(0)]),
            ("nothing", &[("old", "T", 5), ("", "", 5)], &[("a", "U", 5)], &[None, None]),
            (
                "another date",
                &[("old", "T", 5)],
                &[("a", "T", 7)],
                &[Ambiguous("it has another date than articles with its title", vec![0])],
            ),
            (
                "no date",
                &[("old", "T", 0)],
                &[("a", "T", 9)],
                &[Ambiguous("it has no date to go with its title", vec![0])],
            ),
            (
                "two articles of one title and day",
                &[("old", "T", 5)],
                &[("a", "T", 5), ("b", "T", 5)],
                &[Ambiguous("several articles have its title", vec![0, 1])],
            ),
            (
                "two articles of one title, one without a date",
                &[("old", "T", 5)],
                &[("a", "T", 0), ("b", "T", 5)],
                &[Ambiguous("several articles have its title", vec![1, 0])],
            ),
            (
                "two items of one title and day",
                &[("old", "T", 5), ("older", "T", 5)],
                &[("a", "T", 5)],
                &[
                    Ambiguous("several items have its title", vec![0]),
                    Ambiguous("several items have its title", vec![0]),
                ],
            ),
            (
                "two items of one title, one without a date",
                &[("old", "T", 5), ("older", "T", 0)],
                &[("a", "T", 5)],
                &[
                    Ambiguous("several items have its title", vec![0]),
                    Ambiguous("it has no date to go with its title", vec![0]),
                ],
            ),
            (
                "a column: one title, many days",
                &[("1", "Weather", 1), ("2", "Weather", 8), ("3", "Weather", 15)],
                &[("a", "Weather", 8), ("b", "Weather", 15), ("c", "Weather", 1)],
                &[ByTitle(2), ByTitle(0), ByTitle(1)],
            ),
            ("the namesake is taken by link", &[("a", "T", 5), ("old", "T", 5)], &[("a", "T", 5)], &[ByLink(0), None]),
            (
                "the namesake is taken by link, and the other is left",
                &[("a", "T", 5), ("old", "T", 5)],
                &[("a", "T", 5), ("b", "T", 5)],
                &[ByLink(0), ByTitle(1)],
            ),
            (
                "two items of one link",
                &[("a", "T", 5), ("a/", "U", 6)],
                &[("a", "T", 5)],
                &[Ambiguous("several items have its link", vec![0]), Ambiguous("several items have its link", vec![0])],
            ),
            (
                "two articles of one link",
                &[("a", "T", 5)],
                &[("a", "T", 5), ("a", "U", 6)],
                &[Ambiguous("several articles have its link", vec![0, 1])],
            ),
        ];
        for (name, items, articles, expected) in cases {
            let items: Vec<OldItem> = items.iter().map(|(link, title, day)| item("urn:a", link, title, *day)).collect();
            let urls: Vec<String> = articles.iter().map(|(link, _, _)| format!("https://x.example/{link}")).collect();
            let rows = articles.iter().zip(&urls);
            let articles: Vec<Candidate> =
                rows.map(|((_, title, day), url)| Candidate { url, title, date: date(*day) }).collect();
            assert_eq!(match_items(&items, &articles), *expected, "{name}");
        }
    }

    #[test]
    fn repeated_items_count_once() {
        let items = vec![item("a", "1", "T", 1), item("a", "1/", "U", 1), item("a", "2", "T", 1), item("", "", "T", 1)];
        let (items, repeated) = distinct([items.clone(), vec![item("", "", "T", 1)]].concat());
        assert_eq!((items.len(), repeated), (4, 1));
    }
}
