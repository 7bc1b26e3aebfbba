//! Which article an item of the old feed is: the one with its link, else the one with its title and day. What is doubtful is
//! no match, since an id that went to the wrong article cannot be called back from readers.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::OldItem;
use crate::encoding::{decode_segment, encode_segment};
use crate::types::nfc;

/// How far apart two dates of one day may be: one of them may be without a time, or in another zone.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What is to be known of an article.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate<'a> {
    /// Its public address.
    pub url: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Its date, if it states one.
    pub date: Option<Timestamp>,
}

/// What became of an item. Numbers are positions among the articles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// The only article with its link.
    ByLink(usize),
    /// The only article with its title and day; or its title, where the article states no date.
    ByTitle(usize),
    /// It could be these; the reason completes "no match: ".
    Doubtful(&'static str, Vec<usize>),
    /// No article has its link or its title.
    Nothing,
}

/// The items without those that stand there again, and how many those are: pages of one feed overlap.
pub fn distinct(mut items: Vec<OldItem>) -> (Vec<OldItem>, usize) {
    let before = items.len();
    let mut seen = HashSet::new();
    items.retain(|item| {
        let link = item.link.as_deref();
        item.id.is_empty() || seen.insert((item.id.clone(), link.and_then(normal_url).or(link.map(str::to_owned))))
    });
    let again = before - items.len();
    (items, again)
}

/// What each item is.
pub fn find(items: &[OldItem], articles: &[Candidate]) -> Vec<Found> {
    let mut found = by_link(items, articles);
    by_title(items, articles, &mut found);
    found
}

fn by_link(items: &[OldItem], articles: &[Candidate]) -> Vec<Found> {
    let links: Vec<Option<String>> = items.iter().map(|item| normal_url(item.link.as_deref()?)).collect();
    let mut linked: HashMap<&str, (usize, Vec<usize>)> = HashMap::new();
    for link in links.iter().flatten() {
        linked.entry(link).or_default().0 += 1;
    }
    for (at, article) in articles.iter().enumerate() {
        if let Some((_, having)) = normal_url(article.url).and_then(|url| linked.get_mut(url.as_str())) {
            having.push(at);
        }
    }
    let what = |link: &Option<String>| match link.as_deref().and_then(|link| linked.get(link)) {
        Some((1, having)) if let [at] = having.as_slice() => Found::ByLink(*at),
        Some((_, having)) if having.len() == 1 => Found::Doubtful("several items have its link", having.clone()),
        Some((_, having)) if !having.is_empty() => Found::Doubtful("several articles have its link", having.clone()),
        _ => Found::Nothing,
    };
    links.iter().map(what).collect()
}

/// The items and articles that have one title and no match yet.
#[derive(Default)]
struct Namesakes {
    /// Their dates, in order; those without one are counted.
    items: Vec<Timestamp>,
    undated_items: usize,
    articles: Vec<(Timestamp, usize)>,
    undated_articles: Vec<usize>,
}

