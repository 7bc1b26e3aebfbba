#!/usr/bin/env python3
"""Runs site generators on the sites in tests/suite/cases/sites, and compares their feeds with dateline's.

usage: generators.py --dateline PATH [--update] NAME=COMMAND...

COMMAND builds the site in the current directory, for example `hugo=target/ci/hugo/bin/hugo`. For each entry, title, date, link, categories and
summary are compared. The differences have to be exactly those in differences.json. With --update, entries.txt of each site becomes what its
generator publishes. Every fault is printed; exit 1 if there is any.
"""
import argparse
import calendar
import datetime
import html
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import feedparser

SITES = pathlib.Path(__file__).resolve().parent.parent / "suite/cases/sites"
FEEDS = {
    "hugo": "public/index.xml",
    "jekyll": "_site/feed.xml",
    "pelican": "output/feed.xml",
    "eleventy": "_site/feed.xml",
}
FIELDS = ["title", "date", "categories", "summary"]


def text(markup):
    """The text of HTML in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", markup or "")).split())


def date_of(parsed):
    """The date of an entry in RFC 3339; empty if it has none or the year 1, as Hugo writes for no date."""
    if not parsed or parsed.tm_year < 1970:
        return ""
    return datetime.datetime.fromtimestamp(calendar.timegm(parsed), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def generated(site, folder):
    """The entries of the generator's feed, by link."""
    feed = feedparser.parse(str(folder / FEEDS[site]), sanitize_html=False)
    if feed.bozo or not feed.entries:
        sys.exit(f"{site}: no usable feed: {feed.get('bozo_exception', 'no entries')}")
    entries = {}
    for entry in feed.entries:
        entries[entry.link] = {
            "title": text(entry.title),
            "date": date_of(entry.get("published_parsed")),
            "categories": sorted(tag.term for tag in entry.get("tags", [])),
            "summary": text(entry.get("summary")),
        }
    if site == "hugo":
        # Hugo has a feed for each tag and category, instead of naming them in entries.
        for path in sorted(folder.glob("public/*/*/index.xml")):
            if path.parts[-3] in ("tags", "categories"):
                for entry in feedparser.parse(str(path)).entries:
                    known = entries[entry.link]["categories"]
                    known.append(path.parts[-2])
                    known.sort()
    return entries


def published(folder, dateline):
    """The entries of dateline's feed, by link."""
    built = subprocess.run([dateline, "build", "--config", "dateline.toml", "--out", "out"], cwd=folder, capture_output=True, text=True)
    if built.returncode:
        sys.exit(built.stderr)
    feed = json.loads((folder / "out/feed.json").read_text("utf-8"))
    entries = {}
    for item in feed["items"]:
        date = datetime.datetime.fromisoformat(item["date_published"].replace("Z", "+00:00"))
        entries[item["url"]] = {
            "title": item.get("title", ""),
            "date": date.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "categories": sorted(item.get("tags", [])),
            "summary": item.get("summary", ""),
        }
    return entries


def differences(site, theirs, ours):
    """Each difference as (entry, field, the generator's value, dateline's value)."""
    found = []
    for link in sorted(theirs.keys() | ours.keys()):
        if link not in theirs or link not in ours:
            found.append((link, "entry", link in theirs, link in ours))
            continue
        for field in FIELDS:
            if theirs[link][field] != ours[link][field]:
                found.append((link, field, theirs[link][field], ours[link][field]))
    return found


def shown(entries):
    """Entries as entries.txt has them."""
    newest = sorted(entries.items(), key=lambda entry: (entry[1]["date"], entry[0]), reverse=True)
    lines = [
        f"{entry['title']}\n  {entry['date']}\n  {link}\n  {', '.join(entry['categories'])}\n  {entry['summary']}\n" for link, entry in newest
    ]
    return "".join(lines)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--dateline", required=True, type=pathlib.Path)
    arguments.add_argument("--update", action="store_true")
    arguments.add_argument("generators", nargs="+")
    arguments = arguments.parse_args()
    expected = json.loads((SITES / "differences.json").read_text("utf-8"))
    faults = 0
    for given in arguments.generators:
        site, command = given.split("=", 1)
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch) / site
            shutil.copytree(SITES / site, folder)
            built = subprocess.run(shlex.split(command), cwd=folder, capture_output=True, text=True)
            if built.returncode:
                print(f"{site}: {command} failed:\n{built.stdout}{built.stderr}")
                faults += 1
                continue
            theirs = generated(site, folder)
            ours = published(folder, arguments.dateline.resolve())
        if arguments.update:
            (SITES / site / "entries.txt").write_text(shown(theirs), "utf-8")
        elif shown(theirs) != (SITES / site / "entries.txt").read_text("utf-8"):
            print(f"{site}: entries.txt isn't what the generator publishes:\n{shown(theirs)}")
            faults += 1
        known = expected[site]
        unseen = list(range(len(known)))
        for link, field, their, our in differences(site, theirs, ours):
            place = next((at for at, one in enumerate(known) if one["field"] == field and one["entry"] in (link, "*")), None)
            if place is None:
                print(f"{site}: {link}: {field}: {their!r} from the generator, {our!r} from dateline")
                faults += 1
            elif place in unseen:
                unseen.remove(place)
        for at in unseen:
            print(f"{site}: this difference isn't there any more: {known[at]}")
            faults += 1
        count = sum(1 for _ in theirs)
        print(f"{site}: {count} entries, {len(ours)} of dateline, {len(known)} intended differences")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
