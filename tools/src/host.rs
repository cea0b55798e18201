//! Cold. What is read of a host, and the forms in which Linux writes it.
//!
//! All files lie under one root, so that a test can show a host that is not this one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Cpus by number.
pub type Cpus = BTreeSet<usize>;

/// Highest cpu number that is believed: Linux builds for at most 8192.
const CPU_MAX: usize = 8191;

/// A host by its files.
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
}

impl Host {
    pub fn at(root: &Path) -> Host {
        Host { root: root.to_owned() }
    }

    /// A file's text without blanks around it; `None` when it cannot be read.
    pub fn read(&self, path: &str) -> Option<String> {
        let text = fs::read_to_string(self.root.join(path)).ok()?;
        Some(text.trim().to_owned())
    }

    /// Interrupts with the cpus that may serve them, in the order of their numbers.
    pub fn interrupts(&self) -> Vec<(usize, Cpus)> {
        let Ok(entries) = fs::read_dir(self.root.join("proc/irq")) else { return Vec::new() };
        let mut all: Vec<(usize, Cpus)> = entries
            .filter_map(|entry| {
                let irq: usize = entry.ok()?.file_name().to_str()?.parse().ok()?;
                // The effective cpus where the kernel tells them, else the allowed ones.
                let served = self
                    .read(&format!("proc/irq/{irq}/effective_affinity_list"))
                    .filter(|list| !list.is_empty())
                    .or_else(|| self.read(&format!("proc/irq/{irq}/smp_affinity_list")))?;
                Some((irq, cpu_list(&served)?))
            })
            .collect();
        all.sort_unstable_by_key(|(irq, _)| *irq);
        all
    }
}

/// `0-3,8` and the strided form `0-7:2/4`, which is the first 2 of every 4. `None` when it is
/// anything else.
pub fn cpu_list(text: &str) -> Option<Cpus> {
    let mut cpus = Cpus::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (range, stride) = match part.split_once(':') {
            None => (part, (1, 1)),
            Some((range, stride)) => {
                let (used, group) = stride.split_once('/')?;
                (range, (used.parse().ok()?, group.parse().ok()?))
            }
        };
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        let (used, group): (usize, usize) = stride;
        if first > last || last > CPU_MAX || used == 0 || used > group {
            return None;
        }
        cpus.extend((first..=last).filter(|cpu| (cpu - first) % group < used));
    }
    Some(cpus)
}

/// The shortest list: `0-3,8`.
pub fn list_text(cpus: &Cpus) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for cpu in cpus {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *cpu => *last = *cpu,
            _ => runs.push((*cpu, *cpu)),
        }
    }
    let text = |(first, last): &(usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    runs.iter().map(text).collect::<Vec<_>>().join(",")
}

/// The cpus that a parameter of the kernel's command line names; the last one holds. Flags before
/// the list (`isolcpus=managed_irq,domain,2-5`) are passed over. `None` without the parameter.
pub fn boot_cpus(command_line: &str, parameter: &str) -> Option<Cpus> {
    let value = command_line
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .filter(|(name, _)| *name == parameter)
        .map(|(_, value)| value)
        .next_back()?;
    let is_flag = |part: &&str| part.starts_with(|c: char| c.is_ascii_alphabetic());
    let list: Vec<&str> = value.split(',').filter(|part| !is_flag(part)).collect();
    cpu_list(&list.join(","))
}

/// The choice in brackets: `always [madvise] never`.
pub fn chosen(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(choice, _)| choice)
}

/// The soft limit of a row of `/proc/self/limits`.
pub fn soft_limit<'a>(limits: &'a str, name: &str) -> Option<&'a str> {
    let row = limits.lines().find(|line| line.starts_with(name))?;
    row[name.len()..].split_whitespace().next()
}

/// Does the first processor of `/proc/cpuinfo` have this flag?
pub fn has_flag(cpuinfo: &str, flag: &str) -> bool {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags"));
    flags.is_some_and(|line| line.split_whitespace().any(|word| word == flag))
}

/// Swap areas of `/proc/swaps`.
pub fn swaps(text: &str) -> Vec<&str> {
    text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(cpus: &[usize]) -> Cpus {
        cpus.iter().copied().collect()
    }

    #[test]
    fn lists_are_read_and_written() {
        assert_eq!(cpu_list("0-3,8\n"), Some(set(&[0, 1, 2, 3, 8])));
        assert_eq!(cpu_list(""), Some(set(&[])));
        assert_eq!(cpu_list("0-7:2/4"), Some(set(&[0, 1, 4, 5])));
        for bad in ["x", "3-1", "1-", "-1", "0-99999", "1 2", "0-3:2", "0-3:0/2", "0-3:3/2", "1.5"]
        {
            assert_eq!(cpu_list(bad), None, "{bad}");
        }
        assert_eq!(list_text(&set(&[0, 1, 2, 5, 7, 8])), "0-2,5,7-8");
        assert_eq!(list_text(&set(&[])), "");
    }

    #[test]
    fn the_command_line_is_read() {
        let line = "quiet isolcpus=1 nohz_full=2-3 isolcpus=managed_irq,domain,2-4,7 rcu_nocbs=all";
        assert_eq!(boot_cpus(line, "isolcpus"), Some(set(&[2, 3, 4, 7])));
        assert_eq!(boot_cpus(line, "nohz_full"), Some(set(&[2, 3])));
        assert_eq!(boot_cpus(line, "nohz"), None);
        // A word instead of cpus names none: it is looked at elsewhere.
        assert_eq!(boot_cpus(line, "rcu_nocbs"), Some(set(&[])));
    }

    #[test]
    fn other_forms_are_read() {
        assert_eq!(chosen("always [madvise] never"), Some("madvise"));
        assert_eq!(chosen("always"), None);
        let limits = "Limit            Soft Limit  Hard Limit  Units\n\
                      Max core file size        0                    unlimited            bytes\n\
                      Max locked memory         8388608              8388608              bytes\n";
        assert_eq!(soft_limit(limits, "Max locked memory"), Some("8388608"));
        assert_eq!(soft_limit(limits, "Max core file size"), Some("0"));
        assert_eq!(soft_limit(limits, "Max nice priority"), None);
        let info = "processor\t: 0\nflags\t\t: fpu constant_tsc nonstop_tsc\n";
        assert!(has_flag(info, "nonstop_tsc") && !has_flag(info, "tsc"));
        assert_eq!(swaps("Filename Type Size\n/dev/sda2 partition 1\n"), ["/dev/sda2"]);
        assert_eq!(swaps("Filename Type Size\n"), [""; 0]);
    }
}
