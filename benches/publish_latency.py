#!/usr/bin/env python3
"""Time from rename() of a new article into the content directory until a feed served over HTTP carries it.

usage: publish_latency.py CONTENT_FOLDER FEED_URL [--count 50] [--gap-ms 200] [--encoding gzip]

CONTENT_FOLDER is the folder of one section; FEED_URL a feed that must show it. The feed is fetched over one kept-open
connection, unconditionally, in a loop. Prints p50, p90, p99 and max in milliseconds, as text and as one JSON line.
The articles are removed at the end, also when one does not appear.
"""
import argparse
import datetime
import gzip
import http.client
import json
import os
import time
import urllib.parse


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder")
    p.add_argument("url")
    p.add_argument("--count", type=int, default=50)
    p.add_argument("--gap-ms", type=int, default=200)
    p.add_argument("--encoding", default="identity", choices=["identity", "gzip"])
    o = p.parse_args()
    u = urllib.parse.urlsplit(o.url)
    c = http.client.HTTPConnection(u.hostname, u.port, timeout=30)
    took, made = [], []
    run = f"{os.getpid()}-{time.time_ns()}"
    try:
        for k in range(o.count):
            mark = f"latency-probe-{run}-{k}"
            now = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=o.count - k)
            path = os.path.join(o.folder, mark + ".md")
            temp = os.path.join(o.folder, "." + mark + ".tmp")
            with open(temp, "w") as f:
                f.write(f'---\ntitle: "{mark}"\ndate: {now.isoformat(timespec="seconds")}\n---\n\nProbe.\n')
            start = time.perf_counter()
            os.rename(temp, path)
            made.append(path)
            while True:
                c.request("GET", u.path, headers={"Accept-Encoding": o.encoding})
                r = c.getresponse()
                body = r.read()
                if r.getheader("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if mark.encode() in body:
                    break
                if time.perf_counter() - start > 30:
                    raise SystemExit(f"{mark} did not appear within 30 s")
                time.sleep(0.0005)
            took.append((time.perf_counter() - start) * 1000)
            time.sleep(o.gap_ms / 1000)
    finally:
        for path in made:
            os.unlink(path)
    took.sort()
    at = lambda q: took[min(len(took) - 1, int(q * len(took)))]
    print(f"{len(took)} articles: p50 {at(.5):.1f} ms, p90 {at(.9):.1f} ms, p99 {at(.99):.1f} ms, max {took[-1]:.1f} ms")
    print(json.dumps({"p50_ms": round(at(.5), 2), "p90_ms": round(at(.9), 2), "p99_ms": round(at(.99), 2), "max_ms": round(took[-1], 2)}))


main()
