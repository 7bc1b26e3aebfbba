//! A storm of everything that happens in a newsroom, and a daemon that is killed in the middle of it again and again. Each story
//! has a word in its text that no other has, by which it is known whatever becomes of its file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::convergence::differences;
use crate::newsroom::{CONFIG, Daemon, Newsroom, Response, files, said};

/// A newsroom lives through so many kills; then a fresh one takes its place.
const KILLS_OF_A_NEWSROOM: usize = 25;
const MOST_STORIES: usize = 40;
/// Far longer than any storm takes to settle.
const PATIENCE: Duration = Duration::from_secs(20);

/// The documents that are watched.
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

/// SplitMix64: a seed tells a whole storm, but for when the system does what.
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

/// What its file is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum File {
    Good,
    /// The edit before was good, and public.
    Broken,
    Deleted,
    /// It says that it is retracted.
    Status,
    /// It never becomes public in the time of a test.
    Embargoed,
}

/// What happened to its file since all was quiet. A file that is edited and moved while nobody looks is another story, unless it
/// says its id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Touched {
    No,
    Edited,
    Moved,
}

/// What `dateline retract` and `dateline restore` made of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Command {
    Public,
    Retracted,
    /// The daemon was killed before it answered.
    Unknown,
}

#[derive(Debug)]
struct Story {
    number: usize,
    word: String,
    folder: String,
    name: String,
    says_id: bool,
    /// Readers saw it.
    known: bool,
    dated: bool,
    version: usize,
    file: File,
    touched: Touched,
    command: Command,
    /// Readers had it when it was retracted, so they are told.
    buried: bool,
    /// It was retracted or restored while its file was broken.
    shaky: bool,
    ever_commanded: bool,
    /// An operator had a hand in it since all was quiet.
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
            // One of them cannot be read, which is no reason to publish it.
            File::Embargoed if self.version % 3 == 1 => keys += "embargo: when it is time\n",
            File::Embargoed => keys += "embargo: 2099-01-01\n",
            File::Good | File::Deleted => {}
        }
        format!("---\n{keys}---\n\nThe text of {}, {}.\n\n{}", self.word, self.version, "More of it. ".repeat(40))
    }

    /// Whether readers have what its file says.
    fn is_sure(&self) -> bool {
        self.file == File::Good && self.touched == Touched::No && self.command == Command::Public && !self.commanded
    }

    /// Whether its file may be edited, or moved.
    fn may(&self, touch: Touched) -> bool {
        (self.says_id && self.known) || self.touched == Touched::No || self.touched == touch
    }
}

/// What readers saw, ever.
#[derive(Default)]
struct Seen {
    ids: BTreeMap<String, String>,
    words: BTreeMap<String, String>,
    dates: BTreeMap<String, String>,
    /// The latest Last-Modified of each document.
    modified: BTreeMap<String, i64>,
}

/// What is checked in every response.
#[derive(Default)]
struct Watch {
    seen: Mutex<Seen>,
    /// Words that no response may have, and since which change of this map.
    hushed: Mutex<(u64, BTreeMap<String, u64>)>,
    responses: AtomicUsize,
}

fn story_word(text: &str) -> Option<&str> {
    text.split(' ').nth(1).filter(|word| word.starts_with("qz"))
}

fn seconds(date: &str) -> i64 {
    jiff::fmt::rfc2822::parse(date).expect("a date").timestamp().as_second()
}

impl Watch {
    fn hush(&self, word: &str) {
        let mut hushed = self.hushed.lock().expect("nobody panics with it");
        hushed.0 += 1;
        let change = hushed.0;
        hushed.1.insert(word.to_owned(), change);
    }

    fn unhush(&self, word: &str) {
        self.hushed.lock().expect("nobody panics with it").1.remove(word);
    }

    fn hushed(&self) -> BTreeMap<String, u64> {
        self.hushed.lock().expect("nobody panics with it").1.clone()
    }

