//! Paragraphs, datelines, dates and codes of subjects.

use std::borrow::Cow;

use crate::article::hidden_text::visible_text;
use crate::article::keys::normalised;
use crate::encoding::escape_text;
use crate::types::Text;

/// The paragraphs of a plain text: separated by blank lines, or by line breaks if there are none.
pub(super) fn paragraphs(text: &str) -> Vec<Text> {
    let text = text.replace("\r\n", "\n").replace(['\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{C}', '\u{B}'], "\n");
    let text = text.trim();
    let has_blank_line = text.split('\n').any(|line| line.trim().is_empty());
    let mut paragraphs = vec![String::new()];
    for line in text.split('\n').map(str::trim) {
        match paragraphs.last_mut() {
            Some(last) if has_blank_line && !line.is_empty() => {
                last.push_str(line);
                last.push(' ');
            }
            _ => paragraphs.push(line.to_owned()),
        }
    }
    paragraphs.iter().map(|paragraph| Text::line(paragraph)).filter(|paragraph| !paragraph.is_empty()).collect()
}

/// A paragraph with its dateline, unless it begins with it already.
pub(super) fn after_dateline(dateline: &str, paragraph: &str) -> String {
    let dateline = Text::line(dateline);
    let written = normalised(dateline.as_str());
    if written.is_empty() || begins_with(paragraph, &written) {
        return paragraph.to_owned();
    }
    format!("{}{}", prefix(dateline.as_str()), paragraph.trim_start())
}

/// HTML with its dateline at the beginning of the first paragraph, unless the text begins with it already.
pub(super) fn with_dateline(html: &str, dateline: &str) -> String {
    /// How much of the text is compared with the dateline.
    const MAX_BEGINNING_BYTES: usize = 4_000;
    let dateline = Text::line(dateline);
    let written = normalised(dateline.as_str());
    let beginning =
        html.char_indices().nth(MAX_BEGINNING_BYTES).map_or(html, |(end, _)| html.get(..end).unwrap_or(html));
    if written.is_empty() || begins_with(&visible_text(beginning), &written) {
        return html.to_owned();
    }
    let mut escaped = String::new();
    escape_text(&prefix(dateline.as_str()), &mut escaped);
    // The first paragraph, if nothing is shown above it.
    let is_paragraph = |at: &usize| {
        let rest = beginning.get(at + 2..).unwrap_or_default();
        rest.starts_with(|c: char| c == '>' || c.is_whitespace())
    };
    let paragraph = beginning.match_indices("<p").map(|(at, _)| at).find(is_paragraph);
    let paragraph = paragraph.filter(|at| visible_text(beginning.get(..*at).unwrap_or_default()).trim().is_empty());
    let text_start = paragraph.and_then(|at| Some(at + beginning.get(at..)?.find('>')? + 1));
    match text_start.and_then(|at| html.split_at_checked(at)) {
        Some((above, text)) => format!("{above}{escaped}{text}"),
        None => format!("<p>{escaped}</p>{html}"),
    }
}

fn begins_with(text: &str, dateline: &str) -> bool {
    let beginning: String = text.chars().filter(|c| c.is_alphanumeric()).take(dateline.chars().count()).collect();
    normalised(&beginning) == dateline
}

/// A dateline with the dash that separates it from the text.
fn prefix(dateline: &str) -> String {
    match dateline.ends_with(['-', '–', '—', ':', ')', '）', '：', '電', '电']) {
        true => format!("{dateline} "),
        false => format!("{dateline} — "),
    }
}

