//! Cold. The three walks over the schema: reading what was typed, writing it back, listing keys.

use std::collections::BTreeSet;

use super::error::{ConfigError, Origin, nearest};
use super::fields::{Decimal, Fields, Kind, Value};
use super::layer::{Leaf, Leaves, Raw, join, shown};
use crate::units::{NumError, parse_raw, raw_text};

/// Reads a scope's fields from its leaves. A field with an error keeps its old value, is noted as
/// bad, and is left out of the checks between fields.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    leaves: &'a Leaves,
    /// Name of the scope in messages.
    scope: &'a str,
    path: Vec<&'static str>,
    errors: &'a mut Vec<ConfigError>,
    pub bad: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub fn new(leaves: &'a Leaves, scope: &'a str, errors: &'a mut Vec<ConfigError>) -> Self {
        Reader { leaves, scope, path: Vec::new(), errors, bad: BTreeSet::new() }
    }
}

impl Fields for Reader<'_> {
    fn enter(&mut self, section: &'static str) {
        self.path.push(section);
    }

    fn leave(&mut self) {
        self.path.pop();
    }

    fn field(&mut self, key: &'static str, kind: &Kind, now: Value) -> Value {
        let path = join(&self.path.join("."), key);
        let leaf = self.leaves.get(&path).expect("config/default.toml states every key (tested)");
        if let Raw::Refused = leaf.raw {
            self.bad.insert(path);
            return now;
        }
        let mut faults = Vec::new();
        match parse(leaf, kind, &mut faults) {
            Some(value) if faults.is_empty() => value,
            _ => {
                let key = join(self.scope, &path);
                for (at, what) in faults {
                    self.errors.push(ConfigError { at, key: key.clone(), what });
                }
                self.bad.insert(path);
                now
            }
        }
    }

    fn wants_disabled(&self) -> bool {
        true
    }
}

type Faults = Vec<(Origin, String)>;

fn parse(leaf: &Leaf, kind: &Kind, faults: &mut Faults) -> Option<Value> {
    let one = match kind {
        Kind::Decimal(decimal) => parse_decimal(leaf, decimal).map(|r| Value::Decimal(Some(r))),
        Kind::DecimalOrAuto(_) if text(leaf) == Some("auto") => Ok(Value::Decimal(None)),
        Kind::DecimalOrAuto(decimal) => parse_decimal(leaf, decimal)
            .map(|r| Value::Decimal(Some(r)))
            .map_err(|what| format!("{what} (or \"auto\")")),
        Kind::Count { min, max, unit } => parse_count(leaf, *min, *max, unit).map(Value::Count),
        Kind::Flag => match (&leaf.raw, text(leaf)) {
            (Raw::Flag(flag), _) => Ok(Value::Flag(*flag)),
            (Raw::Untyped(_), Some("true")) => Ok(Value::Flag(true)),
            (Raw::Untyped(_), Some("false")) => Ok(Value::Flag(false)),
            (other, _) => Err(format!("expected true or false, found {}", type_of(other))),
        },
        Kind::Choice(names) => parse_choice(leaf, names).map(Value::Choice),
        Kind::Text(check) => match text(leaf) {
            Some(text) => check(text).map(|()| Value::Text(text.to_owned())).map_err(str::to_owned),
            None => Err(format!("expected a string, found {}", type_of(&leaf.raw))),
        },
        Kind::Numbers { end, most } => return parse_numbers(leaf, *end, *most, faults),
        Kind::Decimals { value, most, ascending } => {
            return parse_decimals(leaf, value, *most, *ascending, faults);
        }
        Kind::Rows { column, value, most } => {
            return parse_rows(leaf, column, value, *most, faults);
        }
    };
    one.map_err(|what| faults.push((leaf.at.clone(), what))).ok()
}

fn text(leaf: &Leaf) -> Option<&str> {
    match &leaf.raw {
        Raw::Text(text) | Raw::Untyped(text) => Some(text),
        _ => None,
    }
}

fn type_of(raw: &Raw) -> &'static str {
    match raw {
        Raw::Text(_) => "a string",
        Raw::Int(_) => "a whole number",
        Raw::Float(_) => "a float",
        Raw::Flag(_) => "true or false",
        Raw::List(_) => "a list",
        Raw::Row(_) => "a table",
        Raw::Untyped(_) => "this text",
        Raw::Other(name) => name,
        Raw::Refused => "a refused value",
    }
}

