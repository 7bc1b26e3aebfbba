//! A stress test: random edits, moves, deletions, commands and reloads, while the daemon is killed again and again.
//!
//! Each story contains a unique word, so that it's recognized in every document, even after its file was moved.
//!
//! Long because it is one test: all actions and all checks share the same stories.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::convergence::differences;
use crate::newsroom::{CONFIG, Daemon, Newsroom, Response, files, printed};

/// The number of kills per newsroom.
const KILLS_OF_A_NEWSROOM: usize = 25;
const MOST_STORIES: usize = 40;
/// The limit for the daemon to process all changes.
const PATIENCE: Duration = Duration::from_secs(20);

/// The documents that are requested all the time.
const DOCUMENTS: [&str; 12] = [
    "/feed.json",
    "/atom.xml",
    "/rss.xml",
    "/news/feed.json",
    "/news/atom.xml",
    "/news/rss.xml",
    "/tags/tide/feed.json",
    "/authors/ada%20quay/atom.xml",
    "/",
    "/news/",
    "/feeds.opml",
    "/readyz",
];

/// SplitMix64, a random number generator. The same seed gives the same actions, but not the same timing.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).expect("small")).expect("small")
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
}

/// The state of a story's file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum File {
    Good,
    /// Invalid; the version before was valid and public.
    Broken,
    Deleted,
    /// With `status: retracted`.
    Status,
    /// Beyond the end of the test.
    Embargoed,
}

/// The changes of a file since the last comparison. A file that is both edited and moved between two scans counts as a new story,
/// unless it contains its id, so a story is only edited or only moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Touched {
    No,
    Edited,
    Moved,
}

/// The effect of the last `dateline retract` or `dateline restore`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Command {
    Public,
    Retracted,
    /// The daemon was killed before it answered the command.
    Unknown,
}

#[derive(Debug)]
struct Story {
    number: usize,
    word: String,
    folder: String,
    name: String,
    says_id: bool,
    /// Whether it was public at a comparison.
    known: bool,
    dated: bool,
    version: usize,
    file: File,
    touched: Touched,
    command: Command,
    /// Whether the retraction must have a tombstone, as it was public before.
    has_tombstone: bool,
    /// Whether a command named it while its file was broken.
    commanded_while_broken: bool,
    ever_commanded: bool,
    /// Whether a command named it since the last comparison.
    commanded: bool,
}

impl Story {
    fn path(&self) -> String {
        format!("content/{}/{}", self.folder, self.name)
    }

    fn text(&self) -> String {
        let mut keys = format!("title: Story {} in version {}\nslug: s{}\n", self.word, self.version, self.number);
        if self.dated {
            keys += &format!("date: 2026-11-{:02} 10:{:02}\n", 1 + self.number % 20, self.number % 60);
        }
        if self.says_id {
            keys += &format!("id: tag:courier.example,2026:explicit/s{}\n", self.number);
        }
        if self.version.is_multiple_of(3) {
            keys += "tags: [tide, harbour]\nauthors: [Ada Quay]\n";
        }
        match self.file {
            File::Broken => keys += "date: [\n",
            File::Status => keys += "status: retracted\nreason: It was wrong.\n",
            // An invalid embargo withholds, too.
            File::Embargoed if self.version % 3 == 1 => keys += "embargo: when it is time\n",
            File::Embargoed => keys += "embargo: 2099-01-01\n",
            File::Good | File::Deleted => {}
        }
        format!("---\n{keys}---\n\nThe text of {}, {}.\n\n{}", self.word, self.version, "More of it. ".repeat(40))
    }

    /// Whether its current version is certainly public.
    fn is_sure(&self) -> bool {
        self.file == File::Good && self.touched == Touched::No && self.command == Command::Public && !self.commanded
    }

    /// Whether its file may be touched in this way.
    fn may(&self, touch: Touched) -> bool {
        (self.says_id && self.known) || self.touched == Touched::No || self.touched == touch
    }
}

/// The responses so far.
#[derive(Default)]
struct Seen {
    ids: BTreeMap<String, String>,
    words: BTreeMap<String, String>,
    dates: BTreeMap<String, String>,
    /// The latest `Last-Modified` of each document.
    modified: BTreeMap<String, i64>,
}

/// Checks every response.
#[derive(Default)]
struct Watch {
    seen: Mutex<Seen>,
    /// The number of changes of the map, and the words that no response may contain, each with the change that added it.
    forbidden: Mutex<(u64, BTreeMap<String, u64>)>,
    responses: AtomicUsize,
}

