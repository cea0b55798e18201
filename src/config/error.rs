//! Cold. What is wrong with a configuration: each error with its place, all of them at once.
//!
//! One bad key costs one start; ten bad keys that are shown one by one cost ten. A message names
//! the place, the key, the reason and, where there is one, the nearest valid choice. It never
//! carries what a key that looks like a secret holds.

use std::fmt;
use std::sync::Arc;

/// Where a value was stated: a place in a file, or a variable or flag by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Number of the layer, lowest first; the defaults are layer zero.
    pub(super) layer: usize,
    /// 1-based; zero where there are no lines (environment, flags).
    pub(super) line: u32,
    /// 1-based, in characters.
    pub(super) column: u32,
    pub(super) source: Arc<str>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.source),
            line => write!(f, "{}:{line}:{}", self.source, self.column),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigError {
    pub(super) at: Origin,
    pub(super) key: String,
    pub(super) what: String,
}

impl ConfigError {
    pub fn at(&self) -> &Origin {
        &self.at
    }

    /// The key with its sections (`market.SOL.maker.size`); empty for a syntax error.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong, why, and the nearest valid choice where there is one.
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "{}: {}", self.at, self.what),
            key => write!(f, "{}: {key}: {}", self.at, self.what),
        }
    }
}

/// Everything that is wrong, by place. Displayed one error a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
}

impl ConfigErrors {
    /// # Panics
    /// When there is no error: a refusal has a reason.
    pub(super) fn new(mut errors: Vec<ConfigError>) -> ConfigErrors {
        assert!(!errors.is_empty(), "a refusal has a reason");
        errors.sort();
        errors.dedup();
        ConfigErrors { errors }
    }

    pub fn errors(&self) -> &[ConfigError] {
        &self.errors
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Insertions, deletions, replacements and swaps of neighbours that make `a` into `b` (optimal
/// string alignment). Names are short: the full table is a few hundred cells.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best =
                (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

/// The choice nearest to `name`, if one is near enough to be meant: a third of its length.
pub(super) fn nearest<'a>(name: &str, choices: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    choices
        .map(|choice| (distance(&name, &choice.to_lowercase()), choice))
        .filter(|(d, choice)| *d <= (choice.len().max(name.len()) / 3).max(1))
        .min()
        .map(|(_, choice)| choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, want) in [
            ("", "", 0),
            ("", "abc", 3),
            ("size", "size", 0),
            ("szie", "size", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), want, "{a} {b}");
        }
    }

    #[test]
    fn only_what_can_be_meant_is_proposed() {
        let keys = ["size", "size_min", "soft_cap"];
        assert_eq!(nearest("sise_min", keys.into_iter()), Some("size_min"));
        assert_eq!(nearest("Soft-Cap", keys.into_iter()), Some("soft_cap"));
        assert_eq!(nearest("leverage", keys.into_iter()), None);
    }
}
