//! Cold. Bad configurations: each is refused at its line and column, with its reason, and with all
//! of its errors at once.

use evenkeel::config::{Config, ConfigErrors, Mode};
use proptest::prelude::*;

const DEMO: &str = include_str!("../config/demo.toml");

fn refused(text: &str) -> ConfigErrors {
    match Config::parse(text, "bad.toml") {
        Ok(_) => panic!("taken:\n{text}"),
        Err(errors) => errors,
    }
}

/// A market `ETH` with `body` behind its symbol, which stands on line 2.
fn eth(body: &str) -> String {
    format!("[[market]]\nsymbol = \"ETH\"\n{body}\n")
}

// -- bad files ------------------------------------------------------------------------------------

/// A text, and for each of its errors: line:column, key, and a part of the reason.
type Bad<'a> = (&'a str, &'a [(&'a str, &'a str, &'a str)]);

fn expect(cases: &[Bad<'_>]) {
    for (text, want) in cases {
        let errors = refused(text);
        let shown = errors.to_string();
        assert_eq!(errors.errors().len(), want.len(), "{text}\ngave\n{shown}");
        assert_eq!(shown.lines().count(), want.len(), "one line each: {shown}");
        for (error, (at, key, why)) in errors.errors().iter().zip(*want) {
            assert_eq!(error.at().to_string(), format!("bad.toml:{at}"), "{text}\ngave\n{error}");
            assert_eq!(error.key(), *key, "{error}");
            assert!(error.what().contains(why), "{text}\ngave\n{error}\nwithout\n{why}");
        }
    }
}

#[test]
fn bad_syntax() {
    expect(&[
        ("[limits]\nburst 5\n", &[("2:7", "", "expected `=`")]),
        ("[limits]\nburst = 5\nburst = 6\n", &[("3:1", "", "duplicate key")]),
        ("[engine]\nname = \"a\nmode = \"paper\"\n", &[("2:10", "", "invalid basic string")]),
        // A value that could not be read is not judged; what stands behind it is.
        (
            "[limits]\nburst = = 3\nloss_quote = 0.5\n",
            &[
                ("2:9", "", "extra `=`"),
                ("2:11", "", "unexpected key or value"),
                ("3:14", "limits.loss_quote", "write \"0.5\""),
            ],
        ),
        // Behind a broken header nobody knows where a key belongs.
        ("[limits\nburst = 5\n[journal]\nenabled = 3\n", &[("1:8", "", "unclosed table")]),
    ]);
}

#[test]
fn bad_keys() {
    expect(&[
        ("[limits]\nburts = 5\n", &[("2:1", "limits.burts", "did you mean `burst`?")]),
        ("[limts]\nburst = 5\n", &[("1:2", "limts", "did you mean `limits`?")]),
        ("[[markets]]\nsymbol = \"SOL\"\n", &[("1:3", "markets", "did you mean `market`?")]),
        ("burst = 5\n", &[("1:1", "burst", "did you mean `limits.burst`?")]),
        ("soft_cap = 5\n", &[("1:1", "soft_cap", "did you mean `market.maker.soft_cap`?")]),
        ("[engine]\ncolour = 5\n", &[("2:1", "engine.colour", "explains every key")]),
        ("limits = 3\n", &[("1:10", "limits", "this is a section")]),
        ("limits.burst.x = 3\n", &[("1:8", "limits.burst", "found a table")]),
        ("[limits]\nburst = { max = 3 }\n", &[("2:9", "limits.burst", "found a table")]),
        ("[market]\nsymbol = \"ETH\"\n", &[("1:1", "market", "write `[[market]]`")]),
        ("market = [3]\n", &[("1:11", "market", "write `[[market]]`")]),
        ("[[market]]\nstale_ms = 5\n", &[("1:1", "market", "states its `symbol`")]),
        ("[[market]]\nsymbol = 5\n", &[("2:10", "market.symbol", "as a string")]),
        (
            "[[market]]\nsymbol = \"ETH USD\"\n",
            &[("2:10", "market.ETH USD.symbol", "printable ASCII")],
        ),
        (
            "[[market]]\nsymbol = \"ETH\"\n[[market]]\nsymbol = \"ETH\"\n",
            &[("3:1", "market.ETH", "first at bad.toml:1:1")],
        ),
        (
            &eth("[market.maker]\nsize_mix = 5"),
            &[("4:1", "market.ETH.maker.size_mix", "did you mean `size_m")],
        ),
        (
            &eth("[market.maker.trend]\nrelase_bps = 5"),
            &[("4:1", "market.ETH.maker.trend.relase_bps", "did you mean `release_bps`?")],
        ),
        (&eth("[market.makr]\nsize = 5"), &[("3:9", "market.ETH.makr", "did you mean `maker`?")]),
        (&eth("burst = 5"), &[("3:1", "market.ETH.burst", "did you mean `limits.burst`?")]),
    ]);
}

#[test]
fn bad_types() {
    let size = "market.ETH.maker.size";
    let whole = "expected a whole number";
    expect(&[
        (&eth("[market.maker]\nsize = 0.064"), &[("4:8", size, "write \"0.064\"")]),
        (&eth("[market.maker]\nsize = 1e-3"), &[("4:8", size, "plain decimal in quotes")]),
        (&eth("[market.maker]\nsize = nan"), &[("4:8", size, "plain decimal in quotes")]),
        (&eth("[market.maker]\nsize = \"1e-3\""), &[("4:8", size, "not a decimal number")]),
        (&eth("[market.maker]\nsize = \"\""), &[("4:8", size, "empty number")]),
        (&eth("[market.maker]\nsize = \"0,064\""), &[("4:8", size, "not a decimal number")]),
        (&eth("[market.maker]\nsize = \"0.000000001\""), &[("4:8", size, "8 decimal places")]),
        (&eth("[market.maker]\nsize = \"99999999999\""), &[("4:8", size, "beyond 10^10")]),
        (&eth("[market.maker]\nsize = true"), &[("4:8", size, "found true or false")]),
        (&eth("[market.maker]\nsize = 0x10"), &[("4:8", size, "not decimal")]),
        (&eth("[market.maker]\nsize = 2026-01-01"), &[("4:8", size, "found a date")]),
        (
            &eth("[market.maker]\nspread_base_bps = \"7.00001\""),
            &[("4:19", "market.ETH.maker.spread_base_bps", "more than 4 decimal places")],
        ),
        (
            &eth("[market.maker]\nsize_calm_factor = \"1.0005\""),
            &[("4:20", "market.ETH.maker.size_calm_factor", "more than 3 decimal places")],
        ),
        (
            &eth("[market.hedger]\nmax_clip_hard = \"automatic\""),
            &[("4:17", "market.ETH.hedger.max_clip_hard", "(or \"auto\")")],
        ),
        ("[limits]\nburst = \"40\"\n", &[("2:9", "limits.burst", "write 40 without quotes")]),
        ("[limits]\nburst = 4.5\n", &[("2:9", "limits.burst", whole)]),
        ("[limits]\nburst = [4]\n", &[("2:9", "limits.burst", whole)]),
        ("[journal]\nenabled = \"yes\"\n", &[("2:11", "journal.enabled", "true or false")]),
        ("[engine]\nname = 3\n", &[("2:8", "engine.name", "expected a string")]),
        ("[engine]\nmode = 3\n", &[("2:8", "engine.mode", "one of paper, live")]),
        ("[engine]\nmode = \"lvie\"\n", &[("2:8", "engine.mode", "did you mean \"live\"?")]),
        ("[venue]\nname = \"binance\"\n", &[("2:8", "venue.name", "none of hyperliquid")]),
        ("[topology]\ncpus = 3\n", &[("2:8", "topology.cpus", "expected a list")]),
    ]);
}

#[test]
fn bad_ranges() {
    expect(&[
        ("[limits]\nburst = 3\n", &[("2:9", "limits.burst", "3 is outside 4 ..= 10000")]),
        ("[limits]\nburst = -3\n", &[("2:9", "limits.burst", "-3 is outside")]),
        ("[limits]\nloss_quote = 0\n", &[("2:14", "limits.loss_quote", "outside 0.01")]),
        ("[limits]\nloss_quote = \"-5\"\n", &[("2:14", "limits.loss_quote", "-5 is outside")]),
        (
            "[limits]\nactions_per_s = 99999999999999999999999\n",
            &[("2:17", "limits.actions_per_s", "outside 1 ..= 10000 actions a second")],
        ),
        (&eth("stale_ms = 0"), &[("3:12", "market.ETH.stale_ms", "outside 1 ..= 600000 ms")]),
        (
            &eth("[market.limits]\nopen_orders = 33"),
            &[("4:15", "market.ETH.limits.open_orders", "outside 1 ..= 32")],
        ),
        (
            &eth("[market.limits]\nposition = 0"),
            &[("4:12", "market.ETH.limits.position", "outside 0.00000001")],
        ),
        (
            &eth("[market.maker.pnl_guard]\ntrigger_quote = \"0.2\""),
            &[("4:17", "market.ETH.maker.pnl_guard.trigger_quote", "outside -1000000 ..= -0.01")],
        ),
        (
            &eth("[market.maker.pnl_guard]\nspread_bps = 9"),
            &[("4:14", "market.ETH.maker.pnl_guard.spread_bps", "9 is outside 0 ..= 8 bps")],
        ),
        (
            &eth("[market.hedger]\nguard_factor = \"1.5\""),
            &[("4:16", "market.ETH.hedger.guard_factor", "outside 0 ..= 1")],
        ),
        (
            &eth("[market.maker.regime.aggressive]\nlevels = 5"),
            &[("4:10", "market.ETH.maker.regime.aggressive.levels", "outside 1 ..= 4")],
        ),
        ("[engine]\nname = \"a b\"\n", &[("2:8", "engine.name", "letters, digits")]),
        ("[metrics]\naddress = \"here\"\n", &[("2:11", "metrics.address", "with a port")]),
        ("[metrics]\naddress = \"0.0.0.0:9\"\n", &[("2:11", "metrics.address", "loopback")]),
        ("[venue]\nws_url = \"http://a\"\n", &[("2:10", "venue.ws_url", "begins with wss://")]),
        ("[venue]\nrest_url = \"https://\"\n", &[("2:12", "venue.rest_url", "begins with")]),
        (
            "[venue]\nrest_url = \"https://me:pw@host\"\n",
            &[("2:12", "venue.rest_url", "no credentials")],
        ),
        (
            "[topology]\ncpus = [1, 2, 1, 2000, 3]\n",
            &[
                ("2:8", "topology.cpus", "at most 3"),
                ("2:15", "topology.cpus", "1 is in the list twice"),
                ("2:18", "topology.cpus", "2000 is outside 0 ..= 1023"),
            ],
        ),
    ]);
}

#[test]
fn bad_tables() {
    let key = "market.ETH.maker.inventory_spread";
    let table = |rows: &str| eth(&format!("[market.maker]\ninventory_spread = {rows}"));
    let nine: Vec<String> =
        (1..=9).map(|i| format!("{{ above = \"0.0{i}\", spread_bps = 1 }}")).collect();
    expect(&[
        (&table("3"), &[("4:20", key, "expected a list of { above")]),
        (&table("[3]"), &[("4:21", key, "found a whole number")]),
        (&table("[{ above = 1 }]"), &[("4:21", key, "a row without `spread_bps`")]),
        (&table("[{ above = 0.1, spread_bps = 1 }]"), &[("4:31", key, "above: a float")]),
        (
            &table("[{ above = \"0.1\", spread_bps = 1, size = 1 }]"),
            &[("4:54", key, "unknown key `size`")],
        ),
        (
            &table("[{ above = \"0.1\", spread_bps = 2 }, { above = \"0.1\", spread_bps = 3 }]"),
            &[("4:56", key, "must ascend")],
        ),
        (&table(&format!("[{}]", nine.join(", "))), &[("4:20", key, "9 rows, and at most 8")]),
        (
            &table("[{ above = \"0.3\", spread_bps = 2 }]"),
            &[("4:20", key, "it can never hold; see `market.ETH.limits.position`")],
        ),
    ]);
}

#[test]
fn bad_sizes_and_inventories() {
    expect(&[
        (
            &eth("[market.maker]\nsize_min = \"0.08\"\nsize_max = \"0.07\""),
            &[(
                "5:12",
                "market.ETH.maker.size_max",
                "see `market.ETH.maker.size_min` (bad.toml:4:12)",
            )],
        ),
        (
            &eth("[market.maker]\nsize = \"0.06\""),
            &[("4:8", "market.ETH.maker.size", "below the smallest size")],
        ),
        (
            &eth("[market.maker]\nsize = \"0.08\""),
            &[("4:8", "market.ETH.maker.size", "above the largest size")],
        ),
        (
            &eth("[market.limits]\norder_size = \"0.07\""),
            &[("4:14", "market.ETH.limits.order_size", "refuse the largest quote")],
        ),
        (
            &eth("[market.limits]\norder_size = \"0.7\""),
            &[("4:14", "market.ETH.limits.order_size", "twice the position limit")],
        ),
        (
            &eth("[market.maker]\nsize_wild_factor = \"1.2\""),
            &[("4:20", "market.ETH.maker.size_wild_factor", "grow as the market gets wilder")],
        ),
        (
            &eth("[market.maker]\nasymmetric_above = \"0.06\""),
            &[("4:20", "market.ETH.maker.asymmetric_above", "before the soft cap")],
        ),
        (
            &eth("[market.maker]\nsoft_cap = \"0.31\""),
            &[("4:12", "market.ETH.maker.soft_cap", "above the position limit")],
        ),
        (
            &eth("[market.maker.pause]\nresume_inventory = \"0.06\""),
            &[("4:20", "market.ETH.maker.pause.resume_inventory", "more inventory")],
        ),
        (
            &eth(
                "[market.limits]\nposition = \"0.2\"\n[market.maker.regime.defensive]\nlevels = 4",
            ),
            &[
                ("4:12", "market.ETH.limits.position", "smallest quotes of all levels"),
                ("6:10", "market.ETH.maker.regime.defensive.levels", "9 orders; 8 may be open"),
            ],
        ),
        (
            &eth(
                "[market.maker]\nlevel_step_bps = 0\n[market.maker.regime.aggressive]\nlevels = 2",
            ),
            &[("6:10", "market.ETH.maker.regime.aggressive.levels", "state a step")],
        ),
    ]);
}

#[test]
fn bad_prices_and_switches() {
    expect(&[
        (
            &eth("[market.maker]\nspread_calm_bps = 20"),
            &[("4:19", "market.ETH.maker.spread_calm_bps", "narrow as the market gets wilder")],
        ),
        (
            &eth("[market.maker]\nvolatility_calm_bps = 12"),
            &[("4:23", "market.ETH.maker.volatility_calm_bps", "calm must lie below wild")],
        ),
        (
            &eth("[market.maker.regime.aggressive]\nspread_bps = -7"),
            &[("4:14", "market.ETH.maker.regime.aggressive.spread_bps", "zero or negative")],
        ),
        (
            &eth("fast_cancel_edge_bps = \"3.5\""),
            &[("3:24", "market.ETH.fast_cancel_edge_bps", "the narrowest spread is 7 bps")],
        ),
        (
            &eth("[market.limits]\nprice_band_bps = \"19.4999\""),
            &[("4:18", "market.ETH.limits.price_band_bps", "can lie 19.5 bps from the mid")],
        ),
        (
            &eth("[market.maker.trend]\nrelease_bps = 13"),
            &[("4:15", "market.ETH.maker.trend.release_bps", "flap")],
        ),
        (
            &eth("[market.maker.pause]\nvolatility_bps = 6"),
            &[("4:18", "market.ETH.maker.pause.volatility_bps", "could never hold")],
        ),
    ]);
}

#[test]
fn bad_hedges() {
    expect(&[
        (
            &eth("[market.hedger]\ntarget = \"0.02\""),
            &[("4:10", "market.ETH.hedger.target", "above the trigger")],
        ),
        (
            &eth("[market.hedger]\ntrigger = \"0.3\""),
            &[("4:11", "market.ETH.hedger.trigger", "could never be passed")],
        ),
        (
            &eth("[market.hedger]\nmax_clip = \"0.4\""),
            &[("4:12", "market.ETH.hedger.max_clip", "refuse the largest hedge")],
        ),
        (
            &eth("[market.hedger]\nmax_clip_hard = \"0.02\""),
            &[("4:17", "market.ETH.hedger.max_clip_hard", "below the clip that it caps")],
        ),
        (
            &eth("[market.hedger]\nmax_clip_hard = \"0.4\""),
            &[("4:17", "market.ETH.hedger.max_clip_hard", "above the limit of an order")],
        ),
        (
            &eth("[market.limits]\nprice_band_bps = 30\n[market.hedger]\npassive_offset_bps = 31"),
            &[("6:22", "market.ETH.hedger.passive_offset_bps", "outside the price band")],
        ),
        (
            &eth("[market.hedger]\nslippage_bps = 51"),
            &[("4:16", "market.ETH.hedger.slippage_bps", "up to 102 bps from the mid")],
        ),
        (
            &eth("[market.hedger]\ndeadline_ms = 400"),
            &[("4:15", "market.ETH.hedger.deadline_ms", "stuck before")],
        ),
    ]);
}

#[test]
fn bad_combinations_of_the_engine() {
    expect(&[
        (
            "[venue]\nnetwork = \"mainnet\"\nws_url = \"wss://api.hyperliquid-testnet.xyz/ws\"\n",
            &[("3:10", "venue.ws_url", "a testnet URL with network = \"mainnet\"")],
        ),
        (
            "[venue]\nnetwork = \"testnet\"\nrest_url = \"https://api.hyperliquid.xyz\"\n",
            &[("3:12", "venue.rest_url", "not a testnet URL")],
        ),
        (
            "[venue]\nnetwork = \"mainnet\"\nws_url = \"ws://node.example/ws\"\n",
            &[("3:10", "venue.ws_url", "encrypted only")],
        ),
        (
            "[venue]\nnetwork = \"mainnet\"\nws_url = \"wss://127.0.0.1:9/ws\"\n",
            &[("3:10", "venue.ws_url", "no real network")],
        ),
        (
            "[venue]\nnetwork = \"embedded\"\nws_url = \"wss://api.hyperliquid.xyz/ws\"\n",
            &[("3:10", "venue.ws_url", "on loopback")],
        ),
        ("[venue]\nname = \"nado\"\n", &[("2:8", "venue.name", "described and checked")]),
        ("[topology]\ncpus = [1]\n", &[("2:8", "topology.cpus", "named topology")]),
        (
            "[topology]\ncpus = [1, 2]\nname = \"pipeline\"\n",
            &[("3:8", "topology.name", "3 threads and 2 cpus are given; see `topology.cpus`")],
        ),
        ("[journal]\npath = \"\"\n", &[("2:8", "journal.path", "needs a path")]),
    ]);
}

#[test]
fn a_live_run_states_its_limits() {
    let errors = refused("[engine]\nmode = \"live\"\n[venue]\nnetwork = \"mainnet\"\n");
    let limits = Config::keys().into_iter().filter(|(k, _)| k.contains("limits.")).count();
    assert_eq!((errors.errors().len(), limits), (12, 12), "{errors}");
    assert!(errors.errors().iter().all(|e| e.what().contains("states every limit itself")));
    // The demo states them all: it could be live, but for its network.
    let live = DEMO.replace("\"paper\"", "\"live\"");
    let errors = refused(&live);
    assert_eq!(errors.errors().len(), 1, "{errors}");
    assert!(errors.to_string().contains("the embedded venue is for mode"), "{errors}");
    let real = live.replace("\"embedded\"", "\"testnet\"");
    let taken = Config::parse(&real, "good.toml").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(taken.engine.mode, Mode::Live);
    // One limit less is one error, at its market.
    let less = real.replace("order_size = \"3\"\n", "");
    let errors = refused(&less);
    assert_eq!(errors.errors().len(), 1, "{errors}");
    assert_eq!(errors.errors()[0].key(), "market.SOL.limits.order_size");
}

#[test]
fn secrets_are_refused_and_never_shown() {
    let canary = "canary0123456789";
    let hex = "c0ffee0123456789c0ffee0123456789c0ffee0123456789c0ffee0123456789";
    let words = ["abandon"; 12].join(" ");
    let text = format!(
        "[engine]\nname = \"{words}\"\nprivate_key = \"{canary}\"\nAPI-Key = \"{canary}\"\n\
         [venue]\nws_url = \"0x{hex}\"\nwallet_secret = \"{canary}\"\n\
         [account]\nmnemonic = \"{canary}\"\n[account.inner]\nauth_token = \"{canary}\"\n"
    );
    let errors = refused(&text);
    let shown = format!("{errors}\n{errors:?}");
    assert_eq!(errors.errors().len(), 8, "{errors}");
    for secret in [canary, hex, &words] {
        assert!(!shown.contains(secret), "{shown}");
    }
    for at in ["2:8", "3:1", "4:1", "6:10", "7:1", "9:1", "11:1"] {
        assert!(shown.contains(&format!("bad.toml:{at}: ")), "{at} is missing in {shown}");
    }
    // Nor from outside of files, nor in a broken one.
    let env = [("EVENKEEL__ENGINE__PRIVATE_KEY".to_owned(), canary.to_owned())];
    let flags = [("engine.name".to_owned(), hex.to_owned())];
    let shown = Config::layered(&[], &env, &flags).expect_err("secrets").to_string();
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert!(!shown.contains(canary) && !shown.contains(hex), "{shown}");
    let shown = refused(&format!("[x\nprivate_key = \"{canary}\nsecret = \"{canary}\"\n"));
    assert!(!format!("{shown:?}").contains(canary), "{shown}");
}

#[test]
fn every_error_of_every_layer_at_once() {
    let a = "[limits]\nburst = 1\n[[market]]\nsymbol = \"ETH\"\n[market.maker]\nsize = 0.1\n";
    let b = "[engine]\nmode = 1\n[[market]]\nsymbol = \"ETH\"\n[market.hedger]\ntarget = 1\n";
    let env = [
        ("EVENKEEL__LIMITS__BURTS".to_owned(), "5".to_owned()),
        ("EVENKEEL__MARKET__BTC__STALE_MS".to_owned(), "5".to_owned()),
        ("EVENKEEL__MARKET__ETH__MAKER__SOFT_CAP".to_owned(), "1".to_owned()),
        ("EVENKEEL_OTHER".to_owned(), "not ours".to_owned()),
    ];
    let flags = [("market.ETH.hedger.enabled".to_owned(), "yes".to_owned())];
    let errors = Config::layered(&[(a, "a.toml"), (b, "b.toml")], &env, &flags).expect_err("bad");
    let want = [
        "a.toml:2:9: limits.burst: 1 is outside",
        "a.toml:6:8: market.ETH.maker.size: a float",
        "b.toml:2:8: engine.mode: expected one of paper, live",
        "b.toml:6:10: market.ETH.hedger.target: the target lies above the trigger",
        "EVENKEEL__LIMITS__BURTS: limits.burts: unknown key; did you mean `burst`?",
        "EVENKEEL__MARKET__BTC__STALE_MS: market.btc.stale_ms: no such market is configured",
        "EVENKEEL__MARKET__ETH__MAKER__SOFT_CAP: market.ETH.maker.soft_cap: the soft cap is above",
        "--set market.ETH.hedger.enabled: market.ETH.hedger.enabled: expected true or false",
    ];
    let shown = errors.to_string();
    // The hedger's flag is bad, not off: its other values are still judged.
    assert_eq!(shown.lines().count(), want.len(), "{shown}");
    for (line, want) in shown.lines().zip(want) {
        assert!(line.starts_with(want), "{line}\nis not\n{want}");
    }
}

#[test]
fn markets_are_bounded() {
    let many: String = (0..65).map(|i| eth("").replace("ETH", &format!("M{i}"))).collect();
    let errors = refused(&many);
    assert!(errors.to_string().contains("market.M64: more than 64 markets"), "{errors}");
}

/// Pieces that break a text in more ways than random bytes do.
const PIECES: [&str; 14] = [
    "[",
    "]",
    "\"",
    "=",
    "\n",
    "{",
    "}",
    ",",
    ".",
    "[[market]]\n",
    "symbol",
    "\u{feff}",
    "0x",
    "\"\"\"",
];

proptest! {
    /// No text panics; a text that is taken comes back from its effective file.
    #[test]
    fn damaged_files_are_taken_or_refused(
        cut in 0..DEMO.len(),
        len in 0..200usize,
        piece in 0..PIECES.len(),
        word in "[ -~\\n\u{e4}\u{20ac}]{0,12}",
    ) {
        let end = (cut + len).min(DEMO.len());
        let text = format!("{}{}{word}{}", &DEMO[..cut], PIECES[piece], &DEMO[end..]);
        match Config::parse(&text, "damaged.toml") {
            Ok(config) => {
                let again = Config::parse(&config.effective_toml(), "effective.toml");
                prop_assert_eq!(again, Ok(config));
            }
            Err(errors) => {
                let shown = errors.to_string();
                prop_assert_eq!(shown.lines().count(), errors.errors().len());
                prop_assert!(shown.lines().all(|l| l.starts_with("damaged.toml:")
                    || l.starts_with("config/default.toml:")), "{}", shown);
            }
        }
    }
}