/// A date as in ISO 8601's extended format. NITF has the basic one: `20261104T120000+0100`.
pub(super) fn extended_date(date: &str) -> Cow<'_, str> {
    let trimmed = date.trim();
    let (day, rest) = trimmed.split_at_checked(8).unwrap_or((trimmed, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (year, month_and_day) = day.split_at_checked(4).unwrap_or((day, ""));
    let (month, day) = month_and_day.split_at_checked(2).unwrap_or((month_and_day, ""));
    if day.len() != 2 || ![year, month, day].into_iter().all(is_number) {
        return Cow::Borrowed(date);
    }
    let Some(time) = rest.strip_prefix(['T', 't', ' ']) else {
        return if rest.is_empty() { Cow::Owned(format!("{year}-{month}-{day}")) } else { Cow::Borrowed(date) };
    };
    let (clock, zone) =
        time.split_at_checked(time.find(['Z', 'z', '+', '-']).unwrap_or(time.len())).unwrap_or((time, ""));
    let colons = |text: &str| match text.len() {
        4 | 6 if is_number(text) => {
            let pairs: Vec<&str> = (0..text.len()).step_by(2).filter_map(|at| text.get(at..at + 2)).collect();
            pairs.join(":")
        }
        _ => text.to_owned(),
    };
    let sign = zone.get(..1).unwrap_or_default();
    let offset = zone.get(1..).unwrap_or_default();
    Cow::Owned(format!("{year}-{month}-{day}T{}{sign}{}", colons(clock), colons(offset)))
}

/// The code of a subject. Codes of the IPTC's media topics are spelt `medtop:20000350`.
pub(super) fn subject_code(code: &str) -> String {
    let code = code.trim();
    const SCHEMES: &[&str] = &["cv.iptc.org/newscodes/mediatopic", "medtop", "mediatopic"];
    let without_protocol = code.split_once("://").map_or(code, |(_, rest)| rest);
    let digits = SCHEMES.iter().find_map(|scheme| {
        let start = without_protocol.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme))?;
        without_protocol.get(start.len()..)?.strip_prefix(['/', ':'])
    });
    let digits = digits.map(|digits| digits.trim_start_matches([':', '/']).trim_start_matches("medtop:"));
    let digits = digits.filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    digits.map_or_else(|| code.to_owned(), |digits| format!("medtop:{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_separated_by_blank_lines_or_breaks() {
        for (text, expected) in [
            ("One.\n\nTwo\nlines.\n", "One.|Two lines."),
            ("One.\r\nTwo.\rThree.", "One.|Two.|Three."),
            ("  One.  ", "One."),
            ("One.\n \n\n\nTwo.", "One.|Two."),
            ("", ""),
        ] {
            let paragraphs = paragraphs(text);
            assert_eq!(paragraphs.iter().map(Text::as_str).collect::<Vec<_>>().join("|"), expected, "{text:?}");
        }
    }

    #[test]
    fn dateline_begins_text_once() {
        for (dateline, html, expected) in [
            ("OSLO (Fjord)", "<p>Ships.</p>", "<p>OSLO (Fjord) Ships.</p>"),
            ("OSLO", "<p class=a>Ships.</p>", "<p class=a>OSLO — Ships.</p>"),
            (
                "OSLO",
                "<style>p {color: red}</style>\n<p>Ships.</p>",
                "<style>p {color: red}</style>\n<p>OSLO — Ships.</p>",
            ),
            ("OSLO", "Ships.<p>Boats.</p>", "<p>OSLO — </p>Ships.<p>Boats.</p>"),
            ("OSLO, <b>", "<div>Ships.</div>", "<p>OSLO, &lt;b&gt; — </p><div>Ships.</div>"),
            ("OSLO", "<p><b>Oslo</b> – Ships.</p>", "<p><b>Oslo</b> – Ships.</p>"),
            ("", "<p>Ships.</p>", "<p>Ships.</p>"),
        ] {
            assert_eq!(with_dateline(html, dateline), expected);
        }
        assert_eq!(after_dateline("OSLO –", "Ships."), "OSLO – Ships.");
        assert_eq!(after_dateline("OSLO", "OSLO, 3 May – Ships."), "OSLO, 3 May – Ships.");
    }

    #[test]
    fn basic_dates_are_extended() {
        for (date, expected) in [
            ("20261104T120000-0000", "2026-11-04T12:00:00-00:00"),
            ("20261104T1200Z", "2026-11-04T12:00Z"),
            (" 20261104T120000+0100 ", "2026-11-04T12:00:00+01:00"),
            ("20261104", "2026-11-04"),
            ("2026-11-04T12:00:00Z", "2026-11-04T12:00:00Z"),
            ("20261104T12:00:00+01:00", "2026-11-04T12:00:00+01:00"),
            ("202611041200", "202611041200"),
            ("soon", "soon"),
            ("船船船", "船船船"),
            ("", ""),
        ] {
            assert_eq!(extended_date(date), expected);
        }
    }

    #[test]
    fn media_topics_have_one_spelling() {
        for (code, expected) in [
            ("http://cv.iptc.org/newscodes/mediatopic/20000350", "medtop:20000350"),
            ("medtop:20000350", "medtop:20000350"),
            ("https://cv.iptc.org/newscodes/mediatopic/medtop:20000350", "medtop:20000350"),
            ("N2:US", "N2:US"),
            ("medtop:", "medtop:"),
        ] {
            assert_eq!(subject_code(code), expected);
        }
    }
}
