"""The SDK trades on the served venue: what it asks, what it is told, and what the exchange itself knows
afterwards must agree."""

import threading

import eth_account
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils.error import ClientError
from hyperliquid.utils.signing import get_timestamp_ms
from hyperliquid.utils.types import Cloid

from common import Checks, Venue, number, until

checks = Checks()
owner = eth_account.Account.create()
agent = eth_account.Account.create()
other = eth_account.Account.create()
user = owner.address.lower()
sub = eth_account.Account.create().address.lower()  # its key is nobody's

venue = Venue(
    "--market", "SOL,ETH,BTC,xyz:GOLD=SOL,xyz:OIL=ETH",
    "--account", f"{user}+{agent.address.lower()}",
    "--account", other.address.lower(),
    "--account", f"{sub}@{user}",
    "--schedule-cancel-volume", "1500",
)
print(f"served at {venue.url}, account {user}")

heard = {}
lock = threading.Lock()


def hear(name):
    def on_message(message):
        with lock:
            heard.setdefault(name, []).append(message["data"])

    return on_message


def messages(name):
    with lock:
        return list(heard.get(name, []))


info = Info(venue.url, perp_dexs=["", "xyz"])
exchange = Exchange(agent, venue.url, account_address=user, perp_dexs=["", "xyz"])


def metadata():
    print("metadata")
    meta = info.meta()
    names = [m["name"] for m in meta["universe"]]
    listed = [m["name"] for m in meta["universe"] if not m.get("isDelisted")]
    checks.equal("meta lists", sorted(listed), ["BTC", "ETH", "SOL"])
    checks.equal("asset numbers are places", [names.index(n) for n in ("BTC", "ETH", "SOL")], [0, 1, 5])
    checks.equal("perpDexs", [d and d["name"] for d in info.perp_dexs()], [None, "xyz"])
    checks.equal("HIP-3 meta", [m["name"] for m in info.meta("xyz")["universe"]], ["xyz:GOLD", "xyz:OIL"])
    checks.equal("HIP-3 asset numbers", [info.name_to_asset(n) for n in ("xyz:GOLD", "xyz:OIL")], [110000, 110001])
    mids = info.all_mids()
    checks.equal("allMids of the first dex", sorted(mids), ["BTC", "ETH", "SOL"])
    checks.equal("allMids of xyz", sorted(info.all_mids("xyz")), ["xyz:GOLD", "xyz:OIL"])
    contexts = info.meta_and_asset_ctxs()
    checks.equal("a context for each market", len(contexts[1]), len(contexts[0]["universe"]))
    book = info.l2_snapshot("SOL")
    bids, asks = book["levels"]
    checks.equal("levels", [len(bids), len(asks)], [20, 20])
    checks.true("book is sorted and not crossed", all(
        float(a["px"]) > float(b["px"]) for a, b in zip(bids, bids[1:])
    ) and all(float(a["px"]) < float(b["px"]) for a, b in zip(asks, asks[1:])) and float(bids[0]["px"]) < float(asks[0]["px"]))
    checks.equal("unknown market", info.post("/info", {"type": "l2Book", "coin": "NOPE"}), None)
    checks.equal("role of the agent", info.user_role(agent.address.lower()), {"role": "agent", "data": {"user": user}})
    state = info.user_state(user)
    checks.equal("account value", number(state["marginSummary"]["accountValue"]), "10000")
    checks.equal("nothing open", [info.open_orders(user), state["assetPositions"]], [[], []])
    checks.true("rate limit is told", info.user_rate_limit(user)["nRequestsCap"] >= 10000)
    checks.true("fees are told", float(info.user_fees(user)["userCrossRate"]) > 0)
    checks.equal("abstraction", info.query_user_abstraction_state(user), "disabled")


