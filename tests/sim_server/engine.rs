//! The engine's own codecs and connection against the server: two readings of the same protocol.

use evenkeel::event::{
    Action, CancelReason, Component, Event, Level, OrderId, RejectReason, Stamp, Tif,
    VenueOrderState,
};
use evenkeel::instrument::{InstId, Symbol};
use evenkeel::net::{Conn, Endpoint, Limits};
use evenkeel::sim::exchange::{AccountId, Rules};
use evenkeel::units::{Bps, Notional, Price, Qty, SCALE, Side};
use evenkeel::venue::eip712::{Address, PooledSigner, Signer, nonce_pool};
use evenkeel::venue::hyperliquid::account::Account;
use evenkeel::venue::hyperliquid::control::Control;
use evenkeel::venue::hyperliquid::dead_man::Switch;
use evenkeel::venue::hyperliquid::feed::{Decoded, FeedCodec};
use evenkeel::venue::hyperliquid::meta;
use evenkeel::venue::hyperliquid::orders::{CodecConfig, FRAME_MAX, OrderCodec};
use evenkeel::venue::hyperliquid::sign::Network;
use evenkeel::venue::hyperliquid::user::UserCodec;
use evenkeel::venue::hyperliquid::{Leverage, Options};

use crate::bed::{Bed, PATIENCE, SOL, T0, TSLA};

fn markets() -> Vec<(InstId, Symbol)> {
    vec![(SOL, Symbol::new("SOL").unwrap()), (TSLA, Symbol::new("xyz:TSLA").unwrap())]
}

/// A connection that waits for frames.
struct Link {
    conn: Conn,
    poll: mio::Poll,
}

impl Link {
    fn open(bed: &Bed) -> Link {
        let to = Endpoint::parse(&bed.server.ws_url()).unwrap();
        let mut conn = Conn::connect(&to, &Limits::default(), &|| 0).unwrap();
        let poll = mio::Poll::new().unwrap();
        conn.register(poll.registry(), mio::Token(0)).unwrap();
        Link { conn, poll }
    }

    /// Hands frames to `take` until it says that it has enough.
    fn until(&mut self, mut take: impl FnMut(&[u8]) -> bool) {
        let mut events = mio::Events::with_capacity(4);
        let mut enough = false;
        while !enough {
            let outcome = self.conn.poll_read(|frame| enough |= take(frame)).unwrap();
            if outcome.bytes == 0 && !enough {
                self.poll.poll(&mut events, Some(PATIENCE)).unwrap();
                assert!(!events.is_empty(), "nothing came");
            }
        }
    }
}

fn account(bed: &Bed, pooled: bool) -> Account {
    let config = CodecConfig {
        network: Network::Mainnet,
        vault: None,
        run_tag: 77,
        assets: vec![(SOL, 5), (TSLA, 110_001)],
        order_ttl_ms: Some(5_000),
        ioc_priority: None,
        builder: None,
    };
    // The agent of the bed: key 2.
    let signer = Signer::new([2; 32]).unwrap();
    assert_eq!(signer.address().0, bed.agent.address());
    let signer = if pooled {
        let (mut filler, taker) = nonce_pool(&signer, 8);
        filler.fill(8).unwrap();
        PooledSigner::with_pool(signer, taker)
    } else {
        PooledSigner::deterministic(signer)
    };
    let user = UserCodec::new(77, &markets());
    Account::new(OrderCodec::new(config), user, signer, Address(bed.user.address()))
}

fn place(order: u64, side: Side, px: &str, tif: Tif) -> Action {
    Action::Place {
        inst: SOL,
        side,
        tif,
        reduce_only: false,
        component: Component::Maker,
        order: OrderId(order),
        px: Price::parse(px.as_bytes()).unwrap(),
        qty: Qty(2 * SCALE),
    }
}

