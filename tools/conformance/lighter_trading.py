"""Lighter's own SDK trades on the embedded venue, and both sides are compared: what the SDK was told by REST and by its
streams, and what the exchange itself has in its books at the end."""

import asyncio
import json
import threading
import time
from decimal import Decimal

import lighter
import requests
from lighter import SignerClient
from lighter.exceptions import ApiException
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from common import Checks, Venue, number, short, until

checks = Checks()
SOL, ETH, BTC = 2, 0, 1
MINUTE = 60_000
venue = Venue("--venue", "lighter", "--cash", "100000", "--account", "1", "--account", "2")
account = venue.told["accounts"][0]
INDEX = account["index"]
QUOTES, HEDGES = [key["index"] for key in account["keys"]]
STREAM = venue.told["ws"]


def now_ms():
    return int(time.time() * 1000)


class Stream:
    """A plain WebSocket: what the SDK has no reader for."""

    def __init__(self):
        self.ws = connect(STREAM)
        self.frames = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        try:
            for text in self.ws:
                self.frames.append(json.loads(text))
        except Exception as error:
            self.frames.append({"type": "closed", "why": str(error)})

    def send(self, **message):
        self.ws.send(json.dumps(message))

    def of(self, kind):
        return [f for f in self.frames if f.get("type") == kind]

    def errors(self):
        return [f["error"]["code"] for f in self.frames if "error" in f]

    def subscribe(self, channel, auth=None):
        self.send(type="subscribe", channel=channel, **({"auth": auth} if auth else {}))
        name = channel.split("/")[0]
        return until(lambda: self.of(f"subscribed/{name}"))

    def order_states(self):
        """The states of each client index, in their order."""
        states = {}
        for frame in self.of("update/account_all_orders"):
            for rows in frame["orders"].values():
                for row in rows:
                    states.setdefault(row["client_order_index"], []).append(row["status"])
        return states


def until_closed(reader):
    """The SDK's own reader; it ends with the venue."""
    try:
        reader.run()
    except ConnectionClosedError:
        pass


def code_of(error):
    """The venue's code in what the SDK makes of a refusal."""
    text = str(error)
    return int(text[text.index('code='):].split("=")[1].split()[0]) if "code=" in text else text


async def main():
    client = SignerClient(venue.url, INDEX, {k["index"]: k["private_key"] for k in account["keys"]})
    config = lighter.Configuration(host=venue.url)
    api = lighter.ApiClient(configuration=config)
    bed = Bed(client, api)
    for part in (bed.metadata, bed.subscriptions, bed.resting, bed.modifying, bed.refusals, bed.fills, bed.delays, bed.batches,
                 bed.switch, bed.over_the_socket, bed.agree):
        print(part.__name__)
        try:
            await part()
        except Exception as error:  # the SDK could not read what the venue said: that is a difference
            checks.true(f"{part.__name__} runs to its end", False, f"{type(error).__name__}: {error}")
    await api.close()
    await client.close()


