//! Cold. The table: every ring with its depth, policy and reason, every thread with its core and
//! steps. Boot validates it and `evenkeel check` prints it.

use super::runner::Wait;
use crate::orders::ORDERS_MAX;

/// What happens when a ring is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The rest of the message is dropped and counted; one gap follows.
    DropMessage,
    /// The writer stops reading its socket.
    StopReading,
    /// It can't be full: the depth is derived from limits. If it is, that is a bug: assert.
    CannotFill,
    /// Dropped and counted; the reader is told how many are missing.
    DropCounted,
    /// The sender is answered "busy" and may try again.
    Refuse,
}

impl Policy {
    pub fn name(self) -> &'static str {
        match self {
            Policy::DropMessage => "drop message, count, gap",
            Policy::StopReading => "stop reading the socket",
            Policy::CannotFill => "cannot fill (derived)",
            Policy::DropCounted => "drop, count, mark torn",
            Policy::Refuse => "refuse the sender",
        }
    }
}

/// One ring of the pipeline.
#[derive(Clone, Copy, Debug)]
pub struct RingRow {
    pub name: &'static str,
    pub depth: usize,
    pub policy: Policy,
    pub reason: &'static str,
}

/// Depths of the rings, from the number of instruments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depths {
    pub market: usize,
    pub account: usize,
    pub orders: usize,
    pub journal: usize,
    pub ops: usize,
    pub asks: usize,
    pub telemetry: usize,
}

/// Events of one full book: 7 + 7 messages of three levels and the end.
const BOOK_EVENTS: usize = 15;

impl Depths {
    pub fn for_instruments(count: usize) -> Depths {
        // Orders that can be open, each with a cancel and a question behind it, questions about
        // rules and proofs, and one action for all: egress takes them all in its next step, so one
        // burst is the most that can wait.
        let burst = count * (ORDERS_MAX * 3 + 8) + 2;
        Depths {
            // 16 books of every market: the venue sends one a block of 70 ms. No more, because the
            // slots that are used in turn should stay in the first-level cache: 16 KiB for one
            // market, where 64 KiB made every push a miss.
            market: (count * BOOK_EVENTS * 16).next_power_of_two().max(256),
            // A snapshot of 2000 fills passes in pieces; a batch answer has one event an order.
            account: (count * ORDERS_MAX * 4).next_power_of_two().max(1024),
            orders: burst.next_power_of_two().max(256),
            // 2^16 records of two cache lines: 8 MiB, a tenth of a second at 600 000 records/s.
            journal: 1 << 16,
            ops: 16,
            asks: count.next_power_of_two().max(16),
            telemetry: (count * 4).next_power_of_two().max(16),
        }
    }

    pub fn rows(&self) -> [RingRow; 7] {
        let row = |name, depth, policy, reason| RingRow { name, depth, policy, reason };
        [
            row(
                "feed -> core",
                self.market,
                Policy::DropMessage,
                "stale data is worth less than none; feed must keep reading",
            ),
            row(
                "egress -> core",
                self.account,
                Policy::StopReading,
                "facts about our account are never dropped; TCP waits",
            ),
            row(
                "core -> egress",
                self.orders,
                Policy::CannotFill,
                "a lost cancel is the worst bug; depth >= orders x 3 + 1",
            ),
            row(
                "core -> journal",
                self.journal,
                Policy::DropCounted,
                "the venue is the record of truth; recording must not stop trading",
            ),
            row("ops -> core", self.ops, Policy::Refuse, "people try again"),
            row("core -> feed", self.asks, Policy::DropCounted, "a snapshot is asked for again"),
            row(
                "core -> telemetry",
                self.telemetry,
                Policy::DropCounted,
                "the next snapshot is newer",
            ),
        ]
    }
}

/// Which steps a thread runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadRow {
    pub name: &'static str,
    pub feed: bool,
    pub strategy: bool,
    pub egress: bool,
    /// The core it is pinned to; `None` leaves it to the scheduler.
    pub cpu: Option<usize>,
}

