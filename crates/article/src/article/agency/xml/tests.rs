//! Items as golden files, mistakes and their places, how text is resolved, and how long reading takes.

mod attacks;

use std::fmt::Write as _;
use std::path::Path;

use self::attacks::attacks;
use super::{Malformed, Reader, Token};
use crate::article::agency::item::{Field, Item, Rendition};
use crate::article::agency::{newsml, nitf};
use crate::article::steps;

/// Reads a file in the format that its root element names.
fn read(text: &str) -> Result<Vec<Item>, Malformed> {
    if Reader::new(text)?.root()?.name == "nitf" { nitf::read(text).map(|item| vec![item]) } else { newsml::read(text) }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1
}

/// The items as text. Each line has the name of a field, the place that states it, and its value.
fn describe(text: &str, items: &[Item]) -> String {
    let mut facts = String::new();
    for item in items {
        let (first, last) = (line_of(text, item.span.start), line_of(text, item.span.end));
        writeln!(facts, "# {:?}, lines {first} to {last}", item.kind).expect("a string");
        for (name, field) in fields(item) {
            assert!(text.get(field.span.clone()).is_some(), "{name}: {:?} is not in the text", field.span);
            let line = line_of(text, field.span.start);
            writeln!(facts, "{name} ({}:{line}): {}", field.origin, field.text).expect("a string");
        }
    }
    facts
}

/// The fields of an item without their places, one per line.
pub(in crate::article::agency) fn facts(item: &Item) -> String {
    let lines = fields(item).into_iter().map(|(name, field)| format!("{name} ({}): {}", field.origin, field.text));
    lines.collect::<Vec<_>>().join("\n")
}

/// The fields of an item and their names.
fn fields(item: &Item) -> Vec<(String, &Field)> {
    let mut fields: Vec<(String, &Field)> = Vec::new();
    for (name, field) in [
        ("id", &item.id),
        ("version", &item.version),
        ("version created", &item.version_created),
        ("first created", &item.first_created),
        ("modified", &item.modified),
        ("status", &item.status),
        ("embargo", &item.embargo),
        ("expires", &item.expires),
        ("reference status", &item.reference_status),
        ("title", &item.title),
        ("dateline", &item.dateline),
        ("place", &item.place),
        ("source", &item.source),
        ("provider", &item.provider),
        ("copyright holder", &item.copyright_holder),
        ("copyright notice", &item.copyright_notice),
        ("usage terms", &item.usage_terms),
        ("language", &item.language),
        ("slugline", &item.slugline),
        ("urgency", &item.urgency),
        ("summary", &item.summary),
        ("link", &item.link),
    ] {
        fields.extend(field.iter().map(|field| (name.to_owned(), field)));
    }
    for (name, list) in [
        ("further status", &item.further_statuses),
        ("further embargo", &item.further_embargoes),
        ("further expiry", &item.further_expiries),
        ("signal", &item.signals),
        ("subhead", &item.subheads),
        ("byline", &item.bylines),
        ("author", &item.authors),
        ("keyword", &item.keywords),
        ("editor note", &item.editor_notes),
        ("related", &item.related),
    ] {
        fields.extend(list.iter().map(|field| (name.to_owned(), field)));
    }
    for reference in &item.references {
        fields.push(("reference".into(), &reference.id));
        fields.extend(reference.relation.iter().map(|relation| ("reference relation".into(), relation)));
    }
    for subject in &item.subjects {
        fields.extend(subject.code.iter().map(|code| ("subject code".into(), code)));
        fields.extend(subject.name.iter().map(|name| ("subject name".into(), name)));
    }
    for (number, picture) in item.pictures.iter().enumerate() {
        for (name, field) in
            [("id", &picture.id), ("caption", &picture.caption), ("credit", &picture.credit), ("alt", &picture.alt)]
        {
            fields.extend(field.iter().map(|field| (format!("picture {number} {name}"), field)));
        }
        for statement in &picture.limits.statements {
            fields.push((format!("picture {number} {}", statement.key), &statement.value));
        }
        for rendition in &picture.renditions {
            push_rendition(&format!("picture {number} rendition"), rendition, &mut fields);
        }
    }
    for media in &item.media {
        push_rendition("media", media, &mut fields);
    }
    for body in &item.bodies {
        fields.push((format!("{:?} body", body.markup), &body.field));
    }
    fields
}