/// In raw units of the decimal, exactly or not at all.
fn parse_decimal(leaf: &Leaf, decimal: &Decimal) -> Result<i64, String> {
    let typed = match &leaf.raw {
        Raw::Text(text) | Raw::Int(text) | Raw::Untyped(text) => text,
        Raw::Float(text) if parse_raw(text.as_bytes()).is_ok() => {
            return Err(format!("a float would be rounded before it is read: write \"{text}\""));
        }
        Raw::Float(_) => {
            return Err("a float is not exact: write a plain decimal in quotes".to_owned());
        }
        other => {
            return Err(format!("expected a decimal in quotes, found {}", type_of(other)));
        }
    };
    let shown = shown(typed);
    let raw = parse_raw(typed.as_bytes()).map_err(|e| match e {
        NumError::TooLarge | NumError::TooPrecise => format!("{shown} has {}", too(e)),
        NumError::Empty | NumError::BadByte => {
            format!("\"{shown}\" is {}: write digits and at most one point", e.name())
        }
    })?;
    if raw % decimal.step() != 0 {
        let places = decimal.places;
        return Err(format!("{shown} has more than {places} decimal places: it would be rounded"));
    }
    let range = decimal.range();
    if !range.contains(&raw) {
        let (min, max, unit) = (raw_text(*range.start()), raw_text(*range.end()), decimal.unit);
        return Err(format!("{shown} is outside {min} ..= {max} {unit}").trim_end().to_owned());
    }
    Ok(raw / decimal.step())
}

fn too(error: NumError) -> &'static str {
    match error {
        NumError::TooPrecise => "more than 8 decimal places: it would be rounded",
        _ => "a value beyond 10^10",
    }
}

fn parse_count(leaf: &Leaf, min: u64, max: u64, unit: &str) -> Result<u64, String> {
    let outside = |typed: &str| {
        Err(format!("{} is outside {min} ..= {max} {unit}", shown(typed)).trim_end().to_owned())
    };
    let typed = match &leaf.raw {
        Raw::Int(text) | Raw::Untyped(text) => text,
        Raw::Text(text) if text.parse::<u64>().is_ok() => {
            return Err(format!("expected a whole number: write {text} without quotes"));
        }
        Raw::Float(_) => return Err("expected a whole number, found a float".to_owned()),
        other => return Err(format!("expected a whole number, found {}", type_of(other))),
    };
    match typed.parse::<u64>() {
        Ok(count) if (min..=max).contains(&count) => Ok(count),
        Ok(_) => outside(typed),
        Err(_) if matches!(leaf.raw, Raw::Int(_)) => outside(typed),
        Err(_) => Err(format!("\"{}\" is not a whole number", shown(typed))),
    }
}

fn parse_choice(leaf: &Leaf, names: &[&'static str]) -> Result<usize, String> {
    let Some(typed) = text(leaf) else {
        let all = names.join(", ");
        return Err(format!("expected one of {all}, found {}", type_of(&leaf.raw)));
    };
    if let Some(index) = names.iter().position(|n| *n == typed) {
        return Ok(index);
    }
    let (all, shown) = (names.join(", "), shown(typed));
    Err(match nearest(typed, names.iter().copied()) {
        Some(near) => format!("\"{shown}\" is none of {all}; did you mean \"{near}\"?"),
        None => format!("\"{shown}\" is none of {all}"),
    })
}

fn parse_numbers(leaf: &Leaf, end: u64, most: usize, faults: &mut Faults) -> Option<Value> {
    let from_text;
    let list = match &leaf.raw {
        Raw::List(list) => list,
        // `2,3,4` in a variable.
        Raw::Untyped(typed) => {
            let parts = typed.split(',').map(str::trim).filter(|p| !p.is_empty());
            let leaf = |p: &str| Leaf { raw: Raw::Untyped(p.to_owned()), at: leaf.at.clone() };
            from_text = parts.map(leaf).collect::<Vec<Leaf>>();
            &from_text
        }
        other => {
            let what = format!("expected a list of whole numbers, found {}", type_of(other));
            faults.push((leaf.at.clone(), what));
            return None;
        }
    };
    if list.len() > most {
        faults.push((
            leaf.at.clone(),
            format!("{} entries, and at most {most} mean something", list.len()),
        ));
    }
    let mut out = Vec::with_capacity(list.len());
    for entry in list {
        match parse_count(entry, 0, end - 1, "") {
            Ok(n) if out.contains(&n) => {
                faults.push((entry.at.clone(), format!("{n} is in the list twice")));
            }
            Ok(n) => out.push(n),
            Err(what) => faults.push((entry.at.clone(), what)),
        }
    }
    Some(Value::Numbers(out))
}

fn parse_decimals(
    leaf: &Leaf,
    value: &Decimal,
    most: usize,
    ascending: bool,
    faults: &mut Faults,
) -> Option<Value> {
    let Raw::List(list) = &leaf.raw else {
        let what = format!("expected a list of decimals in quotes, found {}", type_of(&leaf.raw));
        faults.push((leaf.at.clone(), what));
        return None;
    };
    if list.len() > most {
        faults.push((leaf.at.clone(), format!("{} entries, and at most {most} fit", list.len())));
        return None;
    }
    let mut out: Vec<i64> = Vec::with_capacity(list.len());
    for entry in list {
        match parse_decimal(entry, value) {
            Ok(raw) if ascending && out.last().is_some_and(|before| *before >= raw) => {
                faults.push((entry.at.clone(), "the list must ascend".to_owned()));
            }
            Ok(raw) => out.push(raw),
            Err(what) => faults.push((entry.at.clone(), what)),
        }
    }
    Some(Value::Decimals(out))
}

fn parse_rows(
    leaf: &Leaf,
    column: &str,
    value: &Decimal,
    most: usize,
    faults: &mut Faults,
) -> Option<Value> {
    let form = format!("{{ above = \"...\", {column} = \"...\" }}");
    let Raw::List(list) = &leaf.raw else {
        let what = format!("expected a list of {form}, found {}", type_of(&leaf.raw));
        faults.push((leaf.at.clone(), what));
        return None;
    };
    if list.len() > most {
        faults.push((leaf.at.clone(), format!("{} rows, and at most {most} fit", list.len())));
    }
    let mut out: Vec<(i64, i64)> = Vec::with_capacity(list.len());
    for row in list {
        let Raw::Row(cells) = &row.raw else {
            faults.push((row.at.clone(), format!("expected {form}, found {}", type_of(&row.raw))));
            continue;
        };
        let mut cell = |name: &str, decimal: &Decimal| {
            let Some((_, _, leaf)) = cells.iter().find(|(key, ..)| key == name) else {
                faults.push((row.at.clone(), format!("a row without `{name}`: write {form}")));
                return None;
            };
            let fault = |what| (leaf.at.clone(), format!("{name}: {what}"));
            parse_decimal(leaf, decimal).map_err(|what| faults.push(fault(what))).ok()
        };
        let above = cell("above", &super::fields::UNITS);
        let effect = cell(column, value);
        for (key, at, _) in cells.iter().filter(|(key, ..)| key != "above" && key != column) {
            let what = format!("unknown key `{}` in a row: write {form}", shown(key));
            faults.push((at.clone(), what));
        }
        let (Some(above), Some(effect)) = (above, effect) else { continue };
        if out.last().is_some_and(|before| before.0 >= above) {
            faults
                .push((row.at.clone(), "thresholds must ascend: this row never holds".to_owned()));
        }
        out.push((above, effect));
    }
    Some(Value::Rows(out))
}

/// Writes fields as TOML, in the schema's order.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub out: String,
    path: Vec<&'static str>,
}

