#!/usr/bin/env python3
"""Follows the archives of the demo newsroom with feedparser, as an aggregator does, and compares them with the whole feed.

usage: archives.py BINARY CONFIG

The daemon serves the articles of CONFIG twice: with windows for everything, and with windows of three entries and archives. The feed and
its chain must have every entry, archives no entry twice, and a second walk must end at the first archive. Exit 1 if any of that is wrong.
"""
import argparse
import json
import pathlib
import re
import sys
import tempfile
import urllib.request

import feedparser

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from daemon import serve  # noqa: E402

HISTORY = "http://purl.org/syndication/history/1.0"
NAMES = {"rss": "rss.xml", "atom": "atom.xml", "json": "feed.json"}
FEEDS = ["", "technology/", "harbour/"]


def fetch(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        assert answer.headers["ETag"] and "immutable" not in answer.headers["Cache-Control"], (url, answer.headers)
        return answer.read()


def read(url, kind):
    """The ids, the links to other documents, and whether the document says that it's an archive."""
    body = fetch(url)
    if kind == "json":
        feed = json.loads(body)
        links = {"self": feed["feed_url"], "prev-archive": feed.get("next_url")}
        return [item["id"] for item in feed["items"]], links, None
    feed = feedparser.parse(body)
    assert not feed.bozo, (url, feed.bozo_exception)
    links = {link.rel: link.href for link in feed.feed.links if link.rel != "alternate"}
    return [entry.id for entry in feed.entries], links, HISTORY in feed.namespaces.values() and b"<fh:archive" in body


def walk(base, kind, known=()):
    """The ids of the feed, and those of each unknown archive by its URL."""
    address = base + NAMES[kind]
    current, links, is_archive = read(address, kind)
    assert not is_archive and "next-archive" not in links, links
    archives, after = {}, None
    while (url := links.get("prev-archive")) and url not in known:
        assert url not in archives, f"a circle: {url}"
        archives[url], links, is_archive = read(url, kind)
        assert links["self"] == url, links
        if kind != "json":
            assert is_archive and links["current"] == address and links.get("next-archive") == after, links
        after = url
    return current, archives


def configured(text, content, output, state, window):
    """The configuration with its own folders, and a window of so many entries."""
    text = re.sub(r'(?m)^directory = "\.\./content"', f'directory = "{content}"', text)
    text = re.sub(r'(?m)^directory = "\.\./feeds"', f'directory = "{output}"', text)
    text = re.sub(r'(?m)^directory = "\.\./\.dateline"', f'directory = "{state}"', text)
    for key, value in (("max_items", window), ("min_items", min(window, 1)), ("min_residency", '"0s"')):
        text = re.sub(rf"(?m)^{key} = .*", f"{key} = {value}", text)
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("config", type=pathlib.Path)
    options = parser.parse_args()
    text, content = options.config.read_text(), options.config.resolve().parent.parent / "content"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        whole, small = folder / "whole.toml", folder / "small.toml"
        for path, window in ((whole, 1000), (small, 3)):
            path.write_text(configured(text, content, folder / path.stem, folder / f"{path.stem}-state", window))
        expected = {}
        with serve(options.binary, whole) as daemon:
            for feed, kind in ((feed, kind) for feed in FEEDS for kind in NAMES):
                current, archives = walk(daemon.url + feed, kind)
                assert not archives, f"{feed} {kind} has archives although everything fits"
                expected[feed, kind] = set(current)
        with serve(options.binary, small) as daemon:
            for (feed, kind), ids in expected.items():
                current, archives = walk(daemon.url + feed, kind)
                members = [entry for archive in archives.values() for entry in archive]
                assert len(members) == len(set(members)), f"{feed} {kind}: an entry is in two archives"
                assert set(current) | set(members) == ids, f"{feed} {kind}: {ids ^ (set(current) | set(members))}"
                assert bool(archives) == (len(ids) > 3), f"{feed} {kind}: {len(ids)} entries, {len(archives)} archives"
                again, more = walk(daemon.url + feed, kind, archives)
                assert again == current and not more, f"{feed} {kind}: the second walk reads {more}"
                print(f"ok   /{feed}{NAMES[kind]}: {len(ids)} entries in the feed and {len(archives)} archives")


if __name__ == "__main__":
    main()
