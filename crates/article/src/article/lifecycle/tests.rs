use std::collections::HashMap;

use super::*;
use crate::article::keys;

#[test]
fn keys_have_many_names() {
    for (name, expected) in [
        ("date", Some(Meaning::Date)),
        ("Date", Some(Meaning::Date)),
        ("publishDate", Some(Meaning::Published)),
        ("PUBDATE", Some(Meaning::Published)),
        ("date_published", Some(Meaning::Published)),
        ("published", Some(Meaning::Public)),
        ("is_published", Some(Meaning::Public)),
        ("embargo-until", Some(Meaning::Embargo)),
        ("embargoed", Some(Meaning::Embargo)),
        ("ＥＭＢＡＲＧＯ", Some(Meaning::Embargo)),
        ("dateline:embargo", Some(Meaning::Embargo)),
        ("og:article:embargo_until", Some(Meaning::Embargo)),
        ("not_before", Some(Meaning::Embargo)),
        ("发布限制", Some(Meaning::Embargo)),
        ("expiryDate", Some(Meaning::Expires)),
        ("unpublish_date", Some(Meaning::Expires)),
        ("unpublishDate", Some(Meaning::Expires)),
        ("Status", Some(Meaning::Status)),
        ("post_status", Some(Meaning::Status)),
        ("creativeWorkStatus", Some(Meaning::Status)),
        ("isDraft", Some(Meaning::Draft)),
        ("correction", Some(Meaning::Corrections)),
        // Words that resemble keys.
        ("publisher", None),
        ("embark", None),
        ("data", None),
        // A label of wire text only, and keys that need a date or a status word.
        ("expiry", None),
        ("release_date", None),
        ("state", None),
    ] {
        assert_eq!(certain_meaning(name), expected, "{name}");
    }
    assert_eq!(lookup("releaseDate"), Some((Meaning::Embargo, Certainty::WithDate)));
    assert_eq!(lookup("state"), Some((Meaning::Status, Certainty::WithDate)));
}

/// If a word had two meanings, the order of the table would decide silently.
#[test]
fn words_have_one_meaning() {
    fn check<'w, T: PartialEq + std::fmt::Debug + Copy>(rows: impl Iterator<Item = (T, &'w [&'w str])>) {
        let mut seen: HashMap<String, T> = HashMap::new();
        for (value, names) in rows {
            for name in names {
                assert!(!normalised(name).is_empty(), "{name}");
                let other = *seen.entry(normalised(name).into_owned()).or_insert(value);
                assert_eq!(other, value, "{name}");
            }
        }
    }
    check(words::KEYS.iter().map(|&(meaning, certainty, names)| ((meaning, certainty), names)));
    check(words::STATUSES.iter().copied());
    check([(true, keys::TRUE), (false, keys::FALSE)].into_iter());
}

#[test]
fn unparsed_text_may_withhold() {
    for (text, expected) in [
        ("title: [\nembargo: 2026-12-01\n", true),
        ("  \"Embargo\" = 2026-12-01", true),
        ("'embargo' : x", true),
        ("{embargo: x", true),
        ("{\"title\": \"x\", \"draft\": true", true),
        ("{\n\"draft\": true,", true),
        ("embago: x", true),
        ("EMBARGOED UNTIL 10:00", true),
        ("HOLD FOR RELEASE", true),
        ("发布限制：周二", true),
        ("not_before: 2030-01-01", true),
        ("status: retracted # by the desk", true),
        ("status = \"Withdrawn\"", true),
        ("status: draft", true),
        ("status: private", true),
        ("status: in review", true),
        ("post_status: pending", true),
        ("状态：草稿", true),
        ("draft: true", true),
        ("draft true", true),
        ("embargo: never", true),
        ("Draft rules for the harbour", false),
        ("Draft = \"yes\"", true),
        ("isDraft: maybe", true),
        ("published: false", true),
        ("expires: 2020-01-01", true),
        ("state: draft", true),
        ("<p><meta\n content=x name='dateline:embargo'>", true),
        ("<meta name=dateline:status content=killed>", true),
        ("<meta content=true name=dateline:draft>", true),
        ("<meta property='article:embargo' content='x'>", true),
        ("status: published", false),
        ("draft: false", false),
        ("draft:", false),
        ("embargo: none", false),
        ("embargo: false", false),
        ("expires: never", false),
        ("published: true", false),
        ("published: 2020-01-01", false),
        ("state: Bavaria", false),
        ("title: The embargo: a history", false),
        ("The embargo: a history", false),
        ("Draft a letter: it helps", false),
        ("<meta name=description content=x>embargo rules", false),
    ] {
        assert_eq!(withholds(text), expected, "{text}");
    }
}

