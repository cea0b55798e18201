//! Cold. A moment: each market's book, account and signals then, and why each side and the hedger
//! did what they did.

use std::io::Read;

use serde_json::{Value, json};

use super::walk::{Group, Visit, walk};
use super::words::{self, Seen};
use super::{Answer, Moment};
use crate::core::{Core, CoreConfig};
use crate::event::Input;
use crate::explain::Note;
use crate::instrument::InstId;
use crate::journal::file::Reader;
use crate::ops::Failure;
use crate::units::Nanos;

/// The last words about a market: its sides' quotes, its hedger, its last refusal.
type Said = [Option<(Nanos, Note)>; 4];
const HEDGER: usize = 2;
const REFUSED: usize = 3;

#[derive(Debug)]
struct Until {
    at: Moment,
    end: Option<Nanos>,
    said: Vec<Said>,
    seen: Vec<Seen>,
    done: bool,
}

impl Until {
    fn look(&mut self, core: &mut Core) {
        let all = 0..self.said.len();
        self.seen = all.filter_map(|i| Seen::of(core, InstId(i as u16))).collect();
    }
}

impl Visit for Until {
    fn before(&mut self, input: &Input, core: &mut Core) {
        let end = *self.end.get_or_insert(match self.at {
            Moment::Absolute(end) => end,
            Moment::After(span) => input.now.after(span),
        });
        if !self.done && input.now > end {
            self.done = true;
            self.look(core);
        }
    }

    fn group(&mut self, group: &Group, core: &mut Core) -> bool {
        if self.done {
            return false;
        }
        for note in &group.notes {
            let (inst, slot) = match *note {
                Note::Quote { inst, side, .. } => (inst, side.index()),
                Note::Hedge { inst, .. } => (inst, HEDGER),
                Note::Refused { inst, .. } => (inst, REFUSED),
                _ => continue,
            };
            if let Some(said) = self.said.get_mut(usize::from(inst.0)) {
                said[slot] = Some((group.input.now, *note));
            }
        }
        // The journal may end before the moment: its last state is the answer then.
        self.look(core);
        true
    }
}

pub fn answer<R: Read>(
    reader: &mut Reader<R>,
    config: &CoreConfig,
    at: Moment,
) -> Result<Answer, Failure> {
    let said = vec![Said::default(); config.instruments.len()];
    let mut until = Until { at, end: None, said, seen: Vec::new(), done: false };
    let walked = walk(reader, config, &mut until)?;
    let (first, end) = (walked.first, until.end.unwrap_or_default());
    if walked.inputs == 0 || end < first {
        let text = "the journal has nothing at that moment".to_owned();
        return Ok(Answer { json: json!({ "found": false }), text, found: false });
    }
    let mut lines = vec![format!("at {} ({} ns)", words::after(first, end), end.0)];
    if !until.done {
        lines.push(format!("the journal ends before, at {}", words::after(first, walked.last)));
    }
    let mut markets = Vec::new();
    for (i, (seen, said)) in until.seen.iter().zip(&until.said).enumerate() {
        let symbol = words::symbol(config, InstId(i as u16));
        lines.push(symbol.to_owned());
        lines.extend(seen.lines().iter().map(|l| format!("  {l}")));
        let mut json = json!({ "symbol": symbol, "seen": seen.json() });
        for (name, said) in ["buy", "sell", "hedger", "refused"].into_iter().zip(said) {
            let told = said.as_ref().map(|(now, note)| {
                (words::after(first, *now), words::note(note, config), note, now)
            });
            match &told {
                Some((after, text, ..)) => {
                    lines.push(format!("  {name:<9} {text} (since {after})"));
                }
                None if name == "refused" => {}
                None => lines.push(format!("  {name:<9} nothing said yet")),
            }
            json[name] = told.map_or(Value::Null, |(after, _, note, now)| {
                let mut json = words::note_json(note, config);
                json["since_ns"] = now.0.into();
                json["since"] = after.into();
                json
            });
        }
        markets.push(json);
    }
    lines.extend(walked.caveat.iter().map(|c| format!("note: {c}")));
    let json = json!({
        "found": true,
        "at_ns": end.0,
        "reached": until.done,
        "markets": markets,
        "caveat": walked.caveat,
    });
    Ok(Answer { text: lines.join("\n"), json, found: true })
}
