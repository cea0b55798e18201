//! Cold. The page of `GET /metrics`: Prometheus' text form, numbers exact where they are money.

use super::{Health, State};
use crate::core::InstSnapshot;
use crate::event::{Component, GapReason, Refused, RejectReason};
use crate::explain::Alarm;
use crate::pipeline::metrics::{Counter, Metrics, Stage};
use crate::strategy::maker::Silence;
use crate::strategy::regime::{Mode, Trend};
use std::fmt::{Display, Write};

/// A page under way.
struct Page(String);

impl Page {
    /// One metric's help and type, before its rows.
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn row(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (i, (key, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{key}=\"{text}\"", if i == 0 { '{' } else { ',' });
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.row(name, &[], value);
    }

    /// A counter by reason: all reasons, also those that never came, so that a rate is never absent.
    fn by_reason<'a>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl Iterator<Item = (&'a str, &'a Counter)>,
    ) {
        self.head(name, "counter", help);
        for (reason, count) in rows {
            self.row(name, &[("reason", reason)], count.get());
        }
    }
}

pub(super) fn page(
    name: &str,
    metrics: &Metrics,
    symbols: &[String],
    snapshots: &[Option<InstSnapshot>],
    health: &Health,
) -> String {
    let mut page = Page(String::with_capacity(32 * 1024));
    page.head("evenkeel_info", "gauge", "The engine's name and version.");
    let version = env!("CARGO_PKG_VERSION");
    page.row("evenkeel_info", &[("name", name), ("version", version)], 1);
    let up = u8::from(health.state == State::Ok);
    page.one("evenkeel_healthy", "gauge", "1 when GET /health says ok.", up);
    let shots: Vec<(&str, &InstSnapshot)> = symbols
        .iter()
        .zip(snapshots)
        .filter_map(|(symbol, shot)| Some((symbol.as_str(), shot.as_ref()?)))
        .collect();
    portfolio(&mut page, &shots);
    maker(&mut page, &shots);
    core(&mut page, metrics);
    pipeline(&mut page, metrics);
    page.0
}

/// One gauge of each market.
fn gauge<T: Display>(
    page: &mut Page,
    shots: &[(&str, &InstSnapshot)],
    name: &str,
    help: &str,
    value: impl Fn(&InstSnapshot) -> Option<T>,
) {
    page.head(name, "gauge", help);
    for (symbol, shot) in shots {
        if let Some(value) = value(shot) {
            page.row(name, &[("market", symbol)], value);
        }
    }
}

fn portfolio(page: &mut Page, shots: &[(&str, &InstSnapshot)]) {
    gauge(page, shots, "portfolio_inventory_units", "Signed position.", |s| Some(s.position));
    gauge(page, shots, "portfolio_max_inventory_units", "Largest |position| of the run.", |s| {
        Some(s.max_abs_position)
    });
    gauge(page, shots, "portfolio_mid_price", "Mid of the book, if it is valid.", |s| {
        s.top.map(|t| t.mid())
    });
    let name = "portfolio_pnl_quote";
    page.head(name, "gauge", "Marked result and its parts.");
    for (symbol, shot) in shots {
        let p = &shot.pnl;
        let parts = [
            ("spread", p.spread),
            ("inventory", p.inventory),
            ("hedge", p.hedge),
            ("fees", p.fees),
            ("funding", p.funding),
            ("total", p.total),
        ];
        for (part, value) in parts {
            page.row(name, &[("market", symbol), ("part", part)], value);
        }
    }
    let name = "portfolio_volume_quote";
    page.head(name, "counter", "Traded notional, by role.");
    for (symbol, shot) in shots {
        page.row(name, &[("market", symbol), ("role", "maker")], shot.maker_volume);
        page.row(name, &[("market", symbol), ("role", "taker")], shot.taker_volume);
    }
    gauge(page, shots, "portfolio_open_orders", "Orders open or in flight.", |s| {
        Some(s.open_orders)
    });
}

