//! Cold. Keys that name another market: what they mean to the core and the proof, and what is refused.

use evenkeel::config::Config;
use evenkeel::instrument::{GridSpec, InstId, Instrument, InstrumentSpec, Symbol, VenueId};
use evenkeel::proved::{Standing, prove_market};
use evenkeel::strategy::proof::{Check, PriceBand};
use evenkeel::units::{Bps, Nanos, Notional, Price, Qty};

fn q(text: &str) -> Qty {
    Qty::parse(text.as_bytes()).expect("a literal of this test")
}

fn p(text: &str) -> Price {
    Price::parse(text.as_bytes()).expect("a literal of this test")
}

/// A market with a body, and ETH that does nothing by itself.
fn with_eth(sol: &str) -> String {
    let quiet = "[market.maker]\nenabled = false\n[market.hedger]\nenabled = false\n";
    format!("[[market]]\nsymbol = \"SOL\"\n{sol}\n[[market]]\nsymbol = \"ETH\"\n{quiet}")
}

const HEDGED: &str = "[market.hedger]\nmarket = \"ETH\"\nratio = \"0.05\"";

fn specs() -> [InstrumentSpec; 2] {
    ["SOL", "ETH"].map(|symbol| InstrumentSpec {
        venue: VenueId::Hyperliquid,
        symbol: Symbol::new(symbol).expect("short"),
        asset: 5,
        grid: GridSpec::SigFigs { figures: 5, max_decimals: 2 },
        lot: if symbol == "SOL" { q("0.01") } else { q("0.0001") },
        min_size: Qty::ZERO,
        min_notional: Notional::from_raw(q("10").0),
        maker_fee: Bps::ZERO,
        taker_fee: Bps::ZERO,
    })
}

#[test]
fn a_hedge_on_another_market_goes_there_in_its_units() {
    let text = with_eth(&format!(
        "{HEDGED}\n[market.maker.lead]\nmarket = \"ETH\"\nweight = \"0.25\"\nhalf_life_s = 30"
    ));
    let config = Config::parse(&text, "good.toml").expect("good");
    assert_eq!(Config::parse(&config.effective_toml(), "again").expect("good"), config);
    let core = config.core(&specs()).expect("the rules fit");
    assert_eq!(core.instruments[0].hedger, None);
    let there = core.instruments[1].hedger.expect("on ETH");
    // The defaults 0.01, 0.001 and 0.03 times 0.05.
    assert_eq!((there.rule.trigger, there.rule.target), (q("0.0005"), q("0.00005")));
    assert_eq!((there.rule.max_clip, there.slippage), (q("0.0015"), Bps::whole(7)));
    let of = core.instruments[1].hedge_for.expect("for SOL");
    assert_eq!((of.made, of.symbol.as_str(), of.ratio.raw()), (InstId(0), "SOL", q("0.05").0));
    let lead = core.instruments[0].lead.expect("ETH leads");
    assert_eq!((lead.inst, lead.weight_permille), (InstId(1), 250));
    assert_eq!((lead.half_life, lead.max_shift), (Nanos::from_secs(30), Bps::whole(10)));
    evenkeel::core::Core::new(&core).expect("the core takes it");
}

