//! A run that is killed with 9 at a point of its life that its journal names: before its first order is
//! acknowledged, with a cancel or a hedge in flight, at its end. The venue withholds its answers, so
//! that the point lasts until it is seen.

use super::*;
use evenkeel::event::{Action, Command as Asked, OrderId, Tif};
use evenkeel::sim::exchange::{Latency, Request, order};
use evenkeel::sim::server::{Scope, ServerFault};
use evenkeel::units::{Nanos, Price, Qty};

/// What a journal says as far as it was written; nothing before there is one.
pub fn said(folder: &Path) -> Vec<Record> {
    let path = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let path = path.filter(|path| path.extension().is_some_and(|e| e == "journal")).max();
    let Some(Ok(file)) = path.map(std::fs::File::open) else { return Vec::new() };
    let Ok(reader) = Reader::new(BufReader::new(file)) else { return Vec::new() };
    reader.map_while(Result::ok).collect()
}

pub fn placed(records: &[Record], by: Component) -> bool {
    let is = |r: &Record| matches!(r, Record::Action(Action::Place { component, .. }) if *component == by);
    records.iter().any(is)
}

/// A cancel that was sent after the event that `since` picks.
fn cancelled_since(records: &[Record], since: impl Fn(&Event) -> bool) -> bool {
    let is = |r: &Record| matches!(r, Record::Input(input) if since(&input.event));
    let from = records.iter().position(is).unwrap_or(records.len());
    records[from..].iter().any(|r| matches!(r, Record::Action(Action::Cancel { .. })))
}

impl Rig {
    /// From here on the venue takes everything and says nothing on the account's connection.
    fn withhold(&self) {
        let late = Nanos::from_secs(86_400);
        assert!(self.server.fault(ServerFault::Delay(Scope::Private, late)));
    }

