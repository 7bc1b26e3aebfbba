//! Wire texts as newsrooms get them, and what each must be understood as. Long because it is a list of cases.

use jiff::tz::TimeZone;

use super::labels::Labels;
use super::layout;
use super::names::people;
use crate::article::draft::{Draft, Source};
use crate::article::{Body, ParseOptions, Parsed, SectionClaim, WireField, steps};
use crate::types::{ArticlePath, ContentHash, Text};

/// Everything that was understood, one fact per line.
fn describe(source: &str) -> String {
    describe_with(source, &[])
}

fn describe_with(source: &str, own: &[(Text, WireField)]) -> String {
    let story = layout::parse(source, &Labels::new(own), None);
    let line_of = |at: usize| source.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1;
    let mut facts = String::new();
    for (field, value, how) in &story.values {
        let value = match field {
            WireField::Breadcrumb => super::sections(*value).iter().map(Text::as_str).collect::<Vec<_>>().join(" > "),
            _ => Text::line(value.text).as_str().to_owned(),
        };
        facts.push_str(&format!("{field:?} ({how}): {value}\n"));
    }
    if let Some(credit) = story.credit {
        facts.push_str(&format!("Credit: {}\n", Text::line(credit.text)));
    }
    for (paragraph, _) in &story.body {
        facts.push_str(&format!("| {}\n", Text::line(paragraph)));
    }
    for (related, _) in &story.related {
        facts.push_str(&format!("Related: {}\n", Text::line(related)));
    }
    for note in &story.notes {
        facts.push_str(&format!("{}:{} {}\n", note.code, line_of(note.span.start), note.message));
    }
    facts
}

fn check(source: &str, expected: &str) {
    let expected = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    assert_eq!(describe(source).trim_end(), expected, "\n--- of ---\n{source}");
}

/// An article in the exact shape of a content system's export: no-break spaces around the first `>`, en spaces all over the
/// caption, an em dash, straight quotes, a Chinese editor, two authors, ten paragraphs, two teasers, no line end at the end.
const EXPORT: &str = "position: EnglishChannel\u{a0}>\u{a0}Harbours > Article

Tidal Port Opens Its Gates to Quieter Ships

Source: Harbour and Coast Weekly | 2024-03-08 07:05:09 | Author: LIN Mei and ZHOU Anping

An\u{2002}electric\u{2002}ferry\u{2002}waits\u{2002}at the\u{2002}new\u{2002}pier\u{2002}of Tidal Port.\u{2002}(PHOTO:\u{2002}H&C\u{2002}Weekly)

By LIN Mei and ZHOU Anping

Tidal Port, a town of fishermen, has opened a pier that only quiet ships may use.

\"The herring came back within a month,\" said Rao Qing, deputy head of the port office, at a meeting on March 5, adding that nobody had expected it.

In 2023, the town set a limit of 80 decibels.

It measures at nine buoys. Rao said that \"green plus quiet shipping\" pays off for crews and for seals alike.

\"We have fitted 40 boats. Their number per 1,000 inhabitants is 12, more than anywhere else. Also, we tried some '5G + sonar' buoys,\" said Rao.

The port works with three trades \u{2014} net making (NM), boat building, and tourism.

The whole chain, including hulls, motors and charging, is now made in town, with more than 20 workshops at the quay.

Looking ahead, the town plans two more piers. It has drawn up a plan, and asked the villages of Northcove and Eastcove to join.

In the years to come, it wants to hear whales again. Microphones for them lie ready, as do batteries and a research vessel.

The town will also look into wind, tides and old ropes.

Editor: \u{674e}\u{6d77}\u{71d5}

Top News

Lighthouse\u{2002}Keepers Learn to Code

A school for lighthouse keepers on the northern cape has opened its doors, thanks to help from a crew of retired engineers.

E. U. Looks at Nets of Seaweed

On\u{2002}June\u{2002}2,\u{2002}a committee\u{2002}passed\u{2002}a\u{2002}draft that would make it easier to sell nets of seaweed (the kind that rots within weeks). It may change the trade. Also, fishermen would save money if it is passed.";