/// Sends actions and returns the events until `last` is among them.
fn exchange_frames(
    link: &mut Link,
    account: &mut Account,
    actions: &[Action],
    last: impl Fn(&Event) -> bool,
) -> Vec<Event> {
    let mut frame = [0; FRAME_MAX];
    let n = account.encode(actions, T0, &mut frame).unwrap();
    link.conn.send(&frame[..n]).unwrap();
    let mut events: Vec<Event> = Vec::new();
    link.until(|frame| {
        let done = account.decode(0, frame, Stamp(1), &mut events).unwrap();
        assert_eq!(done.ignored, 0, "{}", String::from_utf8_lossy(frame));
        events.iter().any(&last)
    });
    events
}

#[test]
fn the_engines_orders_are_taken_and_its_stream_is_read() {
    for pooled in [false, true] {
        let bed = Bed::new();
        bed.fill_book();
        let mut account = account(&bed, pooled);
        let mut link = Link::open(&bed);
        for text in account.subscriptions() {
            link.conn.send(text.as_bytes()).unwrap();
        }
        let quotes =
            [place(1, Side::Buy, "106.55", Tif::Alo), place(2, Side::Sell, "106.57", Tif::Alo)];
        let acked = |n: u64| move |e: &Event| matches!(e, Event::Ack { order, .. } if order.0 == n);
        exchange_frames(&mut link, &mut account, &quotes, acked(2));
        // Crosses our own offer's level last: 12.25 of the crowd come first.
        let taker = [place(3, Side::Buy, "106.56", Tif::Ioc)];
        let events = exchange_frames(&mut link, &mut account, &taker, |e| {
            matches!(e, Event::Fill { order: OrderId(3), .. })
        });
        let fill = events.iter().find(|e| matches!(e, Event::Fill { order: OrderId(3), .. }));
        let Some(Event::Fill { inst, side, taker, px, qty, fee, exch_ms, .. }) = fill else {
            panic!("{events:?}")
        };
        assert_eq!((*inst, *side, *taker, *exch_ms), (SOL, Side::Buy, true, T0));
        assert_eq!((*px, *qty), (Price(10_656_000_000), Qty(2 * SCALE)));
        assert_eq!(*fee, 9_590_400); // 213.12 x 0.045 %
        let cancel = [Action::Cancel { inst: SOL, component: Component::Maker, order: OrderId(1) }];
        exchange_frames(&mut link, &mut account, &cancel, |e| {
            matches!(e, Event::Canceled { order: OrderId(1), .. })
        });
        let modify = [Action::Modify {
            inst: SOL,
            side: Side::Sell,
            tif: Tif::Alo,
            component: Component::Maker,
            order: OrderId(4),
            old: OrderId(2),
            px: Price::parse(b"106.6").unwrap(),
            qty: Qty(SCALE),
        }];
        exchange_frames(&mut link, &mut account, &modify, acked(4));
        let mut frame = [0; FRAME_MAX];
        let n = account.ask(OrderId(3), 9_000, &mut frame).unwrap();
        link.conn.send(&frame[..n]).unwrap();
        let mut events: Vec<Event> = Vec::new();
        link.until(|frame| {
            account.decode(0, frame, Stamp(2), &mut events).unwrap();
            events.iter().any(|e| {
                matches!(
                    e,
                    Event::OrderState { order: OrderId(3), state: VenueOrderState::Filled, .. }
                )
            })
        });
        assert_eq!(bed.server.stats().unwrap().actions_refused, 0);
        assert_eq!(account.pool_fallbacks(), 0);
    }
}