def subscriptions():
    print("subscriptions")
    for kind in ("bbo", "l2Book", "trades", "activeAssetCtx"):
        info.subscribe({"type": kind, "coin": "SOL"}, hear(kind))
    info.subscribe({"type": "bbo", "coin": "xyz:GOLD"}, hear("bbo xyz"))
    info.subscribe({"type": "allMids"}, hear("allMids"))
    for kind in ("orderUpdates", "userFills", "userEvents", "userFundings", "userNonFundingLedgerUpdates"):
        info.subscribe({"type": kind, "user": user}, hear(kind))
    info.subscribe({"type": "activeAssetData", "user": user, "coin": "SOL"}, hear("activeAssetData"))
    for kind in ("bbo", "l2Book", "trades", "activeAssetCtx", "bbo xyz", "allMids", "userFills", "userFundings",
                 "userNonFundingLedgerUpdates", "activeAssetData"):
        checks.true(f"{kind} comes", until(lambda: messages(kind), 20), (messages(kind) or ["nothing"])[0])
    checks.equal("userFills begins with a snapshot", messages("userFills")[0].get("isSnapshot"), True)


def status(answer):
    return answer["response"]["data"]["statuses"] if answer["status"] == "ok" else answer


def touch(coin="SOL"):
    """Best bid and ask."""
    bids, asks = info.l2_snapshot(coin)["levels"]
    return float(bids[0]["px"]), float(asks[0]["px"])


def open_oids(coin_dex=""):
    return sorted(o["oid"] for o in info.open_orders(user, coin_dex))


def resting():
    print("orders that rest")
    bid, ask = touch()
    low = round(bid * 0.98, 2)
    placed = status(exchange.order("SOL", True, 1.5, low, {"limit": {"tif": "Alo"}}, cloid=Cloid.from_int(1)))
    oid = placed[0]["resting"]["oid"]
    checks.equal("Alo rests with its cloid", placed[0]["resting"].get("cloid"), Cloid.from_int(1).to_raw())
    row = info.open_orders(user)[0]
    checks.equal("openOrders", [row["coin"], row["side"], number(row["limitPx"]), number(row["sz"]), row["oid"]],
                 ["SOL", "B", number(str(low)), "1.5", oid])
    checks.equal("frontendOpenOrders", info.frontend_open_orders(user)[0]["tif"], "Alo")
    checks.equal("status by oid", info.query_order_by_oid(user, oid)["order"]["status"], "open")
    checks.equal("status by cloid", info.query_order_by_cloid(user, Cloid.from_int(1))["order"]["order"]["oid"], oid)
    told = until(lambda: [u for m in messages("orderUpdates") for u in m if u["order"]["oid"] == oid])
    checks.equal("orderUpdates", told[0]["status"], "open")

    print("modify")
    higher = round(low + 0.1, 2)
    changed = status(exchange.modify_order(oid, "SOL", True, 1.2, higher, {"limit": {"tif": "Alo"}}, cloid=Cloid.from_int(2)))
    second = changed[0]["resting"]["oid"]
    checks.true("a new oid", second != oid, [oid, second])
    checks.equal("openOrders after modify", [(o["oid"], number(o["sz"])) for o in info.open_orders(user)], [(second, "1.2")])
    checks.equal("the old one is gone", info.query_order_by_oid(user, oid)["order"]["status"], "canceled")
    by_cloid = status(exchange.modify_order(Cloid.from_int(2), "SOL", True, 1.0, low, {"limit": {"tif": "Gtc"}}, cloid=Cloid.from_int(3)))
    third = by_cloid[0]["resting"]["oid"]
    checks.true("modify by cloid", third > second)
    gone = status(exchange.modify_order(oid, "SOL", True, 1.0, low, {"limit": {"tif": "Alo"}}))
    checks.true("modify of what is gone", "Cannot modify canceled or filled order" in gone[0].get("error", ""), gone)
    crossing = status(exchange.modify_order(third, "SOL", True, 1.0, round(ask * 1.01, 2), {"limit": {"tif": "Gtc"}}))
    checks.true("an executable modify is post-only", "error" in crossing[0], crossing)
    fourth = [o["oid"] for o in info.open_orders(user)]

    print("batches")
    request = lambda n, px: {"coin": "SOL", "is_buy": True, "sz": 0.5, "limit_px": px,
                             "order_type": {"limit": {"tif": "Gtc"}}, "reduce_only": False, "cloid": Cloid.from_int(n)}
    batch = status(exchange.bulk_orders([request(10, low), request(11, round(low - 0.1, 2)), request(12, 0.0101)]))
    checks.equal("two rest, one is refused", [sorted(s)[0] for s in batch], ["resting", "resting", "error"])
    a, b = batch[0]["resting"]["oid"], batch[1]["resting"]["oid"]
    moved = status(exchange.bulk_modify_orders_new([
        {"oid": a, "order": request(13, round(low - 0.2, 2))},
        {"oid": Cloid.from_int(11), "order": request(14, round(low - 0.3, 2))},
    ]))
    checks.equal("batchModify", [sorted(s)[0] for s in moved], ["resting", "resting"])
    checks.equal("open after it", open_oids(), sorted(fourth + [s["resting"]["oid"] for s in moved]))

    print("cancels")
    checks.equal("by oid", status(exchange.cancel("SOL", moved[0]["resting"]["oid"])), ["success"])
    checks.equal("by cloid", status(exchange.cancel_by_cloid("SOL", Cloid.from_int(14))), ["success"])
    again = status(exchange.bulk_cancel_by_cloid([{"coin": "SOL", "cloid": Cloid.from_int(14)}]))
    checks.true("twice", "never placed, already canceled, or filled" in again[0]["error"], again)
    for oid in fourth:
        exchange.cancel("SOL", oid)
    checks.equal("nothing open", open_oids(), [])
    many = [request(100 + n, round(low - n * 0.01, 2)) for n in range(60)]
    rested = [s["resting"]["oid"] for s in status(exchange.bulk_orders(many)) if "resting" in s]
    checks.equal("sixty in one action", len(rested), 60)
    answers = status(exchange.bulk_cancel([{"coin": "SOL", "oid": oid} for oid in rested]))
    checks.equal("sixty cancels in one action", answers, ["success"] * 60)
    over = exchange.bulk_cancel([{"coin": "SOL", "oid": n} for n in range(1, 202)])
    checks.equal("201 cancels", over, {"status": "err", "response": "Signed action over weight limit of 200."})


