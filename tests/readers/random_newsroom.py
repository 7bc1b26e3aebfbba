#!/usr/bin/env python3
"""Writes a newsroom of random articles full of what breaks feeds, for the parsers that others wrote.

usage: random_newsroom.py FOLDER [--articles 300] [--seed 1]

The same seed gives the same newsroom. Texts are made of awkward pieces: markup, entities, controls, other scripts, half
sequences, long words. Whatever is in them, `dateline build` must make documents that all parsers read alike.
"""
import argparse
import json
import pathlib
import random
import re

PIECES = [
    "harbour", "quay", "tide", "The", "of", "and", "a", "news", " ", "  ", "\t", "—", "…", "“quoted”", "‘single’", "'", '"', "&", "&&",
    "&amp;", "&#38;", "&unknown;", "& ", "<b>", "</b>", "<", ">", "<!--", "-->", "]]>", "<![CDATA[", "]]", "\\", "`", "*", "_", "#",
    "[link](x.html)", "![i](a.png)", "| a | b |", "科技", "港口，", "日本語", "العربية", "עברית", "e\u0301", "\u200d", "👩‍👩‍👧‍👦", "🇩🇪", "𝒳",
    "\u2028", "\u2029", "\ufeff", "\u00ad", "\u202e", "\u202c", "\u2067", "\u00a0", "\u3000", "\u0001", "\u0008", "\u000b", "\u001f",
    "\u007f", "\u0085", "\u009f", "\ufffe", "\uffff", "\ufdd0", "\U0001fffe", "%", "%20", "{section}", "C++", "R&D", "1 < 2", "x" * 90,
    "<script>alert(1)</script>", "<img src=a.png onerror=x>", "<iframe src=https://www.youtube.com/embed/x></iframe>", "</p>", "<p",
    "<table><tr><td>", "<svg><style>", "<math>", "javascript:x", "http://x.example/?a=1&b=2#c", "://", "\n", "\n\n", "- ", "1. ",
]


# Parsers of RSS guess whether a title is HTML, and then take markup out of it or decode once more: what looks like markup in
# plain text is read differently by each, whatever we write. So titles and names have all pieces but those.
PLAIN = [piece for piece in PIECES if not ("<" in piece and piece != "1 < 2") and ";" not in piece and piece != "&"
         and not piece.startswith("http:")]


def text(source, most, line=False):
    pieces = [source.choice(PLAIN if line else PIECES) for _ in range(source.randint(1, most))]
    joined = "".join(piece + source.choice(["", " ", " "]) for piece in pieces)
    return " ".join(joined.split("\n")) if line else joined


def yaml(value):
    """JSON is YAML but for its surrogate pairs, which YAML writes as one `\\U`."""
    def whole(pair):
        return f"\\U{ord(json.loads(chr(34) + pair[0] + chr(34))):08X}"

    return re.sub(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}", whole, json.dumps(value))


def article(source, number):
    """A file name and its text: Markdown with JSON-quoted YAML values, a page, or wire text."""
    date = f"20{source.randint(10, 25)}-{source.randint(1, 12):02}-{source.randint(1, 28):02}T{source.randint(0, 23):02}:{source.randint(0, 59):02}:00+0{source.randint(0, 9)}:00"
    # Letters at the front, so that something is left of every title.
    title = f"T{number} " + text(source, 8, line=True)
    folder = source.choice(["", "news/", "news/chips/", "科技/"])
    kind = source.choice(["md", "md", "md", "html", "txt"])
    if kind == "md":
        fields = {"title": title, "date": date}
        if source.random() < 0.6:
            fields["authors"] = [f"A{n} " + text(source, 3, line=True) for n in range(source.randint(1, 3))]
        if source.random() < 0.5:
            fields["tags"] = [f"t{n}" + source.choice(["", " R&D", "/x", "科", "C++"]) for n in range(source.randint(1, 4))]
        if source.random() < 0.4:
            fields["summary"] = text(source, 20)
        if source.random() < 0.3:
            fields["language"] = source.choice(["de", "zh-Hans", "ar", "pt-BR"])
        if source.random() < 0.3:
            fields["image"] = {"url": f"https://img.example/{number}.jpg?a&b", "alt": text(source, 4, True), "caption": text(source, 6, True), "credit": text(source, 3, True)}
        if source.random() < 0.3:
            fields["media"] = [{"url": f"https://cdn.example/{number}.mp3", "length": source.randint(0, 10**9)}]
        if source.random() < 0.3:
            fields["source"] = {"name": f"S {text(source, 3, True)}", "feed": "https://wire.example/feed?x&y"}
        head = "".join(f"{key}: {yaml(value)}\n" for key, value in fields.items())
        return f"{folder}{number}.md", f"---\n{head}---\n{text(source, 120)}\n"
    if kind == "html":
        escape = lambda raw: raw.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
        return f"{folder}{number}.html", (
            f'<html><head><title>{escape(title)}</title><meta property="article:published_time" content="{date}">'
            f'<meta name="author" content="{escape("A " + text(source, 3, True))}"></head><body><article><h1>{escape(title)}</h1>'
            f"<p>{text(source, 120)}</p></article></body></html>"
        )
    wire = f"{title}\n\nSource: Wire | {date[:10]} {date[11:19]} | Author: Ada Quay\n\n{text(source, 120, line=True)}\n"
    return f"{folder}{number}.txt", wire


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--articles", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    source = random.Random(options.seed)
    sections = "".join(f'[[section]]\npath = "{path}"\n{more}\n' for path, more in [
        ("news", 'lead_image = "in-content"\nmedia_type = "xml"\npodcast = { image = "https://x.example/p.jpg", category = "News" }\n'
                 '[[section.feed]]\nprofile = "google-news"\n[[section.feed]]\nprofile = "smartnews"'),
        ("news/chips", 'content = "summary"'),
        ("科技", 'language = "zh-Hans"'),
    ])
    config = f'[site]\ntitle = "R&D <Courier>"\nurl = "http://127.0.0.1:8080/"\n[taxonomies]\ntags = true\n[feeds]\nmax_items = 1000\n{sections}'
    (options.folder / "config").mkdir(parents=True, exist_ok=True)
    (options.folder / "config" / "dateline.toml").write_text(config)
    for number in range(options.articles):
        name, written = article(source, number)
        path = options.folder / "content" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written.encode("utf-8", "surrogatepass"))


main()
