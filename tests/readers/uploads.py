#!/usr/bin/env python3
"""Uploads 500 stories to drop folders through real servers: FTP (pyftpdlib) and SFTP (OpenSSH), many at a time.

usage: uploads.py BINARY

Some uploads are interrupted and resumed, some use temporary names, some set the time of the original, some replace an earlier version, and some
never end. While they run, the feed is fetched again and again: a story is in it complete, or not at all. At the end every story is in it once.
Exit 1 with what differs.
"""
import concurrent.futures
import ftplib
import json
import logging
import pathlib
import random
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from daemon import serve  # noqa: E402
from newsroom import CONFIG  # noqa: E402

STORIES = 500
PARAGRAPHS = 20
CLIENTS = 16
SETTLE_SECONDS = 3
# Interrupted uploads are resumed well within the time for which a file has to stay unchanged.
PAUSE_SECONDS = 0.5
TIMEOUT_SECONDS = 50
SFTP_SERVERS = ["/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server", "/usr/lib/ssh/sftp-server"]
FEEDS = """
[feeds]
formats = ["json"]
max_items = 1000
max_bytes = 10000000
"""
SOURCE = """
[[source]]
name = "{name}"
directory = "{name}"
settle = "{settle}s"
"""


def story(number, version=1):
    """The file name and the bytes of a story. Each ends with a mark that a partial text lacks."""
    name, title = f"story-{number:03}", f"Story {number:03}"
    text = [f"Begin-{number:03}-v{version}. This is paragraph {count}." + " It goes on." * 8 for count in range(PARAGRAPHS)]
    text.append(f"End-{number:03}-v{version}.")
    date = f"2026-11-20T08:{number % 60:02}:00Z"
    match number % 4:
        case 0:
            body = "\n\n".join(text)
            return f"{name}.md", f"---\ntitle: {title}\ndate: {date}\n---\n\n{body}\n".encode()
        case 1:
            head = f"{title}\n\nSource: Harbour Wire | 2026-11-20 08:{number % 60:02}:00 | Author: Ann Other\n\n"
            return f"{name}.txt", (head + "\n\n".join(text) + "\n").encode()
        case 2:
            item = {"uri": f"urn:x:{name}", "version": str(version), "versionCreated": date, "headline": title,
                    "body_text": "\n\n".join(text)}
            return f"{name}.json", json.dumps(item).encode()
        case _:
            body = "".join(f"<p>{paragraph}</p>" for paragraph in text)
            return f"{name}.xml", (
                f'<?xml version="1.0"?>\n<newsItem xmlns="http://iptc.org/std/nar/2006-10-01/" guid="urn:x:{name}" '
                f'version="{version}" standard="NewsML-G2" standardversion="2.30" xml:lang="en"><itemMeta>'
                f'<itemClass qcode="ninat:text"/><provider literal="Wire"/><versionCreated>{date}</versionCreated>'
                f'<pubStatus qcode="stat:usable"/></itemMeta><contentMeta><headline>{title}</headline></contentMeta>'
                f'<contentSet><inlineXML contenttype="application/xhtml+xml"><html xmlns="http://www.w3.org/1999/xhtml">'
                f"<head><title>{title}</title></head><body>{body}</body></html></inlineXML></contentSet></newsItem>\n"
            ).encode()


class Ftp:
    """Uploads through an FTP server."""

    def __init__(self, port):
        self.client = ftplib.FTP()
        self.client.connect("127.0.0.1", port, timeout=20)
        self.client.login("wire", "wire")
        self.client.voidcmd("TYPE I")

    def send(self, name, data, offset=0, interrupted=False):
        connection = self.client.transfercmd(f"STOR {name}", rest=offset or None)
        for start in range(0, len(data), 1500):
            connection.sendall(data[start : start + 1500])
        if interrupted:
            # The server can't tell this from the end of the file.
            connection.close()
            try:
                self.client.voidresp()
            except ftplib.Error:
                pass
            return
        connection.close()
        self.client.voidresp()

    def rename(self, name, to):
        self.client.rename(name, to)

    def set_time(self, name):
        self.client.voidcmd(f"MFMT 20200101000000 {name}")

    def close(self):
        self.client.quit()


