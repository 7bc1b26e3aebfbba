#!/usr/bin/env python3
"""Retracts and corrects stories while real readers follow the feeds: newsboat, `reader` and rss2email.

usage: retraction.py BINARY

Each story has words of its own. After a retraction and one more poll, no reader has the words of the retracted story, each has the corrected
text of the corrected one, and none has a story twice. Readers are asked with their own queries. rss2email can't take back a mail, so it only
has to send none again. Exit 1 with what differs.
"""
import configparser
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

import reader as reader_library

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from daemon import serve  # noqa: E402

CONFIG = """
[site]
title = "Courier"
url = "http://127.0.0.1:8080/"
language = "en"
tag_authority = "courier.example,2026"
[content]
directory = "content"
[output]
directory = "feeds"
[state]
directory = "state"
[taxonomies]
tags = true
"""
STORIES = ["pelican", "heron", "magpie", "sparrow"]
FEEDS = ["rss.xml", "atom.xml", "feed.json", "tags/birds/rss.xml"]
faults = []


def expect(what, truth, seen=""):
    if not truth:
        faults.append(f"{what}: {seen}")
    print(f"{'ok  ' if truth else 'FAIL'} {what}", flush=True)


def run(command, home):
    environment = {**os.environ, "HOME": str(home), "LC_ALL": "C.UTF-8", "XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, timeout=120)
    if done.returncode:
        faults.append(f"{command[0]}: exit {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return done


def fetch(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()


def write(home, word, text, tags="birds"):
    path = home / "content" / "news" / f"{word}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(".new")
    hour = STORIES.index(word) + 8
    temporary.write_text(f"---\ntitle: The {word}\ndate: 2026-11-20T{hour:02}:00:00Z\ntags: [{tags}]\n---\n\n{text}\n")
    temporary.rename(path)


def wait(what, is_there):
    deadline = time.monotonic() + 20
    while not is_there():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited in vain until {what}")
        time.sleep(0.02)


class Newsboat:
    def __init__(self, url, home, feed):
        self.folder = home / feed.replace("/", "-")
        self.folder.mkdir()
        (self.folder / "urls").write_text(f"{url}{feed}\n")
        (self.folder / "conf").write_text("")
        self.home = home

    def poll(self):
        """The id and all texts of each story that it has. Its link stays, and the name in it."""
        database = self.folder / "cache.db"
        run(["newsboat", "-u", str(self.folder / "urls"), "-c", str(database), "-C", str(self.folder / "conf"), "-x", "reload"], self.home)
        with sqlite3.connect(database) as connection:
            return connection.execute("select guid, title || ' ' || author || ' ' || content from rss_item").fetchall()


class Reader:
    def __init__(self, url, home, feed):
        self.reader = reader_library.make_reader(str(home / f"reader-{feed.replace('/', '-')}.sqlite"))
        self.reader.add_feed(f"{url}{feed}")

    def poll(self):
        # Also if it was polled a moment ago.
        for result in self.reader.update_feeds_iter(scheduled=False):
            if isinstance(result.value, Exception):
                faults.append(f"reader: {result.url}: {result.value!r}")
        texts = lambda entry: [entry.title, entry.summary, entry.authors_str, *(content.value for content in entry.content)]
        return [(entry.id, " ".join(text or "" for text in texts(entry))) for entry in self.reader.get_entries()]


class Mails:
    def __init__(self, url, home, feed):
        self.home, self.inbox = home, home / f"mail-{feed}"
        for folder in ("cur", "new", "tmp"):
            (self.inbox / "inbox" / folder).mkdir(parents=True)
        config = home / f"r2e-{feed}.cfg"
        self.command = ["r2e", "-c", str(config), "-d", str(home / f"r2e-{feed}.json")]
        run([*self.command, "new", "reader@example.org"], home)
        settings = configparser.RawConfigParser()
        settings.read(config)
        settings["DEFAULT"].update({"email-protocol": "maildir", "maildir-path": str(self.inbox), "maildir-mailbox": "inbox"})
        with config.open("w") as file:
            settings.write(file)
        run([*self.command, "add", "courier", f"{url}{feed}"], home)

    def poll(self):
        """How many mails it has sent so far."""
        run([*self.command, "run"], self.home)
        return sum(1 for _ in (self.inbox / "inbox" / "new").iterdir())


def main(binary):
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        config = home / "dateline.toml"
        config.write_text(CONFIG)
        for word in STORIES:
            write(home, word, f"First {word} text: {word}-one.", "birds, lonely" if word == "pelican" else "birds")
        with serve(binary, config) as daemon:
            readers = {f"newsboat, {feed}": Newsboat(daemon.url, home, feed) for feed in FEEDS if feed.endswith("xml")}
            readers |= {f"reader, {feed}": Reader(daemon.url, home, feed) for feed in FEEDS}
            readers["reader, the tag of one story"] = Reader(daemon.url, home, "tags/lonely/atom.xml")
            mails = {feed: Mails(daemon.url, home, feed) for feed in ("rss.xml", "atom.xml")}
            before = {name: reader.poll() for name, reader in readers.items()}
            sent = {feed: reader.poll() for feed, reader in mails.items()}
            for name, items in before.items():
                count = 1 if "one story" in name else len(STORIES)
                expect(f"{name}: has {count}", len(items) == count and "pelican-one" in str(items), items)
            expect("rss2email sends each story", all(count == len(STORIES) for count in sent.values()), sent)

            run([str(pathlib.Path(binary).resolve()), "--config", str(config), "retract", "--reason", "The bird was a crow.", "news/pelican.md"], home)
            write(home, "heron", "Second heron text: heron-two.")
            wait("both are published", lambda: all(
                "pelican-one" not in (text := fetch(daemon.url + feed)) and "heron-two" in text for feed in FEEDS))

            for name, reader in readers.items():
                after = reader.poll()
                expect(f"{name}: has none of the retracted text", "elican" not in str([text for _, text in after]), after)
                expect(f"{name}: says what happened", "Story retracted" in str(after) and "a crow" in str(after), after)
                expect(f"{name}: has each story once", sorted(id for id, _ in after) == sorted(id for id, _ in before[name]), after)
                if "one story" not in name:
                    expect(f"{name}: has the corrected text", "heron-two" in str(after) and "heron-one" not in str(after), after)
            again = {feed: reader.poll() for feed, reader in mails.items()}
            expect("rss2email sends none again", again == sent, again)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


sys.exit(main(*sys.argv[1:]))
