//! The seeded market: reproducible, plausible, and different in each scenario.

mod sim_desk;

use evenkeel::event::Tif;
use evenkeel::instrument::{InstId, Instrument, Symbol};
use evenkeel::sim::calibrate::{Stats, measure};
use evenkeel::sim::exchange::*;
use evenkeel::sim::flow::{BLOCK, Flow, FlowParams, Scenario};
use evenkeel::sim::probe::probe;
use evenkeel::units::{Bps, Nanos, Notional, Price, Qty, Round, Side, StateHasher};

use sim_desk::*;

const START: Nanos = Nanos::from_secs(1_000_000);

fn params(scenario: Scenario) -> FlowParams {
    FlowParams::built_in("SOL", scenario).unwrap_or_else(|e| panic!("{e}"))
}

fn flow(scenario: Scenario, seed: u64) -> Flow {
    Flow::new(&sol(), params(scenario), seed, START)
}

/// A maker of one lot on each side at a distance from the mid, requoted every second.
struct Maker {
    desk: Desk,
    flow: Flow,
    distance: Bps,
    hash: StateHasher,
    fills: u32,
    notices: u64,
}

impl Maker {
    fn new(scenario: Scenario, seed: u64, distance: Bps) -> Maker {
        let desk = Desk::with(Rules { seed, ..Rules::default() });
        let flow = flow(scenario, seed);
        Maker { desk, flow, distance, hash: StateHasher::default(), fills: 0, notices: 0 }
    }

    fn run(&mut self, seconds: u64) {
        for second in 0..seconds {
            let from = START.after(Nanos::from_secs(second));
            self.flow.step(&mut self.desk.x, from);
            self.requote(from, second);
            for part in 1..=10 {
                let now = from.after(Nanos::from_millis(part * 100));
                self.flow.step(&mut self.desk.x, now);
                while let Some((at, notice)) = self.desk.x.poll(now) {
                    self.hash.word(at.0);
                    for byte in format!("{notice:?}").bytes() {
                        self.hash.word(u64::from(byte));
                    }
                    self.notices += 1;
                    self.fills += u32::from(matches!(notice, Notice::Fill(_)));
                }
            }
        }
    }

    fn requote(&mut self, now: Nanos, request: u64) {
        let Some(mid) = self.desk.x.bbo(SOL).mid() else { return };
        let mut entries = vec![Request::CancelAll];
        for (side, round) in [(Side::Buy, Round::Down), (Side::Sell, Round::Up)] {
            let offset = Bps(-side.sign() * self.distance.0);
            let px = sol().round_price(mid.shift(offset), round).expect("a price");
            entries.push(Request::Place(order(SOL, side, px, qty("0.1"), Tif::Alo)));
        }
        self.desk.x.submit(now, self.desk.me, request, &entries);
    }
}

fn stats(scenario: Scenario, seed: u64, seconds: u64) -> Stats {
    let mut x = Exchange::new(vec![sol()], Rules::default());
    let from = START.after(Nanos::from_secs(1));
    let until = from.after(Nanos::from_secs(seconds));
    measure(&mut flow(scenario, seed), &mut x, SOL, from, until)
}

#[test]
fn a_seed_is_a_market_bit_for_bit() {
    let run = |seed| {
        let mut maker = Maker::new(Scenario::Volatile, seed, Bps::whole(3));
        maker.run(120);
        assert!(maker.notices > 500, "{}", maker.notices);
        (maker.hash.finish(), maker.notices, maker.desk.x.margin(maker.desk.me))
    };
    let first = run(1);
    assert_eq!(first, run(1));
    assert_ne!(first.0, run(2).0);
}

#[test]
fn the_size_of_the_steps_does_not_matter() {
    let run = |step: Nanos| {
        let mut x = Exchange::new(vec![sol()], Rules::default());
        let mut flow = flow(Scenario::Calm, 5);
        let end = START.after(Nanos::from_secs(60));
        let mut seen = Vec::new();
        let mut now = START;
        while now < end {
            now = now.after(step).min(end);
            flow.step(&mut x, now);
            while let Some(notice) = x.poll(now) {
                seen.push(notice);
            }
        }
        (seen, flow.fair())
    };
    let fine = run(Nanos::from_millis(1));
    assert!(fine.0.len() > 300);
    assert_eq!(fine, run(BLOCK));
    assert_eq!(fine, run(Nanos::from_secs(60)));
}

