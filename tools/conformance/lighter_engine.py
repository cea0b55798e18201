"""The engine trades live on the embedded venue with two API keys while Lighter's own SDK reads the same account from
outside: what the SDK is told of fills, positions, orders and nonces must be what the engine's report and journal say."""

import asyncio
import json
import os
import subprocess
import tempfile
import time
from collections import Counter
from decimal import Decimal

import lighter
from lighter import SignerClient

from common import EVENKEEL, Checks, Venue, number, short, until

SECONDS = 45
SOL = 2
checks = Checks()
folder = tempfile.mkdtemp(prefix="evenkeel-")
venue = Venue("--venue", "lighter", "--tier", "standard", "--market", "SOL")
account = venue.told["accounts"][0]
INDEX = account["index"]
QUOTES, HEDGES = [key["index"] for key in account["keys"]]


def key_file(key):
    path = f"{folder}/key-{key['index']}"
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
        file.write(key["private_key"])
    return path


# The shipped profile. SOL stands near 200 here, so the notional limits are those of 0.3 SOL at 240; and quotes are
# nearer, since a calm market trades with wide ones once an hour.
sets = {
    "venue.network": "embedded",
    "venue.ws_url": venue.told["ws"],
    "venue.rest_url": venue.url,
    "journal.path": folder,
    "guards.kill_file": f"{folder}/kill",
    "market.SOL.limits.inventory_notional_quote": "75",
    "market.SOL.limits.order_notional_quote": "75",
    "market.SOL.fast_cancel_edge_bps": "0.3",
    "market.SOL.requote.tolerance_bps": "0.7",
    "market.SOL.maker.spread_base_bps": "2",
    "market.SOL.maker.spread_calm_bps": "1.6",
    "market.SOL.maker.spread_wild_bps": "3",
}
engine = subprocess.Popen(
    [EVENKEEL, "run", "--json", "--mode", "live", "--config", "config/examples/lighter-sol.toml", "--seconds", str(SECONDS),
     "--account", f"{INDEX}:{QUOTES}:{HEDGES}",
     "--key-file", key_file(account["keys"][0]), "--hedge-key-file", key_file(account["keys"][1]),
     *(part for pair in sets.items() for part in ("--set", "=".join(pair)))],
    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
)
print(f"the engine trades account {INDEX} at {venue.url}")


class View:
    """The account as the SDK reads it."""

    def __init__(self, client, api):
        self.client = client
        self.orders_api = lighter.OrderApi(api)
        self.accounts = lighter.AccountApi(api)
        self.txs = lighter.TransactionApi(api)
        self.token = client.create_auth_token_with_expiry(api_key_index=QUOTES)[0]

    async def active(self):
        return (await self.orders_api.account_active_orders(self.token, INDEX)).orders

    async def inactive(self):
        orders, cursor = [], None
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = await self.orders_api.account_inactive_orders(self.token, INDEX, 100, **more)
            orders += page.orders
            cursor = page.next_cursor
            if not cursor:
                return orders

    async def trades(self):
        trades, cursor = [], None
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = await self.orders_api.trades(sort_by="timestamp", limit=100, account_index=INDEX, authorization=self.token, **more)
            trades += page.trades
            cursor = page.next_cursor
            if not cursor:
                return trades

    async def position(self):
        mine = (await self.accounts.account(by="index", value=str(INDEX))).accounts[0]
        held = [p for p in mine.positions if p.market_id == SOL]
        return number(str(held[0].sign * Decimal(held[0].position))) if held else "0"

    async def nonces(self):
        ask = lambda key: self.txs.next_nonce(account_index=INDEX, api_key_index=key)
        return [(await ask(key)).nonce for key in (QUOTES, HEDGES)]


def fill(trade):
    """A trade from the account's side: side, price, size, taker."""
    ask = trade.ask_account_id == INDEX
    return "sell" if ask else "buy", number(trade.price), number(trade.size), ask != trade.is_maker_ask


async def main():
    client = SignerClient(venue.url, INDEX, {key["index"]: key["private_key"] for key in account["keys"]})
    api = lighter.ApiClient(configuration=lighter.Configuration(host=venue.url))
    view = View(client, api)

    # While it trades: what the SDK reads fits together by itself.
    most, seen, nonces, grew = 0, {}, [0, 0], True
    while engine.poll() is None:
        active = await view.active()
        most = max(most, len(active))
        for order in active:
            seen[order.order_index] = order
        now = await view.nonces()
        grew = grew and all(a >= b for a, b in zip(now, nonces))
        nonces = now
        await asyncio.sleep(0.5)
    out, err = engine.communicate(timeout=60)
    if not checks.equal("the run is sound", engine.returncode, 0):
        print(err)
        return
    report = json.loads(out)
    checks.equal("it stopped in order", report["ending"], "stopped")
    checks.true("the SDK saw resting orders", most > 0, most)
    checks.true("nonces only grew, on both keys", grew and min(nonces) > 0, nonces)

    # After it has stopped.
    lines = json.loads(subprocess.run([EVENKEEL, "explain", report["journal"], "--json"], capture_output=True, text=True, check=True).stdout)["lines"]
    ours = Counter((l["side"], number(l["px"]), number(l["qty"]), l["taker"]) for l in lines if l["kind"] == "fill")
    trades = await view.trades()
    theirs = Counter(map(fill, trades))
    checks.true("there were fills", report["fills"] > 0, report["fills"])
    checks.equal("fills", len(trades), report["fills"])
    checks.true("each fill: side, price, size, taker", ours == theirs,
                f"{sum(theirs.values())} fills" if ours == theirs else f"only the SDK {theirs - ours}, only the engine {ours - theirs}")
    signed = sum((1 if f[0] == "buy" else -1) * Decimal(f[2]) * n for f, n in theirs.items())
    position = report["markets"][0]["position"]
    checks.equal("position", await view.position(), number(position))
    checks.equal("position from the SDK's trades", number(str(signed)), number(position))
    checks.equal("open orders", len(await view.active()), report["open_orders"])
    done = await view.inactive()
    checks.equal("each order that was seen resting has ended", sorted(set(seen) - {o.order_index for o in done}), [])
    checks.equal("orders are counted once", len(done), len({o.order_index for o in done}))
    filled = sum(Decimal(o.filled_base_amount) for o in done)
    checks.equal("what orders say was filled", number(str(filled)), number(str(sum(Decimal(t.size) for t in trades))))
    checks.equal("the venue refused no order as too small", report["orders_rejected"].get("min_notional", 0), 0)
    print(f"  {short(dict(Counter(o.status for o in done)))}, nonces {nonces}, sent {report['orders_sent']} orders, {report['cancels_sent']} cancels")

    # The venue's books, not by way of the protocol.
    stopped_nonces = await view.nonces()
    await api.close()
    await client.close()
    known = venue.stop()[INDEX]
    checks.equal("fills in the venue's books", sorted((("sell", "buy")[f["side"] == "B"], number(f["px"]), number(f["sz"]), f["crossed"]) for f in known["fills"]),
                 sorted(theirs.elements()))
    checks.equal("open orders in the venue's books", known["open_orders"], [])
    checks.equal("position in the venue's books", number(next((p["szi"] for p in known["positions"]), "0")), number(position))
    checks.true("nonces stand still", stopped_nonces[0] >= nonces[0] and stopped_nonces[1] >= nonces[1], stopped_nonces)


try:
    asyncio.run(main())
except Exception as error:  # the SDK could not read what the venue said: that is a difference
    checks.true("it runs to its end", False, f"{type(error).__name__}: {error}")
checks.end("lighter_engine")
