//! Cold. Is this host fit for pinned, spinning threads? Each check says what was found and, when
//! that is not good, the command that makes it good.
//!
//! What a check cannot read is a warning, not a pass: a hypervisor hides the governor, and then
//! nobody here knows it. Isolation is checked for, not measured; `benches/ring.rs` measures.

use crate::host::{
    Cpus, Host, boot_cpus, chosen, cpu_list, has_flag, list_text, soft_limit, swaps,
};

/// One check's outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub check: &'static str,
    /// What was found.
    pub found: String,
    /// `None`: as it should be. Otherwise what to do.
    pub remedy: Option<String>,
}

impl Finding {
    fn new(check: &'static str, good: bool, found: String, remedy: String) -> Finding {
        Finding { check, found, remedy: (!good).then_some(remedy) }
    }
}

/// Locked memory that is asked for: the nonce pool and the rings' pages with room to spare.
const MEMLOCK: u64 = 64 << 20;

/// The cpus to look at when none are named: the isolated ones, else all but the first.
pub fn default_cpus(host: &Host) -> Cpus {
    let read = |path| host.read(path).and_then(|text| cpu_list(&text)).unwrap_or_default();
    let isolated = read("sys/devices/system/cpu/isolated");
    if !isolated.is_empty() {
        return isolated;
    }
    read("sys/devices/system/cpu/online").into_iter().skip(1).collect()
}

/// All checks for threads on these cpus.
pub fn examine(host: &Host, cpus: &Cpus) -> Vec<Finding> {
    let mut findings = vec![online(host, cpus)];
    for parameter in ["isolcpus", "nohz_full", "rcu_nocbs"] {
        findings.push(boot_parameter(host, cpus, parameter));
    }
    findings.extend([
        siblings(host, cpus),
        governor(host, cpus),
        interrupts(host, cpus),
        clock_source(host),
        tsc(host),
        huge_pages(host),
        swap(host),
        memlock(host),
        core_dumps(host),
    ]);
    findings
}

/// Something must run besides: the cold threads and the system itself.
fn online(host: &Host, cpus: &Cpus) -> Finding {
    let online = host.read("sys/devices/system/cpu/online").and_then(|text| cpu_list(&text));
    let online = online.unwrap_or_default();
    let rest: Cpus = online.difference(cpus).copied().collect();
    let good = !cpus.is_empty() && cpus.is_subset(&online) && !rest.is_empty();
    let found = format!("chosen {} of {}", text_or(cpus, "none"), text_or(&online, "none"));
    let remedy = "choose cpus that are online (--cpus, topology.cpus) and leave one for the rest";
    Finding::new("cpus", good, found, remedy.into())
}

fn text_or(cpus: &Cpus, otherwise: &str) -> String {
    if cpus.is_empty() { otherwise.into() } else { list_text(cpus) }
}

/// A parameter of the kernel's command line covers the cpus.
fn boot_parameter(host: &Host, cpus: &Cpus, parameter: &'static str) -> Finding {
    let line = host.read("proc/cmdline").unwrap_or_default();
    let named = boot_cpus(&line, parameter);
    let everywhere = line.split_whitespace().any(|word| word == format!("{parameter}=all"));
    let good = everywhere || named.as_ref().is_some_and(|named| cpus.is_subset(named));
    let found = match (&named, everywhere) {
        (_, true) => "all".into(),
        (None, _) => "not on the kernel's command line".into(),
        (Some(named), _) => text_or(named, "no cpu"),
    };
    let remedy = format!("add {parameter}={} to the kernel's command line", list_text(cpus));
    Finding::new(parameter, good, found, remedy)
}

/// A sibling shares its core's execution units and first two caches: it must be off.
fn siblings(host: &Host, cpus: &Cpus) -> Finding {
    let mut others = Cpus::new();
    let mut unknown = Cpus::new();
    for cpu in cpus {
        let path = format!("sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        match host.read(&path).and_then(|text| cpu_list(&text)) {
            Some(list) => others.extend(list.into_iter().filter(|other| other != cpu)),
            None => drop(unknown.insert(*cpu)),
        }
    }
    let good = others.is_empty() && unknown.is_empty();
    let found = match (others.is_empty(), unknown.is_empty()) {
        (true, true) => "no other thread on these cores".into(),
        (true, false) => format!("not told for {}", list_text(&unknown)),
        _ => format!("threads on the same cores: {}", list_text(&others)),
    };
    // Of two chosen siblings one is given up.
    let off = others.iter().map(|cpu| format!("echo 0 > /sys/devices/system/cpu/cpu{cpu}/online"));
    let remedy = match others.is_empty() {
        true => "ask the host's owner whether a core is yours alone".into(),
        false => format!("choose one thread of each core; {}", off.collect::<Vec<_>>().join("; ")),
    };
    Finding::new("smt", good, found, remedy)
}

fn governor(host: &Host, cpus: &Cpus) -> Finding {
    let of = |cpu: &usize| {
        let path = format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor");
        (*cpu, host.read(&path))
    };
    let bad: Vec<_> =
        cpus.iter().map(of).filter(|(_, g)| g.as_deref() != Some("performance")).collect();
    let found = match bad.first() {
        None => "performance".into(),
        Some((cpu, Some(governor))) => format!("cpu {cpu}: {governor}"),
        Some((cpu, None)) => format!("cpu {cpu}: not told (a hypervisor hides it)"),
    };
    let remedy = "tools/isolate.sh --apply, or cpupower frequency-set -g performance".into();
    Finding::new("governor", bad.is_empty(), found, remedy)
}

