"""What the conformance scripts share: a served venue, checks that are counted, and patience."""

import json
import os
import subprocess
import sys
import time
from decimal import Decimal

EVENKEEL = os.environ.get("EVENKEEL", "target/release/evenkeel")
OUT = os.environ.get("CONFORMANCE_OUT", "target/conformance")


class Checks:
    """Prints one line a check; `end` is the exit status."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def equal(self, what, got, want):
        if got == want:
            self.passed += 1
            print(f"  ok    {what}: {short(got)}")
        else:
            self.failed += 1
            print(f"  WRONG {what}: got {short(got, 2000)}, want {short(want, 2000)}")
        return got == want

    def true(self, what, got, seen=""):
        ok = bool(got)
        self.passed += ok
        self.failed += not ok
        print(f"  {'ok   ' if ok else 'WRONG'} {what}{': ' if seen != '' else ''}{short(seen, 200 if ok else 2000)}")
        return ok

    def end(self, name):
        print(f"{name}: {self.passed} checks hold, {self.failed} do not")
        sys.stdout.flush()
        # The SDK's WebSocket threads would outlive the script.
        os._exit(1 if self.failed or not self.passed else 0)


def short(value, most=110):
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= most else text[: most - 3] + "..."


def number(text):
    """A decimal without the venue's trailing zeros, so that "1.0" and "1" are the same."""
    return format(Decimal(text).normalize(), "f")


def until(condition, seconds=10.0):
    """Waits until `condition()` is true; its last value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


class Venue:
    """`evenkeel venue`, ended by closing its input; then its own report is in `report`."""

    def __init__(self, *args):
        self.process = subprocess.Popen(
            [EVENKEEL, "venue", "--until-eof", *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("evenkeel venue did not start")
        self.told = json.loads(line)
        self.url = self.told["http"]

    def stop(self):
        self.process.stdin.close()
        report = json.loads(self.process.stdout.readline())
        self.process.wait(timeout=20)
        return {account["address"]: account for account in report["accounts"]}
