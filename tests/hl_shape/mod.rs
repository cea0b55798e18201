//! Cold. JSON values that can be written as the venue does, or in any order and spacing.

/// A JSON value whose members can be written in any order.
#[derive(Clone, Debug)]
pub enum Json {
    Plain(String),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    pub fn text(text: impl std::fmt::Display) -> Json {
        Json::Plain(format!("\"{text}\""))
    }

    /// As the venue writes it.
    pub fn compact(&self, out: &mut String) {
        self.write(out, &mut |_| {}, &mut |_| 0);
    }

    fn write(
        &self,
        out: &mut String,
        space: &mut dyn FnMut(&mut String),
        pick: &mut dyn FnMut(usize) -> usize,
    ) {
        space(out);
        match self {
            Json::Plain(text) => out.push_str(text),
            Json::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write(out, space, pick);
                }
                space(out);
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                let mut left: Vec<_> = members.iter().collect();
                let mut first = true;
                while !left.is_empty() {
                    let (name, value) = left.remove(pick(left.len()));
                    if !first {
                        out.push(',');
                    }
                    first = false;
                    space(out);
                    out.push_str(&format!("\"{name}\""));
                    space(out);
                    out.push(':');
                    value.write(out, space, pick);
                }
                space(out);
                out.push('}');
            }
        }
        space(out);
    }

    /// In a random order with random white space.
    pub fn shuffled(&self, seed: u64) -> String {
        let state = std::cell::Cell::new(seed | 1);
        let next = || {
            let mut x = state.get();
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            state.set(x);
            (x >> 33) as usize
        };
        let mut out = String::new();
        let mut space = |out: &mut String| {
            if next() % 3 == 0 {
                out.push([' ', '\t', '\n', '\r'][next() % 4]);
            }
        };
        self.write(&mut out, &mut space, &mut |n| next() % n);
        out
    }
}