fn story_word(text: &str) -> Option<&str> {
    text.split(' ').nth(1).filter(|word| word.starts_with("qz"))
}

fn seconds(date: &str) -> i64 {
    jiff::fmt::rfc2822::parse(date).expect("a date").timestamp().as_second()
}

impl Watch {
    fn forbid(&self, word: &str) {
        let mut forbidden = self.forbidden.lock().expect("not poisoned");
        forbidden.0 += 1;
        let change = forbidden.0;
        forbidden.1.insert(word.to_owned(), change);
    }

    fn allow(&self, word: &str) {
        self.forbidden.lock().expect("not poisoned").1.remove(word);
    }

    fn forbidden(&self) -> BTreeMap<String, u64> {
        self.forbidden.lock().expect("not poisoned").1.clone()
    }

    /// Requests a document, and checks everything that a single response shows.
    fn ask(&self, daemon: &Daemon, route: &str) -> std::io::Result<Response> {
        let before = self.forbidden();
        let response = daemon.try_get(route, &[])?;
        let after = self.forbidden();
        self.responses.fetch_add(1, Ordering::Relaxed);
        let text = response.text();
        for (word, change) in before.iter().filter(|(word, change)| after.get(*word) == Some(change)) {
            assert!(
                !text.contains(word.as_str()),
                "{route} has {word}, which was withheld or retracted ({change}): {text}"
            );
        }
        if response.status == 200 && route != "/readyz" {
            let seen = &mut *self.seen.lock().expect("not poisoned");
            check_validators(seen, route, &response);
            if route.ends_with("feed.json") {
                check_items(seen, &text);
            }
        }
        Ok(response)
    }
}

/// Checks that `Last-Modified` never goes back. It may go forward with the same ETag, if there was a different version in between.
fn check_validators(seen: &mut Seen, route: &str, response: &Response) {
    assert!(response.header("etag").is_some(), "{route} has no ETag");
    let modified = response.header("last-modified").map(seconds);
    let latest = seen.modified.entry(route.to_owned()).or_default();
    if let Some(modified) = modified {
        assert!(modified >= *latest, "{route}: Last-Modified went back from {latest} to {modified}");
        *latest = modified;
    }
}

/// Checks that the id and the date of a story never change, and that no other story has its id.
fn check_items(seen: &mut Seen, text: &str) {
    let feed: Value = serde_json::from_str(text).expect("JSON");
    for item in feed["items"].as_array().expect("items") {
        let Some(word) = item["title"].as_str().and_then(story_word) else { continue };
        let id = item["id"].as_str().expect("an id");
        let known = seen.ids.entry(word.to_owned()).or_insert_with(|| id.to_owned());
        assert_eq!(known, id, "{word} has another id: {item}");
        let owner = seen.words.entry(id.to_owned()).or_insert_with(|| word.to_owned());
        assert_eq!(owner, word, "{id} belongs to two stories");
        let date = item["date_published"].as_str().expect("a date");
        let known = seen.dates.entry(word.to_owned()).or_insert_with(|| date.to_owned());
        assert_eq!(known, date, "{word} has another date");
    }
}

/// The id and date of every tombstone of the root feed.
fn tombstones(daemon: &Daemon) -> BTreeMap<String, String> {
    let feed: Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
    let reported = feed["_dateline"]["deleted"].as_array().cloned().unwrap_or_default();
    let text = |deleted: &Value, key: &str| deleted[key].as_str().expect("text").to_owned();
    reported.iter().map(|deleted| (text(deleted, "id"), text(deleted, "date_deleted"))).collect()
}

fn config(which: usize) -> String {
    let extra = match which {
        0 => "",
        1 => "\n[[section]]\npath = \"sport\"\nmax_items = 3\n",
        2 => "\n[[section]]\npath = \"mixed\"\ninclude = [\"**\"]\ntags = { any = [\"tide\"] }\n",
        3 => "\n[feeds]\ncontent = \"summary\"\n",
        _ => "\n# Nothing else.\n",
    };
    CONFIG.replace("[reload]", "[content.mass_removal]\nleast = 1000000\n\n[reload]") + extra
}

/// A newsroom, and what is known about its stories.
struct World {
    newsroom: Newsroom,
    random: Random,
    stories: Vec<Story>,
    folders: Vec<String>,
    named: usize,
    actions: usize,
}

