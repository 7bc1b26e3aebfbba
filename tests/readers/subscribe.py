#!/usr/bin/env python3
"""Subscribes real readers to the demo over HTTP: newsboat to every section, rss2email to the root feed.

usage: subscribe.py BINARY CONFIG

The newsroom is copied, so that a headline can be edited while readers are subscribed: afterwards each story must still be
there once, under its new title. Exit 1 with what differs.
"""
import json
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from daemon import serve  # noqa: E402
from followers import Mails, Newsboat  # noqa: E402
from newsroom import exit_code, faults, fetch  # noqa: E402

EDITED = "A headline that an editor has just corrected"


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


def have(newsboat):
    """What newsboat has of each story after a reload; a guid that appears twice is a fault."""
    rows = newsboat.poll("guid, title, pubDate")
    if len({guid for guid, _, _ in rows}) != len(rows):
        faults.append("newsboat has a story twice")
    if any(date <= 0 or date > time.time() for _, _, date in rows):
        faults.append("newsboat has a story with a wrong date")
    return {guid: title for guid, title, _ in rows}


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
            newsboat = Newsboat(home, "sections", [f"{daemon.url}{section}rss.xml" for section in sections])
            expect("newsboat has every story once", have(newsboat), before)
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
            expect("newsboat has every story once after the edit", have(newsboat), after)
            root = len(json.loads(fetch(f"{daemon.url}feed.json"))["items"])
            mails = Mails(home, "root", f"{daemon.url}rss.xml")
            expect("rss2email sends one mail a story, and none again", [mails.poll(), mails.poll()], [root, root])
    return exit_code()


sys.exit(main(*sys.argv[1:]))
