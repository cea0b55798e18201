//! What a running engine shows and takes over HTTP: asked over real sockets, by the binary's own
//! run and by hand-made requests.

mod http_kit;

use evenkeel::core::Standing;
use evenkeel::event::Command;
use evenkeel::instrument::{InstId, InstrumentSpec};
use evenkeel::ops::serve::{Board, Server};
use evenkeel::pipeline::clock::Clock;
use evenkeel::pipeline::metrics::Metrics;
use evenkeel::sim::exchange::hyperliquid_perp;
use http_kit::{Run, TOKEN, ask, get, post};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

fn spec() -> InstrumentSpec {
    let symbol = evenkeel::instrument::Symbol::new("SOL").expect("a name");
    hyperliquid_perp(InstId(0), symbol, 5, 2).expect("a market").spec
}

struct Bed {
    server: Server,
    metrics: Arc<Metrics>,
    clock: Clock,
}

fn bed(token: Option<&str>) -> Bed {
    let (metrics, clock) = (Arc::new(Metrics::default()), Clock::start(1));
    let board = Arc::new(Board::new("test", &[spec()], &metrics, &clock));
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let server = Server::start(listener, token.map(str::to_owned), board).expect("a thread");
    Bed { server, metrics, clock }
}

impl Bed {
    fn stand(&self, standing: Standing) {
        let core = evenkeel::core::Counts::default();
        let none = [[0; evenkeel::event::Refused::COUNT]; evenkeel::event::Component::ALL.len()];
        self.metrics.core.write(&core, &none, standing, self.clock.stamp().0);
    }
}

const WELL: Standing = Standing { halted: false, ready: true, breakers_open: 0 };

#[test]
fn health_names_every_reason() {
    let bed = bed(None);
    let at = bed.server.address();
    let (code, answer) = get(at, "/health");
    assert_eq!(code, 503);
    assert!(answer.contains("the strategy's thread is silent"), "{answer}");
    bed.stand(WELL);
    let (code, answer) = get(at, "/health");
    assert_eq!((code, answer.contains(r#""status":"ok""#)), (200, true), "{answer}");
    bed.stand(Standing { breakers_open: 2, ..WELL });
    let (code, answer) = get(at, "/health");
    assert!(code == 503 && answer.contains("2 breakers are open"), "{answer}");
    assert!(answer.contains(r#""status":"degraded""#), "{answer}");
    bed.stand(Standing { halted: true, ..WELL });
    assert!(get(at, "/health").1.contains(r#""status":"down""#));
    bed.stand(Standing { ready: false, ..WELL });
    assert!(get(at, "/health").1.contains("the orders link is down"));
    bed.stand(WELL);
    bed.metrics.egress.illegal.add(1);
    assert!(get(at, "/health").1.contains("1 orders failed the last check"));
}

#[test]
fn metrics_are_prometheus_text() {
    let bed = bed(None);
    bed.stand(WELL);
    let (code, answer) = get(bed.server.address(), "/metrics?whatever=1");
    assert_eq!(code, 200);
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains("version=0.0.4"));
    let mut typed = String::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            typed = rest.split(' ').next().expect("a name").to_owned();
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').expect("name and value");
            assert!(name.starts_with(&typed), "{line} stands under {typed}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    for row in [
        "evenkeel_healthy 1",
        "core_rejects_total{reason=\"min_notional\"} 0",
        "core_alarms_total{reason=\"hedger_stuck\"} 0",
        "stage_latency_ns{stage=\"tick_to_order\",quantile=\"0.5\"} 0",
    ] {
        assert!(body.lines().any(|l| l == row), "no row {row}");
    }
}

#[test]
fn a_command_needs_the_token() {
    let bed = bed(Some(TOKEN));
    let at = bed.server.address();
    assert_eq!(post(at, "/kill", "wrong").0, 401);
    assert_eq!(post(at, "/kill", &TOKEN[1..]).0, 401);
    assert_eq!(ask(at, "POST /kill HTTP/1.1\r\n\r\n").0, 401);
    assert_eq!(get(at, "/kill").0, 405);
    assert_eq!(post(at, "/health", TOKEN).0, 405);
    assert!(bed.server.commands.try_recv().is_err(), "nothing got through");
    let orders =
        [("/kill", Command::Kill), ("/flatten", Command::Flatten), ("/resume", Command::Resume)];
    for (path, command) in orders {
        assert_eq!(post(at, path, TOKEN).0, 202);
        assert_eq!(bed.server.commands.try_recv(), Ok(command));
    }
    // Eight wait at most; the ninth is refused and said so.
    let codes: Vec<u16> = (0..9).map(|_| post(at, "/kill", TOKEN).0).collect();
    assert_eq!(codes, [202, 202, 202, 202, 202, 202, 202, 202, 503]);
    // Without a token in the configuration none is taken.
    let closed = self::bed(None);
    assert_eq!(post(closed.server.address(), "/kill", TOKEN).0, 403);
}

#[test]
fn nonsense_is_answered_and_the_next_client_served() {
    let bed = bed(None);
    let at = bed.server.address();
    assert_eq!(get(at, "/nowhere").0, 404);
    assert_eq!(ask(at, "\u{1}\u{2}\r\n\r\n").0, 400);
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(7_000));
    assert_eq!(ask(at, &long).0, 404);
    let mut stream = TcpStream::connect(at).expect("it listens");
    // More than a head may have; it may hang up before all of it is written.
    let _ = stream.write_all(&[b'a'; 20_000]);
    drop(stream);
    drop(TcpStream::connect(at).expect("a client that says nothing"));
    assert_eq!(get(at, "/nowhere").0, 404);
}

#[test]
fn a_running_demo_is_watched_and_killed_by_http() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (token, config) = (folder.join("serve.token"), folder.join("serve.toml"));
    http_kit::write_token(&token);
    let text = format!("[metrics]\ncommands_file = \"{}\"\n", token.display());
    std::fs::write(&config, text).expect("a disk");
    let journal = folder.join("serve.journal");
    let path = |p: &std::path::Path| p.to_str().expect("a plain path").to_owned();
    let mut run = Run::start(
        std::process::Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .args(["demo", "--seconds", "600", "--speed", "20"])
            .args(["--config", &path(&config), "--journal", &path(&journal)]),
    );
    let at = run.door();
    // It prints as it goes; the page has the market soon after.
    let row = "portfolio_inventory_units{market=\"SOL\"}";
    let is_up = |page: &str| page.contains("core_ready 1") && page.contains(row);
    while !is_up(&get(at, "/metrics").1) {
        run.line().expect("it still runs");
    }
    assert_eq!(post(at, "/kill", TOKEN).0, 202);
    while !get(at, "/health").1.contains("halted") {
        run.line().expect("it still runs");
    }
}
