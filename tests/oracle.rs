//! Hedger, ladder and pair against slow exact oracles: the rules written down once more as
//! searches over all candidates, in integers, with nothing shared but the value types. Seeded; a
//! difference prints its case.

use std::cmp::Ordering;

use evenkeel::instrument::{GridSpec, InstId, Instrument, InstrumentSpec, Symbol, VenueId};
use evenkeel::strategy::hedger::{self, HedgeRule, HedgeSize};
use evenkeel::strategy::ladder::{Allocated, LEVELS_MAX, LadderLevel, Shortfall, allocate};
use evenkeel::strategy::pair::{
    PairFigures, PairLeg, PairLimits, PairOutcome, PairPolicy, balance,
};
use evenkeel::units::{Bps, Notional, Price, Qty, RAW_MAX, SCALE, Side};

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

    /// Uniform in lo ..= hi.
    fn within(&mut self, lo: i64, hi: i64) -> i64 {
        lo + ((u128::from(self.next()) * (hi - lo + 1) as u128) >> 64) as i64
    }

    /// Of all magnitudes up to 10^`digits`.
    fn magnitude(&mut self, digits: u32) -> i64 {
        let digits = self.within(1, i64::from(digits)) as u32;
        self.within(1, 10_i64.pow(digits))
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.within(0, of.len() as i64 - 1) as usize]
    }
}

fn market(lot: i64, min_size: i64, min_notional: i128) -> Instrument {
    let spec = InstrumentSpec {
        venue: VenueId::Lighter,
        symbol: Symbol::new("X").expect("short"),
        asset: 0,
        grid: GridSpec::Tick(Price(1)),
        lot: Qty(lot),
        min_size: Qty(min_size),
        min_notional: Notional(min_notional),
        maker_fee: Bps::ZERO,
        taker_fee: Bps::ZERO,
    };
    Instrument::new(InstId(0), spec).expect("a valid spec")
}

// -- hedger --------------------------------------------------------------------------------------

/// The rule in thousandths of a raw unit, where the guard's product is exact; rounded only at the
/// end, by counting lots.
fn slow_hedge(rule: &HedgeRule, q: i64, guard: bool, floor: i64, lot: i64) -> HedgeSize {
    let held = q.abs();
    if held <= rule.trigger.0 {
        return HedgeSize::None;
    }
    let mut clip = i128::from(held - rule.target.0) * 1000;
    clip = clip.min(i128::from(rule.max_clip.0) * 1000);
    if guard {
        clip = clip.min(i128::from(rule.max_clip.0) * i128::from(rule.guard_multiplier_permille));
    }
    clip = clip.max(i128::from(floor) * 1000).min(i128::from(held) * 1000);
    let lots = |limit: i128| {
        let (mut lo, mut hi) = (0_i128, i128::from(RAW_MAX));
        while lo < hi {
            let middle = (lo + hi + 1) / 2;
            if middle * i128::from(lot) * 1000 <= limit { lo = middle } else { hi = middle - 1 }
        }
        (lo * i128::from(lot)) as i64
    };
    let mut size = lots(clip);
    if size < floor {
        return HedgeSize::ResidualBelowMinimum { residual: Qty(held), floor: Qty(floor) };
    }
    let rest = held - size;
    let hard = rule.max_clip_hard.map_or(rule.max_clip.0.max(2 * floor), |hard| hard.0);
    if rule.remainder_rule && rest > rule.trigger.0 && rest < floor && held <= hard {
        size = lots(i128::from(held) * 1000);
    }
    let side = if q > 0 { Side::Sell } else { Side::Buy };
    HedgeSize::Order { side, qty: Qty(size), residual: Qty(held - size) }
}

