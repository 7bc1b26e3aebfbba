#!/usr/bin/env python3
"""Tags, authors and sections with awkward names: every URL that OPML, feeds, pages and Link fields advertise returns 200 from dateline
itself and through nginx and Caddy with default settings, and the output directory, served as files, answers under the same paths.

Usage: proxies.py DATELINE [--nginx PATH] [--caddy PATH]
"""

import argparse
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree

NAMES = [
    "AC/DC", "/", "//", "/lead", "end/", "a//b", "a\\b", "\\", ".", "..", "...", "../../etc", "a/../b", "a/./b", "./a", ".net",
    "<b>", "C#", "50%", "a?b", "inc.", "trail ", "%2f", "%2e%2e", "a~b", "~", "~2f~", "b~2Fc", "x" * 199 + "/",
    "\u65b0" * 66, "\U0001f600", "CON", "nul", "a:b", "a*b", 'q"q', "p|p", "a+b", "a&b;c", "na\u00efve", "\u017f", "s",
    "stra\u00dfe", "J\u030c", "`tick`", "^", "{x}", "[y]", "a@b", "a=b", "'", "!", "$", "(z)", ",", "a\u0007b", "a\u200bb",
    "\u202eabc", "\u0130x", "rss.xml", "feeds.opml", "a\u2028b", "a\u00a0b",
]
AUTHORS = NAMES + ["y" * 500, "\u65b0" * 300, "/" * 500, "\U0001f600" * 500, "z" * 3000, "long " * 300]
SECTIONS = ["news", "C#", "50%", "inc.", "a~b", "a:b", "<b>", "news/x?y", "caf\u00e9", "~2F", "\u65b0" * 60]
ROOTS = ("direct", "nginx", "nginx, prefix", "caddy")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def newsroom(folder, url):
    for name in ("config", "content/news"):
        os.makedirs(os.path.join(folder, name))
    sections = "".join(f"[[section]]\npath = {json.dumps(path)}\n" for path in SECTIONS)
    with open(os.path.join(folder, "config/dateline.toml"), "w", encoding="utf-8") as config:
        config.write(f'[site]\ntitle = "T"\nurl = "{url}"\ntag_authority = "courier.example,2026"\n{sections}')
        config.write("[taxonomies]\ntags = true\nauthors = true\n")
    for number, name in enumerate(AUTHORS):
        tags = [name] if name in NAMES else []
        with open(os.path.join(folder, f"content/news/a{number}.md"), "w", encoding="utf-8") as article:
            article.write(f"---\ntitle: Story {number}\ndate: 2026-11-20 10:00\nauthors: [{json.dumps(name)}]\n")
            article.write(f"tags: {json.dumps(tags)}\n---\n\nBody.\n")


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest("GET", path, skip_accept_encoding=True)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def advertised(base, port):
    """Every URL of dateline's own in OPML, feeds, pages and Link fields, starting from OPML and the root page."""
    strip = urllib.parse.urlsplit(base).path.rstrip("/")
    waiting, seen, failed = [base, base + "feeds.opml"], set(), []
    while waiting:
        url = waiting.pop()
        if url in seen:
            continue
        seen.add(url)
        path = url[len(base) - len(strip) - 1:]
        status, headers, body = get(port, path)
        if status != 200:
            failed.append((status, url))
            continue
        found = re.findall(r"<([^>]*)>", headers.get("Link", ""))
        text = body.decode("utf-8")
        if path.endswith((".xml", ".opml")):
            for element in ElementTree.fromstring(text).iter():
                found += [value for key, value in element.attrib.items() if key in ("href", "xmlUrl", "htmlUrl")]
                found += [element.text] if element.tag == "link" and element.text else []
        elif path.endswith(".json"):
            feed = json.loads(text)
            found += [feed.get("feed_url"), feed.get("home_page_url")] + [item.get("url") for item in feed.get("items", [])]
        else:
            found += [value.replace("&amp;", "&") for value in re.findall(r'href="([^"]*)"', text)]
        waiting += [urllib.parse.urljoin(url, link) for link in found if link]
        waiting = [link.split("#")[0] for link in waiting if link.startswith(base)]
    return sorted(seen), failed


