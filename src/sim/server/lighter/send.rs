//! Cold. Transactions on their way in: over the WebSocket, over REST, one or a batch.
//!
//! What is refused here is refused by the venue's server: it has a code, and no nonce is used. What is
//! taken gets code 200 and a nonce less, and is executed when its time comes; only the account's
//! channels say what became of it. A batch is refused as a whole by its first fault.
//!
//! The transactions of one key are executed in their order. Each waits for its own delay, and for the
//! one before it: a taker holds up the quotes and cancels behind it.

use super::super::PeerId;
use super::super::dialect::Out;
use super::super::json::{Json, quoted};
use super::crypto::hex;
use super::directory::Holder;
use super::hub::{Due, Hub, Queued};
use super::ledger::TxRow;
use super::refusal::{self as no, Refusal};
use super::tx::{Body, SKIP_NONCE, Tx};
use super::wire::{ms, us};
use crate::event::Tif;
use crate::units::{Nanos, SCALE, Side};

/// Transactions of a batch: over REST as documented, over the WebSocket as its page says.
const BATCH_MAX: usize = 50;
const WS_BATCH_MAX: usize = 15;
const NONCE_END: i64 = (1 << 47) - 1;
/// One transaction in this time costs no quota.
const FREE_EVERY: Nanos = Nanos::from_secs(15);
/// Traded quote for one more transaction, raw 10^-8, and the most of them.
const QUOTE_PER_UNIT: i64 = 3 * SCALE;
pub const QUOTA_MAX: u64 = 5_000_000;
/// Accepted and not executed, of all accounts.
const PENDING_MAX: usize = 20_000;

/// What the sender is told of what was taken.
struct Taken {
    hashes: Vec<String>,
    predicted_ms: u64,
    /// `None`: the account has no quota.
    quota: Option<u64>,
    cost: u64,
}

/// The account has traded for so much, raw 10^-8 quote.
pub(super) fn earn_quota(holder: &mut Holder, traded: i64) {
    let Some(left) = &mut holder.quota else { return };
    holder.towards_quota = holder.towards_quota.saturating_add(traded);
    // Not negative: trades have a value.
    let units = (holder.towards_quota / QUOTE_PER_UNIT).max(0);
    holder.towards_quota -= units * QUOTE_PER_UNIT;
    *left = left.saturating_add(units.unsigned_abs()).min(QUOTA_MAX);
}

impl Hub {
    /// A frame `jsonapi/sendtx` or `jsonapi/sendtxbatch`.
    pub(super) fn on_sent(&mut self, peer: PeerId, kind: &str, json: &Json) {
        if self.faults.lose > 0 {
            self.faults.lose -= 1;
            return;
        }
        let data = json.get("data");
        let id = data.and_then(|d| d.get("id")).and_then(Json::str).map(str::to_owned);
        let rows = match data {
            None => Err(no::WS_DATA),
            Some(data) if kind == "jsonapi/sendtx" => one_of_frame(data),
            Some(data) => {
                let text = |key| data.get(key).and_then(Json::str).ok_or(no::WS_DATA);
                let lists = text("tx_types").and_then(|types| Ok((types, text("tx_infos")?)));
                lists.and_then(|(types, infos)| batch(types, infos, WS_BATCH_MAX))
            }
        };
        self.stats.actions += 1;
        let taken = rows.and_then(|rows| self.accept(&rows, true));
        let id_text = id.as_deref().map_or(String::new(), |id| format!(",\"id\":{}", quoted(id)));
        let text = match taken {
            Err(refusal) => {
                self.stats.actions_refused += 1;
                format!("{{\"error\":{{{}}}{id_text}}}", refusal.members())
            }
            Ok(taken) => {
                let hashes = hashes(&taken.hashes, kind == "jsonapi/sendtx");
                let quota = taken.quota.map_or("null".to_owned(), |left| left.to_string());
                format!(
                    "{{\"type\":\"{kind}\",\"code\":200{id_text},\"tx_hash\":{hashes},\
                     \"predicted_execution_time_ms\":{},\"volume_quota_remaining\":{quota}}}",
                    taken.predicted_ms
                )
            }
        };
        if self.faults.no_answers {
            return;
        }
        match self.faults.late_answers {
            Some(by) => {
                let at = self.now.after(by);
                self.faults.late.push(super::faults::Late { at, peer, text });
            }
            None => self.send(peer, text),
        }
    }

