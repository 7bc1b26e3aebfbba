//! Extracts the article from JSON-LD (schema.org `Article` and its subtypes).

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Map, Value};

use super::finding::{Field, Finding};
use crate::article::access::{self, Statement};
use crate::article::lifecycle;
use crate::article::meaning::{Certainty, Meaning};
use crate::article::steps;

/// The error in a block that isn't valid JSON: message and byte offset in the block.
pub(super) struct BrokenBlock {
    pub(super) message: String,
    pub(super) at: usize,
}

/// The objects of all blocks of a page.
#[derive(Default)]
pub(super) struct Objects {
    all: Vec<Map<String, Value>>,
    /// The index of the object with each id. Built at the first lookup.
    by_id: OnceCell<HashMap<String, usize>>,
}

impl Objects {
    /// Adds the objects of one block: the outermost, those in arrays, and those in `@graph` and `mainEntity`.
    pub(super) fn add(&mut self, block: &str) -> Result<(), BrokenBlock> {
        steps::add(block.len());
        let json = without_comment(block);
        if json.is_empty() {
            return Ok(());
        }
        let value = serde_json::from_str::<Value>(json).map_err(|error| BrokenBlock {
            message: without_place(&error.to_string()),
            at: block.find(json).unwrap_or_default() + offset(json, error.line(), error.column()),
        })?;
        self.collect(with_plain_keys(value));
        Ok(())
    }

    fn collect(&mut self, value: Value) {
        match value {
            Value::Array(values) => values.into_iter().for_each(|value| self.collect(value)),
            Value::Object(mut object) => {
                let nested = ["@graph", "mainEntity"].map(|key| match object.get(key) {
                    Some(Value::Array(_) | Value::Object(_)) => object.remove(key),
                    _ => None,
                });
                self.all.push(object);
                nested.into_iter().flatten().for_each(|value| self.collect(value));
            }
            _ => {}
        }
    }

    /// The values of the first article. `place` returns the byte range of a value.
    pub(super) fn findings(&self, place: impl Fn(&str, &str) -> Option<Range<usize>>) -> Vec<Finding> {
        // Even without an article, other objects may state that the page is paid.
        let no_article = Map::new();
        let article = self.article().unwrap_or(&no_article);
        let mut findings = Vec::new();
        let mut add = |field: Field, key: &str, value: Option<&str>| {
            let Some(written) = value.map(str::trim).filter(|value| !value.is_empty()) else { return };
            findings.push(Finding {
                field,
                span: place(key, written),
                value: super::decoded(written),
                origin: "JSON-LD",
            });
        };
        let text = |key: &str| self.first_text(article.get(key), &["name", "@value"]);
        add(Field::Title, "headline", text("headline").or_else(|| text("name")));
        add(Field::Published, "datePublished", text("datePublished").or_else(|| text("dateCreated")));
        add(Field::Updated, "dateModified", text("dateModified"));
        let unreadable = self.unreadable("expires");
        add(Field::Expires, "expires", text("expires").or(unreadable.as_deref()));
        let mut authors = ["author", "creator"].map(|key| (key, self.names(article.get(key)))).into_iter();
        if let Some((key, names)) = authors.find(|(_, names)| !names.is_empty()) {
            names.iter().for_each(|name| add(Field::Author, key, Some(name)));
        }
        self.names(article.get("editor")).iter().for_each(|name| add(Field::Editor, "editor", Some(name)));
        add(Field::Section, "articleSection", text("articleSection"));
        // A string is a list with commas (schema.org/keywords). The items of an array aren't split.
        let is_list = |c: char| {
            matches!(c, ',' | '，' | ';' | '；' | '、') && article.get("keywords").is_some_and(Value::is_string)
        };
        for keywords in self.texts(article.get("keywords"), &["name"]) {
            keywords.split(is_list).for_each(|keyword| add(Field::Tag, "keywords", Some(keyword)));
        }
        add(Field::Summary, "description", text("description").or_else(|| text("abstract")));
        add(Field::Language, "inLanguage", self.first_text(article.get("inLanguage"), &["alternateName", "name"]));
        let page = self.first_text(article.get("mainEntityOfPage"), &["@id", "url"]);
        let link = self.first_text(article.get("url"), &["@id"]).or(page).filter(|url| !url.starts_with('#'));
        add(Field::Link, "url", link);
        add(Field::Copyright, "copyrightNotice", text("copyrightNotice"));
        if let Some(image) = article.get("image") {
            add(Field::ImageUrl, "image", self.first_text(Some(image), &["url", "contentUrl", "@id"]));
            if let Some(image) = self.first_object(image) {
                add(Field::ImageAlt, "image", self.first_text(image.get("alternateName"), &[]));
                add(Field::ImageCaption, "caption", self.first_text(image.get("caption"), &["text", "name"]));
                let credit = self.first_text(image.get("creditText"), &[]);
                let credit =
                    credit.or_else(|| self.first_text(image.get("creator").or_else(|| image.get("author")), &["name"]));
                add(Field::ImageCredit, "creditText", credit);
            }
        }
        if let Some(parts) = self.paywall() {
            add(Field::Paywall, "isAccessibleForFree", Some("False"));
            // A part without a selector can't be found.
            parts.iter().for_each(|part| add(Field::PaidPart, "cssSelector", Some(part.unwrap_or("?"))));
        }
        findings
    }

