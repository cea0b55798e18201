//! Cold. The protocol without a socket: requests in, messages out, the exchange in between.
//!
//! [`Hub`] takes the texts and bodies of connections by number and leaves what is to be sent in
//! [`Hub::out`]. Its caller owns the sockets and the time.
//!
//! Not modelled: a `noop` does not stop an action that is still on its way (it uses up its nonce
//! and is answered at once); the ten scheduled cancels a day are not counted.

use std::collections::BTreeMap;

use super::actions::{Action, Unread};
use super::dialect::Out;
use super::directory::Directory;
use super::info::{self, Info};
use super::json::{Json, quoted};
use super::l2::Told;
use super::rate::{Requests, Window};
use super::subs::Sub;
use super::tape::Tape;
use super::verify::{self, Address, Envelope, NonceError, Nonces, address_text, parse_address};
use super::wire::{self, Paid, Session};
use super::{PeerId, ServerConfig, ServerStats};
use crate::instrument::InstId;
use crate::sim::exchange::{AccountId, Exchange, Market, Notice, Outcome, Reject, RejectKind};
use crate::units::{Nanos, SCALE};

/// An answer that has not come by then never will: a fault has swallowed it.
const LOST_AFTER: Nanos = Nanos::from_secs(60);

/// Funding payments that are remembered.
const PAID_KEPT: usize = 2000;

/// How the sender of an action waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Post(u64),
    Http,
}

/// An action whose outcomes are not complete.
#[derive(Debug)]
struct Pending {
    peer: PeerId,
    reply: Reply,
    action: Action,
    outcomes: Vec<Outcome>,
    since: Nanos,
}

/// The signed request of `/exchange`.
struct Signed {
    /// In the venue's form.
    action: Json,
    signature: Json,
    envelope: Envelope,
}

/// See the module's head.
pub struct Hub {
    pub exchange: Exchange,
    pub out: Vec<(PeerId, Out)>,
    pub stats: ServerStats,
    pub(super) market: Box<dyn Market + Send>,
    pub(super) directory: Directory,
    pub(super) config: ServerConfig,
    pub(super) subs: BTreeMap<PeerId, Vec<Sub>>,
    pub(super) sessions: Vec<Session>,
    pub(super) now: Nanos,
    pub(super) tape: Tape,
    /// What subscribers of `l2` were last told.
    pub(super) l2: BTreeMap<(PeerId, InstId), Told>,
    /// The newest funding payments of all accounts.
    pub(super) paid: Vec<Paid>,
    nonces: BTreeMap<Address, Nonces>,
    requests: BTreeMap<AccountId, Requests>,
    weight: Window,
    messages: Window,
    pending: BTreeMap<u64, Pending>,
    next_request: u64,
}

impl Hub {
    pub fn new(
        exchange: Exchange,
        market: Box<dyn Market + Send>,
        directory: Directory,
        config: ServerConfig,
    ) -> Hub {
        let sessions = vec![Session::default(); directory.coins().len()];
        let now = exchange.now();
        let tape = Tape::new(now, &config.cadence);
        Hub {
            exchange,
            out: Vec::new(),
            stats: ServerStats::default(),
            market,
            directory,
            config,
            subs: BTreeMap::new(),
            sessions,
            now,
            tape,
            l2: BTreeMap::new(),
            paid: Vec::new(),
            nonces: BTreeMap::new(),
            requests: BTreeMap::new(),
            weight: Window::default(),
            messages: Window::default(),
            pending: BTreeMap::new(),
            next_request: 0,
        }
    }

    /// A connection ended.
    pub fn gone(&mut self, peer: PeerId) {
        self.subs.remove(&peer);
        self.l2.retain(|(of, _), _| *of != peer);
        self.pending.retain(|_, pending| pending.peer != peer);
    }

    /// The connection has asked for something of an account.
    pub fn is_private(&self, peer: PeerId) -> bool {
        self.subs.get(&peer).is_some_and(|subs| subs.iter().any(Sub::is_private))
    }

