//! Runs the scripts in `cases/engine/*.txt` against the engine. A script has a heading (`# `) and lines: actions and expectations. Indented
//! lines belong to the line above them: front matter, a paragraph (`> `), or the whole file verbatim (`| `). `## ` begins a comment.
//!
//! A file without indented lines has the title `The NAME story`, the date 2026-11-20 10:00 UTC and the body `The text of PATH, version N.`;
//! `news/{1..3}.md` stands for three files.
//!
//! | line | action |
//! |---|---|
//! | `at TIME`, `config` | before the start: sets the time, and the configuration below `[site]` |
//! | `start`, `stop` | starts a process that reads all files; ends it |
//! | `start with cards`, `start without FOLDER` | starts a process that reads only metadata, or can't list a folder |
//! | `start while A is renamed to B` | starts a process that reads and lists a file at both paths |
//! | `forget`, `damage RECORD` | loses the ledger; makes a record undecodable |
//! | `write PATH...`, `save PATH...`, `copy A to B` | writes a new version, or the same version again; copies the last bytes of A |
//! | `touch PATH...` | the same version is written again, so the file has a new time |
//! | `write PATH... as cards` | the same, but only the metadata is read |
//! | `remove PATH...`, `back PATH...` | removes files; restores their last version |
//! | `rename A to B`, `move A to B` | a rename that the system reports; a move that looks like a new file and a removal |
//! | `lock PATH...`, `unlock PATH...` | makes files unreadable, and readable again |
//! | `quietly ...` | the action isn't reported to the engine |
//! | `write wire://PATH`, `list wire:/` | files of the source `wire`, and its directory: expectations name them as people do, `wire:PATH` |
//! | `list [FOLDER]`, `list without FOLDER` | a scan of a folder or of everything; a scan that can't read a folder |
//! | `together`, `apart` | the file events in between are sent as one event |
//! | `wait until TIME`, `wait 5m`, `clock TIME` | time passes, with a tick whenever the engine asked for one; the clock is set |
//! | `retract`, `restore`, `release PATH...`, `accept removals`, `reload`, `force reload` | commands |
//! | `config` | while running: the watcher reports a configuration |
//! | `hold bodies` | from now on, requested bodies wait for the script |
//! | `bodies PATH...`, `no bodies PATH...`, `other bodies PATH...` | bodies arrive, can't be read, or have other bytes by now |
//! | `disk full`, `disk free`, `lost ROUTE` | records can't be written, or can again; the bytes of a document are lost |
//! | `hub silent URL`, `hub works URL`, `hub unknown URL` | what is known of the hub; nothing is known of others |
//! | `panic PATH` | the engine panics because of this version, and a new engine starts without it |
//! | `unlike a fresh start`, `like a fresh start` | turns the comparison with a fresh start off and on |
//!
//! After each action, the invariants in [`rules`] are checked, and the documents are compared with those of a new process with the same
//! files and ledger. The expectations are in [`expect`].

mod archives;
mod expect;
mod item_versions;
mod rules;
mod simulated_daemon;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use dateline::engine::Engine;
use dateline::event::{Command, Event, HubStates, ParsedFile};
use dateline::snapshot::Snapshot;
use dateline::types::{ArticlePath, Text};
use jiff::SignedDuration;

use simulated_daemon::SimulatedDaemon;

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

/// Expands ranges such as `news/{1..3}.md`.
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
    daemon: SimulatedDaemon,
    /// The files between `together` and `apart`.
    together: Option<Vec<ParsedFile>>,
    is_quiet: bool,
    /// Whether a change hasn't been reported to the engine.
    is_behind: bool,
    /// The snapshot before the last action.
    before: Arc<Snapshot>,
}

