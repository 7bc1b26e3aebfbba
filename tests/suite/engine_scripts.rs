//! The engine as a function, by scripts: `cases/engine/*.txt`. A script is a heading (`# `) and lines that do something, each followed by
//! what is expected of it. Indented lines belong to the line above them: front matter, a paragraph (`> `), or the file as it is (`| `).
//! `## ` begins a remark. A file that says nothing else has the title `The NAME story`, the date 2026-11-20 10:00 UTC and the body
//! `The text of PATH, version N.`; `news/{1..3}.md` stands for three files.
//!
//! | line | what happens |
//! |---|---|
//! | `at TIME`, `config` | before the start: the time, and the configuration below `[site]` |
//! | `start`, `stop` | a process that reads all files; its end |
//! | `start with cards`, `start without FOLDER` | one that reads only metadata, or cannot list a folder |
//! | `forget`, `spoil RECORD` | the state is lost, or a record of it cannot be read |
//! | `write PATH...`, `save PATH...`, `copy A to B` | a new version, the same once more, the last bytes of A at B |
//! | `write PATH... as cards` | the same where only the metadata is read |
//! | `remove PATH...`, `back PATH...` | files that stay gone, and their return |
//! | `rename A to B`, `move A to B` | a rename that the system tells of; one that looks like a new file and a deletion |
//! | `lock PATH...`, `unlock PATH...` | files that cannot be opened |
//! | `quietly ...`, `list [FOLDER]`, `list without FOLDER` | nobody tells of the change; a scan of a folder, or of all |
//! | `together`, `apart` | file events in between are one event |
//! | `wait until TIME`, `wait 5m`, `clock TIME` | time passes, and the engine is woken when it asked for it; the clock is set |
//! | `retract`, `restore`, `accept removals`, `reload`, `force reload` | commands |
//! | `config` | a configuration that the watcher tells of |
//! | `hold bodies` | from now on bodies wait for the script |
//! | `bodies PATH...`, `no bodies PATH...`, `other bodies PATH...` | they arrive, cannot be read, or have other bytes by now |
//! | `disk full`, `disk free`, `lost ROUTE` | the store cannot write; the bytes of a document are nowhere |
//! | `panic PATH` | the engine panics over this version: another one starts over without it |
//!
//! After each line the rules hold that [`rules`] checks, and readers see what a new process with the same files and ledger would show them,
//! unless the script says `unlike a fresh start` and why.

mod desk;
mod expect;
mod rules;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use dateline::engine::Engine;
use dateline::event::{Command, Event, ParsedFile};
use dateline::snapshot::Snapshot;
use dateline::types::{ArticlePath, Text};
use jiff::SignedDuration;

use desk::Desk;

const SITE: &str = "[site]\ntitle = \"Test Courier\"\nurl = \"http://feeds.courier.example/\"\ntag_authority = \"courier.example,2026\"\n";
const SECTIONS: &str = "[[section]]\npath = \"news\"\n[[section]]\npath = \"sport\"\n";
const START: &str = "2026-11-24T10:00:00Z";
const AUTHORITY: &str = "tag:courier.example,2026:";

#[derive(Debug)]
struct Script {
    name: String,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    number: usize,
    words: String,
    below: Vec<String>,
}

fn scripts(file: &Path) -> Vec<Script> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = fs::read_to_string(file).expect("readable");
    let mut scripts: Vec<Script> = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(number, line)| (number + 1, line.trim_end())) {
        match line.strip_prefix("# ") {
            Some(heading) => scripts.push(Script { name: format!("{name}: {heading}"), lines: Vec::new() }),
            None if line.is_empty() || line.starts_with("## ") => {}
            None => {
                let lines = &mut scripts.last_mut().expect("a heading").lines;
                match line.strip_prefix("  ") {
                    Some(below) => lines.last_mut().expect("a line above").below.push(below.to_owned()),
                    None => lines.push(Line { number, words: line.to_owned(), below: Vec::new() }),
                }
            }
        }
    }
    scripts
}

/// `news/{1..3}.md` and the like, as files.
fn expanded(words: &str) -> Vec<String> {
    let expand = |word: &str| {
        let parts = word.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
        let Some((before, (range, after))) = parts else { return vec![word.to_owned()] };
        let (first, last) = range.split_once("..").expect("a range");
        let numbers = first.parse::<usize>().expect("a number")..=last.parse().expect("a number");
        numbers.map(|number| format!("{before}{number}{after}")).collect()
    };
    words.split_whitespace().flat_map(expand).collect()
}

struct Player {
    desk: Desk,
    /// File events that are told together.
    together: Option<Vec<ParsedFile>>,
    is_quiet: bool,
    /// Whether something changed that nobody told of.
    is_behind: bool,
    /// What readers saw before the last line that did something.
    before: Arc<Snapshot>,
}

