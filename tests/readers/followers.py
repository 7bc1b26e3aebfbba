"""Feed readers that are programs: newsboat and rss2email. Each keeps what it has in a folder of its own."""
import configparser
import os
import sqlite3
import subprocess


def run(command, home):
    """Runs a program whose home is this folder. A failure ends the script."""
    environment = {**os.environ, "HOME": str(home), "LC_ALL": "C.UTF-8", "XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, timeout=120)
    if done.returncode:
        raise SystemExit(f"{command[0]}: exit {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return done


class Newsboat:
    def __init__(self, home, name, urls):
        self.home, self.folder = home, home / f"newsboat-{name.replace('/', '-')}"
        self.folder.mkdir()
        (self.folder / "urls").write_text("".join(f"{url}\n" for url in urls))
        (self.folder / "conf").write_text("reload-threads 2\n")

    def poll(self, columns):
        """Fetches the feeds, and returns these columns of its table of stories."""
        database = self.folder / "cache.db"
        run(["newsboat", "-u", str(self.folder / "urls"), "-c", str(database), "-C", str(self.folder / "conf"), "-x", "reload"], self.home)
        with sqlite3.connect(database) as connection:
            return connection.execute(f"select {columns} from rss_item").fetchall()


class Mails:
    """rss2email, which delivers to a folder."""

    def __init__(self, home, name, url):
        self.home, self.inbox = home, home / f"mail-{name}"
        for folder in ("cur", "new", "tmp"):
            (self.inbox / "inbox" / folder).mkdir(parents=True)
        config = home / f"r2e-{name}.cfg"
        self.command = ["r2e", "-c", str(config), "-d", str(home / f"r2e-{name}.json")]
        run([*self.command, "new", "reader@example.org"], home)
        settings = configparser.RawConfigParser()
        settings.read(config)
        settings["DEFAULT"].update({"email-protocol": "maildir", "maildir-path": str(self.inbox), "maildir-mailbox": "inbox"})
        with config.open("w") as file:
            settings.write(file)
        run([*self.command, "add", "courier", url], home)

    def poll(self):
        """Fetches the feed, and returns how many mails it has sent so far."""
        run([*self.command, "run"], self.home)
        return sum(1 for _ in (self.inbox / "inbox" / "new").iterdir())