    /// Asks for a document, and checks all that can be checked in it alone.
    fn ask(&self, daemon: &Daemon, route: &str) -> std::io::Result<Response> {
        let before = self.hushed();
        let response = daemon.try_get(route, &[])?;
        let after = self.hushed();
        self.responses.fetch_add(1, Ordering::Relaxed);
        let text = response.text();
        for (word, change) in before.iter().filter(|(word, change)| after.get(*word) == Some(change)) {
            assert!(
                !text.contains(word.as_str()),
                "{route} has {word}, which was withheld or taken away ({change}): {text}"
            );
        }
        if response.status == 200 && route != "/readyz" {
            let seen = &mut *self.seen.lock().expect("nobody panics with it");
            validate(seen, route, &response);
            if route.ends_with("feed.json") {
                items(seen, &text);
            }
        }
        Ok(response)
    }
}

/// Last-Modified never goes back. It may go on under one ETag: a version between two that are the same may not have been seen.
fn validate(seen: &mut Seen, route: &str, response: &Response) {
    assert!(response.header("etag").is_some(), "{route} has no ETag");
    let modified = response.header("last-modified").map(seconds);
    let latest = seen.modified.entry(route.to_owned()).or_default();
    if let Some(modified) = modified {
        assert!(modified >= *latest, "{route}: Last-Modified went back from {latest} to {modified}");
        *latest = modified;
    }
}

/// A story has one id for life, and no other story has it.
fn items(seen: &mut Seen, text: &str) {
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
    let told = feed["_dateline"]["deleted"].as_array().cloned().unwrap_or_default();
    let text = |deleted: &Value, key: &str| deleted[key].as_str().expect("text").to_owned();
    told.iter().map(|deleted| (text(deleted, "id"), text(deleted, "date_deleted"))).collect()
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

/// A newsroom and all that is known of it.
struct World {
    newsroom: Newsroom,
    random: Random,
    stories: Vec<Story>,
    folders: Vec<String>,
    named: usize,
    happened: usize,
}

impl World {
    fn new(seed: u64) -> World {
        let newsroom = Newsroom::new();
        newsroom.write("config/dateline.toml", config(0));
        // A content directory that is empty looks like one that is not mounted.
        newsroom.article("anchor.md", "Anchor", "It always stays.");
        let folders = ["news", "news/chips", "sport", "sport/deep"].map(str::to_owned).to_vec();
        World { newsroom, random: Random(seed), stories: Vec::new(), folders, named: 0, happened: 0 }
    }

    fn pick(&mut self, is_fit: impl Fn(&Story) -> bool) -> Option<usize> {
        let fit: Vec<usize> = self.stories.iter().filter(|story| is_fit(story)).map(|story| story.number).collect();
        (!fit.is_empty()).then(|| fit[self.random.below(fit.len())])
    }

    /// Saves a file as one of many editors does.
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
            // Slowly, and the daemon may see half of it.
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

    /// Something happens.
    fn happen(&mut self, watch: &Watch) {
        self.happened += 1;
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
            67..78 => self.shift(),
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
            watch.hush(&word);
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
            buried: false,
            shaky: false,
            ever_commanded: false,
            commanded: false,
        });
        self.save(number);
    }

    fn edit(&mut self, is_fit: impl Fn(&Story) -> bool, file: File) {
        if let Some(number) = self.pick(is_fit) {
            self.stories[number].file = file;
            self.stories[number].shaky = false;
            self.save(number);
        }
    }

    /// Moves a file, and says no more about it.
    fn shift(&mut self) {
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
        // Files that would be taken for other stories stay where they are.
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
            // Into itself, say.
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

    /// An operator's command, to the daemon or, where it was killed just now, to the state.
    fn command(&mut self, watch: &Watch, command: &str) {
        let wanted = if command == "retract" { Command::Public } else { Command::Retracted };
        let fit = |story: &Story| story.command == wanted && !matches!(story.file, File::Deleted | File::Embargoed);
        let Some(number) = self.pick(fit) else { return };
        let id = watch.seen.lock().expect("nobody panics with it").ids.get(&self.stories[number].word).cloned();
        let by_id = self.random.percent(30);
        let story = &mut self.stories[number];
        let named = id.clone().filter(|_| by_id).unwrap_or_else(|| story.path());
        // In doubt nothing is claimed.
        watch.unhush(&story.word);
        (story.commanded, story.ever_commanded) = (true, true);
        story.shaky |= story.file == File::Broken;
        let output = self.newsroom.dateline(&[command, &named]);
        match (output.status.code(), command) {
            (Some(0), "retract") => {
                watch.hush(&story.word);
                story.command = Command::Retracted;
                let told = !said(&output).contains("; 0 feeds");
                story.buried = told && story.file == File::Good && story.touched == Touched::No;
            }
            (Some(0), _) => (story.command, story.buried) = (Command::Public, false),
            // Refused: not known yet, or its file says so itself.
            (Some(2), "restore") => watch.hush(&story.word),
            (Some(2), _) => {}
            (Some(1), _) if said(&output).contains("does not answer") => {
                (story.command, story.buried) = (Command::Unknown, false);
            }
            // The daemon is starting, or it is not quite dead yet.
            (Some(1), _) if said(&output).contains("another dateline uses the state") => {
                if command == "restore" {
                    watch.hush(&story.word);
                }
            }
            (code, _) => panic!("{command} {named} ended with {code:?}: {}", said(&output)),
        }
    }
}