impl Fields for Writer {
    fn enter(&mut self, section: &'static str) {
        self.path.push(section);
        self.out.push_str(&format!("\n[{}]\n", self.path.join(".")));
    }

    fn leave(&mut self) {
        self.path.pop();
    }

    fn field(&mut self, key: &'static str, kind: &Kind, now: Value) -> Value {
        self.out.push_str(&format!("{key} = {}\n", typed(kind, &now)));
        now
    }

    fn wants_disabled(&self) -> bool {
        false
    }
}

impl Writer {
    /// Writes one entry of `[[name]]`.
    pub fn entry(&mut self, name: &'static str, fields: impl FnOnce(&mut dyn Fields)) {
        self.out.push_str(&format!("\n[[{name}]]\n"));
        self.path.push(name);
        fields(self);
        self.path.pop();
    }
}

fn typed(kind: &Kind, value: &Value) -> String {
    let decimal = |d: &Decimal, raw: i64| format!("\"{}\"", d.text(raw));
    match (kind, value) {
        (Kind::Decimal(d) | Kind::DecimalOrAuto(d), Value::Decimal(Some(raw))) => decimal(d, *raw),
        (_, Value::Decimal(_)) => "\"auto\"".to_owned(),
        (_, Value::Count(count)) => count.to_string(),
        (_, Value::Flag(flag)) => flag.to_string(),
        (Kind::Choice(names), Value::Choice(index)) => format!("\"{}\"", names[*index]),
        (_, Value::Text(text)) => toml::Value::String(text.clone()).to_string(),
        (_, Value::Numbers(all)) => format!("{all:?}"),
        (Kind::Decimals { value, .. }, Value::Decimals(all)) => {
            let all: Vec<String> = all.iter().map(|raw| decimal(value, *raw)).collect();
            format!("[{}]", all.join(", "))
        }
        (Kind::Rows { column, value, .. }, Value::Rows(rows)) => {
            let above = &super::fields::UNITS;
            let row = |(a, v): &(i64, i64)| {
                format!("{{ above = {}, {column} = {} }}", decimal(above, *a), decimal(value, *v))
            };
            format!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join(", "))
        }
        (kind, value) => unreachable!("a {kind:?} that holds {value:?}"),
    }
}

/// Lists every key of a scope with what it takes.
#[derive(Debug, Default)]
pub(super) struct Lister {
    pub keys: Vec<(String, String)>,
    path: Vec<&'static str>,
}

impl Fields for Lister {
    fn enter(&mut self, section: &'static str) {
        self.path.push(section);
    }

    fn leave(&mut self) {
        self.path.pop();
    }

    fn field(&mut self, key: &'static str, kind: &Kind, now: Value) -> Value {
        self.keys.push((join(&self.path.join("."), key), kind.takes()));
        now
    }

    fn wants_disabled(&self) -> bool {
        true
    }
}