/// How steps are laid over threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// Feed, strategy and egress each on a core of its own.
    Pipeline,
    /// Feed and strategy on one thread, egress on another: the default on two or three cores.
    Pair,
    /// All on one thread.
    Fused,
}

impl Topology {
    pub fn parse(name: &str) -> Option<Topology> {
        match name {
            "pipeline" => Some(Topology::Pipeline),
            "pair" => Some(Topology::Pair),
            "fused" => Some(Topology::Fused),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Topology::Pipeline => "pipeline",
            Topology::Pair => "pair",
            Topology::Fused => "fused",
        }
    }

    /// Threads that want a core of their own when they spin.
    pub fn threads(self) -> usize {
        match self {
            Topology::Pipeline => 3,
            Topology::Pair => 2,
            Topology::Fused => 1,
        }
    }

    /// What a machine of so many cores should run: one core stays for everything else.
    pub fn for_cores(cores: usize) -> Topology {
        match cores {
            0 | 1 => Topology::Fused,
            2 | 3 => Topology::Pair,
            _ => Topology::Pipeline,
        }
    }
}

/// The validated layout of a run.
#[derive(Clone, Debug)]
pub struct Table {
    pub topology: Topology,
    pub threads: Vec<ThreadRow>,
    pub depths: Depths,
    pub wait: Wait,
    /// Cores this process may use.
    pub cores: Vec<usize>,
}

/// Why a table can't run, with what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError(pub String);

impl std::fmt::Display for TableError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TableError {}

/// What the configuration asks for.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// `None`: by the number of cores.
    pub topology: Option<Topology>,
    /// `None`: spin where every thread has a core of its own and one is left, else back off.
    pub wait: Option<Wait>,
    /// Cores for the threads in the order feed, strategy, egress; empty: not pinned unless the
    /// topology is `pipeline` with enough cores.
    pub cpus: Vec<usize>,
}

impl Table {
    /// Lays the steps over threads and checks that the machine has what that asks for.
    pub fn build(wish: &Wish, cores: Vec<usize>, instruments: usize) -> Result<Table, TableError> {
        let topology = wish.topology.unwrap_or_else(|| Topology::for_cores(cores.len()));
        let need = topology.threads();
        if wish.topology.is_some() && cores.len() < need {
            return Err(TableError(format!(
                "topology \"{}\" needs {need} cores, but this process may use {}: choose \
                 topology.name = \"{}\", or start it on more cores (taskset, cpuset)",
                topology.name(),
                cores.len(),
                Topology::for_cores(cores.len()).name(),
            )));
        }
        let roomy = cores.len() > need;
        let wait = wish.wait.unwrap_or(if roomy { Wait::Spin } else { Wait::BackOff });
        let cpus = if !wish.cpus.is_empty() {
            wish.cpus.clone()
        } else if roomy && wait == Wait::Spin {
            // The last cores: the first one usually serves interrupts.
            cores[cores.len() - need..].to_vec()
        } else {
            Vec::new()
        };
        check_cpus(&cpus, need, &cores)?;
        let cpu = |i: usize| cpus.get(i).copied();
        let row =
            |name, feed, strategy, egress, cpu| ThreadRow { name, feed, strategy, egress, cpu };
        let threads = match topology {
            Topology::Pipeline => vec![
                row("feed", true, false, false, cpu(0)),
                row("strategy", false, true, false, cpu(1)),
                row("egress", false, false, true, cpu(2)),
            ],
            Topology::Pair => vec![
                row("strategy", true, true, false, cpu(0)),
                row("egress", false, false, true, cpu(1)),
            ],
            Topology::Fused => vec![row("engine", true, true, true, cpu(0))],
        };
        let table =
            Table { topology, threads, depths: Depths::for_instruments(instruments), wait, cores };
        table.validate(instruments)?;
        Ok(table)
    }