#[test]
fn the_engines_scanners_read_every_public_frame() {
    let bed = Bed::with(|_| {}, Rules::instant());
    bed.fill_book();
    let mut feed = FeedCodec::new(&markets());
    let mut link = Link::open(&bed);
    for text in feed.subscriptions() {
        link.conn.send(text.as_bytes()).unwrap();
    }
    let mut events: Vec<Event> = Vec::new();
    let (mut books, mut trades, mut contexts) = (0, 0, 0);
    let mut step = 0;
    // Bids, asks and trades come and go; an empty book (TSLA) is among them.
    while books < 20 || trades < 5 {
        step += 1;
        bed.crowd(Side::Buy, &format!("106.{}", 10 + step % 40), "1", Tif::Gtc);
        bed.crowd(Side::Sell, "106.3", "0.5", Tif::Ioc);
        bed.pass(500);
        let mut seen = false;
        link.until(|frame| {
            let text = String::from_utf8_lossy(frame).into_owned();
            match feed.decode(frame, Stamp(1), &mut events) {
                Ok(Decoded::Book(_)) => (books, seen) = (books + 1, true),
                Ok(Decoded::Trades(n)) => trades += n,
                Ok(Decoded::Bbo(_) | Decoded::Control(_)) => {}
                Ok(Decoded::Context(_)) => contexts += 1,
                // TSLA has no book, so no mark: a zero is no price.
                Ok(Decoded::UnknownMarket) if text.contains("\"markPx\":\"0.0\"") => {}
                other => panic!("{other:?}: {text}"),
            }
            seen
        });
    }
    let ends = |inst: InstId, least: u8| {
        events.iter().any(|e| {
            matches!(e, Event::BookEnd { inst: i, bids, asks, .. }
                if *i == inst && *bids >= least && *asks >= least)
        })
    };
    assert!(ends(SOL, 2) && ends(TSLA, 0), "a book with levels and an empty one");
    assert!(contexts > 0, "mark, oracle and funding");
    assert_eq!(feed.slow_frames(), 0, "the fast scanners know the form");
}

#[test]
fn the_engine_finds_its_market_in_the_metadata() {
    let bed = Bed::new();
    let user = bed.user.text();
    let mut fees = bed.info(&format!("{{\"type\":\"userFees\",\"user\":\"{user}\"}}")).into_bytes();
    let fees = meta::fees(&mut fees).unwrap();
    assert_eq!((fees.maker, fees.taker), (Bps(15_000), Bps(45_000)));
    let mut answer = bed.info("{\"type\":\"meta\"}").into_bytes();
    let spec = meta::perp(&mut answer, "SOL", fees).unwrap();
    assert_eq!((spec.asset, spec.lot), (5, Qty(SCALE / 100)));
    let ours = bed.server.with(|x| x.instrument(SOL).unwrap().spec).unwrap();
    assert_eq!(spec.grid, ours.grid);
    let mut answer = bed.info("{\"type\":\"meta\"}").into_bytes();
    assert!(matches!(meta::perp(&mut answer, "GONE0", fees), Err(meta::MetaError::Delisted(_))));
}

/// Sends a post that is about no order and reads until it is answered.
fn switch(link: &mut Link, account: &mut Account, frame: &[u8]) {
    link.conn.send(frame).unwrap();
    let mut events: Vec<Event> = Vec::new();
    link.until(|frame| account.decode(0, frame, Stamp(1), &mut events).unwrap().answers == 1);
}

#[test]
fn the_dead_mans_switch_cancels_what_a_silent_engine_leaves() {
    let bed = Bed::with(|c| c.schedule_cancel_volume = Notional::ZERO, Rules::instant());
    bed.fill_book();
    let mut account = account(&bed, false);
    let mut link = Link::open(&bed);
    for text in account.subscriptions() {
        link.conn.send(text.as_bytes()).unwrap();
    }
    let mut frame = [0; FRAME_MAX];
    let acked = |e: &Event| matches!(e, Event::Ack { .. });
    let quote = [place(1, Side::Buy, "106.55", Tif::Alo)];
    exchange_frames(&mut link, &mut account, &quote, acked);
    assert!(account.wants_beat(T0));
    let n = account.beat(T0, &mut frame).expect("due on a new connection");
    switch(&mut link, &mut account, &frame[..n]);
    assert_eq!(account.switch(), Switch::Armed);
    assert_eq!(account.beat(T0 + 1, &mut frame), None, "not due yet");

    // Put off once, then not any more.
    bed.pass(21_000);
    let n = account.beat(T0 + 21_000, &mut frame).expect("due again");
    switch(&mut link, &mut account, &frame[..n]);
    bed.pass(45_000);
    let owner = AccountId(1);
    let open = || bed.server.with(move |x| x.open_orders(owner).count());
    assert_eq!(open(), Some(1), "the first time has passed and was put off");
    bed.pass(20_000);
    let mut events: Vec<Event> = Vec::new();
    link.until(|frame| {
        let _ = account.decode(0, frame, Stamp(1), &mut events).unwrap();
        events.iter().any(|e| {
            matches!(e, Event::Canceled { reason: CancelReason::Scheduled, order, .. } if order.0 == 1)
        })
    });
    assert_eq!(open(), Some(0));
}

