#!/usr/bin/env python3
"""Reads a folder of feeds with parsers that others wrote, and demands the same story of all three formats.

usage: check.py FEEDS_DIR [--feeds 15] [--articles 20]

feedparser reads RSS and Atom, json and jsonschema read JSON Feed, listparser reads the OPML list; xmllint looks at
well-formedness, jing at the schemas in tests/schemas. Every fault is printed; exit 1 if there is any.
"""
import argparse
import calendar
import datetime
import html
import json
import pathlib
import subprocess
import sys
import time
import urllib.parse

import feedparser
import jsonschema
import listparser

SCHEMAS = pathlib.Path(__file__).resolve().parent.parent / "schemas"
NAMES = {"rss.xml": "rss-publisher.rnc", "atom.xml": "atom-publisher.rnc", "feed.json": None}
faults = []


def fault(place, text):
    faults.append(f"{place}: {text}")


def instant(text):
    """Seconds since 1970 of an RFC 3339 date; a date without an offset is a fault."""
    date = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if date.tzinfo is None:
        raise ValueError(f"`{text}` has no offset")
    return int(date.timestamp())


def shown(thing, is_atom):
    """Its title as readers show it. Atom declares titles that look like markup as HTML."""
    title, detail = thing.get("title"), thing.get("title_detail") or {}
    return html.unescape(title) if is_atom and detail.get("type") == "text/html" else title


def from_xml(path, place):
    """What feedparser understood, in the words of this script."""
    feed = feedparser.parse(path.read_bytes())
    if feed.bozo:
        fault(place, f"feedparser refuses it: {feed.bozo_exception!r}")
    is_atom = path.name == "atom.xml"
    expected = "atom10" if path.name == "atom.xml" else "rss20"
    if feed.version != expected:
        fault(place, f"feedparser takes it for `{feed.version}`, not `{expected}`")
    seconds = lambda entry, key: calendar.timegm(entry[key]) if entry.get(key) else None
    entries = [
        {
            "id": entry.get("id"),
            "url": entry.get("link"),
            "title": shown(entry, is_atom),
            "published": seconds(entry, "published_parsed"),
            "updated": seconds(entry, "updated_parsed") if path.name == "atom.xml" else None,
            "authors": [author.get("name") for author in entry.get("authors", []) if author],
            # A category with a scheme (RSS: domain) is a section; JSON Feed has tags alone.
            "tags": sorted({tag.term for tag in entry.get("tags", []) if not tag.get("scheme")}),
            "text": bool(entry.get("summary") or entry.get("content")),
        }
        for entry in feed.entries
    ]
    own = [link.href for link in feed.feed.get("links", []) if link.get("rel") == "self"]
    return {"title": shown(feed.feed, is_atom), "self": own, "entries": entries}


def from_json(path, place, validator):
    def unique(pairs):
        keys = [key for key, _ in pairs]
        if len(keys) != len(set(keys)):
            fault(place, f"has a key twice among {sorted(keys)}")
        return dict(pairs)

    feed = json.loads(path.read_bytes().decode("utf-8"), object_pairs_hook=unique)
    for error in validator.iter_errors(feed):
        fault(place, f"schema: {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}")
    entries = [
        {
            "id": item.get("id"),
            "url": item.get("url"),
            "title": item.get("title"),
            "published": instant(item["date_published"]) if "date_published" in item else None,
            "updated": instant(item["date_modified"]) if "date_modified" in item else None,
            "authors": [author.get("name") for author in item.get("authors", [])],
            "tags": sorted(set(item.get("tags", []))),
            "text": bool(item.get("content_html") or item.get("content_text")),
        }
        for item in feed.get("items", [])
    ]
    return {"title": feed.get("title"), "self": [feed.get("feed_url")], "entries": entries}


def check_alone(feed, place):
    """What every feed must be, whatever its format."""
    if not feed["title"]:
        fault(place, "has no title")
    wanted = "/" + place
    if len(feed["self"]) != 1:
        fault(place, f"names itself {len(feed['self'])} times: {feed['self']}")
    elif not urllib.parse.unquote(urllib.parse.urlsplit(feed["self"][0]).path).endswith(wanted):
        fault(place, f"names itself {feed['self'][0]}, which does not end in {wanted}")
    ids = [entry["id"] for entry in feed["entries"]]
    if len(ids) != len(set(ids)):
        fault(place, "has an id twice")
    dates = [entry["published"] for entry in feed["entries"]]
    if None in dates:
        fault(place, "has an entry without a date")
    elif dates != sorted(dates, reverse=True):
        fault(place, "is not newest first")
    elif dates and dates[0] > time.time():
        fault(place, "has an entry from the future")
    for entry in feed["entries"]:
        for key in ("id", "url", "title", "text"):
            if not entry[key]:
                fault(place, f"{entry['id']}: no {key}")


