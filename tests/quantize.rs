//! The quantizer against its rules written down once more, slowly: digits counted, floors searched
//! by predicate, every outcome derived by hand. And the divisor against the division of the
//! machine.

use evenkeel::instrument::{
    Divisor, GridSpec, InstId, Instrument, InstrumentSpec, PriceIntent, Quantized, Quantizer,
    SizePolicy, SpecError, Symbol, VenueId,
};
use evenkeel::units::{Bps, Notional, Price, Qty, RAW_MAX, Round, SCALE, Side};

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn within(&mut self, lo: i64, hi: i64) -> i64 {
        lo + ((u128::from(self.next()) * (hi - lo + 1) as u128) >> 64) as i64
    }

    fn magnitude(&mut self, digits: u32) -> i64 {
        let digits = self.within(1, i64::from(digits)) as u32;
        self.within(1, 10_i64.pow(digits))
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.within(0, of.len() as i64 - 1) as usize]
    }
}

fn spec(grid: GridSpec, lot: i64, min_size: i64, min_notional: i128) -> InstrumentSpec {
    InstrumentSpec {
        venue: VenueId::Hyperliquid,
        symbol: Symbol::new("X").expect("short"),
        asset: 0,
        grid,
        lot: Qty(lot),
        min_size: Qty(min_size),
        min_notional: Notional(min_notional),
        maker_fee: Bps::ZERO,
        taker_fee: Bps::ZERO,
    }
}

fn perp(sz_decimals: u32) -> Instrument {
    let grid = GridSpec::SigFigs { figures: 5, max_decimals: 6 - sz_decimals };
    let lot = SCALE / 10_i64.pow(sz_decimals);
    let ten = i128::from(10 * SCALE) * i128::from(SCALE);
    Instrument::new(InstId(0), spec(grid, lot, 0, ten)).expect("a valid spec")
}

fn px(text: &str) -> Price {
    Price::parse(text.as_bytes()).expect("a literal of this test")
}

// -- the grids -----------------------------------------------------------------------------------

/// Whether a venue takes this price, by its digits.
fn is_legal(grid: GridSpec, raw: i64) -> bool {
    match grid {
        GridSpec::Tick(tick) => raw % tick.0 == 0,
        GridSpec::SigFigs { figures, max_decimals } => {
            if raw % SCALE == 0 {
                return true;
            }
            let text = raw.to_string();
            let significant = text.trim_end_matches('0').len() as u32;
            let decimals = 8 - (text.len() - text.trim_end_matches('0').len()).min(8) as u32;
            significant <= figures && decimals <= max_decimals
        }
    }
}

/// The largest legal price not above `raw`: cut at every place, the best that is legal.
fn legal_below(grid: GridSpec, raw: i64) -> Option<i64> {
    match grid {
        GridSpec::Tick(tick) => Some(raw - raw % tick.0).filter(|p| *p > 0),
        GridSpec::SigFigs { .. } => (0..=18)
            .map(|place| raw - raw % 10_i64.pow(place))
            .filter(|p| *p > 0 && is_legal(grid, *p))
            .max(),
    }
}

/// The smallest legal price not below `raw`.
fn legal_above(grid: GridSpec, raw: i64) -> Option<i64> {
    let up =
        |step: i64| (i128::from(raw) + i128::from(step) - 1) / i128::from(step) * i128::from(step);
    let fits = |p: &i128| *p <= i128::from(RAW_MAX);
    match grid {
        GridSpec::Tick(tick) => Some(up(tick.0)).filter(fits).map(|p| p as i64),
        GridSpec::SigFigs { .. } => (0..=18)
            .map(|place| up(10_i64.pow(place)))
            .filter(fits)
            .map(|p| p as i64)
            .filter(|p| is_legal(grid, *p))
            .min(),
    }
}

#[test]
fn documented_prices_of_hyperliquid() {
    for (sz_decimals, text, legal) in [
        (1, "1234.5", true),
        (0, "123456", true),
        (0, "0.001234", true),
        (1, "1234.56", false),
        (0, "12345.6", false),
        (0, "0.0012345", false),
        (1, "0.01234", true),
        (1, "0.012345", false),
        (5, "81800", true),
        (5, "81800.4", false),
        (5, "9999.9", true),
        (5, "9999.99", false),
        (5, "10000", true),
        (0, "0.000001", true),
        (0, "0.0000001", false),
    ] {
        assert_eq!(perp(sz_decimals).is_on_grid(px(text)), legal, "{text} at {sz_decimals}");
    }
}

