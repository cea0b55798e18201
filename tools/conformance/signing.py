"""Random actions, signed by the SDK's own signer and by the engine's: every byte must be equal."""

import json
import multiprocessing
import os
import random
import subprocess

import eth_account
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from hyperliquid.utils import signing
from hyperliquid.utils.types import Cloid

from common import EVENKEEL, OUT, Checks

CASES = int(os.environ.get("CASES", "10000"))
SEED = int(os.environ.get("SEED", "20261121"))
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def decimal(rng):
    """A positive number of at most 8 decimals below 10^10: the engine counts in 10^-8 in 63 bits and refuses
    what is larger."""
    digits = rng.randrange(1, 10 ** rng.randrange(1, 11))
    return digits / 10 ** rng.randrange(0, 9)


def width(rng, bits):
    """An integer of any width, because msgpack writes each its own way."""
    return rng.getrandbits(rng.randrange(1, bits + 1))


def asset(rng):
    return rng.choice([rng.randrange(300), 10_000 + rng.randrange(400), 100_000 + rng.randrange(1, 9) * 10_000 + rng.randrange(200), width(rng, 32)])


def cloid(rng):
    return Cloid.from_int(width(rng, 128))


def order(rng):
    if rng.random() < 0.2:
        kind = {"trigger": {"isMarket": rng.random() < 0.5, "triggerPx": decimal(rng), "tpsl": rng.choice(["tp", "sl"])}}
    else:
        kind = {"limit": {"tif": rng.choice(["Alo", "Ioc", "Gtc"])}}
    request = {"coin": "", "is_buy": rng.random() < 0.5, "sz": decimal(rng), "limit_px": decimal(rng),
               "order_type": kind, "reduce_only": rng.random() < 0.3, "cloid": cloid(rng) if rng.random() < 0.6 else None}
    while True:
        try:
            return signing.order_request_to_order_wire(request, asset(rng))
        except ValueError:
            request["sz"], request["limit_px"] = decimal(rng), decimal(rng)
            if "trigger" in kind:
                kind["trigger"]["triggerPx"] = decimal(rng)


def count(rng):
    return rng.choice([1, 1, 1, 2, 3, 5, 15, 16, 17, 40, 200] if rng.random() < 0.2 else [1, 1, 2, 3])


def oid(rng):
    return cloid(rng).to_raw() if rng.random() < 0.5 else width(rng, 63)


def flagged(rng, action, key):
    """`f` and `a` are hashed only when true."""
    if rng.random() < 0.5:
        action[key] = True
    return action


def action(rng):
    kind = rng.choice(["order"] * 5 + ["cancel", "cancelByCloid", "modify", "batchModify", "scheduleCancel",
                                      "updateLeverage", "updateIsolatedMargin", "noop", "reserveRequestWeight"])
    if kind == "order":
        grouping = {"p": width(rng, 20)} if rng.random() < 0.1 else "na"
        builder = {"b": f"0x{rng.getrandbits(160):040x}", "f": rng.randrange(100)} if rng.random() < 0.2 else None
        return signing.order_wires_to_order_action([order(rng) for _ in range(count(rng))], builder, grouping)
    if kind == "cancel":
        return flagged(rng, {"type": kind, "cancels": [{"a": asset(rng), "o": width(rng, 63)} for _ in range(count(rng))]}, "f")
    if kind == "cancelByCloid":
        return flagged(rng, {"type": kind, "cancels": [{"asset": asset(rng), "cloid": cloid(rng).to_raw()} for _ in range(count(rng))]}, "f")
    if kind == "modify":
        return flagged(rng, {"type": kind, "oid": oid(rng), "order": order(rng)}, "a")
    if kind == "batchModify":
        return flagged(rng, {"type": kind, "modifies": [{"oid": oid(rng), "order": order(rng)} for _ in range(count(rng))]}, "a")
    if kind == "scheduleCancel":
        return {"type": kind, "time": width(rng, 48)} if rng.random() < 0.7 else {"type": kind}
    if kind == "updateLeverage":
        return {"type": kind, "asset": asset(rng), "isCross": rng.random() < 0.5, "leverage": rng.randrange(1, 51)}
    if kind == "updateIsolatedMargin":
        return {"type": kind, "asset": asset(rng), "isBuy": True, "ntli": width(rng, 62) * rng.choice([1, -1])}
    if kind == "reserveRequestWeight":
        return {"type": kind, "weight": width(rng, 32)}
    return {"type": kind}


