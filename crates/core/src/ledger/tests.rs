use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn path(name: &str) -> ArticlePath {
    ArticlePath::new(name)
}

fn id(name: &str) -> EntryId {
    EntryId::minted(name.to_owned())
}

fn published(name: &str, entry: &str, text: &str) -> Record {
    Record::Published { path: path(name), id: id(entry), hash: ContentHash::of(text.as_bytes()), date: at(1) }
}

fn moved(from: &str, to: &str) -> Record {
    Record::Moved { from: path(from), to: path(to) }
}

fn retracted(name: &str, second: i64) -> Record {
    let reason = Some(Text::new("libel"));
    let feeds = ["/news/".into(), "/".into()].into();
    let retraction = Retraction { at: at(second), reason, by: Withdrawal::Deleted, feeds, notice: None };
    Record::Retracted { path: path(name), retraction }
}

#[test]
fn id_follows_file_and_has_one_holder() {
    let mut ledger =
        Ledger::replay([published("a.md", "tag:x", "1"), published("a.md", "tag:x", "2"), moved("a.md", "b.md")]);
    assert!(ledger.holds(&path("b.md"), &id("tag:x")) && ledger.article(&path("a.md")).is_none());
    assert_eq!(ledger.with_version(ContentHash::of(b"2")).collect::<Vec<_>>(), [&path("b.md")]);
    assert_eq!(ledger.with_version(ContentHash::of(b"1")).count(), 0);
    ledger.apply(&published("c.md", "tag:x", "3"));
    assert!(ledger.holds(&path("c.md"), &id("tag:x")));
    assert!(ledger.article(&path("b.md")).is_some_and(|b| b.id.is_none()));
    ledger.apply(&Record::Seen { path: path("c.md"), at: at(0) });
    ledger.apply(&Record::Seen { path: path("c.md"), at: at(9) });
    assert_eq!(ledger.article(&path("c.md")).and_then(ArticleFacts::seen), Some(at(0)));
}

fn by_command() -> Retraction {
    Retraction { at: at(7), reason: None, by: Withdrawal::Command, feeds: Routes::default(), notice: None }
}

#[test]
fn manual_retraction_survives_file_move() {
    for (from, to) in [("a.md", "c.md"), ("c.md", "a.md")] {
        let mut ledger = Ledger::replay([published("a.md", "tag:a", "1"), retracted("a.md", 5)]);
        ledger.apply(&Record::Retracted { path: path("c.md"), retraction: by_command() });
        ledger.apply(&moved(from, to));
        assert!(ledger.article(&path(to)).is_some_and(ArticleFacts::is_retracted_by_command), "{from} to {to}");
    }
}

#[test]
fn tombstones_remain_until_article_returns() {
    let tombstones = |ledger: &Ledger| -> Vec<String> {
        let of = |route: &str| {
            ledger.tombstones(route).map(|stone| format!("{}@{}", stone.id, stone.at.as_second())).collect()
        };
        [of("/news/"), of("/")].into_iter().map(|stones: Vec<String>| stones.join(" ")).collect()
    };
    let story =
        [published("a.md", "tag:a", "1"), published("b.md", "tag:b", "2"), retracted("a.md", 5), retracted("b.md", 6)];
    let ledger = Ledger::replay(story.clone());
    assert_eq!(tombstones(&ledger), ["tag:a@5 tag:b@6", "tag:a@5 tag:b@6"]);
    assert!(!ledger.article(&path("a.md")).is_some_and(ArticleFacts::is_live));
    for (what, more, expected) in [
        ("restored", vec![Record::Restored { path: path("a.md") }], "tag:b@6"),
        ("retracted anew", vec![retracted("a.md", 9)], "tag:b@6 tag:a@9"),
        ("its file is elsewhere", vec![moved("a.md", "c.md"), Record::Restored { path: path("c.md") }], "tag:b@6"),
        ("another file has its id", vec![published("c.md", "tag:a", "3")], "tag:b@6"),
        (
            "an operator retracted the file that it became",
            vec![
                Record::Retracted { path: path("c.md"), retraction: by_command() },
                moved("a.md", "c.md"),
                Record::Restored { path: path("b.md") },
            ],
            "tag:a@5",
        ),
        ("another file took its place", vec![moved("b.md", "a.md")], "tag:a@5 tag:b@6"),
    ] {
        let ledger = Ledger::replay(story.iter().cloned().chain(more));
        assert_eq!(tombstones(&ledger), [expected, expected], "{what}");
    }
}

