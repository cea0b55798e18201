//! Cold. The configuration: what is taken, what is refused, where and why.

use std::collections::BTreeSet;

use evenkeel::config::{Config, Mode, Network, Shape};
use evenkeel::instrument::{GridSpec, InstId, Instrument, InstrumentSpec, Symbol, VenueId};
use evenkeel::units::{Bps, Nanos, Notional, Price, Qty};

const DEMO: &str = include_str!("../config/demo.toml");

fn good(text: &str) -> Config {
    Config::parse(text, "good.toml").unwrap_or_else(|e| panic!("{e}"))
}

fn q(text: &str) -> Qty {
    Qty::parse(text.as_bytes()).expect("a literal of this test")
}

/// A market `ETH` with `body` behind its symbol, which stands on line 2.
fn eth(body: &str) -> String {
    format!("[[market]]\nsymbol = \"ETH\"\n{body}\n")
}

// -- good ones ------------------------------------------------------------------------------------

#[test]
fn the_defaults_mean_what_they_say() {
    let config = good("");
    assert_eq!((config.engine.mode, config.venue.network), (Mode::Paper, Network::Embedded));
    let market = &config.markets[0];
    assert_eq!(market.symbol, Symbol::new("SOL").expect("short"));
    assert_eq!(market.limits.position, q("0.3"));
    assert_eq!(market.limits.inventory_notional, Notional::from_raw(q("50").0));
    let maker = market.maker.expect("on");
    assert_eq!(maker.spread_base, Bps::whole(12));
    assert_eq!((maker.spread_calm, maker.spread_wild), (Bps::whole(7), Bps::whole(13)));
    assert_eq!((maker.size, maker.size_min, maker.size_max), (q("0.064"), q("0.061"), q("0.072")));
    assert_eq!((maker.size_calm_permille, maker.size_wild_permille), (1100, 700));
    assert_eq!(
        maker.inventory_spread.rows(),
        [(q("0.01"), 20_000), (q("0.02"), 40_000), (q("0.03"), 60_000)]
    );
    assert_eq!(maker.inventory_size.rows(), [(q("0.01"), 750), (q("0.02"), 500)]);
    assert_eq!(maker.pnl_guard.trigger, Notional::from_raw(-20_000_000));
    assert_eq!(maker.pnl_guard_size_permille, 850);
    assert_eq!(maker.regime.pause_inventory, q("0.0125"));
    assert_eq!((maker.trend_extra, maker.trend_pauses), (Bps(25_000), true));
    let hedger = market.hedger.expect("on");
    assert_eq!(hedger.rule.validate(), Ok(()));
    assert_eq!((hedger.rule.trigger, hedger.rule.target), (q("0.01"), q("0.001")));
    assert_eq!((hedger.rule.max_clip, hedger.rule.max_clip_hard), (q("0.03"), None));
    assert_eq!(hedger.rule.guard_multiplier_permille, 350);
    assert_eq!((hedger.passive_wait, hedger.slippage), (Nanos::from_millis(400), Bps::whole(7)));
    assert_eq!(hedger.cooldown, Nanos::from_secs(2));
}

/// The shipped examples are valid files; that their orders would be refused is for `check` to find.
#[test]
fn the_examples_are_valid_files() {
    let lighter = good(include_str!("../config/examples/lighter-sol-seed.toml"));
    assert_eq!(lighter.venue.name, VenueId::Lighter);
    let sol = Instrument::new(
        InstId(0),
        InstrumentSpec {
            grid: GridSpec::Tick(Price(100_000)),
            lot: q("0.001"),
            min_size: q("0.061"),
            min_notional: Notional::from_raw(q("10.5").0),
            ..spec("SOL", VenueId::Lighter)
        },
    )
    .expect("the venue's rules");
    let at = |px: &str| sol.min_qty(Price::parse(px.as_bytes()).expect("a price")).expect("fits");
    let (maker, hedger) = (lighter.markets[0].maker.expect("on"), lighter.markets[0].hedger);
    let rule = hedger.expect("on").rule;
    assert_eq!((at("143"), rule.max_clip), (q("0.074"), q("0.03")));
    assert_eq!(rule.max_clip.permille(rule.guard_multiplier_permille), q("0.0105"));
    // The band of sizes: executable at all from 145.84, as a whole from 172.14.
    assert!(at("145.83") > maker.size_max && at("145.84") <= maker.size_max);
    assert!(at("172.13") > maker.size_min && at("172.14") <= maker.size_min);

    let ladder = good(include_str!("../config/examples/hyperliquid-ladder-seed.toml"));
    let maker = ladder.markets[0].maker.expect("on");
    let btc = InstrumentSpec { lot: q("0.00001"), ..spec("BTC", VenueId::Hyperliquid) };
    let btc = Instrument::new(InstId(0), btc).expect("the venue's rules");
    let floor = btc.min_qty(Price::parse(b"90000").expect("a price")).expect("fits");
    assert_eq!(floor, q("0.00012"));
    assert!(maker.size_max < floor && !maker.raise_to_minimum);
}

