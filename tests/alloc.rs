//! Cold. Nothing is allocated after warm-up: books, fills, answers and decisions are counted.

mod common;

use common::config;
use common::rng::Rng;
use evenkeel::core::{Core, Outputs};
use evenkeel::event::{
    Action, CancelReason, Event, Input, LEVELS_PER_EVENT, Level, Link, OrderId, Stamp,
    VenueOrderState,
};
use evenkeel::instrument::InstId;
use evenkeel::units::{Nanos, Price, Qty, SCALE, Side};
use evenkeel::venue::{Sink, lighter};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Allocations of this thread; the test harness has threads of its own.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    // A thread that is going away has nothing to count.
    let _ = COUNT.try_with(|c| c.set(c.get() + 1));
}

// SAFETY: every call is handed to the system's allocator unchanged; counting touches only a
// thread-local cell without a destructor, which allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps `alloc`'s contract, which is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `ptr` came from `alloc` above, that is from the system's allocator.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as for `alloc` and `dealloc`.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations() -> u64 {
    COUNT.with(Cell::get)
}

/// A core with two hedged markets and a venue that answers everything, without a list of its own.
struct Bench {
    core: Core,
    out: Outputs,
    answers: Vec<Event>,
    now: Nanos,
    trade_id: u64,
    placed: u64,
    of_ladder: u64,
    fills: u64,
}

impl Bench {
    fn new() -> Bench {
        let instruments = ["SOL", "ETH"].map(|name| {
            let mut inst = config::inst(name);
            inst.hedger = Some(config::hedger());
            inst.signals.warm_up = Nanos::from_secs(1);
            let maker = inst.maker.as_mut().expect("a maker");
            maker.quality = evenkeel::strategy::quality::QualityParams::DEFAULT;
            maker.regime.pause = config::bps("1000");
            if name == "ETH" {
                maker.model.kind = evenkeel::strategy::model::ModelKind::Glft;
            }
            inst
        });
        let mut ladder = config::btc("237");
        ladder.signals.warm_up = Nanos::from_secs(1);
        let params = ladder.ladder.as_mut().expect("a ladder");
        params.allocation = evenkeel::strategy::ladder_quote::Allocation::Kelly;
        params.shared.quality = evenkeel::strategy::quality::QualityParams::DEFAULT;
        params.shared.regime.pause = config::bps("1000");
        let instruments: Vec<_> = instruments.into_iter().chain([ladder]).collect();
        let mut cfg = config::core(instruments);
        cfg.limits.loss = config::n("1000000");
        cfg.limits.drawdown = config::n("1000000");
        Bench {
            core: Core::new(&cfg).expect("valid"),
            out: Outputs::for_instruments(3),
            answers: Vec::with_capacity(256),
            now: Nanos::from_secs(1_000),
            trade_id: 0,
            placed: 0,
            of_ladder: 0,
            fills: 0,
        }
    }

    fn apply(&mut self, rng: &mut Rng, event: Event) {
        self.core.apply(&Input { now: self.now, event }, &mut self.out);
        for (action, _) in &self.out.actions {
            let recv = Stamp(1);
            match action.get() {
                Action::Place { inst, side, order, px, qty, reduce_only, .. } => {
                    self.placed += 1;
                    self.of_ladder += u64::from(inst == InstId(2));
                    self.answers.push(Event::Ack { order, venue_oid: 1, resting: true, recv });
                    if reduce_only || rng.chance(200) {
                        self.trade_id += 1;
                        self.fills += 1;
                        self.answers.push(Event::Fill {
                            inst,
                            side,
                            taker: false,
                            order,
                            px,
                            qty,
                            fee: 1,
                            trade_id: self.trade_id,
                            exch_ms: 1,
                        });
                    }
                }
                Action::Cancel { order, .. } => {
                    let reason = CancelReason::ByUs;
                    self.answers.push(Event::Canceled { order, reason, recv });
                }
                Action::Query { order, .. } => {
                    let (state, filled) = (VenueOrderState::NotFound, Qty(0));
                    let event = Event::OrderState { order, state, filled, venue_oid: 1, recv };
                    self.answers.push(event);
                }
                _ => {}
            }
        }
        self.out.clear();
    }

    fn round(&mut self, rng: &mut Rng, mid: i64, ms: u64) {
        self.now = self.now.after(Nanos::from_millis(20));
        let inst = InstId(rng.below(3) as u16);
        // The ladder's market is worth 900 of the others.
        let times = if inst == InstId(2) { 900 } else { 1 };
        for side in Side::BOTH {
            let mut levels = [Level::default(); LEVELS_PER_EVENT];
            for (i, l) in levels.iter_mut().enumerate() {
                let away = side.sign() * (2 + i as i64) * SCALE / 100;
                *l = Level { px: Price((mid - away) * times), qty: Qty(rng.within(1, 50) * SCALE) };
            }
            self.apply(rng, Event::Levels { inst, side, start: 0, count: 3, levels });
        }
        let recv = Stamp(ms);
        let end = Event::BookEnd { inst, bids: 3, asks: 3, decode_ns: 0, exch_ms: ms, recv };
        self.apply(rng, end);
        for i in 0..self.answers.len() {
            let answer = self.answers[i];
            self.core.apply(&Input { now: self.now, event: answer }, &mut self.out);
        }
        self.answers.clear();
        self.out.clear();
        if rng.chance(5) {
            self.apply(
                rng,
                Event::Gap { inst, reason: evenkeel::event::GapReason::Sequence, recv },
            );
        }
        if rng.chance(5) {
            let order = OrderId::new(self.placed, inst);
            self.apply(rng, Event::OutcomeUnknown { order, recv });
        }
        self.apply(rng, Event::Decide { drained: 1 });
    }
}

