//! One quantized order, beside the same steps in `rust_decimal`.
//!
//! `cargo bench --bench quantize`; with `--smoke` (or `--test`) a short run that checks that it
//! works. Prints one line per case and writes `out/bench/quantize.json`. Each figure is the
//! median of many batches, so that one interruption of a shared machine does not move it.

use std::hint::black_box;
use std::time::Instant;

use evenkeel::instrument::{
    GridSpec, InstId, Instrument, InstrumentSpec, PriceIntent, Quantized, Quantizer, SizePolicy,
    Symbol, VenueId,
};
use evenkeel::units::{Bps, Notional, Price, Qty, SCALE, Side};
use rust_decimal::{Decimal, RoundingStrategy};

/// Different inputs per batch: a power of two, larger than what a branch predictor learns by heart.
const INPUTS: usize = 4096;

fn instrument(grid: GridSpec, lot: i64) -> Instrument {
    let spec = InstrumentSpec {
        venue: VenueId::Hyperliquid,
        symbol: Symbol::new("SOL").expect("short"),
        asset: 5,
        grid,
        lot: Qty(lot),
        min_size: Qty(0),
        min_notional: Notional::from_raw(10 * SCALE),
        maker_fee: Bps::ZERO,
        taker_fee: Bps::ZERO,
    };
    Instrument::new(InstId(0), spec).expect("a valid spec")
}

/// Nanoseconds per call of `work` over all inputs: the median of `batches`.
fn measure(batches: usize, mut work: impl FnMut(usize) -> i64) -> f64 {
    let mut times: Vec<f64> = (0..batches)
        .map(|_| {
            #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
            let start = Instant::now();
            let mut sum = 0_i64;
            for i in 0..INPUTS {
                sum = sum.wrapping_add(work(i));
            }
            black_box(sum);
            start.elapsed().as_nanos() as f64 / INPUTS as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn integer(inst: Instrument, inputs: &[(Side, Price, Qty)], batches: usize) -> f64 {
    let mut door = Quantizer::new(inst);
    measure(batches, |i| {
        let (side, px, qty) = inputs[i];
        match door.quantize(side, px, qty, PriceIntent::Passive, SizePolicy::RaiseToMinimum) {
            Quantized::Order { px, qty } => px.0 ^ qty.0,
            _ => 0,
        }
    })
}

/// Grid, lot and floor as one writes them with decimals, with the tick known.
fn decimal(inputs: &[(Side, Price, Qty)], tick: Decimal, lot: Decimal, batches: usize) -> f64 {
    let inputs: Vec<(Side, Decimal, Decimal)> = inputs
        .iter()
        .map(|(side, px, qty)| (*side, Decimal::new(px.0, 8), Decimal::new(qty.0, 8)))
        .collect();
    let least = Decimal::TEN;
    measure(batches, |i| {
        let (side, px, qty) = inputs[i];
        let way = match side {
            Side::Buy => RoundingStrategy::ToNegativeInfinity,
            Side::Sell => RoundingStrategy::ToPositiveInfinity,
        };
        let px = (px / tick).round_dp_with_strategy(0, way) * tick;
        let floor = (least / px / lot).ceil() * lot;
        let qty = ((qty / lot).floor() * lot).max(floor);
        (px.mantissa() ^ qty.mantissa()) as i64
    })
}

fn main() {
    let smoke = std::env::args().any(|arg| arg == "--smoke" || arg == "--test");
    let batches = if smoke { 20 } else { 2_000 };
    // A walk of a few percent around 143, as a session has it; sizes from dust to five lots.
    let mut state = 1_u64;
    let mut dice = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as i64
    };
    let mut mid = 143 * SCALE;
    let inputs: Vec<(Side, Price, Qty)> = (0..INPUTS)
        .map(|i| {
            mid += dice() % 2_000_001 - 1_000_000;
            let side = if i % 2 == 0 { Side::Buy } else { Side::Sell };
            (side, Price(mid - side.sign() * 8_580_000), Qty(dice() % (SCALE / 4) + 1))
        })
        .collect();
    let tick = GridSpec::Tick(Price(SCALE / 1000));
    let figures = GridSpec::SigFigs { figures: 5, max_decimals: 4 };
    let cases = [
        ("tick grid", integer(instrument(tick, SCALE / 1000), &inputs, batches)),
        ("significant figures", integer(instrument(figures, SCALE / 100), &inputs, batches)),
        ("rust_decimal", decimal(&inputs, Decimal::new(1, 3), Decimal::new(1, 3), batches / 10)),
    ];
    for (name, ns) in cases {
        println!("quantize, {name:<20} {ns:8.2} ns");
    }
    let [(_, fixed), (_, figures), (_, decimal)] = cases;
    println!("rust_decimal / tick grid {:.1} x", decimal / fixed);
    let json = format!(
        "{{\"bench\":\"quantize\",\"smoke\":{smoke},\"unit\":\"ns per order, median of batches\",\
         \"tick_grid\":{fixed:.3},\"significant_figures\":{figures:.3},\
         \"rust_decimal\":{decimal:.3},\"goal\":5.0}}\n"
    );
    let written = std::fs::create_dir_all("out/bench")
        .and_then(|()| std::fs::write("out/bench/quantize.json", json));
    if let Err(why) = written {
        eprintln!("out/bench/quantize.json: {why}");
    }
}