/// A configuration of these lines, the first of which may be keys of the site.
fn config(lines: &[String]) -> String {
    let stated = lines.iter().take_while(|line| !line.starts_with('['));
    let stated: Vec<&str> = stated.filter_map(|line| line.split(" = ").next()).collect();
    let is_stated = |line: &str| line.split(" = ").next().is_some_and(|key| stated.contains(&key));
    let site = SITE.lines().filter(|line| !is_stated(line)).map(str::to_owned);
    site.chain(lines.iter().cloned()).map(|line| line + "\n").collect()
}

impl Player {
    fn new() -> Player {
        let start = START.parse().expect("an instant");
        let sections: Vec<String> = SECTIONS.lines().map(str::to_owned).collect();
        Player {
            desk: Desk::new(&config(&sections), start),
            together: None,
            is_quiet: false,
            is_behind: false,
            before: Arc::default(),
        }
    }

    fn play(&mut self, line: &Line) -> Result<(), String> {
        if let Some(expected) = line.words.strip_prefix("expect ") {
            return self.expect(expected);
        }
        self.desk.told = desk::Told::default();
        self.before = Arc::clone(&self.desk.shown);
        let quietly = line.words.strip_prefix("quietly ");
        self.is_quiet = quietly.is_some() || self.desk.engine.is_none();
        self.act(quietly.unwrap_or(&line.words), &line.below);
        self.is_behind =
            quietly.is_some() || (self.is_behind && line.words != "list" && !line.words.starts_with("start"));
        let is_remark = line.words.starts_with("like ") || line.words.starts_with("unlike ");
        if self.together.is_none() && !self.is_behind && !is_remark {
            self.desk.compare_with_fresh_start()
        } else {
            Ok(())
        }
    }

    fn act(&mut self, words: &str, below: &[String]) {
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        let pair = || rest.split_once(" to ").map(|(from, to)| (from.to_owned(), to.to_owned())).expect("`A to B`");
        let desk = &mut self.desk;
        match (verb, rest) {
            ("at", time) => desk.now = time.parse().expect("an instant"),
            ("start", rest) => {
                desk.reads_cards = rest == "with cards";
                desk.start(&rest.strip_prefix("without ").into_iter().collect::<Vec<_>>());
                desk.reads_cards = false;
            }
            ("stop", _) => desk.stop(),
            ("forget", _) => desk.forget(),
            ("spoil", record) => desk.spoil(record),
            ("write", rest) => {
                desk.reads_cards = rest.ends_with(" as cards");
                let paths = expanded(rest.trim_end_matches(" as cards"));
                for path in &paths {
                    let version = self.desk.history.get(path).map_or(1, |texts| texts.len() + 1);
                    self.put(path, story(path, version, below));
                }
                self.tell_of(&paths);
                self.desk.reads_cards = false;
            }
            ("save", rest) => self.tell_of(&expanded(rest)),
            ("lock" | "unlock", rest) => {
                for path in expanded(rest) {
                    match verb {
                        "lock" => drop(desk.unreadable.insert(path)),
                        _ => drop(desk.unreadable.remove(&path)),
                    }
                }
                self.tell_of(&expanded(rest));
            }
            ("copy" | "move" | "rename", _) => self.relocate(verb, &pair(), below),
            ("remove", rest) => {
                let paths = expanded(rest);
                paths.iter().for_each(|path| drop(desk.files.remove(path).expect("a file")));
                self.tell_of(&paths);
            }
            ("back", rest) => {
                let paths = expanded(rest);
                paths.iter().for_each(|path| {
                    desk.files.insert(path.clone(), desk.history[path].last().expect("a file").clone());
                });
                self.tell_of(&paths);
            }
            ("together", _) => self.together = Some(Vec::new()),
            ("apart", _) => {
                let files = self.together.take().expect("`together` before it");
                desk.tell(Event::Files(files));
            }
            ("list", rest) => match rest.strip_prefix("without ") {
                Some(folder) => desk.list("", &[folder]),
                None => desk.list(rest, &[]),
            },
            ("wait", rest) => {
                let until = match rest.strip_prefix("until ") {
                    Some(time) => time.parse().expect("an instant"),
                    None => desk.now + rest.parse::<SignedDuration>().expect("a length of time"),
                };
                desk.wait_until(until);
            }
            ("clock", time) => {
                desk.now = time.parse().expect("an instant");
                desk.tell(Event::Tick);
            }
            ("retract", rest) => {
                let (article, reason) = rest.split_once(" because ").unwrap_or((rest, ""));
                let reason = (!reason.is_empty()).then(|| Text::line(reason));
                desk.command(Command::Retract { article: article.to_owned(), reason });
            }
            ("restore", article) => desk.command(Command::Restore { article: article.to_owned() }),
            ("accept", "removals") => desk.command(Command::AcceptRemovals),
            ("config" | "reload", _) | ("force", "reload") => {
                let before = std::mem::replace(&mut desk.config, config(below));
                let checked = desk.checked();
                if desk.engine.is_none() {
                    return assert!(checked.config.is_some(), "{:?}", checked.diagnostics);
                }
                match verb {
                    "config" => desk.tell(Event::Config(checked)),
                    _ => desk.command(Command::Reload { checked, force: verb == "force" }),
                }
                let taken = desk.engine.as_ref().and_then(Engine::config).map(|config| config.hash);
                if taken != desk.checked().config.map(|config| config.hash) {
                    desk.config = before;
                }
            }
            ("hold", "bodies") => desk.holds_bodies = true,
            ("bodies", paths) => desk.answer(&expanded(paths), None),
            ("no" | "other", rest) => {
                desk.answer(&expanded(rest.strip_prefix("bodies ").expect("`bodies`")), Some(verb == "no"));
            }
            ("disk", "full") => desk.is_full = true,
            ("disk", "free") => desk.write_again(),
            ("lost", route) => desk.tell(Event::DocumentMissing(route.into())),
            ("panic", path) => {
                desk.refused.insert((path.to_owned(), desk.files[path].clone()));
                desk.start(&[]);
            }
            ("unlike", _) => desk.is_like_fresh = false,
            ("like", _) => desk.is_like_fresh = true,
            _ => panic!("nobody knows what `{words}` is"),
        }
    }

