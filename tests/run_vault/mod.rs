//! A run that trades a sub-account or a vault of its account: it is the other address that has the orders,
//! fills and leverage, and the account's own are not touched.

use super::*;
use evenkeel::event::Tif;
use evenkeel::sim::exchange::{Latency, Request, order};
use evenkeel::sim::server::{Scope, ServerFault};
use evenkeel::units::{Price, Qty};

/// Addresses without a key.
const SUB: [u8; 20] = [0x5b; 20];
const STRANGERS: [u8; 20] = [0x5c; 20];

fn text(address: [u8; 20]) -> String {
    let digits: String = address.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}")
}

/// A venue where the account has a sub-account, or leads a vault, and a stranger has one too. An order of
/// before rests for each.
struct Family {
    rig: Rig,
    sub: AccountId,
}

impl Family {
    fn new(name: &str, vault: bool) -> Family {
        let mut sub = None;
        let rig = Rig::with(name, |exchange, config| {
            let mut open = |address, master, agents| {
                let account = exchange.open_account(Notional::from_raw(10_000 * SCALE));
                config.accounts.push(AccountSpec { address, account, agents, master });
                account
            };
            sub = Some(open(SUB, Some(address(OWNER)), Vec::new()));
            open(address([8; 32]), None, vec![address([9; 32])]);
            open(STRANGERS, Some(address([8; 32])), Vec::new());
            if vault {
                config.vaults = vec![SUB, STRANGERS];
            }
        });
        let family = Family { rig, sub: sub.unwrap() };
        for account in [family.sub, family.rig.account] {
            family.rig.server.with(move |x| rest_low(x, account)).unwrap();
        }
        family
    }

    fn oids(&self, account: AccountId) -> Vec<u64> {
        let oids = move |x: &mut Exchange| x.open_orders(account).map(|o| o.oid).collect();
        self.rig.server.with(oids).unwrap()
    }

    fn wait(
        &self,
        child: &mut Child,
        why: &str,
        done: impl Fn(&mut Exchange) -> bool + Copy + Send + 'static,
    ) {
        for _ in 0..LOOKS {
            if self.rig.server.with(done).unwrap() {
                return;
            }
            assert!(child.try_wait().unwrap().is_none(), "{why}: it ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{why}");
    }

    fn run(&self, key: &Path) -> Command {
        let mut command = self.rig.live(key);
        command.args(["--vault", &text(SUB), "--set", "market.SOL.leverage=7"]);
        command
    }
}

/// A bid that nothing will meet.
fn rest_low(x: &mut Exchange, account: AccountId) {
    let latency = x.rules().latency;
    x.set_latency(Latency::Instant);
    let bid = x.bbo(InstId(0)).bid.unwrap();
    let px = Price(bid.px.0 / SCALE / 2 * SCALE);
    let now = x.now();
    let low = order(InstId(0), Side::Buy, px, Qty(SCALE), Tif::Gtc);
    x.submit(now, account, 0, &[Request::Place(low)]);
    x.advance(now);
    x.set_latency(latency);
    assert_eq!(x.open_orders(account).count(), 1);
}

#[test]
fn a_sub_account_is_traded_by_its_masters_agent() {
    let family = Family::new("sub", false);
    let (rig, sub, master) = (&family.rig, family.sub, family.rig.account);
    let (left, masters) = (family.oids(sub), family.oids(master));
    let mut child = family.run(&rig.key(AGENT, 0o600)).spawn().unwrap();
    let earlier = left[0];
    family.wait(&mut child, "it does not quote, or the earlier order stays", move |x| {
        let mut open = x.open_orders(sub).peekable();
        open.peek().is_some() && open.all(|o| o.oid != earlier)
    });
    family.wait(&mut child, "no fill", move |x| x.fills(sub).count() > 0);
    family.wait(&mut child, "no leverage", move |x| x.leverage(sub, InstId(0)) == 7);
    // Without a socket what rests is cancelled by requests, which are signed the same way.
    assert!(rig.server.fault(ServerFault::RefuseWebSockets));
    assert!(rig.server.fault(ServerFault::Drop(Scope::All)));
    family.wait(&mut child, "not cancelled by REST", move |x| x.open_orders(sub).count() == 0);
    assert!(rig.server.fault(ServerFault::Heal));
    family.wait(&mut child, "it does not quote again", move |x| x.open_orders(sub).count() > 0);
    signal(&child, Signal::INT);
    let end = result(&child.wait_with_output().unwrap(), 0);
    assert_eq!((&end["open_orders"], &end["positions_agree"]), (&0.into(), &true.into()), "{end}");
    assert_eq!(end["illegal_orders"], 0);
    assert_eq!(family.oids(master), masters, "the master's own order");
    let exchange = family.rig.end();
    assert_eq!(exchange.open_orders(sub).count(), 0);
    assert_eq!(end["markets"][0]["fills"], exchange.fills(sub).count());
    assert_eq!(exchange.fills(master).count(), 0);
    assert_ne!(exchange.leverage(master, InstId(0)), 7);
}

#[test]
fn a_vault_is_traded_by_its_leaders_agent() {
    let family = Family::new("vault", true);
    let sub = family.sub;
    let earlier = family.oids(sub)[0];
    let mut child = family.run(&family.rig.key(AGENT, 0o600)).spawn().unwrap();
    family.wait(&mut child, "it does not quote", move |x| {
        let mut open = x.open_orders(sub).peekable();
        open.peek().is_some() && open.all(|o| o.oid != earlier)
    });
    signal(&child, Signal::INT);
    let end = result(&child.wait_with_output().unwrap(), 0);
    assert_eq!((&end["open_orders"], &end["positions_agree"]), (&0.into(), &true.into()), "{end}");
    family.rig.end();
}

#[test]
fn what_is_not_the_accounts_is_refused_by_name() {
    for (vault, why) in [(false, "is a sub-account of"), (true, "leads the vault")] {
        let family = Family::new("not-ours", vault);
        let rig = &family.rig;
        let key = rig.key(AGENT, 0o600);
        let with = |vault: &str| {
            let mut command = rig.live(&key);
            command.args(["--vault", vault]);
            command
        };
        rig.refuses(with(&text(STRANGERS)), 3, why);
        rig.refuses(with(&text(STRANGERS)), 3, &address_text([8; 32]));
        rig.refuses(with(&text([1; 20])), 3, "is of role \"missing\"");
        rig.refuses(with(&address_text([8; 32])), 3, "is of role \"user\"");
        rig.refuses(with(&address_text(OWNER)), 2, "--account itself");
        rig.refuses(with("0x12"), 2, "--vault \"0x12\"");
        // The sub-account as the account: its agents are its master's.
        let mut as_account = rig.plain("live");
        as_account.args(["--account", &text(SUB), "--key-file"]).arg(&key);
        rig.refuses(as_account, 3, "--vault");
        // The account's own key may be allowed; what it trades must be its own all the same.
        let owner = rig.key(OWNER, 0o600);
        let mut own = rig.live(&owner);
        own.args(["--allow-owner-key", "--vault", &text(STRANGERS)]);
        rig.refuses(own, 3, why);
        let mut alone = rig.plain("paper");
        alone.args(["--vault", &text(SUB)]);
        rig.refuses(alone, 2, "--account");
        family.rig.end();
    }
}
