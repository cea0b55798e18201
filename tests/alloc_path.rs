//! The hot path allocates nothing after warm-up: server frame in, decode, rings, core, encode, sign,
//! masked frame out, answers back in. Counted by the allocator itself.

#[path = "../benches/tick_to_order/market.rs"]
#[expect(dead_code, reason = "the bench uses more of it")]
mod market;
#[path = "../benches/tick_to_order/rig.rs"]
#[expect(dead_code, reason = "the bench uses more of it")]
mod rig;

mod tls_kit;

use evenkeel::pipeline::Step;
use evenkeel::pipeline::clock::Clock;
use evenkeel::units::Nanos;
use market::{Feed, Market};
use rig::Rig;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    /// Allocations of this thread: other tests of this binary do not count.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is being torn down has no counter any more.
    let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Nothing but vectors that the test keeps itself grows between these two.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

const EVENT_NS: u64 = 50_000;

/// Runs `events` through the whole path, 50 us of a hand-moved clock apart.
fn drive(rig: &mut Rig, market: &mut Market, time: &quanta::Mock, events: usize) {
    for _ in 0..events {
        time.increment(EVENT_NS);
        let (frame, _) = market.next();
        let recv = rig.feed.take(frame);
        rig.strategy.step(recv);
        rig.egress.step();
        // The answers' own decisions.
        rig.strategy.step(recv);
        rig.egress.step();
        rig.journal.drain(4096, |_| {});
    }
}

fn run(feed: Feed, pool: Option<usize>, events: usize) {
    let (counter, time) = quanta::Clock::mock();
    let clock = Clock::over(counter, Nanos::from_secs(1_760_000_000), 1000);
    let mut rig = Rig::new(&clock, pool);
    let mut market = Market::new(feed, 0x5eed);
    rig.fill_pool();
    drive(&mut rig, &mut market, &time, 512);
    let (orders, fills) = (rig.metrics.egress.orders.get(), rig.strategy.core().counts().fills);
    let made = allocations(|| drive(&mut rig, &mut market, &time, events));
    let counts = rig.strategy.core().counts();
    assert!(rig.metrics.egress.orders.get() > orders + 50, "the path was taken");
    assert!(counts.fills > fills && counts.hedge_fills > 0, "fills and hedges were part of it");
    assert_eq!(rig.metrics.journal_dropped.get(), 0, "the journal was part of it");
    assert_eq!(made, 0, "allocations in {events} events ({feed:?}, pool {pool:?})");
}

#[test]
fn a_counted_allocation_is_seen() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1u64)))), 1);
}

#[test]
fn a_book_becomes_signed_orders_without_an_allocation() {
    run(Feed::Book, Some(4096), 4000);
}

#[test]
fn a_bbo_becomes_signed_orders_without_an_allocation() {
    run(Feed::Bbo, Some(4096), 4000);
}

/// A process that is killed must not take fills with it: what happened to our account is in the
/// journal's ring when its step ends, even where another step's work already waits.
#[test]
fn what_happened_to_our_account_waits_for_no_idle_step() {
    use evenkeel::event::Event;
    use evenkeel::journal::Record;

    let (counter, time) = quanta::Clock::mock();
    let clock = Clock::over(counter, Nanos::from_secs(1_760_000_000), 1000);
    let mut rig = Rig::new(&clock, None);
    let mut market = Market::new(Feed::Bbo, 0x5eed);
    drive(&mut rig, &mut market, &time, 512);
    let (mut fills, mut answers) = (0, 0);
    for _ in 0..200 {
        time.increment(EVENT_NS);
        let (frame, _) = market.next();
        let recv = rig.feed.take(frame);
        rig.strategy.step(recv);
        let answered = rig.egress.step() > 0;
        rig.journal.drain(4096, |_| {});
        // The next tick is there when the answers come: this step is not idle.
        let (frame, _) = market.next();
        let recv = rig.feed.take(frame);
        rig.strategy.step(recv);
        let mut seen = 0;
        rig.journal.drain(4096, |record| {
            let Record::Input(input) = record else { return };
            fills += u64::from(matches!(input.event, Event::Fill { .. }));
            let ours = matches!(input.event, Event::Ack { .. } | Event::Canceled { .. });
            seen += u64::from(ours || matches!(input.event, Event::OrderState { .. }));
        });
        assert!(!answered || seen > 0, "the answers wait in memory");
        answers += seen;
    }
    assert!(fills > 0 && answers > 100, "{fills} fills, {answers} answers");
}

