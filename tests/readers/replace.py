#!/usr/bin/env python3
"""Replaces two old feeds by dateline's, at the same address, while readers follow them.

usage: replace.py BINARY

For each newsroom in old/: newsboat and feedparser follow feed.xml, which WordPress or Hugo made; `dateline import-ids` takes its
ids over; then dateline answers at the feed's address. No reader may see an item twice or a read one as unread. Without the
import every reader would: that is tried, too, or else this script would prove nothing. Exit 1 with what differs.
"""
import contextlib
import http.server
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import urllib.request

import feedparser

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from daemon import serve  # noqa: E402

OLD = pathlib.Path(__file__).resolve().parent / "old"
faults = []


def expect(what, found, wanted):
    if found != wanted:
        faults.append(f"{what}: {found!r}, not {wanted!r}")
    print(f"{'right' if found == wanted else 'wrong'}: {what}")


@contextlib.contextmanager
def address(source):
    """One address, whoever answers there: `source[0]()` gives the document."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = source[0]()
            self.send_response(200)
            self.send_header("Content-Type", "application/rss+xml; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/feed/"
    finally:
        server.shutdown()
        server.server_close()


class Newsboat:
    """A newsboat with a cache of its own that follows one feed."""

    def __init__(self, home, url):
        self.home = home
        home.mkdir()
        (home / "urls").write_text(url + "\n")
        (home / "conf").write_text("reload-threads 1\n")

    def copy(self, home):
        shutil.copytree(self.home, home)
        other = object.__new__(Newsboat)
        other.home = home
        return other

    def reload(self):
        """The guids of all items after a reload, and how many are unread."""
        home = self.home
        environment = {**os.environ, "HOME": str(home), "LC_ALL": "C.UTF-8", "XDG_CONFIG_HOME": str(home),
                       "XDG_DATA_HOME": str(home), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        command = ["newsboat", "-u", str(home / "urls"), "-c", str(home / "cache.db"), "-C", str(home / "conf"), "-x", "reload"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, timeout=120)
        if done.returncode:
            faults.append(f"newsboat: exit {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
        with contextlib.closing(sqlite3.connect(home / "cache.db")) as cache:
            rows = cache.execute("select guid, unread from rss_item where deleted = 0").fetchall()
        return sorted(guid for guid, _ in rows), sum(unread for _, unread in rows)

    def read_all(self):
        with contextlib.closing(sqlite3.connect(self.home / "cache.db")) as cache, cache:
            cache.execute("update rss_item set unread = 0")


def parsed(document):
    """What feedparser tells items apart by, and their dates."""
    feed = feedparser.parse(document)
    if feed.bozo:
        faults.append(f"feedparser: {feed.bozo_exception}")
    return sorted((entry.id, tuple(entry.published_parsed)) for entry in feed.entries)


def replace(binary, newsroom, home):
    name = newsroom.name
    old = (newsroom / "feed.xml").read_bytes()
    for copy in ("imported", "plain"):
        shutil.copytree(newsroom, home / copy)
    source = [lambda: old]
    with address(source) as url:
        def answers(daemon):
            def answer():
                with urllib.request.urlopen(daemon.url + "rss.xml", timeout=20) as document:
                    return document.read()
            return answer

        before = parsed(old)
        newsboat = Newsboat(home / "newsboat", url)
        guids, unread = newsboat.reload()
        expect(f"{name}: newsboat has the old feed's items, all new", (guids, unread), ([guid for guid, _ in before], len(before)))
        newsboat.read_all()
        other = newsboat.copy(home / "other")

        done = subprocess.run(
            [binary, "import-ids", url], cwd=home / "imported",
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, env={**os.environ, "NO_PROXY": "127.0.0.1"})
        print(done.stdout, end="")
        expect(f"{name}: import-ids takes all over", (done.returncode, f" {len(before)} ids taken over" in done.stdout, done.stderr), (0, True, ""))

        with serve(binary, home / "imported/config/dateline.toml") as daemon:
            source[0] = answers(daemon)
            expect(f"{name}: newsboat sees no item twice, and none as new", newsboat.reload(), (guids, 0))
            after = parsed(source[0]())
            expect(f"{name}: feedparser sees the same ids and dates", after, before)
        # After a restart the same.
        with serve(binary, home / "imported/config/dateline.toml") as daemon:
            source[0] = answers(daemon)
            expect(f"{name}: the same after a restart", newsboat.reload(), (guids, 0))
        with serve(binary, home / "plain/config/dateline.toml") as daemon:
            source[0] = answers(daemon)
            guids, unread = other.reload()
            expect(f"{name}: without the import newsboat has every item twice", (len(guids), unread), (2 * len(before), len(before)))


def main(binary):
    binary = str(pathlib.Path(binary).resolve())
    newsrooms = sorted(path for path in OLD.iterdir() if path.is_dir())
    if len(newsrooms) < 2:
        faults.append("too few old feeds: nothing was tried")
    for newsroom in newsrooms:
        with tempfile.TemporaryDirectory() as folder:
            replace(binary, newsroom, pathlib.Path(folder))
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


sys.exit(main(*sys.argv[1:]))
