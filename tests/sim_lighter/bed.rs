//! A venue on loopback whose time stands still until a test moves it, and its clients.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use evenkeel::event::Tif;
use evenkeel::instrument::{InstId, Symbol};
use evenkeel::net::http::{Call, HttpLimits, http_call};
use evenkeel::net::{Endpoint, NetError};
use evenkeel::sim::exchange::{Exchange, Market, order};
use evenkeel::sim::server::ServerHandle;
use evenkeel::sim::server::lighter::crypto::{PublicKey, test_key};
use evenkeel::sim::server::lighter::{
    ApiKey, LighterAccount, LighterConfig, Tier, perp, rules, start_lighter,
};
use evenkeel::units::{Nanos, Notional, Price, Qty, SCALE, Side};
use evenkeel::venue::lighter::crypto::pool::PooledSigner;
use evenkeel::venue::lighter::crypto::schnorr::Signer;
use evenkeel::venue::lighter::token::auth_token;
use evenkeel::venue::lighter::tx::{Attributes, Header, Order, OrderKind, Sender, TimeInForce, Tx};
use serde_json::{Value, json};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

/// The time at which every bed begins, ms.
pub const T0: u64 = 1_791_480_444_000;
pub const SOL: InstId = InstId(0);
pub const ETH: InstId = InstId(1);
/// The venue's numbers of the two.
pub const SOL_ID: u32 = 2;
pub const ETH_ID: u32 = 0;
/// The account that tests trade with, and the other one.
pub const US: u64 = 12;
pub const OTHER: u64 = 13;
pub const QUOTES: u8 = 4;
pub const HEDGES: u8 = 5;
const SEED: u64 = 1;
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

pub fn signer(account: u64, key: u8) -> PooledSigner {
    let private = test_key(SEED, account, key).to_bytes();
    PooledSigner::unpooled(Signer::new(private).unwrap())
}

/// A running venue.
pub struct Bed {
    pub server: ServerHandle,
    pub clock: Arc<AtomicU64>,
}

impl Bed {
    pub fn new() -> Bed {
        Bed::with(Tier::PREMIUM, |_| {})
    }

    pub fn with(tier: Tier, configure: impl FnOnce(&mut LighterConfig)) -> Bed {
        let market = |inst, name, id, decimals, min_base| {
            let minimums = (Qty(min_base), Notional::from_raw(10 * SCALE));
            perp(inst, Symbol::new(name).unwrap(), id, decimals, minimums, tier).unwrap()
        };
        let sol = market(SOL, "SOL", SOL_ID, (3, 3), SCALE / 1000 * 55);
        let eth = market(ETH, "ETH", ETH_ID, (2, 4), SCALE / 500);
        let mut exchange = Exchange::new(vec![sol, eth], rules(1));
        exchange.advance(Nanos::from_millis(T0));
        let mut config = LighterConfig::local();
        config.ping_every = None;
        for (index, address) in [(US, [1; 20]), (OTHER, [2; 20])] {
            let account = exchange.open_account(Notional::from_raw(100_000 * SCALE));
            let keys = [QUOTES, HEDGES].map(|key| {
                let public = PublicKey::of(&test_key(SEED, index, key));
                ApiKey { index: key, public }
            });
            let keys = keys.to_vec();
            config.accounts.push(LighterAccount {
                index,
                account,
                l1_address: address,
                keys,
                tier,
            });
        }
        configure(&mut config);
        let clock = Arc::new(AtomicU64::new(Nanos::from_millis(T0).0));
        let time = Arc::clone(&clock);
        let time = Box::new(move || Nanos(time.load(Ordering::SeqCst)));
        let server = start_lighter(config, exchange, Box::new(Quiet), time).unwrap();
        Bed { server, clock }
    }

    /// Moves the venue's time.
    pub fn pass(&self, ms: u64) {
        self.clock.fetch_add(ms * 1_000_000, Ordering::SeqCst);
    }

    pub fn now_ms(&self) -> u64 {
        self.clock.load(Ordering::SeqCst) / 1_000_000
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
        self.pass(50);
    }

