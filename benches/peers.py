"""Both sides of the speed tables, in turns on the same machine: cribble, llama.cpp and PyTorch.

Usage: python benches/peers.py MODEL.gguf [decode] [train] [products] [--rounds 3] [--batches 1,8,32]
           [--cribble target/release/cribble] [--llama llama-batched-bench] [--python PYTHON]

Prints a Markdown table of medians. Decoding: a shared prompt of 128 tokens, 128 new ones, against llama.cpp's
`llama-batched-bench` on the same file. Training: whole steps of 512 tokens, every weight, against PyTorch's f32 and its bf16
autocast; PYTHON is one that has torch, transformers and gguf. Products, only where asked for: what PyTorch's matrix products
alone reach on shapes of SmolLM2-135M, weights read from memory. Without a peer's program its columns are left empty.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

# Inputs and outputs.
SHAPES = [(576, 3072), (1536, 576), (576, 960)]


def output(command: list[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def cribble_decode(options, batch: int, compute: str) -> float:
    command = [options.cribble, "bench", "decode", "--model", options.model, "--batch", str(batch)]
    command += ["--prompt-tokens", "128", "--new-tokens", "128", "--compute", compute, "--json"]
    return json.loads(output(command))["tokens_per_second"]


def llama_decode(options, batch: int) -> float:
    command = [options.llama, "-m", options.model, "-t", str(options.threads), "-c", "16384", "-b", "2048", "-ub", "512"]
    text = output(command + ["-npp", "128", "-ntg", "128", "-npl", str(batch), "-pps"])
    row = re.findall(r"^\|((?:\s*[\d.]+\s*\|)+)$", text, re.MULTILINE)[-1]
    return float(row.split("|")[7])


def cribble_train(options, compute: str) -> float:
    command = [options.cribble, "bench", "train", "--model", options.model, "--seq", "512", "--batch", "1"]
    return json.loads(output(command + ["--steps", "4", "--compute", compute, "--json"]))["tokens_per_second"]


def torch_train(options, autocast: bool) -> float:
    command = [options.python, __file__, options.model, "--torch-step", "--threads", str(options.threads)]
    command += ["--autocast"] * autocast
    return json.loads(output(command))["tokens_per_second"]


def torch_step(options) -> None:
    """What PyTorch's side of a training round is, in a process of its own."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(options.threads)
    folder, name = os.path.split(os.path.abspath(options.model))
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    ids = torch.tensor([[7919 * at % 49_000 for at in range(512)]])
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.autocast):
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - began)
    # The first step also makes the optimiser's memory.
    print(json.dumps({"tokens_per_second": 512 / statistics.median(seconds[1:])}))


def torch_products(options) -> None:
    import torch

    torch.set_num_threads(options.threads)
    print("| GFLOP/s, PyTorch | " + " | ".join(f"{n} x {k}" for k, n in SHAPES) + " |\n" + "|---" * (1 + len(SHAPES)) + "|")
    for rows in (32, 512):
        for dtype in (torch.float32, torch.bfloat16):
            cells = []
            for inputs, outputs in SHAPES:
                # Many matrices, so that they come from memory as they do in a model.
                weights = [torch.randn(outputs, inputs).to(dtype) for _ in range(40)]
                x = torch.randn(rows, inputs).to(dtype)
                seconds = []
                for _ in range(6):
                    began = time.perf_counter()
                    for weight in weights:
                        torch.nn.functional.linear(x, weight)
                    seconds.append(time.perf_counter() - began)
                cells.append(f"{2 * rows * inputs * outputs * len(weights) / min(seconds) / 1e9:.0f}")
            print(f"| {rows} rows, {dtype} | " + " | ".join(cells) + " |")


def rounds(options, sides: dict) -> dict:
    """The median of each side, which are measured in turns so that a machine's moods reach them all."""
    found = {name: [] for name in sides}
    for _ in range(options.rounds):
        for name, measure in sides.items():
            found[name].append(measure())
            print(f"{name}: {found[name][-1]:.1f}", file=sys.stderr)
    return {name: statistics.median(values) for name, values in found.items()}


def table(title: str, own: list[str], peers: list[str], measured: dict) -> None:
    print(f"| {title} | " + " | ".join(own + peers) + " | best against " + ", ".join(peers) + " |")
    print("|---" * (2 + len(own) + len(peers)) + "|")
    for row, found in measured.items():
        best = max(found[name] for name in own)
        cells = [f"{found[name]:.0f}" if name in found else "" for name in own + peers]
        ratios = ", ".join(f"{best / found[name]:.2f}" if name in found else "-" for name in peers)
        print(f"| {row} | " + " | ".join(cells) + f" | {ratios} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    home = os.environ.get("CRIBBLE_PEERS", os.path.expanduser("~/.cache/cribble-peers"))
    parser.add_argument("model")
    parser.add_argument("what", nargs="*", choices=["decode", "train", "products", []], default=[])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", default="1,8,32")
    parser.add_argument("--cribble", default="target/release/cribble")
    parser.add_argument("--llama", default=shutil.which("llama-batched-bench") or f"{home}/llama.cpp/build/bin/llama-batched-bench")
    parser.add_argument("--python", default=f"{home}/v/bin/python")
    parser.add_argument("--torch-step", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--autocast", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    if options.torch_step:
        return torch_products(options) if "products" in options.what else torch_step(options)
    os.environ["RAYON_NUM_THREADS"] = str(options.threads)
    for name in ("llama", "python"):
        found = shutil.which(getattr(options, name))
        if found is None:
            print(f"{getattr(options, name)} is not there: its side is left out", file=sys.stderr)
        setattr(options, name, found)
    what = options.what or ["decode", "train"]
    if "decode" in what:
        measured = {}
        for batch in map(int, options.batches.split(",")):
            sides = {name: lambda name=name: cribble_decode(options, batch, name) for name in ("f32", "bf16", "q8")}
            if options.llama:
                sides["llama.cpp"] = lambda: llama_decode(options, batch)
            measured[f"batch {batch}"] = rounds(options, sides)
        table("writing, tokens/s", ["f32", "bf16", "q8"], ["llama.cpp"], measured)
    if "products" in what and options.python:
        command = [options.python, __file__, options.model, "products", "--torch-step", "--threads", str(options.threads)]
        print(output(command), end="")
    if "train" in what:
        sides: dict = {name: lambda name=name: cribble_train(options, name) for name in ("f32", "bf16")}
        if options.python:
            sides["PyTorch f32"] = lambda: torch_train(options, False)
            sides["PyTorch autocast"] = lambda: torch_train(options, True)
        measured = {"512 tokens, every weight": rounds(options, sides)}
        table("training, tokens/s", ["f32", "bf16"], ["PyTorch f32", "PyTorch autocast"], measured)


if __name__ == "__main__":
    main()
