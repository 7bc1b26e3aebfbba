//! Items as golden files, mistakes and attacks, and how long reading them takes.

use std::fmt::Write as _;
use std::path::Path;

use super::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_NAMESPACES, MAX_NODES, Malformed, Reader, Token};
use crate::article::agency::item::{Field, Item, Rendition};
use crate::article::agency::{newsml, nitf};
use crate::article::charset::{self, Declaration};
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
        for (name, field) in [
            ("id", &picture.id),
            ("status", &picture.status),
            ("expires", &picture.expires),
            ("caption", &picture.caption),
            ("credit", &picture.credit),
            ("alt", &picture.alt),
        ] {
            fields.extend(field.iter().map(|field| (format!("picture {number} {name}"), field)));
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
fn limits_reject_the_file() {
    let attributes = |count: usize| (0..count).map(|number| format!(" a{number}='1'")).collect::<String>();
    let namespaces = |count: usize| (0..count).map(|number| format!(" xmlns:a{number}='urn:a'")).collect::<String>();
    let nested = |depth: usize| format!("<nitf>{}{}</nitf>", "<p>".repeat(depth - 1), "</p>".repeat(depth - 1));
    for (fits, exceeds, message) in [
        (nested(MAX_DEPTH), nested(MAX_DEPTH + 1), "nested more than"),
        (
            format!("<nitf{}/>", attributes(MAX_ATTRIBUTES)),
            format!("<nitf{}/>", attributes(MAX_ATTRIBUTES + 1)),
            "more than 100 attributes",
        ),
        (
            format!("<nitf{}/>", namespaces(MAX_NAMESPACES)),
            format!("<nitf{}/>", namespaces(MAX_NAMESPACES + 1)),
            "namespaces",
        ),
        ("<nitf/>".into(), format!("<nitf>{}</nitf>", "<a/>".repeat(MAX_NODES)), "more than 1000000 elements"),
        (
            format!("<newsMessage><itemSet>{}</itemSet></newsMessage>", "<newsItem/>".repeat(5_000)),
            format!("<newsMessage><itemSet>{}</itemSet></newsMessage>", "<newsItem/>".repeat(5_001)),
            "more than 5000 items",
        ),
    ] {
        read(&fits).expect(message);
        let error = read(&exceeds).expect_err(message);
        assert!(error.message.contains(message), "{error:?}");
    }
}

/// A name, and a file of a size.
type Attack = (&'static str, fn(usize) -> String);

fn attacks() -> Vec<Attack> {
    vec![
        ("billion laughs", |size| {
            let entities: String = (0..size)
                .map(|number| format!("<!ENTITY a{} \"{}\">", number + 1, format!("&a{number};").repeat(10)))
                .collect();
            format!("<!DOCTYPE nitf [<!ENTITY a0 \"ha\">{entities}]><nitf><body>&a{size};</body></nitf>")
        }),
        ("external entity", |size| {
            format!("<!DOCTYPE nitf [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><nitf>{}</nitf>", "&a;".repeat(size))
        }),
        ("external document type", |size| format!("<!DOCTYPE nitf SYSTEM \"{}\"><nitf/>", "x".repeat(size))),
        ("deep nesting", |size| "<nitf>".repeat(size)),
        ("deep prefixes", |size| format!("<nitf xmlns:a='urn:a'>{}", "<a:b>".repeat(size))),
        ("attributes", |size| {
            format!("<nitf {}/>", (0..size).map(|number| format!("a{number}='1' ")).collect::<String>())
        }),
        ("equal attributes", |size| format!("<nitf {}/>", "a='1' ".repeat(size))),
        ("long attribute", |size| format!("<nitf uno='{}'/>", "&amp; ".repeat(size))),
        ("long attribute without end", |size| format!("<nitf uno='{}", "x ".repeat(size))),
        ("ampersands", |size| format!("<nitf>{}</nitf>", "&".repeat(size))),
        ("long reference", |size| format!("<nitf>&{};</nitf>", "a".repeat(size))),
        ("long number", |size| format!("<nitf>&#{};</nitf>", "1".repeat(size))),
        ("unclosed comments", |size| format!("<nitf>{}", "<!--".repeat(size))),
        ("unclosed document types", |size| "<!DOCTYPE a [".repeat(size)),
        ("document type in brackets", |size| format!("<!DOCTYPE a {}", "[<!-- ".repeat(size))),
        ("unclosed instructions", |size| format!("<nitf>{}", "<?a ".repeat(size))),
        ("unclosed CDATA", |size| format!("<nitf>{}", "<![CDATA[".repeat(size))),
        ("many CDATA", |size| {
            format!("<nitf><body><body.content><p>{}</p></body.content></body></nitf>", "<![CDATA[a]]>".repeat(size))
        }),
        ("ends", |size| format!("<nitf>{}", "</p>".repeat(size))),
        ("namespaces", |size| {
            let parts: String = (0..size).map(|number| format!("<a:b xmlns:a='urn:{number}'/>")).collect();
            format!("<nitf>{parts}</nitf>")
        }),
        ("long namespace", |size| format!("<nitf xmlns:a='{}'>{}</nitf>", "x".repeat(size), "<a:b/>".repeat(size))),
        ("long prefix", |size| {
            let prefix = "x".repeat(size);
            format!("<nitf xmlns:{prefix}='urn:x'>{}</nitf>", format!("<{prefix}:b/>").repeat(3))
        }),
        ("long language", |size| {
            format!(
                "<newsItem xml:lang='{}'><contentMeta>{}</contentMeta></newsItem>",
                "x".repeat(size),
                "<headline>a</headline>".repeat(size)
            )
        }),
        ("languages", |size| {
            let languages: String = (0..size).map(|number| format!("<language tag='l{number}'/>")).collect();
            let headlines: String =
                (0..size).map(|number| format!("<headline xml:lang='x{number}'>a</headline>")).collect();
            format!("<newsItem><contentMeta>{languages}{headlines}</contentMeta></newsItem>")
        }),
        ("subjects", |size| {
            let subjects: String = (0..size).map(|number| format!("<subject qcode='a:{number}'/>")).collect();
            let names: String =
                (0..size).map(|number| format!("<assert qcode='a:{number}'><name>n</name></assert>")).collect();
            format!("<newsItem><contentMeta>{subjects}</contentMeta>{names}</newsItem>")
        }),
        ("names", |size| {
            format!(
                "<newsItem><contentMeta><subject>{}</subject></contentMeta></newsItem>",
                "<name>n</name>".repeat(size)
            )
        }),
        ("bodies", |size| {
            format!("<newsItem><contentSet>{}</contentSet></newsItem>", "<inlineData>a</inlineData>".repeat(size))
        }),
        ("inline documents", |size| {
            let document =
                "<nitf><head><docdata management-status='x'><date.release norm='1'/></docdata></head></nitf>";
            format!("<newsItem><contentSet><inlineXML>{}</inlineXML></contentSet></newsItem>", document.repeat(size))
        }),
        ("statuses", |size| {
            format!("<newsItem><itemMeta>{}</itemMeta></newsItem>", "<pubStatus/><embargoed/>".repeat(size))
        }),
        ("XHTML", |size| {
            let text = "<p class='a'>b<br/><b>c</b></p><script>d</script>".repeat(size);
            format!(
                "<newsItem><contentSet><inlineXML><html><body>{text}</body></html></inlineXML></contentSet></newsItem>"
            )
        }),
        ("words", |size| {
            format!("<nitf><body><body.content><p>{}</p></body.content></body></nitf>", " a".repeat(size))
        }),
        ("empty paragraphs", |size| {
            format!("<nitf><body><body.content>{}</body.content></body></nitf>", "<p> </p>".repeat(size))
        }),
        ("inline elements", |size| {
            format!(
                "<nitf><body><body.content><p>{}</p></body.content></body></nitf>",
                "<em>a</em> <q> b </q>".repeat(size)
            )
        }),
        ("media", |size| {
            let media = "<media><media-reference source='a'/><media-caption>b</media-caption></media>".repeat(size);
            format!("<nitf><body><body.content>{media}</body.content></body></nitf>")
        }),
        ("bylines", |size| {
            format!(
                "<nitf><body><body.head><byline>{}</byline></body.head></body></nitf>",
                "<person>a</person>,".repeat(size)
            )
        }),
        ("document data", |size| {
            format!(
                "<nitf><head><docdata>{}</docdata></head></nitf>",
                "<du-key key='a'/><date.release norm='1'/><ed-msg info='a'/>".repeat(size)
            )
        }),
        ("carriage returns", |size| {
            format!("<nitf><body><body.content><pre>{}</pre></body.content></body></nitf>", "\r\n".repeat(size))
        }),
    ]
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

#[test]
fn attacks_give_items_or_an_error() {
    for (name, attack) in attacks() {
        for size in [0, 1, 2, 20_000] {
            let text = attack(size);
            match read(&text) {
                Ok(items) => check_places(&text, &items),
                Err(error) => assert!(text.get(error.span.clone()).is_some(), "{name}: {error:?}"),
            }
        }
    }
    for name in ["billion laughs", "external entity", "deep nesting", "attributes", "ampersands"] {
        let attack = attacks().into_iter().find(|(other, _)| *other == name).expect("listed").1;
        assert!(read(&attack(20_000)).is_err(), "{name}");
    }
}

/// Checks that all fields are at places of the text.
fn check_places(text: &str, items: &[Item]) {
    for item in items {
        assert!(text.get(item.span.clone()).is_some(), "{:?}", item.span);
        for (name, field) in fields(item) {
            assert!(text.get(field.span.clone()).is_some(), "{name}: {:?}", field.span);
        }
    }
}

#[test]
fn truncated_files_are_errors() {
    for (path, text) in FOLDERS.into_iter().flat_map(files) {
        let end = text.trim_end().len();
        for at in (0..end).filter(|at| text.is_char_boundary(*at)) {
            let part = text.get(..at).expect("a boundary");
            let error = read(part).expect_err("the root element has no end");
            assert!(part.get(error.span.clone()).is_some(), "{} at {at}: {error:?}", path.display());
        }
    }
}

#[test]
fn damaged_files_give_items_or_an_error() {
    for (path, text) in FOLDERS.into_iter().flat_map(files) {
        // Every place would take half a minute.
        for (at, character) in text.char_indices().step_by(7) {
            // One character less, and one that means something in XML.
            let (before, rest) = text.split_at(at);
            let rest = rest.get(character.len_utf8()..).expect("a boundary");
            for replacement in ["", "<", ">", "&", "\"", "\u{0}", "/"] {
                let damaged = format!("{before}{replacement}{rest}");
                match read(&damaged) {
                    Ok(items) => check_places(&damaged, &items),
                    Err(error) => assert!(damaged.get(error.span.clone()).is_some(), "{}: {error:?}", path.display()),
                }
            }
        }
    }
}

#[test]
fn files_in_wrong_charsets_are_no_items() {
    let text = "<?xml version='1.0' encoding='LABEL'?><nitf><head><title>Größe</title></head></nitf>";
    for (label, encoding, title) in [
        ("utf-8", encoding_rs::UTF_8, Some("Größe")),
        ("iso-8859-1", encoding_rs::WINDOWS_1252, Some("Größe")),
        ("iso-8859-1", encoding_rs::UTF_8, Some("GrÃ¶ÃŸe")),
        ("iso-2022-jp", encoding_rs::WINDOWS_1252, None),
    ] {
        let (bytes, ..) = encoding.encode(text);
        let bytes: Vec<u8> = String::from_utf8_lossy(&bytes)
            .contains("LABEL")
            .then(|| {
                let at = bytes.windows(5).position(|window| window == b"LABEL").expect("the label");
                [&bytes[..at], label.as_bytes(), &bytes[at + 5..]].concat()
            })
            .expect("ASCII");
        let decoded = charset::decode(&bytes, Declaration::Xml, None).ok();
        let found = decoded.map(|decoded| nitf::read(&decoded.text).expect("an item").title.expect("a title").text);
        assert_eq!(found.as_deref(), title, "{label} {}", encoding.name());
    }
}