#[test]
fn quotes_near_the_mid_are_filled_at_plausible_rates() {
    let fills = |scenario, distance_bps| {
        let mut maker = Maker::new(scenario, 3, Bps::whole(distance_bps));
        maker.run(1200);
        assert_eq!(maker.desk.x.imbalance(), Notional(0));
        let me = maker.desk.position().0;
        assert_eq!(maker.desk.x.position(CROWD, SOL).qty.0, -me);
        maker.fills
    };
    // In 20 minutes with a life of one second each: the nearer, the more; wild markets fill more.
    let (near, middle, far) =
        (fills(Scenario::Calm, 1), fills(Scenario::Calm, 3), fills(Scenario::Calm, 12));
    assert!(near > middle && middle > far, "{near} {middle} {far}");
    assert!((60..1200).contains(&near) && (8..250).contains(&middle), "{near} {middle}");
    assert!(far < 10, "{far}");
    let wild = fills(Scenario::Volatile, 3);
    assert!(wild > 2 * middle, "{wild} {middle}");
}

#[test]
fn a_quote_that_the_price_has_left_behind_is_taken() {
    let mut desk = Desk::empty();
    let mut flow = flow(Scenario::Calm, 1);
    flow.step(&mut desk.x, START.after(Nanos::from_secs(1)));
    let ask = desk.x.bbo(SOL).ask.expect("an ask").px;
    let now = desk.x.now();
    let mine = order(SOL, Side::Sell, Price(ask.0 + 2_000_000), qty("5"), Tif::Alo);
    desk.x.submit(now, desk.me, 1, &[Request::Place(mine)]);
    flow.step(&mut desk.x, now);
    assert_eq!(desk.x.open_orders(desk.me).count(), 1);
    flow.shock(ask.shift(Bps::whole(10)));
    flow.step(&mut desk.x, now.after(Nanos::from_secs(5)));
    assert_eq!(desk.position(), qty("-5"));
    let fill = desk.x.fills(desk.me).next().expect("a fill");
    assert_eq!((fill.px, fill.taker), (mine.px, false));
}

#[test]
fn the_book_is_whole_at_every_moment() {
    let mut x = Exchange::new(vec![sol()], Rules::instant());
    let mut flow = flow(Scenario::Volatile, 9);
    for step in 1..10_000u64 {
        flow.step(&mut x, START.after(Nanos(step * BLOCK.0)));
        while x.poll(x.now()).is_some() {}
        for side in Side::BOTH {
            let levels: Vec<BookLevel> = x.levels(SOL, side, 100).collect();
            assert!(levels.len() >= 20, "step {step}: {} {side} levels", levels.len());
            assert!(levels.iter().all(|l| l.qty > Qty(0) && sol().is_on_grid(l.px)));
            let better = |w: &[BookLevel]| w[0].px.0 * side.sign() > w[1].px.0 * side.sign();
            assert!(levels.windows(2).all(better), "step {step}");
        }
        let bbo = x.bbo(SOL);
        assert!(bbo.bid.map(|l| l.px) < bbo.ask.map(|l| l.px), "step {step}: crossed");
    }
}

/// What the built-in parameters were calibrated to, in wide bounds: it guards against a slip in
/// the parameters or the mechanics. The exact comparison is `evenkeel calibrate`.
#[test]
fn a_calm_market_has_the_statistics_of_its_calibration() {
    let s = stats(Scenario::Calm, 1, 2_000);
    for (name, value, low, high) in [
        ("spread mean, bps", s.spread_mean_bps, 0.49, 0.66),
        ("depth at best", s.depth_best, 1_100.0, 1_800.0),
        ("depth within 5 bps", s.depth_5_bps, 12_000.0, 19_000.0),
        ("bbo updates / s", s.bbo_rate, 4.8, 7.7),
        ("trades / s", s.trade_rate, 1.5, 2.7),
        ("aggressor size p50", s.sweep_p50, 0.2, 0.8),
        ("aggressor size p99", s.sweep_p99, 900.0, 3_600.0),
        ("aggressors over > 1 price", s.sweep_multi_share, 0.05, 0.13),
        ("mid volatility 1 s", s.vol_1s_bps, 0.75, 1.3),
        ("mid volatility 15 s", s.vol_15s_bps, 4.0, 7.5),
        ("seconds in which mid moves", s.moves_1s_share, 0.26, 0.42),
        ("mid return autocorrelation", s.return_autocorr, 0.08, 0.32),
    ] {
        assert!((low..=high).contains(&value), "{name}: {value} is not in {low}..{high}");
    }
}

