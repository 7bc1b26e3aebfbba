//! Items that are about other items.

use super::item;
use crate::article::Notice;
use crate::types::Text;

#[test]
fn notices_are_no_stories() {
    let other = |relation: &str| {
        format!(r#""associations": [{{"uri": "urn:x:9", "type": "text", "rel": "{relation}", "headlines": []}}]"#)
    };
    let key = || Text::new("urn:x:9");
    for (fields, expected) in [
        (other("kills"), Some(Notice::Kill(key()))),
        (other("irel:corrects"), Some(Notice::Correct(key()))),
        (format!("{}, \"genre\": [{{\"name\": \"Kill\"}}]", other("replaces")), Some(Notice::Kill(key()))),
        (
            format!("{}, \"genre\": [{{\"name\": \"Correction\"}}]", other("previousVersion")),
            Some(Notice::Correct(key())),
        ),
        (format!("{}, \"genre\": [{{\"name\": \"Correction\"}}]", other("seeAlso")), None),
        (r#""genres": [{"name": "Advisory"}]"#.to_owned(), Some(Notice::Advise)),
        (other("seeAlso"), None),
    ] {
        let parsed = item(&fields);
        assert_eq!(parsed.article.is_none(), expected.is_some(), "{fields}: {:?}", parsed.diagnostics);
        assert_eq!(parsed.notice, expected, "{fields}");
    }
}
