//! Cold. The `[pair]` section and the pair's start-up proof: what is refused, where, and why.

use evenkeel::config::{Config, PairGrowth};
use evenkeel::core::CoreConfig;
use evenkeel::instrument::{InstId, Instrument};
use evenkeel::ops::check::rules;
use evenkeel::proved::Standing;
use evenkeel::proved::pair::{PairCheck, PairProof, prove_pair};
use evenkeel::strategy::pair_exec::FoundPolicy;
use evenkeel::strategy::proof::PriceBand;
use evenkeel::units::{Bps, Notional, Side};

const EXAMPLE: &str = include_str!("../config/examples/hyperliquid-pair.toml");

fn example(change: &[(&str, &str)]) -> String {
    let mut text = EXAMPLE.to_owned();
    for (from, to) in change {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    text
}

/// The error of the changed example: its place as `line:column`, its key and its reason. A limit of
/// both legs' markets is told once for each.
fn refused(change: &[(&str, &str)], key: &str, why: &str) {
    let text = example(change);
    let errors = Config::parse(&text, "pair.toml").expect_err("a contradiction");
    assert!(errors.errors().iter().all(|e| e.key() == key), "{errors}");
    let error = &errors.errors()[0];
    assert_eq!(error.key(), key, "{error}");
    assert!(error.what().contains(why), "{error}");
    let name = key.rsplit('.').next().expect("a name");
    let line = text.lines().position(|l| l.starts_with(name)).expect("its line") + 1;
    let column = name.len() + 4; // `name = ` stands before it.
    assert_eq!(error.at().to_string(), format!("pair.toml:{line}:{column}"), "{error}");
}

#[test]
fn the_example_is_read_as_it_is_meant() {
    let config = Config::parse(EXAMPLE, "pair.toml").unwrap_or_else(|e| panic!("{e}"));
    let pair = config.pair.as_ref().expect("a pair");
    assert_eq!((pair.policy, pair.found), (PairGrowth::Wait, FoundPolicy::Rebalance));
    let params = pair.params();
    assert_eq!(params.sides, [Side::Buy, Side::Sell]);
    assert_eq!(params.limits.tolerance, Bps::whole(2000));
    assert_eq!(params.target, Notional::from_raw(100 * 100_000_000));
    let again = Config::parse(&config.effective_toml(), "again.toml");
    assert_eq!(again.unwrap_or_else(|e| panic!("{e}")), config);
    let plain = Config::parse("", "plain.toml").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(plain.pair, None, "no pair by default");
}

#[test]
fn contradictions_are_refused_at_their_place() {
    refused(&[("short = \"SOL\"", "short = \"ETH\"")], "pair.short", "the same market");
    refused(&[("short = \"SOL\"", "short = \"DOGE\"")], "pair.short", "there is ETH, SOL");
    refused(
        &[("policy = \"wait\"", "policy = \"grow\"\ncap_quote = \"99\"")],
        "pair.cap_quote",
        "its cap lies below it; see `pair.target_quote` (pair.toml:",
    );
    refused(
        &[("slippage_bps = \"20\"\nexit", "slippage_bps = \"100\"\nexit")],
        "pair.slippage_bps",
        "outside the price band; see `market.ETH.limits.price_band_bps`",
    );
    refused(
        &[("order_notional_quote = \"400\"", "order_notional_quote = \"119\"")],
        "pair.tolerance_share",
        "a leg may come to 120, above the limit of an order",
    );
}

#[test]
fn a_leg_has_no_strategy_of_its_own() {
    let both = |section: &str| format!("[market.{section}]\nenabled = ");
    for (section, who) in [("maker", "has a maker"), ("hedger", "has a hedger")] {
        let text =
            example(&[(&format!("{}false", both(section)), &format!("{}true", both(section)))]);
        let errors = Config::parse(&text, "pair.toml").expect_err("a leg is the pair's alone");
        let told =
            |e: &&evenkeel::config::ConfigError| e.key() == "pair.long" && e.what().contains(who);
        let error = errors.errors().iter().find(told).unwrap_or_else(|| panic!("{errors}"));
        assert!(error.what().contains(&format!("market.ETH.{section}.enabled")), "{error}");
    }
}

fn prove(change: &[(&str, &str)]) -> PairProof {
    let text = example(change);
    let config = Config::parse(&text, "pair.toml").unwrap_or_else(|e| panic!("{e}"));
    let known = rules::shipped();
    let spec = |name: &str| {
        let same =
            |r: &&rules::Rules| r.spec.symbol.as_str() == name && r.spec.venue == config.venue.name;
        *known.iter().find(same).expect("shipped rules")
    };
    let rules = [spec("ETH"), spec("SOL")];
    let core: CoreConfig = config.core(&rules.map(|r| r.spec)).unwrap_or_else(|e| panic!("{e}"));
    let inst = |i: usize| Instrument::new(InstId(i as u16), rules[i].spec).expect("valid");
    let bands = rules.map(|r| PriceBand::around(r.price.expect("a last price"), 200));
    let configs = [&core.instruments[0], &core.instruments[1]];
    prove_pair([&inst(0), &inst(1)], configs, bands, &core.pairs[0].params)
}

#[test]
fn the_example_is_proved_and_a_target_below_the_floors_is_not() {
    let proof = prove(&[]);
    assert_eq!(proof.standing(), Standing::Proved, "{proof:?}");
    assert!(proof.solved * 100 >= proof.tried * 95, "{} of {}", proof.solved, proof.tried);
    // The raised floor is 11.5: 9 with 20 % end at 10.8.
    let low = prove(&[("target_quote = \"100\"", "target_quote = \"9\"")]);
    assert_eq!(low.standing(), Standing::Refused);
    for leg in ["ETH", "SOL"] {
        let row =
            low.findings.iter().find(|f| f.leg.as_str() == leg && f.check == PairCheck::Entry);
        assert_eq!(row.map(|f| f.standing), Some(Standing::Refused), "{leg}");
    }
    assert_eq!((low.solved, low.balance), (0, Standing::Warning));
    // At 12 with 1 %: 11.88 to 12.12 hold a lot of SOL at some prices of the band only.
    let narrow = prove(&[
        ("target_quote = \"100\"", "target_quote = \"12\""),
        ("tolerance_share = \"0.2\"", "tolerance_share = \"0.01\""),
    ]);
    let sol =
        narrow.findings.iter().find(|f| f.leg.as_str() == "SOL" && f.check == PairCheck::Entry);
    assert!(sol.is_some_and(|f| f.standing >= Standing::Warning && f.size > f.bound), "{narrow:?}");
}