#[test]
fn scenarios_do_what_they_say() {
    let calm = stats(Scenario::Calm, 4, 600);
    let wild = stats(Scenario::Volatile, 4, 600);
    assert!(wild.vol_1s_bps > 1.8 * calm.vol_1s_bps && wild.depth_5_bps < 0.7 * calm.depth_5_bps);
    let one_sided = stats(Scenario::OneSided, 4, 600);
    assert!(one_sided.sweep_rate > 2.0 * calm.sweep_rate);
    let moved = |scenario, seed| {
        let mut x = Exchange::new(vec![sol()], Rules::instant());
        let mut flow = flow(scenario, seed);
        let from = flow.fair();
        flow.step(&mut x, START.after(Nanos::from_secs(1800)));
        while x.poll(x.now()).is_some() {}
        from.bps_to(flow.fair())
    };
    let mean = |scenario| (1..=8).map(|seed| moved(scenario, seed).0).sum::<i64>() / 8;
    let up = mean(Scenario::TrendUp);
    let down = mean(Scenario::TrendDown);
    let pushed = mean(Scenario::OneSided);
    let bps = Bps::ONE;
    assert!(up > 30 * bps && down < -30 * bps && pushed > 20 * bps, "{up} {down} {pushed}");
}

#[test]
fn several_markets_run_in_step() {
    let perp = |id, name| -> (Instrument, FlowParams) {
        let params = FlowParams::built_in(name, Scenario::Calm).unwrap_or_else(|e| panic!("{e}"));
        let symbol = Symbol::new(name).expect("a symbol");
        let inst = hyperliquid_perp(id, symbol, params.asset, params.sz_decimals);
        (inst.expect("a perp"), params)
    };
    let pairs: Vec<_> =
        (0..).map(InstId).zip(["SOL", "ETH", "BTC"]).map(|(id, n)| perp(id, n)).collect();
    let run = |step: Nanos| {
        let mut x = Exchange::new(pairs.iter().map(|p| p.0.clone()).collect(), Rules::default());
        let mut markets = Markets::new();
        for (i, (inst, params)) in pairs.iter().enumerate() {
            markets.add(Flow::new(inst, params.clone(), i as u64, START));
        }
        let mut seen = Vec::new();
        let mut now = START;
        for _ in 0..Nanos::from_secs(30).0 / step.0 {
            now = now.after(step);
            markets.step(&mut x, now);
            while let Some(notice) = x.poll(now) {
                seen.push(notice);
            }
        }
        for inst in (0..3).map(InstId) {
            assert!(x.bbo(inst).mid().is_some());
        }
        seen
    };
    let seen = run(Nanos::from_millis(10));
    assert!(seen.is_sorted_by_key(|n| n.0) && seen.len() > 500);
    assert_eq!(seen, run(Nanos::from_secs(30)));
}

/// Quotes for one second, sweeps both sides of the book, and never comes back.
struct Vanishing {
    moments: Vec<Nanos>,
}

impl Market for Vanishing {
    fn next_at(&self) -> Option<Nanos> {
        self.moments.last().copied()
    }

    fn step(&mut self, x: &mut Exchange, now: Nanos) {
        while let Some(at) = self.next_at().filter(|at| *at <= now) {
            x.advance(at);
            let tif = if self.moments.len() == 2 { Tif::Gtc } else { Tif::Ioc };
            let (low, high) = if tif == Tif::Gtc { ("99.99", "100.01") } else { ("99", "101") };
            if tif == Tif::Gtc {
                x.crowd_place(new(Side::Buy, low, "1", tif));
                x.crowd_place(new(Side::Sell, high, "1", tif));
            } else {
                x.crowd_place(new(Side::Buy, high, "50", tif));
                x.crowd_place(new(Side::Sell, low, "50", tif));
            }
            self.moments.pop();
        }
        x.advance(now);
    }
}

#[test]
fn the_probe_lives_through_a_market_without_a_mid() {
    let mut x = Exchange::new(vec![sol()], Rules::instant());
    let after = |ms| START.after(Nanos::from_millis(ms));
    let mut market = Vanishing { moments: vec![after(1_500), START] };
    let met = probe(&mut market, &mut x, SOL, START, after(40_000));
    // Both quotes are hit, and there is nothing to mark them with.
    assert_eq!(met.fills_per_hour, 2.0 * 3600.0 / 40.0);
    assert!(met.markout_1s_bps.is_nan() && met.markout_30s_bps.is_nan());
}