#[test]
fn retractions_share_equal_route_lists() {
    let stories = [("a.md", "tag:a"), ("b.md", "tag:b"), ("c.md", "tag:c")];
    let mut ledger = Ledger::replay(stories.map(|(name, entry)| published(name, entry, name)));
    ledger.apply(&retracted("a.md", 5));
    ledger.apply(&retracted("b.md", 6));
    ledger.apply(&Record::Withdrawn { path: path("c.md"), feeds: ["/news/".into(), "/".into()].into() });
    let article = |name: &str| ledger.article(&path(name)).cloned().expect("remembered");
    let feeds = |name: &str| article(name).retraction().map(|retraction| Arc::clone(&retraction.feeds));
    let feeds = [feeds("a.md"), feeds("b.md"), article("c.md").withdrawn().cloned()].map(Option::unwrap);
    assert!(feeds.iter().all(|other| Arc::ptr_eq(other, &feeds[0])), "{feeds:?}");
    let tombstones = |route: &str| ledger.tombstones.get(route).and_then(BTreeSet::first).expect("there is one");
    assert!(Arc::ptr_eq(tombstones("/news/"), tombstones("/")));
}

#[test]
fn imported_id_survives_publication() {
    let a = ArticlePath::new("a.md");
    let imported = |id: &str| Record::Imported { path: a.clone(), id: EntryId::minted(id.to_owned()) };
    let mut ledger = Ledger::replay([imported("urn:old")]);
    let (old, new) = (EntryId::minted("urn:old".to_owned()), EntryId::minted("urn:new".to_owned()));
    assert!(ledger.holds(&a, &old) && ledger.article(&a).is_some_and(|a| a.hash().is_none()));
    ledger.apply(&published("a.md", "urn:old", "1"));
    ledger.apply(&imported("urn:new"));
    assert!(ledger.holds(&a, &new) && !ledger.holds(&a, &old));
    assert_eq!(ledger.article(&a).and_then(ArticleFacts::hash), Some(ContentHash::of(b"1")));
}

#[test]
fn restored_dormant_article_keeps_id_unless_taken() {
    let story = [published("a.md", "tag:a", "1"), published("b.md", "tag:b", "2"), retracted("a.md", 5)];
    let before = Ledger::replay(story.clone());
    let article = before.article(&path("a.md")).cloned().expect("remembered");
    let dormant = Record::Dormant { path: path("a.md"), article: Box::new(article.clone()) };
    let reactivated =
        || Record::Reactivated { path: path("a.md"), article: Box::new(UnpackedFacts::from(&article).into()) };
    let mut ledger = Ledger::replay(story.into_iter().chain([dormant]));
    assert_eq!((ledger.len(), ledger.dormant().len(), ledger.tombstones("/").count()), (1, 1, 0));
    assert!(ledger.holder(&id("tag:a")).is_none() && ledger.with_version(ContentHash::of(b"1")).count() == 0);
    let short_id = crate::build::assemble::short_id(&id("tag:a"));
    assert_eq!(ledger.dormant().retired().by_short_id(&short_id), Some(at(5)));
    assert_eq!(ledger.dormant().retired().by_short_id(&short_id.to_uppercase()), None);
    assert!(ledger.dormant().has_path(dormant::of_path(&path("A.md"))), "another spelling");
    let mut taken = ledger.clone();

    ledger.apply(&reactivated());
    assert_eq!(ledger.article(&path("a.md")), Some(&article));
    assert!(ledger.holds(&path("a.md"), &id("tag:a")) && ledger.dormant().is_empty());
    assert_eq!(ledger.dormant().retired().by_short_id(&short_id), None);
    ledger.apply(&reactivated());
    assert_eq!(ledger.len(), 2, "its facts are in memory again");

    taken.apply(&published("c.md", "tag:a", "3"));
    assert_eq!(taken.dormant().retired().by_short_id(&short_id), None);
    taken.apply(&reactivated());
    let a = taken.article(&path("a.md")).expect("remembered");
    assert!(a.id.is_none() && a.retraction().is_none() && a.first() == article.first());
    assert!(taken.holds(&path("c.md"), &id("tag:a")));
}

#[test]
fn slab_shrinks_after_articles_become_dormant() {
    let names: Vec<String> = (0..9_000).map(|number| format!("{number}.md")).collect();
    let mut ledger = Ledger::replay(names.iter().map(|name| published(name, name, name)));
    for name in names.iter().skip(10) {
        ledger.apply(&Record::Dormant { path: path(name), article: Box::default() });
    }
    assert!(ledger.len() == 10 && ledger.articles.free_slots() < 5_000, "{} vacant", ledger.articles.free_slots());
    for name in names.iter().take(10) {
        assert!(ledger.holds(&path(name), &id(name)));
        assert_eq!(ledger.with_version(ContentHash::of(name.as_bytes())).count(), 1);
    }
}