fn interrupts(host: &Host, cpus: &Cpus) -> Finding {
    let all = host.interrupts();
    let here: Cpus =
        all.iter().filter(|(_, served)| !served.is_disjoint(cpus)).map(|(irq, _)| *irq).collect();
    let good = here.is_empty() && !all.is_empty();
    let found = match (all.len(), here.len()) {
        (0, _) => "no interrupt is told in /proc/irq".into(),
        (n, 0) => format!("{n} interrupts, none on these cpus"),
        (n, k) => format!("{k} of {n} interrupts on these cpus: {}", list_text(&here)),
    };
    let remedy = "stop irqbalance (or ban the cpus in it), then tools/isolate.sh --apply".into();
    Finding::new("interrupts", good, found, remedy)
}

fn clock_source(host: &Host) -> Finding {
    let source = host.read("sys/devices/system/clocksource/clocksource0/current_clocksource");
    let good = source.as_deref() == Some("tsc");
    let remedy = "boot with clocksource=tsc tsc=reliable, where the processor has an invariant TSC";
    Finding::new("clocksource", good, source.unwrap_or("not told".into()), remedy.into())
}

fn tsc(host: &Host) -> Finding {
    let info = host.read("proc/cpuinfo").unwrap_or_default();
    let missing: Vec<&str> =
        ["constant_tsc", "nonstop_tsc"].into_iter().filter(|flag| !has_flag(&info, flag)).collect();
    let found = match missing.is_empty() {
        true => "constant_tsc nonstop_tsc".into(),
        false => format!("without {}", missing.join(" ")),
    };
    let remedy = "another machine; stamps fall back to the vDSO clock here, at 20 to 50 ns each";
    Finding::new("tsc", missing.is_empty(), found, remedy.into())
}

fn huge_pages(host: &Host) -> Finding {
    let text = host.read("sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let choice = chosen(&text).unwrap_or("not told");
    let good = choice == "never" || choice == "madvise";
    let remedy = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled";
    Finding::new("huge pages", good, choice.into(), remedy.into())
}

/// A page that is out costs milliseconds, and prepared nonces must not reach a disk.
fn swap(host: &Host) -> Finding {
    let text = host.read("proc/swaps");
    let areas = swaps(text.as_deref().unwrap_or_default());
    let found = match (&text, areas.is_empty()) {
        (None, _) => "not told".into(),
        (Some(_), true) => "none".into(),
        (Some(_), false) => areas.join(" "),
    };
    let good = text.is_some() && areas.is_empty();
    Finding::new("swap", good, found, "swapoff -a, and take it out of /etc/fstab".into())
}

fn memlock(host: &Host) -> Finding {
    let limits = host.read("proc/self/limits").unwrap_or_default();
    let soft = soft_limit(&limits, "Max locked memory").unwrap_or("not told");
    let good = soft == "unlimited" || soft.parse().is_ok_and(|bytes: u64| bytes >= MEMLOCK);
    let remedy = "ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit";
    Finding::new("memlock", good, soft.into(), remedy.into())
}

/// A dump would hold the key and the prepared nonces.
fn core_dumps(host: &Host) -> Finding {
    let limits = host.read("proc/self/limits").unwrap_or_default();
    let soft = soft_limit(&limits, "Max core file size").unwrap_or("not told");
    Finding::new("core dumps", soft == "0", soft.into(), "ulimit -c 0, or LimitCORE=0".into())
}

/// One line a check, with its remedy below.
pub fn text(findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        let verdict = if finding.remedy.is_none() { "PASS" } else { "WARN" };
        out += &format!("{verdict}  {:<12} {}\n", finding.check, finding.found);
        if let Some(remedy) = &finding.remedy {
            out += &format!("                   {remedy}\n");
        }
    }
    let warnings = findings.iter().filter(|f| f.remedy.is_some()).count();
    out + &format!("{} checks, {warnings} warnings\n", findings.len())
}

/// One object: `{"warnings":n,"checks":[{"check","pass","found","remedy"}..]}`.
pub fn json(findings: &[Finding]) -> String {
    let rows: Vec<String> = findings
        .iter()
        .map(|f| {
            let remedy = f.remedy.as_ref().map_or("null".into(), |text| quoted(text));
            format!(
                "{{\"check\":{},\"pass\":{},\"found\":{},\"remedy\":{remedy}}}",
                quoted(f.check),
                f.remedy.is_none(),
                quoted(&f.found)
            )
        })
        .collect();
    let warnings = findings.iter().filter(|f| f.remedy.is_some()).count();
    format!("{{\"warnings\":{warnings},\"checks\":[{}]}}", rows.join(","))
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out += &format!("\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_holds_any_text() {
        let finding = Finding::new("swap", false, "a \"b\"\n\\".into(), "x".into());
        assert_eq!(
            json(&[finding]),
            "{\"warnings\":1,\"checks\":[{\"check\":\"swap\",\"pass\":false,\
             \"found\":\"a \\\"b\\\"\\u000a\\\\\",\"remedy\":\"x\"}]}"
        );
    }
}
