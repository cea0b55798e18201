"""The engine trades on its embedded venue while the SDK watches the same account from outside: fills,
position and open orders as the SDK hears them must be those of the engine's journal and report."""

import json
import os
import re
import subprocess
import time
from collections import Counter

from hyperliquid.info import Info

from common import EVENKEEL, OUT, Checks, number, short, until

SECONDS = 12
checks = Checks()
journal = f"{OUT}/engine.journal"
heard = []
updates = []

process = subprocess.Popen(
    [EVENKEEL, "demo", "--json", "--seconds", str(SECONDS), "--speed", "20", "--journal", journal],
    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "EVENKEEL_LOG": "info"},
)
found = None
while not found:
    line = process.stderr.readline()
    if not line:
        raise SystemExit("evenkeel demo ended before its venue was there")
    line = re.sub(r"\x1b\[[0-9;]*m", "", line)
    found = re.search(r"url=(\S+) account=(0x[0-9a-f]{40})", line)
url, user = found.groups()
print(f"the engine trades as {user} at {url}")

info = Info(url)
info.subscribe({"type": "userFills", "user": user}, lambda m: heard.extend(m["data"]["fills"]))
info.subscribe({"type": "orderUpdates", "user": user}, lambda m: updates.extend(m["data"]))

# What the SDK asks in between fits together by itself.
largest = 0
begun = time.monotonic()
while process.poll() is None and time.monotonic() < begun + SECONDS - 2:
    rows = info.open_orders(user)
    largest = max(largest, len(rows))
    time.sleep(0.2)
out, _ = process.communicate(timeout=60)
report = json.loads(out)
checks.equal("the run is sound", process.returncode, 0)

# The last messages may still be on their way when the venue has gone.
fills = {}
until(lambda: len({f["tid"] for f in heard}) >= report["fills"], 3)
for fill in heard:
    fills[fill["tid"], fill["oid"]] = fill

timeline = subprocess.run([EVENKEEL, "explain", journal, "--json"], capture_output=True, text=True, check=True)
lines = json.loads(timeline.stdout)["lines"]
engine = Counter(
    (line["order"], {"buy": "B", "sell": "A"}[line["side"]], number(line["px"]), number(line["qty"]), number(line["fee"]), line["taker"])
    for line in lines if line["kind"] == "fill"
)


def counter_of(cloid):
    """The engine's short number of an order: the lower half of its cloid above the market's 16 bits."""
    return (int(cloid, 16) & (1 << 64) - 1) >> 16


sdk = Counter(
    (counter_of(f["cloid"]), f["side"], number(f["px"]), number(f["sz"]), number(f["fee"]), f["crossed"])
    for f in fills.values()
)
checks.true("the SDK saw resting orders", largest > 0, largest)
checks.true("there were fills", report["fills"] > 0, report["fills"])
checks.true("each fill: order, side, price, size, fee, taker", sdk == engine,
            f"{sum(sdk.values())} fills" if sdk == engine else f"only the SDK {sdk - engine}, only the engine {engine - sdk}")
position = sum((1 if f["side"] == "B" else -1) * round(float(f["sz"]) * 1e8) for f in fills.values()) / 1e8
checks.equal("position from the SDK's fills", number(f"{position:.8f}"), number(report["final_inventory"]))
fees = sum(round(float(f["fee"]) * 1e8) for f in fills.values())
checks.equal("fees from the SDK's fills", fees, -round(float(report["pnl"]["fees"]) * 1e8))

last = {}
first_status = {}
for update in updates:
    order = update["order"]
    first_status.setdefault(order["oid"], update["status"])
    last[order["oid"]] = (update["status"], order.get("cloid"))
still = {oid: state for oid, state in last.items() if state[0] == "open"}
checks.equal("open orders at the end, by the SDK's stream", len(still), report["venue_open_orders"])
rejected = sum(1 for status, _ in last.values() if status.endswith("Rejected"))
# A modify whose order had gone is refused before there is a new order: no stream tells of it.
stillborn = report["orders_rejected"].get("nothing_to_modify", 0)
checks.equal("refused orders", rejected, report["orders_rejected_total"] - stillborn)
checks.equal("orders at the venue", len(last), report["orders_sent"] - stillborn)
print(f"  modifies of orders that had gone: {stillborn}")
print(f"  {short(dict(Counter(status for status, _ in last.values())))}")
checks.end("engine")