const EXPORT_TOLD: &str = "
    Breadcrumb (labelled line): EnglishChannel > Harbours
    Title (headline): Tidal Port Opens Its Gates to Quieter Ships
    Source (labelled line): Harbour and Coast Weekly
    Date (labelled line): 2024-03-08 07:05:09
    Author (labelled line): LIN Mei and ZHOU Anping
    Caption (caption): An electric ferry waits at the new pier of Tidal Port.
    Author (byline): LIN Mei and ZHOU Anping
    Editor (labelled line): \u{674e}\u{6d77}\u{71d5}
    Credit: H&C Weekly
    | Tidal Port, a town of fishermen, has opened a pier that only quiet ships may use.
    | \"The herring came back within a month,\" said Rao Qing, deputy head of the port office, at a meeting on March 5, adding that nobody had expected it.
    | In 2023, the town set a limit of 80 decibels.
    | It measures at nine buoys. Rao said that \"green plus quiet shipping\" pays off for crews and for seals alike.
    | \"We have fitted 40 boats. Their number per 1,000 inhabitants is 12, more than anywhere else. Also, we tried some '5G + sonar' buoys,\" said Rao.
    | The port works with three trades \u{2014} net making (NM), boat building, and tourism.
    | The whole chain, including hulls, motors and charging, is now made in town, with more than 20 workshops at the quay.
    | Looking ahead, the town plans two more piers. It has drawn up a plan, and asked the villages of Northcove and Eastcove to join.
    | In the years to come, it wants to hear whales again. Microphones for them lie ready, as do batteries and a research vessel.
    | The town will also look into wind, tides and old ropes.
    Related: Lighthouse Keepers Learn to Code \u{2014} A school for lighthouse keepers on the northern cape has opened its doors, thanks to help from a crew of retired engineers.
    Related: E. U. Looks at Nets of Seaweed \u{2014} On June 2, a committee passed a draft that would make it easier to sell nets of seaweed (the kind that rots within weeks). It may change the trade. Also, fishermen would save money if it is passed.";

#[test]
fn export_is_parsed_completely() {
    check(EXPORT, EXPORT_TOLD);
}

fn parsed(source: &str) -> Parsed {
    let options = ParseOptions {
        max_size: 1_000_000,
        ..ParseOptions::new("content", TimeZone::get("Asia/Shanghai").expect("bundled"))
    };
    let path = ArticlePath::new("harbours/tidal-port.txt");
    let source = Source { path: &path, text: source, options: &options };
    super::read(
        Draft::new(source, ContentHash::of(source.text.as_bytes()), true),
        source.text,
        &Labels::new(&source.options.wire_labels),
    )
}

