use super::*;

#[test]
fn dates_are_parsed() {
    let shanghai = TimeZone::get("Asia/Shanghai").expect("bundled");
    for (raw, expected) in [
        ("2023-05-15T09:24:32+08:00", "2023-05-15T09:24:32+08:00"),
        ("2023-05-15T09:24:32Z", "2023-05-15T09:24:32+00:00"),
        ("2023-05-15t09:24:32.123456789-05:30", "2023-05-15T09:24:32-05:30"),
        ("2023-05-15 09:24:32", "2023-05-15T09:24:32+08:00"),
        ("2023-05-15 09:24", "2023-05-15T09:24:00+08:00"),
        ("2023-05-15 9:04", "2023-05-15T09:04:00+08:00"),
        ("2023-05-15", "2023-05-15T00:00:00+08:00"),
        ("2023/5/15 10:00", "2023-05-15T10:00:00+08:00"),
        ("2023.05.15", "2023-05-15T00:00:00+08:00"),
        ("2023年5月15日 09:24", "2023-05-15T09:24:00+08:00"),
        ("2023年5月15日9时24分", "2023-05-15T09:24:00+08:00"),
        ("２０２３年５月１５日", "2023-05-15T00:00:00+08:00"),
        ("2023-05-15 09:24:32 +0800", "2023-05-15T09:24:32+08:00"),
        ("2023-05-15 09:24:32 -0700 PDT", "2023-05-15T09:24:32-07:00"),
        ("2023-05-15T09:24:32 UTC", "2023-05-15T09:24:32+00:00"),
        ("2023-05-15T09:24:32+01:00[Europe/London]", "2023-05-15T09:24:32+01:00"),
        ("2023-05-15T09:24:32[Europe/London]", "2023-05-15T09:24:32+01:00"),
        ("Mon, 15 May 2023 09:24:32 GMT", "2023-05-15T09:24:32+00:00"),
        ("Mon, 15 May 2023 09:24:32 -0500", "2023-05-15T09:24:32-05:00"),
        ("May 15, 2023", "2023-05-15T00:00:00+08:00"),
        ("May 15, 2023 9:24 PM", "2023-05-15T21:24:00+08:00"),
        ("15 May 2023, 12:05 am", "2023-05-15T00:05:00+08:00"),
        ("15-Sept-2023", "2023-09-15T00:00:00+08:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00"),
    ] {
        let date = parse(raw, &shanghai).unwrap_or_else(|error| panic!("{raw}: {error}"));
        assert_eq!((date.moment.rfc3339().as_str(), date.warning), (expected, None), "{raw}");
    }
}

#[test]
fn local_mean_time_keeps_the_written_time() {
    for (zone, raw, expected) in [
        ("Europe/Paris", "1905-05-05", "1905-05-05T00:00:00+00:09"),
        ("Europe/Paris", "1905-05-05 23:59:59", "1905-05-05T23:59:59+00:09"),
        ("Europe/Paris", "1583-01-01", "1583-01-01T00:00:00+00:09"),
        ("Europe/Paris", "1911-06-01", "1911-06-01T00:00:00+00:00"),
        ("Asia/Shanghai", "1900-12-31", "1900-12-31T00:00:00+08:06"),
        ("Asia/Shanghai", "1901-01-01", "1901-01-01T00:00:00+08:00"),
        ("America/New_York", "1883-11-17 12:00", "1883-11-17T12:00:00-04:56"),
        ("America/Argentina/Buenos_Aires", "1900-05-05", "1900-05-05T00:00:00-04:17"),
        ("Africa/Monrovia", "1960-05-05", "1960-05-05T00:00:00-00:45"),
        ("Asia/Manila", "1840-05-05", "1840-05-05T00:00:00-15:56"),
        ("Asia/Kolkata", "1850-01-01", "1850-01-01T00:00:00+05:53"),
        ("UTC", "1905-05-05T00:00:00+00:09:21", "1905-05-05T00:00:00+00:09"),
        ("UTC", "1905-05-05T00:00:00-00:19:32", "1905-05-05T00:00:00-00:20"),
        ("UTC", "1905-05-05 00:00:00 +001932", "1905-05-05T00:00:00+00:20"),
        ("UTC", "1905-05-05T00:00:00+00:09:21[Europe/Paris]", "1905-05-05T00:00:00+00:09"),
    ] {
        let zone = TimeZone::get(zone).expect("bundled");
        let moment = parse(raw, &zone).unwrap_or_else(|error| panic!("{raw}: {error}")).moment;
        assert_eq!(moment.rfc3339(), expected, "{raw}");
        assert_eq!(moment.date(), expected.get(..10).expect("a date"), "{raw}");
        let instant = expected.parse::<jiff::Timestamp>().expect("RFC 3339");
        assert_eq!(moment.timestamp(), instant, "{raw}: the same instant in RSS");
    }
}

#[test]
fn every_zone_keeps_the_written_day() {
    for name in jiff::tz::db().available() {
        let zone = TimeZone::get(name.as_str()).expect("bundled");
        for year in (1583..2040).step_by(9).chain([1883, 1911, 1937]) {
            let (raw, noon) = (format!("{year}-05-05"), format!("{year}-05-05T12:00:00"));
            for raw in [raw, noon] {
                let Ok(date) = parse(&raw, &zone) else { panic!("{raw} in {name}") };
                if date.warning.is_none() {
                    assert!(date.moment.rfc3339().starts_with(&raw), "{raw} in {name}: {}", date.moment.rfc3339());
                }
            }
        }
    }
}

#[test]
fn ambiguous_dates_are_refused() {
    for (raw, reason) in [
        ("", "empty"),
        ("2023-02-30", "February 2023 has 28 days"),
        ("2023-13-01", "no month 13"),
        ("03/04/2026", "could be the month"),
        ("03.04.26", "could be the month"),
        ("1 May 26", "four digits"),
        ("Tue, 15 May 2023 09:24:32 GMT", "is not a Tue"),
        ("2023-05-15 25:00", "no such time"),
        ("2023-05-15 10:0", "not written like"),
        ("2023-05-15 10:00 CET", "`CET` after the date is not"),
        ("2023-05-15T10:00:00+25:00", "offset"),
        ("1905-05-05T00:00:00+00:09:2", "offset"),
        ("1905-05-05T00:00:00+00:09:99", "offset"),
        ("-0044-03-15", "is not a date"),
        ("10000-01-01", "four digits"),
        ("2023-05-15 13:00 PM", "from 1 to 12"),
        ("yesterday", "is not a date"),
        ("1700000000", "is not a date"),
        ("0000-01-01", "1583"),
        ("9999-12-31T23:59:59-14:00", ""),
        ("20230515", "is not a date"),
        ("2023-05-15T10:00:00[Mars/Base]", "not a time zone"),
    ] {
        let error = parse(raw, &TimeZone::UTC).map(|date| date.moment.rfc3339()).expect_err(raw);
        assert!(error.contains(reason), "{raw}: {error}");
    }
}

#[test]
fn clock_changes_take_the_later_time() {
    let new_york = TimeZone::get("America/New_York").expect("bundled");
    for (raw, expected) in
        [("2026-03-08 02:30", "2026-03-08T03:30:00-04:00"), ("2026-11-01 01:30", "2026-11-01T01:30:00-05:00")]
    {
        let date = parse(raw, &new_york).expect(raw);
        assert_eq!(date.moment.rfc3339(), expected);
        assert!(date.warning.is_some_and(|warning| warning.contains(expected)));
    }
}