impl World {
    fn new(seed: u64) -> World {
        let newsroom = Newsroom::new();
        newsroom.write("config/dateline.toml", config(0));
        // An empty content directory would count as unmounted.
        newsroom.article("anchor.md", "Anchor", "It always stays.");
        let folders = ["news", "news/chips", "sport", "sport/deep"].map(str::to_owned).to_vec();
        World { newsroom, random: Random(seed), stories: Vec::new(), folders, named: 0, actions: 0 }
    }

    fn pick(&mut self, is_fit: impl Fn(&Story) -> bool) -> Option<usize> {
        let fit: Vec<usize> = self.stories.iter().filter(|story| is_fit(story)).map(|story| story.number).collect();
        (!fit.is_empty()).then(|| fit[self.random.below(fit.len())])
    }

    /// Saves a file in one of the ways in which editors do.
    fn save(&mut self, number: usize) {
        let story = &mut self.stories[number];
        story.version += 1;
        story.touched = Touched::Edited;
        let (path, text, embargoed) = (story.path(), story.text(), story.file == File::Embargoed);
        let file = self.newsroom.path(&path);
        fs::create_dir_all(file.parent().expect("below content")).expect("writable");
        match self.random.below(4) {
            0 => fs::write(file, text).expect("writable"),
            1 => {
                drop(fs::remove_file(&file));
                fs::write(file, text).expect("writable");
            }
            // The daemon may read half of the file.
            2 if !embargoed => {
                let mut file = fs::File::create(file).expect("writable");
                let (first, rest) = text.as_bytes().split_at(text.len() / 2);
                file.write_all(first).expect("writable");
                file.sync_data().expect("writable");
                file.write_all(rest).expect("writable");
            }
            _ => self.newsroom.write(&path, text),
        }
    }

    fn fresh_name(&mut self, stem: &str) -> String {
        self.named += 1;
        format!("{stem}-{}", self.named)
    }

    /// One random action.
    fn act(&mut self, watch: &Watch) {
        self.actions += 1;
        match self.random.below(100) {
            0..15 if self.stories.len() < MOST_STORIES => self.create(watch),
            0..40 => {
                let fit =
                    |story: &Story| matches!(story.file, File::Good | File::Embargoed) && story.may(Touched::Edited);
                if let Some(number) = self.pick(fit) {
                    self.save(number);
                }
            }
            40..46 => self.edit(|story| story.is_sure(), File::Broken),
            46..50 => self.edit(|story| story.file == File::Broken && story.may(Touched::Edited), File::Good),
            50..54 => self.edit(|story| story.file == File::Good && story.may(Touched::Edited), File::Status),
            54..58 => self.edit(|story| story.file == File::Status && story.may(Touched::Edited), File::Good),
            58..63 => {
                if let Some(number) = self.pick(|story| story.file == File::Good && story.may(Touched::Edited)) {
                    let story = &mut self.stories[number];
                    (story.file, story.touched) = (File::Deleted, Touched::Edited);
                    fs::remove_file(self.newsroom.path(&story.path())).expect("there");
                }
            }
            63..67 => self.edit(|story| story.file == File::Deleted && story.may(Touched::Edited), File::Good),
            67..78 => self.move_file(),
            78..82 => self.rename_folder(),
            82..89 => self.command(watch, "retract"),
            89..94 => self.command(watch, "restore"),
            _ => {
                let which = self.random.below(5);
                self.newsroom.write("config/dateline.toml", config(which));
            }
        }
    }

    fn create(&mut self, watch: &Watch) {
        let number = self.stories.len();
        let word = format!("qz{number}x{:08x}", self.random.next() & 0xffff_ffff);
        let file = if self.random.percent(15) { File::Embargoed } else { File::Good };
        if file == File::Embargoed {
            watch.forbid(&word);
        }
        let place = self.random.below(self.folders.len());
        let name = self.fresh_name("story") + ".md";
        self.stories.push(Story {
            number,
            word,
            folder: self.folders[place].clone(),
            name,
            known: false,
            says_id: self.random.percent(35),
            dated: self.random.percent(75),
            version: 0,
            file,
            touched: Touched::No,
            command: Command::Public,
            has_tombstone: false,
            commanded_while_broken: false,
            ever_commanded: false,
            commanded: false,
        });
        self.save(number);
    }

    fn edit(&mut self, is_fit: impl Fn(&Story) -> bool, file: File) {
        if let Some(number) = self.pick(is_fit) {
            self.stories[number].file = file;
            self.stories[number].commanded_while_broken = false;
            self.save(number);
        }
    }

