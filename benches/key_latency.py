#!/usr/bin/env python3
"""Time from a key to the frame that shows it, through a real pseudo-terminal, while the program decodes on every core.

    key_latency.py BINARY MODEL PROBLEMS.jsonl [--keys 300] [--idle | --train SESSION [--both]]

Starts `BINARY new`, starts a generation from the form (or opens a session whose chains are accepted and starts a training from its
form, and with --both a generation beside it), then opens and leaves the help and waits for the first bytes written after each key.
A frame that the job causes in the meantime is a frame as well, so keys are sent only just after one. Prints one JSON object in
milliseconds.
"""
import argparse, fcntl, json, os, pty, select, struct, tempfile, termios, time

a = argparse.ArgumentParser()
a.add_argument("binary"), a.add_argument("model"), a.add_argument("problems")
a.add_argument("--keys", type=int, default=300)
a.add_argument("--columns", type=int, default=140, help="one pane; from 150 on four are drawn, whose words come in pieces")
a.add_argument("--rows", type=int, default=48)
a.add_argument("--idle", action="store_true", help="no generation")
a.add_argument("--train", metavar="SESSION", help="a training instead of a generation")
a.add_argument("--both", action="store_true", help="a generation beside the training")
o = a.parse_args()
home = tempfile.mkdtemp()
env = dict(os.environ, TERM="xterm-256color", **{f"CRIBBLE_{n}_DIR": f"{home}/{n}" for n in ("DATA", "CONFIG", "STATE")})
if o.both:
    os.makedirs(f"{home}/CONFIG")
    with open(f"{home}/CONFIG/config.toml", "w") as config:
        config.write("[jobs]\nmax_heavy_jobs = 2\n")
pid, fd = pty.fork()
if pid == 0:
    first = ["open", o.train] if o.train else ["new", "latency"]
    os.execve(o.binary, [o.binary, *first, "--fps", "5"], env)
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", o.rows, o.columns, 0, 0))


def drain(seconds):
    """Everything written until it is quiet for so long."""
    got = b""
    while select.select([fd], [], [], seconds)[0]:
        got += os.read(fd, 65536)
    return got


def until(text, limit=120):
    got, end = b"", time.time() + limit
    while text not in got:
        assert time.time() < end, got[-2000:]
        got += drain(0.1)


until(b"Generate")
if o.train:
    os.write(fd, b"4n")
    until(b"New training")
    # The model, and in the field below it a name of its own.
    os.write(fd, f"\r\x15{o.model}\r\r\x15latency-{os.getpid()}\r\x13".encode())
    until(b"Running")
    time.sleep(3)
if o.both:
    # On a large screen the form is seen already: there is no text to wait for.
    os.write(fd, b"2")
    time.sleep(0.5)
if o.both or not (o.train or o.idle):
    os.write(fd, f"\r{o.model}\r\r{o.problems}\r\x13".encode())
    until(b"writing")
    time.sleep(3)
took = []
for at in range(o.keys):
    # Just after a frame of the job, with 200 ms to the next one.
    drain(0.02)
    if not o.idle:
        select.select([fd], [], [], 1.0)
        drain(0.01)
    begun = time.perf_counter()
    os.write(fd, b"?" if at % 2 == 0 else b"\x1b[B" if o.idle else b"?")
    select.select([fd], [], [], 5.0)
    took.append((time.perf_counter() - begun) * 1e3)
    time.sleep(0.01)
took.sort()
pick = lambda q: round(took[min(len(took) - 1, int(q * len(took)))], 2)
print(json.dumps({"keys": len(took), "p50_ms": pick(0.5), "p90_ms": pick(0.9), "p99_ms": pick(0.99), "max_ms": round(took[-1], 2)}))
os.kill(pid, 9)
