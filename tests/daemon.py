"""Runs `dateline serve` on a port of its own, for the scripts that look at it from outside."""
import contextlib
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|localhost|\[::1\]):\d+/")


class Daemon:
    """A running daemon: its process, its address and what it logged."""

    def __init__(self, process, url, log):
        self.process, self.url, self.log = process, url, log

    def alive(self):
        return self.process.poll() is None


@contextlib.contextmanager
def serve(binary, config, ready_seconds=60):
    """Starts the daemon, waits until it is ready, and stops it with SIGTERM; any other end than exit 0 is an error."""
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        process = subprocess.Popen(
            [str(pathlib.Path(binary).resolve()), "--config", str(config), "serve", "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
        )

        def logged():
            log.seek(0)
            return log.read()[-4000:]

        try:
            url = None
            for line in process.stdout:
                if found := ADDRESS.search(line):
                    url = found.group(0)
                    break
            if url is None:
                raise SystemExit(f"dateline ended before it printed its address (exit {process.wait()}):\n{logged()}")
            # What it prints later must not fill the pipe and stop it.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            wait_ready(process, url, ready_seconds, logged)
            yield Daemon(process, url, logged)
            if process.poll() is not None:
                raise SystemExit(f"dateline ended by itself (exit {process.returncode}):\n{logged()}")
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    raise SystemExit(f"dateline did not stop within 30 s of SIGTERM:\n{logged()}") from None
        if process.returncode != 0:
            raise SystemExit(f"dateline ended with exit {process.returncode} after SIGTERM:\n{logged()}")


def wait_ready(process, url, seconds, logged):
    """Readiness is 503 until the first snapshot is there."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url + "readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.01)
    raise SystemExit(f"dateline was not ready within {seconds} s:\n{logged()}")