#[test]
fn export_becomes_article() {
    let parsed = parsed(EXPORT);
    assert_eq!(parsed.diagnostics, []);
    let article = parsed.article.expect("an article");
    let metadata = &article.metadata;
    let strings = |texts: &[Text]| texts.iter().map(|text| text.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(metadata.section, SectionClaim::Breadcrumb(vec![Text::new("EnglishChannel"), Text::new("Harbours")]));
    assert_eq!(metadata.title.as_str(), "Tidal Port Opens Its Gates to Quieter Ships");
    assert_eq!(metadata.source.as_ref().map(Text::as_str), Some("Harbour and Coast Weekly"));
    assert_eq!(metadata.published.expect("a date").rfc3339(), "2024-03-08T07:05:09+08:00");
    assert_eq!(strings(&metadata.authors), ["LIN Mei", "ZHOU Anping"]);
    assert_eq!(strings(&metadata.editors), ["\u{674e}\u{6d77}\u{71d5}"]);
    let image = metadata.image.as_ref().expect("a picture");
    assert!(image.files.is_empty());
    assert_eq!(
        image.caption.as_ref().map(Text::as_str),
        Some("An electric ferry waits at the new pier of Tidal Port.")
    );
    assert_eq!(image.credit.as_ref().map(Text::as_str), Some("H&C Weekly"));
    let Some(Body::Paragraphs(paragraphs)) = article.body.as_deref() else { panic!("paragraphs") };
    assert_eq!(paragraphs.len(), 10);
    let related =
        parsed.origins.iter().filter(|origin| origin.field == "related").map(|origin| origin.line).collect::<Vec<_>>();
    assert_eq!(related, [35, 39]);
    let title = parsed.origins.iter().find(|origin| origin.field == "title").expect("an origin");
    assert_eq!((title.line, title.source), (3, "headline"));
}

#[test]
fn chinese_charsets_are_decoded() {
    let text = "当前位置：首页 ＞ 科技 ＞ 案例 ＞ 正文\r\n港口重新开放\r\n来源：海岸周报 2024年03月08日 07:05　作者：林梅、周安平\r\n\r\n\u{3000}\u{3000}新码头今天开放，渔民说：“鱼回来了。”\r\n　　船长䶮说，明年再来——还有海豹。\r\n责任编辑：李海燕\r\n";
    let options = ParseOptions {
        max_size: 1_000_000,
        ..ParseOptions::new("content", TimeZone::get("Asia/Shanghai").expect("bundled"))
    };
    let path = ArticlePath::new("case/a.txt");
    let read = |bytes: &[u8]| {
        let parsed = crate::article::parse_with_origins(&path, bytes, &options);
        let article = parsed.article.expect("an article");
        let metadata = (*article.metadata).clone();
        (crate::article::Metadata { hash: ContentHash::of(b""), ..metadata }, article.body)
    };
    let plain = read(text.as_bytes());
    assert_eq!(plain.0.published.expect("a date").rfc3339(), "2024-03-08T07:05:00+08:00");
    assert_eq!(plain.0.section, SectionClaim::Breadcrumb(vec![Text::new("科技"), Text::new("案例")]));
    assert_eq!(plain.0.authors, [Text::new("林梅"), Text::new("周安平")]);
    for bytes in [
        encoding_rs::GB18030.encode(text).0.into_owned(),
        [&[0xEF, 0xBB, 0xBF], text.as_bytes()].concat(),
        [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect(),
    ] {
        assert_eq!(read(&bytes), plain);
    }
}

#[test]
fn names_are_split_into_people() {
    for (byline, expected) in [
        ("JIN Feng and ZHONG Jianli", "JIN Feng|ZHONG Jianli"),
        ("A. Lee, B. Chen, and C. Wu", "A. Lee|B. Chen|C. Wu"),
        ("Ann Lee / Bo Chen & Cy Wu", "Ann Lee|Bo Chen|Cy Wu"),
        ("林梅、周安平", "林梅|周安平"),
        ("林梅 周安平，李海燕", "林梅|周安平|李海燕"),
        ("李 明", "李明"),
        ("本报记者 林梅 通讯员 周安平", "林梅|周安平"),
        ("记者林梅", "林梅"),
        ("文天祥", "文天祥"),
        ("Smith & Sons, Ltd", "Smith & Sons, Ltd"),
        ("John Smith, Jr., Ann Lee", "John Smith, Jr.|Ann Lee"),
        ("", ""),
    ] {
        assert_eq!(super::names::people(byline).join("|"), expected, "{byline}");
    }
}

#[test]
fn line_ends_and_marks_do_not_matter() {
    for source in [
        EXPORT.replace('\n', "\r\n"),
        EXPORT.replace('\n', "\r"),
        format!("\u{feff}{EXPORT}"),
        format!("\n\n \u{3000}\n{EXPORT}\n\n\n"),
        EXPORT.replace("\n\n", "\n \u{a0} \n"),
        EXPORT.replace("\n\n", "\n\n\n\n"),
        EXPORT.replace("\n\n", "\n\n\u{3000}\u{3000}"),
        EXPORT.replace("\n\n", "\n"),
    ] {
        check(&source, EXPORT_TOLD);
    }
}

#[test]
fn labels_and_separators_may_vary() {
    for (from, to) in [
        ("Source: ", "SOURCE :"),
        ("Source: ", "\u{6765}\u{6e90}\u{ff1a}"),
        ("Source: ", "Source:  "),
        (" | Author: ", "\u{ff5c}\u{4f5c}\u{3000}\u{8005}\u{ff1a}"),
        (" | Author: ", "\tAuthor\u{ff1a}"),
        (" | Author: ", "   Author: "),
        (" | Author: ", " Author: "),
        (" | 2024-03-08 07:05:09", " 2024-03-08 07:05:09"),
        (" | 2024-03-08 07:05:09", " | Date: 2024-03-08 07:05:09"),
        (" | 2024-03-08 07:05:09", "\u{3000}\u{53d1}\u{5e03}\u{65f6}\u{95f4}\u{ff1a}2024-03-08 07:05:09"),
        ("position: ", "\u{60a8}\u{7684}\u{4f4d}\u{7f6e}\u{ff1a}\u{9996}\u{9875} > "),
        (" > Article", " \u{ff1e} \u{6b63}\u{6587}"),
        ("\u{a0}>\u{a0}Harbours > Article", "\u{203a}Harbours\u{203a}Article"),
        ("\u{a0}>\u{a0}Harbours > Article", " \u{bb} Harbours"),
        ("(PHOTO:\u{2002}H&C\u{2002}Weekly)", "\u{ff08}\u{56fe}/H&C Weekly\u{ff09}"),
        ("(PHOTO:\u{2002}H&C\u{2002}Weekly)", "(Photo courtesy of H&C Weekly)"),
        ("(PHOTO:\u{2002}H&C\u{2002}Weekly)", "[Photo/H&C Weekly]"),
        ("(PHOTO:\u{2002}H&C\u{2002}Weekly)", "Photo: H&C Weekly"),
        ("(PHOTO:\u{2002}H&C\u{2002}Weekly)", "\nPhoto by H&C Weekly"),
        ("(PHOTO:\u{2002}H&C\u{2002}Weekly)", "\u{56fe}\u{7247}\u{6765}\u{6e90}\u{ff1a}H&C Weekly"),
        ("Editor: \u{674e}\u{6d77}\u{71d5}", "\u{8d23}\u{4efb}\u{7f16}\u{8f91}\u{ff1a}\u{674e}\u{6d77}\u{71d5}"),
        ("Editor: \u{674e}\u{6d77}\u{71d5}", "\u{ff08}\u{8d23}\u{7f16}\u{ff1a}\u{674e}\u{6d77}\u{71d5}\u{ff09}"),
        ("Editor: \u{674e}\u{6d77}\u{71d5}", "[Editor: \u{674e}\u{6d77}\u{71d5}]"),
        ("old ropes.\n\nEditor: \u{674e}\u{6d77}\u{71d5}", "old ropes. (Editor: \u{674e}\u{6d77}\u{71d5})"),
        ("Top News", "\u{76f8}\u{5173}\u{65b0}\u{95fb}\u{ff1a}"),
        ("Top News", "--- Related Stories ---"),
    ] {
        let source = EXPORT.replace(from, to);
        assert_ne!(source, EXPORT, "{from}");
        check(&source, EXPORT_TOLD);
    }
}

#[test]
fn parts_may_be_missing() {
    let cases = [
        ("position: EnglishChannel\u{a0}>\u{a0}Harbours > Article\n\n", "Breadcrumb ("),
        ("Source: Harbour and Coast Weekly | ", "Source ("),
        (" | 2024-03-08 07:05:09", "Date ("),
        (" | Author: LIN Mei and ZHOU Anping", "Author (labelled"),
        ("By LIN Mei and ZHOU Anping\n\n", "Author (byline"),
        ("Editor: \u{674e}\u{6d77}\u{71d5}\n\n", "Editor ("),
        ("position: ", ""),
    ];
    for (part, fact) in cases {
        let source = EXPORT.replacen(part, "", 1);
        assert_ne!(source, EXPORT, "{part}");
        let expected = EXPORT_TOLD
            .lines()
            .filter(|line| fact.is_empty() || !line.trim().starts_with(fact))
            .collect::<Vec<_>>()
            .join("\n")
            .replace(
                "Breadcrumb (labelled line)",
                if fact.is_empty() { "Breadcrumb (breadcrumb)" } else { "Breadcrumb (labelled line)" },
            );
        check(&source, &expected);
    }
    let bare = "A headline\n\nA paragraph that ends.\n\nAnother one.";
    check(bare, "Title (headline): A headline\n| A paragraph that ends.\n| Another one.");
}

#[test]
fn unusual_texts_are_parsed() {
    for (source, expected) in [
        // Everything at the end, as Chinese desks do it.
        (
            "港口重新开放\n\n新码头今天开放，渔民返回港口。\n\n三艘船已经靠岸。\n\n来源：海岸周报\n作者：林梅、周安平\n发布时间：2024年3月8日 07:05\n责任编辑：李海燕",
            "Title (headline): 港口重新开放
             Source (labelled line): 海岸周报
             Author (labelled line): 林梅、周安平
             Date (labelled line): 2024年3月8日 07:05
             Editor (labelled line): 李海燕
             | 新码头今天开放，渔民返回港口。
             | 三艘船已经靠岸。",
        ),
        // A Chinese page as text: everything in full width.
        (
            "当前位置：首页 ＞ 科技 ＞ 案例 ＞ 正文\n港口重新开放\n2024年03月08日 07:05　来源：海岸周报　作者：林梅 编辑：李海燕\n图为新码头。（周安平 摄）\n\u{3000}\u{3000}新华社潮港3月8日电（记者林梅）新码头今天开放。\n\u{3000}\u{3000}渔民说：“鱼回来了。”\n相关阅读\n灯塔学校开学\n海草渔网",
            "Breadcrumb (labelled line): 科技 > 案例
             Title (headline): 港口重新开放
             Date (labelled line): 2024年03月08日 07:05
             Source (labelled line): 海岸周报
             Author (labelled line): 林梅
             Editor (labelled line): 李海燕
             Caption (caption): 图为新码头。
             Credit: 周安平
             | 新华社潮港3月8日电（记者林梅）新码头今天开放。
             | 渔民说：“鱼回来了。”
             Related: 灯塔学校开学
             Related: 海草渔网",
        ),
        // Byline only, and the agency's dateline stays in the body.
        (
            "Ships return\n\nBy Ann van Lee\n\nTIDAL PORT, March 8 (Agency) -- The ships are back.",
            "Title (headline): Ships return\nAuthor (byline): Ann van Lee\n| TIDAL PORT, March 8 (Agency) -- The ships are back.",
        ),
        // The date on a line of its own, in words.
        (
            "Ships return\nFriday, March 8, 2024 7:05 am\nBy Ann Lee\n\nThe ships are back.",
            "Title (headline): Ships return\nDate (date line): Friday, March 8, 2024 7:05 am\nAuthor (byline): Ann Lee\n| The ships are back.",
        ),
        // No headline: the text begins at once.
        (
            "TIDAL PORT, March 8 (Agency) -- The ships are back.\n\nThey are quiet.",
            "| TIDAL PORT, March 8 (Agency) -- The ships are back.
             | They are quiet.
             wire-headline:1 the text begins with a paragraph; no line above it can be the headline",
        ),
        // The byline above the headline, an id, tags and a summary.
        (
            "ID: tag:courier.example,2026:1\nBy Ann Lee\nShips return\nKeywords: ships, ports\nSummary: The ships: they are back | today.\n\nThe ships are back.",
            "Id (labelled line): tag:courier.example,2026:1
             Author (byline): Ann Lee
             Title (headline): Ships return
             Tags (labelled line): ships, ports
             Summary (labelled line): The ships: they are back | today.
             | The ships are back.",
        ),
        // Questions and answers are not labelled lines, nor is a sentence that begins with "By".
        (
            "An interview with the port\n\nReporter: What happened?\n\nRao Qing: The herring came back.\n\n记者：为什么？\n\nBy 2030, there will be more.\n\nBy the way, they sing.",
            "Title (headline): An interview with the port
             | Reporter: What happened?
             | Rao Qing: The herring came back.
             | 记者：为什么？
             | By 2030, there will be more.
             | By the way, they sing.",
        ),
        // Lines broken at the edge of a terminal are one paragraph; list items are not.
        (
            "Ships return\n\nThe ships that left the port in the autumn of the year before last have now come\nback to it, and with them came the herring, the gulls, and one very old seal that\nnobody knew.\n\n- one\n- two",
            "Title (headline): Ships return
             | The ships that left the port in the autumn of the year before last have now come back to it, and with them came the herring, the gulls, and one very old seal that nobody knew.
             | - one
             | - two",
        ),
        // Subheadings belong to the body.
        (
            "Ships return\n\nThe ships are back.\n\nThe herring\n\nSo is the herring.",
            "Title (headline): Ships return\n| The ships are back.\n| The herring\n| So is the herring.",
        ),
        // Paragraphs without blank lines between them, a report, and a caption.
        (
            "Ships return

The crane has returned to the quay, the authority said.
Photo: Jane Doe
A second paragraph says more about it.",
            "Title (headline): Ships return
             | The crane has returned to the quay, the authority said.
             | Photo: Jane Doe
             | A second paragraph says more about it.
             wire-caption:4 this looks like the caption of a picture but is inside the body; it is kept as text",
        ),
        (
            "Ships return

HARBOUR CITY, May 15 (Agency) -- The crane has returned.
Photo: Jane Doe

A second paragraph says more about it.",
            "Title (headline): Ships return
             | HARBOUR CITY, May 15 (Agency) -- The crane has returned.
             | Photo: Jane Doe
             | A second paragraph says more about it.
             wire-caption:4 this looks like the caption of a picture but is inside the body; it is kept as text",
        ),
        (
            "Ships return

HARBOUR CITY, May 15 (Agency) -- The crane has returned. (Photo by Ann Lee)

More about it.",
            "Title (headline): Ships return
             | HARBOUR CITY, May 15 (Agency) -- The crane has returned. (Photo by Ann Lee)
             | More about it.
             wire-caption:3 this looks like the caption of a picture but is inside the body; it is kept as text",
        ),
        (
            "Ships return

The crane at the quay.
Photo: Jane Doe

A second paragraph says more about it.",
            "Title (headline): Ships return
             Caption (caption): The crane at the quay.
             Credit: Jane Doe
             | A second paragraph says more about it.",
        ),
        // A photo story.
        (
            "Ships return\n\nA ferry waits at the pier. (Photo by Ann Lee)\n\nEditor: Bo Chen",
            "Title (headline): Ships return
             Caption (caption): A ferry waits at the pier.
             Editor (labelled line): Bo Chen
             Credit: Ann Lee
             | A ferry waits at the pier.
             wire-caption:3 the text consists only of a caption, which is published as the body as well",
        ),
        // A headline that looks like a byline.
        (
            "By Sea and Air\n\nBy Ann Lee\n\nThe ships are back.",
            "Title (headline): By Sea and Air\nAuthor (byline): Ann Lee\n| The ships are back.",
        ),
        // A label for the headline, and one for the last change.
        (
            "Updated: 2024-03-09 10:00\nTitle: Ships: they return\n\nThe ships are back.",
            "Updated (labelled line): 2024-03-09 10:00\nTitle (labelled line): Ships: they return\n| The ships are back.",
        ),
        // Names repeated without "By"; an office before a name.
        (
            "港口重新开放\n来源：海岸周报 记者：林梅 周安平\n本报记者 林梅 周安平\n\n新码头今天开放。",
            "Title (headline): 港口重新开放
             Source (labelled line): 海岸周报
             Author (labelled line): 林梅 周安平
             Author (byline): 林梅 周安平
             | 新码头今天开放。",
        ),
        // Nothing at all.
        ("", ""),
        ("\n \n\t\n", ""),
    ] {
        check(source, expected);
    }
}

#[test]
fn ambiguous_lines_are_reported() {
    for (source, expected) in [
        (
            "Ships return\nAuther: Ann Lee\n\nThe ships are back.",
            "Title (headline): Ships return\n| The ships are back.\nwire-label:2 `Auther` is not a known label, so this line is not used",
        ),
        (
            "Ships return\nHarbour Weekly | 2024-03-08 | Author: Ann Lee\n\nThe ships are back.",
            "Title (headline): Ships return\nDate (labelled line): 2024-03-08\nAuthor (labelled line): Ann Lee\n| The ships are back.\nwire-label:2 `Harbour Weekly` has no label",
        ),
        (
            "Ships return\nSource:\n\nThe ships are back.",
            "Title (headline): Ships return\n| The ships are back.\nwire-label:2 `Source` has no value",
        ),
        (
            "Ships return\n\nHerring too\n\nSource: Harbour Weekly\n\nThe ships are back.",
            "Title (headline): Ships return
             Source (labelled line): Harbour Weekly
             | Herring too
             | The ships are back.
             wire-headline:3 this line could be the headline as well; the first one is used, and this is the beginning of the body",
        ),
        (
            "The ships are back.\n\nThey are quiet.",
            "Title (headline): The ships are back.\n| They are quiet.\nwire-headline:1 the headline ends like a sentence; it may be the first paragraph",
        ),
        (
            "Ships return\n\nThe ships are back.\n\nA quay. (Ann Lee/Xinhua)\n\nA ferry. (Photo: Ann Lee)\n\nThey are quiet.",
            "Title (headline): Ships return
             Caption (caption): A quay.
             Credit: Ann Lee/Xinhua
             | The ships are back.
             | A ferry. (Photo: Ann Lee)
             | They are quiet.
             wire-caption:7 this looks like the caption of a picture but is inside the body; it is kept as text",
        ),
        (
            "Ships return\nDate: 2024-03-08\nDate: 2024-03-09\n\nThe ships are back.",
            "Title (headline): Ships return\nDate (labelled line): 2024-03-08\n| The ships are back.\nwire-conflict:3 `2024-03-09` contradicts `2024-03-08` above; the first one is used",
        ),
        (
            "Ships return\n\nThe ships are back.\n\nEditor: Bo Chen\n\nMore text.\n\nAnd more.",
            "Title (headline): Ships return
             Editor (labelled line): Bo Chen
             | The ships are back.
             wire-trailing:7 this line and another are left out, because the editor's line above ends the article",
        ),
        (
            "Ships return\n\nThe ships are back.\n\nBy Cy Wu\n\nThey are quiet.",
            "Title (headline): Ships return
             | The ships are back.
             | By Cy Wu
             | They are quiet.
             wire-byline:5 this looks like a byline but is inside the body; it is kept as text",
        ),
        (
            "Ships return\n\nThe ships are back.\n\nSource: Harbour Weekly\n\nThey are quiet.",
            "Title (headline): Ships return
             | The ships are back.
             | Source: Harbour Weekly
             | They are quiet.
             wire-label:5 this looks like a labelled line but is inside the body; it is kept as text",
        ),
        (
            "Top News\n\nShips return\n\nThe ships are back.",
            "Title (headline): Ships return\n| The ships are back.\nwire-headline:1 `Top News` is a heading for other stories, but there is no headline above it",
        ),
    ] {
        check(source, expected);
    }
}

#[test]
fn sentences_that_begin_with_labels_are_text() {
    for (source, expected) in [
        (
            "Ships return\n\nDate: 2024-03-08\n\nThe ships are back.\n\nEditor: readers often ask which labs matter.\n\nThey are quiet.\n\nEditor: Bo Chen",
            "Title (headline): Ships return\nDate (labelled line): 2024-03-08\nEditor (labelled line): Bo Chen
             | The ships are back.\n| Editor: readers often ask which labs matter.\n| They are quiet.",
        ),
        (
            "Ships return\n\nDate: 2024-03-08\n\nEditor: readers often ask which labs matter.\n\nThey are quiet.",
            "Title (headline): Ships return\nDate (labelled line): 2024-03-08
             | Editor: readers often ask which labs matter.\n| They are quiet.",
        ),
        (
            "Ships return\n\nThe ships are back.\n\nEditor: readers ask\n\nThey are quiet.",
            "Title (headline): Ships return\n| The ships are back.\n| Editor: readers ask\n| They are quiet.",
        ),
        (
            "Ships return\n\nThe ships are back.\n\nSource: nobody knows where the herring has come from.",
            "Title (headline): Ships return\n| The ships are back.\n| Source: nobody knows where the herring has come from.",
        ),
        (
            "Ships return\n\nThe ships are back.\n\nDate: we met on 5 May 2020 at the quay.",
            "Title (headline): Ships return\n| The ships are back.\n| Date: we met on 5 May 2020 at the quay.",
        ),
    ] {
        check(source, expected);
    }
}

#[test]
fn parsing_takes_linear_time() {
    const SIZE: usize = 2_000;
    for (head, line) in [
        ("", "Ships return\nBy Bo Chen\n"),
        ("", "Ships return\n"),
        ("Ships return\n", "Author: Bo\nSource:\n"),
        ("Ships return\n\nThey are back.\n", "Editor: Bo\nBy Bo Chen\n"),
        ("", "a|"),
        ("", "Source: "),
        ("", "a: b "),
        ("", "( "),
        ("", "word "),
        ("", ">"),
    ] {
        let steps = |count: usize| {
            let source = format!("{head}{}", line.repeat(count));
            steps::of(|| drop(layout::parse(&source, &Labels::new(&[]), None)))
        };
        let (once, twice) = (steps(SIZE), steps(2 * SIZE));
        assert!(once >= SIZE && twice <= once * 2 + once / 4, "{line:?}: {once} steps, {twice} for twice the input");
    }
}

#[test]
fn newsrooms_add_labels() {
    let own = [
        (Text::new("Ressort"), WireField::Breadcrumb),
        (Text::new("Redaktion"), WireField::Editor),
        (Text::new("Time"), WireField::Tags),
    ];
    let source = "Ressort: Hafen › Schiffe\nSchiffe kehren zurück\nTime: tide\n\nSie sind da.\n\nRedaktion: Ann Lee";
    assert_eq!(
        describe_with(source, &own),
        "Breadcrumb (labelled line): Hafen > Schiffe\nTitle (headline): Schiffe kehren zurück\nTags (labelled line): tide\n\
         Editor (labelled line): Ann Lee\n| Sie sind da.\n"
    );
}

/// Lines that agencies write without labels.
#[test]
fn agency_conventions_are_supported() {
    for (source, expected) in [
        (
            "Ships return\n\nBy staff reporters Ann Lee & Bo Chen\n\nThe ships are back.\n\nEdited by Cy Wu",
            "Title (headline): Ships return\nAuthor (byline): Ann Lee & Bo Chen\nEditor (labelled line): Cy Wu\n| The ships are back.",
        ),
        (
            "我国钻取新冰芯\n\n——最深达318米\n\n来源：新华网\n\n新华社拉萨8月21日电（记者 沈嘉禾 通讯员 王健）科考队完成钻取。（完）",
            "Title (headline): 我国钻取新冰芯\nSummary (subtitle): 最深达318米\nSource (labelled line): 新华网\nAuthor (dateline): 记者 沈嘉禾 通讯员 王健\n\
             | 新华社拉萨8月21日电（记者 沈嘉禾 通讯员 王健）科考队完成钻取。",
        ),
        (
            "港口重新开放\n\n作者：林小满\n\n图为新码头。某社发（安理 摄）\n\n林小满\n\n新码头今天开放。\n\n《人民日报》（2024年03月19日 第 07 版）",
            "Title (headline): 港口重新开放\nAuthor (labelled line): 林小满\nCaption (caption): 图为新码头。\nCredit: 某社发（安理 摄）\n| 新码头今天开放。",
        ),
        ("Ships return\n\nThe ships are back. ■", "Title (headline): Ships return\n| The ships are back."),
    ] {
        assert_eq!(describe(source).trim_end(), expected, "{source}");
    }
    assert_eq!(people("新华社记者 韩雪松 德吉卓玛"), ["韩雪松", "德吉卓玛"]);
}

mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostics::Code;

    const LINES: &[&str] = &[
        "",
        "",
        "",
        "Ships return",
        "The ships are back.",
        "position: A > B > Article",
        "A › B",
        "Source: Weekly | 2024-03-08 | Author: Ann Lee",
        "By Ann Lee",
        "By Bo Chen",
        "Ann Lee",
        "A ferry. (Photo: Bo)",
        "Photo by Bo",
        "图为新码头。",
        "2024-03-08 07:05",
        "Editor: Cy Wu",
        "Top News",
        "Related: Seals",
        "Auther: Ann Lee",
        "Source:",
        "X | Y",
        "（责编：李海燕）",
        "责任编辑：李海燕　来源：周报",
        "新码头今天开放。",
        ":",
        "|",
        "()",
        "（",
        "By ",
        "Summary: It is so.",
        "Keywords: a, b",
        "Updated: 2024-03-09",
        "图/",
        "摄",
        "Photo:",
        "——",
        "——最深达318米",
        "（完）",
        "■",
        "Edited by Cy Wu",
        "by Xinhua writers Ann Lee",
        "A quay. (Xinhua/Bo Chen)",
        "《周报》（2024年03月19日 第 07 版）",
        "新华社北京5月15日电（记者李海燕）新码头今天开放。",
        "\u{200b}",
        "   - item",
        "> > >",
    ];

    proptest! {
        /// Every line ends up as a value, a paragraph, another story or a note; what only repeats something may go.
        #[test]
        fn every_line_is_published_or_reported(picked in proptest::collection::vec(proptest::sample::select(LINES), 0..14)) {
            let source = picked.join("\n");
            let story = layout::parse(&source, &Labels::new(&[]), None);
            let mut spans = story.values.iter().map(|(_, value, _)| value.span()).collect::<Vec<_>>();
            spans.extend(story.credit.map(|credit| credit.span()));
            spans.extend(story.body.iter().chain(&story.related).map(|(_, span)| span.clone()));
            for note in &story.notes {
                let end = if note.code == Code::WireTrailing { source.len() } else { note.span.end };
                spans.push(note.span.start..end);
            }
            let related = source.find("Top News").unwrap_or(source.len());
            for line in super::super::lines::lines(&source) {
                let span = line.text.span();
                let known = spans.iter().any(|other| other.start < span.end && span.start < other.end);
                let repeated = source.matches(line.text.text).count() > 1 || line.text.text.ends_with("Ann Lee") || line.text.text.contains("李海燕");
                let heading = ["Top News", "（完）", "■"].contains(&line.text.text) || line.text.text.starts_with('《') || !line.text.text.contains(char::is_alphanumeric);
                prop_assert!(known || repeated || heading || span.start > related, "{:?} is lost in {source:?}: {story:#?}", line.text);
            }
        }

        #[test]
        fn any_text_is_parsed(source in "(\\PC|[:|\u{ff1a}\u{ff5c}()\u{ff08}\u{ff09}\\n\\r >\u{2002}\u{56fe}\u{6444}]|By |Photo|Editor|\u{6765}\u{6e90}){0,80}") {
            describe(&source);
        }
    }
}
