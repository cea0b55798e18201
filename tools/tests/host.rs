//! Cold. A host of files: the doctor's verdicts on it, and the script that sets it right.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tools::doctor::{default_cpus, examine};
use tools::host::{Cpus, Host, cpu_list};

/// A folder that is gone when the test is.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str, files: &BTreeMap<String, &str>) -> Tree {
        let root = std::env::temp_dir().join(format!("evenkeel-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&root));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("in the tree")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        Tree(root)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).expect("a file").trim().to_owned()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

const GOOD_LIMITS: &str =
    "Max core file size 0 0 bytes\nMax locked memory unlimited unlimited bytes\n";
const CMDLINE: &str = "quiet isolcpus=managed_irq,domain,2-3 nohz_full=2-3 rcu_nocbs=2-3";

/// Four cpus without siblings, 2 and 3 of them isolated in every respect.
fn good() -> BTreeMap<String, &'static str> {
    let cpu = "sys/devices/system/cpu";
    let mut files = BTreeMap::from([
        ("proc/cmdline".to_owned(), CMDLINE),
        ("proc/cpuinfo".to_owned(), "flags : fpu constant_tsc nonstop_tsc\n"),
        ("proc/swaps".to_owned(), "Filename Type Size Used Priority\n"),
        ("proc/self/limits".to_owned(), GOOD_LIMITS),
        ("proc/irq/default_smp_affinity".to_owned(), "3\n"),
        ("proc/irq/7/smp_affinity_list".to_owned(), "0-1\n"),
        ("proc/irq/9/smp_affinity_list".to_owned(), "0-3\n"),
        ("proc/irq/9/effective_affinity_list".to_owned(), "1\n"),
        ("sys/kernel/mm/transparent_hugepage/enabled".to_owned(), "always [madvise] never\n"),
        (format!("{cpu}/online"), "0-3\n"),
        (format!("{cpu}/isolated"), "2-3\n"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource".to_owned(), "tsc\n"),
    ]);
    for (i, own) in ["0", "1", "2", "3"].into_iter().enumerate() {
        files.insert(format!("{cpu}/cpu{i}/topology/thread_siblings_list"), own);
        files.insert(format!("{cpu}/cpu{i}/cpufreq/scaling_governor"), "performance\n");
    }
    files
}

fn warned(name: &str, files: &BTreeMap<String, &str>, cpus: &Cpus) -> Vec<&'static str> {
    let tree = Tree::new(name, files);
    let findings = examine(&Host::at(&tree.0), cpus);
    assert_eq!(findings.len(), 13);
    findings.into_iter().filter(|f| f.remedy.is_some()).map(|f| f.check).collect()
}

fn two_and_three() -> Cpus {
    cpu_list("2-3").expect("a list")
}

#[test]
fn a_good_host_passes() {
    assert_eq!(warned("good", &good(), &two_and_three()), [""; 0]);
    let tree = Tree::new("cpus", &good());
    assert_eq!(default_cpus(&Host::at(&tree.0)), two_and_three());
}

#[test]
fn an_empty_host_passes_nothing() {
    let warned = warned("empty", &BTreeMap::new(), &two_and_three());
    assert_eq!(warned.len(), 13);
}

#[test]
fn each_fault_is_one_warning() {
    let cpu = "sys/devices/system/cpu/cpu2";
    let faults: [(&str, String, &str); 15] = [
        ("cpus", "sys/devices/system/cpu/online".into(), "0-2"),
        ("cpus", "sys/devices/system/cpu/online".into(), "2-3"),
        ("isolcpus", "proc/cmdline".into(), "isolcpus=2 nohz_full=2-3 rcu_nocbs=all"),
        ("nohz_full", "proc/cmdline".into(), "isolcpus=2-3 rcu_nocbs=all"),
        ("rcu_nocbs", "proc/cmdline".into(), "isolcpus=2-3 nohz_full=2-3 rcu_nocbs=3"),
        ("smt", format!("{cpu}/topology/thread_siblings_list"), "0,2"),
        ("governor", format!("{cpu}/cpufreq/scaling_governor"), "powersave"),
        ("interrupts", "proc/irq/9/effective_affinity_list".into(), "3"),
        ("interrupts", "proc/irq/7/smp_affinity_list".into(), "0-2"),
        (
            "clocksource",
            "sys/devices/system/clocksource/clocksource0/current_clocksource".into(),
            "hpet",
        ),
        ("tsc", "proc/cpuinfo".into(), "flags : fpu constant_tsc"),
        ("huge pages", "sys/kernel/mm/transparent_hugepage/enabled".into(), "[always] never"),
        ("swap", "proc/swaps".into(), "Filename\n/dev/sda2 partition"),
        (
            "memlock",
            "proc/self/limits".into(),
            "Max core file size 0 0 bytes\nMax locked memory 8388608 8388608 bytes",
        ),
        (
            "core dumps",
            "proc/self/limits".into(),
            "Max core file size unlimited 0 bytes\nMax locked memory unlimited 0 bytes",
        ),
    ];
    for (check, path, text) in faults {
        let mut files = good();
        assert!(files.insert(path.clone(), text).is_some(), "{path} is not a file of the host");
        assert_eq!(warned("fault", &files, &two_and_three()), [check], "{path}: {text}");
    }
}

fn isolate(tree: &Tree, words: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("isolate.sh");
    let output = Command::new("bash").arg(script).args(words).arg("--root").arg(&tree.0).output();
    output.expect("bash is there")
}

fn disturbed() -> BTreeMap<String, &'static str> {
    let mut files = good();
    files.remove("proc/irq/9/effective_affinity_list");
    files.insert("proc/irq/default_smp_affinity".into(), "f");
    files.insert("sys/devices/system/cpu/cpu3/cpufreq/scaling_governor".into(), "powersave");
    files.insert("sys/kernel/mm/transparent_hugepage/enabled".into(), "[always] madvise never");
    files
}