    /// The statements about publication in all objects. A status counts only in pages and articles, an embargo in any object.
    pub(super) fn publication(&self, place: impl Fn(&str, &str) -> Option<Range<usize>>) -> Vec<Finding> {
        const KEYS: &[&str] = &["name", "termCode", "@value", "@id", "url"];
        let is_about_page = |object: &Map<String, Value>| {
            let named = |name: &str| name.rsplit(['/', ':', '#']).next() == Some("CreativeWork");
            let types = match object.get("@type") {
                None => return true,
                Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(named),
                Some(name) => name.as_str().is_some_and(named),
            };
            types || is_article(object) || is_page(object)
        };
        let pages = self.all.iter().filter_map(|object| object.get("mainEntityOfPage")?.as_object());
        let mut findings = Vec::new();
        for object in self.all.iter().chain(pages) {
            for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
                let meaning = match lifecycle::lookup(key) {
                    Some((Meaning::Embargo, Certainty::Certain)) => Meaning::Embargo,
                    Some((meaning @ (Meaning::Status | Meaning::Draft | Meaning::Public), Certainty::Certain))
                        if is_about_page(object) =>
                    {
                        meaning
                    }
                    _ => {
                        let is_about = |known: &&str| is_about_page(object) && !known.eq_ignore_ascii_case(FREE);
                        if let Some(known) = access::unmistakable_key(key).filter(is_about) {
                            let texts = self.texts(Some(value), KEYS);
                            let own = value.as_bool().map(|value| value.to_string());
                            let stated = texts.into_iter().map(str::to_owned).chain(own);
                            let stated = stated
                                .filter(|text| matches!(access::statement(known, text), Statement::Restricted(_)));
                            findings.extend(stated.map(|text| Finding {
                                field: Field::Access(known),
                                span: place(key, &text),
                                value: text,
                                origin: "JSON-LD",
                            }));
                        }
                        continue;
                    }
                };
                let mut stated = self.texts(Some(value), KEYS);
                stated.retain(|text| !text.trim().is_empty());
                let unreadable = value.to_string();
                if stated.is_empty() {
                    stated.push(&unreadable);
                }
                let found = stated.into_iter().map(|text| (place(key, text), text.to_owned()));
                findings.extend(found.map(|(span, value)| Finding {
                    field: Field::Publication(meaning),
                    value,
                    span,
                    origin: "JSON-LD",
                }));
            }
        }
        findings
    }

    /// The selectors of the paid parts, if the page or an article in it isn't free. `None` for a part without a selector
    /// (developers.google.com/search/docs/appearance/structured-data/paywalled-content).
    fn paywall(&self) -> Option<Vec<Option<&str>>> {
        let has_article = self.article().is_some();
        let states_access =
            |object: &&Map<String, Value>| is_article(object) || is_page(object) || (!has_article && !is_part(object));
        let mut is_paid = false;
        let mut parts = Vec::new();
        let mut listed: Vec<&Map<String, Value>> = self.all.iter().filter(|object| is_part(object)).collect();
        for object in self.all.iter().filter(states_access) {
            is_paid |= object.get(FREE).is_some_and(is_false);
            listed.extend(self.objects(object.get("hasPart")));
        }
        for part in listed.into_iter().filter(|part| part.get(FREE).is_some_and(is_false)) {
            is_paid = true;
            let selectors = self.texts(part.get("cssSelector"), &["@value"]);
            parts.extend(selectors.iter().map(|selector| Some(*selector)));
            if selectors.is_empty() {
                parts.push(None);
            }
        }
        is_paid.then_some(parts)
    }

    fn objects<'v>(&'v self, value: Option<&'v Value>) -> Vec<&'v Map<String, Value>> {
        match value {
            Some(Value::Object(object)) => vec![self.resolved(object)],
            Some(Value::Array(values)) => values.iter().flat_map(|value| self.objects(Some(value))).collect(),
            _ => Vec::new(),
        }
    }

    fn article(&self) -> Option<&Map<String, Value>> {
        let articles = || self.all.iter().filter(|object| is_article(object));
        articles().find(|object| object.contains_key("headline")).or_else(|| articles().next())
    }

    /// The article's value of a key as JSON, if the value isn't null and contains no text.
    pub(super) fn unreadable(&self, key: &str) -> Option<String> {
        let value = self.article()?.get(key).filter(|value| !value.is_null())?;
        let text = self.first_text(Some(value), &["name", "@value"]).map(str::trim);
        text.is_none_or(str::is_empty).then(|| value.to_string())
    }

    /// The first text of a value: the value itself, an item of an array, or the value of one of these keys of an object.
    fn first_text<'v>(&'v self, value: Option<&'v Value>, keys: &[&str]) -> Option<&'v str> {
        self.texts(value, keys).into_iter().next()
    }

    /// The names of people and organisations.
    fn names<'v>(&'v self, value: Option<&'v Value>) -> Vec<Cow<'v, str>> {
        match value {
            Some(Value::Array(values)) => values.iter().flat_map(|value| self.names(Some(value))).collect(),
            Some(Value::Object(object)) => {
                let object = self.resolved(object);
                let text =
                    |key| self.first_text(object.get(key), &["@value"]).map(str::trim).filter(|text| !text.is_empty());
                let whole = ["name", "legalName", "alternateName"].into_iter().find_map(text).map(Cow::Borrowed);
                let parts = || {
                    let parts = ["honorificPrefix", "givenName", "additionalName", "familyName", "honorificSuffix"];
                    parts.into_iter().filter_map(text).collect::<Vec<_>>().join(" ")
                };
                whole.or_else(|| Some(Cow::Owned(parts()))).filter(|name| !name.is_empty()).into_iter().collect()
            }
            _ => self.texts(value, &[]).into_iter().map(Cow::Borrowed).collect(),
        }
    }

    fn texts<'v>(&'v self, value: Option<&'v Value>, keys: &[&str]) -> Vec<&'v str> {
        match value {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(values)) => values.iter().flat_map(|value| self.texts(Some(value), keys)).collect(),
            Some(Value::Object(object)) => {
                let object = self.resolved(object);
                let of = |key: &&str| match object.get(*key) {
                    Some(Value::String(text)) => Some(text.as_str()),
                    Some(Value::Array(values)) => values.iter().find_map(Value::as_str),
                    _ => None,
                };
                keys.iter().find_map(of).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn first_object<'v>(&'v self, value: &'v Value) -> Option<&'v Map<String, Value>> {
        match value {
            Value::Object(object) => Some(self.resolved(object)),
            Value::Array(values) => {
                values.iter().find_map(|value| value.as_object()).map(|object| self.resolved(object))
            }
            _ => None,
        }
    }

    /// Resolves a reference such as `{"@id": "#ann"}`, with or without a type.
    fn resolved<'v>(&'v self, object: &'v Map<String, Value>) -> &'v Map<String, Value> {
        match object.get("@id") {
            Some(Value::String(id)) if is_reference(object) => {
                let by_id = self.by_id.get_or_init(|| {
                    let described = self.all.iter().enumerate().filter(|(_, other)| !is_reference(other));
                    let ids = described.filter_map(|(at, other)| Some((other.get("@id")?.as_str()?.to_owned(), at)));
                    // The first object with an id wins.
                    ids.rev().collect()
                });
                by_id.get(id).and_then(|at| self.all.get(*at)).unwrap_or(object)
            }
            _ => object,
        }
    }
}

/// Whether an object has only an id and a type.
fn is_reference(object: &Map<String, Value>) -> bool {
    object.keys().all(|key| matches!(key.as_str(), "@id" | "@type"))
}

/// Removes schema.org's prefix from keys: `schema:expires`, `https://schema.org/expires`. Replaces lists and sets (JSON-LD 1.1,
/// section 4.3) by arrays.
fn with_plain_keys(value: Value) -> Value {
    const PREFIXES: &[&str] = &["schema:", "http://schema.org/", "https://schema.org/"];
    match value {
        Value::Array(values) => values.into_iter().map(with_plain_keys).collect(),
        Value::Object(mut object) if object.contains_key("@list") || object.contains_key("@set") => {
            let items = object.remove("@list").or_else(|| object.remove("@set")).unwrap_or_default();
            with_plain_keys(if items.is_array() { items } else { Value::Array(vec![items]) })
        }
        Value::Object(object) => {
            let plain = |key: String| PREFIXES.iter().find_map(|prefix| key.strip_prefix(prefix)).map(str::to_owned);
            let named =
                object.into_iter().map(|(key, value)| (plain(key.clone()).unwrap_or(key), with_plain_keys(value)));
            Value::Object(named.collect())
        }
        other => other,
    }
}

const FREE: &str = "isAccessibleForFree";

/// Whether a Boolean value is anything but `true`.
fn is_false(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => access::may_restrict(FREE, Some(text)),
        Value::Array(values) => values.iter().any(is_false),
        Value::Object(object) => object.get("@value").is_none_or(is_false),
    }
}

