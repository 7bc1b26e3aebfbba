use super::*;

/// Each line has four words: the time in ms; what happens (`see` a change, `put` written and open, `end` closed, `off` removed,
/// `due` the file is due, `lost` events were lost, `name` renamed to the path); the file (`-` missing, `v@age` version v modified age ms ago); and the decision.
/// Files settle within a second.
fn check(history: &str, completion: Completion) {
    let (grace, settle, open_limit) = (Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(60));
    let mut coalescer = Coalescer::new(grace, settle, completion, open_limit);
    let path = ArticlePath::new("a.md");
    for line in history.trim().lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [time, action, file, expected] = words[..] else { panic!("{line}") };
        let now = Duration::from_millis(time.parse().expect("a number"));
        let status = match file.split_once('@') {
            None => FileStatus::Missing,
            Some((version, age)) => {
                let stamp = Stamp { size: version.parse().expect("a number"), ..Stamp::default() };
                FileStatus::Present(stamp, age.parse().ok().map(Duration::from_millis))
            }
        };
        let decision = match action {
            "due" => {
                assert_eq!(coalescer.due(now), std::slice::from_ref(&path), "{line}");
                coalescer.recheck(&path, status, now)
            }
            "off" => coalescer.observe(&path, status, HintKind::Removed, now),
            "put" => coalescer.observe(&path, status, HintKind::Written, now),
            "lost" => {
                coalescer.assume_closes_lost(now, |_| match status {
                    FileStatus::Present(stamp, _) => Some(stamp),
                    FileStatus::Missing => None,
                });
                Decision::Wait
            }
            "end" => coalescer.observe(&path, status, HintKind::Closed, now),
            "name" => coalescer.observe(&path, status, HintKind::Complete, now),
            _ => coalescer.observe(&path, status, HintKind::Changed, now),
        };
        assert_eq!(format!("{decision:?}"), expected, "{line}\n{history}");
    }
    assert_eq!(coalescer.next_due(), None, "something still waits\n{history}");
}

#[test]
fn decisions_follow_histories() {
    for history in [
        // Closed or renamed: read at once, however recently.
        "0 end 1@0 Read",
        "0 name 1@0 Read",
        // Found by a scan.
        "0 see 1@5000 Read",
        "0 see 1@200 Wait\n800 due 1@1000 Read",
        "0 see 1@future Wait\n1000 due 1@future Read",
        // Still being written.
        "0 see 1@0 Wait\n500 see 2@0 Wait\n1500 due 3@0 Wait\n2500 due 3@1000 Read",
        "0 see 1@0 Wait\n100 see 1@100 Wait\n200 end 2@0 Read",
        // Removed.
        "0 see - Wait\n250 due - Absent",
        // Removed and created again: never absent.
        "0 see - Wait\n10 see 1@0 Wait\n20 end 2@0 Read",
        "0 see - Wait\n250 due 1@100 Wait\n1150 due 1@1000 Read",
        // Written and not closed: neither silence nor a scan completes it.
        "0 put 1@0 Wait\n30000 end 1@29000 Read",
        "0 put 1@0 Wait\n9000 see 1@9000 Wait\n59000 put 2@0 Wait\n59999 end 2@999 Read",
        "0 see 1@0 Wait\n500 put 2@0 Wait\n5000 end 2@4500 Read",
        "0 put 1@0 Wait\n60000 due 1@60000 ReadOpen",
        "0 put 1@0 Wait\n60000 due 2@10 ReadOpen\n61000 put 3@0 Wait\n121000 due 3@60000 ReadOpen\n122000 end 3@61000 Read",
        // Written, and then removed or replaced.
        "0 put 1@0 Wait\n5000 off - Wait\n5250 due - Absent",
        "0 put 1@0 Wait\n5000 off - Wait\n5100 end 2@9000 Read",
        "0 off - Wait\n10 put 1@0 Wait\n20 end 1@10 Read",
        // The close may be among the lost events.
        "0 put 1@0 Wait\n5000 lost 1@5000 Wait\n6000 due 1@6000 Read",
        "0 put 1@0 Wait\n5000 lost 2@10 Wait\n5500 put 3@0 Wait\n9000 end 3@3500 Read",
        "0 put 1@0 Wait\n5000 lost - Wait\n6000 due - Wait\n6250 due - Absent",
        // The file changes between checks, although its mtime is old.
        "0 see 1@100 Wait\n100 see 2@5000 Wait\n1100 due 2@6000 Read",
        // Written and removed.
        "0 see 1@0 Wait\n1000 due - Wait\n1250 due - Absent",
        "0 see - Wait\n100 see - Wait\n250 due - Absent",
        // Renamed away, and another file is at the path: the new path of the first one is reported before the other is read.
        "0 off 1@5000 Wait\n1 end 1@5000 Read",
        "0 off 1@5000 Wait\n1000 due 1@6000 Read",
    ] {
        check(history, Completion::Closed);
    }
}