    /// Moves a file without editing it.
    fn move_file(&mut self) {
        let fit = |story: &Story| matches!(story.file, File::Good | File::Embargoed) && story.may(Touched::Moved);
        let Some(number) = self.pick(fit) else { return };
        let place = self.random.below(self.folders.len());
        let name = self.fresh_name("moved") + ".md";
        let from = self.newsroom.path(&self.stories[number].path());
        let story = &mut self.stories[number];
        (story.folder, story.name, story.touched) = (self.folders[place].clone(), name, Touched::Moved);
        let to = self.newsroom.path(&story.path());
        fs::create_dir_all(to.parent().expect("below content")).expect("writable");
        fs::rename(from, to).expect("movable");
    }

    fn rename_folder(&mut self) {
        let place = self.random.below(self.folders.len());
        let from = self.folders[place].clone();
        let below = format!("{from}/");
        let is_inside = |story: &&mut Story| {
            story.file != File::Deleted && (story.folder == from || story.folder.starts_with(&below))
        };
        // Not if a file would count as a new story afterwards.
        let fit = |story: &&mut Story| {
            story.file != File::Broken && story.says_id && story.known
                || (story.may(Touched::Moved) && matches!(story.file, File::Good | File::Embargoed))
        };
        if !self.stories.iter_mut().filter(is_inside).all(|story| fit(&story))
            || !self.newsroom.path(&format!("content/{from}")).is_dir()
        {
            return;
        }
        let parent = ["", "news/", "sport/"][self.random.below(3)];
        let to = self.fresh_name(&format!("{parent}folder"));
        let target = self.newsroom.path(&format!("content/{to}"));
        fs::create_dir_all(target.parent().expect("below content")).expect("writable");
        if fs::rename(self.newsroom.path(&format!("content/{from}")), target).is_err() {
            // For example into itself.
            return;
        }
        for story in self.stories.iter_mut().filter(is_inside) {
            story.folder = story.folder.replacen(&from, &to, 1);
            story.touched = Touched::Moved;
        }
        for folder in &mut self.folders {
            if *folder == from || folder.starts_with(&below) {
                *folder = folder.replacen(&from, &to, 1);
            }
        }
    }

    /// Runs `dateline retract` or `dateline restore`. If the daemon was just killed, the command changes the state itself.
    fn command(&mut self, watch: &Watch, command: &str) {
        let wanted = if command == "retract" { Command::Public } else { Command::Retracted };
        let fit = |story: &Story| story.command == wanted && !matches!(story.file, File::Deleted | File::Embargoed);
        let Some(number) = self.pick(fit) else { return };
        let id = watch.seen.lock().expect("not poisoned").ids.get(&self.stories[number].word).cloned();
        let by_id = self.random.percent(30);
        let story = &mut self.stories[number];
        let named = id.clone().filter(|_| by_id).unwrap_or_else(|| story.path());
        // While the command runs, the word may or may not be public.
        watch.allow(&story.word);
        (story.commanded, story.ever_commanded) = (true, true);
        story.commanded_while_broken |= story.file == File::Broken;
        let output = self.newsroom.dateline(&[command, &named]);
        match (output.status.code(), command) {
            (Some(0), "retract") => {
                watch.forbid(&story.word);
                story.command = Command::Retracted;
                let was_public = !printed(&output).contains("; 0 feeds");
                story.has_tombstone = was_public && story.file == File::Good && story.touched == Touched::No;
            }
            (Some(0), _) => (story.command, story.has_tombstone) = (Command::Public, false),
            // Refused: the daemon doesn't know the article yet, or its file retracts it.
            (Some(2), "restore") => watch.forbid(&story.word),
            (Some(2), _) => {}
            (Some(1), _) if printed(&output).contains("does not answer") => {
                (story.command, story.has_tombstone) = (Command::Unknown, false);
            }
            // The daemon is starting, or hasn't exited yet.
            (Some(1), _) if printed(&output).contains("another dateline uses the state") => {
                if command == "restore" {
                    watch.forbid(&story.word);
                }
            }
            (code, _) => panic!("{command} {named} ended with {code:?}: {}", printed(&output)),
        }
    }
}

/// ETag, `Last-Modified` and body of each document.
type Served = BTreeMap<&'static str, (Option<String>, Option<String>, Vec<u8>)>;

