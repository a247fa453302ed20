"""Runs the checks, two at a time, and counts."""
import concurrent.futures
import os
import sys
import time

from . import chart, compose, dashboards, image, planted, proxy, rules, settings  # noqa: F401  (they register checks)
from .check import CHECKS, Skipped, explain


def run(check):
    began = time.monotonic()
    try:
        outcome, word = "ok", check.function() or ""
    except Skipped as reason:
        outcome, word = "SKIPPED", str(reason)
    except Exception as error:  # whatever a check stumbles over is its failure
        outcome, word = "FAILED", explain(error)
    return check.name, outcome, word, time.monotonic() - began


def main():
    wanted = sys.argv[1:]
    chosen = [check for check in CHECKS if not wanted or any(word in check.name for word in wanted)]
    passed, failed, skipped = 0, 0, []
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for future in concurrent.futures.as_completed([pool.submit(run, check) for check in chosen]):
            name, outcome, word, seconds = future.result()
            print(f"{outcome:8}{name} ({seconds:.1f} s){': ' + word if word else ''}", flush=True)
            passed += outcome == "ok"
            failed += outcome == "FAILED"
            if outcome == "SKIPPED":
                skipped.append(f"{name}: {word}")
    for line in skipped:
        print(f"SKIPPED {line}")
    if os.environ.get("QP_STRICT") == "1":
        failed += len(skipped)
    failed += not chosen
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
