//! Helpers: a newsroom in a temporary directory, and the real binary that runs in it.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use notify::Watcher;
use tempfile::TempDir;

/// A test that waits longer than this fails. On a busy machine, the list of published documents is saved every 60 s.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// The configuration of most tests. `settle` is short, so that a start doesn't wait for files that the test has just written.
pub(crate) const CONFIG: &str = r#"
[site]
title = "Test Courier"
url = "http://feeds.courier.example/"
timezone = "Asia/Shanghai"
tag_authority = "courier.example,2026"

[content]
settle = "50ms"
removal_grace = "250ms"

[reload]
allow = ["ids", "empty", "shrink"]

[[section]]
path = "news"

[[section]]
path = "news/chips"
breadcrumb = "News > Chips"

[taxonomies]
tags = true
authors = true
"#;

pub(crate) struct Newsroom {
    folder: TempDir,
}

impl Newsroom {
    pub(crate) fn new() -> Newsroom {
        let newsroom = Newsroom { folder: tempfile::tempdir().expect("a scratch directory") };
        newsroom.write("config/dateline.toml", CONFIG);
        fs::create_dir_all(newsroom.path("content")).expect("writable");
        newsroom
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file under a temporary name and renames it, as many editors do.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("below the newsroom")).expect("writable");
        let temporary = path.with_file_name(".new");
        fs::write(&temporary, text).expect("writable");
        fs::rename(&temporary, &path).expect("writable");
    }

    pub(crate) fn article(&self, name: &str, title: &str, body: &str) {
        self.write(&format!("content/{name}"), article(title, body));
    }

    /// Waits until a file is old enough to be read at once and cached. Its ctime can't be set.
    pub(crate) fn age(&self, name: &str) {
        let modified =
            std::fs::metadata(self.path(name)).and_then(|metadata| metadata.modified()).expect("it is there");
        while modified.elapsed().unwrap_or_default() < Duration::from_secs(2) {
            pause();
        }
    }

    /// Calls `find` until it returns something, again after each write of the daemon.
    pub(crate) fn find<T>(&self, what: &str, mut find: impl FnMut() -> Option<T>) -> T {
        let (started, writes) = (Instant::now(), Writes::of(Some(self.folder.path())));
        loop {
            if let Some(found) = find() {
                return found;
            }
            let log = || fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(started.elapsed() < DEADLINE, "waited in vain for {what}; the log is\n{}", log());
            writes.next();
        }
    }

    pub(crate) fn dateline(&self, arguments: &[&str]) -> Output {
        bounded(self.command().args(arguments))
    }

    /// A command that runs the binary in this newsroom.
    pub(crate) fn command(&self) -> Command {
        command(self.folder.path())
    }

    /// Builds all feeds into another output directory.
    pub(crate) fn build(&self, out: &str) -> Output {
        self.dateline(&["build", "--out", out])
    }

    pub(crate) fn serve(&self) -> Daemon {
        Daemon::start(self.folder.path())
    }

    /// Starts a daemon without waiting until it is ready.
    pub(crate) fn serve_unready(&self) -> Daemon {
        Daemon::spawn(self.folder.path(), serving(command(self.folder.path())))
    }
}

/// Yields the processor between two attempts, so that the daemon can work.
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

/// The output of a command, on standard output and standard error.
pub(crate) fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Runs a command, which must end within [`DEADLINE`].
pub(crate) fn bounded(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let pid = child.id();
    let (sender, output) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match output.recv_timeout(DEADLINE * 3) {
        Ok(output) => output.expect("it runs"),
        Err(_) => {
            kill(pid);
            panic!("{command:?} does not end");
        }
    }
}

fn kill(pid: u32) {
    drop(Command::new("kill").args(["-9", &pid.to_string()]).status());
}

fn serving(mut command: Command) -> Command {
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command
}

pub(crate) fn article(title: &str, body: &str) -> String {
    format!("---\ntitle: \"{title}\"\ndate: 2026-11-20 10:00\nauthors: [Ada Quay]\ntags: [tide]\n---\n\n{body}\n")
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dateline"));
    command.current_dir(folder).env_remove("DATELINE_LOG").env("NO_PROXY", "127.0.0.1").stdin(Stdio::null());
    command
}

pub(crate) struct Daemon {
    /// `None` if the daemon runs in this process or is stopped by its starter.
    child: Option<Child>,
    address: String,
    /// The folder with its log and documents, if known.
    folder: Option<PathBuf>,
}

/// Notifications about a daemon's writes. Every publication writes a document or a log line.
struct Writes {
    changes: mpsc::Receiver<()>,
    _watcher: Option<notify::RecommendedWatcher>,
}

impl Writes {
    /// The interval of attempts if nothing is written.
    const LONGEST: Duration = Duration::from_millis(50);

    fn of(folder: Option<&Path>) -> Writes {
        let (sender, changes) = mpsc::sync_channel(1);
        let watch = |folder: &Path| {
            // One pending notification is enough.
            let mut watcher = notify::recommended_watcher(move |_| sender.try_send(()).unwrap_or_default()).ok()?;
            watcher.watch(folder, notify::RecursiveMode::NonRecursive).ok()?;
            drop(watcher.watch(&folder.join("feeds"), notify::RecursiveMode::Recursive));
            Some(watcher)
        };
        Writes { changes, _watcher: folder.and_then(watch) }
    }