#[test]
fn the_effective_file_is_the_configuration() {
    let changed = eth("[market.maker]\nenabled = false\n[market.maker.healing]\nlosses = 7\n\
         [market.hedger]\nmax_clip_hard = \"0.09\"\ndry_run = true");
    let empty = eth("[market.hedger]\nenabled = false\n[market.maker]\ninventory_size = []");
    let pinned =
        "[topology]\nname = \"pipeline\"\ncpus = [2, 3, 5]\n[journal]\npath = \"a \\\"b\\\\\"";
    let two = format!("{}{}", eth(""), eth("").replace("ETH", "xyz:TSLA"));
    for text in ["", DEMO, &changed, &empty, pinned, &two] {
        let config = good(text);
        let effective = config.effective_toml();
        let again = good(&effective);
        assert_eq!(again, config, "{effective}");
        assert_eq!(again.effective_toml(), effective);
    }
    assert_eq!(good(&changed).markets[0].maker, None);
    assert_eq!(good(&empty).markets[0].hedger, None);
    assert_eq!(good(pinned).topology.shape, Shape::Pipeline);
    assert_eq!(good(pinned).journal.path, "a \"b\\");
    // What is known at run time only is kept too.
    let mut config = good(DEMO);
    config.venue.ws_url = "ws://127.0.0.1:4321/ws".to_owned();
    assert_eq!(good(&config.effective_toml()), config);
}

#[test]
fn later_layers_win_and_markets_meet_by_symbol() {
    let a = "[limits]\nburst = 50\n[[market]]\nsymbol = \"ETH\"\nstale_ms = 1000\npnl_window_s = 7\n\
             [[market]]\nsymbol = \"BTC\"\n";
    let b = "[limits]\nburst = 60\n[[market]]\nsymbol = \"ETH\"\nstale_ms = 2000\n";
    let env = [
        ("EVENKEEL__LIMITS__BURST".to_owned(), "70".to_owned()),
        ("EVENKEEL__LIMITS__LOSS_QUOTE".to_owned(), "0.5".to_owned()),
        ("EVENKEEL__MARKET__BTC__HEDGER__ENABLED".to_owned(), "false".to_owned()),
        ("EVENKEEL__TOPOLOGY__NAME".to_owned(), "pair".to_owned()),
        ("EVENKEEL__TOPOLOGY__CPUS".to_owned(), "2, 3".to_owned()),
    ];
    let flags = [("limits.burst".to_owned(), "80".to_owned())];
    let config = Config::layered(&[(a, "a"), (b, "b")], &env, &flags).expect("good");
    assert_eq!(config.limits.burst, 80);
    assert_eq!(config.limits.loss, Notional::from_raw(50_000_000));
    assert_eq!(config.topology.cpus, [2, 3]);
    let symbols: Vec<&str> = config.markets.iter().map(|m| m.symbol.as_str()).collect();
    assert_eq!(symbols, ["ETH", "BTC"]);
    assert_eq!(config.markets[0].stale, Nanos::from_millis(2000));
    assert_eq!(config.markets[0].pnl_window, Nanos::from_secs(7));
    assert_eq!(config.markets[1].stale, Nanos::from_millis(3000));
    assert!(config.markets[0].hedger.is_some() && config.markets[1].hedger.is_none());
}

#[test]
fn whole_numbers_and_decimals_in_quotes_are_one() {
    let one = good(&eth("[market.maker]\nspread_base_bps = 12\nsoft_cap = \"0.10\""));
    let two = good(&eth("[market.maker]\nspread_base_bps = \"12.0\"\nsoft_cap = \".1\""));
    assert_eq!(one, two);
}

// -- the manual -----------------------------------------------------------------------------------

/// Keys of a TOML text with their sections, each with the comment line above it.
fn keys_of(text: &str) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut comment = String::new();
    let mut keys = Vec::new();
    for line in text.lines() {
        if let Some(words) = line.strip_prefix("# ") {
            comment = words.to_owned();
        } else if let Some(header) = line.strip_prefix('[') {
            section = header.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with(' ')) {
            keys.push((format!("{section}.{key}"), std::mem::take(&mut comment)));
        }
    }
    keys
}