def check_same(folder, feeds):
    """The formats of one folder tell the same story."""
    names = list(feeds)
    for other in names[1:]:
        first, second = feeds[names[0]], feeds[other]
        place = f"{folder}: {names[0]} and {other}"
        if first["title"] != second["title"]:
            fault(place, f"differ in title: {first['title']!r}, {second['title']!r}")
        if len(first["entries"]) != len(second["entries"]):
            fault(place, f"have {len(first['entries'])} and {len(second['entries'])} entries")
        for one, two in zip(first["entries"], second["entries"]):
            for key in ("id", "url", "title", "published", "updated", "authors", "tags"):
                # RSS cannot say when an item was updated.
                if one[key] != two[key] and not (key == "updated" and None in (one[key], two[key])):
                    fault(place, f"{one['id']}: differ in {key}: {one[key]!r}, {two[key]!r}")


def run(place, command):
    """Runs a checker; anything that it prints is a fault, since xmllint exits 0 on an undeclared prefix."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        return fault(place, f"{command[0]} is not installed")
    # Debian's start script of jing complains about optional Java libraries.
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("[warning] /usr/bin/jing")]
    if done.returncode or said:
        lines = "\n".join(said)
        fault(place, f"{command[0]} (exit {done.returncode}): {lines[:2000]}")


def check_opml(root, documents):
    path = root / "feeds.opml"
    if not path.exists():
        return fault("feeds.opml", "is missing")
    run("feeds.opml", ["xmllint", "--noout", "--nonet", str(path)])
    opml = listparser.parse(path.read_bytes())
    if opml.bozo:
        fault("feeds.opml", f"listparser refuses it: {opml.bozo_exception!r}")
    listed = [urllib.parse.unquote(urllib.parse.urlsplit(feed.url).path) for feed in opml.feeds]
    if not listed:
        fault("feeds.opml", "lists no feed")
    for url in listed:
        if not any(url.endswith("/" + document) for document in documents):
            fault("feeds.opml", f"lists {url}, which is not among the files")
    folders = {document.rpartition("/")[0] for document in documents}
    missing = [folder for folder in folders if not any(url.rpartition("/")[0].endswith(folder) for url in listed)]
    if missing:
        fault("feeds.opml", f"does not list {sorted(missing)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("feeds_dir", type=pathlib.Path)
    parser.add_argument("--feeds", type=int, default=15, help="the fewest documents of each format")
    parser.add_argument("--articles", type=int, default=20, help="the fewest different articles in the root feed")
    options = parser.parse_args()
    root = options.feeds_dir
    validator = jsonschema.Draft202012Validator(json.loads((SCHEMAS / "jsonfeed-1.1.schema.json").read_text()))

    paths = {name: sorted(root.rglob(name)) for name in NAMES}
    known = {}
    folders = {}
    for name, found in paths.items():
        if len(found) < options.feeds:
            fault(name, f"only {len(found)} documents, at least {options.feeds} expected")
        for path in found:
            place = urllib.parse.unquote(path.relative_to(root).as_posix())
            try:
                feed = from_json(path, place, validator) if name == "feed.json" else from_xml(path, place)
            except (ValueError, KeyError, TypeError) as error:
                fault(place, f"cannot be read: {error!r}")
                continue
            check_alone(feed, place)
            folders.setdefault(place.rpartition("/")[0], {})[name] = feed
            for entry in feed["entries"]:
                story = (entry["url"], entry["title"], entry["published"])
                if known.setdefault(entry["id"], story) != story:
                    fault(place, f"{entry['id']} is another story elsewhere: {known[entry['id']]} and {story}")
        if name != "feed.json" and found:
            run(name, ["xmllint", "--noout", "--nonet", *map(str, found)])
            run(name, ["jing", "-c", str(SCHEMAS / NAMES[name]), *map(str, found)])
    # Feeds for partners are RSS under names of their own.
    partners = sorted(path for path in root.rglob("*.xml") if path.name not in NAMES)
    if partners:
        run("partners", ["xmllint", "--noout", "--nonet", *map(str, partners)])
        run("partners", ["jing", "-c", str(SCHEMAS / "rss-publisher.rnc"), *map(str, partners)])
    for path in partners:
        place = urllib.parse.unquote(path.relative_to(root).as_posix())
        check_alone(from_xml(path, place), place)
    for folder, feeds in folders.items():
        check_same(folder or "the root", feeds)
    check_opml(root, [urllib.parse.unquote(path.relative_to(root).as_posix()) for found in paths.values() for path in found])
    for name in NAMES:
        entries = folders.get("", {}).get(name, {"entries": []})["entries"]
        if len(entries) < options.articles:
            fault(name, f"the root has only {len(entries)} articles, at least {options.articles} expected")
        if not any(len(entry["authors"]) > 1 for entry in entries):
            fault(name, "the root has no article with several authors, so nothing was tried")

    for line in faults:
        print(line, file=sys.stderr)
    counts = ", ".join(f"{len(found)} {name}" for name, found in paths.items())
    print(f"{counts}, {len(partners)} for partners; {len(known)} articles; {len(faults)} faults")
    return 1 if faults else 0


sys.exit(main())
