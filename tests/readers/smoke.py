#!/usr/bin/env python3
"""Asks a running dateline what a careful reader asks, with curl: validators, codings, methods, redirects, missing pages.

usage: smoke.py BINARY CONFIG

The daemon is started on a free port and stopped with SIGTERM, after which it must exit 0. Prints one line per question;
exit 1 if any answer is wrong.
"""
import argparse
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from daemon import serve  # noqa: E402

CHIPS = "%E7%A7%91%E6%8A%80/%E6%A1%88%E4%BE%8B/"  # 科技/案例/
DOCUMENTS = [
    (folder + name, media)
    for folder in ("", "technology/", "technology/chips/", CHIPS)
    for name, media in (
        ("rss.xml", "application/rss+xml; charset=utf-8"),
        ("atom.xml", "application/atom+xml; charset=utf-8"),
        ("feed.json", "application/feed+json"),
    )
]
faults = 0


def curl(url, *options):
    """Status, headers (lower-case names) and body of one answer, as curl saw it."""
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "20", "--path-as-is", *(() if "-I" in options else ("-D", "-")), *options, url],
        capture_output=True, stdin=subprocess.DEVNULL, check=True,
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(status.split()[1]), headers, body


def expect(question, truth, seen=""):
    global faults
    faults += not truth
    print(f"{'ok  ' if truth else 'FAIL'} {question}" + ("" if truth else f": {seen}"))


def wait_for_date(url):
    """A document that was just built has no Last-Modified until that second has passed (RFC 9110, section 8.8.2.1)."""
    deadline = time.monotonic() + 5
    while "last-modified" not in curl(url)[1] and time.monotonic() < deadline:
        time.sleep(0.1)


def check_document(url, path, media):
    status, headers, body = curl(url)
    etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
    expect(f"GET {path}", status == 200 and headers.get("content-type") == media and len(body) > 100, (status, headers))
    expect(f"GET {path}: validators", etag.startswith('"') and etag.endswith('"') and modified.endswith(" GMT"), headers)
    expect(f"GET {path}: Content-Length", headers.get("content-length") == str(len(body)), headers)
    expect(f"GET {path}: Vary", "accept-encoding" in headers.get("vary", "").lower(), headers)
    for name, option in (("If-None-Match", etag), ("If-None-Match", f'"other", W/{etag}'), ("If-None-Match", "*"), ("If-Modified-Since", modified)):
        status, again, rest = curl(url, "-H", f"{name}: {option}")
        expect(f"GET {path}, {name}: {option} gives 304", status == 304 and not rest and again.get("etag") == etag, (status, again))
    status, _, _ = curl(url, "-H", 'If-None-Match: "other"', "-H", f"If-Modified-Since: {modified}")
    expect(f"GET {path}: another tag counts more than the date", status == 200, status)
    status, head, rest = curl(url, "-I")
    same = all(head.get(name) == headers.get(name) for name in ("etag", "content-length", "content-type", "last-modified"))
    expect(f"HEAD {path}", status == 200 and same and not rest, (status, head))
    return etag, body


def check_codings(url, path, etag, body):
    tags = {etag}
    for coding in ("gzip", "br", "zstd"):
        status, headers, packed = curl(url, "-H", f"Accept-Encoding: {coding}")
        coded = status == 200 and headers.get("content-encoding") == coding and len(packed) < len(body)
        expect(f"GET {path} as {coding}", coded, (status, headers))
        tags.add(headers.get("etag"))
        status, _, _ = curl(url, "-H", f"Accept-Encoding: {coding}", "-H", f"If-None-Match: {headers.get('etag')}")
        expect(f"GET {path} as {coding}, again", status == 304, status)
    expect(f"GET {path}: a tag per coding", len(tags) == 4, tags)
    status, _, plain = curl(url, "--compressed")
    expect(f"GET {path}: decoded, it is the same", status == 200 and plain == body, status)
    status, headers, _ = curl(url, "-H", "Accept-Encoding: gzip;q=0, *;q=0, identity")
    expect(f"GET {path}: q=0 is respected", status == 200 and "content-encoding" not in headers, (status, headers))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("config")
    options = parser.parse_args()
    with serve(options.binary, options.config) as daemon:
        base = daemon.url
        print(f"dateline answers at {base}")
        for path, media in DOCUMENTS:
            wait_for_date(base + path)
            etag, body = check_document(base + path, path, media)
            check_codings(base + path, path, etag, body)
        for path, status, header in (
            ("", 200, ("content-type", "text/html; charset=utf-8")),
            ("technology/chips/", 200, ("content-type", "text/html; charset=utf-8")),
            ("feeds.opml", 200, None),
            ("healthz", 200, None),
            ("readyz", 200, None),
            ("technology", 308, ("location", "/technology/")),
            ("rss.xml?null&utm_source=x", 200, None),
            ("no-such-section/rss.xml", 404, None),
            ("media/../../Cargo.toml", 404, None),
            ("media/%2e%2e/%2e%2e/Cargo.toml", 404, None),
        ):
            seen, headers, _ = curl(base + path)
            value = header is None or headers.get(header[0], "").endswith(header[1])
            expect(f"GET /{path} gives {status}", seen == status and value, (seen, headers))
        for method in ("POST", "PUT", "DELETE"):
            seen, headers, _ = curl(base + "rss.xml", "-X", method)
            expect(f"{method} /rss.xml gives 405", seen == 405 and "GET" in headers.get("allow", ""), (seen, headers))
        seen, headers, _ = curl(base + "rss.xml", "-H", "Origin: https://reader.example")
        expect("another origin may read", headers.get("access-control-allow-origin") == "*", headers)
        seen, _, _ = curl(base + "atom.xml", "-H", "Accept: application/json")
        expect("Accept never causes 406", seen == 200, seen)
    print(f"{faults} faults" if faults else "all answers as expected, and SIGTERM ended it with exit 0")
    return 1 if faults else 0


sys.exit(main())