#[test]
fn rounding_happens_once_and_across_powers_of_ten() {
    let btc = perp(5);
    // Decimals first and figures second would give 81801.
    assert_eq!(btc.round_price(px("81800.45"), Round::Down), Some(px("81800")));
    assert_eq!(btc.round_price(px("81800.45"), Round::Up), Some(px("81801")));
    assert_eq!(btc.round_price(px("9999.95"), Round::Up), Some(px("10000")));
    assert_eq!(btc.round_price(px("9999.95"), Round::Down), Some(px("9999.9")));
    assert_eq!(btc.tick_at(px("9999.9")), Some(px("0.1")));
    assert_eq!(btc.tick_at(px("10000")), Some(px("1")));
    assert_eq!(btc.tick_at(px("123456.7")), Some(px("1")));
    assert_eq!(btc.round_price(px("0.09"), Round::Down), None);
    assert_eq!(btc.round_price(px("0.09"), Round::Up), Some(px("0.1")));
    assert_eq!(btc.round_price(Price(0), Round::Up), None);
    assert_eq!(btc.round_price(Price(-1), Round::Down), None);
    assert_eq!(btc.round_price(Price(RAW_MAX), Round::Up), Some(Price(RAW_MAX)));
    assert_eq!(btc.round_price(Price(RAW_MAX + 1), Round::Down), None);
    // Up from the last step of a grid there is nothing.
    let three = Instrument::new(InstId(0), spec(GridSpec::Tick(Price(3)), 1, 0, 0)).expect("valid");
    assert_eq!(three.round_price(Price(RAW_MAX), Round::Up), None);
    assert_eq!(three.round_price(Price(RAW_MAX), Round::Down), Some(Price(RAW_MAX - 1)));
}

#[test]
fn crossing_prices_stay_within_their_bound() {
    let tick = GridSpec::Tick(px("0.1"));
    let mut door = Quantizer::new(Instrument::new(InstId(0), spec(tick, 1, 0, 0)).expect("valid"));
    let mut ask = |side, at: &str, bound: &str| {
        door.price(side, px(at), PriceIntent::Cross { bound: px(bound) }).map(|p| p.to_string())
    };
    assert_eq!(ask(Side::Buy, "100.04", "100.2"), Some("100.1".into()));
    assert_eq!(ask(Side::Buy, "100.04", "100.05"), Some("100".into()));
    assert_eq!(ask(Side::Buy, "100.04", "99.99"), None);
    assert_eq!(ask(Side::Sell, "100.04", "99.9"), Some("100".into()));
    assert_eq!(ask(Side::Sell, "100.04", "100.03"), Some("100.1".into()));
    assert_eq!(ask(Side::Sell, "100.04", "100.11"), None);
}

#[test]
fn specs_out_of_scale_are_refused() {
    let tick = GridSpec::Tick(Price(1));
    let made = |s| Instrument::new(InstId(0), s).map(|_| ()).expect_err("a broken spec");
    assert_eq!(made(spec(tick, 0, 0, 0)), SpecError::LotNotPositive);
    assert_eq!(made(spec(tick, 1, -1, 0)), SpecError::NegativeMinimum);
    assert_eq!(made(spec(tick, 1, 0, -1)), SpecError::NegativeMinimum);
    assert_eq!(made(spec(tick, i64::MAX, 0, 0)), SpecError::TooLarge);
    assert_eq!(made(spec(tick, 1, i64::MAX, 0)), SpecError::TooLarge);
    assert_eq!(made(spec(tick, 1, 0, i128::MAX)), SpecError::TooLarge);
    assert_eq!(made(spec(GridSpec::Tick(Price(0)), 1, 0, 0)), SpecError::TickNotPositive);
    assert_eq!(made(spec(GridSpec::Tick(Price(i64::MAX)), 1, 0, 0)), SpecError::TooLarge);
    for (figures, max_decimals) in [(0, 6), (19, 6), (5, 9)] {
        let grid = GridSpec::SigFigs { figures, max_decimals };
        assert_eq!(made(spec(grid, 1, 0, 0)), SpecError::GridOutOfScale);
    }
}

// -- the whole door ------------------------------------------------------------------------------

