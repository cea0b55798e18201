//! Cold. Rust text as the rules see it: same lines, same columns, without comments, literals, tests.

/// One file: its path from the repository root with `/`, its text, and the text with comments and
/// literals blanked.
pub struct Source {
    pub path: String,
    pub text: String,
    pub code: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned(), code: blank_literals(text) }
    }

    /// `code` without what is compiled for tests only.
    pub fn shipped(&self) -> String {
        if self.path.ends_with("/tests.rs") {
            return String::new();
        }
        self.without(|line| line.starts_with("#[cfg(test)]"))
    }

    /// `shipped` without what is cold: functions marked `#[cold]` or documented as `Cold.`, and
    /// text for people.
    pub fn hot(&self) -> String {
        if self.path.ends_with("/tests.rs") {
            return String::new();
        }
        self.without(|line| {
            let told = line.starts_with("///")
                && (line.split_whitespace().any(|w| w == "Cold.") || line.contains("Cold callers"));
            let text = line.starts_with("impl")
                && (line.contains("Display for ") || line.contains("Debug for "));
            line.starts_with("#[cfg(test)]") || line.starts_with("#[cold]") || told || text
        })
    }

    /// Blanks every item behind a line that `marks` it.
    fn without(&self, marks: impl Fn(&str) -> bool) -> String {
        let mut code: Vec<u8> = self.code.clone().into_bytes();
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            if marks(line.trim_start()) {
                let end = item_end(&code, at);
                blank(&mut code[at..end]);
            }
            at += line.len();
        }
        String::from_utf8_lossy(&code).into_owned()
    }
}

/// Line of a byte, from 1.
pub fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count()
}

/// Where the identifier `word` stands in `code`.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let name = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).and_then(|i| bytes.get(i));
        let open = !word.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        !name(before) && (open || !name(bytes.get(at + word.len())))
    })
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|b| **b != b'\n') {
        *byte = b' ';
    }
}

/// End of the item that begins at `from`: behind its attributes, its `;` or its closing brace.
fn item_end(code: &[u8], from: usize) -> usize {
    let mut depth = 0;
    for (i, byte) in code.iter().enumerate().skip(from) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' => depth -= 1,
            b'}' => {
                depth -= 1;
                if depth <= 0 {
                    return i + 1;
                }
            }
            b';' if depth == 0 => return i + 1,
            _ => {}
        }
    }
    code.len()
}

/// Comments, strings and characters as spaces; lines stay where they are.
fn blank_literals(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        if end > at {
            blank(&mut code[at..end]);
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// End of the comment or literal that begins at `at`, or `at` when none does.
fn literal_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let until = |from: usize, mark: &[u8]| {
        let found = rest[from..].windows(mark.len()).position(|w| w == mark);
        found.map_or(bytes.len(), |i| at + from + i + mark.len())
    };
    match rest {
        [b'/', b'/', ..] => until(2, b"\n"),
        [b'/', b'*', ..] => block_end(bytes, at),
        [b'"', ..] => string_end(bytes, at),
        [b'r', b'"' | b'#', ..] if !in_name(bytes, at) => {
            let hashes = rest[1..].iter().take_while(|b| **b == b'#').count();
            match rest.get(1 + hashes) {
                Some(b'"') => {
                    let mark = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
                    until(2 + hashes, &mark)
                }
                // A raw identifier.
                _ => at,
            }
        }
        [b'\'', b'\\', ..] => until(3, b"'"),
        // A character, not a lifetime: its quote closes behind one scalar of at most four bytes.
        [b'\'', c, tail @ ..] if *c != b'\'' => {
            let width = 1 + tail.iter().take(3).take_while(|b| **b & 0xc0 == 0x80).count();
            if rest.get(1 + width) == Some(&b'\'') { at + width + 2 } else { at }
        }
        _ => at,
    }
}

/// The `r` at `at` ends a name, as in `bar"`; the `b` of `br"` is no name.
fn in_name(bytes: &[u8], at: usize) -> bool {
    let name = |i: usize| bytes[i].is_ascii_alphanumeric() || bytes[i] == b'_';
    match at {
        0 => false,
        1 => name(0) && bytes[0] != b'b',
        _ => name(at - 1) && (bytes[at - 1] != b'b' || name(at - 2)),
    }
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut i = at + 1;
    while i < bytes.len() && bytes[i] != b'"' {
        i += if bytes[i] == b'\\' { 2 } else { 1 };
    }
    (i + 1).min(bytes.len())
}

fn block_end(bytes: &[u8], at: usize) -> usize {
    let (mut i, mut depth) = (at, 0);
    while i + 1 < bytes.len() {
        match &bytes[i..i + 2] {
            b"/*" => (i, depth) = (i + 2, depth + 1),
            b"*/" => (i, depth) = (i + 2, depth - 1),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    bytes.len()
}

#[test]
fn literals_and_comments_are_blank() {
    let code = |text: &str| Source::new("src/x.rs", text).code;
    assert_eq!(code("a // f64\nb"), "a        \nb".replace("        \n", "       \n"));
    assert_eq!(code("a /* x /* f64 */ y */ b").trim_end(), format!("a {:19} b", ""));
    assert_eq!(code(r#"a("f64 \" f64", 'x', '\'', b'"') f"#).matches("f64").count(), 0);
    assert!(code(r#"a("f64 \" f64", 'x', '\'', b'"') f"#).ends_with(") f"));
    assert!(code("x(r#\"f64 \" f64\"#, br\"\\\") f").ends_with(") f"));
    assert_eq!(code("fn f<'a>(x: &'a str) -> &'a str"), "fn f<'a>(x: &'a str) -> &'a str");
    assert_eq!(code("r#type + bar").trim(), "r#type + bar");
}

#[test]
fn tests_and_cold_functions_are_hidden() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn t() { f64; } }\nfn b() {}\n\
                #[cold]\n#[inline(never)]\nfn c(x: [u8; 2]) -> u8 { f64 }\nfn d() {}\n\
                /// Opens it. Cold.\n/// More.\npub fn e() { f64 }\nfn f() {}\n#[cfg(test)]\nmod g;\nfn h() {}";
    let source = Source::new("src/x.rs", text);
    assert_eq!(words(&source.shipped(), "f64").count(), 2);
    let hot = source.hot();
    assert_eq!(words(&hot, "f64").count(), 0);
    for name in ["a", "b", "d", "f", "h"] {
        assert!(hot.contains(&format!("fn {name}()")), "{name}: {hot}");
    }
    assert_eq!(words("f64 xf64 f64x (f64)", "f64").collect::<Vec<_>>(), [0, 15]);
}
