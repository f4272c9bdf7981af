"""Strings a CPU-second of our rules on columns, beside Presidio's patterns alone.

    .venv/bin/python -m tests.bench.presidio_speed PATH-TO-PYTHON

The second Python has `presidio-analyzer`; `make bench` makes it. Without it only our
figures are printed. Both judge the same telemetry strings, interleaved in rounds of one
run: 5 % hold identifiers, and in the second set 70 % are repeats. Presidio's are its
predefined recognisers of patterns for English, without a language model, each asked in
turn, which is the fastest way that it offers.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
from tests.phi.score import dev_corpus

from algovigil.phi import Protector
from algovigil_processor.redact.prefilter import Prefilter
from algovigil_processor.redact.work import Work

_DIGIT = re.compile("[0-9]")
_ROUNDS = 6
_STRINGS = 20_000
_PYTHON = ".venv-presidio/bin/python"
_PEER = """
import json, sys, time
from presidio_analyzer import RecognizerRegistry
registry = RecognizerRegistry()
registry.load_predefined_recognizers(languages=["en"])
rules = [r for r in registry.recognizers if type(r).__name__ != "SpacyRecognizer"]
def judge(text):
    return [r.analyze(text, r.supported_entities, None) for r in rules]
judge("warm up 219-09-9999")
for line in sys.stdin:
    texts = json.loads(line)
    begun = time.process_time()
    for text in texts:
        judge(text)
    print(json.dumps([time.process_time() - begun, len(rules)]), flush=True)
"""


def strings(count: int, repeats: float, seed: int) -> list[str]:
    """Return telemetry strings, 5 % with identifiers, of which *repeats* are repeats.

    They are those of the development corpus, each with digits of its own.
    """
    rng = random.Random(seed)
    items = dev_corpus()
    clean = [item.text for item in items if item.negative]
    told = [item.text for item in items if not item.negative]
    fresh = []
    for _ in range(round(count * (1 - repeats))):
        text = rng.choice(told if rng.random() < 0.05 else clean)
        fresh.append(_DIGIT.sub(lambda _: rng.choice("0123456789"), text))
    again = [rng.choice(fresh) for _ in range(count - len(fresh))]
    both = fresh + again
    rng.shuffle(both)
    return both


def ours(protector: Protector, prefilter: Prefilter, texts: list[str]) -> float:
    """Return the CPU seconds that the columns take."""
    column = pa.array(texts, pa.string())
    begun = time.process_time()
    work = Work(protector, len(column))
    work.add(0, column, "", "Body")
    work.run(prefilter)
    return time.process_time() - begun


def run(python: str = "") -> dict[str, Any]:
    """Return strings a CPU-second of both, and the ratios."""
    python = python or os.environ.get("PRESIDIO_PYTHON", _PYTHON)
    protector = Protector(key=b"bench-key-of-32-bytes-or-more....")
    prefilter = Prefilter(protector.rules, protector.active)
    ours(protector, prefilter, strings(500, 0, 0))
    found: dict[str, Any] = {}
    peer = None
    if python and Path(python).exists():
        peer = subprocess.Popen(
            [python, "-c", _PEER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    try:
        for name, repeats in (("5 % PHI, all distinct", 0.0), ("70 % repeats", 0.7)):
            mine = theirs = 0.0
            for seed in range(_ROUNDS):
                texts = strings(_STRINGS, repeats, seed)
                mine += ours(protector, prefilter, texts)
                if peer is not None and peer.stdin and peer.stdout:
                    sample = texts[:400]
                    peer.stdin.write(json.dumps(sample) + "\n")
                    peer.stdin.flush()
                    seconds, rules = json.loads(peer.stdout.readline())
                    theirs += seconds
                    found["presidio_recognisers"] = rules
            figures: dict[str, Any] = {
                "algovigil_strings_per_cpu_s": round(_ROUNDS * _STRINGS / mine)
            }
            if theirs:
                speed = _ROUNDS * 400 / theirs
                figures["presidio_strings_per_cpu_s"] = round(speed)
                figures["ratio"] = round(_ROUNDS * _STRINGS / mine / speed, 1)
            else:
                figures["presidio"] = "not installed: make bench"
            found[name] = figures
    finally:
        if peer is not None:
            peer.terminate()
            peer.wait()
    return found


if __name__ == "__main__":
    print(json.dumps(run(*sys.argv[1:2]), indent=2))
