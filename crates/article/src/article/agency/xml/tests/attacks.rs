//! Limits, attacks and damaged files: each gives items or an error.

use super::super::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_NAMESPACES, MAX_NODES};
use super::{FOLDERS, fields, files, read};
use crate::article::agency::item::Item;
use crate::article::agency::nitf;
use crate::article::charset::{self, Declaration};

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
pub(super) type Attack = (&'static str, fn(usize) -> String);

pub(super) fn attacks() -> Vec<Attack> {
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
            // Each attack without one of its characters, and with one that has a meaning in XML.
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
