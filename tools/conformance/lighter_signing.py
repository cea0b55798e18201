"""Random transactions, hashed and signed by the SDK's native signer and by the engine's: every hash must be equal, and
the embedded venue must take the signatures of both and none that was changed."""

import asyncio
import base64
import json
import multiprocessing
import os
import random
import subprocess

import lighter
import requests
from lighter.signer_client import CreateOrderTxReq, SignerClient, create_api_key, decode_and_free

from common import EVENKEEL, OUT, Checks, Venue

CASES = int(os.environ.get("CASES", "10000"))
SEED = int(os.environ.get("SEED", "20261121"))
FORGED = 300
# Types that the embedded venue executes; the others it refuses before it looks at a signature.
EXECUTED = {14, 15, 16, 17, 20}
KEYS = 8
checks = Checks()


def width(rng, bits):
    return rng.getrandbits(rng.randrange(1, bits + 1))


def options(rng):
    if rng.random() < 0.6:
        return {}
    chosen = {}
    if rng.random() < 0.3:
        chosen.update(integrator_account_index=1 + width(rng, 40), integrator_taker_fee=rng.randrange(1001), integrator_maker_fee=rng.randrange(1001))
    if rng.random() < 0.3:
        chosen.update(self_trade_behavior_mode=rng.randrange(4), self_trade_equality_mode=rng.randrange(2))
    return chosen


def order_fields(rng):
    kind = rng.choice([0, 0, 0, 0, 1, 2, 3, 4, 5, 6])
    tif = {0: rng.randrange(3), 1: 0, 2: 0, 3: rng.randrange(3), 4: 0, 5: rng.randrange(3), 6: 1}[kind]
    rests = kind in (2, 3, 4, 5, 6) or tif != 0
    return {
        "market": rng.randrange(255), "client": width(rng, 48), "base": 1 + width(rng, 47), "price": 1 + width(rng, 31),
        "ask": rng.randrange(2), "kind": kind, "tif": tif, "reduce": rng.randrange(2),
        "trigger": 1 + width(rng, 31) if kind in (2, 3, 4, 5) else 0,
        "expiry": 1893456000000 + width(rng, 30) if rests else 0,
    }


def signed(rng, client, key):
    """One random transaction by the native signer: its result structure, read, or `None` where it refuses."""
    last = {"skip_nonce": int(rng.random() < 0.3), "nonce": width(rng, 46), "api_key_index": key}
    kind = rng.choice([14] * 6 + [15, 15, 16, 17, 17, 20, 28, 29, 9])
    market, index = rng.randrange(255), 1 + width(rng, 59)
    if kind == 14:
        o = order_fields(rng)
        return client.sign_create_order(o["market"], o["client"], o["base"], o["price"], o["ask"], o["kind"], o["tif"], bool(o["reduce"]),
                                        o["trigger"], o["expiry"], **options(rng), **last)
    if kind == 15:
        return client.sign_cancel_order(market, index, **last)
    if kind == 16:
        tif = rng.randrange(3)
        time = 1 + width(rng, 47) if tif == 1 else 0
        only = rng.randrange(255) if tif == 0 and rng.random() < 0.5 else client.NIL_MARKET_INDEX
        return client.sign_cancel_all_orders(tif, time, only, **last)
    if kind == 17:
        version = width(rng, 47) if rng.random() < 0.4 else 0
        return client.sign_modify_order(market, index, 1 + width(rng, 47), 1 + width(rng, 31), 0, order_version=version, **options(rng), **last)
    if kind == 20:
        return client.sign_update_leverage(market, rng.randrange(1, 10_001), rng.randrange(2), **last)
    if kind == 29:
        return client.sign_update_margin(market, 1 + width(rng, 50), rng.randrange(2), **last)
    if kind == 9:
        return client.sign_create_sub_account(**last)
    grouped = []
    market, base, ask = rng.randrange(255), 1 + width(rng, 47), rng.randrange(2)
    for leg in (2, 4):
        grouped.append(CreateOrderTxReq(market, 0, base, 1 + width(rng, 31), ask, leg, 0, 1, 1 + width(rng, 31), 1893456000000))
    return client.sign_create_grouped_orders(client.GROUPING_TYPE_ONE_CANCELS_THE_OTHER, grouped, **last)


def worker(job):
    # The SDK's clients want a running loop, although nothing is sent.
    return asyncio.run(part_of(job))


