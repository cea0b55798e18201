//! Cold. The raw stage: what was typed, where, in layers.
//!
//! A text becomes a flat map from key to value with its place; a later layer's value replaces an
//! earlier one's, so each effective value still knows who stated it. `toml`'s derived
//! deserialization stops at the first error and prints the raw line, secret or not; its spanned
//! table does neither, so the walk over it is ours.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Origin, nearest};

/// A value as typed. Numbers stay text until their kind is known.
#[derive(Clone, Debug)]
pub(super) enum Raw {
    Text(String),
    /// Decimal digits, without underscores.
    Int(String),
    Float(String),
    Flag(bool),
    List(Vec<Leaf>),
    /// An inline table in a list.
    Row(Vec<(String, Origin, Leaf)>),
    /// From a variable or a flag: the key's kind says what it is.
    Untyped(String),
    /// A type that no key has, by its name with an article.
    Other(&'static str),
    /// Already reported; the value was not kept.
    Refused,
}

#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub raw: Raw,
    pub at: Origin,
}

/// Values by key: `limits.burst`, or `maker.size` within a market.
pub(super) type Leaves = BTreeMap<String, Leaf>;

#[derive(Clone, Debug)]
pub(super) struct RawMarket {
    pub symbol: String,
    pub at: Origin,
    pub leaves: Leaves,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    pub globals: Leaves,
    pub markets: Vec<RawMarket>,
    /// The text is no TOML: what is missing in it may just not have been found.
    pub torn: bool,
}

/// Every key there is, as the schema lists them.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub globals: Vec<String>,
    pub market: Vec<String>,
}

/// Would this name hold a credential? None of our keys does.
pub(super) fn looks_secret(name: &str) -> bool {
    let plain: String =
        name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let marks = [
        "private",
        "secret",
        "mnemonic",
        "seedphrase",
        "passphrase",
        "password",
        "bearer",
        "token",
    ];
    marks.iter().any(|m| plain.contains(m)) || plain.ends_with("key")
}

/// Is this text a key by its looks: 64 hex digits, or twelve words and more?
pub(super) fn is_key_material(text: &str) -> bool {
    let hex = text.strip_prefix("0x").unwrap_or(text);
    let words = text.split_whitespace();
    (hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
        || (words.clone().count() >= 12
            && words.clone().all(|w| w.bytes().all(|b| b.is_ascii_alphabetic())))
}

pub(super) const NO_SECRETS: &str = "no key material belongs in the config, which is journaled and \
    shown: remove it, and treat a key that was here as known to others";

/// Reads one text. Errors are added; what could be read is returned.
pub(super) fn read(
    text: &str,
    source: &str,
    layer: usize,
    keys: &Keys,
    errors: &mut Vec<ConfigError>,
) -> Layer {
    let (root, faults) = DeTable::parse_recoverable(text);
    let source = Arc::from(source);
    let torn = !faults.is_empty();
    let mut walk = Walk { text, source, layer, keys, errors, torn, lost_from: usize::MAX };
    let mut out = Layer { torn, ..Layer::default() };
    for fault in faults {
        let offset = fault.span().map_or(0, |s| s.start);
        // The parser's message names what it expected; it quotes nothing of the text.
        walk.fail(walk.at(offset), "", fault.message().to_owned());
        let line_start = text.get(..offset).and_then(|t| t.rfind('\n')).map_or(0, |i| i + 1);
        if text[line_start..].trim_start().starts_with('[') {
            walk.lost_from = walk.lost_from.min(line_start);
        }
    }
    for (key, value) in root.get_ref() {
        if key.get_ref() == "market" {
            walk.markets(value, &mut out.markets);
        } else {
            walk.entry(key, value, "", &keys.globals, "", &mut out.globals);
        }
    }
    out
}

struct Walk<'a> {
    text: &'a str,
    source: Arc<str>,
    layer: usize,
    keys: &'a Keys,
    errors: &'a mut Vec<ConfigError>,
    /// The text is no TOML: some values may be the parser's stand-ins.
    torn: bool,
    /// Behind a broken section header nobody knows which section a key belongs to: from this offset
    /// on keys are not judged.
    lost_from: usize,
}

