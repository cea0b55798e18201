//! `evenkeel plan`: from the command line to the answer.

use clap::Parser;
use evenkeel::ops::plan::{PlanArgs, run};
use serde_json::Value;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    plan: PlanArgs,
}

/// Exit status, stdout, stderr of one command line.
fn call(line: &str) -> (i32, String, String) {
    let words = std::iter::once("plan").chain(line.split_whitespace());
    let cli = Cli::try_parse_from(words).unwrap_or_else(|e| panic!("{line}: {e}"));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = run(&cli.plan, &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status, text(out), text(err))
}

fn json(line: &str) -> Value {
    let (status, out, err) = call(&format!("{line} --json"));
    assert_eq!((status, err.as_str()), (0, ""), "{line}");
    assert_eq!(out.lines().count(), 1, "one line: {out}");
    serde_json::from_str(&out).expect("one object")
}

/// The fields of `got` that `want` names are equal to it.
fn has(got: &Value, want: Value) {
    for (name, value) in want.as_object().expect("an object") {
        assert_eq!(&got[name], value, "{name} of {got}");
    }
}

const SOL: &str = "--lot 0.001 --min-size 0.061 --min-notional 10.5";

#[test]
fn quantize_outcomes() {
    let ask = |rest: &str| json(&format!("quantize --tick 0.001 {SOL} {rest}"));
    has(
        &ask("--side buy --price 143.0009 --qty 0.0749"),
        serde_json::json!({"outcome": "order", "price": "143", "qty": "0.074", "floor": "0.074",
            "notional": "10.582"}),
    );
    has(
        &ask("--side sell --price 143.0001 --qty 0.073"),
        serde_json::json!({"outcome": "below_minimum", "price": "143.001", "qty": "0.073",
            "floor": "0.074"}),
    );
    has(
        &ask("--side sell --price 143 --qty 0.0001 --raise"),
        serde_json::json!({"outcome": "order", "qty": "0.074"}),
    );
    has(&ask("--side buy --price 143 --qty 0.0001"), serde_json::json!({"outcome": "zero"}));
    has(&ask("--side buy --price 143 --qty -1 --raise"), serde_json::json!({"outcome": "zero"}));
    for px in ["0.0009", "-5", "0", "10000000001"] {
        let got = ask(&format!("--side buy --price {px} --qty 1"));
        has(&got, serde_json::json!({"outcome": "out_of_grid", "price": null, "notional": null}));
    }
    has(
        &ask("--side buy --price 143 --qty 10000000001"),
        serde_json::json!({"outcome": "overflow", "price": "143"}),
    );
    // The floor is taken at the rounded price: 10.5 / 143.1 is 0.0734, at 142.9 it is 0.0735 too,
    // but with a tick of 10 a bid of 149 is one at 140, where 0.075 is 10.5 exactly.
    has(
        &json(&format!("quantize --tick 10 {SOL} --side buy --price 149 --qty 0.0745")),
        serde_json::json!({"outcome": "below_minimum", "price": "140", "floor": "0.075"}),
    );
}

#[test]
fn hedge_outcomes() {
    let ask = |rest: &str| {
        json(&format!(
            "hedge --price 143 {SOL} --trigger 0.010 --target 0.001 --max-clip 0.03 {rest}"
        ))
    };
    has(
        &ask("--inventory 0.093 --guard-multiplier 0.35"),
        serde_json::json!({"outcome": "order", "side": "sell", "qty": "0.093", "residual": "0"}),
    );
    has(
        &ask("--inventory 0.093 --guard-multiplier 0.35 --remainder-rule off"),
        serde_json::json!({"outcome": "order", "side": "sell", "qty": "0.074", "residual": "0.019"}),
    );
    has(
        &ask("--inventory 0.093 --max-clip-hard 0.09"),
        serde_json::json!({"outcome": "order", "qty": "0.074"}),
    );
    has(
        &ask("--inventory -0.300"),
        serde_json::json!({"outcome": "order", "side": "buy", "qty": "0.074", "residual": "0.226"}),
    );
    has(
        &ask("--inventory 0.027"),
        serde_json::json!({"outcome": "residual_below_minimum", "side": null, "qty": null,
            "residual": "0.027"}),
    );
    has(
        &ask("--inventory -0.010"),
        serde_json::json!({"outcome": "none", "residual": "0.01", "qty": null}),
    );
}

#[test]
fn ladder_outcomes() {
    let ask = |rest: &str| {
        json(&format!("ladder --price 90000 --lot 0.00001 --min-notional 10 --levels 5 {rest}"))
    };
    let full = ask("--capacity 0.002633");
    has(&full, serde_json::json!({"concentrated": false, "floor": "0.00012"}));
    let orders = full["orders"].as_array().expect("a list");
    assert_eq!(orders.len(), 5);
    has(&orders[4], serde_json::json!({"level": "4", "price": "90000", "qty": "0.00052"}));
    has(
        &ask("--capacity 0.0003 --weights 1,2,4,3,2 --allocation kelly"),
        serde_json::json!({"concentrated": true,
            "orders": [{"level": "2", "price": "90000", "qty": "0.0003"}]}),
    );
    has(
        &ask("--capacity 0.0003 --policy water_fill"),
        serde_json::json!({"concentrated": false, "orders": [
            {"level": "0", "price": "90000", "qty": "0.00015"},
            {"level": "1", "price": "90000", "qty": "0.00015"}]}),
    );
    let none = ask("--capacity 0.0001");
    has(
        &none,
        serde_json::json!({"concentrated": false, "orders": [],
        "warning": "capacity 0.0001 is below the floor 0.00012"}),
    );
}