async def part_of(job):
    part, count, keys = job
    rng = random.Random(SEED * 1_000_003 + part)
    clients = []
    for name, account, key, chain, private in keys:
        clients.append((name, chain, key, SignerClient("http://127.0.0.1:9", account, {key: private}, chain_id=chain)))
    rows, refused = [], 0
    while len(rows) < count:
        name, chain, key, client = rng.choice(clients)
        kind, info, tx_hash, error = signed(rng, client, key)
        if error:
            refused += 1
            continue
        rows.append({"key": name, "chain_id": chain, "tx_type": kind, "tx_info": info, "tx_hash": tx_hash.removeprefix("0x")})
    for *_, client in clients:
        await client.close()
    return rows, refused


def main():
    rng = random.Random(SEED)
    keys = []
    for i in range(KEYS):
        private, public, error = create_api_key()
        assert error is None, error
        account = rng.choice([i + 1, (1 << 40) + i, (1 << 48) - 2 - i])
        keys.append((f"K{i}", account, 4 + i, 304 if i < KEYS - 2 else 300, private.removeprefix("0x"), public.removeprefix("0x")))
    parts = 2 * (os.cpu_count() or 1)
    # Parts that add up to all of the cases.
    jobs = [(part, CASES // parts + (part < CASES % parts), [key[:5] for key in keys]) for part in range(parts)]
    rows, refused = [], 0
    with multiprocessing.get_context("spawn").Pool() as pool:
        for part, bad in pool.imap(worker, jobs):
            rows += part
            refused += bad
    kinds = {}
    for row in rows:
        kinds[row["tx_type"]] = kinds.get(row["tx_type"], 0) + 1
    print(f"  {len(rows)} transactions by type: {dict(sorted(kinds.items()))}; the signer refused {refused} more")
    ours = sign(rows, keys)
    if ours is None:
        return
    wrong = [row for row, case in zip(rows, ours) if case["tx_hash"] != row["tx_hash"]]
    checks.equal(f"different of {CASES}: hashes", wrong[:2], [])
    publics = {key[0]: key[5] for key in keys}
    checks.equal("different: public keys", [r for r, c in zip(rows, ours) if c["public_key"].removeprefix("0x") != publics[r["key"]]][:2], [])
    served(rows, ours, keys, rng)


def sign(rows, keys):
    path = f"{OUT}/lighter_random.json"
    with open(path, "w") as file:
        json.dump({"keys": [{"name": k[0], "private_key": k[4]} for k in keys], "transactions": [{**r, "err": None} for r in rows]}, file)
    done = subprocess.run([EVENKEEL, "sign", "--venue", "lighter", "--input", path, "--json"], capture_output=True, text=True)
    if not checks.true("evenkeel sign takes them", done.returncode == 0, done.stderr):
        return None
    cases = json.loads(done.stdout)["cases"]
    checks.equal("transactions signed by both", len(cases), CASES)
    return cases


def served(rows, ours, keys, rng):
    """The venue's own verifier, which is a third implementation."""
    accounts = []
    for _, account, key, chain, _, public in keys:
        if chain == 304:
            accounts += ["--account", f"{account}@{key}={public}"]
    venue = Venue("--venue", "lighter", *accounts)
    session = requests.Session()

    def code(row, info):
        answer = session.post(f"{venue.url}/api/v1/sendTx", data={"tx_type": row["tx_type"], "tx_info": info})
        return answer.json()["code"]

    native, engine, forged, asked = 0, 0, 0, 0
    strange = []
    for row, case in zip(rows, ours):
        if row["chain_id"] != 304 or row["tx_type"] not in EXECUTED:
            continue
        asked += 1
        info = json.loads(row["tx_info"])
        # Both are refused for their nonces, or whatever else is random in them: but not for the signature.
        native += code(row, row["tx_info"]) != 21120
        signature = bytes.fromhex(case["signature"].removeprefix("0x"))
        engine += code(row, json.dumps({**info, "Sig": base64.b64encode(signature).decode()})) != 21120
        if asked > FORGED:
            continue
        changed = dict(info)
        if rng.random() < 0.5:
            bent = bytearray(base64.b64decode(info["Sig"]))
            bent[rng.randrange(80)] ^= 1 << rng.randrange(8)
            changed["Sig"] = base64.b64encode(bytes(bent)).decode()
        else:
            field = rng.choice(["Nonce", "ExpiredAt"] + (["Price", "BaseAmount"] if row["tx_type"] in (14, 17) else []))
            changed[field] += 1
        got = code(row, json.dumps(changed))
        forged += got == 21120
        if got != 21120:
            strange.append((got, changed))
    checks.equal("the venue takes the native signer's signatures", native, asked)
    checks.equal("and the engine's", engine, asked)
    checks.equal("and none of those that were changed", (forged, strange[:1]), (min(FORGED, asked), []))
    venue.stop()


if __name__ == "__main__":
    main()
    checks.end("lighter_signing")
