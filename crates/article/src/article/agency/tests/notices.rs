//! Items that are about other items.

use super::item;
use crate::article::NoticeAction::{self, Advise, Correct, Kill};
use crate::types::Text;

#[test]
fn notices_are_no_stories() {
    let other = |relation: &str| {
        format!(r#""associations": [{{"uri": "urn:x:9", "type": "text", "rel": "{relation}", "headlines": []}}]"#)
    };
    let about = |action: NoticeAction| Some((action, vec![Text::new("urn:x:9")]));
    for (fields, expected) in [
        (other("kills"), about(Kill)),
        (other("irel:corrects"), about(Correct)),
        (format!("{}, \"genre\": [{{\"name\": \"Kill\"}}]", other("replaces")), about(Kill)),
        (format!("{}, \"genre\": [{{\"name\": \"Correction\"}}]", other("previousVersion")), about(Correct)),
        (format!("{}, \"genre\": [{{\"name\": \"Correction\"}}]", other("seeAlso")), None),
        (r#""genres": [{"name": "Advisory"}]"#.to_owned(), Some((Advise, Vec::new()))),
        (other("seeAlso"), None),
    ] {
        let parsed = item(&fields);
        assert_eq!(parsed.article.is_none(), expected.is_some(), "{fields}: {:?}", parsed.diagnostics);
        let found = parsed.notice.map(|notice| (notice.action, notice.keys));
        assert_eq!(found, expected, "{fields}");
    }
}