fn push_rendition<'i>(prefix: &str, rendition: &'i Rendition, fields: &mut Vec<(String, &'i Field)>) {
    fields.push((prefix.to_owned(), &rendition.address));
    for (name, field) in [
        ("type", &rendition.media_type),
        ("role", &rendition.role),
        ("width", &rendition.width),
        ("height", &rendition.height),
        ("size", &rendition.size),
        ("duration", &rendition.duration),
    ] {
        fields.extend(field.iter().map(|field| (format!("{prefix} {name}"), field)));
    }
    for (name, list) in [("valid from", &rendition.limits.embargoes), ("valid until", &rendition.limits.expiries)] {
        fields.extend(list.iter().map(|field| (format!("{prefix} {name}"), field)));
    }
}

/// The files of a folder of `tests/suite/cases/agency`, by name.
fn files(folder: &str) -> Vec<(std::path::PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/suite/cases/agency").join(folder);
    let entries = std::fs::read_dir(&folder).expect("the cases").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "xml")).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(&path).expect("UTF-8"))).collect()
}

/// Folders of cases. `loose` files aren't valid by the schema: agencies send such files too.
const FOLDERS: [&str; 4] = ["newsml", "newsml-loose", "nitf", "nitf-loose"];

/// `UPDATE_GOLDEN=1` rewrites the expected files.
#[test]
fn items_are_read_as_expected() {
    let mut count = 0;
    for (path, text) in FOLDERS.into_iter().flat_map(files) {
        let items = read(&text).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
        let found = describe(&text, &items);
        let expected = path.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&expected, &found).expect("written");
        }
        let expected = std::fs::read_to_string(&expected).expect("UPDATE_GOLDEN=1 writes it");
        assert_eq!(found, expected, "{}", path.display());
        count += 1;
    }
    assert!(count >= 16, "only {count} cases");
}

#[test]
fn mistakes_are_reported_at_their_place() {
    for (text, place, message, help) in [
        ("", "", "has no element", "send the file again"),
        ("words", "words", "outside", "send"),
        ("<nitf>", "<nitf>", "ends in the middle: `nitf`", "send"),
        ("<nitf><head>a</nitf>", "</nitf>", "expected `</head>`", "send"),
        ("<nitf></nitf></nitf>", "</nitf>", "does not match", "send"),
        ("<nitf/><nitf/>", "<nitf/>", "second root", "send"),
        ("<nitf/>words", "words", "outside", "send"),
        ("<nitf/><![CDATA[words]]>", "<![CDATA[words]]>", "outside", "send"),
        ("<nitf/>&amp;", "&amp;", "outside", "send"),
        ("<nitf><!DOCTYPE nitf></nitf>", "<!DOCTYPE nitf>", "above the first", "send"),
        ("<nitf>&unknown;</nitf>", "&unknown;", "`&unknown;` is not an entity", "&#8364;"),
        ("<!DOCTYPE nitf [<!ENTITY a 'b'>]><nitf>&a;</nitf>", "&a;", "`&a;` is not", "&#8364;"),
        ("<nitf a='&a;'/>", "&a;", "`&a;` is not", "&#8364;"),
        ("<nitf>a & b</nitf>", "& b</nitf>", "not well-formed", "send"),
        ("<nitf a='a & b'/>", "&", "without end", "&amp;"),
        ("<nitf>&#0;</nitf>", "&#0;", "not a character", "send"),
        ("<nitf>&#x110000;</nitf>", "&#x110000;", "not a character", "send"),
        ("<nitf>&#+1;</nitf>", "&#+1;", "not a character", "send"),
        ("<nitf>&#xFFFE;</nitf>", "&#xFFFE;", "not a character", "send"),
        ("<nitf>a\u{0}b</nitf>", "\u{0}", "U+0000", "send"),
        ("<nitf>a\u{FFFF}b</nitf>", "\u{FFFF}", "U+FFFF", "send"),
        ("<nitf a='1' a='2'/>", "<nitf a='1' a='2'/>", "`a` appears twice", "send"),
        ("<nitf a/>", "<nitf a/>", "attribute is not", "send"),
        ("<nitf a=1/>", "<nitf a=1/>", "attribute is not", "send"),
        ("<nitf a='<'/>", "<", "contains `<`", "&lt;"),
        ("<nitf 1='a'/>", "1", "not a name", "send"),
        ("<1/>", "1", "not a name", "send"),
        ("< nitf/>", "", "not a name", "send"),
        ("<a:nitf/>", "<a:nitf/>", "`a` has no namespace", "send"),
        ("<nitf/ >", "nitf/", "not a name", "send"),
        ("<nitf", "<nitf", "not closed", "send"),
        ("<nitf><!-- a</nitf>", "<!-- a</nitf>", "not closed", "send"),
        ("<nitf><![CDATA[a</nitf>", "<![CDATA[a</nitf>", "not closed", "send"),
        ("<!DOCTYPE nitf [<!ENTITY", "<!DOCTYPE nitf [<!ENTITY", "not closed", "send"),
        ("<html/>", "<html/>", "not an item", "newsItem"),
        ("<nitf xmlns='urn:x'/>", "<nitf xmlns='urn:x'/>", "not `nitf`", "newsItem"),
        ("<newsItem xmlns='urn:x'/>", "<newsItem xmlns='urn:x'/>", "namespace", "newsItem"),
    ] {
        let error = read(text).expect_err(text);
        assert_eq!(text.get(error.span.clone()), Some(place), "{text}: {error:?}");
        assert!(error.message.contains(message) && error.help.contains(help), "{text}: {error:?}");
    }
}