def wait(port, path="/readyz"):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if get(port, path)[0] in (200, 404):
                return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit(f"nothing answers on port {port}")


NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; worker_processes 1;
events {{ }}
http {{
    access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{ listen 127.0.0.1:{plain}; location / {{ proxy_pass http://127.0.0.1:{dateline}; }} }}
    server {{ listen 127.0.0.1:{uri}; location /feeds/ {{ proxy_pass http://127.0.0.1:{dateline}/; }} }}
    server {{ listen 127.0.0.1:{files}; location / {{ root {folder}/feeds; }} }}
}}
"""

CADDY = """
{{
    admin off
    auto_https off
}}
http://127.0.0.1:{plain} {{
    reverse_proxy 127.0.0.1:{dateline}
}}
http://127.0.0.1:{uri} {{
    handle_path /feeds/* {{
        reverse_proxy 127.0.0.1:{dateline}
    }}
}}
http://127.0.0.1:{files} {{
    root * {folder}/feeds
    file_server
}}
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dateline")
    parser.add_argument("--nginx", default=shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"))
    parser.add_argument("--caddy", default=shutil.which("caddy"))
    arguments = parser.parse_args()
    problems, running = [], []
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        port = free_port()
        base = "http://feeds.courier.example/"
        newsroom(folder, base)
        try:
            command = [os.path.abspath(arguments.dateline), "serve", "--listen", f"127.0.0.1:{port}"]
            with open(os.path.join(folder, "log"), "wb") as log:
                running.append(subprocess.Popen(command, cwd=folder, stdout=log, stderr=log))
            wait(port)
            urls, failed = advertised(base, port)
            problems += [f"direct: {status} {url}" for status, url in failed]
            paths = [url[len(base) - 1:] for url in urls]
            documents = [path for path in paths if path.endswith((".xml", ".json", ".opml"))]
            # A longer name is none of a file's: such a document is written under another one. Archives are no files, unless asked for.
            is_name = lambda path: "/archive-" not in path and all(len(urllib.parse.unquote_to_bytes(name)) <= 255 for name in path.split("/"))
            deadline = time.monotonic() + 20
            on_disk = lambda: sum(len(names) for _, _, names in os.walk(os.path.join(folder, "feeds")))
            while on_disk() < len(documents) and time.monotonic() < deadline:
                time.sleep(0.1)
            for name, program, text, start in (
                ("nginx", arguments.nginx, NGINX, lambda file: ["-c", file]),
                ("caddy", arguments.caddy, CADDY, lambda file: ["run", "--config", file, "--adapter", "caddyfile"]),
            ):
                if not program:
                    print(f"{name} is not installed: skipped")
                    continue
                ports = {key: free_port() for key in ("plain", "uri", "files")}
                file = os.path.join(folder, f"{name}.conf")
                with open(file, "w", encoding="utf-8") as config:
                    config.write(text.format(folder=folder, dateline=port, **ports))
                environment = {**os.environ, "HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}
                with open(os.path.join(folder, f"{name}.out"), "wb") as out:
                    running.append(
                        subprocess.Popen([program, *start(file)], cwd=folder, stdout=out, stderr=out, env=environment)
                    )
                wait(ports["plain"])
                wait(ports["uri"], "/feeds/readyz")
                wait(ports["files"], "/feeds.opml")
                for way, prefix, wanted in (("plain", "", paths), ("uri", "/feeds", paths), ("files", "", list(filter(is_name, documents)))):
                    for path in wanted:
                        status, _, body = get(ports[way], prefix + path)
                        direct = get(port, path)
                        if status != 200 or body != direct[2]:
                            problems.append(f"{name}, {way}: {status} {path[:200]}")
            print(f"{len(urls)} URLs of {len(NAMES)} tags, {len(AUTHORS)} authors and {len(SECTIONS)} sections")
        finally:
            for process in reversed(running):
                process.terminate()
                process.wait(20)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