    /// The body of a `POST`: a form.
    pub fn on_post(&mut self, peer: PeerId, path: &str, body: &[u8]) {
        self.stats.http_requests += 1;
        let done = match path {
            "/api/v1/sendTx" => form(body).ok_or(no::TX_INFO).and_then(|form| self.post_one(&form)),
            "/api/v1/sendTxBatch" => {
                form(body).ok_or(no::TX_INFO).and_then(|form| self.post_batch(&form))
            }
            _ => Err(no::NOT_FOUND),
        };
        let (status, text) = match done {
            Ok(text) => (200, text),
            Err(refusal) => (refusal.status(), format!("{{{}}}", refusal.members())),
        };
        self.out.push((peer, Out::Http(status, text)));
    }

    fn post_one(&mut self, form: &[(String, String)]) -> Result<String, Refusal> {
        let kind = field(form, "tx_type")?.parse().map_err(|_| no::TX_TYPE)?;
        let info = Json::parse(field(form, "tx_info")?.as_bytes()).ok_or(no::TX_INFO)?;
        let protect =
            form.iter().find(|f| f.0 == "price_protection").is_none_or(|f| f.1 != "false");
        self.posted(&[(kind, info)], protect, true)
    }

    fn post_batch(&mut self, form: &[(String, String)]) -> Result<String, Refusal> {
        let rows = batch(field(form, "tx_types")?, field(form, "tx_infos")?, BATCH_MAX)?;
        self.posted(&rows, true, false)
    }

    fn posted(
        &mut self,
        rows: &[(u64, Json)],
        protect: bool,
        single: bool,
    ) -> Result<String, Refusal> {
        self.stats.actions += 1;
        let taken = self.accept(rows, protect).inspect_err(|_| self.stats.actions_refused += 1)?;
        let message = match (taken.quota, taken.cost) {
            (Some(left), 1..) => format!("{{\"ratelimit\": \"{left} volume quota remaining.\"}}"),
            _ => "{\"ratelimit\": \"didn't use volume quota\"}".to_owned(),
        };
        // The official client insists on a number here: an account without quota has the most.
        Ok(format!(
            "{{\"code\":200,\"message\":{},\"tx_hash\":{},\"predicted_execution_time_ms\":{},\
             \"volume_quota_remaining\":{}}}",
            quoted(&message),
            hashes(&taken.hashes, single),
            taken.predicted_ms,
            taken.quota.unwrap_or(QUOTA_MAX),
        ))
    }

    /// Checks transactions of one account and key, and queues all of them or none.
    fn accept(&mut self, rows: &[(u64, Json)], protect: bool) -> Result<Taken, Refusal> {
        if self.faults.refuse_rate > 0 {
            self.faults.refuse_rate -= 1;
            return Err(no::TOO_MANY_REQUESTS);
        }
        let chain = self.config.chain_id;
        let read = rows.iter().map(|(kind, info)| Tx::read(*kind, info, chain));
        let txs = read.collect::<Result<Vec<Tx>, Refusal>>()?;
        let (slot, key) = self.sender(&txs)?;
        let limit = self.directory.holders[slot].tier.sends_per_min;
        let limit = self.config.rates.limited.then_some(limit);
        let holder = &mut self.directory.holders[slot];
        if !holder.sends.take(1, limit, self.now) {
            return Err(no::TOO_MANY_REQUESTS);
        }
        if self.agenda.len() > PENDING_MAX {
            return Err(no::TOO_MANY_PENDING);
        }
        self.check_nonces(slot, key, &txs)?;
        let mut coming = Vec::new();
        for tx in &txs {
            self.check(slot, tx, protect, &mut coming)?;
        }
        let cost = self.spend(slot, &txs)?;
        self.coming.extend(coming);
        let mut hashes = Vec::with_capacity(txs.len());
        let mut predicted = self.now;
        for tx in txs {
            let hash = hex(&tx.hash.to_bytes());
            hashes.push(hash.clone());
            predicted = self.queue(slot, key, tx, hash);
        }
        let quota = self.directory.holders[slot].quota;
        Ok(Taken { hashes, predicted_ms: ms(predicted), quota, cost })
    }