#[test]
fn an_account_without_the_volume_is_told_so_and_trades_on() {
    let bed = Bed::new();
    let mut account = account(&bed, false);
    let mut link = Link::open(&bed);
    let mut frame = [0; FRAME_MAX];
    let n = account.beat(T0, &mut frame).expect("due");
    switch(&mut link, &mut account, &frame[..n]);
    assert_eq!(account.switch(), Switch::TooLittleVolume);
    assert_eq!(account.disarm(T0, &mut frame), None, "nothing to take back");
}

#[test]
fn leverages_are_set_and_a_refusal_is_named() {
    let bed = Bed::new();
    let leverage = |times| Some(Leverage { times, isolated: false });
    let options = Options { leverage: vec![leverage(5), leverage(500)], ..Options::default() };
    let mut account = account(&bed, false).with(&options, [5, 110_001].into_iter());
    let mut link = Link::open(&bed);
    let mut frame = [0; FRAME_MAX];
    assert!(account.wants_beat(T0));
    let mut refused = Vec::new();
    while let Some(n) = account.set_leverage(T0, &mut frame) {
        switch(&mut link, &mut account, &frame[..n]);
        refused.push(account.take_leverage_refused().is_some());
    }
    assert_eq!(refused, [true, false], "500 is above every market's highest");
    assert_eq!(account.take_leverage_refused(), None);
    // The switch is off: it is never asked for.
    assert_eq!(account.beat(T0, &mut frame), None);
    assert_eq!(account.switch(), Switch::Unknown);
}

#[test]
fn the_engines_count_of_requests_is_the_venues() {
    let bed = Bed::with(|c| c.rates.initial_requests = Some(6), Rules::instant());
    bed.fill_book();
    let mut account = account(&bed, false);
    let mut link = Link::open(&bed);
    for text in account.subscriptions() {
        link.conn.send(text.as_bytes()).unwrap();
    }
    let mut frame = [0; FRAME_MAX];
    let n = account.ask_rate(1 << 40, T0, &mut frame).expect("due on a new connection");
    switch(&mut link, &mut account, &frame[..n]);
    assert_eq!(account.budget().left(), 6);
    let answered = |n: u64| move |e: &Event| matches!(e, Event::Ack { order, .. } | Event::Reject { order, .. } if order.0 == n);
    let quotes = [place(1, Side::Buy, "106.1", Tif::Alo), place(2, Side::Buy, "106.2", Tif::Alo)];
    exchange_frames(&mut link, &mut account, &quotes, answered(2));
    assert_eq!(account.budget().left(), 4);
    // With none left one more goes through, and then nothing for ten seconds.
    let mut last = None;
    for i in 3..10 {
        let quote = [place(i, Side::Buy, &format!("106.{}", 20 + i), Tif::Alo)];
        let events = exchange_frames(&mut link, &mut account, &quote, answered(i));
        let refusal = events.iter().find_map(|e| match e {
            Event::Reject { reason, .. } => Some(*reason),
            _ => None,
        });
        if let Some(reason) = refusal {
            last = Some((i, reason));
            break;
        }
    }
    assert_eq!(last, Some((8, RejectReason::RateLimit)));
    let told = account.rate_report(T0 + 1, Stamp(1));
    assert!(matches!(told, Some(Event::RateBudget { refused: true, left: -2, .. })), "{told:?}");
    // Refused ones are free: the venue's own count says so.
    let n = account.ask_rate(1 << 41, T0 + 1, &mut frame).expect("a refusal asks again");
    switch(&mut link, &mut account, &frame[..n]);
    assert_eq!(account.budget().left(), -1);
    // Cancels have room of their own.
    let cancel = [Action::Cancel { inst: SOL, component: Component::Maker, order: OrderId(1) }];
    exchange_frames(&mut link, &mut account, &cancel, |e| {
        matches!(e, Event::Canceled { order: OrderId(1), .. })
    });
}