#[test]
fn the_proof_covers_the_other_markets_floor_in_units_of_the_made_one() {
    let config = Config::parse(&with_eth(HEDGED), "good.toml").expect("good");
    let core = config.core(&specs()).expect("the rules fit");
    let eth = Instrument::new(InstId(1), core.instruments[1].spec).expect("valid");
    let band = PriceBand::around(p("2000"), 200);
    let proof = prove_market(&eth, &core.instruments[1], band).expect("in range");
    let found = proof.findings.iter().find(|f| f.row.check == Check::DeadBand).expect("a row");
    // 10 / 2000 = 0.005 ETH are 0.1 SOL, ten times the trigger; at 1600, the band's end, 0.00625 up
    // to the lot are 0.0063, 0.126 SOL.
    assert_eq!((found.row.size, found.row.floor), (q("0.01"), q("0.1")));
    assert_eq!(found.row.repair, Some(q("0.126")));
    assert_eq!(
        (found.standing, found.made_of.as_deref()),
        (Standing::Warning, Some("SOL's hedger.trigger"),)
    );
    // What is repaired so is proved.
    let text = with_eth(&format!("{HEDGED}\ntrigger = \"0.126\"\nmax_clip = \"0.2\""));
    let config = Config::parse(&text, "good.toml").expect("good");
    let core = config.core(&specs()).expect("the rules fit");
    let proof = prove_market(&eth, &core.instruments[1], band).expect("in range");
    let found = proof.findings.iter().find(|f| f.row.check == Check::DeadBand).expect("a row");
    assert_eq!(found.standing, Standing::Proved, "{found:?}");
    // The made market's own proof has no hedger any more.
    let sol = Instrument::new(InstId(0), core.instruments[0].spec).expect("valid");
    let proof = prove_market(&sol, &core.instruments[0], PriceBand::around(p("100"), 200));
    let proof = proof.expect("in range");
    assert!(proof.findings.iter().all(|f| f.row.check != Check::DeadBand));
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let eth = |body: &str| {
        with_eth(HEDGED).replace(
            "symbol = \"ETH\"\n[market.maker]\nenabled = false\n[market.hedger]\nenabled = false\n",
            &format!("symbol = \"ETH\"\n{body}\n"),
        )
    };
    let no_maker = "[market.maker]\nenabled = false\n";
    let third = format!(
        "{}[[market]]\nsymbol = \"BTC\"\n[market.maker]\nenabled = false\n{HEDGED}",
        with_eth(HEDGED)
    );
    let pair = format!(
        "[pair]\nenabled = true\nlong = \"ETH\"\nshort = \"BTC\"\ntarget_quote = \"20\"\n{}\
         [[market]]\nsymbol = \"BTC\"\n[market.maker]\nenabled = false\n[market.hedger]\nenabled = false",
        with_eth(HEDGED)
    );
    for (text, why) in [
        (
            with_eth(&HEDGED.replace("ETH", "DOGE")),
            "no such market is configured; there is SOL, ETH",
        ),
        (
            with_eth(&HEDGED.replace("ETH", "SOL")),
            "a market that hedges on itself states no market",
        ),
        (with_eth(&HEDGED.replace("0.05", "0")), "hedger.ratio"),
        (with_eth(&HEDGED.replace("0.05", "-1")), "hedger.ratio"),
        (
            with_eth(&HEDGED.replace("\"ETH\"", "\"\"")),
            "a ratio belongs to a hedge on another market",
        ),
        (eth("[market.hedger]\nenabled = false"), "it has a maker"),
        (eth(no_maker), "it has a hedger"),
        (
            eth(&format!(
                "{no_maker}[market.ladder]\nenabled = true\n[market.hedger]\nenabled = false"
            )),
            "it has a ladder",
        ),
        (
            eth(&format!("{no_maker}{}", HEDGED.replace("ETH", "SOL"))),
            "hedge on each other in a cycle",
        ),
        (third, "another market hedges there already"),
        (pair, "it has a pair"),
        (with_eth(&HEDGED.replace("0.05", "2")), "a full position asks for a hedge of 0.6"),
        (
            with_eth(&format!(
                "{HEDGED}\nmax_clip = \"0.00000001\"\nmax_clip_hard = \"0.00000001\""
            )),
            "the clip times the ratio is nothing",
        ),
        (with_eth("[market.maker.lead]\nmarket = \"SOL\""), "a market cannot lead itself"),
        (with_eth("[market.maker.lead]\nmarket = \"X\""), "no such market is configured"),
        (
            with_eth("[market.maker.lead]\nmarket = \"ETH\"\nmax_shift_bps = \"90\""),
            "bps from the mid: risk would refuse it",
        ),
        (
            with_eth("[market.ladder]\nenabled = true"),
            "a market is quoted by a maker or by a ladder, not by both",
        ),
    ] {
        let errors = Config::parse(&text, "bad.toml").expect_err(&text).to_string();
        assert!(errors.contains(why), "{text}\ngave\n{errors}\nwithout\n{why}");
    }
}