    /// Waits for the next write, at most [`Writes::LONGEST`].
    fn next(&self) {
        match self.changes.recv_timeout(Writes::LONGEST) {
            // Nothing is watched.
            Err(mpsc::RecvTimeoutError::Disconnected) => pause(),
            Ok(()) | Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }
}

impl Daemon {
    pub(crate) fn start(folder: &Path) -> Daemon {
        let daemon = Daemon::spawn(folder, serving(command(folder)));
        daemon.wait_until_ready();
        daemon
    }

    /// Starts a command that prints its address first. Its log goes to `log` in the folder.
    pub(crate) fn spawn(folder: &Path, command: Command) -> Daemon {
        Daemon::spawn_talking(folder, command).0
    }

    /// Like [`Daemon::spawn`], and returns the rest of its output.
    pub(crate) fn spawn_talking(folder: &Path, mut command: Command) -> (Daemon, BufReader<ChildStdout>) {
        let log = fs::File::create(folder.join("log")).expect("writable");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("dateline starts");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        // From here on, the process is killed on drop.
        let mut daemon = Daemon { child: Some(child), address: String::new(), folder: Some(folder.to_owned()) };
        let (sender, printed) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = output.read_line(&mut line).map(|_| line);
            sender.send((read, output))
        });
        let (line, output) = printed.recv_timeout(DEADLINE).expect("it says something");
        let line = line.expect("it says where");
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        daemon.address =
            line.split('/').nth(2).unwrap_or_else(|| panic!("no address in `{line}`: {}", log())).to_owned();
        (daemon, output)
    }

    pub(crate) fn wait_until_ready(&self) {
        self.wait("it is ready", |daemon| daemon.get("/readyz", &[]).status == 200);
    }

    /// Another handle to the daemon, which doesn't stop it.
    pub(crate) fn twin(&self) -> Daemon {
        Daemon { child: None, address: self.address.clone(), folder: self.folder.clone() }
    }

    /// The address it listens on.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Sets the address after a restart on another one.
    pub(crate) fn move_to(&mut self, address: &str) {
        self.address = address.to_owned();
    }

    /// The process, if the daemon is one.
    pub(crate) fn child(&mut self) -> Option<&mut Child> {
        self.child.as_mut()
    }

    /// Kills it at once, while other threads may be sending requests.
    pub(crate) fn kill(&self) {
        kill(self.child.as_ref().expect("a process").id());
    }

    /// A handle to a daemon that runs already. Waits until it is ready.
    pub(crate) fn at(address: String) -> Daemon {
        let daemon = Daemon::at_once(address);
        daemon.wait_until_ready();
        daemon
    }

    /// Like [`Daemon::at`], without waiting.
    pub(crate) fn at_once(address: String) -> Daemon {
        Daemon { child: None, address, folder: None }
    }

    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.try_get(path, headers).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Like [`Daemon::get`], for a daemon that may be killed meanwhile.
    pub(crate) fn try_get(&self, path: &str, headers: &[(&str, &str)]) -> io::Result<Response> {
        self.ask("GET", path, headers)
    }

    /// Sends HEAD.
    pub(crate) fn head(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.ask("HEAD", path, headers).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Sends POST with a body.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let length = body.len().to_string();
        let headers = [&[("Content-Length", &*length)], headers].concat();
        self.send("POST", path, &headers, body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> io::Result<Response> {
        self.send(method, path, headers, "")
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Response> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n{body}",
            self.address
        )?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(cut)?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let headers = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let response = Response { status, headers, body: bytes[end + 4..].to_vec() };
        let length = response.header("content-length").map(|length| length.parse().expect("a length"));
        match length {
            Some(length) if status != 304 && method != "HEAD" && response.body.len() < length => Err(cut()),
            _ => Ok(response),
        }
    }

    pub(crate) fn body(&self, path: &str) -> String {
        self.get(path, &[]).text()
    }

    /// Waits until `is_so` is true. Checks again after each write of the daemon.
    pub(crate) fn wait(&self, what: &str, mut is_so: impl FnMut(&Daemon) -> bool) {
        // Watching costs time, so the first check comes before it.
        if is_so(self) {
            return;
        }
        let (started, writes) = (Instant::now(), Writes::of(self.folder.as_deref()));
        while !is_so(self) {
            assert!(started.elapsed() < DEADLINE, "waited in vain until {what}");
            writes.next();
        }
    }

    /// Stops it as a service manager does. Returns whether it exited successfully.
    pub(crate) fn stop(mut self) -> bool {
        let child = self.child.as_mut().expect("a process");
        let killed = Command::new("kill").arg(child.id().to_string()).status().expect("kill runs");
        killed.success() && child.wait().expect("it ends").success()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The process may have ended already.
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// All files below a folder by relative path, except hidden ones and those that are removed meanwhile.
pub(crate) fn files(folder: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = match fs::read_dir(&next) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && next != folder => continue,
            entries => entries.unwrap_or_else(|error| panic!("{}: {error}", next.display())),
        };
        for entry in entries {
            let path = entry.expect("readable").path();
            let name = path.strip_prefix(folder).expect("below").to_str().expect("UTF-8").to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !name.rsplit('/').next().unwrap_or_default().starts_with('.') {
                match fs::read(&path) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    bytes => drop(found.insert(name, bytes.expect("readable"))),
                }
            }
        }
    }
    found
}
