//! Cold. The timeline: one line for each thing that was said or that happened to the account.

use std::collections::VecDeque;
use std::io::Read;

use serde_json::{Value, json};

use super::Answer;
use super::walk::{Group, Visit, walk};
use super::words;
use crate::core::{Core, CoreConfig};
use crate::event::{Action, Component, Event};
use crate::journal::file::Reader;
use crate::ops::Failure;
use crate::units::{Nanos, raw_text};

#[derive(Debug)]
struct Lines<'a> {
    config: &'a CoreConfig,
    last: Option<usize>,
    first: Option<Nanos>,
    kept: VecDeque<(Nanos, String, Value)>,
    dropped: u64,
}

impl Lines<'_> {
    fn push(&mut self, now: Nanos, text: String, json: Value) {
        self.kept.push_back((now, text, json));
        if self.last.is_some_and(|last| self.kept.len() > last) {
            self.kept.pop_front();
            self.dropped += 1;
        }
    }
}

impl Visit for Lines<'_> {
    fn group(&mut self, group: &Group, _core: &mut Core) -> bool {
        let now = group.input.now;
        self.first.get_or_insert(now);
        if let Some((text, json)) = happened(&group.input.event) {
            self.push(now, text, json);
        }
        for action in &group.actions {
            // A quote's order is told by its note; the others have no note of their own price.
            if let Action::Place { component, order, side, px, qty, .. } = *action
                && !component.is_quoting()
                && component != Component::Hedger
            {
                let (n, who) = (order.counter(), component.name());
                let json = json!({ "kind": "place", "order": n, "component": who,
                    "side": side.name(), "px": px.to_string(), "qty": qty.to_string() });
                self.push(now, format!("{who} {side} {qty} @ {px}  #{n}"), json);
            }
        }
        for note in &group.notes {
            let (text, json) =
                (words::note(note, self.config), words::note_json(note, self.config));
            self.push(now, text, json);
        }
        true
    }
}

/// Facts about the account and the links that explain what is said behind them.
fn happened(event: &Event) -> Option<(String, Value)> {
    Some(match *event {
        Event::Fill { order, side, px, qty, taker, fee, .. } => {
            let (n, how) = (order.counter(), if taker { "taker" } else { "maker" });
            let fee = raw_text(fee);
            let text = format!("fill #{n} {side} {qty} @ {px} as {how}, fee {fee}");
            let json = json!({ "kind": "fill", "order": n, "side": side.name(), "fee": fee,
                "px": px.to_string(), "qty": qty.to_string(), "taker": taker });
            (text, json)
        }
        Event::Reject { order, reason, code, .. } => {
            let (n, why) = (order.counter(), reason.name());
            let json = json!({ "kind": "reject", "order": n, "reason": why, "code": code });
            (format!("reject #{n}: {why}, code {code}"), json)
        }
        Event::LinkUp { link, .. } => link_line(link.name(), "up"),
        Event::LinkDown { link, .. } => link_line(link.name(), "down"),
        Event::Gap { reason, .. } => {
            let why = reason.name();
            (format!("book torn: {why}"), json!({ "kind": "gap", "reason": why }))
        }
        Event::Command { command } => {
            let name = command.name();
            (format!("command {name}"), json!({ "kind": "command", "command": name }))
        }
        _ => return None,
    })
}

fn link_line(link: &str, state: &str) -> (String, Value) {
    (format!("link {link} {state}"), json!({ "kind": "link", "link": link, "state": state }))
}

pub fn answer<R: Read>(
    reader: &mut Reader<R>,
    config: &CoreConfig,
    last: Option<usize>,
) -> Result<Answer, Failure> {
    let mut lines = Lines { config, last, first: None, kept: VecDeque::new(), dropped: 0 };
    let walked = walk(reader, config, &mut lines)?;
    let mut text: Vec<String> = Vec::new();
    if lines.dropped > 0 {
        text.push(format!("({} lines before)", lines.dropped));
    }
    let told = lines.kept.iter();
    text.extend(told.map(|(now, t, _)| format!("{:>16}  {t}", words::after(walked.first, *now))));
    let (whole, inputs) = (words::after(walked.first, walked.last), walked.inputs);
    text.push(format!("{inputs} inputs, the last at {whole}"));
    text.extend(walked.caveat.iter().map(|c| format!("note: {c}")));
    let line = |(now, _, json): (Nanos, String, Value)| {
        let mut json = json;
        json["ns"] = now.0.into();
        json["after"] = words::after(walked.first, now).into();
        json
    };
    let json = json!({
        "lines": lines.kept.into_iter().map(line).collect::<Vec<Value>>(),
        "left_out": lines.dropped,
        "inputs": inputs,
        "caveat": walked.caveat,
    });
    Ok(Answer { text: text.join("\n"), json, found: true })
}
