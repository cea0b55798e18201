//! Wire to wire over loopback: from the moment at which a server thread writes a market frame to the
//! moment at which it has read the signed order that the frame caused. Real sockets, real WebSocket
//! at both ends, plain and TLS; the engine's steps are fused on one thread, as in `tick_to_order`.
//! An order that a timer or an answer caused is not counted: each says which read caused it.
//!
//! `cargo bench --bench wire`; `-- --smoke` (or `--test`) takes a second and checks only that it
//! works. Beside each row stands the floor of the same run: two threads that send as many bytes
//! to and fro over a bare TCP socket, spinning. Rounds of all cases take turns, so that a noisy
//! neighbour meets all of them. Figures go to `out/bench/wire.json`.

#[allow(dead_code, reason = "the other bench uses the rest")]
#[path = "tick_to_order/market.rs"]
mod market;
#[allow(dead_code, reason = "the other bench uses the rest")]
#[path = "tick_to_order/rig.rs"]
mod rig;
#[path = "../tests/tls_kit/mod.rs"]
mod tls_kit;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use evenkeel::net::{Conn, Endpoint, Limits, Trust};
use evenkeel::pipeline::Step;
use evenkeel::pipeline::clock::Clock;
use evenkeel::pipeline::runner::{cores, pin};
use hdrhistogram::Histogram;
use market::{Feed, Market};
use rig::Rig;

/// The engine's clock runs so much faster than the world: a frame stands for 50 ms of market.
const SPEED: u32 = 1000;
/// From one frame to the next at least; more when an order is on its way.
const INTERVAL_NS: u64 = 50_000;
/// A frame that has caused nothing by then causes nothing.
const NOTHING_NS: u64 = 150_000;
const POOL: usize = 1 << 14;
/// Bytes of a signed order's frame, for the floor.
const ORDER_BYTES: usize = 640;
const BOOK_BYTES: usize = 1700;

type Hdr = Histogram<u64>;

/// A server's stream of either kind.
trait Stream: Read + Write + Send {
    fn spin(&mut self);
}

impl Stream for TcpStream {
    fn spin(&mut self) {
        self.set_nonblocking(true).expect("a socket");
    }
}

impl Stream for tls_kit::Stream {
    fn spin(&mut self) {
        self.sock.set_nonblocking(true).expect("a socket");
    }
}

/// What engine and server tell each other beside the wire.
#[derive(Debug, Default)]
struct Aside {
    done: AtomicBool,
    /// When the market frame was read that caused the last order; stored before the order leaves.
    cause: AtomicU64,
}

/// What one look at a spinning socket brought.
fn look(stream: &mut impl Read, bytes: &mut [u8]) -> usize {
    match stream.read(bytes) {
        Ok(n) => n,
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        Err(error) => panic!("the engine hung up: {error}"),
    }
}

/// The server's thread: accepts a market and an order connection, plays, and returns the times
/// from frame to order.
fn venue<S: Stream + 'static>(
    listener: TcpListener,
    open: impl Fn(TcpStream) -> S + Send + 'static,
    mut market: Market,
    events: usize,
    clock: Clock,
    cpu: Option<usize>,
    aside: Arc<Aside>,
) -> JoinHandle<Hdr> {
    std::thread::spawn(move || {
        pin(cpu);
        let accept = || {
            let (stream, _) = listener.accept().expect("the engine connects");
            stream.set_nodelay(true).expect("a socket");
            let socket = tungstenite::accept(open(stream)).expect("it upgrades");
            let mut stream = socket.into_inner();
            stream.spin();
            stream
        };
        let (mut feed, mut orders) = (accept(), accept());
        let mut bytes = vec![0; 1 << 16];
        let mut times = hdr();
        for i in 0..events {
            let (frame, _) = market.next();
            let sent = clock.stamp().0;
            feed.write_all(frame).expect("a book fits the socket");
            feed.flush().expect("a book fits the socket");
            let mut took = None;
            loop {
                let got = look(&mut orders, &mut bytes);
                let now = clock.stamp().0;
                // Its cause was read after this frame was sent, so it is this frame.
                let ours = got > 0 && aside.cause.load(Ordering::Acquire) >= sent;
                if ours && took.is_none() {
                    took = Some(now - sent);
                }
                let over = if took.is_some() { INTERVAL_NS } else { NOTHING_NS };
                if got == 0 && now - sent >= over {
                    break;
                }
            }
            // The first tenth warms up.
            if let Some(took) = took.filter(|_| i >= events / 10) {
                times.record(took).expect("within bounds");
            }
        }
        aside.done.store(true, Ordering::Release);
        times
    })
}