fn served(watch: &Watch, daemon: &Daemon) -> Served {
    let documents = DOCUMENTS.iter().filter(|route| **route != "/readyz");
    let ask = |route: &&'static str| {
        let response = watch.ask(daemon, route).expect("it answers");
        let header = |name: &str| response.header(name).map(str::to_owned);
        (*route, (header("etag"), header("last-modified"), response.body.clone()))
    };
    documents.map(ask).collect()
}

/// One newsroom and its checks.
struct Trial {
    world: World,
    watch: Watch,
    /// The tombstones at the last comparison.
    tombstones: BTreeMap<String, String>,
    comparisons: usize,
}

impl Trial {
    fn log(&self) -> String {
        fs::read_to_string(self.world.newsroom.path("log")).unwrap_or_default()
    }

    /// Runs random actions until the daemon is killed at a random instant.
    fn kill_during_actions(&mut self, daemon: Daemon) {
        let delay = match self.world.random.below(3) {
            0 => self.world.random.below(100),
            _ => self.world.random.below(1_200),
        };
        let (over, watch, world) = (AtomicBool::new(false), &self.watch, &mut self.world);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    world.act(watch);
                    let pause = world.random.below(25);
                    std::thread::sleep(Duration::from_millis(u64::try_from(pause).expect("small")));
                }
            });
            scope.spawn(|| {
                for route in DOCUMENTS.iter().cycle() {
                    if over.load(Ordering::Relaxed) || watch.ask(&daemon, route).is_err() {
                        return;
                    }
                }
            });
            // This sleep doesn't wait for a result: the instant of the kill is random.
            std::thread::sleep(Duration::from_millis(u64::try_from(delay).expect("small")));
            daemon.kill();
            over.store(true, Ordering::Relaxed);
        });
        drop(daemon);
        for story in self.world.stories.iter().filter(|story| story.file == File::Embargoed) {
            assert!(!self.log().contains(&story.word), "the log contains {}", story.word);
        }
    }

    /// Checks what must hold at any time.
    fn check_invariants(&self, daemon: &Daemon) {
        served(&self.watch, daemon);
        let reported = tombstones(daemon);
        let ids = self.watch.seen.lock().expect("not poisoned").ids.clone();
        for story in &self.world.stories {
            let Some(id) = ids.get(&story.word) else { continue };
            if story.command == Command::Retracted && story.has_tombstone {
                assert!(reported.contains_key(id), "the retraction of {id} is forgotten: {story:?}, {reported:?}");
            }
            if story.touched == Touched::No
                && !story.commanded
                && let Some(at) = self.tombstones.get(id)
            {
                let still = reported.get(id);
                let undone = story.command == Command::Public && story.file == File::Good;
                assert!(
                    undone || still == Some(at),
                    "the tombstone of {id} was dated {at}, and is now {still:?}: {story:?}"
                );
            }
        }
    }

    /// Waits until the documents equal those of a fresh build, and checks them.
    fn settle(&mut self, daemon: &Daemon) {
        self.comparisons += 1;
        let newsroom = &self.world.newsroom;
        let started = Instant::now();
        let fresh = loop {
            let build = newsroom.build("fresh");
            assert_ne!(build.status.code(), Some(1), "{}", printed(&build));
            let fresh = files(&newsroom.path("fresh"));
            let others = differences(daemon, &fresh);
            let unwritten = files(&newsroom.path("feeds")) != fresh;
            let wrong = self.wrong(daemon);
            if others.is_empty() && !unwritten && wrong.is_empty() {
                break fresh;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "a fresh build differs in {others:?}; written files differ: {unwritten}; wrong: {wrong:#?}\n{}",
                self.log()
            );
        };
        for (name, bytes) in fresh {
            let text = String::from_utf8_lossy(&bytes);
            let word = self.watch.forbidden().into_keys().find(|word| text.contains(word));
            assert_eq!(word, None, "in {name}");
        }
        self.tombstones = tombstones(daemon);
        let public = public(daemon);
        for story in &mut self.world.stories {
            (story.touched, story.commanded) = (Touched::No, false);
            story.known |= public.contains(&story.word);
            if story.command == Command::Unknown {
                let is_public = public.contains(&story.word);
                if is_public || matches!(story.file, File::Deleted | File::Status) {
                    // If the story is gone for another reason, the effect stays unknown.
                    story.command = if is_public { Command::Public } else { Command::Unknown };
                } else {
                    story.command = Command::Retracted;
                    self.watch.forbid(&story.word);
                }
            }
        }
        served(&self.watch, daemon);
    }

    /// Describes the stories that are wrongly public, wrongly missing, or without a tombstone.
    fn wrong(&self, daemon: &Daemon) -> Vec<String> {
        let public = public(daemon);
        let ids = &self.watch.seen.lock().expect("not poisoned").ids;
        let reported = tombstones(daemon);
        let mut wrong = Vec::new();
        for story in self.world.stories.iter().filter(|story| story.command != Command::Unknown) {
            let is_public = public.contains(&story.word);
            // A story that was restored while its file was broken may have lost its last good version.
            if story.file == File::Broken && story.commanded_while_broken && story.command == Command::Public {
                continue;
            }
            let expected = matches!(story.file, File::Good | File::Broken) && story.command == Command::Public;
            // A story that is deleted before its file was read again after a command has no tombstone.
            let without_tombstone = story.file == File::Deleted && story.ever_commanded && !story.has_tombstone;
            let silent = story.file != File::Embargoed
                && !expected
                && !without_tombstone
                && ids.get(&story.word).is_some_and(|id| !reported.contains_key(id));
            if is_public != expected || silent {
                wrong.push(format!("public: {is_public}, silent: {silent}, {story:?}"));
            }
        }
        wrong
    }
}

