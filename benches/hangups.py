"""Drops the terminal of the workbench at random moments while it generates, and counts what is lost.

A round starts a generation in the workbench, in a pseudo-terminal, and closes the terminal after a random time. The process must go on
without one and end by itself with every sample stored once. Every second round asks for `on_hangup = "checkpoint"` instead: then the process
must end within five seconds, and a later `cribble generate` must make what is missing and nothing twice.

    python benches/hangups.py [--rounds 100] [--cribble target/release/cribble]
"""

import argparse
import fcntl
import os
import pty
import random
import select
import signal
import sqlite3
import struct
import subprocess
import tempfile
import termios
import time

PROBLEMS, SAMPLES = 60, 4


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--cribble", default="target/release/cribble")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random.seed(options.seed)
    slowest, cut = 0.0, 0
    for number in range(options.rounds):
        checkpoint = number % 2 == 1
        took, stored = one(os.path.abspath(options.cribble), checkpoint)
        slowest = max(slowest, took if checkpoint else 0.0)
        cut += stored < PROBLEMS * SAMPLES
        print(f"\r{number + 1}/{options.rounds}", end="", flush=True)
    print(f"\rrounds {options.rounds}, cut off in the middle {cut}, lost 0, twice 0, slowest end by checkpoint {slowest:.2f} s")


def one(cribble, checkpoint):
    """Seconds from the hang-up to the end of the process, and how many samples there were then."""
    with tempfile.TemporaryDirectory() as home:
        environment = dict(os.environ, TERM="xterm-256color")
        for name in ("DATA", "CONFIG", "STATE"):
            environment[f"CRIBBLE_{name}_DIR"] = os.path.join(home, name)
        os.makedirs(os.path.join(home, "CONFIG"))
        how = "checkpoint" if checkpoint else "continue"
        with open(os.path.join(home, "CONFIG", "config.toml"), "w") as file:
            file.write(f'[jobs]\non_hangup = "{how}"\n')
        session = os.path.join(home, "s")
        generate = [cribble, "generate", "-s", session, "-m", "micro", "-p", "micro", "--limit", str(PROBLEMS)]
        generate += ["--samples", str(SAMPLES), "--turns", "2", "--json"]
        # The first sample, so that the session is there with its problems.
        subprocess.run(generate[:8] + ["--limit", str(PROBLEMS), "--samples", "1", "--turns", "1"], env=environment, check=True, capture_output=True)
        child, terminal = pty.fork()
        if child == 0:
            os.execve(cribble, [cribble, "open", session], environment)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        seen = until(terminal, b"", b"undecided")
        # The form: model, problems of the session, samples, turns; then it starts.
        os.write(terminal, b"2n")
        for text in ("micro", "", str(SAMPLES), "2"):
            time.sleep(0.05)
            os.write(terminal, b"\r\x15" + text.encode() + b"\r")
        time.sleep(0.05)
        os.write(terminal, b"\x13")
        until(terminal, seen, b"tok/s")
        time.sleep(random.random() * 1.5)
        os.close(terminal)
        begun = time.time()
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if time.time() - begun > (5 if checkpoint else 60):
                os.kill(child, signal.SIGKILL)
                raise SystemExit(f"the process did not end ({how})")
            time.sleep(0.01)
        took = time.time() - begun
        stored = count(session)
        if not checkpoint and stored != PROBLEMS * SAMPLES:
            raise SystemExit(f"{stored} samples of {PROBLEMS * SAMPLES} without a terminal")
        subprocess.run(generate, env=environment, check=True, capture_output=True)
        if count(session) != PROBLEMS * SAMPLES:
            raise SystemExit(f"{count(session)} samples of {PROBLEMS * SAMPLES} at the end ({how})")
        return took, stored


def count(session):
    """Samples of two turns; each problem and draw is there once, which the store's own key sees to."""
    store = sqlite3.connect(f"file:{session}/session.db?mode=ro", uri=True)
    (check,) = store.execute("PRAGMA integrity_check").fetchone()
    if check != "ok":
        raise SystemExit(check)
    rows = store.execute("SELECT problem_id, draw FROM samples WHERE strategies != '[]'").fetchall()
    if len(set(rows)) != len(rows):
        raise SystemExit("a sample is there twice")
    return len(rows)


def until(terminal, seen, text):
    deadline = time.time() + 30
    while text not in seen:
        if time.time() > deadline:
            raise SystemExit(f"{text} never came: {seen[-500:]}")
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65536)
            if b"\x1b[c" in seen[-200:]:
                os.write(terminal, b"\x1b[?62;c")
                seen = seen.replace(b"\x1b[c", b"")
    return seen


if __name__ == "__main__":
    main()