/// What is served, with its validators.
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

/// One newsroom, and how it was killed.
struct Trial {
    world: World,
    watch: Watch,
    /// Tombstones when all was quiet last.
    told: BTreeMap<String, String>,
    quiets: usize,
}

impl Trial {
    fn log(&self) -> String {
        fs::read_to_string(self.world.newsroom.path("log")).unwrap_or_default()
    }

    /// Lets things happen until the daemon is killed at some instant.
    fn kill_amid_storm(&mut self, daemon: Daemon) {
        let delay = match self.world.random.below(3) {
            0 => self.world.random.below(100),
            _ => self.world.random.below(1_200),
        };
        let (over, watch, world) = (AtomicBool::new(false), &self.watch, &mut self.world);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    world.happen(watch);
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
            // The instant is what is tried, not a result that is waited for.
            std::thread::sleep(Duration::from_millis(u64::try_from(delay).expect("small")));
            daemon.kill();
            over.store(true, Ordering::Relaxed);
        });
        drop(daemon);
        for story in self.world.stories.iter().filter(|story| story.file == File::Embargoed) {
            assert!(!self.log().contains(&story.word), "the log tells of {}", story.word);
        }
    }

    /// What must hold whatever is under way.
    fn check_at_once(&self, daemon: &Daemon) {
        served(&self.watch, daemon);
        let told = tombstones(daemon);
        let ids = self.watch.seen.lock().expect("nobody panics with it").ids.clone();
        for story in &self.world.stories {
            let Some(id) = ids.get(&story.word) else { continue };
            if story.command == Command::Retracted && story.buried {
                assert!(told.contains_key(id), "the retraction of {id} is forgotten: {story:?}, {told:?}");
            }
            if story.touched == Touched::No
                && !story.commanded
                && let Some(at) = self.told.get(id)
            {
                let still = told.get(id);
                let undone = story.command == Command::Public && story.file == File::Good;
                assert!(undone || still == Some(at), "readers were told of {id} at {at}, and now {still:?}: {story:?}");
            }
        }
    }

    /// Waits until everything that happened is done, and checks all of it.
    fn settle(&mut self, daemon: &Daemon) {
        self.quiets += 1;
        let newsroom = &self.world.newsroom;
        let started = Instant::now();
        let fresh = loop {
            let build = newsroom.build("fresh");
            assert_ne!(build.status.code(), Some(1), "{}", said(&build));
            let fresh = files(&newsroom.path("fresh"));
            let others = differences(daemon, &fresh);
            let unwritten = files(&newsroom.path("feeds")) != fresh;
            let wrong = self.wrong(daemon);
            if others.is_empty() && !unwritten && wrong.is_empty() {
                break fresh;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "a fresh build is otherwise in {others:?}; written otherwise: {unwritten}; wrong: {wrong:#?}\n{}",
                self.log()
            );
        };
        for (name, bytes) in fresh {
            let text = String::from_utf8_lossy(&bytes);
            let word = self.watch.hushed().into_keys().find(|word| text.contains(word));
            assert_eq!(word, None, "in {name}");
        }
        self.told = tombstones(daemon);
        let public = public(daemon);
        for story in &mut self.world.stories {
            (story.touched, story.commanded) = (Touched::No, false);
            story.known |= public.contains(&story.word);
            if story.command == Command::Unknown {
                let is_public = public.contains(&story.word);
                if is_public || matches!(story.file, File::Deleted | File::Status) {
                    // Of what is gone for other reasons nothing can be said.
                    story.command = if is_public { Command::Public } else { Command::Unknown };
                } else {
                    story.command = Command::Retracted;
                    self.watch.hush(&story.word);
                }
            }
        }
        served(&self.watch, daemon);
    }

    /// What readers do not see as they should.
    fn wrong(&self, daemon: &Daemon) -> Vec<String> {
        let public = public(daemon);
        let ids = &self.watch.seen.lock().expect("nobody panics with it").ids;
        let told = tombstones(daemon);
        let mut wrong = Vec::new();
        for story in self.world.stories.iter().filter(|story| story.command != Command::Unknown) {
            let is_public = public.contains(&story.word);
            // What is restored while its file is broken may have lost its last good version.
            if story.file == File::Broken && story.shaky && story.command == Command::Public {
                continue;
            }
            let expected = matches!(story.file, File::Good | File::Broken) && story.command == Command::Public;
            // What is deleted before the file of a retracted or restored story was read again is gone without a word.
            let in_haste = story.file == File::Deleted && story.ever_commanded && !story.buried;
            let silent = story.file != File::Embargoed
                && !expected
                && !in_haste
                && ids.get(&story.word).is_some_and(|id| !told.contains_key(id));
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

/// One newsroom through so many kills.
fn live_through(kills: usize, seed: u64) {
    eprintln!("faults: a newsroom with FAULTS_SEED={seed} is killed {kills} times");
    let mut trial = Trial { world: World::new(seed), watch: Watch::default(), told: BTreeMap::new(), quiets: 0 };
    let mut daemon = trial.world.newsroom.serve();
    let mut left = kills;
    while left > 0 {
        trial.kill_amid_storm(daemon);
        left -= 1;
        // Things happen too while nobody looks.
        for _ in 0..trial.world.random.below(4) {
            trial.world.happen(&trial.watch);
        }
        if left > 0 && trial.world.random.percent(20) {
            daemon = trial.world.newsroom.serve_unready();
            continue;
        }
        daemon = trial.world.newsroom.serve();
        trial.check_at_once(&daemon);
        if left == 0 || trial.world.random.percent(50) {
            trial.settle(&daemon);
            if left > 0 && trial.world.random.percent(40) {
                // Killed while nothing happens, it is as if nothing had happened.
                let before = served(&trial.watch, &daemon);
                drop(daemon);
                left -= 1;
                daemon = trial.world.newsroom.serve();
                let after = served(&trial.watch, &daemon);
                for (route, (etag, modified, body)) in before {
                    let (etag_now, modified_now, body_now) = &after[route];
                    // It is left out for a second after a change.
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
        "faults: FAULTS_SEED={seed}: {kills} kills, {} happenings, {} stories, {} responses, {} times compared with a fresh build",
        trial.world.happened,
        trial.world.stories.len(),
        trial.watch.responses.load(Ordering::Relaxed),
        trial.quiets
    );
}

/// `FAULTS_KILLS` says how often (`.ci/full` asks for 500), `FAULTS_SEED` repeats a storm.
#[test]
fn killed_daemon_loses_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let kills = number("FAULTS_KILLS").and_then(|kills| usize::try_from(kills).ok()).unwrap_or(6);
    let seed = number("FAULTS_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish() % 1_000_000);
    let newsrooms = Mutex::new((0..kills.div_ceil(KILLS_OF_A_NEWSROOM)).rev().collect::<Vec<_>>());
    let work = || {
        while let Some(newsroom) = { newsrooms.lock().expect("nobody panics with it").pop() } {
            let kills = KILLS_OF_A_NEWSROOM.min(kills - newsroom * KILLS_OF_A_NEWSROOM);
            live_through(kills, seed + u64::try_from(newsroom).expect("small"));
        }
    };
    // Most of the time is spent waiting.
    std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(work))));
}