/// One round of the whole path.
fn wire(feed: Feed, tls: bool, events: usize, clock: &Clock, cpus: &[usize]) -> Hdr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let aside = Arc::new(Aside::default());
    let market = Market::new(feed, 0x5eed);
    let (server_cpu, engine_cpu) = (cpus.first().copied(), cpus.get(1).copied());
    let end = Arc::clone(&aside);
    let (scheme, trust, server): (_, Option<Trust>, _) = if tls {
        let ca = tls_kit::Authority::new();
        let config = ca.identity("127.0.0.1", tls_kit::GOOD).config();
        let open = move |stream| tls_kit::accept(&config, stream);
        let server = venue(listener, open, market, events, clock.clone(), server_cpu, end);
        ("wss", Some(ca.trust()), server)
    } else {
        let open = |stream| stream;
        ("ws", None, venue(listener, open, market, events, clock.clone(), server_cpu, end))
    };
    let to = Endpoint::parse_trusting(&format!("{scheme}://127.0.0.1:{port}/ws"), trust.as_ref());
    let to = to.expect("a URL");
    let mut rig = Rig::new(clock, Some(POOL));
    rig.fill_pool();
    pin(engine_cpu);
    let limits = Limits { message_max: 1 << 16, ..Limits::default() };
    let connect = || Conn::connect(&to, &limits, &|| clock.stamp().0).expect("it listens");
    let (mut market, mut orders) = (connect(), connect());
    while !aside.done.load(Ordering::Acquire) {
        let Ok(read) = market.fill() else { break };
        if read > 0 {
            let recv = clock.stamp();
            while let Ok(Some(text)) = market.next_text() {
                rig.feed.step.frame(text, recv);
            }
        }
        rig.strategy.step(clock.stamp());
        rig.egress.step_to(|text, cause| {
            if cause.0 > 0 {
                aside.cause.store(cause.0, Ordering::Release);
            }
            orders.post(text).expect("the socket takes orders");
        });
        orders.flush().expect("the venue is there");
        if read == 0 {
            while rig.journal.pop().is_some() {}
        }
    }
    server.join().expect("the venue's thread")
}

/// As many bytes to and fro over bare TCP, both ends spinning.
fn floor(events: usize, clock: &Clock, cpus: &[usize]) -> Hdr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = listener.local_addr().expect("a port");
    let cpu = cpus.get(1).copied();
    let echo = std::thread::spawn(move || {
        pin(cpu);
        let mut stream = TcpStream::connect(to).expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        stream.set_nonblocking(true).expect("a socket");
        let (mut bytes, order) = (vec![0; 1 << 16], vec![7; ORDER_BYTES]);
        for _ in 0..events {
            let mut got = 0;
            while got < BOOK_BYTES {
                got += look(&mut stream, &mut bytes);
            }
            stream.write_all(&order).expect("it fits the socket");
        }
    });
    pin(cpus.first().copied());
    let (mut stream, _) = listener.accept().expect("it connects");
    stream.set_nodelay(true).expect("a socket");
    stream.set_nonblocking(true).expect("a socket");
    let (mut bytes, book) = (vec![0; 1 << 16], vec![9; BOOK_BYTES]);
    let mut times = hdr();
    for i in 0..events {
        let sent = clock.stamp().0;
        stream.write_all(&book).expect("it fits the socket");
        let mut got = 0;
        while got < ORDER_BYTES {
            got += look(&mut stream, &mut bytes);
        }
        let now = clock.stamp().0;
        if i >= events / 10 {
            times.record(now - sent).expect("within bounds");
        }
        while clock.stamp().0 - sent < INTERVAL_NS {}
    }
    echo.join().expect("the other end");
    times
}