#[test]
fn embargo_lines_are_parsed() {
    for (text, expected) in [
        ("EMBARGOED UNTIL 10:00 GMT, 24 November 2026", "Until 10:00 GMT, 24 November 2026"),
        (">>> EMBARGO TILL 1 June 2030 <<<", "Until 1 June 2030"),
        ("*** EMBARGO: 1 June 2030 ***", "Until 1 June 2030"),
        ("【EMBARGO】 2030-06-01", "Until 2030-06-01"),
        ("**Embargo:** 1 June 2030", "Until 1 June 2030"),
        ("# EMBARGOED UNTIL 1 June 2030", "Until 1 June 2030"),
        ("⚠️ STRICTLY EMBARGOED to 2030-06-01", "Until 2030-06-01"),
        ("UNDER EMBARGO", "Until "),
        ("UNDER STRICT EMBARGO UNTIL NOON ON TUESDAY", "Until NOON ON TUESDAY"),
        ("NOTE: press embargo until 1 June 2030.", "Until 1 June 2030"),
        ("This story is under embargo until 1 June 2030", "Until 1 June 2030"),
        ("HOLD FOR RELEASE", "Until "),
        ("HOLD FOR RELEASE UNTIL 1 June 2030", "Until 1 June 2030"),
        ("For release 1 June 2027", "Until 1 June 2027"),
        ("FOR RELEASE: Tuesday", "Until Tuesday"),
        ("FOR RELEASE AT 10 A.M. EDT JUNE 1, 2030", "Until 10 A.M. EDT JUNE 1, 2030"),
        ("NOT FOR PUBLICATION BEFORE 1 June 2030", "Until 1 June 2030"),
        ("Not for release until further notice", "Until further notice"),
        ("Sperrfrist: 1. Juni 2030, 10 Uhr", "Until 1. Juni 2030, 10 Uhr"),
        ("Sperrfrist bis zum 1. Juni 2030", "Until 1. Juni 2030"),
        ("Frei ab 1. Juni 2030", "Until 1. Juni 2030"),
        ("embargo jusqu'au 1er juin 2030", "Until 1er juin 2030"),
        ("sous embargo", "Until "),
        ("Embargado hasta el 1 de junio de 2030", "Until 1 de junio de 2030"),
        ("解禁时间：2030年6月1日", "Until 2030年6月1日"),
        ("禁止发布至2030年6月1日10时", "Until 2030年6月1日10时"),
        ("禁发至：周二", "Until 周二"),
        ("【禁发】", "Until "),
        ("ＥＭＢＡＲＧＯＥＤ　ＵＮＴＩＬ　２０３０年６月１日", "Until ２０３０年６月１日"),
        ("DRAFT", "Mark "),
        ("--- Draft ---", "Mark "),
        ("FOR IMMEDIATE RELEASE", "NoEmbargo "),
        ("FOR IMMEDIATE RELEASE: June 1, 2027", "NoEmbargo June 1, 2027"),
        ("Frei ab sofort", "NoEmbargo "),
        ("Sperrfrist: keine", "NoEmbargo keine"),
        ("EMBARGO: NONE", "NoEmbargo NONE"),
        ("Embargo lifted", "NoEmbargo "),
        ("Embargo: -", "NoEmbargo "),
        ("Embargo ends after ten years", "Possible ten years"),
        ("Embargo or not, they sail.", "Possible or not, they sail"),
        ("Embargo on Grain Ends", "-"),
        ("Embargo on grain until Tuesday", "Possible grain until Tuesday"),
        ("The embargo until 1 June", "-"),
        ("Release 2.0 is out", "-"),
        ("Release 2.0 in May", "-"),
        ("For release, the band chose Friday", "-"),
        ("For use in schools", "-"),
        ("Hold the line", "-"),
        ("Draft rules for ports", "-"),
        ("Frei von der Leber weg", "-"),
        ("embarked on 1 June 2030", "-"),
        ("Under the bridge", "-"),
        ("This story is about an embargo", "-"),
        ("", "-"),
        ("***", "-"),
        (
            "Embargoed goods worth forty million were found behind the old cannery, the port office of the harbour said",
            "-",
        ),
    ] {
        let claim = line::parse_embargo(text).map_or("-".to_owned(), |found| {
            format!("{:?} {}", found.claim, text.get(found.value).expect("a range of the text"))
        });
        assert_eq!(claim, expected, "{text}");
    }
}