type Name<'i> = Spanned<std::borrow::Cow<'i, str>>;

impl Walk<'_> {
    fn at(&self, offset: usize) -> Origin {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        Origin {
            layer: self.layer,
            line: line as u32,
            column: column as u32,
            source: self.source.clone(),
        }
    }

    fn fail(&mut self, at: Origin, key: &str, what: impl Into<String>) {
        self.errors.push(ConfigError { at, key: key.to_owned(), what: what.into() });
    }

    fn markets(&mut self, value: &Spanned<DeValue<'_>>, out: &mut Vec<RawMarket>) {
        let at = self.at(value.span().start);
        let Some(list) = value.get_ref().as_array() else {
            self.fail(at, "market", "each market is an entry of a list: write `[[market]]`");
            return;
        };
        for entry in list {
            let at = self.at(entry.span().start);
            if entry.span().start >= self.lost_from {
                continue;
            }
            let Some(table) = entry.get_ref().as_table() else {
                self.fail(at, "market", "each market is a table: write `[[market]]`");
                continue;
            };
            // The name first: the other errors are told under it.
            let symbol = match table.get("symbol").map(|s| (s.get_ref(), s.span())) {
                Some((DeValue::String(s), _)) => s.to_string(),
                Some((_, span)) => {
                    let at = self.at(span.start);
                    self.fail(at, "market.symbol", "write the market's name as a string");
                    continue;
                }
                None => {
                    self.fail(at, "market", "a market states its `symbol`");
                    continue;
                }
            };
            if let Some(twin) = out.iter().find(|m| m.symbol == symbol) {
                let what = format!("this market is stated twice, first at {}", twin.at);
                self.fail(at, &scope_of(&symbol), what);
                continue;
            }
            let mut leaves = Leaves::new();
            let shown = scope_of(&symbol);
            for (key, value) in table {
                self.entry(key, value, "", &self.keys.market, &shown, &mut leaves);
            }
            out.push(RawMarket { symbol, at, leaves });
        }
    }

    /// One key of a table whose path within its scope is `prefix`; `scope` is the scope's name.
    fn entry(
        &mut self,
        key: &Name<'_>,
        value: &Spanned<DeValue<'_>>,
        prefix: &str,
        known: &[String],
        scope: &str,
        out: &mut Leaves,
    ) {
        let name = key.get_ref().as_ref();
        let path = join(prefix, name);
        let shown = join(scope, &path);
        let here = self.at(key.span().start);
        if looks_secret(name) {
            self.fail(here, &shown, NO_SECRETS);
            return;
        }
        if key.span().start >= self.lost_from {
            return self.secrets_within(value, &shown);
        }
        if known.contains(&path) {
            let leaf = self.leaf(value, &shown);
            out.insert(path, leaf);
            return;
        }
        let section = format!("{path}.");
        if known.iter().any(|k| k.starts_with(&section)) {
            match value.get_ref().as_table() {
                Some(table) => {
                    for (key, value) in table {
                        self.entry(key, value, &path, known, scope, out);
                    }
                }
                None => {
                    let what = "this is a section: its keys go into a table of that name";
                    self.fail(self.at(value.span().start), &shown, what);
                }
            }
            return;
        }
        let what = self.unknown(name, prefix, known);
        self.fail(here, &shown, what);
        self.secrets_within(value, &shown);
    }

    /// An unknown section may still hold what must be said louder.
    fn secrets_within(&mut self, value: &Spanned<DeValue<'_>>, shown: &str) {
        for (key, value) in value.get_ref().as_table().into_iter().flatten() {
            let shown = join(shown, key.get_ref());
            if looks_secret(key.get_ref()) {
                self.fail(self.at(key.span().start), &shown, NO_SECRETS);
            }
            self.secrets_within(value, &shown);
        }
    }

    fn unknown(&self, name: &str, prefix: &str, known: &[String]) -> String {
        unknown_key(name, prefix, known, self.keys)
    }

    fn leaf(&mut self, value: &Spanned<DeValue<'_>>, shown: &str) -> Leaf {
        let at = self.at(value.span().start);
        let raw = match value.get_ref() {
            // The parser's stand-in for a value that it could not read, and has reported.
            _ if self.torn && value.span().is_empty() => Raw::Refused,
            DeValue::String(text) if is_key_material(text) => {
                self.fail(at.clone(), shown, format!("this looks like a key: {NO_SECRETS}"));
                Raw::Refused
            }
            DeValue::String(text) => Raw::Text(text.to_string()),
            DeValue::Integer(int) if int.radix() == 10 => {
                Raw::Int(int.as_str().replace(['_', '+'], ""))
            }
            DeValue::Integer(_) => Raw::Other("a number that is not decimal"),
            DeValue::Float(float) => Raw::Float(float.as_str().replace(['_', '+'], "")),
            DeValue::Boolean(flag) => Raw::Flag(*flag),
            DeValue::Datetime(_) => Raw::Other("a date"),
            DeValue::Array(list) => Raw::List(list.iter().map(|v| self.leaf(v, shown)).collect()),
            DeValue::Table(table) => Raw::Row(
                table
                    .iter()
                    .map(|(key, value)| {
                        let leaf = self.leaf(value, shown);
                        (key.get_ref().to_string(), self.at(key.span().start), leaf)
                    })
                    .collect(),
            ),
        };
        Leaf { raw, at }
    }
}