fn check_hedge(rule: &HedgeRule, q: i64, guard: bool, floor: i64, inst: &Instrument) {
    rule.validate().expect("a valid rule");
    let lot = inst.spec.lot.0;
    let got = hedger::size(rule, Qty(q), guard, Qty(floor), inst);
    let case = (rule, q, guard, floor, lot);
    assert_eq!(got, slow_hedge(rule, q, guard, floor, lot), "{case:?}");
    if let HedgeSize::Order { side, qty, residual } = got {
        assert!(qty.0 % lot == 0 && qty.0 >= floor && qty.0 <= q.abs(), "{case:?}");
        assert_eq!(residual.0, q.abs() - qty.0, "{case:?}");
        assert_eq!(side.sign(), -q.signum(), "{case:?}");
    }
}

#[test]
fn hedger_of_every_small_domain() {
    let mut cases = 0;
    for lot in [1, 3] {
        let inst = market(lot, 0, 0);
        for floor in [1, 2, 4].map(|lots| lots * lot) {
            for (trigger, target) in [(0, 0), (2, 0), (5, 3), (5, 5), (13, 1)] {
                for max_clip in [1, 4, 7, 30] {
                    for hard in [None, Some(0), Some(9)] {
                        for q in -40..=40 {
                            let rule = HedgeRule {
                                trigger: Qty(trigger),
                                target: Qty(target),
                                max_clip: Qty(max_clip),
                                max_clip_hard: hard.map(|more| Qty(max_clip + more)),
                                guard_multiplier_permille: 350,
                                remainder_rule: q % 2 == 0,
                            };
                            for guard in [false, true] {
                                check_hedge(&rule, q, guard, floor, &inst);
                                cases += 1;
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(cases >= 10_000, "{cases}");
}

#[test]
fn hedger_of_all_magnitudes() {
    let mut dice = Dice(1);
    for _ in 0..20_000 {
        let lot = dice.magnitude(9);
        let inst = market(lot, 0, 0);
        let floor = dice.within(1, 1000) * lot;
        let trigger = dice.within(0, 3 * floor);
        let max_clip = dice.within(1, 4 * floor);
        let rule = HedgeRule {
            trigger: Qty(trigger),
            target: Qty(dice.within(0, trigger)),
            max_clip: Qty(max_clip),
            max_clip_hard: dice.one_of(&[None, Some(0), Some(floor)]).map(|m| Qty(max_clip + m)),
            guard_multiplier_permille: dice.within(0, 1000),
            remainder_rule: dice.next() & 1 == 0,
        };
        let q = dice.one_of(&[floor, 3 * floor, trigger, 10 * max_clip]);
        let q = dice.within(-q - 2 * lot, q + 2 * lot);
        check_hedge(&rule, q, dice.next() & 1 == 0, floor, &inst);
    }
}

// -- ladder --------------------------------------------------------------------------------------

/// The largest whole lots whose product with `sum` is at most capacity x weight, by counting.
fn slow_share(capacity: i64, weight: u64, sum: u128, lot: i64) -> i64 {
    let limit = capacity as u128 * u128::from(weight);
    let (mut lo, mut hi) = (0, capacity / lot);
    while lo < hi {
        let middle = (lo + hi + 1) / 2;
        if (middle * lot) as u128 * sum <= limit { lo = middle } else { hi = middle - 1 }
    }
    lo * lot
}

fn slow_ladder(
    capacity: i64,
    levels: &[LadderLevel],
    fill: bool,
    lot: i64,
) -> (Vec<i64>, Allocated) {
    let capacity = capacity - capacity % lot;
    let mut best: Vec<usize> = (0..levels.len()).filter(|&i| levels[i].weight > 0).collect();
    best.sort_by_key(|&i| (std::cmp::Reverse(levels[i].weight), i));
    let mut sizes = vec![0; levels.len()];
    let Some(floor) = best.iter().map(|&i| levels[i].floor.0).min() else {
        return (sizes, Allocated::NoEdge);
    };
    if capacity < floor {
        return (sizes, Allocated::BelowFloor);
    }
    let weights = |of: &[usize]| of.iter().map(|&i| u128::from(levels[i].weight)).sum::<u128>();
    let shares: Vec<i64> =
        best.iter().map(|&i| slow_share(capacity, levels[i].weight, weights(&best), lot)).collect();
    let kept: Vec<usize> =
        (0..best.len()).filter(|&k| shares[k] >= levels[best[k]].floor.0).collect();
    if fill && kept.len() < best.len() {
        let mut rest = capacity;
        let mut taken = Vec::new();
        for &i in &best {
            if levels[i].floor.0 <= rest {
                rest -= levels[i].floor.0;
                taken.push(i);
            }
        }
        for &i in &taken {
            let more = slow_share(rest, levels[i].weight, weights(&taken), lot);
            sizes[i] = levels[i].floor.0 + more;
        }
        return (sizes, Allocated::WaterFilled);
    }
    if kept.is_empty() {
        let chosen = best.iter().find(|&&i| levels[i].floor.0 <= capacity).expect("one fits");
        sizes[*chosen] = capacity;
        return (sizes, Allocated::Concentrated);
    }
    for k in kept {
        sizes[best[k]] = shares[k];
    }
    (sizes, Allocated::ByWeight)
}

#[test]
fn ladder_of_all_magnitudes() {
    let mut dice = Dice(2);
    let mut seen = std::collections::BTreeMap::new();
    for case in 0..20_000 {
        let lot = dice.magnitude(8);
        let min_notional = i128::from(dice.magnitude(9)) * i128::from(dice.magnitude(9));
        let inst = market(lot, dice.within(0, 50 * lot), min_notional);
        let count = dice.within(0, LEVELS_MAX as i64) as usize;
        let first = dice.magnitude(13);
        let heaviest = dice.one_of(&[1, 10, 1 << 40, i64::MAX - 1]);
        let mut levels = Vec::new();
        for i in 0..count {
            let px = Price(first + i as i64 * dice.one_of(&[0, 1, first / 10]));
            let Some(floor) = inst.min_qty(px) else { continue };
            levels.push(LadderLevel { px, weight: dice.within(0, heaviest) as u64, floor });
        }
        let floor = levels.iter().map(|level| level.floor.0).min().unwrap_or(lot);
        let most = floor.saturating_mul(dice.within(1, 40)).min(RAW_MAX - lot) + lot;
        let capacity = dice.within(0, most);
        for fill in [false, true] {
            let shortfall = if fill { Shortfall::WaterFill } else { Shortfall::Concentrate };
            let got = allocate(Qty(capacity), &levels, shortfall, &inst);
            let sizes: Vec<i64> = got.sizes[..levels.len()].iter().map(|size| size.0).collect();
            let want = slow_ladder(capacity, &levels, fill, lot);
            assert_eq!((&sizes, got.how), (&want.0, want.1), "case {case}: {capacity} {levels:?}");
            assert!(sizes.iter().sum::<i64>() <= capacity, "case {case}");
            let legal = |(level, size): (&LadderLevel, &i64)| {
                *size == 0 || *size >= level.floor.0 && size % lot == 0
            };
            assert!(levels.iter().zip(&sizes).all(legal), "case {case}: {sizes:?}");
            *seen.entry(got.how.name()).or_insert(0) += 1;
        }
    }
    // The generator reaches every way of allocation often.
    assert!(seen.len() == 5 && seen.values().all(|&n| n > 500), "{seen:?}");
}

// -- pair ----------------------------------------------------------------------------------------

/// a / b against c / d by their continued fractions: exact without a product.
fn cmp_fractions(mut a: u128, mut b: u128, mut c: u128, mut d: u128) -> Ordering {
    loop {
        let whole = (a / b).cmp(&(c / d));
        if whole.is_ne() {
            return whole;
        }
        (a, c) = (a % b, c % d);
        match (a, c) {
            (0, 0) => return Ordering::Equal,
            (0, _) => return Ordering::Less,
            (_, 0) => return Ordering::Greater,
            // a/b < c/d exactly when d/c < b/a.
            _ => (a, b, c, d) = (d, c, b, a),
        }
    }
}

struct SlowPair {
    steps: [i128; 2],
    first: [i128; 2],
    tolerance: i128,
}

impl SlowPair {
    fn new(a: &PairLeg, b: &PairLeg, tolerance: Bps) -> SlowPair {
        let step = |leg: &PairLeg| i128::from(leg.px.0) * i128::from(leg.lot.0);
        let first = |leg: &PairLeg| {
            let lot = leg.lot.0;
            i128::from((leg.floor.0 + lot - 1) / lot).max(1)
        };
        SlowPair {
            steps: [step(a), step(b)],
            first: [first(a), first(b)],
            tolerance: i128::from(tolerance.0),
        }
    }

    /// All counts of one leg that lie within the tolerance of the target.
    fn counts(&self, leg: usize, target: i128) -> Vec<i128> {
        let scale = i128::from(SCALE);
        let distance = |count: i128| (count * self.steps[leg] - target).abs() * scale;
        let near = |count: &i128| distance(*count) <= self.tolerance * target;
        let most = target * (scale + self.tolerance) / scale / self.steps[leg] + 1;
        let least = target * (scale - self.tolerance) / scale / self.steps[leg] - 1;
        (self.first[leg].max(least)..=most).filter(near).collect()
    }

    /// Counts of the best pair.
    fn best(&self, target: i128) -> Option<(i128, i128)> {
        let mut best: Option<(i128, i128)> = None;
        let b_counts = self.counts(1, target);
        for a in self.counts(0, target) {
            for &b in &b_counts {
                if best.is_none_or(|old| self.cmp((a, b), old, target).is_lt()) {
                    best = Some((a, b));
                }
            }
        }
        best
    }

    fn cmp(&self, x: (i128, i128), y: (i128, i128), target: i128) -> Ordering {
        let [sa, sb] = self.steps;
        let gap = |(a, b): (i128, i128)| (a * sa).abs_diff(b * sb);
        let far = |(a, b): (i128, i128)| (a * sa).abs_diff(target) + (b * sb).abs_diff(target);
        let (xa, ya) = ((x.0 * sa) as u128, (y.0 * sa) as u128);
        cmp_fractions(gap(x), xa, gap(y), ya)
            .then_with(|| far(x).cmp(&far(y)))
            .then_with(|| x.cmp(&y))
    }

    fn within(&self, (a, b): (i128, i128), limit: Bps) -> bool {
        let (na, nb) = (a * self.steps[0], b * self.steps[1]);
        (na - nb).abs() * i128::from(SCALE) <= i128::from(limit.0) * na
    }

    fn feasible(&self, target: i128) -> bool {
        (0..2).all(|leg| !self.counts(leg, target).is_empty())
    }
}

fn counts_of(found: &PairFigures, a: &PairLeg, b: &PairLeg) -> (i128, i128) {
    for (leg, qty, notional) in
        [(a, found.qty_a, found.notional_a), (b, found.qty_b, found.notional_b)]
    {
        assert_eq!(qty.0 % leg.lot.0, 0, "whole lots");
        assert!(qty >= leg.floor, "the floor");
        assert_eq!(Notional::of(leg.px, qty), notional);
    }
    (i128::from(found.qty_a.0 / a.lot.0), i128::from(found.qty_b.0 / b.lot.0))
}

/// A leg with a lot of about target / `parts`.
fn random_leg(dice: &mut Dice, target: i128, parts: i64) -> PairLeg {
    loop {
        let px = dice.magnitude(16);
        let lot = target / i128::from(px) / i128::from(parts);
        if lot < 1 || lot > i128::from(RAW_MAX) / 1000 {
            continue;
        }
        let mut lot = lot as i64;
        if dice.next() & 1 == 0 {
            lot = 10_i64.pow(lot.ilog10()); // As venues have them.
        }
        let floor = dice.one_of(&[0, lot, lot * parts - lot / 2, lot * parts * 11 / 10]);
        return PairLeg { px: Price(px), lot: Qty(lot), floor: Qty(floor) };
    }
}

#[test]
fn pair_against_all_pairs() {
    let mut dice = Dice(3);
    let (mut balanced, mut infeasible) = (0, 0);
    for case in 0..12_000 {
        // Up to 10^26 raw: ratios here need products of 2 x 88 bits.
        let target = i128::from(dice.magnitude(18)) * i128::from(SCALE);
        let parts = [dice.within(1, 30), dice.within(1, 30)];
        let a = random_leg(&mut dice, target, parts[0]);
        let b = random_leg(&mut dice, target, parts[1]);
        let a = if dice.within(0, 9) == 0 { b } else { a };
        let tolerance =
            Bps(dice.one_of(&[0, 500_000, 5_000_000, 20_000_000, 20_000_000, 60_000_000]));
        let limits = PairLimits { tolerance, policy: PairPolicy::Accept };
        let got = balance(Notional(target), &a, &b, &limits).expect("a valid request");
        let slow = SlowPair::new(&a, &b, tolerance);
        let name = format!("case {case}: {target} {a:?} {b:?} {tolerance:?}");
        match (got, slow.best(target)) {
            (PairOutcome::Balanced(pair), Some(want)) => {
                balanced += 1;
                assert_eq!(counts_of(&pair.figures(), &a, &b), want, "{name}");
            }
            (PairOutcome::Infeasible { smallest, next }, None) => {
                infeasible += 1;
                for found in [smallest, next].into_iter().flatten() {
                    assert!(slow.feasible(found.0), "{name}: {found}");
                }
                assert!(next.is_none_or(|next| next.0 > target), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(balanced > 5_000 && infeasible > 1_000, "{balanced} {infeasible}");
}

/// Small worlds in which every target of 10^-8 quote can be tried.
#[test]
fn pair_targets_against_all_targets() {
    let mut dice = Dice(4);
    let unit = i128::from(SCALE);
    let mut seen = [0; 4];
    for case in 0..10_000 {
        let mut leg = || {
            let lot = SCALE * dice.one_of(&[1, 2, 5]) / dice.one_of(&[1, 1, 4]);
            let floor = Qty(lot * dice.within(0, 4));
            PairLeg { px: Price(dice.within(1, 12)), lot: Qty(lot), floor }
        };
        let (a, b) = (leg(), leg());
        let tolerance = Bps(dice.one_of(&[0, 1_000_000, 5_000_000, 20_000_000]));
        let limit = Bps(dice.one_of(&[0, 100_000, 2_000_000, 30_000_000]));
        let target = i128::from(dice.within(1, 60)) * unit;
        let cap = target + i128::from(dice.within(0, 60)) * unit;
        let slow = SlowPair::new(&a, &b, tolerance);
        let name = format!("case {case}: {target} to {cap} {a:?} {b:?} {tolerance:?} {limit:?}");
        let policy = PairPolicy::Grow { max_imbalance: limit, cap: Notional(cap) };
        let limits = PairLimits { tolerance, policy };
        let got = balance(Notional(target), &a, &b, &limits).expect("a valid request");
        let met = |t: &i128| slow.best(*t).filter(|pair| slow.within(*pair, limit)).is_some();
        let grown = (0..).map(|i| target + i * unit).take_while(|t| *t <= cap).find(met);
        match (got, grown, slow.best(target)) {
            (PairOutcome::Balanced(pair), Some(at), _) => {
                seen[usize::from(at > target)] += 1;
                assert_eq!(pair.figures().target.0, at, "{name}");
                let want = slow.best(at).expect("met");
                assert_eq!(counts_of(&pair.figures(), &a, &b), want, "{name}");
            }
            (PairOutcome::Wait { best }, None, Some(want)) => {
                seen[2] += 1;
                assert_eq!(counts_of(&best, &a, &b), want, "{name}");
            }
            (PairOutcome::Infeasible { smallest, next }, None, None) => {
                seen[3] += 1;
                let from =
                    |start: i128| (0..2_000).map(|i| start + i * unit).find(|t| slow.feasible(*t));
                assert_eq!(smallest.map(|t| t.0), from(unit), "{name}");
                assert_eq!(next.map(|t| t.0), from(target), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(seen.iter().all(|&n| n > 100), "{seen:?}");
}
