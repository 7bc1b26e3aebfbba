#!/usr/bin/env python3
"""Sends every article of a large archive through all three encoders, and every document through a strict parser.

usage: encoders.py [--dateline target/dist/dateline] [--articles 100000]

The archive has all input formats; each section holds 1,000 articles and shows them all, whole, in three formats. Prints how
long the build took, what memory it needed, and how many documents were read; exit 1 if any is ill-formed or an article is
missing.
"""
import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
import xml.parsers.expat

HERE = pathlib.Path(__file__).resolve().parent


def entries(path):
    """How many entries a document has, by a parser that forgives nothing."""
    if path.name == "feed.json":
        return len(json.loads(path.read_bytes())["items"])
    count = 0

    def start(name, _):
        nonlocal count
        count += name in ("item", "entry")

    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler = start
    parser.Parse(path.read_bytes(), True)
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dateline", default=str(HERE.parent / "target/dist/dateline"), help="the binary; without it, target/dist/dateline")
    parser.add_argument("--articles", type=int, default=100_000)
    options = parser.parse_args()
    sections = options.articles // 1_000
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        corpus = [sys.executable, HERE / "make_corpus.py", root / "content", str(options.articles), "--sections", str(sections), "--mix"]
        subprocess.run(corpus, check=True, stdout=subprocess.DEVNULL)
        names = sorted(path.name for path in (root / "content").iterdir())
        (root / "config").mkdir()
        (root / "config/dateline.toml").write_text(
            '[site]\ntitle = "Archive"\nurl = "http://127.0.0.1:8080/"\n[feeds]\nmax_items = 1000\nmax_bytes = 100000000\n'
            + "".join(f'[[section]]\npath = "{name}"\nbreadcrumb = "{name}"\n' for name in names)
        )
        started = time.monotonic()
        done = subprocess.run([pathlib.Path(options.dateline).resolve(), "build"], cwd=root, capture_output=True, text=True)
        seconds = time.monotonic() - started
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(done.stderr.strip().splitlines()[-1] if done.stderr else done.stdout)
        documents, total, size = 0, 0, 0
        for path in (root / "feeds").rglob("*"):
            if path.name in ("rss.xml", "atom.xml", "feed.json"):
                documents += 1
                size += path.stat().st_size
                total += entries(path) if path.parent.name in names else min(entries(path), 0)
        print(f"{options.articles} articles: built in {seconds:.2f} s with {memory:.0f} MB; "
              f"{documents} documents of {size / 1e6:.0f} MB, {total} entries, none ill-formed")
        return 0 if done.returncode == 0 and total == 3 * options.articles else 1


sys.exit(main())
