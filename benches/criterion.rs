//! Cold. The three stages of the path by themselves, as criterion measures: mean, deviation and
//! change since the last run, for work on one of them. The path as a whole is `tick_to_order`.

#[path = "tick_to_order/market.rs"]
#[expect(dead_code, reason = "the other bench uses more of it")]
mod market;
#[path = "tick_to_order/rig.rs"]
#[expect(dead_code, reason = "the other bench uses more of it")]
mod rig;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use evenkeel::event::{Action, Component, OrderId, Stamp, Tif};
use evenkeel::instrument::InstId;
use evenkeel::pipeline::Step;
use evenkeel::pipeline::clock::Clock;
use evenkeel::units::{Nanos, Price, Qty, SCALE, Side};
use evenkeel::venue::eip712::{PooledSigner, Signer, nonce_pool};
use evenkeel::venue::hyperliquid::orders::{CodecConfig, FRAME_MAX, Form, OrderCodec};
use evenkeel::venue::hyperliquid::sign::Network;
use market::{Feed, Market};
use rig::Rig;
use std::cell::RefCell;
use std::hint::black_box;

const EVENT_NS: u64 = 50_000;

/// Decode and decide on the real rings; the other steps run outside of what is timed.
fn steps(c: &mut Criterion) {
    for feed in [Feed::Book, Feed::Bbo] {
        let (counter, time) = quanta::Clock::mock();
        let clock = Clock::over(counter, Nanos::from_secs(1_760_000_000), 1000);
        let rig = RefCell::new(Rig::new(&clock, Some(1 << 12)));
        let mut market = Market::new(feed, 0x5eed);
        let settle = |rig: &mut Rig| {
            for _ in 0..2 {
                rig.strategy.step(Stamp(1));
                rig.egress.step();
            }
            rig.egress.samples.clear();
            rig.journal.drain(1 << 16, |_| {});
            rig.fill_pool();
            time.increment(EVENT_NS);
        };
        let decode = format!("decode {}", feed.name());
        c.bench_function(&decode, |b| {
            let prepare = || {
                settle(&mut rig.borrow_mut());
                market.next().0.to_vec()
            };
            b.iter_batched_ref(
                prepare,
                |frame| rig.borrow_mut().feed.take(frame),
                BatchSize::PerIteration,
            );
        });
        let decide = format!("decide {}", feed.name());
        c.bench_function(&decide, |b| {
            let prepare = || {
                let rig = &mut *rig.borrow_mut();
                settle(rig);
                rig.feed.take(market.next().0)
            };
            let work = |recv: &mut Stamp| rig.borrow_mut().strategy.step(*recv);
            b.iter_batched_ref(prepare, work, BatchSize::PerIteration);
        });
    }
}

/// One order, encoded, hashed and signed with a prepared nonce.
fn sign(c: &mut Criterion) {
    let signer = || Signer::new([0x42; 32]).expect("a valid key");
    let (mut filler, taker) = nonce_pool(&signer(), 1 << 12);
    let mut pooled = PooledSigner::with_pool(signer(), taker);
    let mut codec = OrderCodec::new(CodecConfig {
        network: Network::Mainnet,
        vault: None,
        run_tag: 1,
        assets: vec![(InstId(0), 5)],
        order_ttl_ms: None,
        ioc_priority: None,
        builder: None,
    });
    let action = [Action::Place {
        inst: InstId(0),
        side: Side::Buy,
        tif: Tif::Alo,
        reduce_only: false,
        component: Component::Maker,
        order: OrderId(1 << 16),
        px: Price(20_001 * SCALE / 100),
        qty: Qty(SCALE / 5),
    }];
    let mut out = [0; FRAME_MAX];
    let mut now = 1_760_000_000_000;
    c.bench_function("sign one order", |b| {
        b.iter_batched(
            || filler.fill(1).expect("the system has randomness"),
            |_| {
                now += 1;
                let text = codec.encode(black_box(&action), Form::Post, now, &mut pooled, &mut out);
                black_box(text.expect("it can be sent").len)
            },
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(stages, steps, sign);
criterion_main!(stages);
