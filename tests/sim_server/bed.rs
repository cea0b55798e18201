//! A venue on loopback whose time stands still until a test moves it, and its clients.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use evenkeel::event::Tif;
use evenkeel::instrument::{GridSpec, InstId, Instrument, InstrumentSpec, Symbol, VenueId};
use evenkeel::net::http::HttpLimits;
use evenkeel::net::{Endpoint, NetError, http_post};
use evenkeel::sim::exchange::{AccountId, Exchange, Market, Rules, order};
use evenkeel::sim::server::verify::{
    Address, Envelope, action_hash, address_of, address_text, digest,
};
use evenkeel::sim::server::{AccountSpec, Json, ServerConfig, ServerHandle, start};
use evenkeel::units::{Bps, Nanos, Notional, Price, Qty, SCALE, Side};
use k256::ecdsa::SigningKey;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

/// The time at which every bed begins, ms.
pub const T0: u64 = 1_791_480_444_000;
pub const SOL: InstId = InstId(0);
pub const TSLA: InstId = InstId(1);
/// No wait in these tests is longer; reaching it is a failure.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A market in which nothing happens by itself.
struct Quiet;

impl Market for Quiet {
    fn next_at(&self) -> Option<Nanos> {
        None
    }

    fn step(&mut self, exchange: &mut Exchange, now: Nanos) {
        exchange.advance(now);
    }
}

/// A key for tests.
pub struct Key(SigningKey);

impl Key {
    pub fn new(byte: u8) -> Key {
        Key(SigningKey::from_bytes(&[byte; 32].into()).unwrap())
    }

    pub fn address(&self) -> Address {
        address_of(self.0.verifying_key()).unwrap()
    }

    pub fn text(&self) -> String {
        address_text(&self.address())
    }

    /// A body for `/exchange`, signed over the action exactly as it is given.
    pub fn sign(&self, action: &str, nonce: u64) -> String {
        self.sign_with(action, action, nonce, None, None)
    }

    /// Hashes `hashed`, sends `sent`.
    pub fn sign_with(
        &self,
        hashed: &str,
        sent: &str,
        nonce: u64,
        vault: Option<Address>,
        expires_after: Option<u64>,
    ) -> String {
        let envelope = Envelope { nonce, vault, expires_after, mainnet: true };
        let hash = action_hash(&Json::parse(hashed.as_bytes()).unwrap(), &envelope).unwrap();
        let signed = self.0.sign_prehash_recoverable(&digest(&hash, true));
        let bytes = signed.0.to_bytes();
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let vault = vault.map_or("null".to_owned(), |v| format!("\"{}\"", address_text(&v)));
        let expires = expires_after.map_or("null".to_owned(), |at| at.to_string());
        format!(
            "{{\"action\":{sent},\"nonce\":{nonce},\"signature\":{{\"r\":\"0x{}\",\"s\":\"0x{}\",\
             \"v\":{}}},\"vaultAddress\":{vault},\"expiresAfter\":{expires}}}",
            hex(&bytes[..32]),
            hex(&bytes[32..]),
            27 + signed.1.to_byte()
        )
    }
}

/// A running venue.
pub struct Bed {
    pub server: ServerHandle,
    pub clock: Arc<AtomicU64>,
    /// Owner of account 1 with the agent below, owner of sub-account 2.
    pub user: Key,
    pub agent: Key,
    /// Owner of account 3.
    pub other: Key,
    pub sub: Address,
    nonce: AtomicU64,
}

impl Bed {
    pub fn new() -> Bed {
        Bed::with(|_| {}, Rules::instant())
    }

    /// A bed with another configuration.
    pub fn with(configure: impl FnOnce(&mut ServerConfig), rules: Rules) -> Bed {
        let (user, agent, other) = (Key::new(1), Key::new(2), Key::new(3));
        let sub = [0x51; 20];
        let mut exchange = Exchange::new(vec![sol(), tsla()], rules);
        exchange.advance(Nanos::from_millis(T0));
        let cash = Notional::from_raw(100_000 * SCALE);
        let accounts: Vec<AccountId> = (0..3).map(|_| exchange.open_account(cash)).collect();
        let spec = |address, account, agents: &[Address], master| AccountSpec {
            address,
            account,
            agents: agents.to_vec(),
            master,
        };
        let mut config = ServerConfig::local();
        config.accounts = vec![
            spec(user.address(), accounts[0], &[agent.address()], None),
            spec(sub, accounts[1], &[], Some(user.address())),
            spec(other.address(), accounts[2], &[], None),
        ];
        configure(&mut config);
        let clock = Arc::new(AtomicU64::new(Nanos::from_millis(T0).0));
        let time = Arc::clone(&clock);
        let time = Box::new(move || Nanos(time.load(Ordering::SeqCst)));
        let server = start(config, exchange, Box::new(Quiet), time).unwrap();
        Bed { server, clock, user, agent, other, sub, nonce: AtomicU64::new(T0) }
    }

    /// Moves the venue's time.
    pub fn pass(&self, ms: u64) {
        self.clock.fetch_add(ms * 1_000_000, Ordering::SeqCst);
    }

    pub fn nonce(&self) -> u64 {
        self.nonce.fetch_add(1, Ordering::SeqCst)
    }

