//! Cold. How a field is described: its key, kind and range, stated once.
//!
//! The schema walks every field through a [`Fields`]. One implementation reads what was typed, one
//! writes the effective file, one lists the keys: a key that is read is written and listed, with no
//! second table that could disagree.

use crate::strategy::ladder_quote::{PerLevel, QUOTED_MAX};
use crate::strategy::maker::Table;
use crate::units::{Bps, Nanos, Notional, Qty, SCALE_DECIMALS, parse_raw, raw_text};

/// What a key holds. Ranges are inclusive, as decimal text or whole numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Decimal(Decimal),
    /// A decimal, or `auto`.
    DecimalOrAuto(Decimal),
    Count {
        min: u64,
        max: u64,
        unit: &'static str,
    },
    Flag,
    Choice(&'static [&'static str]),
    Text(fn(&str) -> Result<(), &'static str>),
    /// Distinct whole numbers below `end`, at most `most` of them.
    Numbers {
        end: u64,
        most: usize,
    },
    /// Ascending or not, at most `most` decimals.
    Decimals {
        value: Decimal,
        most: usize,
        ascending: bool,
    },
    /// Steps by |inventory|: rows of `{ above = ..., <column> = ... }`.
    Rows {
        column: &'static str,
        value: Decimal,
        most: usize,
    },
}

impl Kind {
    /// What it takes, in words: the line above each key of `config/default.toml`.
    pub fn takes(&self) -> String {
        match self {
            Kind::Decimal(decimal) => decimal.takes(),
            Kind::DecimalOrAuto(decimal) => format!("\"auto\", or {}", decimal.takes()),
            Kind::Count { min, max, .. } => format!("{min} to {max}"),
            Kind::Flag => "true, false".to_owned(),
            Kind::Choice(names) => names.join(", "),
            Kind::Text(_) => "a string".to_owned(),
            Kind::Numbers { end, most } => {
                format!("at most {most} whole numbers, 0 to {}", end - 1)
            }
            Kind::Decimals { value, most, ascending } => {
                let ascending = if *ascending { ", ascending" } else { "" };
                format!("at most {most} decimals{ascending}, {}", value.takes())
            }
            Kind::Rows { column, value, most } => {
                format!("at most {most} rows, ascending; {column} {}", value.takes())
            }
        }
    }
}

/// A decimal with at most `places` places; raw values count units of 10^-places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal {
    pub places: u32,
    pub min: &'static str,
    pub max: &'static str,
    pub unit: &'static str,
}

impl Decimal {
    /// Raw 10^-8 units in one raw unit of this decimal.
    pub fn step(&self) -> i64 {
        10i64.pow(SCALE_DECIMALS - self.places)
    }

    /// The range in raw 10^-8 units.
    pub fn range(&self) -> std::ops::RangeInclusive<i64> {
        let raw =
            |text: &str| parse_raw(text.as_bytes()).expect("the schema's ranges are decimals");
        raw(self.min)..=raw(self.max)
    }

    pub fn text(&self, raw: i64) -> String {
        raw_text(raw * self.step())
    }

    fn takes(&self) -> String {
        let min = if *self.range().start() == 1 { "above 0" } else { self.min };
        format!("{min} to {}", self.max)
    }
}

/// A field's value on its way in or out.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// In the units of its [`Decimal`]; `None` is `auto`.
    Decimal(Option<i64>),
    Count(u64),
    Flag(bool),
    /// Index into the choices.
    Choice(usize),
    Text(String),
    Numbers(Vec<u64>),
    /// Each in the units of the list's [`Decimal`].
    Decimals(Vec<i64>),
    /// Raw 10^-8 threshold and the column's raw value.
    Rows(Vec<(i64, i64)>),
}