    /// Kills the run with 9 once its journal says that it stands at the point, and then runs again:
    /// nothing of the first one stays, and the ledger agrees with the venue.
    fn killed_at(self, mut child: Child, point: impl Fn(&[Record]) -> bool) {
        for look in 0.. {
            if point(&said(&self.folder)) {
                break;
            }
            assert!(child.try_wait().unwrap().is_none(), "it ended");
            assert!(look < LOOKS, "it never came to the point");
            std::thread::sleep(Duration::from_millis(10));
        }
        signal(&child, Signal::KILL);
        child.wait().unwrap();
        assert!(self.server.fault(ServerFault::Heal));
        let first = journal_of(&self.folder);
        let replayed = evenkeel::ops::replay::file(&first).unwrap();
        assert_eq!(replayed.difference, None, "what was written is whole up to its end");
        std::fs::rename(&first, self.folder.join("first")).unwrap();
        let account = self.account;
        // Orders have ascending numbers at the venue.
        let newest =
            move |x: &mut Exchange| x.open_orders(account).map(|o| o.oid).max().unwrap_or(0);
        let newest = self.server.with(newest).unwrap();
        let mut child = self.live(&self.key(AGENT, 0o600)).spawn().unwrap();
        for look in 0.. {
            let only_its_own = self.server.with(move |x| {
                let mut open = x.open_orders(account).peekable();
                open.peek().is_some() && open.all(|o| o.oid > newest)
            });
            // What the first one had sent may land late, and is not the second one's.
            if only_its_own.unwrap() && placed(&said(&self.folder), Component::Maker) {
                break;
            }
            assert!(child.try_wait().unwrap().is_none(), "it ended");
            assert!(
                look < LOOKS,
                "the earlier run's orders stay, or the second one does not quote"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        signal(&child, Signal::INT);
        let end = result(&child.wait_with_output().unwrap(), 0);
        assert_eq!((&end["open_orders"], &end["positions_agree"]), (&0.into(), &true.into()));
        let exchange = self.end();
        assert_eq!(exchange.open_orders(account).count(), 0);
        let held = exchange.position(account, InstId(0)).qty;
        assert_eq!(end["markets"][0]["position"], held.to_string());
    }
}

#[test]
fn killed_before_its_first_order_is_acknowledged() {
    let rig = Rig::new("nine-first");
    rig.withhold();
    let mut child = rig.live(&rig.key(AGENT, 0o600)).spawn().unwrap();
    rig.wait_for_orders(&mut child);
    rig.killed_at(child, |records| {
        let acked =
            |r: &Record| matches!(r, Record::Input(i) if matches!(i.event, Event::Ack { .. }));
        assert!(!records.iter().any(acked), "nothing was told");
        placed(records, Component::Maker)
    });
}

#[test]
fn killed_with_a_cancel_in_flight() {
    let rig = Rig::new("nine-cancel");
    let mut child = rig.live(&rig.key(AGENT, 0o600)).spawn().unwrap();
    rig.wait_for_orders(&mut child);
    // What it does not know to rest it has no reason to cancel.
    let acked = |r: &Record| matches!(r, Record::Input(i) if matches!(i.event, Event::Ack { .. }));
    for look in 0.. {
        if said(&rig.folder).iter().any(acked) {
            break;
        }
        assert!(look < LOOKS, "nothing was acknowledged");
        std::thread::sleep(Duration::from_millis(10));
    }
    // A cancel whose order has not been told as gone.
    let in_flight = |records: &[Record]| {
        let mut cancelled = records.iter().filter_map(|r| match r {
            Record::Action(Action::Cancel { order, .. }) => Some(*order),
            _ => None,
        });
        let told = |id: OrderId| {
            let is = |r: &Record| match r {
                Record::Input(input) => match input.event {
                    Event::Canceled { order, .. } | Event::CancelReject { order, .. } => {
                        order == id
                    }
                    _ => false,
                },
                _ => false,
            };
            records.iter().any(is)
        };
        cancelled.next_back().is_some_and(|order| !told(order))
    };
    // An engine whose every order waits for an answer sends no cancel: it is heard again, then not.
    for look in 0.. {
        if look % 300 == 0 {
            assert!(rig.server.fault(ServerFault::Heal));
            rig.withhold();
        }
        if in_flight(&said(&rig.folder)) {
            break;
        }
        assert!(look < LOOKS, "no cancel in flight");
        std::thread::sleep(Duration::from_millis(10));
    }
    rig.killed_at(child, in_flight);
}

#[test]
fn killed_with_a_hedge_in_flight() {
    let rig = Rig::new("nine-hedge");
    // What is held from before is above the hedger's trigger of 0.35.
    let account = rig.account;
    rig.server
        .with(move |x| {
            let latency = x.rules().latency;
            x.set_latency(Latency::Instant);
            let ask = x.bbo(InstId(0)).ask.unwrap();
            let px = Price(ask.px.0 + SCALE);
            let qty = Qty(SCALE * 9 / 10);
            let now = x.now();
            let buy = order(InstId(0), Side::Buy, px, qty, Tif::Ioc);
            x.submit(now, account, 0, &[Request::Place(buy)]);
            x.advance(now);
            x.set_latency(latency);
            assert_eq!(x.position(account, InstId(0)).qty, qty);
        })
        .unwrap();
    rig.withhold();
    let child = rig.live(&rig.key(AGENT, 0o600)).spawn().unwrap();
    rig.killed_at(child, |records| placed(records, Component::Hedger));
}

#[test]
fn killed_at_shutdown() {
    let rig = Rig::new("nine-stop");
    let mut child = rig.live(&rig.key(AGENT, 0o600)).spawn().unwrap();
    rig.wait_for_orders(&mut child);
    rig.withhold();
    signal(&child, Signal::INT);
    let stopped = |e: &Event| *e == Event::Command { command: Asked::Stop };
    rig.killed_at(child, move |records| cancelled_since(records, stopped));
}
