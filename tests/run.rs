//! `evenkeel run` as a process, against the embedded venue over sockets: what it refuses before its
//! first order, that it trades, and that nothing rests when it has ended. It is waited for by what
//! the venue sees, not by the clock.

mod http_kit;
mod run_killed;
mod run_vault;
mod tls_kit;

use std::io::{BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use evenkeel::event::{Component, Event};
use evenkeel::instrument::{InstId, Symbol};
use evenkeel::journal::Record;
use evenkeel::journal::file::Reader;
use evenkeel::pipeline::clock::Clock;
use evenkeel::sim::exchange::{AccountId, Exchange, Rules, hyperliquid_perp};
use evenkeel::sim::flow::Flow;
use evenkeel::sim::params::{FlowParams, Scenario};
use evenkeel::sim::server::{self, AccountSpec, ServerConfig, ServerHandle};
use evenkeel::units::{Notional, SCALE, Side};
use evenkeel::venue::eip712::Signer;
use http_kit::{Run, TOKEN, get, post};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const OWNER: [u8; 32] = [3; 32];
const AGENT: [u8; 32] = [4; 32];
/// Looks at the venue, 10 ms apart, until something must have happened: five minutes, on a machine that has
/// a dozen other things to do.
const LOOKS: usize = 30_000;

fn address(key: [u8; 32]) -> [u8; 20] {
    Signer::new(key).unwrap().address().0
}

fn address_text(key: [u8; 32]) -> String {
    String::from_utf8(Signer::new(key).unwrap().address().text().to_vec()).unwrap()
}

/// A venue with one account, one agent and a market that runs at the speed of the world.
struct Rig {
    server: ServerHandle,
    account: AccountId,
    folder: PathBuf,
}

impl Rig {
    fn new(name: &str) -> Rig {
        Rig::with(name, |_, _| {})
    }

    /// As `change` makes it before it serves.
    fn with(name: &str, change: impl FnOnce(&mut Exchange, &mut ServerConfig)) -> Rig {
        let clock = Clock::start(1);
        let params = FlowParams::built_in("SOL", Scenario::Volatile).unwrap();
        let symbol = Symbol::new("SOL").unwrap();
        let sol = hyperliquid_perp(InstId(0), symbol, params.asset, params.sz_decimals).unwrap();
        let flow = Flow::new(&sol, params, 5, clock.now());
        let mut exchange = Exchange::new(vec![sol], Rules::default());
        let account = exchange.open_account(Notional::from_raw(10_000 * SCALE));
        let mut config = ServerConfig {
            accounts: vec![AccountSpec {
                address: address(OWNER),
                account,
                agents: vec![address(AGENT)],
                master: None,
            }],
            ..ServerConfig::local()
        };
        change(&mut exchange, &mut config);
        let now = Box::new(move || clock.now());
        let server = server::start(config, exchange, Box::new(flow), now).unwrap();
        while server.with(|x| x.bbo(InstId(0)).mid()).unwrap().is_none() {
            std::thread::yield_now();
        }
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let folder = folder.join(format!("run-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Rig { server, account, folder }
    }

    fn key(&self, key: [u8; 32], mode: u32) -> PathBuf {
        let path = self.folder.join("key");
        let text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// A run against this venue's URLs.
    fn command(&self, mode: &str, ws: &str, rest: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
        command.args(["run", "--mode", mode, "--config", "config/demo.toml"]);
        for set in [
            format!("venue.ws_url={ws}"),
            format!("venue.rest_url={rest}"),
            format!("journal.path={}", self.folder.display()),
            format!("guards.kill_file={}", self.kill_file().display()),
            // The demo's 700 are a warning at the upper end of the proved prices.
            "market.SOL.limits.order_notional_quote=800".to_owned(),
        ] {
            command.arg("--set").arg(set);
        }
        command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("CREDENTIALS_DIRECTORY");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn kill_file(&self) -> PathBuf {
        self.folder.join("kill")
    }

    fn plain(&self, mode: &str) -> Command {
        let mut command = self.command(mode, &self.server.ws_url(), &self.server.http_url());
        command.arg("--json");
        command
    }

    fn live(&self, key: &Path) -> Command {
        let mut command = self.plain("live");
        command.arg("--account").arg(address_text(OWNER)).arg("--key-file").arg(key);
        command
    }

    /// Until the account has an order at the venue.
    fn wait_for_orders(&self, child: &mut Child) {
        let account = self.account;
        for _ in 0..LOOKS {
            if child.try_wait().unwrap().is_some() {
                let mut told = String::new();
                child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
                panic!("it ended before its first order: {told}");
            }
            if self.server.with(move |x| x.open_orders(account).count() > 0).unwrap() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("no order in five minutes");
    }

    /// Until the account holds something: a fill.
    fn wait_for_position(&self) {
        let account = self.account;
        for _ in 0..LOOKS {
            if self.server.with(move |x| x.position(account, InstId(0)).qty.0 != 0).unwrap() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("no fill in five minutes");
    }

    /// What is refused is refused before the first action.
    fn refuses(&self, mut command: Command, code: i32, why: &str) {
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(why), "{told:?} does not say {why:?}");
        assert_eq!(self.server.stats().unwrap().actions, 0, "an action was sent");
    }

    fn end(self) -> Exchange {
        let exchange = self.server.stop().unwrap();
        std::fs::remove_dir_all(self.folder).unwrap();
        exchange
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn result(output: &Output, code: i32) -> Value {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{told}\n{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_live_run_over_tls_trades_and_stops_in_order() {
    let rig = Rig::new("live");
    let ca = tls_kit::Authority::new();
    let front = tls_kit::front(ca.identity("localhost", tls_kit::GOOD), rig.server.addr());
    let ca_file = rig.folder.join("ca.pem");
    std::fs::write(&ca_file, &ca.pem).unwrap();
    let port = front.port();
    let (ws, rest) = (format!("wss://localhost:{port}/ws"), format!("https://localhost:{port}"));
    let key = rig.key(AGENT, 0o600);
    let mut command = rig.command("live", &ws, &rest);
    command.args(["--json", "--account", &address_text(OWNER), "--key-file"]).arg(&key);
    command.arg("--set").arg(format!("net.ca_file={}", ca_file.display()));
    let mut child = command.spawn().unwrap();
    rig.wait_for_orders(&mut child);
    signal(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    let end = result(&output, 0);
    assert_eq!(end["ending"], "stopped");
    assert_eq!(end["open_orders"], 0);
    assert_eq!(end["illegal_orders"], 0);
    assert!(end["orders_sent"].as_u64().unwrap() > 0);
    let journal = PathBuf::from(end["journal"].as_str().unwrap());
    let report = evenkeel::ops::replay::file(&journal).unwrap();
    assert_eq!((report.difference, report.damage), (None, None));
    assert_eq!(end["state_hash"], format!("{:016x}", report.state_hash));
    let account = rig.account;
    let exchange = rig.end();
    assert_eq!(exchange.open_orders(account).count(), 0);
    let held = exchange.position(account, InstId(0)).qty;
    assert_eq!(end["markets"][0]["position"], held.to_string());
    assert_eq!(
        (&end["positions_agree"], &end["positions"][0]["symbol"]),
        (&true.into(), &"SOL".into())
    );
    // The configuration flattens at the end.
    assert_eq!(held.0, 0);
}

#[test]
fn a_second_signal_cancels_everything_at_once() {
    let rig = Rig::new("abort");
    let key = rig.key(AGENT, 0o600);
    let mut child = rig.live(&key).spawn().unwrap();
    rig.wait_for_orders(&mut child);
    signal(&child, Signal::TERM);
    signal(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    let end = result(&output, 7);
    assert_eq!((&end["ending"], &end["open_orders"]), (&"aborted".into(), &0.into()));
    let account = rig.account;
    assert_eq!(rig.end().open_orders(account).count(), 0);
}

#[test]
fn the_kill_signal_ends_the_run_and_lets_no_other_begin() {
    let rig = Rig::new("kill");
    let key = rig.key(AGENT, 0o600);
    let mut child = rig.live(&key).spawn().unwrap();
    rig.wait_for_orders(&mut child);
    signal(&child, Signal::USR1);
    let end = result(&child.wait_with_output().unwrap(), 6);
    assert_eq!((&end["ending"], &end["open_orders"]), (&"killed".into(), &0.into()));
    let actions = rig.server.stats().unwrap().actions;
    let again = rig.live(&key).output().unwrap();
    assert_eq!(again.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&again.stderr).contains("killed by SIGUSR1"), "{again:?}");
    assert_eq!(rig.server.stats().unwrap().actions, actions, "nothing was sent");
    let account = rig.account;
    assert_eq!(rig.end().open_orders(account).count(), 0);
}

#[test]
fn the_kill_file_closes_positions_when_it_says_so() {
    let rig = Rig::new("flatten");
    let key = rig.key(AGENT, 0o600);
    let mut child = rig.live(&key).spawn().unwrap();
    rig.wait_for_orders(&mut child);
    rig.wait_for_position();
    std::fs::write(rig.kill_file(), "flatten and go home\n").unwrap();
    let end = result(&child.wait_with_output().unwrap(), 6);
    assert_eq!((&end["ending"], &end["open_orders"]), (&"killed".into(), &0.into()));
    let account = rig.account;
    let held = rig.server.with(move |x| x.position(account, InstId(0)).qty).unwrap();
    assert_eq!(held.0, 0, "{end}");
    rig.end();
}

#[test]
fn a_run_shows_what_it_does_and_takes_commands_over_http() {
    let rig = Rig::new("door");
    let (key, token) = (rig.key(AGENT, 0o600), rig.folder.join("token"));
    http_kit::write_token(&token);
    let mut command = rig.command("live", &rig.server.ws_url(), &rig.server.http_url());
    command.args(["--account", &address_text(OWNER), "--key-file"]).arg(&key);
    command.arg("--set").arg(format!("metrics.commands_file={}", token.display()));
    let mut run = Run::start(&mut command);
    assert!(run.line().unwrap().contains("SOL, orders REAL"));
    let at = run.door();
    rig.wait_for_orders(&mut run.child);
    while !get(at, "/health").1.contains(r#""status":"ok""#) {
        std::thread::yield_now();
    }
    let page = get(at, "/metrics").1;
    assert!(page.contains("core_ready 1") && page.contains("market=\"SOL\""), "{page}");
    assert_eq!(post(at, "/kill", "another").0, 401);
    assert_eq!(post(at, "/kill", TOKEN).0, 202);
    let account = rig.account;
    while rig.server.with(move |x| x.open_orders(account).count() > 0).unwrap()
        || !get(at, "/health").1.contains("halted")
    {
        std::thread::sleep(Duration::from_millis(10));
    }
    signal(&run.child, Signal::INT);
    let (text, code) = run.end();
    assert_eq!(code, Some(0), "{text}");
    for told in [
        " s  SOL  mid ",
        "  mark ",
        "ready   reconciled",
        "quotes  buy again",
        "ALARM   killed",
        "profit and loss, quote",
        "  SOL: fills ",
        "rejected by the venue: ",
        "refused by us: ",
        "  decide ",
        "stopped after ",
        "open orders at the venue: 0",
        ": the venue agrees",
        "see: evenkeel replay ",
    ] {
        assert!(text.contains(told), "it does not say {told:?}: {text}");
    }
    rig.end();
}

/// Fills and positions of a journal, as far as it was written.
fn account_events(journal: &Path) -> Vec<Event> {
    let file = BufReader::new(std::fs::File::open(journal).unwrap());
    let records = Reader::new(file).unwrap().map_while(Result::ok);
    let inputs = records.filter_map(|record| match record {
        Record::Input(input) => Some(input.event),
        _ => None,
    });
    inputs.filter(|e| matches!(e, Event::Fill { .. } | Event::Position { .. })).collect()
}

fn journal_of(folder: &Path) -> PathBuf {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.max_by_key(|path| path.extension().is_some_and(|e| e == "journal")).unwrap()
}

#[test]
fn a_run_that_is_killed_with_9_loses_no_fill_and_leaves_no_order() {
    let rig = Rig::new("nine");
    let key = rig.key(AGENT, 0o600);
    let mut child = rig.live(&key).spawn().unwrap();
    rig.wait_for_orders(&mut child);
    rig.wait_for_position();
    // It has no time to say goodbye, and its orders stay.
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    let account = rig.account;
    let left: Vec<u64> =
        rig.server.with(move |x| x.open_orders(account).map(|o| o.oid).collect()).unwrap();
    let first = journal_of(&rig.folder);
    let replayed = evenkeel::ops::replay::file(&first).unwrap();
    assert_eq!(replayed.difference, None, "what was written is whole up to its end");
    std::fs::rename(&first, rig.folder.join("first")).unwrap();
    // What the venue has filled by now and nobody has seen, the second run adopts.
    let mut second = rig.live(&key);
    second.args(["--set", "engine.flatten_on_stop=false"]);
    let mut child = second.spawn().unwrap();
    for look in 0.. {
        let left = left.clone();
        let gone = rig.server.with(move |x| {
            let mut open = x.open_orders(account).peekable();
            open.peek().is_some() && open.all(|o| !left.contains(&o.oid))
        });
        // What the first one had sent may land late, and is not the second one's.
        if gone.unwrap() && run_killed::placed(&run_killed::said(&rig.folder), Component::Maker) {
            break;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        assert!(look < LOOKS, "the earlier run's orders stay, or the second one does not quote");
        std::thread::sleep(Duration::from_millis(10));
    }
    signal(&child, Signal::INT);
    let end = result(&child.wait_with_output().unwrap(), 0);
    assert_eq!((&end["open_orders"], &end["positions_agree"]), (&0.into(), &true.into()));
    let journal = PathBuf::from(end["journal"].as_str().unwrap());
    let mut position = 0;
    let mut began = false;
    for event in account_events(&journal) {
        match event {
            Event::Position { qty, .. } if !began => (position, began) = (qty.0, true),
            Event::Fill { side: Side::Buy, qty, .. } => position += qty.0,
            Event::Fill { side: Side::Sell, qty, .. } => position -= qty.0,
            _ => {}
        }
    }
    let exchange = rig.end();
    let held = exchange.position(account, InstId(0)).qty;
    assert_eq!(position, held.0, "what it began with and its fills are what the venue says");
    assert_eq!(end["markets"][0]["position"], held.to_string());
    assert_eq!(exchange.open_orders(account).count(), 0);
}

#[test]
fn a_paper_run_needs_no_key_and_sends_the_venue_nothing() {
    let rig = Rig::new("paper");
    let mut child = rig.plain("paper").spawn().unwrap();
    for look in 0.. {
        let told = run_killed::said(&rig.folder);
        let traded =
            |r: &Record| matches!(r, Record::Input(i) if matches!(i.event, Event::Trade { .. }));
        if run_killed::placed(&told, Component::Maker) && told.iter().any(traded) {
            break;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        assert!(look < LOOKS, "no order or no trade");
        std::thread::sleep(Duration::from_millis(10));
    }
    signal(&child, Signal::INT);
    let end = result(&child.wait_with_output().unwrap(), 0);
    assert_eq!((&end["ending"], &end["open_orders"]), (&"stopped".into(), &0.into()));
    assert_eq!(end["illegal_orders"], 0);
    assert!(end["orders_sent"].as_u64().unwrap() > 0, "{end}");
    assert!(end["paper"]["mirrored"].as_u64().unwrap() > 0, "{end}");
    assert_eq!(end["paper"]["fills"], end["markets"][0]["fills"]);
    assert_eq!(rig.server.stats().unwrap().actions, 0);
    let account = rig.account;
    assert_eq!(rig.end().fills(account).count(), 0);
}

#[test]
fn a_live_run_is_refused_before_its_first_order() {
    let rig = Rig::new("refused");
    let key = rig.key(AGENT, 0o600);
    rig.refuses(rig.plain("live"), 2, "--account");
    let mut no_key = rig.plain("live");
    no_key.args(["--account", &address_text(OWNER)]);
    rig.refuses(no_key, 3, "no key");
    // The configuration as it is proved: one size below the venue's minimum is enough.
    let mut small = rig.live(&key);
    small.args(["--set", "market.SOL.maker.size_min=0.01"]);
    small.args(["--set", "market.SOL.maker.raise_to_minimum=false"]);
    rig.refuses(small, 1, "NOT PROVED, strict");
    let mut unknown = rig.live(&key);
    unknown.args(["--set", "engine.name=x", "--set", "venue.network=mainnet"]);
    rig.refuses(unknown, 3, "loopback");
    let open = rig.key(AGENT, 0o644);
    rig.refuses(rig.live(&open), 3, "others may read it");
    let stranger = rig.key([9; 32], 0o600);
    rig.refuses(rig.live(&stranger), 3, "is no agent of");
    let owner = rig.key(OWNER, 0o600);
    rig.refuses(rig.live(&owner), 3, "the account's own");
    let key = rig.key(AGENT, 0o600);
    let mut other = rig.plain("live");
    other.args(["--account", &address_text([8; 32]), "--key-file"]).arg(&key);
    rig.refuses(other, 3, "not of");
    rig.end();
}

#[test]
fn a_market_that_the_venue_does_not_have_is_refused() {
    let rig = Rig::new("unknown");
    let config = rig.folder.join("nope.toml");
    let text = std::fs::read_to_string("config/demo.toml").unwrap();
    std::fs::write(&config, text.replace("symbol = \"SOL\"", "symbol = \"NOPE\"")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    command.args(["run", "--mode", "paper", "--seconds", "1", "--config"]).arg(&config);
    command.args(["--set", &format!("venue.ws_url={}", rig.server.ws_url())]);
    command.args(["--set", &format!("venue.rest_url={}", rig.server.http_url())]);
    rig.refuses(command, 3, "the venue has no market \"NOPE\"");
    rig.end();
}

#[test]
fn a_market_that_takes_isolated_margin_only_is_refused() {
    for (mode, told) in [("", "onlyIsolated"), ("noCross", "noCross")] {
        let rig = Rig::with("isolated", |_, config| config.isolated.push((InstId(0), mode)));
        let key = rig.key(AGENT, 0o600);
        let why = format!("market \"SOL\" is {told}");
        rig.refuses(rig.live(&key), 3, &why);
        rig.refuses(rig.plain("paper"), 3, &why);
        rig.end();
    }
}

#[test]
fn the_configuration_that_ships_is_proved_and_states_what_live_needs() {
    let config = "config/hyperliquid.toml";
    let mut check = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    let check = check.current_dir(env!("CARGO_MANIFEST_DIR")).args(["check", "--strict", config]);
    let output = check.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("PROVED, strict"), "{told}");
    let text = std::fs::read_to_string(config).unwrap();
    let live = [("engine.mode".to_owned(), "live".to_owned())];
    let config = evenkeel::config::Config::layered(&[(&text, config)], &[], &live);
    let config = config.unwrap_or_else(|errors| panic!("{errors}"));
    let markets: Vec<&str> = config.markets.iter().map(|m| m.symbol.as_str()).collect();
    assert_eq!(markets, ["SOL", "BTC", "ETH"]);
}
