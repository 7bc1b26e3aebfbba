//! Where each field of NewsML-G2 and NITF comes from, a row for each cell of the table in the module docs.
//!
//! Long because it is a list of cases.

use std::collections::BTreeSet;

use super::{body, errors, options, origins};
use crate::article::{Parsed, parse_with_origins};
use crate::types::ArticlePath;

/// The rows of the table.
fn names() -> BTreeSet<&'static str> {
    let table = include_str!("../mod.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
    table.skip(1).filter_map(|row| row.split(" | ").next()).collect()
}

fn read(text: &str) -> Parsed {
    parse_with_origins(&ArticlePath::new("wire/a.xml"), text.as_bytes(), &options())
}

/// Compares each row: the row's name, the field in `dateline explain`, the parts of the item, and what `explain` shows.
fn check<const PARTS: usize>(
    rows: &[(&'static str, &str, [&str; PARTS], &str)],
    build: impl Fn(&[&str; PARTS]) -> String,
) {
    let (mut tested, mut wrong) = (BTreeSet::new(), Vec::new());
    for (row, field, parts, expected) in rows {
        let text = build(parts);
        let parsed = read(&text);
        let found = if *field == "text" { body(&parsed) } else { origins(&parsed, field) };
        if found != *expected {
            wrong.push(format!("{row}: {parts:?}: found `{found}`, expected `{expected}`"));
        }
        assert!(errors(&parsed).is_empty(), "{parts:?}: {:?}", parsed.diagnostics);
        tested.insert(*row);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(tested, names());
}

/// An item with these parts of `itemMeta`, `contentMeta` and `contentSet`, and with what a story needs besides.
fn news_item([root, item, content, set]: &[&str; 4]) -> String {
    let set = if set.is_empty() { "<inlineData>It sails.</inlineData>" } else { set };
    let headline = if content.contains("<headline") { "" } else { "<headline>Ferry</headline>" };
    let version =
        if item.contains("versionCreated") { "" } else { "<versionCreated>2026-11-20T08:00:00Z</versionCreated>" };
    format!(
        "<newsItem xmlns=\"http://iptc.org/std/nar/2006-10-01/\" guid=\"urn:x:1\" standard=\"NewsML-G2\" {root}>\
         <itemMeta><itemClass qcode=\"ninat:text\"/>{version}{item}</itemMeta>\
         <contentMeta>{headline}{content}</contentMeta><contentSet>{set}</contentSet></newsItem>"
    )
}

#[test]
fn every_newsml_cell_of_the_field_table_is_read() {
    const XHTML: &str = "<inlineXML contenttype=\"application/xhtml+xml\"><html xmlns=\"http://www.w3.org/1999/xhtml\"><body><p>It sails.</p></body></html></inlineXML>";
    const NITF: &str = "<inlineXML contenttype=\"application/nitf+xml\"><nitf xmlns=\"http://iptc.org/std/NITF/2006-10-18/\"><head><docdata management-status=\"usable\"><date.release norm=\"20300601T100000Z\"/><date.expire norm=\"20310601T100000Z\"/></docdata></head><body><body.content><p>It sails.</p><media media-type=\"image\"><media-reference source=\"c.jpg\" mime-type=\"image/jpeg\"/></media></body.content></body></nitf></inlineXML>";
    const PICTURE: &str = "<inlineData>It sails.</inlineData><remoteContent href=\"a.jpg\" contenttype=\"image/jpeg\" width=\"300\"/><remoteContent href=\"b.jpg\" contenttype=\"image/jpeg\" width=\"900\"/>";
    const SOUND: &str = "<inlineData>It sails.</inlineData><remoteContent href=\"a.mp3\" contenttype=\"audio/mpeg\"/>";
    check(
        &[
            ("key of the item", "item", ["", "", "", ""], "urn:x:1 (guid)"),
            ("version", "version", ["version=\"3\"", "", "", ""], "3 (version)"),
            (
                "version",
                "version time",
                ["", "<versionCreated>2026-11-20T09:00:00Z</versionCreated>", "", ""],
                "2026-11-20T09:00:00+00:00 (itemMeta/versionCreated)",
            ),
            (
                "status",
                "status",
                ["", "<pubStatus qcode=\"stat:usable\"/>", "", ""],
                "stat:usable (itemMeta/pubStatus)",
            ),
            ("status", "status", ["", "", "", NITF], "usable (docdata/management-status)"),
            (
                "embargo",
                "embargo",
                ["", "<embargoed>2030-06-01T10:00:00Z</embargoed>", "", ""],
                "2030-06-01T10:00:00+00:00 (itemMeta/embargoed)",
            ),
            ("embargo", "embargo", ["", "", "", NITF], "2030-06-01T10:00:00+00:00 (docdata/date.release)"),
            (
                "expiry",
                "expires",
                ["", "<expires>2030-06-01T10:00:00Z</expires>", "", ""],
                "2030-06-01T10:00:00+00:00 (itemMeta/expires)",
            ),
            ("expiry", "expires", ["", "", "", NITF], "2031-06-01T10:00:00+00:00 (docdata/date.expire)"),
            (
                "date",
                "date",
                ["", "<firstCreated>2026-11-19T08:00:00Z</firstCreated>", "", ""],
                "2026-11-19T08:00:00+00:00 (itemMeta/firstCreated)",
            ),
            (
                "date",
                "date",
                ["", "", "<contentCreated>2026-11-19T08:00:00Z</contentCreated>", ""],
                "2026-11-19T08:00:00+00:00 (contentMeta/contentCreated)",
            ),
            ("date", "date", ["", "", "", ""], "2026-11-20T08:00:00+00:00 (itemMeta/versionCreated)"),
            (
                "updated",
                "updated",
                ["", "<firstCreated>2026-11-19T08:00:00Z</firstCreated>", "", ""],
                "2026-11-20T08:00:00+00:00 (itemMeta/versionCreated)",
            ),
            (
                "updated",
                "updated",
                ["", "", "<contentModified>2026-11-20T08:30:00Z</contentModified>", ""],
                "2026-11-20T08:30:00+00:00 (contentMeta/contentModified)",
            ),
            (
                "title",
                "title",
                ["", "", "<headline>Short</headline><headline role=\"hl:main\">Quay reopens</headline>", ""],
                "Quay reopens (contentMeta/headline)",
            ),
            (
                "title",
                "title",
                ["", "", "<headline role=\"hl:short\">Quay</headline>", ""],
                "Quay (contentMeta/headline)",
            ),
            ("title", "title", ["", "<title>Quay</title>", "<headline/>", ""], "Quay (itemMeta/title)"),
            (
                "summary",
                "summary",
                ["", "", "<description role=\"drol:summary\">In brief.</description>", ""],
                "In brief. (contentMeta/description)",
            ),
            (
                "summary",
                "summary",
                ["", "", "<headline>H</headline><headline role=\"hl:subHeadline\">Lower</headline>", ""],
                "Lower (contentMeta/headline)",
            ),
            (
                "authors",
                "author",
                ["", "", "<by>By Ann Lee and Bo Chen</by>", ""],
                "Ann Lee (contentMeta/by) | Bo Chen (contentMeta/by)",
            ),
            (
                "authors",
                "author",
                [
                    "",
                    "",
                    "<creator literal=\"Ann Lee\"/><contributor role=\"ctrol:writer\"><name>Bo Chen</name></contributor>",
                    "",
                ],
                "Ann Lee (contentMeta/creator) | Bo Chen (contentMeta/contributor)",
            ),
            (
                "source",
                "source",
                ["", "", "<infoSource><name>Port</name></infoSource>", ""],
                "Port (contentMeta/infoSource)",
            ),
            ("source", "source", ["", "<provider literal=\"HW\"/>", "", ""], "HW (itemMeta/provider)"),
            ("provider", "provider", ["", "<provider literal=\"HW\"/>", "", ""], "HW (itemMeta/provider)"),
            ("dateline", "text", ["", "", "<dateline>FARPORT (HW) -</dateline>", ""], "FARPORT (HW) - It sails."),
            (
                "place (only `explain`)",
                "place",
                ["", "", "<located><name>Farport</name></located>", ""],
                "Farport (contentMeta/located)",
            ),
            ("language", "language", ["", "", "<language tag=\"de\"/>", ""], "de (contentMeta/language)"),
            ("language", "language", ["xml:lang=\"fr\"", "", "", ""], "fr (xml:lang)"),
            (
                "tags",
                "tags",
                ["", "", "<subject qcode=\"medtop:1\"><name>Shipping</name></subject><keyword>quay</keyword>", ""],
                "Shipping (contentMeta/subject) | quay (contentMeta/keyword)",
            ),
            (
                "tags",
                "tags",
                ["", "", "<subject qcode=\"medtop:20000350\"/>", ""],
                "medtop:20000350 (contentMeta/subject)",
            ),
            (
                "subjects (choose the section)",
                "subject code",
                [
                    "",
                    "",
                    "<subject qcode=\"medtop:20000350\"><name>Shipping</name><broader qcode=\"medtop:04000000\"/></subject>",
                    "",
                ],
                "medtop:20000350 (contentMeta/subject) | medtop:04000000 (contentMeta/subject)",
            ),
            (
                "slugline (chooses the section)",
                "slugline",
                ["", "", "<slugline>FERRY-NIGHT</slugline>", ""],
                "FERRY-NIGHT (contentMeta/slugline)",
            ),
            ("text", "text", ["", "", "", XHTML], "<p>It sails.</p>"),
            ("text", "text", ["", "", "", NITF], "<p>It sails.</p>"),
            ("text", "text", ["", "", "", ""], "It sails."),
            ("lead picture", "image", ["", "", "", PICTURE], "b.jpg (remoteContent) | a.jpg (remoteContent)"),
            ("lead picture", "image", ["", "", "", NITF], "c.jpg (media/media-reference)"),
            (
                "caption",
                "image.caption",
                ["", "", "<description role=\"drol:caption\">A ferry.</description>", PICTURE],
                "A ferry. (contentMeta/description)",
            ),
            (
                "credit",
                "image.credit",
                ["", "", "<creditline>Ann Lee/HW</creditline>", PICTURE],
                "Ann Lee/HW (contentMeta/creditline)",
            ),
            (
                "alternative text",
                "image.alt",
                ["", "", "<description role=\"drol:alt\">White ferry</description>", PICTURE],
                "White ferry (contentMeta/description)",
            ),
            ("media", "media", ["", "", "", SOUND], "a.mp3 (remoteContent)"),
            (
                "correction",
                "corrections",
                ["", "<signal qcode=\"sig:correction\"/>", "", ""],
                "by the agency (sig:correction) (itemMeta/signal)",
            ),
            (
                "correction",
                "corrections",
                ["", "", "<genre><name>Correction</name></genre>", ""],
                "by the agency (Correction) (contentMeta/genre)",
            ),
            (
                "related items (only `explain`)",
                "related",
                ["", "<link rel=\"irel:seeAlso\" residref=\"urn:x:2\"><title>Pier</title></link>", "", ""],
                "Pier (itemMeta/link) | urn:x:2 irel:seeAlso (itemMeta/link)",
            ),
            ("urgency (only `explain`)", "urgency", ["", "", "<urgency>4</urgency>", ""], "4 (contentMeta/urgency)"),
            (
                "editor's note (only `explain`)",
                "editor's note",
                ["", "<edNote>Adds the horn.</edNote>", "", ""],
                "Adds the horn. (itemMeta/edNote)",
            ),
            (
                "copyright",
                "copyright",
                ["", "RIGHTS", "", ""],
                "© 2026 HW. Not for broadcast. (rightsInfo/copyrightNotice)",
            ),
        ],
        |parts| {
            match parts {
            [_, "RIGHTS", ..] => news_item(&["", "", "", ""]).replace(
                "<itemMeta>",
                "<rightsInfo><copyrightNotice>© 2026 HW</copyrightNotice><usageTerms>Not for broadcast.</usageTerms></rightsInfo><itemMeta>",
            ),
            parts => news_item(parts),
        }
        },
    );
}

/// A document with these parts of `head`, `docdata`, `body.head` and `body.content`, and with what a story needs besides.
fn nitf([head, data, top, content]: &[&str; 4]) -> String {
    let content = if content.is_empty() { "<p>It sails.</p>" } else { content };
    let headline =
        if top.contains("<hedline") || head.contains("<title") { "" } else { "<hedline><hl1>Ferry</hl1></hedline>" };
    let issue = if data.contains("date.issue") { "" } else { "<date.issue norm=\"20261120T080000Z\"/>" };
    let id = if data.contains("doc-id") { "" } else { "<doc-id id-string=\"x1\"/>" };
    let (attributes, data) = data.split_once('|').unwrap_or(("", data));
    format!(
        "<nitf xmlns=\"http://iptc.org/std/NITF/2006-10-18/\"><head>{head}<docdata {attributes}>{id}{issue}{data}</docdata></head>\
         <body><body.head>{headline}{top}</body.head><body.content>{content}</body.content></body></nitf>"
    )
}

#[test]
fn every_nitf_cell_of_the_field_table_is_read() {
    const PICTURE: &str = "<p>It sails.</p><media media-type=\"image\"><media-reference source=\"a.jpg\" mime-type=\"image/jpeg\" width=\"300\" alternate-text=\"White ferry\"/><media-reference source=\"b.jpg\" mime-type=\"image/jpeg\" width=\"900\"/><media-caption>A ferry.</media-caption><media-producer>Ann Lee/HW</media-producer></media><media media-type=\"image\"><media-reference source=\"c.jpg\" mime-type=\"image/jpeg\"/></media>";
    check(
        &[
            ("key of the item", "item", ["", "", "", ""], "x1 (docdata/doc-id)"),
            (
                "version",
                "version",
                ["", "<du-key key=\"ferry\" generation=\"2\" version=\"3\"/>", "", ""],
                "2.3 (docdata/du-key)",
            ),
            ("status", "status", ["", "management-status=\"usable\"|", "", ""], "usable (docdata/management-status)"),
            (
                "embargo",
                "embargo",
                ["", "<date.release norm=\"20300601T100000Z\"/>", "", ""],
                "2030-06-01T10:00:00+00:00 (docdata/date.release)",
            ),
            (
                "expiry",
                "expires",
                ["", "<date.expire norm=\"20300601T100000Z\"/>", "", ""],
                "2030-06-01T10:00:00+00:00 (docdata/date.expire)",
            ),
            ("date", "date", ["", "", "", ""], "2026-11-20T08:00:00+00:00 (docdata/date.issue)"),
            (
                "updated",
                "updated",
                ["<revision-history norm=\"20261120T093000Z\"/>", "", "", ""],
                "2026-11-20T09:30:00+00:00 (revision-history)",
            ),
            (
                "title",
                "title",
                ["", "", "<hedline><hl1>Quay reopens</hl1></hedline>", ""],
                "Quay reopens (hedline/hl1)",
            ),
            ("title", "title", ["<title>Quay</title>", "", "", ""], "Quay (head/title)"),
            (
                "summary",
                "summary",
                ["", "", "<abstract><p>In brief.</p></abstract>", ""],
                "In brief. (body.head/abstract)",
            ),
            (
                "summary",
                "summary",
                ["", "", "<hedline><hl1>H</hl1><hl2>Lower</hl2></hedline>", ""],
                "Lower (hedline/hl2)",
            ),
            (
                "authors",
                "author",
                ["", "", "<byline>By <person>Ann Lee</person> and <person>Bo Chen</person></byline>", ""],
                "Ann Lee (body.head/byline) | Bo Chen (body.head/byline)",
            ),
            (
                "authors",
                "author",
                ["", "", "<byline>By Ann Lee and Bo Chen</byline>", ""],
                "Ann Lee (body.head/byline) | Bo Chen (body.head/byline)",
            ),
            ("source", "source", ["", "", "<distributor>HW</distributor>", ""], "HW (body.head/distributor)"),
            ("provider", "provider", ["", "", "<distributor>HW</distributor>", ""], "HW (body.head/distributor)"),
            (
                "provider",
                "provider",
                ["", "<doc-id regsrc=\"HW\" id-string=\"x1\"/>", "", ""],
                "HW (docdata/doc-id/regsrc)",
            ),
            (
                "copyright",
                "copyright",
                [
                    "",
                    "",
                    "<note noteclass=\"cpyrt\"><body.content><p>© 2026 HW</p></body.content></note><rights>Not for broadcast.</rights>",
                    "",
                ],
                "© 2026 HW. Not for broadcast. (body.head/note)",
            ),
            ("copyright", "copyright", ["", "<doc.copyright holder=\"HW\"/>", "", ""], "© HW (docdata/doc.copyright)"),
            (
                "dateline",
                "text",
                ["", "", "<dateline>FARPORT (HW) -</dateline>", ""],
                "<p>FARPORT (HW) - It sails.</p>",
            ),
            (
                "place (only `explain`)",
                "place",
                ["", "", "<dateline><location>Farport</location> (HW) -</dateline>", ""],
                "Farport (body.head/dateline)",
            ),
            (
                "tags",
                "tags",
                [
                    "<tobject><tobject.subject tobject.subject.refnum=\"04000000\" tobject.subject.type=\"Economy\"/></tobject>",
                    "<doc-scope scope=\"Coast\"/><key-list><keyword key=\"quay\"/></key-list>",
                    "",
                    "",
                ],
                "Economy (tobject/tobject.subject) | Coast (docdata/doc-scope) | quay (docdata/key-list)",
            ),
            (
                "subjects (choose the section)",
                "subject code",
                [
                    "<tobject><tobject.subject tobject.subject.refnum=\"04015000\" tobject.subject.type=\"Economy\" tobject.subject.matter=\"Transport\"/></tobject>",
                    "",
                    "",
                    "",
                ],
                "04015000 (tobject/tobject.subject) | Economy (tobject/tobject.subject)",
            ),
            (
                "slugline (chooses the section)",
                "slugline",
                ["", "<du-key key=\"ferry-night\"/>", "", ""],
                "ferry-night (docdata/du-key)",
            ),
            ("text", "text", ["", "", "", "<p>One.</p><p>Two.</p>"], "<p>One.</p>\n<p>Two.</p>"),
            (
                "lead picture",
                "image",
                ["", "", "", PICTURE],
                "b.jpg (media/media-reference) | a.jpg (media/media-reference)",
            ),
            ("caption", "image.caption", ["", "", "", PICTURE], "A ferry. (media/media-caption)"),
            ("credit", "image.credit", ["", "", "", PICTURE], "Ann Lee/HW (media/media-producer)"),
            ("alternative text", "image.alt", ["", "", "", PICTURE], "White ferry (media/media-reference)"),
            ("media", "media", ["", "", "", PICTURE], "c.jpg (media/media-reference)"),
            (
                "correction",
                "corrections",
                ["<tobject tobject.type=\"correction\"/>", "", "", ""],
                "by the agency (correction) (tobject/tobject.type)",
            ),
            (
                "correction",
                "corrections",
                ["", "<correction info=\"It is white.\"/>", "", ""],
                "by the agency (correction) (docdata/correction)",
            ),
            (
                "correction",
                "corrections",
                ["", "<ed-msg msg-type=\"Correction\"/>", "", ""],
                "by the agency (Correction) (docdata/ed-msg/msg-type)",
            ),
            (
                "related items (only `explain`)",
                "related",
                ["", "management-doc-idref=\"x0\"|", "", ""],
                "x0 management-doc-idref (docdata/management-doc-idref)",
            ),
            ("urgency (only `explain`)", "urgency", ["", "<urgency ed-urg=\"4\"/>", "", ""], "4 (docdata/urgency)"),
            (
                "editor's note (only `explain`)",
                "editor's note",
                ["", "<ed-msg info=\"Adds the horn.\"/>", "", ""],
                "Adds the horn. (docdata/ed-msg)",
            ),
            ("language", "language", ["LANGUAGE", "", "", ""], "de (nitf/baselang)"),
        ],
        |parts| match parts {
            ["LANGUAGE", ..] => nitf(&["", "", "", ""]).replace("<nitf ", "<nitf baselang=\"de\" "),
            parts => nitf(parts),
        },
    );
}
