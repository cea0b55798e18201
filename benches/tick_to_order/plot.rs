//! Cold. The percentile plot as SVG: latency against percentile, both logarithmic, the way
//! HdrHistogram's own plots are read. Two styles in one file: light, and dark where it is preferred.

use crate::figures::Hdr;
use std::fmt::Write as _;

const WIDTH: f64 = 1180.0;
const HEIGHT: f64 = 560.0;
const LEFT: f64 = 76.0;
/// Room for the legend, so that it covers no curve.
const RIGHT: f64 = 330.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = 64.0;
/// The x axis ends at 99.999 %.
const NINES: f64 = 5.0;

/// One line of the plot.
pub struct Curve<'a> {
    pub name: &'a str,
    pub h: &'a Hdr,
    /// Dashed: a path beside ours.
    pub is_peer: bool,
}

const STYLE: &str = "\
  svg { font-family: system-ui, sans-serif; font-size: 13px; }
  .ground { fill: #ffffff; } text { fill: #24292f; } .faint { fill: #57606a; } .title { font-size: 17px; font-weight: 600; }
  .grid { stroke: #d8dee4; stroke-width: 1; } .minor { stroke: #eef1f4; stroke-width: 1; }
  .axis { stroke: #57606a; stroke-width: 1; }
  .curve { fill: none; stroke-width: 2; stroke-linejoin: round; } .peer { stroke-dasharray: 7 5; }
  .c0 { stroke: #0969da; } .c1 { stroke: #1a7f37; } .c2 { stroke: #bf3989; } .c3 { stroke: #bc4c00; }
  .c4 { stroke: #8250df; } .c5 { stroke: #7d6200; } .c6 { stroke: #57606a; } .c7 { stroke: #8c959f; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; } text { fill: #e6edf3; } .faint { fill: #9198a1; }
    .grid { stroke: #30363d; } .minor { stroke: #1c2128; } .axis { stroke: #9198a1; }
    .c0 { stroke: #58a6ff; } .c1 { stroke: #3fb950; } .c2 { stroke: #f778ba; }
    .c3 { stroke: #ffa657; } .c4 { stroke: #bc8cff; } .c5 { stroke: #e3b341; }
    .c6 { stroke: #b1bac4; } .c7 { stroke: #768390; }
  }";

struct Axes {
    low: f64,
    high: f64,
}

impl Axes {
    /// Whole decades of microseconds around all curves.
    fn around(curves: &[Curve<'_>]) -> Axes {
        let shown = curves.iter().filter(|c| !c.h.is_empty());
        let (mut low, mut high) = (f64::INFINITY, 0f64);
        for curve in shown {
            low = low.min(curve.h.min().max(1) as f64);
            high = high.max(curve.h.value_at_quantile(1.0 - 10f64.powf(-NINES)) as f64);
        }
        Axes { low: low.min(1_000.0).log10().floor(), high: high.max(10_000.0).log10().ceil() }
    }

    fn y(&self, ns: f64) -> f64 {
        let share = (ns.max(1.0).log10() - self.low) / (self.high - self.low);
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }

    fn x(nines: f64) -> f64 {
        LEFT + nines / NINES * (WIDTH - LEFT - RIGHT)
    }
}

/// Decades of ns as people say them.
fn decade(power: i32) -> String {
    match power {
        ..3 => format!("{} ns", 10i64.pow(power.max(0) as u32)),
        3..6 => format!("{} µs", 10i64.pow(power as u32 - 3)),
        6..9 => format!("{} ms", 10i64.pow(power as u32 - 6)),
        _ => format!("{} s", 10i64.pow(power as u32 - 9)),
    }
}

pub fn svg(curves: &[Curve<'_>], subtitle: &str) -> String {
    let axes = Axes::around(curves);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         role=\"img\" aria-label=\"Tick-to-order latency by percentile\">\n<style>\n{STYLE}\n</style>\n"
    );
    let _ = writeln!(out, "<rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>");
    let _ = writeln!(
        out,
        "<text class=\"title\" x=\"{LEFT}\" y=\"30\">Tick to signed order: bytes read to masked \
         frame written</text>\n<text class=\"faint\" x=\"{LEFT}\" y=\"52\">{subtitle}</text>"
    );
    grid(&mut out, &axes);
    for (i, curve) in curves.iter().enumerate() {
        line(&mut out, &axes, i, curve);
    }
    legend(&mut out, curves);
    out.push_str("</svg>\n");
    out
}

fn grid(out: &mut String, axes: &Axes) {
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    let decades = axes.low as i32..=axes.high as i32;
    for power in decades {
        for part in 1..10 {
            let y = axes.y(f64::from(part) * 10f64.powi(power));
            let class = if part == 1 { "grid" } else { "minor" };
            if y >= TOP - 0.5 {
                let _ = writeln!(
                    out,
                    "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
                );
            }
        }
        let (x, y) = (LEFT - 10.0, axes.y(10f64.powi(power)) + 4.5);
        let label = decade(power);
        let _ = writeln!(out, "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{label}</text>");
    }
    let labels = [("0 %", 0.0), ("50 %", 0.301), ("90 %", 1.0), ("99 %", 2.0), ("99.9 %", 3.0)];
    for (label, nines) in labels.into_iter().chain([("99.99 %", 4.0), ("99.999 %", 5.0)]) {
        let x = Axes::x(nines);
        let anchor = if nines == NINES { "end" } else { "middle" };
        let y = bottom + 20.0;
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\n\
             <text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{label}</text>"
        );
    }
    let (middle, below) = ((LEFT + right) / 2.0, HEIGHT - 18.0);
    let height = (TOP + bottom) / 2.0;
    let _ = writeln!(
        out,
        "<path class=\"axis\" fill=\"none\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>\n\
         <text class=\"faint\" x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">percentile of \
         events that caused an order (logarithmic in 1 - p)</text>\n\
         <text class=\"faint\" transform=\"translate(18 {height}) rotate(-90)\" \
         text-anchor=\"middle\">latency</text>"
    );
}

fn line(out: &mut String, axes: &Axes, i: usize, curve: &Curve<'_>) {
    let count = curve.h.len();
    if count == 0 {
        return;
    }
    // No further than the samples reach: with n of them the last known quantile is 1 - 1/n.
    let end = (count as f64).log10().min(NINES);
    let mut path = String::new();
    let mut last = f64::NAN;
    let steps = 240;
    for step in 0..=steps {
        let nines = end * f64::from(step) / f64::from(steps);
        let ns = curve.h.value_at_quantile(1.0 - 10f64.powf(-nines)) as f64;
        let (x, y) = (Axes::x(nines), axes.y(ns));
        let letter = if step == 0 { 'M' } else { 'L' };
        if step == steps || (y - last).abs() >= 0.05 || step % 8 == 0 {
            let _ = write!(path, "{letter}{x:.1} {y:.1}");
            last = y;
        }
    }
    let peer = if curve.is_peer { " peer" } else { "" };
    let _ = writeln!(out, "<path class=\"curve c{}{peer}\" d=\"{path}\"/>", i % 8);
}

fn legend(out: &mut String, curves: &[Curve<'_>]) {
    for (i, curve) in curves.iter().enumerate() {
        let (x, y) = (WIDTH - RIGHT + 24.0, TOP + 8.0 + 40.0 * i as f64);
        let peer = if curve.is_peer { " peer" } else { "" };
        let (end, text_x, text_y) = (x + 30.0, x + 40.0, y + 4.5);
        let below = text_y + 16.0;
        let p50 = curve.h.value_at_quantile(0.5) as f64 / 1e3;
        let p99 = curve.h.value_at_quantile(0.99) as f64 / 1e3;
        let _ = writeln!(
            out,
            "<path class=\"curve c{}{peer}\" d=\"M{x} {y}H{end}\"/>\n\
             <text x=\"{text_x}\" y=\"{text_y}\">{}</text>\n\
             <text class=\"faint\" x=\"{text_x}\" y=\"{below}\">p50 {p50:.2} µs, p99 {p99:.2} \
             µs</text>",
            i % 8,
            curve.name
        );
    }
}
