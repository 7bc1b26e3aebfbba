//! Splits bylines such as `By A, B and C` into names.

/// The names in a byline, without introductory words such as `By`.
pub(super) fn names(raw: &str) -> Vec<String> {
    let mut text = raw.trim();
    for prefix in ["By ", "by ", "BY ", "文/", "文／", "图/", "本报记者", "记者"] {
        text = text.strip_prefix(prefix).unwrap_or(text).trim_start();
    }
    if is_one_name(text) {
        return vec![text.to_owned()];
    }
    let text = text.replace(" and ", ",").replace(" & ", ",").replace(" AND ", ",").replace('\u{a0}', " ");
    let parts = text.split([',', '，', '、', '/', '／', ';', '；', '|']);
    let parts =
        parts.map(|name| name.trim().strip_prefix("and ").unwrap_or(name.trim())).filter(|name| !name.is_empty());
    join_suffixes(parts.map(str::to_owned))
}

/// Suffixes that belong to the name before the comma.
const NAME_SUFFIXES: &[&str] =
    &["jr", "sr", "ii", "iii", "iv", "phd", "md", "esq", "mba", "obe", "mbe", "rn", "ma", "ba"];
/// Company suffixes: a name with one is not split at the comma before it.
const COMPANY_SUFFIXES: &[&str] = &[
    "ltd",
    "limited",
    "inc",
    "incorporated",
    "llc",
    "llp",
    "gmbh",
    "co",
    "corp",
    "plc",
    "ag",
    "kg",
    "sa",
    "srl",
    "bv",
];

fn is_one_of(words: &[&str], part: &str) -> bool {
    let part = part.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    words.contains(&part.as_str())
}

/// Appends suffixes such as `Jr.` to the names before them.
pub(super) fn join_suffixes(parts: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for part in parts {
        match names.last_mut().filter(|_| is_one_of(NAME_SUFFIXES, &part)) {
            Some(name) => {
                name.push_str(", ");
                name.push_str(&part);
            }
            None => names.push(part),
        }
    }
    names
}

/// Whether the text with a comma is one name: a company, `Smith & Sons, Ltd`, or an inverted name, `Smith, John`.
pub(super) fn is_one_name(text: &str) -> bool {
    let Some((first, last)) = text.split_once(',').map(|(first, last)| (first.trim(), last.trim())) else {
        return false;
    };
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_uppercase())
            && word.len() > 1
            && word.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '.' | '\''))
    };
    is_one_of(COMPANY_SUFFIXES, last) || (is_word(first) && is_word(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bylines_are_split_into_names() {
        for (raw, expected) in [
            ("By JIN Feng and ZHONG Jianli", "JIN Feng|ZHONG Jianli"),
            ("A, B & C", "A|B|C"),
            ("甲、乙，丙", "甲|乙|丙"),
            ("记者 王小明", "王小明"),
            ("Anderson Sandy", "Anderson Sandy"),
            ("A, and B", "A|B"),
            ("Smith & Sons, Ltd", "Smith & Sons, Ltd"),
            ("Smith, John", "Smith, John"),
            ("John Smith, Jr., and Ann Lee, PhD", "John Smith, Jr.|Ann Lee, PhD"),
            ("Ann Lee, Bo Chen", "Ann Lee|Bo Chen"),
        ] {
            assert_eq!(names(raw).join("|"), expected);
        }
    }
}