#[test]
fn the_manual_has_every_key_with_its_range_and_no_other() {
    let manual = keys_of(Config::default_text());
    let schema = Config::keys();
    let names =
        |keys: &[(String, String)]| keys.iter().map(|k| k.0.clone()).collect::<BTreeSet<_>>();
    assert_eq!(names(&manual), names(&schema));
    assert_eq!(manual.len(), schema.len(), "no key twice");
    for (key, takes) in &schema {
        let (_, comment) = manual.iter().find(|(k, _)| k == key).expect("the sets are equal");
        assert!(!comment.is_empty(), "{key} has no line that says what it takes");
        if takes != "a string" {
            assert!(
                comment.starts_with(takes),
                "{key}: the manual says `{comment}`, not `{takes}`"
            );
        }
    }
    // And the effective file of everything states everything.
    let ladder = "[[market]]\nsymbol = \"SOL\"\n[market.maker]\nenabled = false\n\
                  [market.ladder]\nenabled = true";
    let pair = include_str!("../config/examples/hyperliquid-pair.toml");
    let effective: BTreeSet<String> = ["", ladder, pair]
        .into_iter()
        .flat_map(|text| keys_of(&good(text).effective_toml()).into_iter().map(|k| k.0))
        .collect();
    assert_eq!(effective, names(&schema));
}

/// The ends of each key's range either fit the rest or are refused for a reason between values;
/// what is taken comes back from its effective file.
#[test]
fn the_ends_of_every_range_are_taken_or_contradict() {
    let mut taken = 0;
    for (key, takes) in Config::keys() {
        let Some((min, max)) =
            takes.strip_prefix("\"auto\", or ").unwrap_or(&takes).split_once(" to ")
        else {
            continue;
        };
        if takes.starts_with("at most") {
            continue;
        }
        let min = min.replace("above 0", "0.00000001");
        for end in [min.as_str(), max] {
            let flag = (key.replace("market.", "market.SOL."), end.to_owned());
            match Config::layered(&[], &[], &[flag]) {
                Ok(config) => {
                    taken += 1;
                    assert_eq!(good(&config.effective_toml()), config, "{key} {end}");
                    let rule = config.markets[0].hedger.expect("on").rule;
                    assert_eq!(rule.validate(), Ok(()), "{key} {end}");
                }
                Err(errors) => {
                    let between = errors.errors().iter().all(|e| e.what().contains("; see `"));
                    assert!(between, "{key} {end}: {errors}");
                }
            }
        }
    }
    assert!(taken > 60, "{taken}");
}

// -- for the core ---------------------------------------------------------------------------------

fn spec(symbol: &str, venue: VenueId) -> InstrumentSpec {
    InstrumentSpec {
        venue,
        symbol: Symbol::new(symbol).expect("short"),
        asset: 5,
        grid: GridSpec::SigFigs { figures: 5, max_decimals: 4 },
        lot: q("0.01"),
        min_size: Qty::ZERO,
        min_notional: Notional::from_raw(q("10").0),
        maker_fee: Bps(15_000),
        taker_fee: Bps(45_000),
    }
}

#[test]
fn the_core_gets_each_market_with_its_rules() {
    let config = good(&format!("{}{}", eth(""), eth("").replace("ETH", "BTC")));
    let hl = VenueId::Hyperliquid;
    let core = config.core(&[spec("ETH", hl), spec("BTC", hl)]).expect("the rules fit");
    assert_eq!(core.limits, config.limits);
    assert_eq!(core.instruments.len(), 2);
    assert_eq!(core.instruments[1].spec.symbol, Symbol::new("BTC").expect("short"));
    assert_eq!(core.instruments[1].maker, config.markets[1].maker);
    evenkeel::core::Core::new(&core).expect("the core takes it");

    let said = |specs: &[InstrumentSpec]| config.core(specs).expect_err("refused").to_string();
    let swapped = said(&[spec("BTC", hl), spec("ETH", hl)]);
    assert_eq!(swapped.lines().count(), 2, "{swapped}");
    assert!(swapped.contains("hyperliquid: market.ETH: these are the rules of BTC"), "{swapped}");
    let short = said(&[spec("ETH", hl)]);
    assert!(short.contains("market.BTC: the venue states no rules"), "{short}");
    let other = said(&[spec("ETH", VenueId::Lighter), spec("BTC", hl)]);
    assert!(other.contains("the rules of ETH at lighter"), "{other}");
    let broken = InstrumentSpec { lot: Qty::ZERO, ..spec("ETH", hl) };
    let broken = said(&[broken, spec("BTC", hl)]);
    assert!(broken.contains("lot must be positive"), "{broken}");
}

#[test]
fn a_file_is_loaded_or_named() {
    let demo = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo.toml"));
    assert_eq!(Config::load(demo).expect("the demo"), good(DEMO));
    let none = Config::load(std::path::Path::new("/nonexistent/x.toml")).expect_err("no file");
    assert!(none.to_string().starts_with("/nonexistent/x.toml: cannot be read"), "{none}");
}
