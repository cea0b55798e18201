//! `evenkeel check`: the shipped examples by number, exit codes, arguments, and the proved band.

use std::path::{Path, PathBuf};

use evenkeel::config::Config;
use evenkeel::instrument::{InstId, Instrument};
use evenkeel::ops::check::report::{figures_up, json, text};
use evenkeel::ops::check::{CheckArgs, Outcome, check, rules, run};
use evenkeel::ops::exit;
use evenkeel::proved::{Finding, LimitFinding, Standing, Unproved, prove_market};
use evenkeel::strategy::proof::{Check, PriceBand, Verdict};
use evenkeel::units::{Notional, Price, Qty};

fn qty(text: &str) -> Qty {
    Qty::parse(text.as_bytes()).expect("a literal of this test")
}

fn px(text: &str) -> Price {
    Price(qty(text).0)
}

fn quote(text: &str) -> Notional {
    // Four places and more: exact in 10^-16 through 10^-8.
    Notional::from_raw(qty(text).0)
}

fn args(file: impl AsRef<Path>) -> CheckArgs {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    CheckArgs {
        config,
        strict: false,
        json: false,
        price_band: "20%".to_owned(),
        price: Vec::new(),
        rules: None,
    }
}

fn outcome(file: &str) -> Outcome {
    check(&args(file), vec![0, 1]).unwrap_or_else(|e| panic!("{}", e.message))
}

fn find<'a>(outcome: &'a Outcome, component: &str, check: Check, key: &str) -> &'a Finding {
    let findings = &outcome.markets[0].findings;
    let is =
        |f: &&Finding| (f.row.component.name(), f.row.check, f.row.key) == (component, check, key);
    findings.iter().find(is).expect("this row")
}

fn limit<'a>(outcome: &'a Outcome, component: &str) -> &'a LimitFinding {
    let limits = &outcome.markets[0].limits;
    limits.iter().find(|f| f.component.name() == component).expect("this limit")
}

/// A configuration of this test, in a file of its own.
fn file(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("check_{name}.toml"));
    std::fs::write(&path, text).expect("the build's own folder");
    path
}

const LIGHTER_SEED: &str = "config/examples/lighter-sol-seed.toml";
const LIGHTER: &str = "config/examples/lighter-sol.toml";
const LADDER_SEED: &str = "config/examples/hyperliquid-ladder-seed.toml";