#[test]
fn pair_outcomes() {
    let ask = |rest: &str| {
        json(&format!("pair --price-a 2756.9 --lot-a 0.001 --price-b 115.86 --lot-b 0.1 {rest}"))
    };
    has(
        &ask("--target 100"),
        serde_json::json!({"outcome": "balanced", "qty_a": "0.042", "qty_b": "1",
            "notional_a": "115.7898", "notional_b": "115.86", "imbalance": "0.000606271019"}),
    );
    has(
        &ask("--target 100 --tolerance 0.05 --policy wait --max-imbalance 0.001"),
        serde_json::json!({"outcome": "wait", "qty_a": "0.038", "qty_b": "0.9"}),
    );
    has(
        &ask("--target 100 --tolerance 0.05 --policy grow --grow-to 120 --max-imbalance 0.001"),
        serde_json::json!({"outcome": "balanced", "qty_a": "0.042", "qty_b": "1",
            "target": "110.34285715"}),
    );
    has(
        &ask("--target 10 --tolerance 0.05"),
        serde_json::json!({"outcome": "infeasible", "qty_a": null, "imbalance": null,
            "smallest_feasible_target": "11.03428572"}),
    );
    // What it calls feasible is.
    has(
        &ask("--target 11.03428572 --tolerance 0.05"),
        serde_json::json!({"outcome": "balanced", "qty_a": "0.004", "qty_b": "0.1"}),
    );
    has(
        &ask("--target 11.03428571 --tolerance 0.05"),
        serde_json::json!({"outcome": "infeasible"}),
    );
}

#[test]
fn text_is_short() {
    let line = format!(
        "hedge --price 143 {SOL} --trigger 0.01 --target 0.001 --max-clip 0.03 --inventory -0.3"
    );
    let (status, out, err) = call(&line);
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(out.lines().next(), Some("buy 0.074 at 143, leaves 0.226"));
    let ladder =
        "ladder --price 90000 --lot 0.00001 --min-notional 10 --levels 5 --capacity 0.0001";
    let (status, out, _) = call(ladder);
    assert_eq!(status, 0);
    assert!(out.starts_with("warning: all levels filtered: capacity 0.0001"), "{out}");
}

#[test]
fn nonsense_is_one_line_and_2() {
    let hedge = "hedge --price 143 --trigger 0.01 --target 0.001 --max-clip 0.03 --inventory 1";
    for (line, flag) in [
        ("quantize --side buy --price 1e5 --qty 1 --tick 1 --lot 1", "--price"),
        ("quantize --side buy --price 1 --qty 1 --tick 0 --lot 1", "--tick"),
        ("quantize --side buy --price 1 --qty 1 --tick 1 --lot -1", "--lot"),
        ("quantize --side buy --price 1 --qty 0.000000001 --tick 1 --lot 1", "--qty"),
        ("quantize --side buy --price 1 --qty 1 --tick 1 --lot 1 --min-size -1", "--min-size"),
        (&format!("{hedge} --lot 0"), "--lot"),
        (&format!("{hedge} --lot 1 --guard-multiplier 0.3333"), "--guard-multiplier"),
        (&format!("{hedge} --lot 1 --guard-multiplier 1.5"), "guard multiplier"),
        (&format!("{hedge} --lot 1 --max-clip-hard 0.01"), "max clip hard"),
        ("hedge --price -143 --lot 1 --trigger 1 --target 0 --max-clip 1 --inventory 1", "--price"),
        ("ladder --capacity 1 --price 1 --lot 1 --levels 0", "--levels"),
        ("ladder --capacity 1 --price 1 --lot 1 --levels 17", "--levels"),
        ("ladder --capacity -1 --price 1 --lot 1 --levels 1", "--capacity"),
        ("ladder --capacity 1 --price 1 --lot 1 --levels 2 --weights 1", "--weights"),
        ("ladder --capacity 1 --price 1 --lot 1 --levels 2 --weights 1,-1", "--weights"),
        ("pair --target 1 --price-a 1 --lot-a 1 --price-b 1 --lot-b 0", "leg b: --lot"),
        ("pair --target -1 --price-a 1 --lot-a 1 --price-b 1 --lot-b 1", "--target"),
        ("pair --target 1 --price-a 1 --lot-a 1 --price-b 1 --lot-b 1 --tolerance 1", "tolerance"),
        ("pair --target 1 --price-a 1 --lot-a 1 --price-b 1 --lot-b 1 --policy grow", "--grow-to"),
    ] {
        let (status, out, err) = call(line);
        assert_eq!((status, out.as_str()), (2, ""), "{line}");
        assert_eq!(err.lines().count(), 1, "{err}");
        assert!(err.contains(flag), "{line}: {err}");
    }
}