    /// Whose they are, by number and by signature.
    fn sender(&mut self, txs: &[Tx]) -> Result<(usize, usize), Refusal> {
        let first = txs.first().ok_or(no::TX_INFO)?;
        if txs.iter().any(|tx| (tx.account, tx.key) != (first.account, first.key)) {
            return Err(no::BATCH_MIXED);
        }
        let index = u64::try_from(first.account).map_err(|_| no::ACCOUNT_INDEX)?;
        let slot = self.directory.slot(index).ok_or(no::NO_ACCOUNT)?;
        if !(0..=254).contains(&first.key) {
            return Err(no::KEY_INDEX);
        }
        let keys = &self.directory.holders[slot].keys;
        let key = keys.iter().position(|k| i64::from(k.index) == first.key);
        let Some(key) = key else {
            self.stats.unknown_signers += 1;
            return Err(no::NO_KEY);
        };
        if txs.iter().any(|tx| !keys[key].public.verifies(&tx.hash, &tx.signature)) {
            return Err(no::SIGNATURE);
        }
        Ok((slot, key))
    }

    /// The next number, or with the option any larger one.
    fn check_nonces(&mut self, slot: usize, key: usize, txs: &[Tx]) -> Result<(), Refusal> {
        if self.faults.refuse_nonces > 0 {
            self.faults.refuse_nonces -= 1;
            return Err(no::NONCE);
        }
        let mut last = self.directory.holders[slot].keys[key].last;
        for (i, tx) in txs.iter().enumerate() {
            let skips = tx.option(SKIP_NONCE).is_some();
            let next = if skips { tx.nonce > last } else { tx.nonce == last + 1 };
            if !next || tx.nonce >= NONCE_END {
                return Err(if i == 0 { no::NONCE } else { no::BATCH_NONCE });
            }
            last = tx.nonce;
        }
        Ok(())
    }

    /// Takes the quota that they cost; all of it or nothing.
    fn spend(&mut self, slot: usize, txs: &[Tx]) -> Result<u64, Refusal> {
        let now = self.now;
        let holder = &mut self.directory.holders[slot];
        let Some(left) = holder.quota.filter(|_| self.config.rates.limited) else { return Ok(0) };
        let mut cost = txs.iter().filter(|tx| tx.costs_quota()).count() as u64;
        let free = cost == 1 && now >= holder.free_at && left == 0;
        if free {
            holder.free_at = now.after(FREE_EVERY);
            cost = 0;
        }
        holder.quota = Some(left.checked_sub(cost).ok_or(no::TOO_MANY_REQUESTS)?);
        Ok(cost)
    }

    /// Queues one; when it will be executed.
    fn queue(&mut self, slot: usize, key: usize, tx: Tx, hash: String) -> Nanos {
        let delays = self.directory.holders[slot].tier.delays;
        let delay = match tx.body {
            Body::Create(_) if self.would_take(&tx) => delays.taker,
            Body::Create(_) => delays.maker,
            _ => delays.cancel,
        };
        let now = self.now;
        let held = &mut self.directory.holders[slot].keys[key];
        let at = now.after(delay).max(held.busy_until);
        held.busy_until = at;
        held.last = tx.nonce;
        held.used_us = us(now);
        let row = TxRow {
            hash: hash.clone(),
            kind: tx.kind,
            info: tx.info.clone(),
            slot,
            key: tx.key,
            nonce: tx.nonce,
            expires_ms: tx.expires_ms,
            status: 1,
            error: String::new(),
            queued: now,
            executed: Nanos::ZERO,
            sequence: self.sequence,
        };
        self.ledger.take(row);
        self.at(at, Due::Tx(Box::new(Queued { slot, key, tx, hash })));
        at
    }