class Bed:
    def __init__(self, client, api):
        self.client = client
        self.orders = lighter.OrderApi(api)
        self.accounts = lighter.AccountApi(api)
        self.txs = lighter.TransactionApi(api)
        self.api = api
        self.stream = Stream()
        self.client_index = 1000
        self.token = client.create_auth_token_with_expiry(api_key_index=QUOTES)[0]

    def new(self):
        self.client_index += 1
        return self.client_index

    async def touch(self, market=SOL):
        book = await self.orders.order_book_orders(market, 1)
        return tuple(int(side[0].price.replace(".", "")) for side in (book.bids, book.asks))

    async def quote(self, index, price, base=1000, is_ask=False, tif=SignerClient.ORDER_TIME_IN_FORCE_GOOD_TILL_TIME, market=SOL, **more):
        more.setdefault("api_key_index", QUOTES)
        more.setdefault("nonce", await self.nonce(more["api_key_index"]))
        return await self.client.create_order(market, index, base, price, is_ask, self.client.ORDER_TYPE_LIMIT, tif, **more)

    async def nonce(self, key=QUOTES):
        return (await self.txs.next_nonce(account_index=INDEX, api_key_index=key)).nonce

    async def active(self):
        return (await self.orders.account_active_orders(self.token, INDEX)).orders

    async def settled(self, wanted, seconds=5):
        """Waits until these client indices, and no others, rest."""
        end = time.monotonic() + seconds
        while True:
            found = sorted(o.client_order_index for o in await self.active())
            if found == sorted(wanted) or time.monotonic() > end:
                return found
            await asyncio.sleep(0.02)

    async def ended(self, index, seconds=5):
        """Waits until an order is closed; it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            done = (await self.orders.account_inactive_orders(self.token, INDEX, 100)).orders
            found = [o for o in done if o.client_order_index == index]
            if found:
                return found[0]
            await asyncio.sleep(0.02)
        return None

    async def refused(self, what, want, call):
        """A call that must be refused with a code; no nonce is used."""
        before = await self.nonce()
        try:
            _, answer, error = await call
            got = code_of(error) if error else answer.code
        except ApiException as error:
            got = code_of(error)
        checks.equal(what, got, want)
        checks.equal("  and no nonce was used", await self.nonce(), before)

    async def metadata(self):
        books = (await self.orders.order_books()).order_books
        checks.equal("orderBooks", sorted((b.symbol, b.market_id) for b in books), [("BTC", BTC), ("ETH", ETH), ("SOL", SOL)])
        details = (await self.orders.order_book_details(market_id=SOL)).order_book_details[0]
        checks.equal("scales of SOL", (details.price_decimals, details.size_decimals), (3, 3))
        checks.equal("minimums of SOL", (details.min_base_amount, details.min_quote_amount), ("0.055", "10.000000"))
        checks.equal("check_client: the native signer finds its keys", self.client.check_client(), None)
        keys = (await self.accounts.apikeys(account_index=INDEX, api_key_index=255)).api_keys
        checks.equal("apikeys", [(k.api_key_index, k.public_key) for k in keys], [(k["index"], k["public_key"]) for k in account["keys"]])
        checks.equal("nextNonce of a new key", await self.nonce(), 0)
        found = (await self.accounts.accounts_by_l1_address(account["l1_address"])).sub_accounts
        checks.equal("accountsByL1Address", [a.index for a in found], [INDEX])
        mine = (await self.accounts.account(by="index", value=str(INDEX))).accounts[0]
        checks.equal("account", (mine.index, mine.collateral, mine.total_order_count), (INDEX, "100000.000000", 0))
        limits = await self.accounts.account_limits(INDEX, authorization=self.token)
        checks.equal("accountLimits", (limits.user_tier_name, limits.current_maker_fee_tick, limits.current_taker_fee_tick), ("premium", 40, 280))
        checks.equal("status", (await lighter.RootApi(self.api).status()).network_id, 304)
        checks.true("currentHeight", (await lighter.BlockApi(self.api).current_height()).height)
        checks.true("systemConfig", (await lighter.InfoApi(self.api).system_config()).liquidity_pool_index)
        checks.equal("exchangeStats", (await self.orders.exchange_stats()).total, 3)
        checks.true("recentTrades", until(lambda: requests.get(f"{venue.url}/api/v1/recentTrades?market_id=2&limit=5").json()["trades"]))
        trades = (await self.orders.recent_trades(SOL, 5)).trades
        checks.true("  the SDK reads them, newest first", trades and [t.trade_id for t in trades] == sorted((t.trade_id for t in trades), reverse=True))
        for what, answer in (
            ("a token is missing", requests.get(f"{venue.url}/api/v1/accountActiveOrders?account_index={INDEX}&market_id=255")),
            ("an account that is not there", requests.get(f"{venue.url}/api/v1/account?by=index&value=77")),
        ):
            checks.true(what, answer.status_code == 400 and answer.json()["message"], answer.text)

    async def subscriptions(self):
        stream = self.stream
        checks.true("greeting", until(lambda: stream.of("connected")), short(stream.frames[:1]))
        for channel in ("order_book/2", "ticker/2", "trade/2", "market_stats/2", "market_stats/all", "height", f"account_all/{INDEX}", f"user_stats/{INDEX}"):
            checks.true(f"subscribed {channel}", stream.subscribe(channel))
        for channel in ("account_all_orders", "account_all_trades", "account_all_positions", "account_all_assets", "account_tx"):
            checks.true(f"subscribed {channel}, with a token", stream.subscribe(f"{channel}/{INDEX}", self.token))
        checks.true("subscribed account_orders, account_market", stream.subscribe(f"account_orders/2/{INDEX}", self.token) and stream.subscribe(f"account_market/2/{INDEX}", self.token))
        for wanted, message in (
            (30003, {"type": "subscribe", "channel": "height"}),
            (30005, {"type": "subscribe", "channel": "nothing/1"}),
            (30002, {"type": "unsubscribe", "channel": "ticker/1"}),
            (20001, {"type": "subscribe", "channel": "account_all_orders/2"}),
            (20013, {"type": "subscribe", "channel": "account_all_orders/2", "auth": self.token}),
            (20013, {"type": "subscribe", "channel": "account_tx/2", "auth": self.token[:-4] + "0000"}),
            (30001, {"type": "nonsense"}),
        ):
            seen = len(stream.errors())
            stream.send(**message)
            checks.equal(f"refused: {short(message, 60)}", until(lambda: stream.errors()[seen:]), [wanted])
        stream.send(type="ping")
        checks.true("ping is answered", until(lambda: stream.of("pong")))
        late = self.client.create_auth_token_with_expiry(deadline=-5, timestamp=int(time.time()), api_key_index=QUOTES)[0]
        seen = len(stream.errors())
        stream.send(type="subscribe", channel=f"account_all_orders/{INDEX}", auth=late)
        checks.equal("a token that is over", until(lambda: stream.errors()[seen:]), [20013])
        self.sdk_books, self.sdk_accounts = {}, {}
        reader = lighter.WsClient(ws_url=STREAM, order_book_ids=[SOL], account_ids=[INDEX],
                                  on_order_book_update=lambda i, b: self.sdk_books.__setitem__(i, b),
                                  on_account_update=lambda i, a: self.sdk_accounts.__setitem__(i, a))
        threading.Thread(target=until_closed, args=(reader,), daemon=True).start()
        checks.true("WsClient has book and account", until(lambda: self.sdk_books and self.sdk_accounts), list(self.sdk_accounts))
        checks.true("changes of the book come", until(lambda: len(stream.of("update/order_book")) > 40))
        self.chain()

    def chain(self):
        """Each change of the book begins where the last one ended; the ticker's nonces are of the same counter."""
        frames = [f["order_book"] for f in self.stream.frames if f.get("type", "").endswith("/order_book")]
        broken = [(a["nonce"], b["begin_nonce"]) for a, b in zip(frames, frames[1:]) if a["nonce"] != b["begin_nonce"]]
        checks.equal(f"nonces of {len(frames)} changes", broken, [])
        tops = {}
        book = {"asks": {}, "bids": {}}
        for frame in frames:
            for side in book:
                for level in frame[side]:
                    price, size = Decimal(level["price"]), Decimal(level["size"])
                    book[side].pop(price, None) if size == 0 else book[side].__setitem__(price, size)
            tops[frame["nonce"]] = (max(book["bids"]), min(book["asks"]))
        tickers = [f for f in self.stream.frames if f.get("type") == "update/ticker"]
        checks.true("tickers come", tickers, len(tickers))
        both = [(t["nonce"], (Decimal(t["ticker"]["b"]["price"]), Decimal(t["ticker"]["a"]["price"]))) for t in tickers if t["nonce"] in tops]
        checks.true("and agree with the book of the same nonce", both and all(tops[nonce] == top for nonce, top in both), len(both))

    async def resting(self):
        bid, ask = await self.touch()
        a, b, c = self.new(), self.new(), self.new()
        created, answer, error = await self.quote(a, bid - 2000)
        checks.equal("a limit order is taken", (error, answer.code), (None, 200))
        await self.quote(b, bid - 3000, tif=self.client.ORDER_TIME_IN_FORCE_POST_ONLY)
        await self.quote(c, ask + 3000, is_ask=True, base=2500)
        checks.equal("three rest", await self.settled([a, b, c]), [a, b, c])
        mine = {o.client_order_index: o for o in await self.active()}
        checks.equal("as they were sent", [(o.time_in_force, o.base_price, o.base_size, o.is_ask) for o in (mine[a], mine[b], mine[c])],
                     [("good-till-time", bid - 2000, 1000, False), ("post-only", bid - 3000, 1000, False), ("good-till-time", ask + 3000, 2500, True)])
        checks.true("numbers of the venue", all(o.order_index >= 1 << 48 for o in mine.values()), [o.order_index for o in mine.values()])
        checks.true("the stream says open", until(lambda: all(self.stream.order_states().get(i) == ["open"] for i in (a, b, c))))
        done = await self.txs.tx(by="hash", value=answer.tx_hash)
        checks.equal("tx: executed", (done.status, done.type, done.nonce), (2, 14, 0))
        await self.client.cancel_order(SOL, a, api_key_index=QUOTES, nonce=await self.nonce())
        checks.equal("cancel by the client's number", await self.settled([b, c]), [b, c])
        await self.client.cancel_order(SOL, mine[b].order_index, api_key_index=QUOTES, nonce=await self.nonce())
        checks.equal("cancel by the venue's number", await self.settled([c]), [c])
        crossing = self.new()
        await self.quote(crossing, ask + 1000, tif=self.client.ORDER_TIME_IN_FORCE_POST_ONLY)
        gone = await self.ended(crossing)
        checks.equal("a post-only order that would trade", gone and gone.status, "canceled-post-only")
        near = self.new()
        _, answer, _ = await self.quote(near, bid - 2000, order_expiry=now_ms() + MINUTE)
        checks.equal("an expiry in less than five minutes: taken", answer.code, 200)
        checks.equal("and never seen", (await self.settled([c]), self.stream.order_states().get(near)), ([c], None))
        await self.client.cancel_all_orders(self.client.CANCEL_ALL_TIF_IMMEDIATE, 0, api_key_index=QUOTES, nonce=await self.nonce())
        checks.equal("cancel-all", await self.settled([]), [])
        rotated, answer, error = await self.client.create_order(SOL, self.new(), 1000, bid - 2000, False, 0, 1)
        checks.equal("nonces and keys by the SDK's own manager", (error, answer and answer.code), (None, 200))
        await self.settled([self.client_index])
        await self.client.cancel_all_orders(self.client.CANCEL_ALL_TIF_IMMEDIATE, 0)
        checks.equal("and its cancel-all", await self.settled([]), [])

    async def modifying(self):
        bid, _ = await self.touch()
        a = self.new()
        await self.quote(a, bid - 2000)
        await self.settled([a])
        before = (await self.active())[0]
        await self.client.modify_order(SOL, a, 1500, bid - 2500, api_key_index=QUOTES, nonce=await self.nonce())
        for _ in range(200):
            after = (await self.active())[0]
            if after.base_price != before.base_price:
                break
            await asyncio.sleep(0.02)
        checks.equal("modify keeps both numbers", (after.order_index, after.client_order_index), (before.order_index, a))
        checks.equal("and changes price and size", (after.base_price, after.base_size), (bid - 2500, 1500))
        version = now_ms()
        for want, (order_version, price) in ((bid - 2600, (version, bid - 2600)), (bid - 2600, (version - 1, bid - 2700)), (bid - 2800, (version + 1, bid - 2800))):
            await self.client.modify_order(SOL, a, 1500, price, order_version=order_version, api_key_index=QUOTES, nonce=await self.nonce())
            await asyncio.sleep(0.1)
            checks.equal("an order version must be newer", (await self.active())[0].base_price, want)
        checks.equal("the order's version", (await self.active())[0].order_version, version + 1)
        checks.true("no end on the stream", set(self.stream.order_states()[a]) == {"open"}, self.stream.order_states()[a])
        await self.client.cancel_order(SOL, a, api_key_index=QUOTES, nonce=await self.nonce())
        checks.equal("cancelled", await self.settled([]), [])

    async def refusals(self):
        bid, ask = await self.touch()
        client, key = self.client, {"api_key_index": QUOTES}
        next_ = await self.nonce()
        await self.refused("below the smallest size", 21706, self.quote(self.new(), bid - 1000, base=10))
        await self.refused("below the smallest worth", 21706, self.quote(self.new(), 100_000, base=60))
        await self.refused("a nonce from the past", 21104, self.quote(self.new(), bid - 1000, nonce=next_ - 1))
        await self.refused("a nonce from the future", 21104, self.quote(self.new(), bid - 1000, nonce=next_ + 1))
        await self.refused("an expiry beyond thirty days", 21711, self.quote(self.new(), bid - 1000, order_expiry=now_ms() + 40 * 24 * 60 * MINUTE))
        await self.refused("an expiry in the past", 21711, self.quote(self.new(), bid - 1000, order_expiry=now_ms() - MINUTE))
        await self.refused("no such market", 21602, self.quote(self.new(), bid - 1000, market=77))
        await self.refused("a bid far from the mark", 21734, self.quote(self.new(), bid // 50, base=10_000))
        await self.refused("an accidental price", 21733, client.create_market_order(SOL, self.new(), 1000, 1, True, nonce=next_, **key))
        await self.refused("a cancel of nothing", 21600, client.cancel_order(SOL, 999_999, nonce=next_, **key))
        await self.refused("a modify of nothing", 21715, client.modify_order(SOL, 999_999, 1000, bid, nonce=next_, **key))
        await self.refused("leverage beyond the market's", 21113, client.update_leverage(SOL, client.CROSS_MARGIN_MODE, 100, nonce=next_, **key))
        await self.refused("an unsupported type", 21505, client.update_margin(SOL, 10, 1, nonce=next_, **key))
        twice = self.new()
        await self.quote(twice, bid - 2000)
        await self.settled([twice])
        await self.refused("a client index twice", 21728, self.quote(twice, bid - 2100))
        await self.refused("on another market too", 21728, self.quote(twice, 350_000, base=100, market=ETH))
        await self.refused("a modify below the smallest size", 21706, client.modify_order(SOL, twice, 10, bid - 2100, nonce=await self.nonce(), **key))
        await client.cancel_order(SOL, twice, nonce=await self.nonce(), **key)
        await self.settled([])
        await self.quote(twice, bid - 2000)
        checks.equal("but again when it is gone", await self.settled([twice]), [twice])
        await client.cancel_order(SOL, twice, nonce=await self.nonce(), **key)
        await self.settled([])
        # A key that signs with another one's private half; a chain that is not the venue's.
        stranger = SignerClient(venue.url, INDEX, {QUOTES: venue.told["accounts"][1]["keys"][0]["private_key"]})
        order = (SOL, self.new(), 1000, bid - 2000, False, 0, 1)
        await self.refused("another key's signature", 21120, stranger.create_order(*order, nonce=await self.nonce(), **key))
        testnet = SignerClient(venue.url, INDEX, {QUOTES: account["keys"][0]["private_key"]}, chain_id=300)
        await self.refused("another chain's signature", 21120, testnet.create_order(*order, nonce=await self.nonce(), **key))
        unknown = SignerClient(venue.url, INDEX, {9: account["keys"][0]["private_key"]})
        await self.refused("a key that is not registered", 21109, unknown.create_order(*order, nonce=0, api_key_index=9))
        nobody = SignerClient(venue.url, 77, {QUOTES: account["keys"][0]["private_key"]})
        await self.refused("an account that is not there", 21100, nobody.create_order(*order, nonce=0, **key))
        # The clients of the native signer are by account and key: ours again.
        for k in account["keys"]:
            client.create_client(k["index"])
        skipped = (await self.nonce()) + 1000
        _, answer, error = await self.quote(self.new(), bid - 2000, nonce=skipped, skip_nonce=client.SKIP_NONCE_ON)
        checks.equal("SkipNonce: any larger one", (error, await self.nonce()), (None, skipped + 1))
        await self.settled([self.client_index])
        await client.cancel_all_orders(client.CANCEL_ALL_TIF_IMMEDIATE, 0, nonce=await self.nonce(), **key)
        await self.settled([])
        for other in (stranger, testnet, unknown, nobody):
            await other.close()

    async def fills(self):
        client = self.client
        bid, ask = await self.touch()
        bought = self.new()
        _, answer, error = await client.create_market_order(SOL, bought, 2000, ask + 5000, False, nonce=await self.nonce(HEDGES), api_key_index=HEDGES)
        gone = await self.ended(bought)
        checks.equal("a market order", (gone.status, gone.type, gone.filled_base_amount), ("filled", "market", "2.000"))
        sold = self.new()
        await client.create_order(SOL, sold, 500, bid - 5000, True, client.ORDER_TYPE_LIMIT, client.ORDER_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL,
                                  reduce_only=True, order_expiry=client.DEFAULT_IOC_EXPIRY, nonce=await self.nonce(HEDGES), api_key_index=HEDGES)
        gone = await self.ended(sold)
        checks.equal("a reduce-only IOC", (gone.status, gone.filled_base_amount), ("filled", "0.500"))
        small = self.new()
        await client.create_market_order(SOL, small, 5, ask + 5000, False, nonce=await self.nonce(HEDGES), api_key_index=HEDGES)
        gone = await self.ended(small)
        checks.equal("the minimums do not bind a taker", (gone.status, gone.filled_base_amount), ("filled", "0.005"))
        nothing = self.new()
        await client.create_order(SOL, nothing, 1000, bid - 5000, False, 0, 0, order_expiry=0, nonce=await self.nonce(HEDGES), api_key_index=HEDGES)
        gone = await self.ended(nothing)
        checks.equal("an IOC that meets nothing", (gone.status, gone.filled_base_amount), ("canceled", "0.000"))
        wrong = self.new()
        await client.create_order(SOL, wrong, 1000, ask + 5000, False, 0, 0, reduce_only=True, order_expiry=0, nonce=await self.nonce(HEDGES), api_key_index=HEDGES)
        gone = await self.ended(wrong)
        checks.equal("a reduce-only order that would not reduce", gone.status, "canceled-reduce-only")
        huge = self.new()
        await self.quote(huge, bid - 5000, base=900_000_000)
        gone = await self.ended(huge)
        checks.equal("more than the margin", gone and gone.status, "canceled-margin-not-allowed")
        _, answer, error = await client.update_leverage(ETH, client.CROSS_MARGIN_MODE, 5, nonce=await self.nonce(), api_key_index=QUOTES)
        checks.equal("leverage is taken", (error, answer.code), (None, 200))
        short_eth = self.new()
        await client.create_market_order(ETH, short_eth, 1000, 300_000, True, nonce=await self.nonce(HEDGES), api_key_index=HEDGES)
        gone = await self.ended(short_eth)
        checks.equal("a short", (gone.status, gone.filled_base_amount), ("filled", "0.1000"))
        mine = (await self.accounts.account(by="index", value=str(INDEX))).accounts[0]
        held = {p.symbol: (p.sign, p.position) for p in mine.positions}
        checks.equal("positions", held, {"SOL": (1, "1.505"), "ETH": (-1, "0.1000"), "BTC": (1, "0.00000")})
        checks.equal("leverage of it", [p.initial_margin_fraction for p in mine.positions if p.symbol == "ETH"], ["20.00"])
        trades = (await self.orders.trades(sort_by="timestamp", limit=100, account_index=INDEX, authorization=self.token)).trades
        by_order = lambda index: sum(Decimal(t.size) for t in trades if index in (t.bid_client_id, t.ask_client_id))
        checks.equal("trades add up", [str(by_order(i)) for i in (bought, sold, small, short_eth)], ["2.000", "0.500", "0.005", "0.1000"])
        ids = {t.trade_id for t in trades}
        streamed = lambda: {t["trade_id"] for f in self.stream.of("update/account_all_trades") for rows in f["trades"].values() for t in rows}
        checks.true("the stream told each of them", until(lambda: streamed() == ids), len(ids))
        checks.equal("fees in ticks", {t.taker_fee for t in trades}, {280})
        states = self.stream.order_states()
        checks.equal("the stream told each end", [states[i][-1] for i in (bought, sold, small, nothing, wrong, huge)],
                     ["filled", "filled", "filled", "canceled", "canceled-reduce-only", "canceled-margin-not-allowed"])
        positions = self.stream.of("update/account_all_positions")
        checks.equal("positions on the stream", [f["positions"]["2"]["position"] for f in positions if "2" in f["positions"]][-1], "1.505")
        checks.true("WsClient heard of the account", until(lambda: "0" in self.sdk_accounts[str(INDEX)]["positions"]))

    async def delays(self):
        client = self.client
        bid, ask = await self.touch()
        next_ = await self.nonce(HEDGES)
        taker, maker, other = self.new(), self.new(), self.new()
        _, first, _ = await client.create_market_order(SOL, taker, 100, ask + 5000, False, nonce=next_, api_key_index=HEDGES)
        _, second, _ = await self.quote(maker, bid - 2000, nonce=next_ + 1, api_key_index=HEDGES)
        _, third, _ = await self.quote(other, bid - 2100, nonce=await self.nonce(QUOTES), api_key_index=QUOTES)
        await self.settled([maker, other])
        took = []
        for answer in (first, second, third):
            done = await self.txs.tx(by="hash", value=answer.tx_hash)
            took.append((done.queued_at, done.transaction_time // 1000))
        spans = [executed - queued for queued, executed in took]
        checks.equal("a taker waits 200 ms", spans[0], 200)
        checks.true("the quote behind it on its key waits with it", took[1][1] >= took[0][1] and spans[1] > 100, spans)
        checks.equal("a quote on another key does not", spans[2], 0)
        await client.cancel_all_orders(client.CANCEL_ALL_TIF_IMMEDIATE, 0, nonce=await self.nonce(), api_key_index=QUOTES)
        await self.settled([])

    async def batches(self):
        client = self.client
        bid, _ = await self.touch()
        next_ = await self.nonce()
        indices = [self.new() for _ in range(3)]
        sign = lambda index, nonce, price: client.sign_create_order(SOL, index, 1000, price, 0, 0, 1, nonce=nonce, api_key_index=QUOTES)
        signed = [sign(index, next_ + i, bid - 2000 - i) for i, index in enumerate(indices)]
        signed.append(client.sign_cancel_order(SOL, indices[0], nonce=next_ + 3, api_key_index=QUOTES))
        answer = await client.send_tx_batch([s[0] for s in signed], [s[1] for s in signed])
        checks.equal("a batch", (answer.code, answer.tx_hash), (200, [s[2] for s in signed]))
        checks.equal("all of it was executed", await self.settled(indices[1:]), indices[1:])

        async def refused(what, want, rows):
            before = await self.nonce()
            try:
                answer = await client.send_tx_batch([r[0] for r in rows], [r[1] for r in rows])
                got = answer.code
            except ApiException as error:
                got = code_of(error)
            checks.equal(what, (got, await self.nonce()), (want, before))

        next_ = await self.nonce()
        row = lambda nonce: sign(self.new(), nonce, bid - 2500)
        await refused("nonces that do not grow", 21105, [row(next_), row(next_)])
        await refused("two keys", 21121, [row(next_), client.sign_cancel_order(SOL, indices[1], nonce=0, api_key_index=HEDGES)])
        await refused("more than fifty", 21514, [row(next_ + i) for i in range(51)])
        await refused("one bad order refuses all", 21706, [row(next_), client.sign_create_order(SOL, self.new(), 10, bid, 0, 0, 1, nonce=next_ + 1, api_key_index=QUOTES)])
        await client.cancel_all_orders(client.CANCEL_ALL_TIF_IMMEDIATE, 0, cancel_all_market_index=SOL, nonce=await self.nonce(), api_key_index=QUOTES)
        checks.equal("cancel-all of one market", await self.settled([]), [])

    async def switch(self):
        client = self.client
        scheduled = lambda: requests.get(f"{venue.url}/api/v1/account?by=index&value={INDEX}").json()["accounts"][0]["cancel_all_time"]
        key = {"api_key_index": QUOTES}
        near = now_ms() + MINUTE
        await self.refused("a schedule too near", 21714, client.cancel_all_orders(client.CANCEL_ALL_TIF_SCHEDULED, near, nonce=await self.nonce(), **key))
        at = now_ms() + 10 * MINUTE
        _, answer, error = await client.cancel_all_orders(client.CANCEL_ALL_TIF_SCHEDULED, at, nonce=await self.nonce(), **key)
        checks.equal("scheduled", (error, until(lambda: scheduled() == at)), (None, True))
        await self.refused("a second one", 21712, client.cancel_all_orders(client.CANCEL_ALL_TIF_SCHEDULED, at + MINUTE, nonce=await self.nonce(), **key))
        await client.cancel_all_orders(client.CANCEL_ALL_TIF_ABORT, 0, nonce=await self.nonce(), **key)
        checks.true("and taken back", until(lambda: scheduled() == 0))

    async def over_the_socket(self):
        client, stream = self.client, self.stream
        bid, _ = await self.touch()
        next_ = await self.nonce()
        indices = [self.new() for _ in range(3)]
        rows = [client.sign_create_order(SOL, index, 1000, bid - 2000, 0, 0, 1, nonce=next_ + i, api_key_index=QUOTES) for i, index in enumerate(indices)]
        stream.send(type="jsonapi/sendtx", data={"id": "one", "tx_type": rows[0][0], "tx_info": json.loads(rows[0][1])})
        stream.send(type="jsonapi/sendtxbatch", data={"id": "two", "tx_types": json.dumps([r[0] for r in rows[1:]]), "tx_infos": json.dumps([r[1] for r in rows[1:]])})
        answer = lambda id: until(lambda: [f for f in stream.frames if f.get("id") == id])[0]
        checks.equal("jsonapi/sendtx", (answer("one")["code"], answer("one")["tx_hash"]), (200, rows[0][2]))
        checks.equal("jsonapi/sendtxbatch", (answer("two")["code"], answer("two")["tx_hash"]), (200, [r[2] for r in rows[1:]]))
        checks.equal("they rest", await self.settled(indices), indices)
        stream.send(type="jsonapi/sendtx", data={"id": "three", "tx_type": rows[0][0], "tx_info": json.loads(rows[0][1])})
        checks.equal("again", answer("three")["error"]["code"], 21104)
        stream.send(type="jsonapi/sendtxbatch", data={"id": "four", "tx_types": json.dumps([14] * 16), "tx_infos": json.dumps(["{}"] * 16)})
        checks.equal("more than fifteen", answer("four")["error"]["code"], 21514)

    async def agree(self):
        """The SDK's last view beside the exchange's own."""
        bid, _ = await self.touch()
        sdk_orders = sorted([o.market_symbol, o.order_index, o.is_ask, number(o.price), number(o.remaining_base_amount)] for o in await self.active())
        mine = (await self.accounts.account(by="index", value=str(INDEX))).accounts[0]
        positions = sorted([p.symbol, number(str(p.sign * Decimal(p.position)))] for p in mine.positions if Decimal(p.position))
        trades = (await self.orders.trades(sort_by="timestamp", limit=100, account_index=INDEX, authorization=self.token)).trades
        side = lambda t: "A" if t.ask_account_id == INDEX else "B"
        fills = sorted([t.trade_id, t.market_symbol, side(t), number(t.price), number(t.size)] for t in trades)
        self.chain()
        checks.true("no frame was an unknown one", not self.stream.of("closed"))
        known = venue.stop()[INDEX]
        checks.equal("open orders", sdk_orders, sorted(
            [o["coin"], int(o["cloid"], 16), o["side"] == "A", number(o["px"]), number(o["sz"])] for o in known["open_orders"]))
        checks.equal("positions", positions, sorted([p["coin"], number(p["szi"])] for p in known["positions"]))
        checks.equal("fills", fills, sorted([f["tid"], f["coin"], f["side"], number(f["px"]), number(f["sz"])] for f in known["fills"]))
        fees = sum(Decimal(t.usd_amount) * t.taker_fee / 1_000_000 for t in trades)
        paid = sum(Decimal(f["fee"]) for f in known["fills"])
        checks.true("fees, to a cent of a cent", abs(fees - paid) < Decimal("0.0001"), f"{paid}")


asyncio.run(main())
checks.end("lighter_trading")