/// Whether a block that isn't valid JSON states that its article isn't free.
pub(super) fn says_paid(block: &str) -> bool {
    let mut after = block.split(FREE).skip(1);
    after.any(|value| {
        let value = value.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ':'));
        !value.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("true"))
    })
}

fn is_page(object: &Map<String, Value>) -> bool {
    has_type(object, |name| name.ends_with("Page"))
}

fn is_part(object: &Map<String, Value>) -> bool {
    has_type(object, |name| name == "WebPageElement")
}

/// Whether an object is an article: schema.org has more than a dozen types of them.
fn is_article(object: &Map<String, Value>) -> bool {
    has_type(object, |name| name.ends_with("Article") || ["BlogPosting", "LiveBlogPosting", "Report"].contains(&name))
}

fn has_type(object: &Map<String, Value>, is_wanted: impl Fn(&str) -> bool) -> bool {
    let named = |name: &str| is_wanted(name.rsplit(['/', ':', '#']).next().unwrap_or(name));
    match object.get("@type") {
        Some(Value::String(name)) => named(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(named),
        _ => false,
    }
}

/// The JSON without the comments that old pages wrap around scripts.
fn without_comment(block: &str) -> &str {
    let mut json = block.trim();
    for (opening, closing) in
        [("<!--", "-->"), ("//<![CDATA[", "//]]>"), ("<![CDATA[", "]]>"), ("/*<![CDATA[*/", "/*]]>*/")]
    {
        if let Some(inside) = json.strip_prefix(opening) {
            json = inside.trim().strip_suffix(closing).unwrap_or(inside).trim();
        }
    }
    json.strip_suffix(';').unwrap_or(json)
}

fn offset(json: &str, line: usize, column: usize) -> usize {
    let before = json.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    (before + column.saturating_sub(1)).min(json.len())
}

/// Removes the position in the block from serde_json's message. The diagnostic has the position in the file.
fn without_place(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}
