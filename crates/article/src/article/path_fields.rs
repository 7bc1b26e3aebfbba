//! Reads the facts about an article that the path of its file states: date, slug, language and title.
//!
//! `2026-11-04-slug.md`, `20261104-slug.md`, `2026/11/04/slug.md` and `2026/11/04-slug.md` state a date. `slug.fr.md` is in French.

use super::bundle;
use crate::types::ArticlePath;

/// The date and the slug in a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PathFields<'n> {
    /// The date, as `2026-11-04`.
    pub(super) date: Option<String>,
    /// The part of the date's origin.
    pub(super) origin: &'static str,
    pub(super) slug: &'n str,
}

impl PathFields<'_> {
    /// Whether the path is a post's, as in Jekyll: its name begins with a date, or it's in the folder `_posts`.
    pub(super) fn is_post(&self, path: &ArticlePath) -> bool {
        let has_dated_name = self.date.is_some() && self.origin == FILE_NAME;
        has_dated_name || path.folder().split('/').any(|folder| folder == "_posts")
    }
}

const FILE_NAME: &str = "file name";

/// Parses the date and the slug of an article. `name` is its file's name without extension, or its folder's name.
pub(super) fn of<'n>(path: &ArticlePath, name: &'n str) -> PathFields<'n> {
    if let Some((date, slug)) = split_date(name) {
        return PathFields { date: Some(date), origin: FILE_NAME, slug };
    }
    let folders: Vec<&str> = bundle::section_folder(path).rsplit('/').take(3).collect();
    let by_folders = match *folders.as_slice() {
        [day, month, year] => date(year, month, day).map(|date| (date, name)),
        _ => None,
    };
    let by_day = || {
        let [month, year, ..] = *folders.as_slice() else { return None };
        let (day, slug) = name.split_once(['-', '_']).filter(|(_, slug)| !slug.is_empty())?;
        (day.len() == 2).then_some(())?;
        Some((date(year, month, day)?, slug))
    };
    match by_folders.or_else(by_day) {
        Some((date, slug)) => PathFields { date: Some(date), origin: "folders", slug },
        None => PathFields { date: None, origin: FILE_NAME, slug: name },
    }
}

/// Splits a name such as `2026-11-23-slug` into date and slug. The slug of a name that is only a date is the name.
fn split_date(name: &str) -> Option<(String, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (year, rest) = name.split_at_checked(4)?;
    let (separated, separator) = match rest.strip_prefix(['-', '_', '.']) {
        Some(rest) => (rest, rest.len()),
        None => (rest, 0),
    };
    let (month, day, rest) = if separator == 0 {
        let (month, rest) = rest.split_at_checked(2)?;
        let (day, rest) = rest.split_at_checked(2)?;
        (month, day, rest)
    } else {
        let sign = rest.chars().next()?;
        let (month, rest) = separated.split_at_checked(digits(separated))?;
        let rest = rest.strip_prefix(sign)?;
        let (day, rest) = rest.split_at_checked(digits(rest))?;
        (month, day, rest)
    };
    // `2026-02-30-slug` is meant as a date, so the mistake has to be reported.
    let is_meant = separator > 0 && month.len() == 2 && day.len() == 2 && name.get(4..5) == Some("-");
    let mistaken = || (is_meant && is_year(year)).then(|| format!("{year}-{month}-{day}"));
    let date = date(year, month, day).or_else(mistaken)?;
    if rest.is_empty() {
        return Some((date, name));
    }
    let slug = rest.strip_prefix(['-', '_', '.', ' ']).map(str::trim_start).filter(|slug| !slug.is_empty())?;
    Some((date, slug))
}

/// The date with these parts, if there is one.
fn date(year: &str, month: &str, day: &str) -> Option<String> {
    let is_number =
        |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_year(year) && is_number(month, 2) && is_number(day, 2)).then_some(())?;
    let date = jiff::civil::Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
    Some(date.to_string())
}