/// Builds a configuration. The first lines may be keys of `[site]`.
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
            daemon: SimulatedDaemon::new(&config(&sections), start),
            together: None,
            is_quiet: false,
            is_behind: false,
            before: Arc::default(),
        }
    }

    fn play(&mut self, line: &Line) -> Result<(), String> {
        if let Some(expected) = line.words.strip_prefix("expect explained ") {
            let (path, words) = expected.split_once(": ").expect("`PATH: WORDS`");
            let remarks = self.daemon.explain(path).join(" ");
            return if remarks.contains(words) { Ok(()) } else { Err(format!("found {remarks}")) };
        }
        if let Some(expected) = line.words.strip_prefix("expect ") {
            return self.expect(expected);
        }
        self.daemon.observed = simulated_daemon::Observed::default();
        self.before = Arc::clone(&self.daemon.shown);
        let quietly = line.words.strip_prefix("quietly ");
        self.is_quiet = quietly.is_some() || self.daemon.engine.is_none();
        self.act(quietly.unwrap_or(&line.words), &line.below);
        self.is_behind =
            quietly.is_some() || (self.is_behind && line.words != "list" && !line.words.starts_with("start"));
        let is_remark = line.words.starts_with("like ") || line.words.starts_with("unlike ");
        if self.together.is_none() && !self.is_behind && !is_remark {
            self.daemon.check_archives()?;
            self.daemon.compare_with_fresh_start()
        } else {
            Ok(())
        }
    }

    fn act(&mut self, words: &str, below: &[String]) {
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        let pair = || rest.split_once(" to ").map(|(from, to)| (from.to_owned(), to.to_owned())).expect("`A to B`");
        let daemon = &mut self.daemon;
        match (verb, rest) {
            ("at", time) => daemon.now = time.parse().expect("an instant"),
            ("start", rest) if rest.starts_with("while ") => {
                let pair = rest.strip_prefix("while ").and_then(|rest| rest.split_once(" is renamed to "));
                let (from, to) = pair.expect("`A is renamed to B`");
                daemon.start_during_rename(from, to);
            }
            ("start", rest) => {
                daemon.reads_cards = rest == "with cards";
                daemon.start(&rest.strip_prefix("without ").into_iter().collect::<Vec<_>>());
                daemon.reads_cards = false;
            }
            ("stop", _) => daemon.stop(),
            ("forget", _) => daemon.lose_ledger(),
            ("damage", record) => daemon.damage_record(record),
            ("write", rest) => {
                daemon.reads_cards = rest.ends_with(" as cards");
                let paths = expanded(rest.trim_end_matches(" as cards"));
                for path in &paths {
                    let version = self.daemon.history.get(path).map_or(1, |texts| texts.len() + 1);
                    self.put(path, story(path, version, below));
                }
                self.report_files(&paths);
                self.daemon.reads_cards = false;
            }
            ("save", rest) => self.report_files(&expanded(rest)),
            ("touch", rest) => {
                expanded(rest).iter().for_each(|path| drop(daemon.modified.remove(path)));
                self.report_files(&expanded(rest));
            }
            ("lock" | "unlock", rest) => {
                for path in expanded(rest) {
                    match verb {
                        "lock" => drop(daemon.unreadable.insert(path)),
                        _ => drop(daemon.unreadable.remove(&path)),
                    }
                }
                self.report_files(&expanded(rest));
            }
            ("copy" | "move" | "rename", _) => self.relocate(verb, &pair(), below),
            ("remove", rest) => {
                let paths = expanded(rest);
                for path in &paths {
                    let text = daemon.files.remove(path).expect("a file");
                    daemon.note_removed(path, text);
                }
                self.report_files(&paths);
            }
            ("back", rest) => {
                let paths = expanded(rest);
                paths.iter().for_each(|path| {
                    daemon.files.insert(path.clone(), daemon.history[path].last().expect("a file").clone());
                });
                self.report_files(&paths);
            }
            ("together", _) => self.together = Some(Vec::new()),
            ("apart", _) => {
                let files = self.together.take().expect("`together` before it");
                daemon.send(Event::Files(files));
            }
            ("list", rest) => match rest.strip_prefix("without ") {
                Some(folder) => daemon.list("", &[folder]),
                None => daemon.list(rest, &[]),
            },
            ("wait", rest) => {
                let until = match rest.strip_prefix("until ") {
                    Some(time) => time.parse().expect("an instant"),
                    None => daemon.now + rest.parse::<SignedDuration>().expect("a length of time"),
                };
                daemon.wait_until(until);
            }
            ("clock", time) => {
                daemon.now = time.parse().expect("an instant");
                daemon.send(Event::Tick);
            }
            ("retract", rest) => {
                let (article, reason) = rest.split_once(" because ").unwrap_or((rest, ""));
                let reason = (!reason.is_empty()).then(|| Text::line(reason));
                daemon.command(Command::Retract { article: article.to_owned(), reason });
            }
            ("restore", article) => daemon.command(Command::Restore { article: article.to_owned() }),
            ("release", articles) => daemon.command(Command::Release { articles: expanded(articles) }),
            ("accept", "removals") => daemon.command(Command::AcceptRemovals),
            ("config" | "reload", _) | ("force", "reload") => {
                let before = std::mem::replace(&mut daemon.config, config(below));
                let checked = daemon.checked();
                if daemon.engine.is_none() {
                    return assert!(checked.config.is_some(), "{:?}", checked.diagnostics);
                }
                match verb {
                    "config" => daemon.send(Event::Config(checked)),
                    _ => daemon.command(Command::Reload { checked, force: verb == "force" }),
                }
                let active = daemon.engine.as_ref().and_then(Engine::config).map(|config| config.hash);
                if active != daemon.checked().config.map(|config| config.hash) {
                    daemon.config = before;
                }
            }
            ("hold", "bodies") => daemon.holds_bodies = true,
            ("bodies", paths) => daemon.answer(&expanded(paths), None),
            ("no" | "other", rest) => {
                daemon.answer(&expanded(rest.strip_prefix("bodies ").expect("`bodies`")), Some(verb == "no"));
            }
            ("disk", "full") => daemon.is_full = true,
            ("disk", "free") => daemon.write_again(),
            ("hub", rest) => {
                let (state, url) = rest.split_once(' ').expect("`silent` or `works`, and a URL");
                let hubs = [Arc::from(url)].into();
                daemon.send(Event::Hubs(match state {
                    "silent" => HubStates { silent: hubs, ..HubStates::default() },
                    "works" => HubStates { working: hubs, ..HubStates::default() },
                    _ => HubStates::default(),
                }));
            }
            ("lost", route) => daemon.send(Event::DocumentMissing(route.into())),
            ("panic", path) => {
                daemon.refused.insert((path.to_owned(), daemon.files[path].clone()));
                daemon.start(&[]);
            }
            ("unlike", _) => daemon.is_like_fresh = false,
            ("like", _) => daemon.is_like_fresh = true,
            _ => panic!("unknown action `{words}`"),
        }
    }

    fn put(&mut self, path: &str, text: String) {
        self.daemon.history.entry(path.to_owned()).or_default().push(text.clone());
        self.daemon.files.insert(path.to_owned(), text);
    }

    fn relocate(&mut self, verb: &str, (from, to): &(String, String), below: &[String]) {
        let texts = &self.daemon.history[from];
        let text = match below {
            [] => self.daemon.files.get(from).or(texts.last()).expect("a file").clone(),
            _ => story(from, texts.len() + 1, below),
        };
        self.put(to, text);
        if verb != "copy" {
            self.daemon.files.remove(from);
        }
        match verb {
            "rename" if !self.is_quiet => {
                let files = vec![self.daemon.file(to, Some(from)), self.daemon.file(from, None)];
                self.send(files);
            }
            "move" => [to, from].into_iter().for_each(|path| self.report_files(std::slice::from_ref(path))),
            _ => self.report_files(std::slice::from_ref(to)),
        }
    }

    /// Reports files to the engine, unless the action is quiet.
    fn report_files(&mut self, paths: &[String]) {
        if !self.is_quiet {
            let files = paths.iter().map(|path| self.daemon.file(path, None)).collect();
            self.send(files);
        }
    }

    fn send(&mut self, files: Vec<ParsedFile>) {
        match &mut self.together {
            Some(together) => together.extend(files),
            None => self.daemon.send(Event::Files(files)),
        }
    }
}

/// The text of a file: the indented lines, and defaults for the rest.
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

/// Runs a script. Returns why it fails, if it does.
fn failure(script: &Script) -> Option<String> {
    let mut player = Player::new();
    for line in &script.lines {
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| player.play(line)));
        let why = match played {
            Ok(Ok(())) => continue,
            Ok(Err(why)) => why,
            Err(panic) => {
                let message = panic.downcast_ref::<String>().cloned();
                message.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
            }
        };
        return Some(format!("{}\n    line {}: {}\n    {why}", script.name, line.number, line.words));
    }
    None
}

#[test]
fn engine_meets_expectations_of_scripts() {
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
                    failures.lock().expect("not poisoned").extend(failure(script));
                }
            });
        }
    });
    let failures = failures.into_inner().expect("not poisoned");
    assert!(failures.is_empty(), "{} of {} scripts fail:\n\n{}", failures.len(), scripts.len(), failures.join("\n\n"));
    assert!(scripts.len() >= 60 || !only.is_empty(), "{} scripts", scripts.len());
}