/// A text from outside as it may stand in a message: one line, short, and no key.
pub(super) fn shown(text: &str) -> String {
    if is_key_material(text) {
        return "(not shown)".to_owned();
    }
    text.chars().take(40).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// A market's name as it stands in keys.
pub(super) fn scope_of(symbol: &str) -> String {
    format!("market.{}", shown(symbol))
}

pub(super) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// What there is instead of an unknown key: its nearest neighbour, or its right section.
pub(super) fn unknown_key(name: &str, prefix: &str, known: &[String], keys: &Keys) -> String {
    let within = if prefix.is_empty() { String::new() } else { format!("{prefix}.") };
    let siblings = known.iter().filter_map(|k| k.strip_prefix(&within));
    let siblings = siblings.map(|k| k.split('.').next().unwrap_or(k));
    // At the top of a file a market is a neighbour too.
    let extra =
        (prefix.is_empty() && std::ptr::eq(known, keys.globals.as_slice())).then_some("market");
    if let Some(near) = nearest(name, siblings.chain(extra)) {
        return format!("unknown key; did you mean `{near}`?");
    }
    let globals = keys.globals.iter().map(String::as_str);
    let market = keys.market.iter().map(String::as_str);
    let last = |k: &str| k.rsplit('.').next() == Some(name);
    if let Some(key) = globals.clone().find(|k| last(k)) {
        return format!("unknown key here; did you mean `{key}`?");
    }
    if let Some(key) = market.clone().find(|k| last(k)) {
        return format!("unknown key here; did you mean `market.{key}`?");
    }
    "unknown key; config/default.toml explains every key there is".to_owned()
}

/// The same for a whole path, from a variable or a flag: judged at its first unknown part.
pub(super) fn unknown_path(path: &str, known: &[String], keys: &Keys) -> String {
    let mut prefix = String::new();
    for part in path.split('.') {
        let next = join(&prefix, part);
        let section = format!("{next}.");
        if known.iter().all(|k| !k.starts_with(&section)) {
            return unknown_key(part, &prefix, known, keys);
        }
        prefix = next;
    }
    "this is a section: name one of its keys".to_owned()
}

/// Lays `over` on top of `base`. Markets meet by symbol; a market that `base` does not have starts
/// from `template`.
pub(super) fn lay(base: &mut Layer, over: Layer, template: &Leaves) {
    base.globals.extend(over.globals);
    base.torn |= over.torn;
    for market in over.markets {
        match base.markets.iter_mut().find(|m| m.symbol == market.symbol) {
            Some(below) => {
                below.at = market.at;
                below.leaves.extend(market.leaves);
            }
            None => {
                let mut leaves = template.clone();
                leaves.extend(market.leaves);
                base.markets.push(RawMarket { leaves, ..market });
            }
        }
    }
}