def refusals():
    print("refusals")
    bid, ask = touch()
    gtc = {"limit": {"tif": "Gtc"}}
    for what, words, args in [
        ("tick", "must be divisible by tick size", ("SOL", True, 1.0, round(bid * 0.9, 2) + 0.001, gtc)),
        ("size", "invalid size", ("SOL", True, 1.001, round(bid * 0.9, 2), gtc)),
        ("minimum", "minimum value of $10", ("SOL", True, 0.01, round(bid * 0.9, 2), gtc)),
        ("margin", "Insufficient margin", ("SOL", True, 90000.0, round(bid * 0.99, 2), gtc)),
        ("post-only", "would have immediately matched", ("SOL", True, 1.0, round(ask * 1.01, 2), {"limit": {"tif": "Alo"}})),
        ("no match", "could not immediately match", ("SOL", True, 1.0, round(bid * 0.99, 2), {"limit": {"tif": "Ioc"}})),
        ("far away", "80% away", ("SOL", True, 10.0, round(bid * 0.1, 2), gtc)),
        ("reduce only", "Reduce only order would increase position", ("SOL", True, 1.0, round(bid * 0.99, 2), gtc, True)),
    ]:
        answer = status(exchange.order(*args))
        error = answer[0].get("error", "") if isinstance(answer, list) else str(answer)
        checks.true(what, words in error, error)
    checks.true("texts carry the asset", error.endswith("asset=5"), error)
    stranger = Exchange(eth_account.Account.create(), venue.url)
    answer = stranger.order("SOL", True, 1.0, round(bid * 0.99, 2), gtc)
    checks.equal("an unknown signer", answer, {"status": "err",
                 "response": f"User or API Wallet {stranger.wallet.address.lower()} does not exist."})
    nonce = get_timestamp_ms()
    checks.equal("noop", exchange.noop(nonce)["status"], "ok")
    checks.equal("the same nonce", exchange.noop(nonce), {"status": "err", "response": f"Invalid nonce: duplicate nonce {nonce}"})
    exchange.set_expires_after(nonce - 60_000)
    checks.equal("expired", exchange.order("SOL", True, 1.0, round(bid * 0.99, 2), gtc)["status"], "err")
    exchange.set_expires_after(get_timestamp_ms() + 60_000)
    checks.equal("in time", sorted(status(exchange.order("SOL", True, 1.0, round(bid * 0.99, 2), gtc, cloid=Cloid.from_int(20)))[0]), ["resting"])
    exchange.set_expires_after(None)
    exchange.cancel_by_cloid("SOL", Cloid.from_int(20))
    checks.equal("leverage", exchange.update_leverage(5, "SOL")["status"], "ok")
    checks.equal("too much leverage", exchange.update_leverage(5000, "SOL")["status"], "err")
    refused = exchange.schedule_cancel(get_timestamp_ms() + 60_000)
    checks.true("the dead man's switch before the volume", "until enough volume traded" in str(refused), refused)
    try:
        info.post("/info", {"type": "nothingLikeThis"})
        checks.true("an unknown request", False)
    except ClientError as error:
        checks.equal("an unknown request", error.status_code, 422)