fn is_year(text: &str) -> bool {
    text.len() == 4
        && (text.starts_with("19") || text.starts_with('2'))
        && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The languages of ISO 639-1, without codes that end other names more often, such as `site.io` and `module.ts`.
const LANGUAGES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en \
                         eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz id ig ii ik is it iu ja jv ka kg \
                         ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng \
                         nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn sq sr ss st su \
                         sv sw ta te tg th ti tk tl tn tr tt tw ty ug uk ur uz ve vi wa wo xh yi yo za zh zu";

/// The language that a file's name ends with: `fr` for `post.fr.md`.
pub(super) fn language(path: &ArticlePath) -> Option<&str> {
    let (name, language) = path.stem().rsplit_once('.')?;
    let mut subtags = language.split(['-', '_']);
    let code = subtags.next()?;
    let is_language = code.len() == 2 && LANGUAGES.split(' ').any(|known| known == code);
    let is_subtag = |tag: &str| (2..=4).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (!name.is_empty() && is_language && subtags.all(is_subtag) && bundle::is_page(path.extension())).then_some(language)
}

/// The title of a post without one, as in Jekyll: `Night Ferry` for `2026-11-04-night-ferry.md`. `None` if nothing shows that the file is a
/// post. A section's page is named after its folder.
pub(super) fn title(path: &ArticlePath, fields: &PathFields<'_>) -> Option<String> {
    if bundle::is_section_page(path) {
        return path
            .folder()
            .rsplit('/')
            .next()
            .map(str::to_owned)
            .filter(|name| !name.is_empty())
            .or(Some("/".into()));
    }
    (fields.is_post(path) && bundle::is_page(path.extension()) && !path.extension().eq_ignore_ascii_case("txt"))
        .then_some(())?;
    let name = match language(path) {
        Some(language) => fields.slug.strip_suffix(language)?.strip_suffix('.')?,
        None => fields.slug,
    };
    let words = name.split(['-', '_', ' ']).filter(|word| !word.is_empty()).map(|word| {
        let mut characters = word.chars();
        let first = characters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(characters).collect::<String>()
    });
    Some(words.collect::<Vec<_>>().join(" ")).filter(|title| title.contains(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_state_dates_and_slugs() {
        for (path, date, slug) in [
            ("a/2026-11-03-tide.md", Some("2026-11-03"), "tide"),
            ("a/2026-11-03.md", Some("2026-11-03"), "2026-11-03"),
            ("a/2026-1-3-x.md", Some("2026-01-03"), "x"),
            ("a/2026_11_03_x.md", Some("2026-11-03"), "x"),
            ("a/2026.11.03 x.md", Some("2026-11-03"), "x"),
            ("a/20261103-x.md", Some("2026-11-03"), "x"),
            ("a/20261103.md", Some("2026-11-03"), "20261103"),
            ("2026/11/03/x.md", Some("2026-11-03"), "x"),
            ("posts/2026/11/3/x/index.md", Some("2026-11-03"), "x"),
            ("posts/2026/11/03-x.md", Some("2026-11-03"), "x"),
            ("posts/2026/11/x.md", None, "x"),
            ("a/2026-13-03-x.md", Some("2026-13-03"), "x"),
            ("a/2026-02-30-x.md", Some("2026-02-30"), "x"),
            ("a/20260230-x.md", None, "20260230-x"),
            ("a/2026-11_03-x.md", None, "2026-11_03-x"),
            ("a/20261103x.md", None, "20261103x"),
            ("a/12345678-x.md", None, "12345678-x"),
            ("a/2026-budget.md", None, "2026-budget"),
            ("a/科技-新闻.md", None, "科技-新闻"),
        ] {
            let path = ArticlePath::new(path);
            let name = bundle::name(&path);
            let fields = of(&path, &name);
            assert_eq!((fields.date.as_deref(), fields.slug), (date, slug), "{path}");
        }
    }

    #[test]
    fn names_state_languages_and_titles() {
        for (path, expected_language, expected_title) in [
            ("a/post.fr.md", Some("fr"), None),
            ("a/post.zh-Hant.md", Some("zh-Hant"), None),
            ("a/post/index.de.md", Some("de"), None),
            ("a/node.js.md", None, None),
            ("a/v1.2.md", None, None),
            ("a/fr.md", None, None),
            ("a/post.fr.json", None, None),
            ("_posts/2026-11-04-night-ferry.md", None, Some("Night Ferry")),
            ("2026-11-04-night-ferry.fr.md", Some("fr"), Some("Night Ferry")),
            ("_posts/night_ferry.md", None, Some("Night Ferry")),
            ("a/night-ferry.md", None, None),
            ("a/2026-11-04.md", None, None),
        ] {
            let path = ArticlePath::new(path);
            let name = bundle::name(&path);
            assert_eq!(language(&path), expected_language, "{path}");
            assert_eq!(title(&path, &of(&path, &name)).as_deref(), expected_title, "{path}");
        }
    }
}
