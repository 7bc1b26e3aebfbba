#!/usr/bin/env python3
"""Subscribes real readers to the demo over HTTP: newsboat to every section, rss2email to the root feed.

usage: subscribe.py BINARY CONFIG

The newsroom is copied, so that a headline can be edited while readers are subscribed: afterwards each story must still be
there once, under its new title. Exit 1 with what differs.
"""
import configparser
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from daemon import serve  # noqa: E402

EDITED = "A headline that an editor has just corrected"
faults = []


def fetch(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()


def run(command, home):
    environment = {**os.environ, "HOME": str(home), "LC_ALL": "C.UTF-8", "XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, timeout=120)
    if done.returncode:
        faults.append(f"{command[0]}: exit {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return done


def stories(url, sections):
    """Ids and titles of all stories, as the JSON feeds state them."""
    found = {}
    for section in sections:
        for item in json.loads(fetch(f"{url}{section}feed.json"))["items"]:
            found[item["id"]] = item["title"]
    return found


def sections_of(url):
    """The sections, as paths of feeds, from the root page and their own."""
    seen, waiting = [], [""]
    while waiting:
        section = waiting.pop()
        seen.append(section)
        page = fetch(url + section)
        for part in page.partition("<h2>Sections</h2>")[2].partition("</ul>")[0].split('href="')[1:]:
            waiting.append(part.split('"')[0].split("/", 3)[3])
    return seen


def newsboat(url, sections, home):
    """What newsboat has of each story after a reload; a guid that appears twice is a fault."""
    (home / "urls").write_text("".join(f"{url}{section}rss.xml\n" for section in sections))
    (home / "conf").write_text("reload-threads 2\n")
    database = home / "cache.db"
    run(["newsboat", "-u", str(home / "urls"), "-c", str(database), "-C", str(home / "conf"), "-x", "reload"], home)
    with sqlite3.connect(database) as connection:
        rows = connection.execute("select guid, title, pubDate from rss_item").fetchall()
    if len({guid for guid, _, _ in rows}) != len(rows):
        faults.append("newsboat has a story twice")
    if any(date <= 0 or date > time.time() for _, _, date in rows):
        faults.append("newsboat has a story with a wrong date")
    return {guid: title for guid, title, _ in rows}


def mails(url, home):
    """How many mails rss2email sends in each of two runs."""
    config, data, inbox = home / "r2e.cfg", home / "r2e.json", home / "mail"
    for folder in ("cur", "new", "tmp"):
        (inbox / "inbox" / folder).mkdir(parents=True)
    r2e = ["r2e", "-c", str(config), "-d", str(data)]
    run([*r2e, "new", "reader@example.org"], home)
    settings = configparser.RawConfigParser()
    settings.read(config)
    settings["DEFAULT"].update({"email-protocol": "maildir", "maildir-path": str(inbox), "maildir-mailbox": "inbox"})
    with config.open("w") as file:
        settings.write(file)
    run([*r2e, "add", "courier", f"{url}rss.xml"], home)
    counts = []
    for _ in range(2):
        run([*r2e, "run"], home)
        counts.append(sum(1 for _ in (inbox / "inbox" / "new").iterdir()))
    return counts


def expect(what, found, wanted):
    if found != wanted:
        if isinstance(found, dict) and isinstance(wanted, dict):
            different = sorted(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key))
            found, wanted = [(key, found.get(key)) for key in different][:5], [(key, wanted.get(key)) for key in different][:5]
        faults.append(f"{what}: {found!r}, not {wanted!r}")
    print(f"{'wrong' if faults else 'right'}: {what}")


def main(binary, config):
    newsroom = pathlib.Path(config).resolve().parent.parent
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        for name in ("config", "content"):
            shutil.copytree(newsroom / name, home / name)
        with serve(binary, home / "config" / pathlib.Path(config).name) as daemon:
            # The pages link to the configured address; the feeds are asked for at the real one.
            sections = sections_of(daemon.url)
            before = stories(daemon.url, sections)
            print(f"{len(sections)} sections, {len(before)} stories")
            if len(sections) < 10 or len(before) < 20:
                faults.append("too few of them: nothing was tried")
            expect("newsboat has every story once", newsboat(daemon.url, sections, home), before)
            story = next(path for path in sorted((home / "content" / "harbour").glob("*.md"))
                         if not path.read_text().startswith("+++") and "\ntitle:" in path.read_text())
            lines = [f"title: {EDITED}" if line.startswith("title:") else line for line in story.read_text().split("\n")]
            temporary = story.with_name(".new")
            temporary.write_text("\n".join(lines))
            temporary.rename(story)
            deadline = time.monotonic() + 20
            while EDITED not in fetch(f"{daemon.url}harbour/rss.xml") and time.monotonic() < deadline:
                time.sleep(0.02)
            after = stories(daemon.url, sections)
            expect("the edit changed one title and no id", sorted(after), sorted(before))
            expect("newsboat has every story once after the edit", newsboat(daemon.url, sections, home), after)
            root = len(json.loads(fetch(f"{daemon.url}feed.json"))["items"])
            expect("rss2email sends one mail a story, and none again", mails(daemon.url, home), [root, root])
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


sys.exit(main(*sys.argv[1:]))
