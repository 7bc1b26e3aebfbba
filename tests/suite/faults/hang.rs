//! Disks that hang. If it's that of the state directory, articles are still withheld. If it's that of a drop folder, other articles are
//! published.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::newsroom::{CONFIG, Daemon, Newsroom, article, bounded, printed};

/// Makes flushes wait as long as the file `$HANG` exists, and resolving the path of the source `hanging` as long as `$HANG_SOURCE` exists.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
static int flush(long call, int fd) {
    while (access(getenv("HANG"), F_OK) == 0) usleep(5000);
    return syscall(call, fd);
}
int fsync(int fd) { return flush(SYS_fsync, fd); }
int fdatasync(int fd) { return flush(SYS_fdatasync, fd); }
char *realpath(const char *path, char *resolved) {
    char *(*next)(const char *, char *) = dlsym(RTLD_NEXT, "realpath");
    while (strstr(path, "drop/hanging") && access(getenv("HANG_SOURCE"), F_OK) == 0) usleep(5000);
    return next(path, resolved);
}
"#;

/// Compiles the library for `LD_PRELOAD`. Returns `None` without a C compiler.
fn shim(newsroom: &Newsroom) -> Option<PathBuf> {
    let (source, library) = (newsroom.path("shim.c"), newsroom.path("shim.so"));
    fs::write(&source, SHIM).expect("writable");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source);
    if Command::new("cc").arg("--version").output().is_ok_and(|version| version.status.success()) {
        let built = bounded(&mut compiler);
        assert!(built.status.success(), "{}", printed(&built));
        return Some(library);
    }
    eprintln!("faults: a disk that hangs is skipped: there is no C compiler");
    None
}

fn serve(newsroom: &Newsroom, shim: &Path) -> Daemon {
    let mut command = newsroom.command();
    command.args(["serve", "--listen", "127.0.0.1:0"]).env("LD_PRELOAD", shim);
    command.env("HANG", newsroom.path("hang")).env("HANG_SOURCE", newsroom.path("hang-source"));
    let daemon = Daemon::spawn(&newsroom.path(""), command);
    daemon.wait_until_ready();
    daemon
}

#[test]
fn withholding_does_not_wait_for_hanging_disk() {
    let newsroom = Newsroom::new();
    let Some(shim) = shim(&newsroom) else { return };
    let stories = ["edited", "drafted", "retracted", "late"];
    for name in stories {
        newsroom.article(&format!("news/{name}.md"), name, &format!("The text of {name}."));
    }
    let daemon = serve(&newsroom, &shim);
    let has = |daemon: &Daemon, words: &str| daemon.body("/rss.xml").contains(words);
    fs::write(newsroom.path("hang"), "").expect("writable");
    // The hanging write publishes a new article, which must be recorded before it's shown.
    newsroom.article("news/new.md", "New", "The text of new.");
    let draft = |name: &str| {
        let text = article(name, &format!("The text of {name}.")).replace("title:", "draft: true\ntitle:");
        newsroom.write(&format!("content/news/{name}.md"), text);
    };
    draft("drafted");
    let begun = Instant::now();
    daemon.wait("the draft is gone", |daemon| !has(daemon, "The text of drafted."));
    // This takes a little more than a second on an idle machine.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let retracted = newsroom.dateline(&["retract", "content/news/retracted.md"]);
    assert!(retracted.status.code() == Some(1), "{}", printed(&retracted));
    draft("late");
    daemon.wait("the other draft is gone", |daemon| !has(daemon, "The text of late."));
    assert!(!has(&daemon, "The text of retracted.") && !has(&daemon, "The text of new."));
    assert!(has(&daemon, "The text of edited."));
    let ready = daemon.body("/readyz");
    assert!(ready.contains("state-unwritable") && ready.contains("does not answer"), "{ready}");
    fs::remove_file(newsroom.path("hang")).expect("there");
    daemon.wait("what waited is published", |daemon| has(daemon, "The text of new."));
    daemon.wait("the alarm is over", |daemon| !daemon.body("/readyz").contains("state-unwritable"));
    // Everything was recorded, in order.
    daemon.kill();
    drop(daemon);
    let daemon = serve(&newsroom, &shim);
    let shown = stories.map(|name| has(&daemon, &format!("The text of {name}.")));
    assert_eq!((shown, has(&daemon, "The text of new.")), ([true, false, false, false], true));
    assert!(daemon.body("/atom.xml").contains("Story retracted"));
    // A stop doesn't wait forever for a hanging disk.
    fs::write(newsroom.path("hang"), "").expect("writable");
    newsroom.article("news/last.md", "Last", "The text of last.");
    daemon.wait("the alarm is raised", |daemon| daemon.body("/readyz").contains("state-unwritable"));
    let begun = Instant::now();
    assert!(daemon.stop());
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn hanging_source_delays_no_other_article_for_long() {
    let newsroom = Newsroom::new();
    let Some(shim) = shim(&newsroom) else { return };
    let source = "\n[[source]]\nname = \"hanging\"\ndirectory = \"../drop/hanging\"\n";
    newsroom.write("config/dateline.toml", format!("{CONFIG}{source}"));
    newsroom.write("drop/hanging/a.md", article("From the source", "Text."));
    newsroom.article("b.md", "From the content directory", "Text.");
    fs::write(newsroom.path("hang-source"), "").expect("writable");
    let daemon = serve(&newsroom, &shim);
    let has = |daemon: &Daemon, title: &str| daemon.body("/rss.xml").contains(title);
    assert!(has(&daemon, "From the content directory") && !has(&daemon, "From the source"));
    let log = fs::read_to_string(newsroom.path("log")).expect("a log");
    assert!(log.contains("the directory of the source `hanging` does not respond"), "{log}");
    newsroom.article("c.md", "Another", "Text.");
    daemon.wait("another article", |daemon| has(daemon, "Another"));
    fs::remove_file(newsroom.path("hang-source")).expect("there");
    daemon.wait("the source's article", |daemon| has(daemon, "From the source"));
    newsroom.find("the end of the problem", || {
        let log = fs::read_to_string(newsroom.path("log")).expect("a log");
        log.contains("resolved: the directory of the source `hanging` does not respond").then_some(())
    });
    assert!(daemon.stop());
}