#[test]
fn an_empty_pool_signs_without_an_allocation() {
    run(Feed::Bbo, None, 1000);
}

#[test]
fn a_lighter_order_is_signed_without_an_allocation() {
    use evenkeel::event::{Action, Component, OrderId};
    use evenkeel::instrument::InstId;
    use evenkeel::venue::lighter::crypto::{pool, schnorr};
    use evenkeel::venue::lighter::orders::{
        CodecConfig, FRAME_MAX, Market, NonceMode, OrderCodec, REST_MAX_MS,
    };
    use evenkeel::venue::lighter::tx::Sender;

    let market = Market { index: 1, price_decimals: 1, size_decimals: 5 };
    let config = CodecConfig {
        sender: Sender { chain_id: 304, account: 1, api_key: 4 },
        run_tag: 1,
        markets: vec![(InstId(0), market)],
        tx_ttl_ms: 10_000,
        rest_ms: REST_MAX_MS,
        nonces: NonceMode::Clock,
    };
    let mut codec = OrderCodec::new(config).unwrap();
    let key = || schnorr::Signer::new([5; 40]).unwrap();
    let (mut filler, taker) = pool::nonce_pool(&key(), 32);
    filler.fill(32).unwrap();
    let mut signer = pool::PooledSigner::with_pool(key(), taker);
    let mut out = [0; FRAME_MAX];
    let order = OrderId::new(1, InstId(0));
    let actions = [Action::Cancel { inst: InstId(0), component: Component::Maker, order }; 15];
    let made = allocations(|| {
        // Out of the pool, then without it.
        for count in [1, 15, 15, 15] {
            codec.encode(&actions[..count], 1_795_000_000_000, &mut signer, &mut out).unwrap();
        }
    });
    assert_eq!((signer.pooled, signer.fallbacks), (32, 14));
    assert_eq!(made, 0);
}

/// What rustls allocates for one record, each way: it hands plaintext and ciphertext over in a
/// vector of its own. `src/net/tls.rs` states it.
const PER_RECORD: u64 = 1;

#[test]
fn a_tls_record_costs_one_allocation_each_way() {
    use evenkeel::net::{Conn, Endpoint, Limits, Sent};
    use std::net::TcpListener;

    const ROUNDS: u64 = 1000;
    let ca = tls_kit::Authority::new();
    let config = ca.identity("127.0.0.1", tls_kit::GOOD).config();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://{}/ws", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut socket = tungstenite::accept(tls_kit::accept(&config, stream)).unwrap();
        while let Ok(text) = socket.read() {
            if text.is_text() {
                socket.send(text).unwrap();
            }
        }
    });
    let to = Endpoint::parse_trusting(&url, Some(&ca.trust())).unwrap();
    let mut conn = Conn::connect(&to, &Limits::default(), &|| 0).unwrap();
    let message = [b'x'; 1500];
    // A frame is a record: one out, one back.
    let mut round = |out: &mut u64, back: &mut u64| {
        *out += allocations(|| assert_eq!(conn.send(&message).unwrap(), Sent::All));
        let mut got = 0;
        while got == 0 {
            *back += allocations(|| assert!(conn.poll_read(|text| got += text.len()).is_ok()));
        }
        assert_eq!(got, message.len());
    };
    for _ in 0..200 {
        round(&mut 0, &mut 0);
    }
    let (mut out, mut back) = (0, 0);
    for _ in 0..ROUNDS {
        round(&mut out, &mut back);
    }
    assert_eq!((out, back), (PER_RECORD * ROUNDS, PER_RECORD * ROUNDS));
    conn.close();
    server.join().unwrap();
}