#[test]
fn long_names_are_shortened_in_messages() {
    let name = "ü".repeat(100_000);
    for text in
        [format!("<{name}>"), format!("<nitf>&{name};</nitf>"), format!("<nitf></{name}>"), format!("<{name}:a/>")]
    {
        let error = read(&text).expect_err("malformed");
        assert!(error.message.chars().count() < 250, "{}", error.message.len());
    }
}

#[test]
fn text_is_resolved() {
    for (source, text) in [
        ("a &amp; b &lt;&gt;&quot;&apos;", "a & b <>\"'"),
        ("F&uuml;nf&nbsp;&euro; &hellip; &nGt;", "Fünf\u{A0}€ … ≫\u{20D2}"),
        ("&#65;&#x42;&#147;&#x94;", "AB“”"),
        (" a\r\n  b\rc ", "a b c"),
        ("a<!-- b -->c<?d e?>f", "acf"),
        ("<![CDATA[<b>&amp;]]>", "<b>&amp;"),
        ("a<br/>b<p>c</p>d<em>e</em>", "a b c de"),
        ("港<rt>gang</rt>口", "港口"),
    ] {
        let document = format!("<a>{source}</a>");
        let mut reader = Reader::new(&document).expect("characters");
        reader.root().expect("a root");
        let field = reader.line("a").expect("a text");
        assert_eq!(field.text, text, "{source}");
        let attribute = format!("<a b=\"{source}\"/>");
        if !source.contains('<') {
            let root = Reader::new(&attribute).expect("characters").root().expect("a root");
            assert_eq!(root.field("b", "b").map(|field| field.text).as_deref(), Some(text), "{source}");
        }
    }
}

#[test]
fn spans_are_those_of_the_words() {
    let text = "<a b=' 1 '>\n  <c> One <d>two</d>\n </c><e/><f>&#65; b</f></a>";
    let mut reader = Reader::new(text).expect("characters");
    let root = reader.root().expect("a root");
    let mut places = vec![root.field("b", "").expect("stated").span];
    reader
        .children(|reader, _| {
            places.push(reader.line("")?.span);
            Ok(())
        })
        .expect("children");
    let words: Vec<&str> = places.into_iter().map(|place| text.get(place).expect("a place")).collect();
    assert_eq!(words, [" 1 ", "One <d>two", "", "&#65; b"]);
}

#[test]
fn unread_children_are_skipped() {
    let mut reader = Reader::new("<a><b><c><b/></c>text</b><d x='1'/><e><f/></e></a>").expect("characters");
    reader.root().expect("a root");
    let mut names = Vec::new();
    reader
        .children(|reader, child| {
            names.push(child.name.to_owned());
            if child.name == "e" { reader.next().map(drop) } else { Ok(()) }
        })
        .expect("children");
    assert_eq!(names, ["b", "d", "e"]);
    assert_eq!(reader.next(), Ok(None));
    assert_eq!(
        Reader::new("<a/>").expect("characters").next().map(|token| matches!(token, Some(Token::Start(_)))),
        Ok(true)
    );
}

#[test]
fn attacks_take_linear_time() {
    const SIZE: usize = 4_000;
    // Some limits are reached only by the larger input. Up to a limit, the number of steps may grow faster.
    const FIXED: usize = 20_000;
    let mut superlinear = Vec::new();
    for (name, attack) in attacks() {
        let started = std::time::Instant::now();
        let (one, two) = (attack(SIZE), attack(2 * SIZE));
        let once = steps::of(|| drop(read(&one)));
        let twice = steps::of(|| drop(read(&two)));
        if twice > once * 2 + once / 4 + FIXED {
            superlinear.push(format!("{name}: {once} steps, {twice} for twice the input"));
        }
        assert!(started.elapsed().as_secs() < 20, "{name} took {:?}", started.elapsed());
    }
    assert!(superlinear.is_empty(), "{}", superlinear.join("\n"));
}
