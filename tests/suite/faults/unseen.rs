//! What happens while no daemon looks, or before it has looked, undoes no retraction and loses none.

use std::fs;

use dateline::daemon::load;
use dateline::engine::Engine;
use dateline::event::{Command, Effect, Event, Ticket};
use dateline::ledger::{Ledger, Record};
use dateline::types::{ArticlePath, ContentHash, EntryId};
use jiff::Timestamp;

use crate::newsroom::{Newsroom, article, said};

fn retract(newsroom: &Newsroom, path: &str) {
    let output = newsroom.dateline(&["retract", path]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn a_file_that_says_it_is_retracted_is_told_of_also_if_it_says_so_since_before_the_start() {
    let newsroom = Newsroom::new();
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    drop(newsroom.serve());
    newsroom.write("content/news/ships.md", article("Ships", "").replace("tags:", "status: retracted\ntags:"));
    let daemon = newsroom.serve();
    for feed in ["/atom.xml", "/news/atom.xml"] {
        let feed = daemon.body(feed);
        assert!(feed.contains("<at:deleted-entry ref=\"tag:courier.example,2026:2026-11-20/news/ships\""), "{feed}");
    }
}

#[test]
fn a_retracted_article_stays_so_when_its_file_is_edited_and_moved() {
    let newsroom = Newsroom::new();
    let explicit = |body: &str| article("Explicit", body).replace("tags:", "id: tag:courier.example,2026:one\ntags:");
    let embargoed = article("Embargoed", "Not yet.").replace("tags:", "embargo: 2099-01-01\ntags:");
    newsroom.write("content/news/explicit.md", explicit("Before."));
    newsroom.article("news/edited.md", "Edited", "Before.");
    newsroom.article("news/same-slug.md", "Same slug", "Before.");
    newsroom.article("news/broken.md", "Stays", "It stays.");
    newsroom.write("content/news/embargoed.md", &embargoed);
    let daemon = newsroom.serve();
    for name in ["explicit", "edited", "same-slug", "embargoed"] {
        retract(&newsroom, &format!("content/news/{name}.md"));
    }
    // Its bytes are known although no reader sees them.
    newsroom.article("news/edited.md", "Edited", "After.");
    daemon.wait("the edit is known", |_| {
        said(&newsroom.dateline(&["history", "content/news/edited.md"])).contains("which is not public")
    });
    drop(daemon);
    let shift = |from: &str, to: &str| {
        fs::create_dir_all(newsroom.path("content/moved")).expect("writable");
        fs::rename(newsroom.path(&format!("content/news/{from}")), newsroom.path(&format!("content/{to}")))
            .expect("movable");
    };
    shift("edited.md", "moved/edited.md");
    shift("embargoed.md", "moved/embargoed.md");
    shift("explicit.md", "moved/explicit.md");
    newsroom.write("content/moved/explicit.md", explicit("After."));
    shift("same-slug.md", "news/other-name.md");
    newsroom
        .write("content/news/other-name.md", article("Same slug", "After.").replace("tags:", "slug: same-slug\ntags:"));
    let daemon = newsroom.serve();
    let feed = daemon.body("/atom.xml");
    assert!(feed.contains("It stays.") && !feed.contains("After."), "{feed}");
    assert_eq!(feed.matches("<at:deleted-entry ").count(), 3, "nobody knew of the one under embargo: {feed}");
    for path in ["moved/edited.md", "moved/embargoed.md", "moved/explicit.md", "news/other-name.md"] {
        let explained = said(&newsroom.dateline(&["explain", &format!("content/{path}")]));
        assert!(explained.contains("it is retracted"), "{path}: {explained}");
        let restored = newsroom.dateline(&["restore", &format!("content/{path}")]);
        assert_eq!(restored.status.code(), Some(0), "{}", said(&restored));
    }
    daemon.wait("all are back", |daemon| daemon.body("/atom.xml").matches("<entry>").count() == 4);
    let feed = daemon.body("/feed.json");
    assert!(!feed.contains("Not yet") && !feed.contains("deleted"), "{feed}");
    for id in ["courier.example,2026:one", "2026-11-20/news/edited", "2026-11-20/news/same-slug"] {
        assert!(feed.contains(id), "{id} in {feed}");
    }
}

/// A daemon that has not looked yet, or is in the middle of a reload, answers only with what it will not forget.
#[test]
fn what_is_answered_is_written_down_before_the_first_look() {
    let newsroom = Newsroom::new();
    let path = ArticlePath::new("news/ships.md");
    let ledger = Ledger::replay([Record::Published {
        path: path.clone(),
        id: EntryId::parse("tag:courier.example,2026:ships").expect("an id"),
        hash: ContentHash::of(b"1"),
        date: Timestamp::UNIX_EPOCH,
    }]);
    let mut engine = Engine::remembering(ledger);
    engine.handle(Event::Config(load(&newsroom.path("config/dateline.toml"))), Timestamp::UNIX_EPOCH);
    let command = Command::Retract { article: path.to_string(), reason: None };
    let effects = engine.handle(Event::Command(command, Ticket(7)), Timestamp::UNIX_EPOCH);
    let written = |effect: &Effect| matches!(effect, Effect::Persist(records) if matches!(records[..], [Record::Retracted { .. }]));
    let answered = |effect: &Effect| matches!(effect, Effect::Answer(Ticket(7), Ok(_)));
    let (written, answered) = (effects.iter().position(written), effects.iter().position(answered));
    assert!(written.is_some() && written < answered, "{effects:?}");
}
