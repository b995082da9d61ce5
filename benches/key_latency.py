#!/usr/bin/env python3
"""Time from a key to the frame that shows it, through a real pseudo-terminal, while the program decodes on every core.

    key_latency.py BINARY MODEL PROBLEMS.jsonl [--keys 300] [--idle | --train SESSION [--both]]

Starts `BINARY new`, starts a generation from the form (or opens a session whose chains are accepted and starts a training from its
form, and with --both a generation beside it), then opens and leaves the help and waits for the first bytes written after each key.
A frame that the job causes in the meantime is a frame as well, so keys are sent only just after one. Prints one JSON object in
milliseconds.
"""
import argparse, fcntl, json, os, pty, re, select, struct, sys, tempfile, termios, time

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
if o.train:
    # As if it had been typed the last time: jobs that last.
    os.makedirs(f"{home}/STATE")
    with open(f"{home}/STATE/generate-form.json", "w") as form:
        json.dump({"samples": "256", "train.epochs": "1000", "train.batch": "8", "train.spike": "skip"}, form)
pid, fd = pty.fork()
if pid == 0:
    first = ["open", o.train] if o.train else ["new", "latency"]
    os.execve(o.binary, [o.binary, *first, "--fps", "5"], env)
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", o.rows, o.columns, 0, 0))


screen, at, rest = {}, [1, 1], b""


def shown(written):
    """Puts what was written on a screen of our own: a frame holds only the letters that differ from those of the frame before."""
    global rest
    written = rest + written
    # A sequence or a letter can be cut where a read ends.
    end = len(written) - len(re.search(rb"(\x1b[^A-Za-z]*|[\xc0-\xff][\x80-\xbf]{0,2})?$", written).group())
    written, rest = written[:end], written[end:]
    for place, letters in re.findall(r"\x1b\[([0-9;?]*[A-Za-z])|([^\x1b]+)", written.decode(errors="replace")):
        if place.endswith("H"):
            at[:] = [int(number) for number in place[:-1].split(";")] if place != "H" else [1, 1]
        for letter in letters:
            screen[tuple(at)] = letter
            at[1] += 1


def drain(seconds):
    """Reads until it is quiet for so long, or a second has passed: two jobs are never quiet."""
    end = time.time() + 1
    while time.time() < end and select.select([fd], [], [], seconds)[0]:
        shown(os.read(fd, 65536))


def until(text, limit=60):
    end = time.time() + limit
    while True:
        rows = ["".join(screen.get((row, column), " ") for column in range(1, o.columns + 1)) for row in range(1, o.rows + 1)]
        if any(text in row for row in rows):
            return
        if time.time() > end:
            os.kill(pid, 9)
            sys.exit(f"{text!r} is not on the screen:\n" + "\n".join(rows))
        drain(0.1)


until("undecided" if o.train else "Generate")
if o.train:
    os.write(fd, b"4")
    until("No training yet")
    os.write(fd, b"n")
    until("New training")
    # The model, and in the field below it a name of its own.
    os.write(fd, f"\r\x15{o.model}\r\r\x15latency-{os.getpid()}\r\x13".encode())
    until("Running")
    time.sleep(3)
if o.both:
    os.write(fd, b"2")
    until("Generate samples")
if o.both or not (o.train or o.idle):
    os.write(fd, f"\r{o.model}\r\r{o.problems}\r\x13".encode())
    until("writing")
    time.sleep(3)
took = []
for key in range(o.keys):
    # Just after a frame of the job, with 200 ms to the next one.
    drain(0.02)
    if not o.idle:
        select.select([fd], [], [], 1.0)
        drain(0.01)
    begun = time.perf_counter()
    os.write(fd, b"?" if key % 2 == 0 else b"\x1b[B" if o.idle else b"?")
    select.select([fd], [], [], 5.0)
    took.append((time.perf_counter() - begun) * 1e3)
    time.sleep(0.01)
took.sort()
pick = lambda q: round(took[min(len(took) - 1, int(q * len(took)))], 2)
print(json.dumps({"keys": len(took), "p50_ms": pick(0.5), "p90_ms": pick(0.9), "p99_ms": pick(0.99), "max_ms": round(took[-1], 2)}))
os.kill(pid, 9)