    /// Each step runs exactly once, no two spinning threads share a core, and the order ring holds
    /// the largest burst.
    fn validate(&self, instruments: usize) -> Result<(), TableError> {
        let count = |f: fn(&ThreadRow) -> bool| self.threads.iter().filter(|t| f(t)).count();
        assert_eq!(
            (count(|t| t.feed), count(|t| t.strategy), count(|t| t.egress)),
            (1, 1, 1),
            "each step runs on exactly one thread"
        );
        let burst = instruments * (ORDERS_MAX * 3 + 8) + 2;
        if self.depths.orders < burst {
            return Err(TableError(format!(
                "the order ring holds {} actions, but {instruments} markets can cause {burst} at \
                 once",
                self.depths.orders
            )));
        }
        Ok(())
    }

    /// The table as text, for `evenkeel check` and the start of a run.
    pub fn text(&self) -> String {
        use std::fmt::Write;
        let mut out = String::new();
        let _ = writeln!(
            out,
            "topology {}  wait {}  cores {:?}",
            self.topology.name(),
            self.wait.name(),
            self.cores
        );
        for t in &self.threads {
            let steps: Vec<&str> =
                [(t.feed, "feed"), (t.strategy, "strategy"), (t.egress, "egress")]
                    .into_iter()
                    .filter_map(|(on, name)| on.then_some(name))
                    .collect();
            let cpu = t.cpu.map_or("not pinned".to_owned(), |c| format!("core {c}"));
            let _ = writeln!(out, "  thread {:<9} {:<10}  {}", t.name, cpu, steps.join(" + "));
        }
        for r in self.depths.rows() {
            let _ = writeln!(
                out,
                "  ring   {:<18} {:>6}  {:<26} {}",
                r.name,
                r.depth,
                r.policy.name(),
                r.reason
            );
        }
        out
    }
}

fn check_cpus(cpus: &[usize], need: usize, cores: &[usize]) -> Result<(), TableError> {
    if cpus.is_empty() {
        return Ok(());
    }
    if cpus.len() != need {
        return Err(TableError(format!(
            "topology.cpus names {} cores, but the topology has {need} threads: name {need}, or \
             none",
            cpus.len()
        )));
    }
    for (i, cpu) in cpus.iter().enumerate() {
        if !cores.contains(cpu) {
            return Err(TableError(format!(
                "topology.cpus names core {cpu}, but this process may use only {cores:?}"
            )));
        }
        if cpus[..i].contains(cpu) {
            return Err(TableError(format!(
                "topology.cpus names core {cpu} twice: two threads on one core wait for each other"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topology_follows_the_machine() {
        for (cores, want, wait, pinned) in [
            (1, Topology::Fused, Wait::BackOff, false),
            (2, Topology::Pair, Wait::BackOff, false),
            (3, Topology::Pair, Wait::Spin, true),
            (4, Topology::Pipeline, Wait::Spin, true),
        ] {
            let table = Table::build(&Wish::default(), (0..cores).collect(), 1).expect("runs");
            assert_eq!((table.topology, table.wait), (want, wait), "{cores} cores");
            assert!(table.threads.iter().all(|t| t.cpu.is_some() == pinned));
        }
    }

    #[test]
    fn a_table_that_cannot_run_says_what_to_do() {
        let build = |topology, cpus: &[usize]| {
            let wish = Wish { topology, wait: None, cpus: cpus.to_vec() };
            Table::build(&wish, vec![0, 1], 1).map(|t| t.threads.len()).map_err(|e| e.0)
        };
        let error = build(Some(Topology::Pipeline), &[]).expect_err("three on two");
        assert!(error.contains("needs 3 cores") && error.contains("\"pair\""), "{error}");
        assert!(build(None, &[0, 0]).expect_err("twice").contains("twice"));
        assert!(build(None, &[0, 7]).expect_err("none").contains("may use only"));
        assert!(build(None, &[0]).expect_err("one of two").contains("name 2"));
        assert_eq!(build(None, &[1, 0]), Ok(2));
    }

    #[test]
    fn the_order_ring_holds_every_burst() {
        for count in [1, 3, 10, 100, 500] {
            let depths = Depths::for_instruments(count);
            assert!(depths.orders > count * ORDERS_MAX * 3);
            assert!(depths.orders.is_power_of_two() && depths.market.is_power_of_two());
        }
    }
}
