//! Any items, and any text: reading them never panics.

use proptest::prelude::*;

use super::{errors, read};

/// Keys and values that make items, in any order and number.
fn any_item() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "uri",
        "type",
        "headline",
        "headlines",
        "body_text",
        "body_xhtml",
        "bodies",
        "pubstatus",
        "pubStatus",
        "embargoed",
        "expires",
        "versioncreated",
        "firstCreated",
        "associations",
        "renditions",
        "subject",
        "genres",
        "by",
        "ednote",
        "descriptions",
        "infosource",
        "version",
        "language",
        "embargo",
        "draft",
        "visibility",
        "extra",
    ]);
    let text = prop::sample::select(vec![
        "\"\"",
        "\"urn:x:1\"",
        "\"usable\"",
        "\"2026-11-20T08:00:00Z\"",
        "null",
        "true",
        "5",
        "\"<p>A <b>b</p>\"",
        "\"picture\"",
        "\"\\uD83D\"",
        "\"Kill\"",
        "\"https://x.example/a.jpg\"",
        "\"港口，船\"",
        "\"EMBARGOED UNTIL 1 June 2030\\n\\nx\"",
    ]);
    let value = text.prop_map(str::to_owned).prop_recursive(4, 24, 4, move |inner| {
        let names =
            ["name", "value", "role", "href", "uri", "code", "scheme", "type", "renditions", "width", "pubstatus"];
        let entry = (prop::sample::select(names.to_vec()), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(entry, 0..4).prop_map(|entries| {
                let entries: Vec<String> = entries.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    });
    prop::collection::vec((key, value), 0..12).prop_map(|entries| {
        let entries: Vec<String> = entries.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{\"uri\":\"urn:x:1\",\"headline\":\"H\",{}}}", entries.join(",")).replace(",}", "}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn parsing_items_never_panics(text in any_item(), cut in 0..400usize) {
        let parsed = read(&text);
        prop_assert!(parsed.article.is_none() || errors(&parsed).is_empty());
        prop_assert!(!(parsed.withhold && parsed.article.is_some()));
        let cut = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= cut).last().unwrap_or(0);
        read(text.get(..cut).unwrap_or_default());
    }

    #[test]
    fn parsing_any_text_never_panics(text in ".*") {
        read(&text);
    }
}