/// The newest book among events, as prices and sizes by side.
fn newest(events: &[Event]) -> [Vec<Level>; 2] {
    let mut book = [Vec::new(), Vec::new()];
    let mut ended = None;
    for event in events {
        match event {
            Event::Levels { inst: SOL, side, start, count, levels } => {
                let rows: &mut Vec<Level> = &mut book[side.index()];
                rows.truncate(usize::from(*start));
                rows.extend(&levels[..usize::from(*count)]);
            }
            Event::BookEnd { inst: SOL, bids, asks, .. } => {
                book[0].truncate(usize::from(*bids));
                book[1].truncate(usize::from(*asks));
                ended = Some(book.clone());
            }
            _ => {}
        }
    }
    ended.expect("a whole book")
}

#[test]
fn changes_of_the_book_make_the_venues_book() {
    let bed = Bed::with(|_| {}, Rules::instant());
    bed.fill_book();
    let mut feed = FeedCodec::new(&markets()).with_deltas(true);
    let mut link = Link::open(&bed);
    for text in feed.subscriptions() {
        link.conn.send(text.as_bytes()).unwrap();
    }
    let mut events: Vec<Event> = Vec::new();
    for step in 0..40 {
        // New levels, others gone: both sides of twenty fill up and overflow.
        bed.crowd(Side::Buy, &format!("105.{:02}", 7 * step % 100), "1", Tif::Gtc);
        bed.crowd(Side::Sell, &format!("108.{:02}", 11 * step % 100), "2", Tif::Gtc);
        if step % 5 == 4 {
            bed.crowd(Side::Sell, "105.9", "3", Tif::Ioc);
        }
        bed.pass(600);
        let mut told = step == 0;
        link.until(|frame| {
            let done = feed.decode(frame, Stamp(1), &mut events).unwrap();
            told |= done == Decoded::Book(SOL);
            assert_ne!(done, Decoded::UnknownChannel, "{}", String::from_utf8_lossy(frame));
            told
        });
    }
    // What is still on its way.
    link.conn.send(b"{\"method\":\"ping\"}").unwrap();
    link.until(|frame| {
        let done = feed.decode(frame, Stamp(1), &mut events).unwrap();
        done == Decoded::Control(Control::Pong)
    });
    let levels = |side| {
        let book = bed.server.with(move |x| x.levels(SOL, side, 20).collect::<Vec<_>>());
        let book = book.unwrap().into_iter();
        book.map(|l| Level { px: l.px, qty: l.qty }).collect::<Vec<_>>()
    };
    assert_eq!(newest(&events), [levels(Side::Buy), levels(Side::Sell)]);
    assert!(levels(Side::Buy).len() == 20, "deep enough to lose levels at its end");
}

#[test]
fn a_venue_without_changes_of_the_book_is_read_the_documented_way() {
    let bed = Bed::with(|c| c.l2_deltas = false, Rules::instant());
    bed.fill_book();
    let mut feed = FeedCodec::new(&markets()).with_deltas(true);
    let mut link = Link::open(&bed);
    for text in feed.subscriptions() {
        link.conn.send(text.as_bytes()).unwrap();
    }
    let mut events: Vec<Event> = Vec::new();
    let gap = |e: &Event| matches!(e, Event::Gap { inst: SOL, .. });
    link.until(|frame| {
        let _ = feed.decode(frame, Stamp(1), &mut events).unwrap();
        events.iter().any(gap)
    });
    // The core answers a gap with the wish for a snapshot.
    for text in feed.resubscribe(SOL) {
        link.conn.send(text.as_bytes()).unwrap();
    }
    link.until(|frame| feed.decode(frame, Stamp(1), &mut events).unwrap() == Decoded::Book(SOL));
    assert_eq!(newest(&events)[0].len(), 2);
}