fn maker(page: &mut Page, shots: &[(&str, &InstSnapshot)]) {
    gauge(page, shots, "maker_volatility_bps", "Expected move over the horizon.", |s| s.volatility);
    gauge(page, shots, "maker_trend_bps", "Move of the mid over the trend's span.", |s| {
        Some(s.trend)
    });
    gauge(page, shots, "maker_regime_state", "0 defensive, 1 aggressive.", |s| {
        Some(u8::from(s.maker.regime.mode == Mode::Aggressive))
    });
    gauge(page, shots, "maker_trend_down_guard", "1 while bids are held back.", |s| {
        Some(u8::from(s.maker.regime.trend == Trend::Down))
    });
    gauge(page, shots, "maker_trend_up_guard", "1 while asks are held back.", |s| {
        Some(u8::from(s.maker.regime.trend == Trend::Up))
    });
    gauge(page, shots, "maker_paused", "1 in a volatility pause.", |s| {
        Some(u8::from(s.maker.regime.paused))
    });
    gauge(page, shots, "maker_pnl_guard_active", "1 while the PnL guard is engaged.", |s| {
        Some(u8::from(s.maker.pnl_guard.is_active()))
    });
    gauge(
        page,
        shots,
        "maker_fifo_realized_quote",
        "FIFO realized PnL, fees and funding in.",
        |s| Some(s.realized),
    );
    gauge(page, shots, "hedger_hedges_total", "Hedges begun.", |s| Some(s.hedger.hedges()));
    gauge(page, shots, "ledger_fills_total", "Fills booked.", |s| Some(s.fills));
}

fn core(page: &mut Page, metrics: &Metrics) {
    let core = &metrics.core;
    let counters = [
        ("core_decisions_total", "Decisions made.", &core.decisions),
        ("core_orders_sent_total", "Orders that risk let out.", &core.orders_sent),
        ("core_cancels_sent_total", "Cancels sent.", &core.cancels_sent),
        ("core_fast_cancels_total", "Quotes pulled by the book event itself.", &core.fast_cancels),
        ("core_queries_total", "Orders whose fate was asked for.", &core.queries),
        ("core_fills_total", "Fills of our account.", &core.fills),
        ("core_hedge_fills_total", "Fills of hedges and unwinding.", &core.hedge_fills),
        ("core_unroutable_total", "Events that name nothing of ours.", &core.unroutable),
        ("core_nonsense_total", "Events that cannot be true.", &core.nonsense),
        ("core_adopted_total", "Positions brought to the venue's.", &core.adopted),
    ];
    for (name, help, count) in counters {
        page.one(name, "counter", help, count.get());
    }
    page.one("core_halted", "gauge", "1 while no order may leave.", core.halted.get());
    page.one("core_ready", "gauge", "1 when link and account are known.", core.ready.get());
    page.one("core_breakers_open", "gauge", "Components that stopped.", core.breakers_open.get());
    let rejects = RejectReason::ALL.iter().map(|r| (r.name(), &core.rejects[*r as usize]));
    page.by_reason("core_rejects_total", "Orders that the venue refused.", rejects);
    let gaps = GapReason::ALL.iter().map(|r| (r.name(), &core.gaps[*r as usize]));
    page.by_reason("core_gaps_total", "Books that could not be trusted.", gaps);
    let alarms = Alarm::ALL.iter().map(|a| (a.name(), &core.alarms[*a as usize]));
    page.by_reason("core_alarms_total", "What needed a person's eye.", alarms);
    let silences = Silence::ALL.iter().map(|s| (s.name(), &core.silences[*s as usize]));
    page.by_reason("core_silences_total", "Sides not quoted at a decision.", silences);
    let name = "core_refusals_total";
    page.head(name, "counter", "Orders that our own rules refused.");
    for component in Component::ALL {
        for reason in Refused::ALL {
            let count = core.refusals[component as usize][*reason as usize].get();
            // 160 rows, nearly all of them always zero.
            if count > 0 {
                let labels = [("component", component.name()), ("reason", reason.name())];
                page.row(name, &labels, count);
            }
        }
    }
}