    /// A transaction of our account, signed by one of its keys, as its number and its JSON.
    pub fn sign(&self, key: u8, nonce: u64, tx: &Tx<'_>) -> (u8, Value) {
        self.sign_with(key, nonce, Attributes::default(), tx)
    }

    pub fn sign_with(
        &self,
        key: u8,
        nonce: u64,
        attributes: Attributes,
        tx: &Tx<'_>,
    ) -> (u8, Value) {
        let sender = Sender { chain_id: 304, account: US, api_key: key };
        let header = Header { nonce, expires_ms: self.now_ms() + 60_000, attributes };
        signed(&sender, &header, tx, &mut signer(US, key))
    }

    pub fn token(&self, account: u64) -> String {
        let now_s = self.now_ms() / 1000;
        auth_token(&mut signer(account, QUOTES), (account, QUOTES), now_s + 600, now_s).unwrap()
    }

    fn call(&self, path: &str, call: &Call<'_>) -> Result<Value, NetError> {
        let to = Endpoint::parse(&format!("{}/api/v1/{path}", self.server.http_url())).unwrap();
        let limits = HttpLimits { total_ns: PATIENCE.as_nanos() as u64, ..HttpLimits::default() };
        let body = http_call(&to, call, &limits, &|| 0)?;
        Ok(serde_json::from_slice(&body).unwrap())
    }

    pub fn get(&self, path: &str, token: Option<&str>) -> Result<Value, NetError> {
        let headers: Vec<(&str, &str)> = token.iter().map(|t| ("Authorization", *t)).collect();
        self.call(path, &Call { method: "GET", headers: &headers, body: b"" })
    }

    /// A form.
    pub fn post(&self, path: &str, body: &str) -> Result<Value, NetError> {
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        self.call(path, &Call { method: "POST", headers: &headers, body: body.as_bytes() })
    }

    pub fn next_nonce(&self, key: u8) -> u64 {
        let path = format!("nextNonce?account_index={US}&api_key_index={key}");
        self.get(&path, None).unwrap()["nonce"].as_u64().unwrap()
    }

    /// Of our account: client index, status, price and size left.
    pub fn active(&self) -> Vec<(u64, String, String)> {
        let path = format!("accountActiveOrders?account_index={US}&market_id=255");
        let answer = self.get(&path, Some(&self.token(US))).unwrap();
        let rows = answer["orders"].as_array().unwrap();
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        let row = |row: &Value| {
            let client = row["client_order_index"].as_u64().unwrap();
            (client, text(row, "price"), text(row, "remaining_base_amount"))
        };
        let mut rows: Vec<_> = rows.iter().map(row).collect();
        rows.sort();
        rows
    }

    pub fn client(&self) -> Client {
        let mut client = Client::connect(&self.server.ws_url());
        assert_eq!(client.recv()["type"], "connected");
        client
    }

    /// A client that hears of our orders.
    pub fn trader(&self) -> Client {
        let mut client = self.client();
        client.subscribe(&format!("account_all_orders/{US}"), Some(&self.token(US)));
        client.until("subscribed/account_all_orders");
        client
    }
}

pub fn signed(
    sender: &Sender,
    header: &Header,
    tx: &Tx<'_>,
    signer: &mut PooledSigner,
) -> (u8, Value) {
    use evenkeel::venue::buf::Buf;
    use evenkeel::venue::lighter::tx::wire::{Form, INFO_MAX, write_info};
    let signed = tx.sign(sender, header, signer).unwrap();
    let mut bytes = vec![0; INFO_MAX];
    let mut buf = Buf::new(&mut bytes);
    write_info(&mut buf, Form::Plain, tx, sender, header, &signed);
    (tx.kind(), serde_json::from_slice(buf.written().unwrap()).unwrap())
}

