#!/usr/bin/env python3
"""Retracts and corrects stories while real readers follow the feeds: newsboat, `reader` and rss2email.

usage: retraction.py BINARY

Each story has words of its own. After a retraction and one more poll, no reader has the words of the retracted story, each has the corrected
text of the corrected one, and none has a story twice. Readers are asked with their own queries. rss2email can't take back a mail, so it only
has to send none again. Exit 1 with what differs.
"""
import pathlib
import sys
import tempfile
import time

import reader as reader_library

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from daemon import serve  # noqa: E402
from followers import Mails, Newsboat, run  # noqa: E402
from newsroom import CONFIG, exit_code, expect, faults, fetch, write  # noqa: E402

TAGS = "[taxonomies]\ntags = true\n"
STORIES = ["pelican", "heron", "magpie", "sparrow"]
FEEDS = ["rss.xml", "atom.xml", "feed.json", "tags/birds/rss.xml"]
def story(word, text, tags="birds"):
    hour = STORIES.index(word) + 8
    return f"---\ntitle: The {word}\ndate: 2026-11-20T{hour:02}:00:00Z\ntags: [{tags}]\n---\n\n{text}\n"


def wait(what, is_there):
    deadline = time.monotonic() + 20
    while not is_there():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited in vain until {what}")
        time.sleep(0.02)


class Stories(Newsboat):
    def poll(self):
        """The id and all texts of each story that it has. Its link stays, and the name in it."""
        return super().poll("guid, title || ' ' || author || ' ' || content")


class Reader:
    def __init__(self, url, home, feed):
        self.reader = reader_library.make_reader(str(home / f"reader-{feed.replace('/', '-')}.sqlite"))
        self.reader.add_feed(f"{url}{feed}")

    def poll(self):
        # Also if it was polled a moment ago.
        for result in self.reader.update_feeds_iter(scheduled=False):
            if isinstance(result.value, Exception):
                faults.append(f"reader: {result.url}: {result.value!r}")
        texts = lambda entry: [entry.title, entry.summary, entry.authors_str, *(content.value for content in entry.content)]
        return [(entry.id, " ".join(text or "" for text in texts(entry))) for entry in self.reader.get_entries()]


def main(binary):
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        config = home / "dateline.toml"
        config.write_text(CONFIG + TAGS)
        for word in STORIES:
            tags = "birds, lonely" if word == "pelican" else "birds"
            write(home, f"news/{word}.md", story(word, f"First {word} text: {word}-one.", tags))
        with serve(binary, config) as daemon:
            readers = {f"newsboat, {feed}": Stories(home, feed, [daemon.url + feed]) for feed in FEEDS if feed.endswith("xml")}
            readers |= {f"reader, {feed}": Reader(daemon.url, home, feed) for feed in FEEDS}
            readers["reader, the tag of one story"] = Reader(daemon.url, home, "tags/lonely/atom.xml")
            mails = {feed: Mails(home, feed, daemon.url + feed) for feed in ("rss.xml", "atom.xml")}
            before = {name: reader.poll() for name, reader in readers.items()}
            sent = {feed: reader.poll() for feed, reader in mails.items()}
            for name, items in before.items():
                count = 1 if "one story" in name else len(STORIES)
                expect(f"{name}: has {count}", len(items) == count and "pelican-one" in str(items), items)
            expect("rss2email sends each story", all(count == len(STORIES) for count in sent.values()), sent)

            run([str(pathlib.Path(binary).resolve()), "--config", str(config), "retract", "--reason", "The bird was a crow.", "news/pelican.md"], home)
            write(home, "news/heron.md", story("heron", "Second heron text: heron-two."))
            wait("both are published", lambda: all(
                "pelican-one" not in (text := fetch(daemon.url + feed)) and "heron-two" in text for feed in FEEDS))

            for name, reader in readers.items():
                after = reader.poll()
                expect(f"{name}: has none of the retracted text", "elican" not in str([text for _, text in after]), after)
                expect(f"{name}: says what happened", "Story retracted" in str(after) and "a crow" in str(after), after)
                expect(f"{name}: has each story once", sorted(id for id, _ in after) == sorted(id for id, _ in before[name]), after)
                if "one story" not in name:
                    expect(f"{name}: has the corrected text", "heron-two" in str(after) and "heron-one" not in str(after), after)
            again = {feed: reader.poll() for feed, reader in mails.items()}
            expect("rss2email sends none again", again == sent, again)
    return exit_code()


sys.exit(main(*sys.argv[1:]))