/// Uploads to a drop folder.
#[test]
fn uploads_follow_histories() {
    for history in [
        // Renamed into place.
        "0 name 1@0 Read",
        "0 put 1@0 Wait\n500 name 1@500 Read",
        // Closed: complete or interrupted.
        "0 put 1@0 Wait\n100 end 1@100 Wait\n1100 due 1@1100 Read",
        // A client sets the mtime after it has sent everything.
        "0 put 1@0 Wait\n100 end 1@99999 Wait\n300 see 2@99999 Wait\n1300 due 2@99999 Read",
        // Interrupted and resumed.
        "0 put 1@0 Wait\n100 end 1@100 Wait\n900 put 2@0 Wait\n1100 see 2@200 Wait\n9000 end 3@0 Wait\n10000 due 3@1000 Read",
        "0 end 1@0 Wait\n900 see 2@0 Wait\n1900 due 3@0 Wait\n2900 due 3@1000 Read",
        // Closed twice.
        "0 end 1@0 Wait\n500 end 1@500 Wait\n1500 due 1@1500 Read",
        // Open for long: never read, and reported every time.
        "0 put 1@0 Wait\n60000 due 1@60000 StillOpen\n120000 due 2@9 StillOpen\n121000 end 2@1009 Wait\n122000 due 2@2009 Read",
        // Found by a scan.
        "0 see 1@5000 Read",
        "0 see 1@200 Wait\n800 due 1@1000 Read",
        "0 see 1@future Wait\n1000 due 1@future Read",
        // The close may be among the lost events.
        "0 put 1@0 Wait\n5000 lost 1@5000 Wait\n6000 due 1@6000 Read",
        // Removed before it was complete, and while it is uploaded again.
        "0 end 1@0 Wait\n500 off - Wait\n750 due - Absent",
        "0 off - Wait\n10 put 1@0 Wait\n20 end 1@10 Wait\n1020 due 1@1010 Read",
        // Removed and renamed into place again.
        "0 off - Wait\n10 name 1@9000 Read",
    ] {
        check(history, Completion::Settled);
    }
}

/// The mtime of an uploaded file is that of the original, so its age counts from the last change of the file itself.
#[test]
fn age_of_upload_ignores_stated_mtime() {
    let second = |second: i128| second * 1_000_000_000;
    let stamp = Stamp { modified_ns: second(5), changed_ns: second(95), ..Stamp::default() };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
    for (completion, seconds) in [(Completion::Closed, 95), (Completion::Settled, 5)] {
        let status = FileStatus::at(Some(stamp), completion, now);
        assert_eq!(status, FileStatus::Present(stamp, Some(Duration::from_secs(seconds))));
    }
}

