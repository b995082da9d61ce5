"""Answers per second of Math-Verify on one core, to set beside `cribble bench grade --input FILE --json`.

Usage: python benches/math_verify.py FILE [SECONDS]
FILE is JSONL with {"id", "gold", "prediction"} a line, as `cribble grade` takes it. Needs `pip install math-verify[antlr4_13_2]`.
Prints {"answers", "seconds", "answers_per_second", "equal"}; whole rounds over the file, at least one.
"""

import json
import sys
import time

# This file has the name of the package that it measures.
sys.path.pop(0)

from math_verify import parse, verify


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = [json.loads(line) for line in file if line.strip()]
    least = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    # Loading the grammar is not grading.
    verify(parse("$1$"), parse("$1$"))
    answers = equal = 0
    begin = time.perf_counter()
    while answers == 0 or time.perf_counter() - begin < least:
        for case in cases:
            gold = case["gold"]
            # A bare gold answer is LaTeX to it only between dollar signs.
            gold = gold if "$" in gold or "\\boxed" in gold else f"${gold}$"
            prediction = case["prediction"]
            if not any(mark in prediction for mark in ("$", "\\boxed", "\\(", "\\[")):
                prediction = f"${prediction}$"
            equal += bool(verify(parse(gold), parse(prediction)))
        answers += len(cases)
    seconds = time.perf_counter() - begin
    print(json.dumps({"answers": answers, "seconds": seconds, "answers_per_second": answers / seconds, "equal": equal}))


if __name__ == "__main__":
    main()
