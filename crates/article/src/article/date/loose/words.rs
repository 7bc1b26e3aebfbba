//! The words of dates in several languages: months, weekdays, zones and words without meaning.

use crate::article::date::{DAYS, month as english_month};

/// Names of months besides the English ones.
const MONTHS: [&[&str]; 12] = [
    &["januar", "jänner", "jan", "janvier", "enero", "gennaio", "janeiro", "januari", "января"],
    &["februar", "feb", "février", "fevrier", "febrero", "febbraio", "fevereiro", "februari", "февраля"],
    &["märz", "maerz", "mrz", "mars", "marzo", "março", "maart", "марта"],
    &["april", "avril", "abril", "aprile", "апреля"],
    &["mai", "mayo", "maggio", "maio", "mei", "мая"],
    &["juni", "juin", "junio", "giugno", "junho", "июня"],
    &["juli", "juillet", "julio", "luglio", "julho", "июля"],
    &["august", "août", "aout", "agosto", "augustus", "августа"],
    &["september", "septembre", "septiembre", "settembre", "setembro", "сентября"],
    &["oktober", "okt", "octobre", "octubre", "ottobre", "outubro", "октября"],
    &["november", "novembre", "noviembre", "novembro", "ноября"],
    &["dezember", "dez", "décembre", "decembre", "diciembre", "dicembre", "dezembro", "december", "декабря"],
];

/// Names of weekdays besides the English ones, from Monday on.
const WEEKDAYS: [&[&str]; 7] = [
    &["montag", "lundi", "lunes", "maandag"],
    &["dienstag", "mardi", "martes", "dinsdag"],
    &["mittwoch", "mercredi", "miércoles", "woensdag"],
    &["donnerstag", "jeudi", "jueves", "donderdag"],
    &["freitag", "vendredi", "viernes", "vrijdag"],
    &["samstag", "sonnabend", "samedi", "sábado", "zaterdag"],
    &["sonntag", "dimanche", "domingo", "zondag"],
];

/// Chinese words and their replacements. `zham` and `zhpm` are made-up words for AM and PM, which precede the hour in Chinese.
pub(super) const CHINESE: &[(&str, &str)] = &[
    ("北京时间", " bjt "),
    ("上午", " zham "),
    ("早上", " zham "),
    ("凌晨", " zham "),
    ("下午", " zhpm "),
    ("晚上", " zhpm "),
    ("星期一", " monday "),
    ("星期二", " tuesday "),
    ("星期三", " wednesday "),
    ("星期四", " thursday "),
    ("星期五", " friday "),
    ("星期六", " saturday "),
    ("星期日", " sunday "),
    ("星期天", " sunday "),
    ("周一", " monday "),
    ("周二", " tuesday "),
    ("周三", " wednesday "),
    ("周四", " thursday "),
    ("周五", " friday "),
    ("周六", " saturday "),
    ("周日", " sunday "),
    ("之前", " "),
    ("之后", " "),
    ("以前", " "),
    ("以后", " "),
    ("前", " "),
    ("后", " "),
];

/// Words that may stand in a date without changing it.
pub(super) const FILLERS: &[&str] = &[
    "at", "on", "of", "the", "hrs", "hours", "h", "o", "clock", "uhr", "um", "am", "den", "der", "dem", "le", "la",
    "à", "a", "el", "las", "de", "del", "du", "heures", "horas", "from", "ab", "local",
];

/// Unambiguous zone abbreviations of RFC 5322, tzdata and single countries, in minutes east of UTC. `CST`, `PST`, `IST` and `BST` have
/// several meanings, so they are missing.
const ZONES: &[(&str, i32)] = &[
    ("z", 0),
    ("utc", 0),
    ("gmt", 0),
    ("ut", 0),
    ("wet", 0),
    ("west", 60),
    ("cet", 60),
    ("mez", 60),
    ("cest", 120),
    ("mesz", 120),
    ("eet", 120),
    ("eest", 180),
    ("msk", 180),
    ("bjt", 480),
    ("hkt", 480),
    ("sgt", 480),
    ("jst", 540),
    ("kst", 540),
    ("aest", 600),
    ("aedt", 660),
    ("nzst", 720),
    ("nzdt", 780),
    ("edt", -240),
    ("cdt", -300),
    ("est", -300),
    ("mdt", -360),
    ("mst", -420),
    ("pdt", -420),
    ("hst", -600),
];

/// The month that a word names.
pub(super) fn month(word: &str) -> Option<i8> {
    let at = || MONTHS.iter().position(|names| names.contains(&word));
    english_month(word).or_else(|| i8::try_from(at()? + 1).ok())
}

/// The weekday that a word names, counted from Monday as 0.
pub(super) fn weekday(word: &str) -> Option<i8> {
    let english = || DAYS.iter().position(|day| word.len() >= 3 && day.starts_with(word));
    let at = english().or_else(|| WEEKDAYS.iter().position(|names| names.contains(&word)))?;
    i8::try_from(at).ok()
}

/// The offset of a zone abbreviation, in minutes east of UTC.
pub(super) fn zone(word: &str) -> Option<i32> {
    ZONES.iter().find(|(zone, _)| *zone == word).map(|(_, minutes)| *minutes)
}

/// Whether a word is the name of a month or of a weekday.
pub(in crate::article) fn is_month_or_day(word: &str) -> bool {
    month(word).is_some() || weekday(word).is_some()
}

/// Whether a word may be part of a date.
pub(in crate::article) fn is_word(word: &str) -> bool {
    const UNITS: &str = "年月日号號时時点點分秒上午下北京间早晚中";
    is_month_or_day(word)
        || FILLERS.contains(&word)
        || zone(word).is_some()
        || ["st", "nd", "rd", "th", "er", "p", "m", "pm", "h", "t", "noon", "et", "pt", "time"].contains(&word)
        || UNITS.contains(word)
}