/// The smallest whole lots that reach both minima, searched by predicate.
fn slow_floor(spec: &InstrumentSpec, price: i64) -> Option<i64> {
    let lot = i128::from(spec.lot.0);
    let reaches = |lots: i128| {
        let size = lots * lot;
        size >= i128::from(spec.min_size.0) && size * i128::from(price) >= spec.min_notional.0
    };
    let (mut lo, mut hi) = (1, i128::from(RAW_MAX) / lot);
    if hi < 1 || !reaches(hi) {
        return None;
    }
    while lo < hi {
        let middle = (lo + hi) / 2;
        if reaches(middle) { hi = middle } else { lo = middle + 1 }
    }
    Some((lo * lot) as i64)
}

fn slow_price(grid: GridSpec, side: Side, raw: i64, intent: PriceIntent) -> Option<i64> {
    if raw <= 0 || raw > RAW_MAX {
        return None;
    }
    let (down, up) = (legal_below(grid, raw), legal_above(grid, raw));
    match (intent, side) {
        (PriceIntent::Passive, Side::Buy) => down,
        (PriceIntent::Passive, Side::Sell) => up,
        (PriceIntent::Cross { bound }, Side::Buy) => {
            up.filter(|p| *p <= bound.0).or(down.filter(|p| *p <= bound.0))
        }
        (PriceIntent::Cross { bound }, Side::Sell) => {
            down.filter(|p| *p >= bound.0).or(up.filter(|p| *p >= bound.0))
        }
    }
}

fn slow_quantize(
    spec: &InstrumentSpec,
    side: Side,
    price: i64,
    size: i64,
    intent: PriceIntent,
    policy: SizePolicy,
) -> Quantized {
    if size <= 0 {
        return Quantized::Zero;
    }
    if price <= 0 || price > RAW_MAX {
        return Quantized::OutOfGrid;
    }
    if size > RAW_MAX {
        return Quantized::Overflow;
    }
    let Some(price) = slow_price(spec.grid, side, price, intent) else {
        return Quantized::OutOfGrid;
    };
    let Some(floor) = slow_floor(spec, price) else { return Quantized::Overflow };
    let lots = size - size % spec.lot.0;
    match policy {
        _ if lots >= floor => Quantized::Order { px: Price(price), qty: Qty(lots) },
        SizePolicy::RaiseToMinimum => Quantized::Order { px: Price(price), qty: Qty(floor) },
        SizePolicy::Down if lots == 0 => Quantized::Zero,
        SizePolicy::Down => Quantized::BelowMinimum { asked: Qty(size), floor: Qty(floor) },
    }
}

fn random_spec(dice: &mut Dice) -> InstrumentSpec {
    let grid = match dice.within(0, 2) {
        0 => GridSpec::Tick(Price(dice.magnitude(18))),
        1 => GridSpec::Tick(Price(10_i64.pow(dice.within(0, 10) as u32))),
        _ => GridSpec::SigFigs {
            figures: dice.within(1, 18) as u32,
            max_decimals: dice.within(0, 8) as u32,
        },
    };
    let lot = if dice.next() & 1 == 0 {
        dice.magnitude(18)
    } else {
        10_i64.pow(dice.within(0, 9) as u32)
    };
    let min_size = dice.one_of(&[0, lot, lot.saturating_mul(61).min(RAW_MAX), 12_345]);
    let min_notional = i128::from(dice.magnitude(15)) * i128::from(dice.magnitude(15));
    spec(grid, lot, min_size, dice.one_of(&[0, min_notional, min_notional]))
}