/// The words of the stories in the root feed.
fn public(daemon: &Daemon) -> BTreeSet<String> {
    let feed: Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
    let items = feed["items"].as_array().expect("items").iter();
    items.filter_map(|item| item["title"].as_str().and_then(story_word).map(str::to_owned)).collect()
}

/// Runs one newsroom through this many kills.
fn run_trial(kills: usize, seed: u64) {
    eprintln!("faults: a newsroom with FAULTS_SEED={seed} is killed {kills} times");
    let mut trial =
        Trial { world: World::new(seed), watch: Watch::default(), tombstones: BTreeMap::new(), comparisons: 0 };
    let mut daemon = trial.world.newsroom.serve();
    let mut left = kills;
    while left > 0 {
        trial.kill_during_actions(daemon);
        left -= 1;
        // Actions while no daemon runs.
        for _ in 0..trial.world.random.below(4) {
            trial.world.act(&trial.watch);
        }
        if left > 0 && trial.world.random.percent(20) {
            daemon = trial.world.newsroom.serve_unready();
            continue;
        }
        daemon = trial.world.newsroom.serve();
        trial.check_invariants(&daemon);
        if left == 0 || trial.world.random.percent(50) {
            trial.settle(&daemon);
            if left > 0 && trial.world.random.percent(40) {
                // After a kill without actions, nothing has changed.
                let before = served(&trial.watch, &daemon);
                drop(daemon);
                left -= 1;
                daemon = trial.world.newsroom.serve();
                let after = served(&trial.watch, &daemon);
                for (route, (etag, modified, body)) in before {
                    let (etag_now, modified_now, body_now) = &after[route];
                    // `Last-Modified` is omitted for a second after a change.
                    let same_date = modified.is_none() || modified == *modified_now;
                    assert!(
                        (&etag, &body) == (etag_now, body_now) && same_date,
                        "{route} was {etag:?} of {modified:?}, and after a kill is {etag_now:?} of {modified_now:?}; FAULTS_SEED={seed}\n{}\n{}\n{}",
                        String::from_utf8_lossy(&body),
                        String::from_utf8_lossy(body_now),
                        trial.log()
                    );
                }
            }
        }
    }
    eprintln!(
        "faults: FAULTS_SEED={seed}: {kills} kills, {} actions, {} stories, {} responses, {} times compared with a fresh build",
        trial.world.actions,
        trial.world.stories.len(),
        trial.watch.responses.load(Ordering::Relaxed),
        trial.comparisons
    );
}

/// `FAULTS_KILLS` is the number of kills (500 in `.ci/full`), `FAULTS_SEED` repeats the same actions.
#[test]
fn killed_daemon_loses_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let kills = number("FAULTS_KILLS").and_then(|kills| usize::try_from(kills).ok()).unwrap_or(6);
    let seed = number("FAULTS_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish() % 1_000_000);
    let newsrooms = Mutex::new((0..kills.div_ceil(KILLS_OF_A_NEWSROOM)).rev().collect::<Vec<_>>());
    let work = || {
        while let Some(newsroom) = { newsrooms.lock().expect("not poisoned").pop() } {
            let kills = KILLS_OF_A_NEWSROOM.min(kills - newsroom * KILLS_OF_A_NEWSROOM);
            run_trial(kills, seed + u64::try_from(newsroom).expect("small"));
        }
    };
    // Several at once, as each mostly waits.
    std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(work))));
}