    fn put(&mut self, path: &str, text: String) {
        self.desk.history.entry(path.to_owned()).or_default().push(text.clone());
        self.desk.files.insert(path.to_owned(), text);
    }

    fn relocate(&mut self, verb: &str, (from, to): &(String, String), below: &[String]) {
        let texts = &self.desk.history[from];
        let text = match below {
            [] => self.desk.files.get(from).or(texts.last()).expect("a file").clone(),
            _ => story(from, texts.len() + 1, below),
        };
        self.put(to, text);
        if verb != "copy" {
            self.desk.files.remove(from);
        }
        match verb {
            "rename" if !self.is_quiet => {
                let files = vec![self.desk.file(to, Some(from)), self.desk.file(from, None)];
                self.tell(files);
            }
            "move" => [to, from].into_iter().for_each(|path| self.tell_of(std::slice::from_ref(path))),
            _ => self.tell_of(std::slice::from_ref(to)),
        }
    }

    /// The watcher tells of these files, unless it doesn't know.
    fn tell_of(&mut self, paths: &[String]) {
        if !self.is_quiet {
            let files = paths.iter().map(|path| self.desk.file(path, None)).collect();
            self.tell(files);
        }
    }

    fn tell(&mut self, files: Vec<ParsedFile>) {
        match &mut self.together {
            Some(together) => together.extend(files),
            None => self.desk.tell(Event::Files(files)),
        }
    }
}

/// A file: what is below the line that writes it, and what goes without saying.
fn story(path: &str, version: usize, below: &[String]) -> String {
    let raw: Vec<&str> =
        below.iter().filter_map(|line| line.strip_prefix('|')).map(|line| line.trim_start_matches(' ')).collect();
    if !raw.is_empty() {
        return raw.join("\n") + "\n";
    }
    let stem = ArticlePath::new(path).stem().to_owned();
    let (body, keys): (Vec<&String>, Vec<&String>) = below.iter().partition(|line| line.starts_with("> "));
    let mut front: BTreeMap<&str, String> = BTreeMap::new();
    front.insert("title", format!("title: The {stem} story"));
    front.insert("date", "date: 2026-11-20T10:00:00Z".to_owned());
    for line in &keys {
        let (key, value) = line.split_once(": ").expect("`key: value`");
        match value {
            "-" => drop(front.remove(key)),
            _ => drop(front.insert(key, (*line).clone())),
        }
    }
    let front: String = front.into_values().map(|line| line + "\n").collect();
    let body: Vec<&str> = body.iter().map(|line| line.trim_start_matches("> ")).collect();
    let body = if body.is_empty() { format!("The text of {path}, version {version}.") } else { body.join("\n\n") };
    format!("---\n{front}---\n\n{body}\n")
}

/// Why a script fails; `None`: it does not.
fn failure(script: &Script) -> Option<String> {
    let mut player = Player::new();
    for line in &script.lines {
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| player.play(line)));
        let why = match played {
            Ok(Ok(())) => continue,
            Ok(Err(why)) => why,
            Err(panic) => {
                let said = panic.downcast_ref::<String>().cloned();
                said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
            }
        };
        return Some(format!("{}\n    line {}: {}\n    {why}", script.name, line.number, line.words));
    }
    None
}

#[test]
fn engine_does_what_scripts_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cases/engine");
    let files = fs::read_dir(folder).expect("there are scripts").map(|entry| entry.expect("readable").path());
    let only = std::env::var("SCRIPT").unwrap_or_default();
    let scripts: Vec<Script> =
        files.flat_map(|file| scripts(&file)).filter(|script| script.name.contains(&only)).collect();
    let failures = Mutex::new(Vec::new());
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(script) = scripts.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    failures.lock().expect("nobody panics with it").extend(failure(script));
                }
            });
        }
    });
    let failures = failures.into_inner().expect("nobody panics with it");
    assert!(failures.is_empty(), "{} of {} scripts fail:\n\n{}", failures.len(), scripts.len(), failures.join("\n\n"));
    assert!(scripts.len() >= 60 || !only.is_empty(), "{} scripts", scripts.len());
}