#[test]
fn quantizer_of_all_magnitudes() {
    let mut dice = Dice(1);
    let mut seen = std::collections::BTreeMap::new();
    for case in 0..3_000 {
        let spec = random_spec(&mut dice);
        let mut door = Quantizer::new(Instrument::new(InstId(0), spec).expect("a valid spec"));
        let mut price = dice.magnitude(18);
        // One quantizer for a walk: its cached bands must never be asked outside of where they
        // hold.
        for step in 0..20 {
            price = match dice.within(0, 5) {
                0 => dice.magnitude(18),
                1 => 10_i64.pow(dice.within(0, 18) as u32) + dice.within(-2, 2),
                2 => dice.one_of(&[0, -1, RAW_MAX, RAW_MAX + 1, i64::MAX, i64::MIN]),
                _ => {
                    let near = price.saturating_abs() / 50 + 1;
                    price.saturating_add(dice.within(-near, near))
                }
            };
            let size = match dice.within(0, 3) {
                0 => dice.one_of(&[0, -5, RAW_MAX, RAW_MAX + 1, i64::MAX, i64::MIN]),
                1 => dice.magnitude(18),
                // Around the floor.
                _ => {
                    let near = slow_floor(&spec, price.clamp(1, RAW_MAX)).unwrap_or(spec.lot.0);
                    near + dice.within(-2, 2) * dice.one_of(&[1, spec.lot.0])
                }
            };
            let side = dice.one_of(&Side::BOTH);
            let bound = Price(price.saturating_add(dice.within(-100, 100)));
            let intent = dice.one_of(&[PriceIntent::Passive, PriceIntent::Cross { bound }]);
            let policy = dice.one_of(&[SizePolicy::Down, SizePolicy::RaiseToMinimum]);
            let got = door.quantize(side, Price(price), Qty(size), intent, policy);
            let want = slow_quantize(&spec, side, price, size, intent, policy);
            let name =
                format!("case {case}.{step}: {side} {price} {size} {intent:?} {policy:?} {spec:?}");
            assert_eq!(got, want, "{name}");
            if let Quantized::Order { px, qty } = got {
                assert!(is_legal(spec.grid, px.0) && qty.0 % spec.lot.0 == 0, "{name}");
                assert!(
                    qty >= spec.min_size && Notional::of(px, qty) >= spec.min_notional,
                    "{name}"
                );
            }
            *seen.entry(name_of(&got)).or_insert(0) += 1;
        }
    }
    assert!(seen.len() == 5 && seen.values().all(|&n| n > 1_000), "{seen:?}");
}

fn name_of(outcome: &Quantized) -> &'static str {
    match outcome {
        Quantized::Order { .. } => "order",
        Quantized::BelowMinimum { .. } => "below_minimum",
        Quantized::Zero => "zero",
        Quantized::OutOfGrid => "out_of_grid",
        Quantized::Overflow => "overflow",
    }
}

#[test]
fn floor_bands_hold_exactly_where_they_say() {
    // Prices on both sides of every edge, forward and backward through one cache.
    let spec = spec(GridSpec::Tick(Price(1)), 1000, 61_000, 10_500_000_000);
    let mut door = Quantizer::new(Instrument::new(InstId(0), spec).expect("a valid spec"));
    let prices: Vec<i64> = (100_000..180_000).chain((100_000..180_000).rev()).collect();
    for price in prices {
        assert_eq!(door.floor(Price(price)).map(|f| f.0), slow_floor(&spec, price), "{price}");
    }
    // A bid and an ask on the two sides of an edge, in turn.
    for _ in 0..3 {
        for price in [145_833, 145_834, 145_833, 172_131, 172_132] {
            assert_eq!(door.floor(Price(price)).map(|f| f.0), slow_floor(&spec, price), "{price}");
        }
    }
}

// -- the divisor ---------------------------------------------------------------------------------

#[test]
fn divisor_is_the_division_at_every_boundary() {
    let mut divisors: Vec<i64> =
        (1..=1_000).chain([i64::MAX, i64::MAX - 1, RAW_MAX, SCALE]).collect();
    for k in 0..63 {
        let two = 1_i64 << k;
        divisors.extend([two - 1, two, two + 1].into_iter().filter(|d| *d > 0));
    }
    divisors.extend((0..19).map(|k| 10_i64.pow(k)));
    let mut dice = Dice(2);
    divisors.extend((0..2_000).map(|_| (dice.next() >> 1 >> dice.within(0, 62)).max(1) as i64));
    for d in divisors {
        let fast = Divisor::new(d);
        assert_eq!(fast.get(), d);
        let check = |n: i64| {
            assert_eq!(fast.div(n), n / d, "{n} / {d}");
            assert_eq!(fast.floor(n), n - n % d, "{n} / {d}");
            if let Some(top) = n.checked_add(d - 1) {
                assert_eq!(fast.ceil(n), top / d * d, "{n} / {d}");
            }
        };
        let last = i64::MAX / d;
        for quotient in [0, 1, 2, last / 3, last / 2, last - 1, last] {
            let base = quotient.clamp(0, last) * d;
            for n in [(base - 1).max(0), base, base.saturating_add(1)] {
                check(n);
            }
        }
        for _ in 0..20 {
            check((dice.next() >> 1) as i64);
        }
        check(i64::MAX);
    }
}