def fills():
    print("fills")
    bought = status(exchange.market_open("SOL", True, 2.0))[0]["filled"]
    checks.equal("market_open", number(bought["totalSz"]), "2")
    sold = status(exchange.order("SOL", False, 0.5, round(touch()[0] * 0.99, 2), {"limit": {"tif": "Ioc"}}, reduce_only=True))[0]["filled"]
    checks.equal("a reduce-only Ioc", number(sold["totalSz"]), "0.5")
    position = info.user_state(user)["assetPositions"][0]["position"]
    checks.equal("position", [position["coin"], number(position["szi"])], ["SOL", "1.5"])
    checks.equal("leverage of it", position["leverage"]["value"], 5)
    eth = status(exchange.market_open("ETH", False, 0.1))[0]["filled"]
    checks.equal("a short", number(eth["totalSz"]), "0.1")
    rows = info.user_fills(user)
    by_order = lambda oid: sum(float(f["sz"]) for f in rows if f["oid"] == oid)
    checks.equal("userFills add up", [round(by_order(o["oid"]), 8) for o in (bought, sold, eth)], [2.0, 0.5, 0.1])
    tids = {f["tid"] for f in rows}
    streamed = lambda: {f["tid"] for m in messages("userFills") for f in m["fills"]}
    checks.true("the stream told each fill", until(lambda: streamed() == tids), sorted(tids)[:5])
    events = lambda: {f["tid"] for m in messages("userEvents") for f in m.get("fills", [])}
    checks.true("userEvents as well", until(lambda: events() == tids))
    first = min(f["time"] for f in rows)
    checks.equal("userFillsByTime", {f["tid"] for f in info.user_fills_by_time(user, first)}, tids)
    statuses = lambda: {u["order"]["oid"]: u["status"] for m in messages("orderUpdates") for u in m}
    checks.true("orderUpdates tell them filled", until(lambda: statuses().get(bought["oid"]) == "filled"))
    closed = status(exchange.market_close("ETH"))[0]["filled"]
    checks.equal("market_close", number(closed["totalSz"]), "0.1")


def builders_dex():
    print("a builder's dex")
    bid, _ = touch("xyz:GOLD")
    placed = status(exchange.order("xyz:GOLD", True, 1.0, round(bid * 0.98, 2), {"limit": {"tif": "Alo"}}))
    oid = placed[0]["resting"]["oid"]
    checks.equal("open there", [(o["coin"], o["oid"]) for o in info.open_orders(user, "xyz")], [("xyz:GOLD", oid)])
    checks.equal("and not on the first dex", open_oids(), [])
    checks.equal("cancel", status(exchange.cancel("xyz:GOLD", oid)), ["success"])
    checks.equal("market_open", number(status(exchange.market_open("xyz:OIL", True, 0.05))[0]["filled"]["totalSz"]), "0.05")
    held = info.user_state(user, "xyz")["assetPositions"]
    checks.equal("position", [(p["position"]["coin"], number(p["position"]["szi"])) for p in held], [("xyz:OIL", "0.05")])


def dead_man():
    print("the dead man's switch")
    while sum(float(f["px"]) * float(f["sz"]) for f in info.user_fills(user)) < 1600:
        exchange.market_open("SOL", True, 1.0)
        exchange.market_close("SOL", 1.0)
    low = round(touch()[0] * 0.97, 2)
    rested = status(exchange.order("SOL", True, 1.0, low, {"limit": {"tif": "Gtc"}}))[0]["resting"]["oid"]
    checks.true("too near", "5 seconds" in str(exchange.schedule_cancel(get_timestamp_ms() + 1000)))
    checks.equal("armed", exchange.schedule_cancel(get_timestamp_ms() + 6000)["status"], "ok")
    gone = until(lambda: rested not in open_oids(), 15)
    checks.true("it cancelled", gone)
    checks.equal("and says so", info.query_order_by_oid(user, rested)["order"]["status"], "scheduledCancel")
    checks.equal("disarmed", exchange.schedule_cancel(None)["status"], "ok")