fn pipeline(page: &mut Page, metrics: &Metrics) {
    let (feed, egress) = (&metrics.feed, &metrics.egress);
    let counters = [
        ("feed_frames_total", "Frames read.", &feed.frames),
        ("feed_bytes_total", "Bytes read.", &feed.bytes),
        ("feed_books_total", "Books decoded.", &feed.books),
        ("feed_bbos_total", "Best bids and offers decoded.", &feed.bbos),
        ("feed_trades_total", "Trades decoded.", &feed.trades),
        ("feed_contexts_total", "Marks and funding rates decoded.", &feed.contexts),
        ("feed_malformed_total", "Messages that could not be read.", &feed.malformed),
        ("feed_unknown_total", "Messages of no known kind.", &feed.unknown),
        ("feed_dropped_total", "Messages cut short by a full ring.", &feed.dropped),
        ("feed_reconnects_total", "Connections lost.", &feed.reconnects),
        ("egress_orders_total", "Orders signed.", &egress.orders),
        ("egress_cancels_total", "Cancels signed.", &egress.cancels),
        ("egress_rest_cancels_total", "Cancels without a socket.", &egress.rest_cancels),
        ("egress_queries_total", "Questions sent.", &egress.queries),
        ("egress_answers_total", "Answers read.", &egress.answers),
        ("egress_malformed_total", "Messages that could not be read.", &egress.malformed),
        ("egress_unsent_total", "Actions that could not be sent.", &egress.unsent),
        ("egress_illegal_total", "Orders stopped at the last door. Must be 0.", &egress.illegal),
        ("egress_reconnects_total", "Connections lost.", &egress.reconnects),
        ("egress_pool_empty_total", "Signatures without a prepared nonce.", &egress.pool_empty),
        ("egress_unanswered_total", "Messages never answered.", &egress.unanswered),
        ("egress_unread_fills_total", "Lists of fills not read.", &egress.unread_fills),
        ("egress_leverage_refused_total", "Leverages not set.", &egress.leverage_refused),
        ("journal_written_total", "Records written.", &metrics.journal_written),
        ("journal_dropped_total", "Records lost.", &metrics.journal_dropped),
    ];
    for (name, help, count) in counters {
        page.one(name, "counter", help, count.get());
    }
    let help = "The venue's dead man's switch: 0 unknown, 1 armed, 2 too little volume, 3 refused.";
    page.one("egress_dead_man", "gauge", help, egress.dead_man.get());
    let help = "Requests that the address has left; 0 too before the venue has said.";
    page.one("egress_requests_left", "gauge", help, egress.requests_left.get());
    let help = "The fullest limit of the last minute, permille.";
    page.one("egress_minute_permille", "gauge", help, egress.minute_permille.get());
    let name = "stage_latency_ns";
    page.head(name, "summary", "Time of each stage since the start.");
    for stage in Stage::ALL {
        let s = metrics.stage(stage).summary();
        for (quantile, value) in [("0.5", s.p50), ("0.99", s.p99), ("0.999", s.p999), ("1", s.max)]
        {
            page.row(name, &[("stage", stage.name()), ("quantile", quantile)], value);
        }
        page.row("stage_latency_ns_count", &[("stage", stage.name())], s.count);
    }
    let duties = [
        ("thread_cycles_total", "Cycles of the loop."),
        ("thread_longest_ns", "Longest cycle."),
        ("thread_over_budget_total", "Cycles longer than their budget."),
    ];
    for (i, (name, help)) in duties.into_iter().enumerate() {
        page.head(name, if i == 1 { "gauge" } else { "counter" }, help);
        for (thread, duty) in ["0", "1", "2"].into_iter().zip(&metrics.duty) {
            let value = [&duty.cycles, &duty.longest_ns, &duty.over_budget][i].get();
            page.row(name, &[("thread", thread)], value);
        }
    }
}
