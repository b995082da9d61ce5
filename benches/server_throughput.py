#!/usr/bin/env python3
"""Tokens per second of dialogues that a server writes: asked by cribble, and by a plain client that keeps as many requests open.

    server_throughput.py BINARY URL PROBLEMS.jsonl [--rounds 6] [--dialogues 40] [--at-once 8] [--max-tokens 128] [--key K]

A round asks twice, cribble first in even rounds and the plain client first in odd ones, each time for problems that the server has
not seen: it keeps prompts, and would read those that come again quicker. So there must be two times rounds times dialogues problems.
The plain client puts the words of cribble's prompts (which a server of our own has heard before, and answered with nothing): it is a
pool of threads, each with a connection that it keeps, one dialogue after another. Both count the tokens that the server says it
wrote, over the time from the start (of the process; of the pool) to the end. With --screen cribble is the workbench in a terminal of
80 columns and 24 rows, where the form of Generate is filled in, a dialogue is streamed to the pane, and the time begins with the key
that starts it: there the servers' own slots say how many requests are open. Prints one JSON object.
"""
import argparse, fcntl, http.client, http.server, json, os, pty, sqlite3, statistics, struct, subprocess, sys, tempfile, termios
import threading, time, urllib.parse

a = argparse.ArgumentParser()
a.add_argument("binary"), a.add_argument("url"), a.add_argument("problems")
a.add_argument("--rounds", type=int, default=6)
a.add_argument("--dialogues", type=int, default=40)
a.add_argument("--at-once", type=int, default=8)
a.add_argument("--max-tokens", type=int, default=128)
a.add_argument("--key", help="the server's key")
a.add_argument("--screen", action="store_true", help="cribble is the workbench in a terminal")
o = a.parse_args()
home = tempfile.mkdtemp()
env = dict(os.environ, **{f"CRIBBLE_{n}_DIR": f"{home}/{n}" for n in ("DATA", "CONFIG", "STATE")})
if o.key:
    env["CRIBBLE_API_KEY"] = o.key
place = urllib.parse.urlsplit(o.url.rstrip("/"))
route = (place.path or "/v1") + "/chat/completions"


lines = open(o.problems).read().splitlines()
if len(lines) < 2 * o.rounds * o.dialogues:
    sys.exit(f"{o.problems}: {len(lines)} problems, and {2 * o.rounds * o.dialogues} are needed")


def problems(number):
    """A file with the problems of one time of asking."""
    path = f"{home}/problems-{number}.jsonl"
    with open(path, "w") as file:
        file.write("\n".join(lines[number * o.dialogues : (number + 1) * o.dialogues]))
    return path


class Mute(http.server.BaseHTTPRequestHandler):
    """Answers everything at once with a word."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, what):
        text = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.say({"object": "list", "data": [{"id": "mute", "object": "model"}]})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = {"index": 0, "finish_reason": "stop"}
        if asked.get("stream"):
            text = f"data: {json.dumps({'choices': [dict(said, delta={'content': 'Yes.'})]})}\n\ndata: [DONE]\n\n".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        else:
            self.say({"choices": [dict(said, message={"role": "assistant", "content": "Yes."})], "usage": {"completion_tokens": 1}})


def cribble(session, number, url=o.url):
    """Tokens, and seconds of the whole process."""
    command = [o.binary, "generate", "--session", session, "--endpoint", url, "--problems", problems(number)]
    command += ["--seed", str(number), "--samples", "1", "--turns", "2", "--max-tokens", str(o.max_tokens), "--temperature", "0.7"]
    begun = time.time()
    done = subprocess.run(command + ["--max-in-flight", str(o.at_once), "--json"], env=env, capture_output=True, text=True)
    seconds = time.time() - begun
    if done.returncode:
        sys.exit(f"cribble ended with {done.returncode}: {done.stderr}")
    told = json.loads(done.stdout)
    if told["samples"] != o.dialogues:
        sys.exit(f"{told['samples']} samples are stored, not {o.dialogues}")
    return told["tokens"], seconds


def screen(session, number):
    """Tokens, and seconds from the key that starts the job to the last sample in the store."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command, seen = [o.binary, "new", session], bytearray()
    begun_in = dict(env, TERM="xterm-256color")
    program = subprocess.Popen(command, env=begun_in, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)

    def read():
        try:
            while piece := os.read(master, 1 << 16):
                seen.extend(piece)
        except OSError:
            pass

    threading.Thread(target=read, daemon=True).start()

    def press(*keys):
        for key in keys:
            os.write(master, key.encode())
            time.sleep(0.2)

    time.sleep(2)
    # Generate's form: servers, problems, samples, turns, tokens; Enter ends a field and goes on to the next one.
    press("n", "j")
    for value in (o.url, problems(number), "1", "2", str(o.max_tokens)):
        press("\r", "\x15", value, "\r")
    begun = time.time()
    press("\x13")
    store = f"file:{session}/session.db?mode=ro"
    while True:
        try:
            samples, tokens = sqlite3.connect(store, uri=True).execute("select count(*), sum(tokens) from samples").fetchone()
        except sqlite3.OperationalError:
            samples = 0
        if samples == o.dialogues:
            break
        if program.poll() is not None or time.time() - begun > 600:
            sys.exit(f"the workbench stored {samples} samples: {bytes(seen[-2000:])}")
        time.sleep(0.2)
    seconds = time.time() - begun
    press("q")
    time.sleep(1)
    program.kill()
    program.wait()
    os.close(master)
    return tokens, seconds