    /// An IOC, or an order that crosses the book as it is now.
    fn would_take(&self, tx: &Tx) -> bool {
        let Body::Create(order) = tx.body else { return false };
        let market = self.directory.market(order.market);
        let px = market.and_then(|m| Some((m.inst, m.price(order.price)?)));
        let Some((inst, px)) = px else { return false };
        let bbo = self.exchange.bbo(inst);
        let crosses = match side(order.is_ask) {
            Side::Buy => bbo.ask.is_some_and(|ask| ask.px <= px),
            Side::Sell => bbo.bid.is_some_and(|bid| bid.px >= px),
        };
        order.tif == 0 || order.tif == 1 && crosses
    }
}

pub(super) fn side(is_ask: i64) -> Side {
    if is_ask == 0 { Side::Buy } else { Side::Sell }
}

pub(super) fn tif(tif: i64) -> Tif {
    match tif {
        0 => Tif::Ioc,
        1 => Tif::Gtc,
        _ => Tif::Alo,
    }
}

fn hashes(hashes: &[String], single: bool) -> String {
    let quoted: Vec<String> = hashes.iter().map(|h| format!("\"{h}\"")).collect();
    if single { quoted.join("") } else { format!("[{}]", quoted.join(",")) }
}

/// The `data` of a `jsonapi/sendtx`: the transaction as an object, or as its text.
fn one_of_frame(data: &Json) -> Result<Vec<(u64, Json)>, Refusal> {
    let kind = data.get("tx_type").and_then(Json::uint).ok_or(no::WS_DATA)?;
    let info = data.get("tx_info").ok_or(no::WS_DATA)?;
    let info = match info.str() {
        Some(text) => Json::parse(text.as_bytes()).ok_or(no::TX_INFO)?,
        None => info.clone(),
    };
    Ok(vec![(kind, info)])
}

/// `[14,15]` and `["{..}","{..}"]`.
fn batch(types: &str, infos: &str, most: usize) -> Result<Vec<(u64, Json)>, Refusal> {
    let list = |text: &str| match Json::parse(text.as_bytes()) {
        Some(Json::Arr(items)) => Ok(items),
        _ => Err(no::TX_INFO),
    };
    let (types, infos) = (list(types)?, list(infos)?);
    if types.len() != infos.len() {
        return Err(no::BATCH_LENGTHS);
    }
    if types.is_empty() {
        return Err(no::TX_INFO);
    }
    if types.len() > most {
        return Err(no::BATCH_MAX);
    }
    let row = |(kind, info): (&Json, &Json)| {
        let text = info.str().ok_or(no::TX_INFO)?;
        let info = Json::parse(text.as_bytes()).ok_or(no::TX_INFO)?;
        Ok((kind.uint().ok_or(no::TX_TYPE)?, info))
    };
    types.iter().zip(&infos).map(row).collect()
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> Result<&'a str, Refusal> {
    let found = form.iter().find(|f| f.0 == name).map(|f| f.1.as_str());
    found.ok_or_else(|| Refusal::param(&format!("field \"{name}\" is required")))
}

/// `application/x-www-form-urlencoded`; `None` for what is not.
pub(super) fn form(body: &[u8]) -> Option<Vec<(String, String)>> {
    let pairs = body.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
    let pair = |pair: &[u8]| {
        let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
        Some((decoded(&pair[..at])?, decoded(pair.get(at + 1..).unwrap_or(&[]))?))
    };
    pairs.map(pair).collect()
}

fn decoded(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |b: &u8| char::from(*b).to_digit(16);
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                // Two digits of four bits: at most 255.
                (high * 16 + low) as u8
            }
            other => *other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_and_a_broken_one_is_not() {
        let pairs = form(b"tx_type=14&tx_info=%7B%22a%22%3A+1%7D&empty=").unwrap();
        let want = [("tx_type", "14"), ("tx_info", "{\"a\": 1}"), ("empty", "")];
        assert_eq!(pairs, want.map(|(a, b)| (a.to_owned(), b.to_owned())));
        for bad in [&b"a=%7"[..], b"a=%zz", b"a=%ff"] {
            assert_eq!(form(bad), None);
        }
    }
}
