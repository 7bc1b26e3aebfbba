//! Runs a daemon in its own user and mount namespaces, if the system allows it, so that tests can mount, fill and unmount file
//! systems without being root. Also runs commands without root's rights, for tests that are run by root.

use std::io::{BufRead, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use crate::newsroom::{DEADLINE, Daemon, Newsroom, bounded};

/// A shell in the namespaces, and the daemon that it started.
pub(super) struct Enclosure {
    pub(super) daemon: Daemon,
    /// The admin listener of the daemon.
    pub(super) admin: Daemon,
    shell: ChildStdin,
    lines: Receiver<String>,
}

const SHELL: &str = r#"
exec 3>&1
start() { "$DATELINE" serve --listen 127.0.0.1:0 --admin 127.0.0.1:0 >&3 2>>log & daemon=$!; }
crash() { kill -9 $daemon; wait $daemon 2>/dev/null; }
eval "$1" || exit 1
start
while read -r command; do
    eval "$command" >output 2>&1
    echo "ended $?"
done
"#;

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "--pid", "--kill-child"]);
    command
}

impl Enclosure {
    /// Runs the shell commands `preparations` in new namespaces, then starts a daemon there. Returns `None` and prints the reason if
    /// the system doesn't allow that.
    pub(super) fn new(newsroom: &Newsroom, test: &str, preparations: &str) -> Option<Enclosure> {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let tried = unshare().args(["mount", "-t", "tmpfs", "tmpfs"]).arg(scratch.path()).output();
        let refused = match tried {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Some(format!("unshare: {error}")),
        };
        if let Some(reason) = refused {
            eprintln!("faults: {test} is skipped: no file system can be mounted in a new namespace: {reason}");
            return None;
        }
        let mut command = unshare();
        command.args(["bash", "-c", SHELL, "bash", preparations]).stdin(Stdio::piped());
        command
            .current_dir(newsroom.path(""))
            .env("DATELINE", env!("CARGO_BIN_EXE_dateline"))
            .env_remove("DATELINE_LOG");
        let (mut daemon, output) = Daemon::spawn_talking(&newsroom.path(""), command);
        let shell = daemon.child()?.stdin.take().expect("piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let admin = Daemon::at(address(&next(&lines, "admin  ")));
        daemon.wait_until_ready();
        Some(Enclosure { daemon, admin, shell, lines })
    }

    fn line(&self, starts: &str) -> String {
        next(&self.lines, starts)
    }

    /// Runs a shell command inside, and returns whether it succeeded. Its output is in the file `output`.
    pub(super) fn run(&mut self, command: &str) -> bool {
        writeln!(self.shell, "{command}").expect("the shell listens");
        self.line("ended ") == "ended 0"
    }

    /// Kills the daemon and starts it again.
    pub(super) fn restart(&mut self) {
        assert!(self.run("crash; true"));
        self.start();
        self.daemon.wait_until_ready();
    }

    /// Starts a daemon without waiting until it's ready. The daemon doesn't inherit descriptor 9 of the shell.
    pub(super) fn start(&mut self) {
        writeln!(self.shell, "start 9<&-").expect("the shell listens");
        let line = self.line("feeds  ");
        self.daemon.move_to(&address(&line));
        self.admin.move_to(&address(&self.line("admin  ")));
    }
}

fn next(lines: &Receiver<String>, starts: &str) -> String {
    let started = Instant::now();
    loop {
        let line = lines.recv_timeout(DEADLINE.saturating_sub(started.elapsed())).expect("the shell answers");
        if line.starts_with(starts) {
            return line;
        }
    }
}

fn address(line: &str) -> String {
    line.split('/').nth(2).expect("an address").to_owned()
}

/// A dateline command without root's rights, even if root runs the test. Returns `None` and prints the reason if that isn't possible.
pub(crate) fn without_privileges(newsroom: &Newsroom, test: &str) -> Option<Command> {
    let plain = || Command::new(env!("CARGO_BIN_EXE_dateline"));
    let enclosed = || {
        let mut command = Command::new("unshare");
        command.args(["--user", env!("CARGO_BIN_EXE_dateline")]);
        command
    };
    let secret = newsroom.path("secret");
    std::fs::write(&secret, "x").expect("writable");
    let forbidden = std::os::unix::fs::PermissionsExt::from_mode(0o0);
    std::fs::set_permissions(&secret, forbidden).expect("ours");
    let command = if std::fs::read(&secret).is_err() {
        Some(plain())
    } else {
        // In a user namespace, root still owns its files, but has no special rights.
        let mut cat = Command::new("unshare");
        let cat = cat.args(["--user", "cat"]).arg(&secret);
        let is_there = Command::new("unshare").args(["--user", "true"]).status().is_ok_and(|status| status.success());
        (is_there && !bounded(cat).status.success()).then(enclosed)
    };
    let Some(mut command) = command else {
        eprintln!("faults: {test} is skipped: root can read every file, and there are no user namespaces");
        return None;
    };
    command.current_dir(newsroom.path("")).env_remove("DATELINE_LOG").stdin(Stdio::null());
    Some(command)
}