pub(super) trait Fields {
    fn enter(&mut self, section: &'static str);
    fn leave(&mut self);
    /// Shows a field with its value; what comes back, of the same variant, is its value from now.
    fn field(&mut self, key: &'static str, kind: &Kind, now: Value) -> Value;
    /// Are the fields of a part that is off wanted too?
    fn wants_disabled(&self) -> bool;
}

/// Base units: sizes and inventories.
pub(super) const UNITS: Decimal =
    Decimal { places: 8, min: "0", max: "1000000000", unit: "base units" };
/// Base units that cannot be zero.
pub(super) const SIZE: Decimal = Decimal { min: "0.00000001", ..UNITS };
/// Quote currency.
pub(super) const QUOTE: Decimal =
    Decimal { places: 8, min: "0.01", max: "1000000000", unit: "quote" };
/// A factor; raw permille.
pub(super) const FACTOR: Decimal = Decimal { places: 3, min: "0.01", max: "10", unit: "" };
/// A share of a whole; raw permille.
pub(super) const SHARE: Decimal = Decimal { places: 3, min: "0", max: "1", unit: "" };

/// Basis points within a range; raw 10^-4 bps.
pub(super) const fn bps(min: &'static str, max: &'static str) -> Decimal {
    Decimal { places: 4, min, max, unit: "bps" }
}

/// The typed forms. Each asserts what [`Fields::field`] promises: the variant it gave comes back.
impl dyn Fields + '_ {
    pub fn section(&mut self, name: &'static str, fields: impl FnOnce(&mut dyn Fields)) {
        self.enter(name);
        fields(self);
        self.leave();
    }

    /// A plain decimal, in the units of its kind.
    pub fn decimal(&mut self, key: &'static str, kind: Decimal, value: &mut i64) {
        match self.field(key, &Kind::Decimal(kind), Value::Decimal(Some(*value))) {
            Value::Decimal(Some(raw)) => *value = raw,
            other => unreachable!("a decimal came back as {other:?}"),
        }
    }

    pub fn bps(&mut self, key: &'static str, kind: Decimal, value: &mut Bps) {
        self.decimal(key, kind, &mut value.0);
    }

    pub fn qty(&mut self, key: &'static str, kind: Decimal, value: &mut Qty) {
        self.decimal(key, kind, &mut value.0);
    }

    pub fn qty_or_auto(&mut self, key: &'static str, kind: Decimal, value: &mut Option<Qty>) {
        match self.field(key, &Kind::DecimalOrAuto(kind), Value::Decimal(value.map(|q| q.0))) {
            Value::Decimal(raw) => *value = raw.map(Qty),
            other => unreachable!("a decimal came back as {other:?}"),
        }
    }

    pub fn permille(&mut self, key: &'static str, kind: Decimal, value: &mut i64) {
        self.decimal(key, kind, value);
    }

    /// Exact within 10^-8 quote, which is what can be typed.
    pub fn quote(&mut self, key: &'static str, kind: Decimal, value: &mut Notional) {
        let mut raw = value.to_raw();
        self.decimal(key, kind, &mut raw);
        *value = Notional::from_raw(raw);
    }

    pub fn count(
        &mut self,
        key: &'static str,
        (min, max): (u64, u64),
        unit: &'static str,
        value: &mut u64,
    ) {
        match self.field(key, &Kind::Count { min, max, unit }, Value::Count(*value)) {
            Value::Count(count) => *value = count,
            other => unreachable!("a count came back as {other:?}"),
        }
    }

    pub fn count32(&mut self, key: &'static str, range: (u32, u32), value: &mut u32) {
        let mut wide = u64::from(*value);
        self.count(key, (u64::from(range.0), u64::from(range.1)), "", &mut wide);
        *value = u32::try_from(wide).expect("within a range of u32");
    }

    pub fn index(&mut self, key: &'static str, range: (usize, usize), value: &mut usize) {
        let mut wide = *value as u64;
        self.count(key, (range.0 as u64, range.1 as u64), "", &mut wide);
        *value = wide as usize;
    }

    pub fn millis(&mut self, key: &'static str, range: (u64, u64), value: &mut Nanos) {
        let mut ms = value.0 / 1_000_000;
        self.count(key, range, "ms", &mut ms);
        *value = Nanos::from_millis(ms);
    }

    pub fn secs(&mut self, key: &'static str, range: (u64, u64), value: &mut Nanos) {
        let mut s = value.0 / 1_000_000_000;
        self.count(key, range, "s", &mut s);
        *value = Nanos::from_secs(s);
    }

    pub fn flag(&mut self, key: &'static str, value: &mut bool) {
        match self.field(key, &Kind::Flag, Value::Flag(*value)) {
            Value::Flag(flag) => *value = flag,
            other => unreachable!("a flag came back as {other:?}"),
        }
    }

    /// One of `all`, by the names in `names`, which has the same order.
    pub fn choice<T: Copy + PartialEq>(
        &mut self,
        key: &'static str,
        names: &'static [&'static str],
        all: &[T],
        value: &mut T,
    ) {
        let now = all.iter().position(|v| v == value).expect("`all` is complete");
        match self.field(key, &Kind::Choice(names), Value::Choice(now)) {
            Value::Choice(index) => *value = all[index],
            other => unreachable!("a choice came back as {other:?}"),
        }
    }

    pub fn text(
        &mut self,
        key: &'static str,
        check: fn(&str) -> Result<(), &'static str>,
        value: &mut String,
    ) {
        match self.field(key, &Kind::Text(check), Value::Text(std::mem::take(value))) {
            Value::Text(text) => *value = text,
            other => unreachable!("a text came back as {other:?}"),
        }
    }

    pub fn numbers(&mut self, key: &'static str, end: u64, most: usize, value: &mut Vec<usize>) {
        let now = value.iter().map(|n| *n as u64).collect();
        match self.field(key, &Kind::Numbers { end, most }, Value::Numbers(now)) {
            Value::Numbers(all) => *value = all.into_iter().map(|n| n as usize).collect(),
            other => unreachable!("numbers came back as {other:?}"),
        }
    }

    /// One value for each level of a ladder.
    pub fn per_level(
        &mut self,
        key: &'static str,
        value: Decimal,
        ascending: bool,
        list: &mut PerLevel,
    ) {
        let kind = Kind::Decimals { value, most: QUOTED_MAX, ascending };
        match self.field(key, &kind, Value::Decimals(list.as_slice().to_vec())) {
            Value::Decimals(all) => {
                *list = PerLevel::new(&all).expect("the reader takes no more than fit");
            }
            other => unreachable!("decimals came back as {other:?}"),
        }
    }

    pub fn table(
        &mut self,
        key: &'static str,
        column: &'static str,
        value: Decimal,
        table: &mut Table,
    ) {
        let most = crate::strategy::maker::TABLE_MAX;
        let now = table.rows().iter().map(|(above, v)| (above.0, *v)).collect();
        match self.field(key, &Kind::Rows { column, value, most }, Value::Rows(now)) {
            Value::Rows(rows) => {
                let rows: Vec<(Qty, i64)> = rows.into_iter().map(|(a, v)| (Qty(a), v)).collect();
                *table = Table::new(&rows).expect("the reader takes ascending rows only");
            }
            other => unreachable!("rows came back as {other:?}"),
        }
    }
}