def prompts(number):
    """The user's words of every dialogue, turn by turn."""
    session, mute = f"{home}/prompts-{number}", http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mute)
    threading.Thread(target=mute.serve_forever, daemon=True).start()
    cribble(session, number, f"http://127.0.0.1:{mute.server_port}/v1")
    mute.shutdown()
    rows = sqlite3.connect(f"{session}/session.db").execute("select sample, position, text from turns order by sample, position")
    said = {}
    for sample, position, text in rows:
        if position % 2 == 0:
            said.setdefault(sample, []).append(text)
    return list(said.values())


def plain(dialogues, seed):
    """Tokens, and seconds of the pool."""
    waiting, written, guard = list(enumerate(dialogues)), [0], threading.Lock()

    def work():
        link = http.client.HTTPConnection(place.hostname, place.port, timeout=600)
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {o.key}"} if o.key else {})}
        while True:
            with guard:
                if not waiting:
                    return
                number, turns = waiting.pop(0)
            messages = []
            for turn, said in enumerate(turns):
                messages.append({"role": "user", "content": said})
                body = dict(messages=messages, max_tokens=o.max_tokens, temperature=0.7, top_p=0.95, top_k=0, min_p=0.0, stream=False)
                link.request("POST", route, json.dumps(dict(body, seed=seed * 1000 + number * 2 + turn)), headers)
                answer = json.loads(link.getresponse().read())
                messages.append({"role": "assistant", "content": answer["choices"][0]["message"]["content"]})
                with guard:
                    written[0] += answer["usage"]["completion_tokens"]

    pool = [threading.Thread(target=work) for _ in range(o.at_once)]
    begun = time.time()
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    return written[0], time.time() - begun


rounds = []
for number in range(o.rounds):
    first, second = 2 * number, 2 * number + 1
    said = prompts(second)
    sides = [("cribble", lambda: (screen if o.screen else cribble)(f"{home}/{first}", first)), ("plain", lambda: plain(said, second))]
    told = {}
    for name, side in sides if number % 2 == 0 else sides[::-1]:
        tokens, seconds = side()
        told[name] = tokens / seconds
        print(f"round {number}: {name} {tokens} tokens in {seconds:.1f} s, {tokens / seconds:.1f} tok/s", file=sys.stderr)
    rounds.append(told)
ratios = [told["cribble"] / told["plain"] for told in rounds]
middle = {name: round(statistics.median(told[name] for told in rounds), 1) for name in ("cribble", "plain")}
print(json.dumps({"tokens_per_second": middle, "ratio": round(statistics.median(ratios), 3), "ratios": [round(r, 3) for r in ratios]}))