class Sftp:
    """Uploads through OpenSSH's SFTP server, which speaks on its standard input and output (draft-ietf-secsh-filexfer-02)."""

    INIT, OPEN, CLOSE, WRITE, SETSTAT, RENAME, STATUS, HANDLE = 1, 3, 4, 6, 9, 18, 101, 102
    TO_WRITE, TO_CREATE, TO_TRUNCATE = 2, 8, 16

    def __init__(self, folder):
        self.folder = folder
        self.start()

    def start(self):
        server = next(path for path in SFTP_SERVERS if pathlib.Path(path).exists())
        self.process = subprocess.Popen([server, "-d", str(self.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.number = 0
        self.write(struct.pack(">BI", Sftp.INIT, 3))
        self.read()

    def write(self, packet):
        self.process.stdin.write(struct.pack(">I", len(packet)) + packet)
        self.process.stdin.flush()

    def read(self):
        length = struct.unpack(">I", self.process.stdout.read(4))[0]
        return self.process.stdout.read(length)

    def ask(self, kind, content):
        self.number += 1
        self.write(struct.pack(">BI", kind, self.number) + content)
        answer = self.read()
        code = struct.unpack(">I", answer[5:9])[0]
        if answer[0] == Sftp.STATUS and code != 0:
            raise SystemExit(f"the SFTP server answered {code} to {kind}: {answer[9:]!r}")
        return answer

    @staticmethod
    def string(text):
        data = text if isinstance(text, bytes) else text.encode()
        return struct.pack(">I", len(data)) + data

    def send(self, name, data, offset=0, interrupted=False):
        flags = Sftp.TO_WRITE | Sftp.TO_CREATE | (0 if offset else Sftp.TO_TRUNCATE)
        answer = self.ask(Sftp.OPEN, Sftp.string(name) + struct.pack(">II", flags, 0))
        handle = answer[9 : 9 + struct.unpack(">I", answer[5:9])[0]]
        for start in range(0, len(data), 1500):
            part = data[start : start + 1500]
            self.ask(Sftp.WRITE, Sftp.string(handle) + struct.pack(">Q", offset + start) + Sftp.string(part))
        if interrupted:
            # The connection is lost: the server closes the file and ends.
            self.close()
            self.start()
        else:
            self.ask(Sftp.CLOSE, Sftp.string(handle))

    def rename(self, name, to):
        self.ask(Sftp.RENAME, Sftp.string(name) + Sftp.string(to))

    def set_time(self, name):
        self.ask(Sftp.SETSTAT, Sftp.string(name) + struct.pack(">III", 8, 1_577_836_800, 1_577_836_800))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def upload(client, number):
    """Uploads a story in one of many ways."""
    name, data = story(number)
    cut = len(data) * (number % 7 + 1) // 9
    temporary = [f"{name}.part", f"{name}.filepart", f"{name}.tmp", f".{name}.Xa81bQ", f"{name}~", f"{name}.!ut"][number % 6]
    # Every way meets every format, because 5 and 4 have no common factor.
    match number % 5:
        case 0:
            client.send(name, data)
        case 1:
            client.send(temporary, data)
            client.rename(temporary, name)
        case 2:
            client.send(name, data[:cut], interrupted=True)
            time.sleep(PAUSE_SECONDS)
            client.send(name, data[cut:], offset=cut)
        case 3:
            client.send(temporary, data[:cut], interrupted=True)
            time.sleep(PAUSE_SECONDS)
            client.send(temporary, data[cut:], offset=cut)
            client.rename(temporary, name)
        case _:
            client.send(name, data)
            client.set_time(name)


def items(url):
    with urllib.request.urlopen(url + "feed.json", timeout=10) as answer:
        return json.load(answer)["items"]


def partial(items):
    """The stories that are in the feed without their ends, or with parts of two versions."""
    wrong = []
    for item in items:
        text = item.get("content_html", "") + item.get("content_text", "")
        number = item["title"].removeprefix("Story ")
        versions = [version for version in (1, 2) if f"Begin-{number}-v{version}." in text]
        is_whole = len(versions) == 1 and text.count(f"Begin-{number}-v{versions[0]}.") == PARAGRAPHS
        if not is_whole or f"End-{number}-v{versions[0]}." not in text:
            wrong.append(item["title"])
    return wrong


def main(binary):
    random.seed(1)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        drops = {name: folder / name for name in ("ftp", "sftp")}
        for path in [folder / "content", *drops.values()]:
            path.mkdir()
        config = folder / "dateline.toml"
        sources = "".join(SOURCE.format(name=name, settle=SETTLE_SECONDS) for name in drops)
        config.write_text(CONFIG + FEEDS + sources)
        logging.basicConfig(level=logging.WARNING)
        authorizer = DummyAuthorizer()
        authorizer.add_user("wire", "wire", str(drops["ftp"]), perm="elradfmwMT")
        FTPHandler.authorizer = authorizer
        ftp = ThreadedFTPServer(("127.0.0.1", 0), FTPHandler)
        threading.Thread(target=ftp.serve_forever, daemon=True).start()
        try:
            with serve(binary, config) as daemon:
                check(daemon, drops, ftp.socket.getsockname()[1])
        finally:
            ftp.close_all()


def check(daemon, drops, port):
    stop, faults, polls = threading.Event(), [], [0]

    def poll():
        while not stop.is_set():
            polls[0] += 1
            if wrong := partial(items(daemon.url)):
                faults.append(f"partial in the feed: {wrong}")
                return
            time.sleep(0.05)

    poller = threading.Thread(target=poll, daemon=True)
    poller.start()

    def work(numbers, is_ftp):
        client = Ftp(port) if is_ftp else Sftp(drops["sftp"])
        for number in numbers:
            upload(client, number)
        client.close()

    begun = time.monotonic()
    numbers = list(range(STORIES))
    random.shuffle(numbers)
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        shares = [pool.submit(work, numbers[share::CLIENTS], share % 2 == 0) for share in range(CLIENTS)]
        for share in shares:
            share.result()
    uploaded = time.monotonic() - begun
    wanted = sorted(f"Story {number:03}" for number in numbers)
    wait_for(daemon, faults, lambda found: sorted(item["title"] for item in found) == wanted)
    published = time.monotonic() - begun

    # A new version that is never finished: the published one stays.
    replaced = next(number for number in numbers if number % 4 == 2)
    name, data = story(replaced, version=2)
    drop = next(path for path in drops.values() if (path / name).exists())
    with open(drop / name, "wb") as file:
        file.write(data[: len(data) // 2])
    time.sleep(SETTLE_SECONDS + 1)
    if f"Begin-{replaced:03}-v1." not in json.dumps(items(daemon.url)):
        faults.append(f"the unfinished version of {name} took the published one away")
    (drop / f"{name}.part").write_bytes(data)
    (drop / f"{name}.part").rename(drop / name)
    wait_for(daemon, faults, lambda found: f"End-{replaced:03}-v2." in json.dumps(found))
    stop.set()
    poller.join()
    ids = [item["id"] for item in items(daemon.url)]
    if len(set(ids)) != STORIES:
        faults.append(f"{len(ids)} entries with {len(set(ids))} ids")
    print(f"{STORIES} stories uploaded in {uploaded:.1f} s, all public after {published:.1f} s, {polls[0]} polls")
    if faults:
        raise SystemExit("\n".join(faults) + "\n" + daemon.log())


def wait_for(daemon, faults, is_done):
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not faults and not is_done(found := items(daemon.url)):
        if time.monotonic() > deadline:
            titles = sorted(item["title"] for item in found)
            missing = sorted({f"Story {number:03}" for number in range(STORIES)} - set(titles))
            faults.append(f"{len(titles)} entries; missing: {missing[:20]}")
        time.sleep(0.1)


if __name__ == "__main__":
    socket.setdefaulttimeout(30)
    main(sys.argv[1])
