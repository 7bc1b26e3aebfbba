#!/usr/bin/env python3
"""Follows the archives of a large feed, as an aggregator does that subscribes late.

usage: chain.py [--articles 100000] [--items 50] [--format atom] [--dateline PATH] [--scratch DIR] [--max-p99-ms N] [--max-growth-mb N]

An archive of make_corpus.py is served with full text. One client reads the root feed and its whole chain on one connection: the first
time every archive is built, the second time it asks for each with its ETag. The chain must have every article once. Meanwhile another
client reads a section's feed all the time. Prints the times, the memory before and after, and as its last line JSON; with bounds the exit
code is 1 when one is missed.
"""
import argparse
import http.client
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from daemon import serve  # noqa: E402

NAMES = {"rss": "rss.xml", "atom": "atom.xml", "json": "feed.json"}
IDS = {"rss": rb"<guid[^>]*>([^<]*)<", "atom": rb"<entry>.*?<id>([^<]*)<", "json": rb'\{"id":"([^"]*)"'}
PREVIOUS = {"rss": rb'href="([^"]*)" rel="prev-archive"|rel="prev-archive" href="([^"]*)"', "json": rb'"next_url":"([^"]*)"'}
PREVIOUS["atom"] = PREVIOUS["rss"]


class Client:
    """A persistent connection."""

    def __init__(self, url):
        self.address = urllib.parse.urlsplit(url).netloc
        self.connection = http.client.HTTPConnection(self.address, timeout=60)

    def get(self, path, etag=None):
        """Status, ETag, body and seconds."""
        begun = time.perf_counter()
        self.connection.request("GET", path, headers={"If-None-Match": etag} if etag else {})
        answer = self.connection.getresponse()
        body = answer.read()
        return answer.status, answer.headers["ETag"], body, time.perf_counter() - begun


def previous(body, kind):
    head = re.split(rb'<entry>|<item>|"items":', body, maxsplit=1)[0]
    found = re.search(PREVIOUS[kind], head)
    return urllib.parse.urlsplit(next(filter(None, found.groups())).decode()).path if found else None


def walk(client, path, kind):
    """The ids of the feed and of its archives, and each archive's path, ETag and seconds."""
    status, _, body, _ = client.get(path)
    assert status == 200, (path, status)
    current, archives = set(re.findall(IDS[kind], body, re.S)), []
    members = []
    while path := previous(body, kind):
        status, etag, body, seconds = client.get(path)
        assert status == 200, (path, status)
        members += re.findall(IDS[kind], body, re.S)
        archives.append((path, etag, seconds))
    return current, members, archives


def read_all_the_time(url, path, stop, times):
    client = Client(url)
    while not stop.is_set():
        status, _, _, seconds = client.get(path)
        assert status == 200, (path, status)
        times.append(seconds * 1000)
        stop.wait(0.01)


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] if times else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=50)
    parser.add_argument("--format", choices=NAMES, default="atom")
    parser.add_argument("--dateline", default=ROOT / "target/dist/dateline")
    parser.add_argument("--scratch")
    parser.add_argument("--max-p99-ms", type=float)
    parser.add_argument("--max-growth-mb", type=float)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        scratch = pathlib.Path(scratch)
        corpus = [sys.executable, ROOT / "benches/make_corpus.py", scratch / "content", str(options.articles)]
        subprocess.run([*map(str, corpus)], check=True, stdout=subprocess.DEVNULL)
        config = scratch / "dateline.toml"
        config.write_text(
            '[site]\ntitle = "Bench"\nurl = "http://127.0.0.1:8080/"\ntimezone = "Asia/Shanghai"\n'
            f'[content]\ndirectory = "content"\n[state]\ndirectory = "state"\n[feeds]\nmax_items = {options.items}\n'
            '[server.budget]\nper_hour = 0\n[[section]]\npath = "section-00"\n'
        )
        path = "/" + NAMES[options.format]
        with serve(options.dateline, config, ready_seconds=3600, stop_seconds=120) as daemon:
            resident = daemon.status("VmRSS")
            idle, busy = [], []
            for seconds, times in ((2, idle), (None, busy)):
                stop = threading.Event()
                reader = threading.Thread(target=read_all_the_time, args=(daemon.url, "/section-00/" + NAMES[options.format], stop, times))
                reader.start()
                if seconds:
                    time.sleep(seconds)
                else:
                    begun = time.perf_counter()
                    current, members, archives = walk(Client(daemon.url), path, options.format)
                    first = time.perf_counter() - begun
                stop.set()
                reader.join()
            grown = daemon.status("VmRSS") - resident
            client = Client(daemon.url)
            begun = time.perf_counter()
            known = [client.get(path, etag)[0] for path, etag, _ in archives]
            again = time.perf_counter() - begun
    assert len(members) == len(set(members)), "an article is in two archives"
    every = current | set(members)
    assert len(every) == options.articles, f"{len(every)} of {options.articles} articles"
    assert set(known) == {304}, set(known)
    times = [seconds * 1000 for _, _, seconds in archives]
    result = {
        "articles": options.articles, "archives": len(archives), "walk_s": round(first, 2), "conditional_walk_s": round(again, 2),
        "archive_ms_median": round(statistics.median(times), 2), "archive_ms_p99": round(percentile(times, 0.99), 2),
        "feed_ms_p99_idle": round(percentile(idle, 0.99), 2), "feed_ms_p99_meanwhile": round(percentile(busy, 0.99), 2),
        "resident_mb": round(resident), "grown_mb": round(grown),
    }
    for name, value in result.items():
        print(f"{name:>24}  {value}")
    print(json.dumps(result))
    bounds = [("feed_ms_p99_meanwhile", options.max_p99_ms), ("grown_mb", options.max_growth_mb)]
    missed = [f"{name} is {result[name]}, at most {most} asked for" for name, most in bounds if most is not None and result[name] > most]
    if missed:
        raise SystemExit("\n".join(missed))


if __name__ == "__main__":
    main()
