//! Notices of agencies: texts about other items, which are never stories themselves.

use std::ops::Range;

use super::draft::Draft;
use super::model::{AgencyNotice, NoticeAction};
use super::parsed::Parsed;
use crate::diagnostics::Code;
use crate::types::Text;

/// The result for a notice. It's reported, and never published.
pub(super) fn refuse(mut draft: Draft<'_>, mut notice: AgencyNotice, span: Range<usize>) -> Parsed {
    let name = notice.keys.first().or(notice.slugs.first());
    let item = name.map_or("a story, and doesn't say which".to_owned(), |name| {
        format!("the item `{}`", name.as_str().escape_debug())
    });
    let (code, message, help) = match notice.action {
        NoticeAction::Kill => (
            Code::AgencyNotice,
            format!("the agency withdraws {item}"),
            "no item of this source is known by that name; withdraw the story: `dateline retract ARTICLE`",
        ),
        NoticeAction::Correct => (
            Code::AgencyNotice,
            format!("the agency corrects {item}"),
            "no item of this source is known by that name; correct the story: this text is not published",
        ),
        NoticeAction::Advise => (
            Code::AgencyAdvice,
            "this is the agency's advice to editors, and is not published".to_owned(),
            "`dateline explain` shows it",
        ),
    };
    draft.report(code, span, message, help);
    notice.time = notice.time.or_else(|| draft.published());
    Parsed { notice: Some(Box::new(notice)), ..draft.refuse(false) }
}

/// A slugline in a form for comparison: lower case, one hyphen between words, without `bc-` and the words of notices.
pub fn comparable_slug(slug: &Text) -> String {
    /// Words that agencies add to sluglines.
    const ADDED: &[&str] =
        &["bc", "am", "pm", "eds", "kill", "killed", "retraction", "withdrawal", "correction", "advisory", "mandatory"];
    let lower = slug.as_str().to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty() && !ADDED.contains(word));
    words.collect::<Vec<_>>().join("-")
}