fn hdr() -> Hdr {
    Hdr::new_with_bounds(1, 1 << 40, 3).expect("bounds that hdrhistogram takes")
}

/// A row: its name, its times, and how many times the floor its p50 may be.
struct Row {
    name: String,
    times: Hdr,
    goal: Option<f64>,
}

fn main() {
    let smoke = std::env::args().any(|arg| arg == "--smoke" || arg == "--test");
    let (rounds, events) = if smoke { (1, 1000) } else { (5, 12_000) };
    let clock = Clock::start(SPEED);
    // The last cores: the first one usually serves interrupts.
    let cpus: Vec<usize> = cores().into_iter().rev().take(2).collect();
    let row = |name: &str, goal| Row { name: name.to_owned(), times: hdr(), goal };
    let mut rows = [
        row("floor: bare TCP, spinning", None),
        row("l2Book -> order, plain", Some(1.6)),
        row("l2Book -> order, TLS", Some(2.0)),
        row("bbo -> order, plain", Some(1.6)),
        row("bbo -> order, TLS", Some(2.0)),
    ];
    for _ in 0..rounds {
        let cases: [&dyn Fn() -> Hdr; 5] = [
            &|| floor(events, &clock, &cpus),
            &|| wire(Feed::Book, false, events, &clock, &cpus),
            &|| wire(Feed::Book, true, events, &clock, &cpus),
            &|| wire(Feed::Bbo, false, events, &clock, &cpus),
            &|| wire(Feed::Bbo, true, events, &clock, &cpus),
        ];
        for (row, case) in rows.iter_mut().zip(cases) {
            let times = case();
            assert!(!times.is_empty(), "{}: nothing caused an order", row.name);
            row.times.add(times).expect("equal bounds");
        }
    }
    report(&rows, smoke);
}

fn report(rows: &[Row], smoke: bool) {
    let base = rows[0].times.value_at_quantile(0.5) as f64;
    println!("{:<28}{:>9}{:>10}{:>10}{:>10}", "us", "samples", "p50", "p99", "x floor");
    let mut body = Vec::new();
    for row in rows {
        let (p50, p99) = (row.times.value_at_quantile(0.5), row.times.value_at_quantile(0.99));
        let ratio = p50 as f64 / base;
        let verdict = match row.goal {
            Some(goal) if ratio <= goal => format!("goal {goal}: met"),
            Some(goal) => format!("goal {goal}: MISSED"),
            None => String::new(),
        };
        let (us50, us99) = (p50 as f64 / 1e3, p99 as f64 / 1e3);
        let (name, samples) = (&row.name, row.times.len());
        println!("{name:<28}{samples:>9}{us50:>10.1}{us99:>10.1}{ratio:>10.2}  {verdict}");
        body.push(format!(
            "{{\"name\":\"{name}\",\"samples\":{samples},\"p50_ns\":{p50},\"p99_ns\":{p99},\
             \"times_floor\":{ratio:.3}}}"
        ));
    }
    if smoke {
        return;
    }
    let json = format!("{{\"rows\":[{}]}}\n", body.join(","));
    let written = std::fs::create_dir_all("out/bench")
        .and_then(|()| std::fs::write("out/bench/wire.json", json));
    if let Err(error) = written {
        eprintln!("out/bench/wire.json: {error}");
    }
}