#[test]
fn the_core_allocates_nothing_after_warm_up() {
    let mut rng = Rng::new(11);
    let mut bench = Bench::new();
    let recv = Stamp(1);
    bench.apply(&mut rng, Event::LinkUp { link: Link::Orders, recv });
    bench.apply(&mut rng, Event::Reconciled { open_orders: 0, recv });
    let mut mid = 100 * SCALE;
    let mut run = |bench: &mut Bench, rng: &mut Rng, from: u64, rounds: u64| {
        for ms in from..from + rounds {
            mid = (mid + rng.within(-3, 3) * SCALE / 100).clamp(80 * SCALE, 120 * SCALE);
            bench.round(rng, mid, ms);
        }
    };
    run(&mut bench, &mut rng, 1, 2_000);
    let (placed, fills) = (bench.placed, bench.fills);
    let before = allocations();
    run(&mut bench, &mut rng, 10_000, 20_000);
    let after = allocations();
    assert_eq!(after - before, 0, "allocations in 20 000 rounds");
    assert!(bench.placed - placed > 3_000, "{}", bench.placed - placed);
    assert!(bench.of_ladder > 3_000, "{}", bench.of_ladder);
    assert!(bench.fills - fills > 500, "{}", bench.fills - fills);
    assert!(bench.core.counts().hedge_fills > 0 || bench.core.counts().alarms[4] > 0);
}

/// Both books of the pair at the golden prices, and every order filled whole at its limit.
fn pair_round(core: &mut Core, out: &mut Outputs, now: Nanos, ms: u64, trade: &mut u64) -> u64 {
    let recv = Stamp(ms);
    let mids = [config::p("2756.85"), config::p("115.865")];
    let mut cycles = 0;
    for (i, tick) in [(0, SCALE / 20), (1, SCALE / 200)] {
        let inst = InstId(i as u16);
        for side in Side::BOTH {
            let px = Price(mids[i].0 - side.sign() * tick);
            let levels = [Level { px, qty: Qty(20 * SCALE) }; LEVELS_PER_EVENT];
            let event = Event::Levels { inst, side, start: 0, count: 1, levels };
            core.apply(&Input { now, event }, out);
        }
        let event = Event::BookEnd { inst, bids: 1, asks: 1, decode_ns: 0, exch_ms: ms, recv };
        core.apply(&Input { now, event }, out);
    }
    core.apply(&Input { now, event: Event::Decide { drained: 1 } }, out);
    for i in 0..out.actions.len() {
        if let Action::Place { inst, side, order, px, qty, .. } = out.actions[i].0.get() {
            cycles += 1;
            *trade += 1;
            // Half of leg b's entries fill half: they are completed.
            let half = inst.0 == 1
                && side == Side::Sell
                && trade.is_multiple_of(4)
                && ms.is_multiple_of(2);
            let filled = if half { Qty(SCALE / 2) } else { qty };
            let (trade_id, fee, exch_ms) = (*trade, 1, ms);
            let fill = Event::Fill {
                inst,
                side,
                taker: true,
                order,
                px,
                qty: filled,
                fee,
                trade_id,
                exch_ms,
            };
            let reason = CancelReason::IocRemainder;
            for event in [fill, Event::Canceled { order, reason, recv }] {
                core.apply(&Input { now, event }, &mut Outputs::default());
            }
        }
    }
    out.clear();
    cycles
}

#[test]
fn the_pair_allocates_nothing_after_warm_up() {
    let cfg = config::pair(|p, legs| {
        (p.hold, p.rest) = (Nanos::from_millis(40), Nanos::from_millis(20));
        for leg in legs {
            leg.signals.warm_up = Nanos::from_secs(1);
        }
    });
    let mut core = Core::new(&cfg).expect("valid");
    let mut out = Outputs::for_instruments(2);
    let (mut now, mut trade, mut orders) = (Nanos::from_secs(1_000), 0, 0);
    let recv = Stamp(1);
    for event in
        [Event::LinkUp { link: Link::Orders, recv }, Event::Reconciled { open_orders: 0, recv }]
    {
        core.apply(&Input { now, event }, &mut out);
    }
    let mut run = |from: u64, rounds: u64| {
        for ms in from..from + rounds {
            now = now.after(Nanos::from_millis(10));
            orders += pair_round(&mut core, &mut out, now, ms, &mut trade);
        }
        orders
    };
    run(1, 2_000);
    let before = allocations();
    let sent = run(10_000, 10_000);
    assert_eq!(allocations() - before, 0, "allocations in 10 000 rounds");
    let counts = core.pair(0).expect("a pair").counts;
    assert!(sent > 2_000 && counts.succeeded > 500, "{sent} orders, {counts:?}");
}

