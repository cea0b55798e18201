//! A peer that goes silent without a goodbye: its socket stays open and nothing comes. It is asked,
//! and given up within the deadline, by a clock that the test moves.

use evenkeel::event::{Event, GapReason, Link, Stamp};
use evenkeel::instrument::{InstId, Symbol};
use evenkeel::net::{Endpoint, Limits};
use evenkeel::pipeline::Step;
use evenkeel::pipeline::chores::Chores;
use evenkeel::pipeline::clock::Clock;
use evenkeel::pipeline::dial::Dialer;
use evenkeel::pipeline::egress::{EgressStep, Parts};
use evenkeel::pipeline::feed::FeedStep;
use evenkeel::pipeline::metrics::Metrics;
use evenkeel::pipeline::reconcile::Reconciler;
use evenkeel::pipeline::table::Depths;
use evenkeel::sim::exchange::hyperliquid_perp;
use evenkeel::units::Nanos;
use evenkeel::venue::MarketFeed;
use evenkeel::venue::build::{Access, Network, Options};
use evenkeel::venue::eip712::Signer;
use evenkeel::venue::hyperliquid::feed::FeedCodec;
use ring::spsc::channel;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

const SECOND: u64 = 1_000_000_000;
/// The venue closes a connection after a minute of silence; ours is given up well before.
const DEADLINE_S: u64 = 33;

/// Its URL, and what it has heard when its connection is closed.
fn silent_peer() -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    // It reads what comes, says nothing, and never closes.
    let peer = std::thread::spawn(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        let mut heard = Vec::new();
        while let Ok(message) = socket.read() {
            heard.push(message.into_text().unwrap().to_string());
        }
        heard
    });
    (url, peer)
}

fn pings(heard: &[String]) -> usize {
    heard.iter().filter(|text| text.contains("\"ping\"")).count()
}

#[test]
fn a_silent_peer_is_asked_and_then_given_up_within_the_deadline() {
    let (url, peer) = silent_peer();
    let (counter, time) = quanta::Clock::mock();
    let clock = Clock::over(counter, Nanos::from_secs(1_760_000_000), 1000);
    // A stamp of zero is "never".
    time.increment(SECOND);
    let depths = Depths::for_instruments(1);
    let (market, mut events) = channel(depths.market);
    let (_asks, asks) = channel(depths.asks);
    let metrics = Arc::new(Metrics::default());
    let mut feed = FeedStep::new(
        MarketFeed::Hyperliquid(FeedCodec::new(&[(InstId(0), Symbol::new("SOL").unwrap())])),
        Dialer::new(Endpoint::parse(&url).unwrap(), Limits::default(), clock.clone()),
        market,
        asks,
        1,
        clock.clone(),
        Arc::clone(&metrics),
    );
    let up = loop {
        feed.step(clock.stamp());
        match events.pop() {
            Some(Event::LinkUp { link: Link::Market, recv }) => break recv,
            Some(event) => panic!("{event:?}"),
            None => std::thread::yield_now(),
        }
    };
    let mut down: Option<Stamp> = None;
    for _ in 0..DEADLINE_S + 1 {
        time.increment(SECOND);
        // What is lost in one step is told in the next.
        feed.step(clock.stamp());
        feed.step(clock.stamp());
        while let Some(event) = events.pop() {
            match event {
                Event::LinkDown { link: Link::Market, recv } => down = down.or(Some(recv)),
                Event::Gap { reason, .. } => assert_eq!(reason, GapReason::Disconnected),
                event => panic!("{event:?}"),
            }
        }
    }
    let silent = (down.expect("it is given up").0 - up.0) / SECOND;
    assert!((32..=DEADLINE_S).contains(&silent), "given up after {silent} s");
    assert_eq!(metrics.feed.reconnects.get(), 1);
    let heard = peer.join().unwrap();
    assert_eq!(pings(&heard), 2, "asked at 15 s and 30 s: {heard:?}");
}

/// The same on the account's connection, where silence is worse: fills may be missed.
#[test]
fn a_silent_peer_of_the_account_is_given_up_within_the_deadline() {
    let (url, peer) = silent_peer();
    // Nobody listens at the REST address: the account is never known, and nothing depends on it.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let base = Endpoint::parse(&format!("http://{gone}")).unwrap();
    let (counter, time) = quanta::Clock::mock();
    let clock = Clock::over(counter, Nanos::from_secs(1_760_000_000), 1000);
    time.increment(SECOND);
    let symbol = Symbol::new("SOL").unwrap();
    let instrument = hyperliquid_perp(InstId(0), symbol, 5, 2).unwrap();
    let instrument_spec = instrument.spec;
    let signer = Signer::new([7; 32]).unwrap();
    let owner = signer.address();
    let access = Access::agent(Network::Mainnet, owner, signer, None);
    let mut rest = access.owner().rest(&[symbol]);
    rest.know(&[instrument.spec]);
    let depths = Depths::for_instruments(1);
    let (_core, actions) = channel(depths.orders);
    let (events, mut told) = channel(depths.account);
    let metrics = Arc::new(Metrics::default());
    let mut egress = EgressStep::new(Parts {
        venue: access.account(1, &[instrument.spec], &Options::default()),
        instruments: vec![instrument],
        dialer: Dialer::new(Endpoint::parse(&url).unwrap(), Limits::default(), clock.clone()),
        reconciler: Reconciler::new(&base, rest, clock.clone()),
        chores: Chores::none(vec![instrument_spec]),
        actions,
        events,
        clock: clock.clone(),
        metrics: Arc::clone(&metrics),
    });
    let up = loop {
        egress.step(clock.stamp());
        match told.pop() {
            Some(Event::LinkUp { link: Link::Orders, recv }) => break recv,
            Some(event) => panic!("{event:?}"),
            None => std::thread::yield_now(),
        }
    };
    let mut down: Option<Stamp> = None;
    for _ in 0..DEADLINE_S + 1 {
        time.increment(SECOND);
        egress.step(clock.stamp());
        egress.step(clock.stamp());
        while let Some(event) = told.pop() {
            match event {
                Event::LinkDown { link: Link::Orders, recv } => down = down.or(Some(recv)),
                Event::RateBudget { .. } => {}
                event => panic!("{event:?}"),
            }
        }
    }
    let silent = (down.expect("it is given up").0 - up.0) / SECOND;
    assert!((32..=DEADLINE_S).contains(&silent), "given up after {silent} s");
    assert_eq!(metrics.egress.reconnects.get(), 1);
    let heard = peer.join().unwrap();
    assert_eq!(pings(&heard), 2, "asked at 15 s and 30 s: {heard:?}");
}