def sub_account():
    print("a sub-account, by its master's agent")
    checks.equal("its role", info.user_role(sub), {"role": "subAccount", "data": {"master": user}})
    by_agent = Exchange(agent, venue.url, vault_address=sub)
    before = open_oids()
    low = round(touch()[0] * 0.98, 2)
    oid = status(by_agent.order("SOL", True, 1.0, low, {"limit": {"tif": "Alo"}}))[0]["resting"]["oid"]
    checks.equal("it rests there", [o["oid"] for o in info.open_orders(sub)], [oid])
    checks.equal("and not with the master", open_oids(), before)
    checks.equal("status by oid", info.query_order_by_oid(sub, oid)["order"]["status"], "open")
    checks.equal("unknown to the master", info.query_order_by_oid(user, oid), {"status": "unknownOid"})
    checks.equal("the master may not cancel it as its own", "error" in status(exchange.cancel("SOL", oid))[0], True)
    checks.equal("leverage", by_agent.update_leverage(3, "SOL")["status"], "ok")
    checks.equal("cancel", status(by_agent.cancel("SOL", oid)), ["success"])
    bought = status(by_agent.order("SOL", True, 1.0, round(touch()[1] * 1.01, 2), {"limit": {"tif": "Ioc"}}))[0]["filled"]
    checks.equal("userFills", round(sum(float(f["sz"]) for f in info.user_fills(sub)), 8), float(bought["totalSz"]))
    held = info.user_state(sub)["assetPositions"][0]["position"]
    checks.equal("position", [number(held["szi"]), held["leverage"]["value"]], [number(bought["totalSz"]), 3])
    stranger = Exchange(other, venue.url, vault_address=sub)
    refused = stranger.order("SOL", True, 1.0, low, {"limit": {"tif": "Alo"}})
    checks.equal("by another's key", refused["status"], "err")


def agree():
    """The SDK's last view beside the exchange's own."""
    print("the exchange itself")
    low = round(touch()[0] * 0.98, 2)
    exchange.order("SOL", True, 0.7, low, {"limit": {"tif": "Gtc"}}, cloid=Cloid.from_int(77))
    orders = sorted(
        [o["coin"], o["oid"], o.get("cloid"), o["side"], number(o["limitPx"]), number(o["sz"])]
        for dex in ("", "xyz") for o in info.open_orders(user, dex)
    )
    states = [info.user_state(user, dex) for dex in ("", "xyz")]
    positions = sorted([p["position"]["coin"], number(p["position"]["szi"])] for s in states for p in s["assetPositions"])
    fills = sorted([f["tid"], f["oid"], f["coin"], f["side"], number(f["px"]), number(f["sz"]), number(f["fee"]), f["crossed"]]
                   for f in info.user_fills(user))
    cash = number(states[0]["marginSummary"]["totalRawUsd"])
    known = venue.stop()[user]
    checks.equal("open orders", orders, sorted(
        [o["coin"], o["oid"], o["cloid"], o["side"], number(o["px"]), number(o["sz"])] for o in known["open_orders"]))
    checks.equal("positions", positions, sorted([p["coin"], number(p["szi"])] for p in known["positions"]))
    checks.equal("fills", fills, sorted(
        [f["tid"], f["oid"], f["coin"], f["side"], number(f["px"]), number(f["sz"]), number(f["fee"]), f["crossed"]]
        for f in known["fills"]))
    checks.equal("cash", cash, number(known["cash"]))


for part in (metadata, subscriptions, resting, refusals, fills, builders_dex, dead_man, sub_account, agree):
    try:
        part()
    except Exception as error:  # the SDK could not read what the venue said: that is a difference
        checks.true(f"{part.__name__} runs to its end", False, f"{type(error).__name__}: {error}")
checks.end("trading")