fn by_title(items: &[OldItem], articles: &[Candidate], found: &mut [Found]) {
    let mut taken = HashSet::new();
    for what in &*found {
        match what {
            Found::ByLink(at) => drop(taken.insert(*at)),
            Found::Doubtful(_, having) => taken.extend(having),
            _ => {}
        }
    }
    let open = |what: &Found, item: &OldItem| (*what == Found::Nothing).then(|| normal_title(&item.title));
    let titles: Vec<Option<String>> =
        items.iter().zip(&*found).map(|(item, what)| open(what, item).filter(|title| !title.is_empty())).collect();
    let mut groups: HashMap<&str, Namesakes> = HashMap::new();
    for (title, item) in titles.iter().zip(items) {
        let Some(title) = title else { continue };
        let group = groups.entry(title).or_default();
        match item.date {
            Some(date) => group.items.push(date),
            None => group.undated_items += 1,
        }
    }
    for (at, article) in articles.iter().enumerate().filter(|(at, _)| !taken.contains(at)) {
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
    for ((title, item), what) in titles.iter().zip(items).zip(found) {
        if let Some(group) = title.as_ref().and_then(|title| groups.get(title.as_str())) {
            *what = group.find(item.date);
        }
    }
}

impl Namesakes {
    fn find(&self, date: Option<Timestamp>) -> Found {
        let all =
            || self.articles.iter().map(|(_, at)| *at).chain(self.undated_articles.iter().copied()).take(9).collect();
        if self.articles.is_empty() && self.undated_articles.is_empty() {
            return Found::Nothing;
        }
        let Some(date) = date else { return Found::Doubtful("it has no date to go with its title", all()) };
        let near = within(&self.articles, date, |(date, _)| *date);
        match (near, self.undated_articles.as_slice()) {
            ([], []) => Found::Doubtful("it has another date than articles with its title", all()),
            (&[(of, at)], []) => self.if_alone(at, within(&self.items, of, |date| *date).len()),
            ([], &[at]) => self.if_alone(at, self.items.len()),
            (near, undated) => {
                let having = near.iter().map(|(_, at)| *at).chain(undated.iter().copied()).take(9);
                Found::Doubtful("several articles have its title", having.collect())
            }
        }
    }

    /// An article is matched where one item alone could be it.
    fn if_alone(&self, at: usize, items: usize) -> Found {
        match items + self.undated_items {
            0 | 1 => Found::ByTitle(at),
            _ => Found::Doubtful("several items have its title", vec![at]),
        }
    }
}

/// Those of an ordered list that are at most a day away from an instant.
fn within<T>(ordered: &[T], instant: Timestamp, date: impl Fn(&T) -> Timestamp) -> &[T] {
    let from = ordered.partition_point(|one| instant.duration_since(date(one)) > DAY);
    let to = ordered.partition_point(|one| date(one).duration_since(instant) <= DAY);
    ordered.get(from..to).unwrap_or_default()
}

/// An address without what differs between two spellings of one page: scheme, a slash or `index.html` at its end, the way in
/// which characters are escaped, the fragment, and `utm_` parameters. `None`: not an address of the web.
pub fn normal_url(raw: &str) -> Option<String> {
    let url = url::Url::parse(raw.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let mut normal = url.host_str()?.to_owned();
    // `Url` leaves the default port of its scheme out.
    if let Some(port) = url.port() {
        normal.push_str(&format!(":{port}"));
    }
    let mut segments: Vec<&str> = url.path().split('/').filter(|segment| !segment.is_empty()).collect();
    segments.pop_if(|last| last.eq_ignore_ascii_case("index.html"));
    for segment in segments {
        normal.push('/');
        normal.push_str(&reescaped(segment));
    }
    let mut separator = '?';
    for parameter in url.query().unwrap_or_default().split('&') {
        let tracks = parameter.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("utm_"));
        if !parameter.is_empty() && !tracks {
            normal.push(separator);
            normal.push_str(&parameter.split('=').map(reescaped).collect::<Vec<_>>().join("="));
            separator = '&';
        }
    }
    Some(normal)
}

/// Part of a URL with everything escaped that may be, in NFC.
fn reescaped(part: &str) -> String {
    encode_segment(&nfc(&String::from_utf8_lossy(&decode_segment(part))))
}

/// A title without what differs between two spellings of it: HTML, case, white space, and the typographic quotes, dashes and
/// dots that WordPress puts in.
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
    fn spellings_of_one_address_are_one() {
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
    fn spellings_of_one_title_are_one() {
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

    /// `day` 0: none.
    fn date(day: i64) -> Option<Timestamp> {
        (day > 0).then(|| Timestamp::from_second(day * 86_400).expect("in range"))
    }

    fn item(id: &str, link: &str, title: &str, day: i64) -> OldItem {
        OldItem {
            id: id.to_owned(),
            id_is_the_feeds: false,
            id_is_link: false,
            link: (!link.is_empty()).then(|| format!("http://x.example/{link}")),
            title: title.to_owned(),
            date: date(day),
        }
    }

    #[test]
    fn an_item_is_one_article_or_none() {
        use Found::{ByLink, ByTitle, Doubtful, Nothing};
        type Rows<'a> = &'a [(&'a str, &'a str, i64)];
        let cases: &[(&str, Rows, Rows, &[Found])] = &[
            ("by link, whatever title and date", &[("a", "T", 1)], &[("a", "U", 9), ("b", "T", 1)], &[ByLink(0)]),
            ("by title and day", &[("old", "T", 5)], &[("a", "T", 6), ("b", "T", 9)], &[ByTitle(0)]),
            ("by title where the article has no date", &[("", "T", 5)], &[("a", "t", 0)], &[ByTitle(0)]),
            ("nothing", &[("old", "T", 5), ("", "", 5)], &[("a", "U", 5)], &[Nothing, Nothing]),
            (
                "another date",
                &[("old", "T", 5)],
                &[("a", "T", 7)],
                &[Doubtful("it has another date than articles with its title", vec![0])],
            ),
            (
                "no date",
                &[("old", "T", 0)],
                &[("a", "T", 9)],
                &[Doubtful("it has no date to go with its title", vec![0])],
            ),
            (
                "two articles of one title and day",
                &[("old", "T", 5)],
                &[("a", "T", 5), ("b", "T", 5)],
                &[Doubtful("several articles have its title", vec![0, 1])],
            ),
            (
                "two articles of one title, one without a date",
                &[("old", "T", 5)],
                &[("a", "T", 0), ("b", "T", 5)],
                &[Doubtful("several articles have its title", vec![1, 0])],
            ),
            (
                "two items of one title and day",
                &[("old", "T", 5), ("older", "T", 5)],
                &[("a", "T", 5)],
                &[Doubtful("several items have its title", vec![0]), Doubtful("several items have its title", vec![0])],
            ),
            (
                "two items of one title, one without a date",
                &[("old", "T", 5), ("older", "T", 0)],
                &[("a", "T", 5)],
                &[
                    Doubtful("several items have its title", vec![0]),
                    Doubtful("it has no date to go with its title", vec![0]),
                ],
            ),
            (
                "a column: one title, many days",
                &[("1", "Weather", 1), ("2", "Weather", 8), ("3", "Weather", 15)],
                &[("a", "Weather", 8), ("b", "Weather", 15), ("c", "Weather", 1)],
                &[ByTitle(2), ByTitle(0), ByTitle(1)],
            ),
            (
                "the namesake is taken by link",
                &[("a", "T", 5), ("old", "T", 5)],
                &[("a", "T", 5)],
                &[ByLink(0), Nothing],
            ),
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
                &[Doubtful("several items have its link", vec![0]), Doubtful("several items have its link", vec![0])],
            ),
            (
                "two articles of one link",
                &[("a", "T", 5)],
                &[("a", "T", 5), ("a", "U", 6)],
                &[Doubtful("several articles have its link", vec![0, 1])],
            ),
        ];
        for (name, items, articles, expected) in cases {
            let items: Vec<OldItem> = items.iter().map(|(link, title, day)| item("urn:a", link, title, *day)).collect();
            let urls: Vec<String> = articles.iter().map(|(link, _, _)| format!("https://x.example/{link}")).collect();
            let rows = articles.iter().zip(&urls);
            let articles: Vec<Candidate> =
                rows.map(|((_, title, day), url)| Candidate { url, title, date: date(*day) }).collect();
            assert_eq!(find(&items, &articles), *expected, "{name}");
        }
    }

    #[test]
    fn what_stands_there_again_counts_once() {
        let items = vec![item("a", "1", "T", 1), item("a", "1/", "U", 1), item("a", "2", "T", 1), item("", "", "T", 1)];
        let (items, again) = distinct([items.clone(), vec![item("", "", "T", 1)]].concat());
        assert_eq!((items.len(), again), (4, 1));
    }
}