#[test]
fn the_original_sol_profile_fails_by_number() {
    let out = outcome(LIGHTER_SEED);
    let market = &out.markets[0];
    assert_eq!(market.band, PriceBand { lo: px("114.4"), last: px("143"), hi: px("171.6") });

    // pnl_guard 0.35 x max_clip 0.03 = 0.0105 SOL = 1.50 at 143 < 10.50.
    let clip = find(&out, "hedger", Check::Clip, "hedger.max_clip");
    assert_eq!((clip.row.size, clip.row.px), (qty("0.0105"), px("143")));
    assert_eq!((clip.row.notional, clip.row.floor), (quote("1.5015"), qty("0.074")));
    assert_eq!((clip.row.verdict, clip.standing), (Verdict::Fails, Standing::Warning));
    assert_eq!(clip.row.repair, Some(qty("0.26285715")));
    assert_eq!(clip.made_of.as_deref(), Some("hedger.max_clip 0.03 x hedger.guard_factor 0.35"));

    // A minimum above a cap: nothing of the band at 143, something from 145.84, all from 172.14.
    let cap = find(&out, "maker", Check::Cap, "maker.size_max");
    assert_eq!((cap.row.size, cap.row.notional), (qty("0.072"), quote("10.296")));
    assert_eq!((cap.row.verdict, cap.standing), (Verdict::Partly, Standing::Refused));
    assert_eq!(cap.row.holds_from, Some(px("145.834"))); // The tick is 0.001.
    assert_eq!(cap.row.repair, Some(qty("0.092")));
    let least = find(&out, "maker", Check::Clip, "maker.size_min");
    assert_eq!((least.row.size, least.standing), (qty("0.061"), Standing::Refused));
    assert_eq!(least.row.holds_from, Some(px("172.132")));

    // An inventory between 0.008 and 0.074 stays for ever.
    let dead = find(&out, "hedger", Check::DeadBand, "hedger.trigger");
    assert_eq!((dead.row.size, dead.row.floor), (qty("0.008"), qty("0.074")));
    assert_eq!((dead.standing, dead.row.repair), (Standing::Warning, Some(qty("0.091"))));

    // 10.5 x 1.15 = 12.075 is 0.085 at 143 and 0.106 at 114.4.
    let exit_row = find(&out, "maker", Check::Exit, "maker.size_min");
    assert_eq!((exit_row.row.floor, exit_row.row.repair), (qty("0.085"), Some(qty("0.106"))));
    assert_eq!(exit_row.standing, Standing::Warning);

    // 0.3 x 171.6 is more than an order may be: the position could not be closed by it.
    let unwind = limit(&out, "unwind");
    assert_eq!((unwind.largest, unwind.standing), (quote("51.48"), Standing::Warning));

    assert_eq!((out.standing(), out.exit_code()), (Standing::Refused, exit::FAILED));
    let text = text(&out);
    for words in [
        "hedger.max_clip 0.03 x hedger.guard_factor 0.35 = 0.0105, is 1.5015 at 143 < 10.5",
        "maker.size_max 0.072, is 10.296 at 143 < 10.5; holds from 145.84 up",
        "maker.size_min 0.061, is 8.723 at 143 < 10.5; holds from 172.14 up",
        "above hedger.trigger 0.008 and below 0.074 cannot be removed at 143: a dead band",
        "0.085 with 15 % to spare for its exit",
        "topology pair",
        "NOT PROVED: 2 refused, 5 warnings",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn the_original_ladder_fails_by_number() {
    let out = outcome(LADDER_SEED);
    let cap = find(&out, "maker", Check::Cap, "maker.size_max");
    assert_eq!((cap.row.size, cap.row.px), (qty("0.00007"), px("90000")));
    // 0.00011 x 90 000 would be 9.90.
    assert_eq!((cap.row.notional, cap.row.floor), (quote("6.3"), qty("0.00012")));
    assert_eq!((cap.row.verdict, cap.standing), (Verdict::Fails, Standing::Refused));
    // 10 / 0.00007 = 142 857.1..: integers are always on the grid.
    assert_eq!(cap.row.holds_from, Some(px("142858")));
    assert_eq!(out.exit_code(), exit::FAILED);
}

#[test]
fn four_levels_raised_to_the_minimum_pass_the_position_limit() {
    let text = std::fs::read_to_string(args(LADDER_SEED).config).expect("it ships");
    let from = "raise_to_minimum = false";
    assert!(text.contains(from));
    let raised = file("raised", &text.replace(from, "raise_to_minimum = true"));
    let out = check(&args(raised), vec![0]).expect("valid");
    // 0.0003 / 4 levels; at 72 000 each needs 0.00014, together 0.00056.
    let cap = find(&out, "maker", Check::Cap, "limits.position");
    assert_eq!((cap.row.size, cap.standing), (qty("0.000075"), Standing::Refused));
    assert_eq!(cap.row.repair, Some(qty("0.00056")));
}

#[test]
fn the_repaired_profile_is_proved_strictly() {
    let strict = CheckArgs { strict: true, ..args(LIGHTER) };
    let out = check(&strict, vec![0, 1]).expect("valid");
    let all = || out.markets[0].findings.iter();
    assert_eq!(all().find(|f| f.standing != Standing::Proved), None);
    assert_eq!((all().count(), out.exit_code()), (9, exit::OK));
    assert!(
        text(&out)
            .ends_with("PROVED, strict: every order is executable at every price of the band")
    );
}

#[test]
fn the_repaired_ladder_is_proved_strictly() {
    let strict = CheckArgs { strict: true, ..args("config/examples/hyperliquid-ladder.toml") };
    let out = check(&strict, vec![0, 1]).expect("valid");
    assert_eq!(out.exit_code(), exit::OK, "{}", text(&out));
    // The smallest share with every factor at its smallest: 0.476 x 0.9 x 0.85 x 0.5 of 0.0015.
    let clip = find(&out, "ladder", Check::Clip, "limits.position");
    assert_eq!((clip.row.size, clip.standing), (qty("0.0002731"), Standing::Proved));
    // Each number that had to change is needed.
    let good = std::fs::read_to_string(strict.config).expect("it ships");
    for (i, (from, to, standing)) in [
        ("equity_quote = \"100\"", "equity_quote = \"27\"", Standing::Warning),
        ("equity_quote = \"100\"", "equity_quote = \"11\"", Standing::Refused),
        ("_notional_quote = \"110\"", "_notional_quote = \"30\"", Standing::Warning),
        ("_notional_quote = \"165\"", "_notional_quote = \"160\"", Standing::Warning),
        ("[\"6\", \"8\"]", "[\"6\", \"8\", \"10\", \"12\"]", Standing::Warning),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(good.matches(from).count(), 1, "{from}");
        let mut bad = good.replace(from, to);
        if i == 4 {
            bad = bad.replace("intensities = [\"1\", \"0.7\"]", "intensities = []");
        }
        let bad = file(&format!("ladder_{i}"), &bad);
        let out = check(&args(bad), vec![0, 1]).unwrap_or_else(|e| panic!("{}", e.message));
        assert_eq!(out.standing(), standing, "{from} -> {to}: {}", text(&out));
    }
    // The total below the floor is told with its numbers.
    let bad =
        file("ladder_total", &good.replace("equity_quote = \"100\"", "equity_quote = \"11\""));
    let out = check(&args(bad), vec![0]).expect("valid");
    let words = "the ladder's whole capacity, ladder.equity_quote x ladder.leverage 11, is below the \
                 venue's floor, which can be 11.08 at 108000";
    assert!(text(&out).contains(words), "{}", text(&out));
}

/// Each number that the repaired profile changed is needed: with the old one it fails again.
#[test]
fn each_repair_is_needed() {
    let good = std::fs::read_to_string(args(LIGHTER).config).expect("it ships");
    for (i, (from, to)) in [
        ("size_min = \"0.106\"", "size_min = \"0.105\""),
        ("trigger = \"0.091\"", "trigger = \"0.09\""),
        ("max_clip = \"0.12\"", "max_clip = \"0.114\""),
        ("guard_factor = \"0.8\"", "guard_factor = \"0.35\""),
        ("order_notional_quote = \"55\"", "order_notional_quote = \"51.47\""),
        ("size_max = \"0.13\"", "size_max = \"0.072\""),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(good.matches(from).count(), 1, "{from}");
        let bad = file(&format!("repair_{i}"), &good.replace(from, to));
        match check(&CheckArgs { strict: true, ..args(bad) }, vec![0, 1]) {
            Ok(out) => assert_eq!(out.exit_code(), exit::FAILED, "{to}"),
            // A largest size below the smallest is refused before any proof.
            Err(failure) => assert_eq!((failure.code, i), (exit::CONFIG, 5), "{to}"),
        }
    }
}

#[test]
fn warnings_fail_only_when_strict_and_live_is_always_strict() {
    let demo = "config/demo.toml";
    let exit_code =
        |strict| check(&CheckArgs { strict, ..args(demo) }, vec![0, 1]).expect("valid").exit_code();
    assert_eq!((exit_code(false), exit_code(true)), (exit::OK, exit::FAILED));
    let text = std::fs::read_to_string(args(demo).config).expect("it ships");
    let live = text
        .replace("mode = \"paper\"", "mode = \"live\"")
        .replace("network = \"embedded\"", "network = \"mainnet\"");
    let out = check(&args(file("live", &live)), vec![0, 1]).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!((out.strict, out.exit_code()), (true, exit::FAILED));
}

#[test]
fn a_limit_below_the_smallest_order_is_refused() {
    let good = std::fs::read_to_string(args(LIGHTER).config).expect("it ships");
    let limit_5 = good.replace("order_notional_quote = \"55\"", "order_notional_quote = \"5\"");
    let out = check(&args(file("limit", &limit_5)), vec![0]).expect("valid");
    let maker = limit(&out, "maker");
    // The floor's notional stays within a lot of the minimum: 10.5 + 0.001 x 171.6, or 0.061 x 171.6.
    assert_eq!((maker.least, maker.standing), (quote("10.6716"), Standing::Refused));
    assert_eq!(out.exit_code(), exit::FAILED);
}

#[test]
fn bands_prices_and_rules_are_arguments() {
    let band = |band: &str, price: &str| {
        let price = if price.is_empty() { vec![] } else { vec![price.to_owned()] };
        let args = CheckArgs { price_band: band.to_owned(), price, ..args(LIGHTER_SEED) };
        check(&args, vec![0]).map(|out| out.markets[0].band).map_err(|e| (e.code, e.message))
    };
    let around = |lo, last, hi| Ok(PriceBand { lo: px(lo), last: px(last), hi: px(hi) });
    assert_eq!(band("0.5%", "SOL=200"), around("199", "200", "201"));
    assert_eq!(band("140..150", ""), around("140", "143", "150"));
    assert_eq!(band("172.132..300", "SOL=200"), around("172.132", "200", "300"));
    for (b, price, want) in [
        ("100%", "", "0.1% to 99.9%"),
        ("0.05%", "", "0.1% to 99.9%"),
        ("12.34%", "", "tenths of a percent"),
        ("150..140", "", "ends before it starts"),
        ("150..160", "", "does not hold the last price 143"),
        ("twenty", "", "such as 20%"),
        ("20%", "SOL", "SYMBOL=P"),
        ("20%", "SOL=-1", "SYMBOL=P"),
        ("20%", "ETH=3000", "no such market"),
    ] {
        let (code, message) = band(b, price).expect_err(want);
        assert!(code == exit::USAGE && message.contains(want), "{b} {price}: {message}");
    }
    // From 172.132 up every size of the maker is executable: no refusal is left.
    let high = CheckArgs {
        price_band: "172.132..300".to_owned(),
        price: vec!["SOL=200".to_owned()],
        ..args(LIGHTER_SEED)
    };
    assert_eq!(check(&high, vec![0]).expect("valid").standing(), Standing::Warning);
    // The user's rules go before the ones that ship.
    let small = std::fs::read_to_string(args("config/rules/lighter.toml").config).expect("ships");
    let small = small.replace("\"10.5\"", "\"1\"").replace("\"0.061\"", "\"0.001\"");
    let rules = Some(file("rules", &small));
    let out = check(&CheckArgs { rules, ..args(LIGHTER_SEED) }, vec![0]).expect("valid");
    assert_eq!(find(&out, "maker", Check::Clip, "maker.size_min").standing, Standing::Proved);
}

#[test]
fn all_errors_come_at_once_with_their_exit_codes() {
    let refuse = |args: &CheckArgs| check(args, vec![0]).expect_err("refused");
    let two = refuse(&args(file("two", "[limits]\nburst = 1\nbrust = 2\n")));
    assert_eq!(two.code, exit::CONFIG);
    assert!(
        two.message.contains(":2:9: limits.burst") && two.message.contains(":3:1: "),
        "{two:?}"
    );
    assert_eq!(refuse(&args("no/such.toml")).code, exit::CONFIG);
    let unknown = "[[market]]\nsymbol = \"XYZ\"\n[[market]]\nsymbol = \"ABC\"\n";
    let unknown = refuse(&args(file("unknown", unknown)));
    assert_eq!(unknown.code, exit::ENVIRONMENT);
    assert!(unknown.message.contains("XYZ") && unknown.message.contains("ABC"), "{unknown:?}");
    let torn = Some(file("torn", "[[market]]\n"));
    assert_eq!(refuse(&CheckArgs { rules: torn, ..args(LIGHTER) }).code, exit::CONFIG);
    // A pipeline that needs more cores than there are.
    let text = std::fs::read_to_string(args(LIGHTER).config).expect("it ships");
    let wide = file("wide", &format!("topology.name = \"pipeline\"\n{text}"));
    let out = check(&args(wide), vec![0]).expect("valid");
    assert_eq!((out.standing(), out.exit_code()), (Standing::Proved, exit::ENVIRONMENT));
}

#[test]
fn json_is_one_object_and_run_returns_its_exit_code() {
    let parsed: serde_json::Value =
        serde_json::from_str(&json(&outcome(LIGHTER_SEED))).expect("JSON");
    assert_eq!(parsed["verdict"], "refused");
    assert_eq!(parsed["exit"], 1);
    let rows = parsed["markets"][0]["rows"].as_array().expect("rows");
    let clip = rows.iter().find(|r| r["component"] == "hedger" && r["check"] == "clip");
    let clip = clip.expect("the hedger's clip");
    assert_eq!((&clip["size"], &clip["notional"]), (&"0.0105".into(), &"1.5015".into()));
    assert_eq!(clip["side"], "both");
    let mut out = Vec::new();
    let code = run(&CheckArgs { json: true, ..args(LIGHTER) }, &mut out).expect("valid");
    assert_eq!(code, exit::OK);
    assert_eq!(out.iter().filter(|b| **b == b'\n').count(), 1);
}

/// At run time: what was proved holds within its band and under its rules, and is asked again for
/// the price that left it.
#[test]
fn a_proof_ends_where_the_price_or_the_rules_leave_it() {
    let rules = rules::shipped()[0];
    let config = Config::load(&args(LIGHTER).config).expect("valid");
    let core = config.core(&[rules.spec]).expect("usable");
    let inst = Instrument::new(InstId(0), rules.spec).expect("usable");
    let prove = |inst: &Instrument, last| {
        prove_market(inst, &core.instruments[0], PriceBand::around(last, 200)).expect("provable")
    };
    let proved = prove(&inst, px("143"));
    assert_eq!(proved.standing(), Standing::Proved);
    let band = proved.proved_band();
    for (at, want) in [
        ("143", Ok(())),
        ("114.4", Ok(())),
        ("171.6", Ok(())),
        ("114.399", Err(Unproved::Price)),
        ("171.601", Err(Unproved::Price)),
    ] {
        assert_eq!(band.covers(px(at), &rules.spec), want, "{at}");
    }
    let mut changed = rules.spec;
    changed.taker_fee.0 += 1;
    assert_eq!(band.covers(px("143"), &changed), Ok(()));
    changed.min_notional = quote("20");
    assert_eq!(band.covers(px("143"), &changed), Err(Unproved::Rules));
    // Asked again, the same settings are no longer good enough: 20 / 114.4 is 0.175.
    let again = prove(&Instrument::new(InstId(0), changed).expect("usable"), px("143"));
    assert_eq!(again.standing(), Standing::Warning);
    // And at a third of the price neither is the original floor.
    assert_eq!(prove(&inst, px("50")).standing(), Standing::Warning);
}

#[test]
fn prices_round_up_to_five_figures() {
    for (from, want) in [
        ("145.834", "145.84"),
        ("172.132", "172.14"),
        ("142858", "142860"),
        ("99999.1", "100000"),
        ("0.00000001", "0.00000001"),
        ("10000000000", "10000000000"),
    ] {
        assert_eq!(figures_up(px(from)), px(want), "{from}");
    }
}

#[test]
fn show_config_prints_what_parses_back_to_it() {
    use evenkeel::ops::show_config::{ShowConfigArgs, run};
    for file in [Some(args(LIGHTER).config), None] {
        let mut out = Vec::new();
        assert_eq!(run(&ShowConfigArgs { config: file.clone() }, &mut out), Ok(exit::OK));
        let text = String::from_utf8(out).expect("text");
        let want = match &file {
            Some(path) => Config::load(path).expect("valid"),
            None => Config::parse("", "none").expect("the defaults"),
        };
        assert_eq!(Config::parse(&text, "shown").expect("valid"), want);
    }
    let missing = ShowConfigArgs { config: Some("no/such.toml".into()) };
    assert_eq!(run(&missing, &mut Vec::new()).map_err(|e| e.code), Err(exit::CONFIG));
}
