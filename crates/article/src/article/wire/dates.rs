//! Recognises lines that are dates, and paragraphs that begin with a dateline.

use crate::article::date;
use crate::article::summary::is_wider;

/// Whether text is only a date, with or without time and zone.
pub(super) fn looks_like_date(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "am",
        "pm",
        "a",
        "p",
        "m",
        "at",
        "on",
        "gmt",
        "utc",
        "cst",
        "bjt",
        "est",
        "edt",
        "z",
        "t",
        "st",
        "nd",
        "rd",
        "th",
        "of",
        "mon",
        "tue",
        "tues",
        "wed",
        "thu",
        "thur",
        "thurs",
        "fri",
        "sat",
        "sun",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "年",
        "月",
        "日",
        "时",
        "分",
        "秒",
        "上午",
        "下午",
        "北京时间",
        "星期一",
        "星期二",
        "星期三",
        "星期四",
        "星期五",
        "星期六",
        "星期日",
        "周一",
        "周二",
        "周三",
        "周四",
        "周五",
        "周六",
        "周日",
    ];
    if is_wider(text, 60) {
        return false;
    }
    let mut year = false;
    let mut parts = 0;
    for word in text.split(|c: char| !c.is_alphanumeric()).flat_map(runs).filter(|word| !word.is_empty()) {
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            parts += 1;
            year |= word.len() == 4 && word.starts_with(['1', '2']);
        } else if is_month(word) {
            parts += 1;
        } else if !WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)) {
            return false;
        }
    }
    year && parts >= 3 && !text.contains(['?', '!', '？', '！', '。', '"'])
}

/// Whether a paragraph begins with a dateline: `HARBOUR CITY, May 15 (Agency) -- ...`, `新华社北京5月15日电 ...`.
pub(super) fn begins_with_dateline(text: &str) -> bool {
    let head = text.chars().take(80).collect::<String>();
    let chinese = head.find('日').is_some_and(|at| {
        let (before, after) = head.split_at(at);
        before.ends_with(|c: char| c.is_ascii_digit())
            && before.contains('月')
            && ["日电", "日讯", "日报道", "日消息"].iter().any(|word| after.starts_with(word))
    });
    let english = ["--", " - ", "—", " – "].iter().filter_map(|dash| head.find(dash)).min().is_some_and(|at| {
        let (before, _) = head.split_at(at);
        let place = before.split([',', '(']).next().unwrap_or_default();
        place.chars().filter(|c| c.is_uppercase()).count() >= 3
            && !place.contains(char::is_lowercase)
            && before.len() > place.len()
            && before.split(|c: char| !c.is_alphanumeric()).any(is_month)
    });
    chinese || english
}

fn is_month(word: &str) -> bool {
    date::month(word).is_some()
}

/// Splits a word into digits and letters: `15th`, `2023年`, `T09`.
fn runs(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c: char| c.is_ascii_digit() != first.is_ascii_digit()).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}