    /// An order of everybody else.
    pub fn crowd(&self, side: Side, px: &str, qty: &str, tif: Tif) {
        let px = Price::parse(px.as_bytes()).unwrap();
        let qty = Qty::parse(qty.as_bytes()).unwrap();
        self.server.with(move |x| x.crowd_place(order(SOL, side, px, qty, tif))).unwrap();
    }

    /// Two levels on each side of SOL.
    pub fn fill_book(&self) {
        for (side, px, qty) in [
            (Side::Buy, "106.55", "10"),
            (Side::Buy, "106.5", "20.5"),
            (Side::Sell, "106.56", "12.25"),
            (Side::Sell, "107", "30"),
        ] {
            self.crowd(side, px, qty, Tif::Gtc);
        }
    }

    pub fn http(&self, path: &str, body: &str) -> Result<String, NetError> {
        let to = Endpoint::parse(&format!("{}{path}", self.server.http_url())).unwrap();
        let limits = HttpLimits { total_ns: PATIENCE.as_nanos() as u64, ..HttpLimits::default() };
        let body = http_post(&to, body.as_bytes(), &limits, &|| 0)?;
        Ok(String::from_utf8(body).unwrap())
    }

    pub fn info(&self, body: &str) -> String {
        self.http("/info", body).unwrap()
    }

    /// Signs with the agent and sends over HTTP.
    pub fn act(&self, action: &str) -> String {
        self.http("/exchange", &self.agent.sign(action, self.nonce())).unwrap()
    }

    pub fn client(&self) -> Client {
        Client::connect(&self.server.ws_url())
    }
}

/// A blocking client that is not ours.
pub struct Client(WebSocket<MaybeTlsStream<TcpStream>>);

impl Client {
    pub fn connect(url: &str) -> Client {
        let (ws, _) = tungstenite::connect(url).unwrap();
        if let MaybeTlsStream::Plain(stream) = ws.get_ref() {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        Client(ws)
    }

    pub fn send(&mut self, text: &str) {
        assert!(self.try_send(text), "the server is gone");
    }

    /// `false` when the server is gone.
    pub fn try_send(&mut self, text: &str) -> bool {
        self.0.send(Message::text(text)).is_ok()
    }

    pub fn try_recv(&mut self) -> Result<String, tungstenite::Error> {
        loop {
            if let Message::Text(text) = self.0.read()? {
                return Ok(text.as_str().to_owned());
            }
        }
    }

    /// The next text.
    pub fn recv(&mut self) -> String {
        self.try_recv().unwrap()
    }

    /// The next text of a channel; others are skipped.
    pub fn channel(&mut self, name: &str) -> String {
        let prefix = format!("{{\"channel\":\"{name}\"");
        for _ in 0..1000 {
            let text = self.recv();
            if text.starts_with(&prefix) {
                return text;
            }
        }
        panic!("no {name} in 1000 messages")
    }

    pub fn subscribe(&mut self, sub: &str) {
        self.send(&format!("{{\"method\":\"subscribe\",\"subscription\":{sub}}}"));
    }

    /// Posts a signed body and returns the payload of its answer.
    pub fn post(&mut self, id: u64, body: &str) -> String {
        let request = format!("{{\"type\":\"action\",\"payload\":{body}}}");
        self.send(&format!("{{\"method\":\"post\",\"id\":{id},\"request\":{request}}}"));
        let text = self.channel("post");
        let head = format!(
            "{{\"channel\":\"post\",\"data\":{{\"id\":{id},\"response\":{{\"type\":\"action\",\"payload\":"
        );
        text.strip_prefix(&head).expect(&text).strip_suffix("}}}").unwrap().to_owned()
    }

    /// Until a `pong`: everything sent before it is here.
    pub fn settle(&mut self) -> Vec<String> {
        self.send("{\"method\":\"ping\"}");
        let mut texts = Vec::new();
        loop {
            let text = self.recv();
            if text == "{\"channel\":\"pong\"}" {
                return texts;
            }
            texts.push(text);
        }
    }
}

fn instrument(id: InstId, name: &str, asset: u32, lot: i64) -> Instrument {
    let spec = InstrumentSpec {
        venue: VenueId::Hyperliquid,
        symbol: Symbol::new(name).unwrap(),
        asset,
        grid: GridSpec::SigFigs { figures: 5, max_decimals: 4 },
        lot: Qty(lot),
        min_size: Qty::ZERO,
        min_notional: Notional::from_raw(10 * SCALE),
        maker_fee: Bps(15_000),
        taker_fee: Bps(45_000),
    };
    Instrument::new(id, spec).unwrap()
}

fn sol() -> Instrument {
    instrument(SOL, "SOL", 5, SCALE / 100)
}

fn tsla() -> Instrument {
    instrument(TSLA, "xyz:TSLA", 110_001, SCALE / 1000)
}

/// The action of one limit order on SOL.
pub fn limit(buy: bool, px: &str, sz: &str, tif: &str) -> String {
    format!(
        "{{\"type\":\"order\",\"orders\":[{{\"a\":5,\"b\":{buy},\"p\":\"{px}\",\"s\":\"{sz}\",\
         \"r\":false,\"t\":{{\"limit\":{{\"tif\":\"{tif}\"}}}}}}],\"grouping\":\"na\"}}"
    )
}
