//! The matching engine against a slow one that is too simple to be wrong: one list of orders,
//! scanned from end to end for every match.

mod sim_desk;

use evenkeel::event::Tif;
use evenkeel::sim::exchange::*;
use evenkeel::units::{Nanos, Notional, Price, Qty, SCALE, Side};

use sim_desk::*;

const SEQUENCES: u64 = 3_000;
const OPERATIONS: u64 = 60;
/// The crowd and three accounts.
const ACCOUNTS: usize = 4;
const TICK: i64 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Resting {
    oid: u64,
    who: usize,
    side: Side,
    px: i64,
    left: i64,
    reduce_only: bool,
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Rests,
    Filled(i64),
    Refused(&'static str),
}

#[derive(Default)]
struct Naive {
    /// In the order of arrival.
    orders: Vec<Resting>,
    position: [i64; ACCOUNTS],
    cash: [i128; ACCOUNTS],
    /// Aggressor's side, price, quantity, buyer, seller.
    trades: Vec<(Side, i64, i64, usize, usize)>,
}

impl Naive {
    fn closable(&self, who: usize, side: Side) -> i64 {
        (-self.position[who] * side.sign()).max(0)
    }

    /// The order that an aggressor of this side meets first: the best price, then the earliest.
    fn first(&self, side: Side, limit: i64) -> Option<usize> {
        let mut best: Option<usize> = None;
        for (i, o) in self.orders.iter().enumerate() {
            let crosses = o.side != side && o.px * side.sign() <= limit * side.sign();
            let better = best.is_none_or(|b| o.px * side.sign() < self.orders[b].px * side.sign());
            if crosses && better {
                best = Some(i);
            }
        }
        best
    }

    fn drop_idle(&mut self, who: usize) {
        let position = self.position;
        self.orders
            .retain(|o| o.who != who || !o.reduce_only || -position[who] * o.side.sign() > 0);
    }

    fn settle(&mut self, who: usize, side: Side, px: i64, qty: i64, fee_e8: i128) {
        self.position[who] += qty * side.sign();
        let value = i128::from(px) * i128::from(qty);
        self.cash[who] -= value * i128::from(side.sign());
        if who != 0 {
            // Rounded up at 10^-8: value is in 10^-16, the rate in 10^-8.
            let unit = 10i128.pow(16);
            self.cash[who] -= (value * fee_e8 + unit - 1) / unit * 10i128.pow(8);
        }
    }

    fn place(&mut self, oid: u64, who: usize, new: &NewOrder) -> Verdict {
        let (side, px) = (new.side, new.px.0);
        let mut left = new.qty.0;
        if who != 0 {
            if new.reduce_only {
                if self.closable(who, side) == 0 {
                    return Verdict::Refused("Reduce only");
                }
                left = left.min(self.closable(who, side));
            }
            let closes = new.reduce_only && left == self.position[who].abs();
            if !closes && i128::from(left) * i128::from(px) < 10 * 10i128.pow(16) {
                return Verdict::Refused("Order must have minimum");
            }
        }
        if new.tif == Tif::Alo && self.first(side, px).is_some() {
            return Verdict::Refused("Post only");
        }
        let mut filled = 0;
        while let Some(i) = self.first(side, px).filter(|_| left > 0) {
            let maker = self.orders[i];
            if maker.who == who && who != 0 {
                self.orders.remove(i);
                continue;
            }
            let mut qty = left.min(maker.left);
            if maker.reduce_only {
                qty = qty.min(self.closable(maker.who, maker.side));
            }
            left -= qty;
            filled += qty;
            self.settle(who, side, maker.px, qty, 45_000);
            self.settle(maker.who, maker.side, maker.px, qty, 15_000);
            let (buyer, seller) =
                if side == Side::Buy { (who, maker.who) } else { (maker.who, who) };
            self.trades.push((side, maker.px, qty, buyer, seller));
            self.orders[i].left -= qty;
            if self.orders[i].left == 0 {
                self.orders.remove(i);
            }
            self.drop_idle(maker.who);
        }
        self.drop_idle(who);
        if left > 0 && new.tif != Tif::Ioc {
            let reduce_only = new.reduce_only;
            self.orders.push(Resting { oid, who, side, px, left, reduce_only });
            self.drop_idle(who);
            return Verdict::Rests;
        }
        match filled {
            0 if new.tif == Tif::Ioc => Verdict::Refused("Order could not immediately"),
            _ => Verdict::Filled(filled),
        }
    }
}

struct Pair {
    x: Exchange,
    naive: Naive,
    trades: Vec<(Side, i64, i64, usize, usize)>,
    answers: u64,
}

impl Pair {
    fn new() -> Pair {
        let (mut x, _) = exchange_with(Rules::instant());
        let mut naive = Naive::default();
        naive.cash[1..].fill(quote(CASH).0);
        for _ in 2..ACCOUNTS {
            x.open_account(quote(CASH));
        }
        // The mark does not follow the random trades, so that no margin or band comes into it.
        x.set_mark(SOL, Some(px("100")));
        Pair { x, naive, trades: Vec::new(), answers: 0 }
    }

    fn random_order(rng: &mut Rng) -> NewOrder {
        let side = if rng.chance(500) { Side::Buy } else { Side::Sell };
        let tif = [Tif::Alo, Tif::Ioc, Tif::Gtc, Tif::Gtc][rng.below(4) as usize];
        let px = Price(100 * SCALE + (rng.below(21) as i64 - 10) * TICK);
        // 0.02 .. 2.01: some are below the minimum of 10 quote.
        let qty = Qty((2 + rng.below(200) as i64) * TICK);
        NewOrder { reduce_only: rng.chance(200), ..order(SOL, side, px, qty, tif) }
    }

    fn place(&mut self, rng: &mut Rng, context: &str) {
        let who = rng.below(ACCOUNTS as u64) as usize;
        let mut new = Pair::random_order(rng);
        if who == 0 {
            new.reduce_only = false;
            let done = self.x.crowd_place(new);
            let verdict = self.naive.place(done.oid.unwrap_or(0), who, &new);
            assert_eq!(done.oid.is_some(), verdict == Verdict::Rests, "{context}");
            return;
        }
        let now = self.x.now();
        self.x.submit(now, AccountId(who as u32), 1, &[Request::Place(new)]);
        let outcome = self.answer();
        match outcome {
            Outcome::Resting { oid, .. } => {
                assert_eq!(self.naive.place(oid, who, &new), Verdict::Rests, "{context}");
            }
            Outcome::Filled { qty, .. } => {
                let verdict = self.naive.place(0, who, &new);
                assert_eq!(verdict, Verdict::Filled(qty.0), "{context}");
            }
            Outcome::Rejected(reject) => match self.naive.place(0, who, &new) {
                Verdict::Refused(text) => assert!(reject.to_string().starts_with(text)),
                other => panic!("{context}: {reject} but {other:?}"),
            },
            Outcome::Done => panic!("{context}: an order is not just done"),
        }
    }

    fn cancel(&mut self, rng: &mut Rng) {
        let open = self.naive.orders.len() as u64;
        if open == 0 {
            return;
        }
        let gone = self.naive.orders.remove(rng.below(open) as usize);
        if gone.who == 0 {
            assert!(self.x.crowd_cancel(gone.oid));
            return;
        }
        let cancel = Request::Cancel { inst: SOL, target: OrderRef::Oid(gone.oid) };
        let now = self.x.now();
        self.x.submit(now, AccountId(gone.who as u32), 1, &[cancel]);
        assert_eq!(self.answer(), Outcome::Done);
    }

    fn answer(&mut self) -> Outcome {
        let now = self.x.now();
        self.x.advance(now);
        let mut outcome = None;
        while let Some((_, notice)) = self.x.poll(now) {
            match notice {
                Notice::Response { outcome: o, .. } => outcome = Some(o),
                Notice::Trade(t) => self.trades.push((
                    t.side,
                    t.px.0,
                    t.qty.0,
                    t.buyer.0 as usize,
                    t.seller.0 as usize,
                )),
                _ => {}
            }
        }
        self.answers += 1;
        outcome.unwrap_or(Outcome::Done)
    }

    fn agree(&mut self, context: &str) {
        self.answer();
        assert_eq!(self.trades, self.naive.trades, "{context}: trades");
        for (i, who) in (0..ACCOUNTS).map(|i| (i, AccountId(i as u32))) {
            assert_eq!(self.x.position(who, SOL).qty.0, self.naive.position[i], "{context}");
            assert_eq!(self.x.margin(who).cash.0, self.naive.cash[i], "{context}: cash of {i}");
            let mut mine: Vec<(u64, i64)> =
                self.naive.orders.iter().filter(|o| o.who == i).map(|o| (o.oid, o.left)).collect();
            mine.sort_unstable();
            let theirs: Vec<_> = self.x.open_orders(who).map(|o| (o.oid, o.left.0)).collect();
            if i > 0 {
                assert_eq!(theirs, mine, "{context}: orders of {i}");
            }
        }
        for side in Side::BOTH {
            let mut levels = std::collections::BTreeMap::new();
            for o in self.naive.orders.iter().filter(|o| o.side == side) {
                let level = levels.entry(-o.px * side.sign()).or_insert((o.px, 0, 0));
                level.1 += o.left;
                level.2 += 1;
            }
            let want: Vec<_> = levels.into_values().collect();
            let have: Vec<_> =
                self.x.levels(SOL, side, 100).map(|l| (l.px.0, l.qty.0, l.n)).collect();
            assert_eq!(have, want, "{context}: {side}");
        }
        let net: i64 = (0..ACCOUNTS as u32).map(|i| self.x.position(AccountId(i), SOL).qty.0).sum();
        assert_eq!((net, self.x.imbalance()), (0, Notional(0)), "{context}: conservation");
    }
}

#[test]
fn the_engine_matches_as_the_slow_one() {
    let (mut trades, mut rejects) = (0, 0);
    for seed in 0..SEQUENCES {
        let mut rng = Rng::new(seed);
        let mut pair = Pair::new();
        for step in 0..OPERATIONS {
            let context = format!("seed {seed}, step {step}");
            pair.x.advance(Nanos(step));
            if rng.chance(800) {
                pair.place(&mut rng, &context);
            } else {
                pair.cancel(&mut rng);
            }
            // A look at everything is slow; most differences last until the next one.
            if step % 6 == 5 {
                pair.agree(&context);
            }
        }
        pair.agree(&format!("seed {seed}, end"));
        trades += pair.trades.len();
        rejects += (1..ACCOUNTS as u32)
            .flat_map(|i| pair.x.closed_orders(AccountId(i)))
            .filter(|o| matches!(o.status, OrderStatus::Rejected(_)))
            .count();
    }
    // The sequences are worth something: they trade and are refused a lot.
    assert!(trades > 30_000 && rejects > 10_000, "{trades} trades, {rejects} rejects");
}