#[test]
fn the_counter_counts() {
    let before = allocations();
    let boxed = std::hint::black_box(Box::new(7u64));
    assert_eq!(allocations() - before, 1);
    drop(boxed);
}

/// A sink that keeps nothing.
struct Counted(u64);

impl Sink for Counted {
    fn put(&mut self, _: Event) -> bool {
        self.0 += 1;
        true
    }
}

/// Lighter's codecs keep books, trades and positions; their room is taken when they are made.
#[test]
fn lighter_frames_are_read_without_an_allocation() {
    let row = |px: u64, size: u64| format!(r#"{{"price":"{px}.125","size":"{size}.000"}}"#);
    let book = |rows: [String; 2], kind: &str, begin: u64, nonce: u64| {
        let [bids, asks] = rows;
        format!(
            r#"{{"channel":"order_book:2","last_updated_at":1792918164414954,"offset":1,"order_book":{{"code":0,"asks":[{asks}],"bids":[{bids}],"offset":1,"nonce":{nonce},"last_updated_at":1792918164414954,"begin_nonce":{begin}}},"timestamp":1792918164430,"type":"{kind}/order_book"}}"#
        )
    };
    let side = |from: u64, down: bool| {
        let at = |i: u64| if down { from - i } else { from + i };
        (0..2_000).map(|i| row(at(i), 1)).collect::<Vec<_>>().join(",")
    };
    let mut frames = vec![book([side(10_000, true), side(10_001, false)], "subscribed", 0, 1)];
    for i in 1..400 {
        // New levels behind the last one, until the far ones are dropped.
        frames.push(book([row(7_000 - i, i), row(13_000 + i, i)], "update", i, i + 1));
    }
    let ticker = |nonce: u64| {
        format!(
            r#"{{"channel":"ticker:2","nonce":{nonce},"ticker":{{"s":"SOL","a":{},"b":{},"last_updated_at":1792918164414954}},"timestamp":1792918164430,"type":"update/ticker"}}"#,
            row(10_001, 3),
            row(10_000, 3)
        )
    };
    frames.push(ticker(1_000));
    frames.push(r#"{"channel":"trade:2","trades":[{"trade_id":7,"type":"trade","size":"1","price":"2","is_maker_ask":true,"timestamp":1792918164430}],"type":"update/trade"}"#.into());
    frames.push(r#"{"channel":"market_stats:2","market_stats":{"mark_price":"2.5"},"timestamp":1792918164430,"type":"update/market_stats"}"#.into());
    frames.push(r#"{"error":{"code":30003,"message":"Already Subscribed to : height"}}"#.into());
    let user = [
        r#"{"channel":"account_all_orders:9","orders":{"2":[{"order_index":5,"client_order_index":4294967297,"market_index":2,"filled_base_amount":"0.5","status":"open"}]},"type":"update/account_all_orders"}"#,
        r#"{"channel":"account_all_trades:9","trades":{"2":[{"trade_id":5,"type":"trade","market_id":2,"size":"1","price":"2","ask_account_id":9,"bid_account_id":8,"is_maker_ask":true,"maker_fee":28,"timestamp":1792918164430}]},"type":"update/account_all_trades"}"#,
        r#"{"channel":"account_all_positions:9","positions":{"2":{"sign":-1,"position":"1.5","avg_entry_price":"2.123456789"}},"type":"subscribed/account_all_positions"}"#,
        r#"{"channel":"user_stats:9","stats":{"portfolio_value":"5"},"type":"update/user_stats"}"#,
    ];
    let answer = br#"{"id":"3","error":{"code":21104,"message":"invalid nonce"}}"#;
    let mut feed = lighter::feed::FeedCodec::new(&[(InstId(0), 2)]);
    let mut account = lighter::user::UserCodec::new(9, 1, &[(InstId(0), 2)]);
    let mut quota = lighter::quota::Quota::new(lighter::quota::Tier::PREMIUM, 1_000, 0);
    let mut sink = Counted(0);
    let before = allocations();
    for frame in &frames {
        assert!(feed.decode(frame.as_bytes(), Stamp(1), &mut sink).is_ok());
        assert!(feed.counts().gaps == 0);
    }
    for frame in user {
        assert!(account.decode(frame.as_bytes(), Stamp(1), &mut sink).is_ok_and(|d| d.events == 1));
    }
    assert!(lighter::answer::decode_answer(answer).is_ok_and(|answer| answer.is_some()));
    quota.sent(5_000, 1, lighter::quota::Cost::One);
    assert_eq!(quota.room(6_000).orders, 999);
    assert_eq!(allocations() - before, 0, "allocations after the codecs were made");
    assert!(sink.0 > 400, "{} events", sink.0);
    // The sides were full and their far levels dropped.
    assert!(feed.kept(InstId(0), Side::Buy).count() < lighter::ladder::LEVELS_MAX);
    assert!(feed.counts().beyond_horizon > 0);
}
