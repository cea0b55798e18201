//! `evenkeel run` as a process at Lighter: the shipped SOL profile on paper, and live with two API keys,
//! against the embedded venue over sockets. It is waited for by what the venue sees, not by the clock.

use std::io::{BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use evenkeel::event::Event;
use evenkeel::instrument::InstId;
use evenkeel::journal::Record;
use evenkeel::journal::file::Reader;
use evenkeel::ops::local::{self, Keys, Local, Serving};
use evenkeel::ops::scenario::{self, Scenario};
use evenkeel::pipeline::clock::Clock;
use evenkeel::sim::exchange::Exchange;
use evenkeel::sim::params::Scenario as Mood;
use evenkeel::sim::server::{LighterFault, Scope, ServerFault};
use evenkeel::units::{Nanos, Side};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const SOL: InstId = InstId(0);
/// The account with its two keys, as `--account` has it.
const ACCOUNT: &str = "1:4:5";
/// Looks at the venue, 10 ms apart, until something must have happened.
const LOOKS: usize = 6000;

/// The scenario's market at the speed of the world, and an account of the standard tier with 0.093 SOL,
/// which the profile hedges.
struct Rig {
    local: Local,
    folder: PathBuf,
}

impl Rig {
    fn new(name: &str) -> Rig {
        let clock = Clock::start(1);
        let calm = scenario::find("lighter-sol").unwrap();
        // A market that trades with the profile's wide quotes.
        let wild = Scenario { mood: Mood::Volatile, ..*calm };
        let stage = wild.served(11, clock.now()).unwrap();
        let serving = Serving { port: 0, tick: Duration::from_millis(1) };
        let local = local::start(stage, serving, &clock).unwrap();
        while local.server.with(|x| x.bbo(SOL).mid()).unwrap().is_none() {
            std::thread::yield_now();
        }
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let folder = folder.join(format!("run-lighter-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Rig { local, folder }
    }

    /// The file of a key.
    fn key(&self, name: &str, secret: &[u8]) -> PathBuf {
        let path = self.folder.join(name);
        let text: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// The files of the account's keys: what rests, what takes.
    fn keys(&self) -> [PathBuf; 2] {
        let Keys::Api { keys, .. } = &self.local.keys else { panic!("no API keys") };
        [self.key("quotes", &keys[0][..]), self.key("hedges", &keys[1][..])]
    }

    fn plain(&self, mode: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
        command.args(["run", "--json", "--mode", mode]);
        command.args(["--config", "config/examples/lighter-sol.toml"]);
        for set in [
            "venue.network=embedded".to_owned(),
            format!("venue.ws_url={}", self.local.server.ws_url()),
            format!("venue.rest_url={}", self.local.server.http_url()),
            format!("journal.path={}", self.folder.display()),
            format!("guards.kill_file={}", self.folder.join("kill").display()),
        ] {
            command.arg("--set").arg(set);
        }
        command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("CREDENTIALS_DIRECTORY");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn with_keys(&self, account: &str, [quotes, hedges]: [&Path; 2]) -> Command {
        let mut command = self.plain("live");
        command.args(["--account", account, "--key-file"]).arg(quotes);
        command.arg("--hedge-key-file").arg(hedges);
        command
    }

    fn live(&self) -> Command {
        let [quotes, hedges] = self.keys();
        self.with_keys(ACCOUNT, [&quotes, &hedges])
    }

    fn open(&self) -> Vec<u64> {
        let account = self.local.account;
        let open = move |x: &mut Exchange| x.open_orders(account).map(|o| o.oid).collect();
        self.local.server.with(open).unwrap()
    }

    /// Until the venue is as it should be.
    fn wait(&self, child: &mut Child, what: &str, is_so: impl Fn() -> bool) {
        for _ in 0..LOOKS {
            if is_so() {
                return;
            }
            if child.try_wait().unwrap().is_some() {
                let mut told = String::new();
                child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
                panic!("it ended before {what}: {told}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("a minute without {what}");
    }

    fn wait_for_quotes(&self, child: &mut Child) {
        self.wait(child, "an order", || !self.open().is_empty());
    }

    /// What was held from before is gone: the second key has taken.
    fn wait_for_hedge(&self, child: &mut Child) {
        let account = self.local.account;
        let fills = move |x: &mut Exchange| x.fills(account).any(|f| f.side == Side::Sell);
        self.wait(child, "a fill", || self.local.server.with(fills).unwrap());
    }

    /// What is refused is refused before the first transaction.
    fn refuses(&self, mut command: Command, code: i32, why: &str) {
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(why), "{told:?} does not say {why:?}");
        assert_eq!(self.local.server.stats().unwrap().actions, 0, "a transaction was sent");
    }

    fn end(self) -> Exchange {
        let exchange = self.local.server.stop().unwrap();
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

/// The run has ended with nothing at the venue, and its ledger and journal are the venue's.
fn agrees(rig: Rig, end: &Value) {
    assert_eq!((&end["open_orders"], &end["positions_agree"]), (&0.into(), &true.into()), "{end}");
    assert_eq!(end["illegal_orders"], 0);
    let journal = PathBuf::from(end["journal"].as_str().unwrap());
    let report = evenkeel::ops::replay::file(&journal).unwrap();
    assert_eq!((report.difference, report.damage), (None, None));
    let account = rig.local.account;
    let exchange = rig.end();
    assert_eq!(exchange.open_orders(account).count(), 0);
    let held = exchange.position(account, SOL).qty;
    assert_eq!(end["markets"][0]["position"], held.to_string());
}

#[test]
fn a_paper_run_needs_no_key_and_sends_the_venue_nothing() {
    let rig = Rig::new("paper");
    let before = rig.local.server.with(|x| x.now()).unwrap();
    let mut child = rig.plain("paper").args(["--seconds", "12"]).spawn().unwrap();
    let told = || rig.local.server.stats().unwrap().messages_out;
    rig.wait(&mut child, "the market", || told() > 100);
    // A book that broke is asked for again, also the one that moves the mirror.
    assert!(rig.local.server.lighter_fault(LighterFault::Gap));
    let end = result(&child.wait_with_output().unwrap(), 0);
    let count = |name: &str| end["paper"][name].as_u64().unwrap();
    assert!(count("mirrored") > 2 * count("late_trades"), "the mirror stands still: {end}");
    assert_eq!((&end["ending"], &end["open_orders"]), (&"stopped".into(), &0.into()));
    assert_eq!((&end["illegal_orders"], &end["positions_agree"]), (&0.into(), &true.into()));
    assert!(end["orders_sent"].as_u64().unwrap() > 0, "{end}");
    assert!(end["paper"]["mirrored"].as_u64().unwrap() > 0, "{end}");
    assert_eq!(end["paper"]["fills"], end["markets"][0]["fills"]);
    let stats = rig.local.server.stats().unwrap();
    assert_eq!((stats.actions, stats.protocol_errors), (0, 0));
    let account = rig.local.account;
    // The opening was before.
    let fills = rig.end().fills(account).filter(|f| f.at > before).count();
    assert_eq!(fills, 0);
}

#[test]
fn a_live_run_trades_with_two_keys_and_stops_in_order() {
    let rig = Rig::new("live");
    let mut child = rig.live().spawn().unwrap();
    rig.wait_for_quotes(&mut child);
    rig.wait_for_hedge(&mut child);
    signal(&child, Signal::TERM);
    let end = result(&child.wait_with_output().unwrap(), 0);
    assert_eq!(end["ending"], "stopped");
    assert!(end["hedges"].as_u64().unwrap() > 0, "{end}");
    agrees(rig, &end);
}

#[test]
fn a_live_run_is_refused_before_its_first_transaction() {
    let rig = Rig::new("refused");
    let [quotes, hedges] = rig.keys();
    rig.refuses(rig.plain("live"), 2, "--account");
    let mut one = rig.plain("live");
    one.args(["--account", ACCOUNT, "--key-file"]).arg(&quotes);
    rig.refuses(one, 3, "no key");
    let mut small = rig.live();
    small.args(["--set", "market.SOL.maker.size_min=0.061"]);
    small.args(["--set", "market.SOL.maker.raise_to_minimum=false"]);
    rig.refuses(small, 1, "NOT PROVED, strict");
    let stranger = rig.key("stranger", &[9; 40]);
    rig.refuses(rig.with_keys(ACCOUNT, [&stranger, &hedges]), 3, "account 1, key 4: ");
    rig.refuses(rig.with_keys(ACCOUNT, [&quotes, &stranger]), 3, "account 1, key 5: ");
    // Each is a key of the account, under the other's number.
    rig.refuses(rig.with_keys(ACCOUNT, [&hedges, &quotes]), 3, "account 1, key 4: ");
    rig.refuses(rig.with_keys("1:4:6", [&quotes, &hedges]), 4, "api key not found");
    rig.end();
}

fn journal_of(folder: &Path) -> PathBuf {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.max_by_key(|path| path.extension().is_some_and(|e| e == "journal")).unwrap()
}

/// The position that a journal began with and its fills, raw 10^-8.
fn position_of(journal: &Path) -> i64 {
    let file = BufReader::new(std::fs::File::open(journal).unwrap());
    let (mut position, mut began) = (0, false);
    for record in Reader::new(file).unwrap().map_while(Result::ok) {
        let Record::Input(input) = record else { continue };
        match input.event {
            Event::Position { qty, .. } if !began => (position, began) = (qty.0, true),
            Event::Fill { side, qty, .. } => position += qty.0 * side.sign(),
            _ => {}
        }
    }
    position
}

/// Kills the run with 9, without time to say goodbye: its orders stay. Then runs again: nothing of the
/// first one stays, and the ledger is the venue's.
fn killed(rig: Rig, mut child: Child) {
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    assert!(rig.local.server.fault(ServerFault::Heal));
    let left = rig.open();
    let first = journal_of(&rig.folder);
    let replayed = evenkeel::ops::replay::file(&first).unwrap();
    assert_eq!(replayed.difference, None, "what was written is whole up to its end");
    std::fs::rename(&first, rig.folder.join("first")).unwrap();
    // What the venue has filled by now and nobody has seen, the second run adopts.
    let mut child = rig.live().spawn().unwrap();
    rig.wait(&mut child, "orders of its own alone", || {
        let open = rig.open();
        !open.is_empty() && open.iter().all(|oid| !left.contains(oid))
    });
    signal(&child, Signal::INT);
    let end = result(&child.wait_with_output().unwrap(), 0);
    let journal = PathBuf::from(end["journal"].as_str().unwrap());
    let account = rig.local.account;
    let held = rig.local.server.with(move |x| x.position(account, SOL).qty).unwrap();
    assert_eq!(position_of(&journal), held.0, "what it began with and its fills");
    agrees(rig, &end);
}

#[test]
fn a_run_that_is_killed_with_9_loses_no_fill_and_leaves_no_order() {
    let rig = Rig::new("nine");
    let mut child = rig.live().spawn().unwrap();
    rig.wait_for_hedge(&mut child);
    rig.wait_for_quotes(&mut child);
    killed(rig, child);
}

/// From here on the venue takes everything and says nothing on the account's connection.
fn withhold(rig: &Rig) {
    let late = Nanos::from_secs(86_400);
    assert!(rig.local.server.fault(ServerFault::Delay(Scope::Private, late)));
}

#[test]
fn killed_before_its_first_order_is_acknowledged() {
    let rig = Rig::new("nine-first");
    withhold(&rig);
    let mut child = rig.live().spawn().unwrap();
    rig.wait_for_quotes(&mut child);
    killed(rig, child);
}

#[test]
fn killed_at_shutdown() {
    let rig = Rig::new("nine-stop");
    let mut child = rig.live().spawn().unwrap();
    rig.wait_for_hedge(&mut child);
    rig.wait_for_quotes(&mut child);
    withhold(&rig);
    let actions = rig.local.server.stats().unwrap().actions;
    signal(&child, Signal::INT);
    let sent = || rig.local.server.stats().unwrap().actions > actions;
    rig.wait(&mut child, "a transaction of its stop", sent);
    killed(rig, child);
}