def case(index):
    rng = random.Random(SEED * 1_000_003 + index)
    return {
        "name": f"random-{index}",
        "private_key": f"0x{rng.randrange(1, N):064x}",
        "is_mainnet": rng.random() < 0.5,
        "action": action(rng),
        "nonce": width(rng, 64),
        "vault_address": f"0x{rng.getrandbits(160):040x}" if rng.random() < 0.3 else None,
        "expires_after": width(rng, 64) if rng.random() < 0.3 else None,
    }


def signed(case):
    wallet = eth_account.Account.from_key(case["private_key"])
    args = case["action"], case["vault_address"], case["nonce"], case["expires_after"]
    connection = signing.action_hash(*args)
    agent = signing.construct_phantom_agent(connection, case["is_mainnet"])
    message = encode_typed_data(full_message=signing.l1_payload(agent))
    digest = keccak(b"\x19" + message.version + message.header + message.body)
    signature = signing.sign_l1_action(wallet, *args, case["is_mainnet"])
    return int.from_bytes(connection, "big"), int.from_bytes(digest, "big"), int(signature["r"], 16), int(signature["s"], 16), signature["v"]


def ours(cases, name):
    path = f"{OUT}/{name}.json"
    with open(path, "w") as file:
        json.dump({"cases": cases}, file)
    done = subprocess.run([EVENKEEL, "sign", "--venue", "hyperliquid", "--input", path, "--json"], capture_output=True, text=True)
    return (json.loads(done.stdout)["cases"] if done.returncode == 0 else None), done


def tupled(out):
    signature = out["signature"]
    return tuple(int(x, 16) for x in (out["connection_id"], out["digest"], signature["r"], signature["s"])) + (signature["v"],)


def differential(checks):
    cases = [case(index) for index in range(CASES)]
    outs, done = ours(cases, "random_actions")
    if not checks.true("evenkeel sign takes them", outs is not None, done.stderr):
        return
    kinds = {}
    wrong, general = [], []
    with multiprocessing.Pool() as pool:
        for one, out, want in zip(cases, outs, pool.imap(signed, cases, chunksize=50)):
            kind = one["action"]["type"]
            kinds[kind] = kinds.get(kind, 0) + 1
            if tupled(out) != want or out["name"] != one["name"]:
                wrong.append(one)
            if out["encoder"] != "hand":
                general.append(one)
    checks.equal("actions signed by both", len(outs), CASES)
    checks.equal(f"different of {CASES}: connection id, digest, r, s, v", wrong[:2], [])
    checks.equal("written otherwise by the engine's own encoder", general[:2], [])
    print(f"  {kinds}")


def refusals(checks):
    """What neither signs."""
    good = case(0)
    rng = random.Random(SEED)
    order_with = lambda **more: {"type": "order", "orders": [{**order(rng), **more}], "grouping": "na"}
    for what, change in [
        ("key zero", {"private_key": "0x" + "00" * 32}),
        ("key of the group's order", {"private_key": f"0x{N:064x}"}),
        ("key of 31 bytes", {"private_key": "0x" + "11" * 31}),
        ("key that is no hex", {"private_key": "0x" + "zz" * 32}),
        ("negative nonce", {"nonce": -1}),
        ("nonce of 65 bits", {"nonce": 1 << 64}),
        ("expiry of 65 bits", {"expires_after": 1 << 64}),
        ("vault that is no hex", {"vault_address": "0x" + "zz" * 20}),
        ("integer of 65 bits in the action", {"action": {"type": "scheduleCancel", "time": 1 << 64}}),
        ("integer below 64 bits in the action", {"action": {"type": "updateIsolatedMargin", "asset": 0, "isBuy": True, "ntli": -(1 << 63) - 1}}),
    ]:
        bad = {**good, **change}
        try:
            signed(bad)
            sdk = "signs"
        except Exception as error:  # whatever it raises is a refusal
            sdk = f"refuses ({type(error).__name__})"
        outs, done = ours([bad], "refused")
        engine = "signs" if outs is not None else "refuses"
        checks.true(what, sdk.startswith("refuses") and engine == "refuses", f"the SDK {sdk}, evenkeel {engine}: {done.stderr.strip()}")
    # A price that the SDK cannot write is none that the engine's encoder takes.
    for value, text in [(1e-9, "0.000000001"), (1.123456789, "1.123456789"), (0.1 + 1e-10, "0.1000000001")]:
        try:
            signing.float_to_wire(value)
            sdk = "writes"
        except ValueError:
            sdk = "refuses"
        outs, _ = ours([{**good, "action": order_with(p=text)}], "refused")
        checks.equal(f"price {text}", [sdk, outs and outs[0]["encoder"]], ["refuses", "general"])


if __name__ == "__main__":
    checks = Checks()
    refusals(checks)
    differential(checks)
    checks.end("signing")