/// A limit order on SOL: 106.5 is 106_500, one SOL is 1000.
pub fn limit(
    bed: &Bed,
    client: u64,
    is_ask: bool,
    price: u32,
    base: u64,
    tif: TimeInForce,
) -> Order {
    let expiry = if tif == TimeInForce::Ioc { 0 } else { bed.now_ms() + 3_600_000 };
    Order {
        market: SOL_ID,
        client_index: client,
        base,
        price,
        is_ask,
        kind: OrderKind::Limit,
        tif,
        reduce_only: false,
        trigger_price: 0,
        expiry_ms: expiry,
    }
}

/// A blocking client that is not ours.
pub struct Client(pub WebSocket<MaybeTlsStream<TcpStream>>);

impl Client {
    pub fn connect(url: &str) -> Client {
        let (ws, _) = tungstenite::connect(url).unwrap();
        if let MaybeTlsStream::Plain(stream) = ws.get_ref() {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        Client(ws)
    }

    pub fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).expect("the server is there");
    }

    pub fn try_text(&mut self) -> Result<String, tungstenite::Error> {
        loop {
            if let Message::Text(text) = self.0.read()? {
                return Ok(text.as_str().to_owned());
            }
        }
    }

    pub fn recv(&mut self) -> Value {
        let text = self.try_text().unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The next frame of a type; others are skipped.
    pub fn until(&mut self, kind: &str) -> Value {
        for _ in 0..1000 {
            let frame = self.recv();
            if frame["type"] == kind {
                return frame;
            }
        }
        panic!("no {kind} in 1000 frames")
    }

    /// The code of the next error.
    pub fn error(&mut self) -> u64 {
        loop {
            let frame = self.recv();
            if let Some(code) = frame["error"]["code"].as_u64() {
                return code;
            }
        }
    }

    pub fn subscribe(&mut self, channel: &str, token: Option<&str>) {
        let mut frame = json!({"type": "subscribe", "channel": channel});
        if let Some(token) = token {
            frame["auth"] = json!(token);
        }
        self.send(&frame.to_string());
    }

    pub fn sendtx(&mut self, id: &str, (kind, info): &(u8, Value)) {
        let data = json!({"id": id, "tx_type": kind, "tx_info": info});
        self.send(&json!({"type": "jsonapi/sendtx", "data": data}).to_string());
    }

    pub fn sendbatch(&mut self, id: &str, rows: &[(u8, Value)]) {
        let types: Vec<u8> = rows.iter().map(|row| row.0).collect();
        let infos: Vec<String> = rows.iter().map(|row| row.1.to_string()).collect();
        let data = json!({
            "id": id,
            "tx_types": json!(types).to_string(),
            "tx_infos": json!(infos).to_string(),
        });
        self.send(&json!({"type": "jsonapi/sendtxbatch", "data": data}).to_string());
    }

    /// The code of the answer to a transaction: 200, or why not.
    pub fn code(&mut self, id: &str) -> u64 {
        loop {
            let frame = self.recv();
            if frame["id"] == id {
                let code = frame["error"]["code"].as_u64();
                return code.unwrap_or_else(|| frame["code"].as_u64().unwrap());
            }
        }
    }

    /// Sends one and returns its code.
    pub fn tx(&mut self, row: &(u8, Value)) -> u64 {
        self.sendtx("t", row);
        self.code("t")
    }

    /// Until a `pong`: everything sent before it is here.
    pub fn settle(&mut self) -> Vec<Value> {
        self.texts().iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    /// As `settle`, to the letter.
    pub fn texts(&mut self) -> Vec<String> {
        self.send("{\"type\":\"ping\"}");
        let mut texts = Vec::new();
        loop {
            let text = self.try_text().unwrap();
            if text == "{\"type\":\"pong\"}" {
                return texts;
            }
            texts.push(text);
        }
    }

    /// The next state of one of our orders on the stream: client index and status.
    pub fn order(&mut self) -> (u64, String) {
        let frame = self.until("update/account_all_orders");
        let markets = frame["orders"].as_object().unwrap();
        let rows: Vec<&Value> = markets.values().flat_map(|r| r.as_array().unwrap()).collect();
        assert_eq!(rows.len(), 1, "{frame}");
        let client = rows[0]["client_order_index"].as_u64().unwrap();
        (client, rows[0]["status"].as_str().unwrap().to_owned())
    }
}