#[test]
fn the_script_says_what_it_would_do_and_does_nothing() {
    let tree = Tree::new("dry", &disturbed());
    let output = isolate(&tree, &["2-3"]);
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected = [
        "would: echo 0,1 > /proc/irq/9/smp_affinity_list",
        "would: echo 3 > /proc/irq/default_smp_affinity",
        "would: echo performance > /sys/devices/system/cpu/cpu3/cpufreq/scaling_governor",
        "would: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
    ];
    for line in expected {
        assert!(said.lines().any(|l| l == line), "{line}\n{said}");
    }
    assert!(!said.contains("cpu2/"), "what is good is left alone\n{said}");
    for (path, text) in disturbed() {
        assert_eq!(tree.read(&path), text.trim(), "{path}");
    }
}

#[test]
fn the_script_sets_right_what_the_doctor_finds() {
    let tree = Tree::new("apply", &disturbed());
    assert!(isolate(&tree, &["2,3", "--apply"]).status.success());
    assert_eq!(tree.read("proc/irq/9/smp_affinity_list"), "0,1");
    assert_eq!(tree.read("proc/irq/default_smp_affinity"), "3");
    assert_eq!(tree.read("sys/kernel/mm/transparent_hugepage/enabled"), "madvise");
    let left = examine(&Host::at(&tree.0), &two_and_three());
    // The plain file holds what was written; the kernel's would show it in brackets.
    let left: Vec<_> = left.into_iter().filter(|f| f.remedy.is_some()).map(|f| f.check).collect();
    assert_eq!(left, ["huge pages"]);
}

#[test]
fn the_script_refuses_what_cannot_be() {
    let tree = Tree::new("refuse", &good());
    for words in [&["0-3"][..], &["7"], &["x"], &[], &["2", "--force"], &["2;reboot"]] {
        assert_eq!(isolate(&tree, words).status.code(), Some(2), "{words:?}");
    }
}