/// A file is created before it is written. It isn't read in between even if `content.settle` is zero.
#[test]
fn created_file_waits_for_its_writer() {
    let mut coalescer = Coalescer::new(Duration::ZERO, Duration::ZERO, Completion::Closed, Duration::from_secs(60));
    let path = ArticlePath::new("a.md");
    let new = FileStatus::Present(Stamp::default(), Some(Duration::ZERO));
    assert_eq!(coalescer.observe(&path, new, HintKind::Changed, Duration::ZERO), Decision::Wait);
    assert_eq!(coalescer.observe(&path, new, HintKind::Written, Duration::from_millis(20)), Decision::Wait);
    assert_eq!(coalescer.next_due(), Some(Duration::from_millis(60_020)));
    assert_eq!(coalescer.observe(&path, new, HintKind::Closed, Duration::from_secs(9)), Decision::Read);
    // A file that nobody writes is complete soon.
    let old = FileStatus::Present(Stamp::default(), Some(Duration::from_millis(100)));
    assert_eq!(coalescer.observe(&path, old, HintKind::Changed, Duration::ZERO), Decision::Read);
}

#[test]
fn last_of_write_and_close_counts() {
    use HintKind::{Changed, Closed, Complete, Removed, Written};
    for (first, later, expected) in [
        (Written, Complete, Complete),
        (Complete, Written, Written),
        (Written, Closed, Closed),
        (Closed, Changed, Closed),
        (Complete, Closed, Closed),
        (Closed, Complete, Complete),
        (Complete, Changed, Complete),
        (Complete, Removed, Complete),
        (Written, Changed, Written),
        (Written, Removed, Written),
        (Removed, Changed, Changed),
        (Removed, Written, Written),
    ] {
        assert_eq!(first.then(later), expected, "{first:?}, then {later:?}");
    }
}

/// Each row: the grace in ms, when `a.md`, `b.md` and so on disappear, and when which of them are due.
#[test]
fn removals_within_milliseconds_are_due_together() {
    for (grace, gone, expected) in [
        (250, "0", "250 a"),
        (250, "0 1 2", "252 abc"),
        (250, "0 0 0", "250 abc"),
        (250, "0 10 20 31 33", "270 abc; 283 de"),
        (250, "0 50 100", "250 a; 300 b; 350 c"),
        (250, "0 400", "250 a; 650 b"),
        (20, "0 10 20 30 40", "40 a; 50 b; 60 cde"),
        (0, "0 1 20", "0 a; 1 b; 20 c"),
    ] {
        let mut coalescer =
            Coalescer::new(Duration::from_millis(grace), Duration::ZERO, Completion::Closed, Duration::MAX);
        let gone: Vec<u64> = gone.split(' ').map(|time| time.parse().expect("a number")).collect();
        let mut decided = Vec::new();
        for now in 0..1_000 {
            let time = Duration::from_millis(now);
            for (name, _) in ('a'..).zip(&gone).filter(|(_, time)| **time == now) {
                let path = ArticlePath::new(&format!("{name}.md"));
                assert_eq!(coalescer.observe(&path, FileStatus::Missing, HintKind::Removed, time), Decision::Wait);
            }
            let due = coalescer.due(time);
            assert_eq!(coalescer.next_due() == Some(time), !due.is_empty(), "{gone:?}");
            if !due.is_empty() {
                let names: String = due.iter().map(|path| path.as_str().trim_end_matches(".md")).collect();
                decided.push(format!("{now} {names}"));
            }
            for path in due {
                assert_eq!(coalescer.recheck(&path, FileStatus::Missing, time), Decision::Absent);
            }
        }
        assert_eq!(decided.join("; "), expected, "{gone:?}");
        assert!(coalescer.removal_groups.is_empty());
    }
}

#[test]
fn removals_wait_for_their_group_only_briefly() {
    let mut coalescer = Coalescer::new(Duration::from_secs(2), Duration::ZERO, Completion::Closed, Duration::MAX);
    for number in 0..1_000 {
        let path = ArticlePath::new(&format!("{number:03}.md"));
        coalescer.observe(&path, FileStatus::Missing, HintKind::Removed, Duration::from_millis(number * 10));
    }
    assert_eq!(coalescer.next_due(), Some(Duration::from_millis(2_500)));
    assert_eq!(coalescer.due(Duration::from_millis(2_505)), [ArticlePath::new("000.md")]);
}