    /// Lets the market and the exchange reach `now` and tells everybody.
    pub fn step(&mut self, now: Nanos) {
        self.now = self.now.max(now);
        self.market.step(&mut self.exchange, self.now);
        self.exchange.advance(self.now);
        while let Some((_, notice)) = self.exchange.poll(self.now) {
            self.notice(notice);
        }
        self.publish();
        let lost = |p: &Pending| self.now.since(p.since) > LOST_AFTER;
        let out = &mut self.out;
        self.pending.retain(|_, pending| {
            if lost(pending) && pending.reply == Reply::Http {
                out.push((pending.peer, Out::Close));
            }
            !lost(pending)
        });
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Response { request, last, outcome, .. } => {
                let Some(pending) = self.pending.get_mut(&request) else { return };
                pending.outcomes.push(outcome);
                if last && let Some(pending) = self.pending.remove(&request) {
                    let text = pending.action.answer(&pending.outcomes);
                    self.answer(pending.peer, pending.reply, text);
                }
            }
            Notice::Fill(fill) => {
                let volume = crate::units::Notional::of(fill.px, fill.qty).0;
                self.requests.entry(fill.account).or_default().volume.0 += volume;
                self.tape.fills.push(fill);
            }
            Notice::Order(view) => self.tape.orders.push(view),
            Notice::Trade(trade) => self.tape.trades.push(trade),
            Notice::Bbo { inst, bbo, at } => self.tape.bbos.push((inst, bbo, at)),
            Notice::Funding { account, inst, amount, rate, at } => {
                self.sessions[usize::from(inst.0)].funding_rate = rate.0;
                let position = self.exchange.position(account, inst).qty;
                let paid = Paid { account, inst, amount, position, rate: rate.0, at };
                self.tape.funding.push(paid);
                if self.paid.len() == PAID_KEPT {
                    self.paid.remove(0);
                }
                self.paid.push(paid);
            }
            // Books are sent at the pace of the configuration.
            Notice::Book { .. } => {}
        }
    }

    pub(super) fn send(&mut self, peer: PeerId, text: String) {
        self.out.push((peer, Out::Text(text)));
    }

    fn error(&mut self, peer: PeerId, what: &str, about: &str) {
        let text = wire::channel("error", &quoted(&format!("{what}: {about}")));
        self.send(peer, text);
    }

    fn unreadable(&mut self, peer: PeerId, text: &str) {
        self.error(peer, "Error parsing JSON into valid websocket request", text);
    }

    /// A text of a WebSocket connection.
    pub fn on_text(&mut self, peer: PeerId, text: &str) {
        self.stats.messages_in += 1;
        if !self.messages.take(1, self.config.rates.messages_per_min, self.now) {
            // What the venue answers here has not been seen; it is documented to limit.
            self.out.push((peer, Out::Close));
            return;
        }
        let handled = Json::parse(text.as_bytes()).and_then(|json| self.request(peer, &json));
        if handled.is_none() {
            self.unreadable(peer, text);
        }
    }

    /// `None` when it is not a request.
    fn request(&mut self, peer: PeerId, json: &Json) -> Option<()> {
        match json.get("method")?.str()? {
            "ping" => self.send(peer, "{\"channel\":\"pong\"}".to_owned()),
            "subscribe" => {
                let sub = Sub::parse(json.get("subscription")?, &self.directory)?;
                if !self.offers(&sub) {
                    return None;
                }
                self.subscribe(peer, sub);
            }
            "unsubscribe" => {
                let sub = Sub::parse(json.get("subscription")?, &self.directory)?;
                self.unsubscribe(peer, sub);
            }
            "post" => {
                let id = json.get("id")?.uint()?;
                let request = json.get("request")?;
                let payload = request.get("payload")?;
                match request.get("type")?.str()? {
                    "info" => self.post_info(peer, id, payload)?,
                    "action" => self.post_action(peer, id, payload)?,
                    _ => return None,
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn subscribe(&mut self, peer: PeerId, sub: Sub) {
        let text = sub.text(&self.directory);
        let subs = self.subs.entry(peer).or_default();
        if subs.contains(&sub) {
            return self.error(peer, "Already subscribed", &text);
        }
        if subs.len() >= self.config.rates.subscriptions {
            return self.error(peer, "Cannot track more subscriptions", &text);
        }
        subs.push(sub);
        self.acknowledge(peer, "subscribe", &text);
        self.first(peer, sub);
    }

    fn unsubscribe(&mut self, peer: PeerId, sub: Sub) {
        let text = sub.text(&self.directory);
        let subs = self.subs.entry(peer).or_default();
        match subs.iter().position(|s| *s == sub) {
            None => self.error(peer, "Already unsubscribed", &text),
            Some(at) => {
                subs.remove(at);
                self.acknowledge(peer, "unsubscribe", &text);
            }
        }
    }

    fn acknowledge(&mut self, peer: PeerId, method: &str, sub: &str) {
        let data = format!("{{\"method\":\"{method}\",\"subscription\":{sub}}}");
        self.send(peer, wire::channel("subscriptionResponse", &data));
    }

    fn post_info(&mut self, peer: PeerId, id: u64, payload: &Json) -> Option<()> {
        let kind = payload.get("type")?.str()?;
        let data = self.info(payload)?;
        let body = format!("{{\"type\":\"{kind}\",\"data\":{data}}}");
        self.post(peer, id, "info", &body);
        Some(())
    }

    fn post_action(&mut self, peer: PeerId, id: u64, payload: &Json) -> Option<()> {
        let waiting = self.pending.values().filter(|p| p.peer == peer).count();
        if waiting >= self.config.rates.posts_in_flight {
            self.post(peer, id, "error", "\"429 Too Many Requests\"");
            return Some(());
        }
        self.act(peer, Reply::Post(id), payload)
    }

    fn post(&mut self, peer: PeerId, id: u64, kind: &str, payload: &str) {
        let data =
            format!("{{\"id\":{id},\"response\":{{\"type\":\"{kind}\",\"payload\":{payload}}}}}");
        self.send(peer, wire::channel("post", &data));
    }

    fn answer(&mut self, peer: PeerId, reply: Reply, text: String) {
        match reply {
            Reply::Post(id) => self.post(peer, id, "action", &text),
            Reply::Http => self.out.push((peer, Out::Http(200, text))),
        }
    }

    fn info(&self, request: &Json) -> Option<String> {
        let budget = |account: AccountId| {
            let requests = self.requests.get(&account).copied().unwrap_or_default();
            requests.budget(&self.config.rates)
        };
        self.with_info(&budget, |info| info.answer(request))
    }

    pub(super) fn with_info<T>(
        &self,
        budget: &dyn Fn(AccountId) -> info::Budget,
        ask: impl FnOnce(&Info<'_>) -> T,
    ) -> T {
        ask(&Info {
            exchange: &self.exchange,
            directory: &self.directory,
            sessions: &self.sessions,
            paid: &self.paid,
            budget,
            now: self.now,
        })
    }

    /// The body of a `POST`. The answer may come at once or with a later [`Hub::step`].
    pub fn on_http(&mut self, peer: PeerId, path: &str, body: &[u8]) {
        self.stats.http_requests += 1;
        let json = Json::parse(body);
        let weight = match path {
            "/info" => json.as_ref().and_then(|j| j.get("type")?.str()).map_or(20, info::weight),
            "/exchange" => 1 + json.as_ref().map_or(0, batch_len) / 40,
            _ => return self.out.push((peer, Out::Http(404, String::new()))),
        };
        if !self.weight.take(weight, self.config.rates.weight_per_min, self.now) {
            return self.out.push((peer, Out::Http(429, "null".to_owned())));
        }
        let done = json.and_then(|json| {
            if path == "/exchange" {
                return self.act(peer, Reply::Http, &json);
            }
            let answer = self.info(&json)?;
            self.out.push((peer, Out::Http(200, answer)));
            Some(())
        });
        if done.is_none() {
            let text = "Failed to deserialize the JSON body into the target type";
            self.out.push((peer, Out::Http(422, text.to_owned())));
        }
    }

    /// Checks and sends a signed action. `None` when it is not of the documented form.
    fn act(&mut self, peer: PeerId, reply: Reply, body: &Json) -> Option<()> {
        let signed = read_signed(body, self.config.mainnet)?;
        let action = match Action::parse(&signed.action, &self.directory, self.now) {
            Err(Unread::Form) => return None,
            Ok(action) => Ok(action),
            Err(Unread::Text(text)) => Err(text),
        };
        self.stats.actions += 1;
        let admitted = self.admit(&signed).and_then(|account| Ok((account, action?)));
        let spent = admitted.and_then(|(account, action)| {
            self.spend(account, &signed.action, &action)?;
            Ok((account, action))
        });
        let (account, action) = match spent {
            Ok(taken) => taken,
            Err(text) => {
                self.stats.actions_refused += 1;
                self.answer(peer, reply, wire::err(&text));
                return Some(());
            }
        };
        let requests = action.requests();
        if requests.is_empty() {
            let text = action.answer(&[]);
            self.answer(peer, reply, text);
            return Some(());
        }
        self.next_request += 1;
        let request = self.next_request;
        let pending = Pending { peer, reply, action, outcomes: Vec::new(), since: self.now };
        self.pending.insert(request, pending);
        self.exchange.submit(self.now, account, request, &requests);
        Some(())
    }

    /// Whose action it is, by its signature; takes its nonce.
    fn admit(&mut self, signed: &Signed) -> Result<AccountId, String> {
        let Signed { action, signature, envelope } = signed;
        let hash = verify::action_hash(action, envelope);
        let digest = hash.map(|hash| verify::digest(&hash, envelope.mainnet));
        let signer = digest.and_then(|digest| verify::recover(&digest, signature));
        // The venue's text for a signature without a signer has not been seen: this one is ours.
        let signer = signer.ok_or("Unable to recover signer.")?;
        let account = self.directory.acts_for(&signer, envelope.vault.as_ref());
        let Some(account) = account.map(|a| a.account) else {
            self.stats.unknown_signers += 1;
            let address = address_text(&signer);
            return Err(format!("User or API Wallet {address} does not exist."));
        };
        let nonce = envelope.nonce;
        let now_ms = wire::ms(self.now);
        self.nonces.entry(signer).or_default().take(nonce, now_ms).map_err(
            |error| match error {
                NonceError::Duplicate => format!("Invalid nonce: duplicate nonce {nonce}"),
                // Both rules are documented, their texts have not been seen: these are ours.
                NonceError::TooOld => format!("Invalid nonce: nonce {nonce} is too old"),
                NonceError::OutsideWindow => {
                    format!("Invalid nonce: nonce {nonce} is out of range")
                }
            },
        )?;
        if envelope.expires_after.is_some_and(|expires| expires < now_ms) {
            // A stale action costs five times as much.
            let rates = self.config.rates;
            self.requests.entry(account).or_default().take(5, false, &rates, self.now)?;
            return Err(Reject { kind: RejectKind::Expired, asset: 0 }.to_string());
        }
        Ok(account)
    }

    /// Takes the action from the account's requests, and asks for the volume that a dead-man
    /// switch needs.
    fn spend(&mut self, account: AccountId, json: &Json, action: &Action) -> Result<(), String> {
        let entry = self.requests.entry(account).or_default();
        let n = action.slots.len().max(1) as u64;
        entry.take(n, action.cancels, &self.config.rates, self.now)?;
        let needed = self.config.schedule_cancel_volume;
        let scheduled = json.get("type").and_then(Json::str) == Some("scheduleCancel");
        if scheduled && entry.volume < needed {
            return Err(format!(
                "Cannot set scheduled cancel time until enough volume traded. \
                 Required: ${}. Traded: ${}.",
                needed.to_raw() / SCALE,
                entry.volume.to_raw() / SCALE
            ));
        }
        Ok(())
    }
}

/// The number of entries of an action, for its weight.
fn batch_len(body: &Json) -> u32 {
    let Some(action) = body.get("action") else { return 0 };
    let lists = ["orders", "cancels", "modifies"].iter();
    let len = lists.filter_map(|key| action.get(key)?.arr()).map(<[Json]>::len).max();
    u32::try_from(len.unwrap_or(1)).unwrap_or(u32::MAX)
}

fn read_signed(body: &Json, mainnet: bool) -> Option<Signed> {
    let vault = match body.given("vaultAddress") {
        None => None,
        Some(text) => Some(parse_address(text.str()?)?),
    };
    let expires_after = match body.given("expiresAfter") {
        None => None,
        Some(ms) => Some(ms.uint()?),
    };
    let nonce = body.get("nonce")?.uint()?;
    Some(Signed {
        action: verify::canonical(body.get("action")?),
        signature: body.get("signature")?.clone(),
        envelope: Envelope { nonce, vault, expires_after, mainnet },
    })
}
