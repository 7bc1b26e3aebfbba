#!/usr/bin/env python3
"""Time from rename() of a new article into the content directory until a feed served over HTTP carries it.

usage: publish_latency.py CONTENT_FOLDER FEED_URL [--kind added] [--count 50] [--gap-ms 200] [--encoding gzip] [--grace-ms 2000]

CONTENT_FOLDER is the folder of one section; FEED_URL an RSS feed that must show it. The feed is fetched over one kept-open
connection, unconditionally, in a loop. Prints p50, p90, p99 and max in milliseconds, as text and as one JSON line.
The articles are removed at the end, also when one does not appear. --kind says what is done to an article instead:

  added     it is renamed into the folder
  changed   another version, with another title, is renamed over it
  renamed   its file gets another name: its link follows, its id in the feed stays
  deleted   its file is removed; --grace-ms, the configured `content.removal_grace`, is subtracted
"""
import argparse
import datetime
import gzip
import http.client
import json
import os
import re
import time
import urllib.parse

KINDS = ("added", "changed", "renamed", "deleted")
PATIENCE = 30
# Of the articles that were added, as many are left for what is done to each.
POOL = 20


class Probe:
    """One folder and a feed that shows what happens in it."""

    def __init__(self, folder, url, encoding="identity", age=datetime.timedelta(0)):
        self.folder, self.encoding, self.age = folder, encoding, age
        self.url = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=PATIENCE)
        self.run = f"{os.getpid()}-{time.time_ns()}"
        self.made, self.pooled, self.begun = set(), 0, datetime.datetime.now(datetime.timezone.utc) - age

    def path(self, name):
        return os.path.join(self.folder, name + ".md")

    def put(self, name, title, number):
        """Writes an article aside and renames it. When that was."""
        temp = os.path.join(self.folder, "." + name + ".tmp")
        date = (self.begun + datetime.timedelta(seconds=number)).isoformat(timespec="seconds")
        with open(temp, "w") as f:
            f.write(f'---\ntitle: "{title}"\ndate: {date}\n---\n\nProbe.\n')
        start = time.perf_counter()
        os.rename(temp, self.path(name))
        self.made.add(name)
        return start

    def feed(self):
        self.connection.request("GET", self.url.path, headers={"Accept-Encoding": self.encoding})
        answer = self.connection.getresponse()
        body = answer.read()
        return gzip.decompress(body) if answer.getheader("Content-Encoding") == "gzip" else body

    def wait(self, start, mark, there=True):
        """Until the feed has a mark, or has it no more: the feed, and how many milliseconds that took."""
        while True:
            body = self.feed()
            if (mark.encode() in body) == there:
                return body, (time.perf_counter() - start) * 1000
            if time.perf_counter() - start > PATIENCE:
                raise SystemExit(f"{mark} did not {'appear' if there else 'go'} within {PATIENCE} s")
            time.sleep(0.0005)

    def remove(self):
        for name in self.made:
            os.unlink(self.path(name))

    def added(self, count, gap, prefix="latency-probe"):
        for k in range(count):
            mark = f"{prefix}-{self.run}-{k}"
            yield self.wait(self.put(mark, mark, k - count), mark)[1]
            time.sleep(gap)

    def pool(self, count):
        """Articles that are there to have something done to them."""
        names = [f"latency-pool-{self.run}-{self.pooled + k:06}" for k in range(count)]
        self.pooled += count
        for k, name in enumerate(names):
            self.wait(self.put(name, f"{name}-title", k - count), f"{name}-title")
        return names

    def changed(self, count, gap):
        names = self.pool(min(count, POOL))
        for k in range(count):
            place = k % len(names)
            mark = f"{names[place]}-version-{k}-title"
            yield self.wait(self.put(names[place], mark, place - len(names)), mark)[1]
            time.sleep(gap)

    def renamed(self, count, gap):
        names = self.pool(min(count, POOL))
        body = self.feed().decode()
        ids = {name: re.search(rf"<guid[^>]*>([^<]*{name}[^<]*)</guid>", body) for name in names}
        now = {name: name for name in names}
        for k in range(count):
            name = names[k % len(names)]
            target = f"latency-renamed-{self.run}-{k}"
            self.made.add(target)
            self.made.remove(now[name])
            start = time.perf_counter()
            os.rename(self.path(now[name]), self.path(target))
            now[name] = target
            # Only its link has the name of its file.
            body, took = self.wait(start, target)
            if ids[name] and ids[name][0].encode() not in body:
                raise SystemExit(f"{name} was renamed to {target} and has another id now")
            yield took
            time.sleep(gap)

    def deleted(self, count, gap):
        """All of them leave one after the other, whether those before have left the feed or not: each takes the grace."""
        # No more at a time than a feed shows.
        while count:
            names = self.pool(min(count, POOL))
            count -= len(names)
            going, due = {}, time.perf_counter()
            while names or going:
                if names and time.perf_counter() >= due:
                    name = names.pop()
                    going[name] = time.perf_counter()
                    os.unlink(self.path(name))
                    self.made.remove(name)
                    due = time.perf_counter() + gap
                body = self.feed()
                now = time.perf_counter()
                for name in [name for name in going if name.encode() not in body]:
                    yield (now - going.pop(name)) * 1000
                if any(now - start > PATIENCE for start in going.values()):
                    raise SystemExit(f"{next(iter(going))} did not go within {PATIENCE} s")
                time.sleep(0.0005)


def measure(folder, url, kind, count, gap, encoding="identity", grace=0.0, age=datetime.timedelta(0)):
    """The milliseconds that each took, in order of size. Times in seconds."""
    probe = Probe(folder, url, encoding, age)
    try:
        took = sorted(getattr(probe, kind)(count, gap))
    finally:
        probe.remove()
    return [each - grace * 1000 for each in took] if kind == "deleted" else took


def percentile(ordered, q):
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def figures(took):
    return {"p50_ms": round(percentile(took, .5), 2), "p90_ms": round(percentile(took, .9), 2),
            "p99_ms": round(percentile(took, .99), 2), "max_ms": round(took[-1], 2)}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder")
    p.add_argument("url")
    p.add_argument("--kind", default="added", choices=KINDS)
    p.add_argument("--count", type=int, default=50)
    p.add_argument("--gap-ms", type=int, default=200)
    p.add_argument("--encoding", default="identity", choices=["identity", "gzip"])
    p.add_argument("--grace-ms", type=int, default=2_000)
    o = p.parse_args()
    took = measure(o.folder, o.url, o.kind, o.count, o.gap_ms / 1000, o.encoding, o.grace_ms / 1000)
    said = figures(took)
    print(f"{len(took)} articles: p50 {said['p50_ms']:.1f} ms, p90 {said['p90_ms']:.1f} ms, p99 {said['p99_ms']:.1f} ms, max {said['max_ms']:.1f} ms")
    print(json.dumps(said))


if __name__ == "__main__":
    main()
