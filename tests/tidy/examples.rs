//! Cold. Each rule fails on a bad example, and passes on its good twin.

use crate::docs;
use crate::rules::{
    FILE_LINES, FUNCTION_LINES, boundary, hot_bans, imports, leftovers, local_places, long_file,
    long_functions, ratchet, temperature,
};
use crate::source::Source;

fn of(path: &str, text: &str) -> Source {
    Source::new(path, text)
}

#[test]
fn an_import_to_the_right_is_found() {
    let bad = [
        ("src/strategy/mod.rs", "use crate::risk::Risk;", "strategy may not use risk"),
        ("src/strategy/maker.rs", "fn f() { crate::core::Core::new() }", "may not use core"),
        ("src/event.rs", "use crate::{units::Price, book::Top};", "event may not use book"),
        ("src/net.rs", "use crate::{\n    units::{Nanos, Px},\n};", "net may not use units"),
        ("src/net/http.rs", "use super::super::units::Nanos;", "net may not use units"),
        ("src/book.rs", "use super::orders::Orders;", "book may not use orders"),
        ("src/sim/exchange.rs", "use crate::venue::json;", "sim may not use venue"),
        ("src/pipeline/feed.rs", "use crate::strategy::maker;", "may not use strategy"),
        ("src/book.rs", "use crate::*;", "book may not use *"),
        ("src/core/mod.rs", "use std::time::Duration;", "no std::time"),
        ("src/core/decide.rs", "fn f() { std::env::var(\"X\"); }", "no std::env"),
        ("src/main.rs", "use evenkeel::core::Core;", "main may not use core"),
        ("src/new.rs", "", "no row in MAY_USE"),
    ];
    for (path, text, what) in bad {
        let found = imports(&of(path, text));
        assert!(found.len() == 1 && found[0].contains(what), "{path} {text}: {found:?}");
    }
    let found = imports(&of("src/book.rs", "//! Hot.\n\nuse crate::risk::Risk;"));
    assert_eq!(found, ["src/book.rs:3: book may not use risk"]);
}

#[test]
fn an_import_to_the_left_passes() {
    let good = [
        ("src/strategy/maker.rs", "use crate::book::Top; use crate::strategy::Target;"),
        ("src/strategy/maker.rs", "use super::signal::Signals; use crate::{units::{Qty, Px}};"),
        ("src/book.rs", "// crate::risk\nfn f() { \"crate::risk\" }"),
        ("src/book.rs", "#[cfg(test)]\nmod tests { use super::*; use crate::risk::Risk; }"),
        ("src/venue/hyperliquid/orders/tests.rs", "use crate::risk::Risk;"),
        ("src/main.rs", "use evenkeel::ops::{exit, demo};"),
        ("src/lib.rs", "pub mod risk;"),
        ("tests/x.rs", "use crate::risk::Risk;"),
    ];
    for (path, text) in good {
        assert_eq!(imports(&of(path, text)), [""; 0], "{path} {text}");
    }
}

#[test]
fn a_venue_by_name_is_found() {
    let venues = ["hyperliquid".to_owned(), "lighter".to_owned()];
    let bad = [
        (
            "src/pipeline/egress.rs",
            "const N: usize = crate::venue::hyperliquid::orders::FRAME_MAX;",
        ),
        ("src/session.rs", "use crate::venue::{MarketFeed, lighter};"),
        ("src/ops/run/start.rs", "use crate::venue::hyperliquid::meta;"),
        ("src/venue/lighter/orders.rs", "use crate::venue::hyperliquid::sign::wire::Buf;"),
        ("src/venue/json.rs", "use super::lighter::tx;"),
    ];
    for (path, text) in bad {
        let found = boundary(&of(path, text), &venues);
        assert!(found.len() == 1 && found[0].contains("use a face"), "{path}: {found:?}");
    }
    let good = [
        ("src/pipeline/egress.rs", "// hyperliquid::x\nfn f() { \"lighter\"; hyperliquid_perp() }"),
        ("src/session.rs", "#[cfg(test)]\nmod tests { use crate::venue::hyperliquid::meta; }"),
        ("src/session.rs", "use crate::venue::build; fn f() { VenueId::Hyperliquid; }"),
        ("src/venue/build.rs", "use super::{hyperliquid, lighter};"),
        ("src/venue/lighter/orders.rs", "use crate::venue::lighter::tx;"),
        ("src/sim/server/dialect.rs", "use super::lighter::hub;"),
        ("tests/x.rs", "use evenkeel::venue::hyperliquid::meta;"),
    ];
    for (path, text) in good {
        assert_eq!(boundary(&of(path, text), &venues), [""; 0], "{path} {text}");
    }
}

#[test]
fn a_module_without_its_temperature_is_found() {
    assert_eq!(temperature(&of("src/x.rs", "//! Warm. x")).len(), 1);
    assert_eq!(temperature(&of("src/x.rs", "")).len(), 1);
    assert_eq!(temperature(&of("src/x.rs", "\n//! Hot. x")).len(), 1);
    assert_eq!(temperature(&of("src/x.rs", "//! Hot. x")).len(), 0);
    assert_eq!(temperature(&of("src/x.rs", "//! Hot for the writer. x")).len(), 0);
}

#[test]
fn a_slow_thing_in_a_hot_module_is_found() {
    let slow = [
        "use std::sync::Mutex;",
        "fn f(x: f64) {}",
        "fn f() { println!(\"x\") }",
        "fn f() { thread::sleep(x) }",
        "use std::collections::HashMap;",
        "use rust_decimal::prelude::*;",
        "fn f() { std::time::Instant::now() }",
        "fn f() -> String { format!(\"{x}\") }",
        "/// Coldly.\nfn f(x: f32) {}",
        "#[cfg(test)]\nmod tests {}\nfn f(x: f32) {}",
    ];
    for text in slow {
        let found = hot_bans(&of("src/x.rs", &format!("//! Hot. x\n{text}")));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].contains(": use "), "{found:?}");
        assert_eq!(hot_bans(&of("src/x.rs", &format!("//! Cold. x\n{text}"))).len(), 0);
    }
}

#[test]
fn a_slow_thing_in_a_cold_place_passes() {
    let cold = [
        "// a Mutex would be slow",
        "fn f() { \"f64\" }",
        "#[cfg(test)]\nmod tests { use std::sync::Mutex; }",
        "#[cold]\n#[inline(never)]\nfn f(x: f64) {}",
        "/// Cold. Opens it.\nfn f(x: f64) -> Mutex<u8> {}",
        "struct MutexLike;",
        "/// Text. Cold callers only.\nfn f() -> String { format!(\"x\") }",
        "impl fmt::Display for X {\n    fn fmt() { format!(\"x\") }\n}",
    ];
    for text in cold {
        assert_eq!(hot_bans(&of("src/x.rs", &format!("//! Hot. x\n{text}"))), [""; 0], "{text}");
    }
}

#[test]
fn a_long_file_is_found() {
    assert_eq!(long_file(&of("x.rs", &"\n".repeat(FILE_LINES))), []);
    let long = long_file(&of("x.rs", &"\n".repeat(FILE_LINES + 1)));
    assert_eq!(long, [("x.rs".to_owned(), FILE_LINES + 1)]);
}

#[test]
fn a_long_function_is_found() {
    let body = |lines: usize| "        x();\n".repeat(lines);
    let function =
        |lines| format!("impl X {{\n    pub const fn f() {{\n{}    }}\n}}\n", body(lines));
    assert_eq!(long_functions(&of("x.rs", &function(FUNCTION_LINES - 2))), []);
    let long = long_functions(&of("x.rs", &function(FUNCTION_LINES - 1)));
    assert_eq!(long, [("x.rs::f".to_owned(), FUNCTION_LINES + 1)]);
    // Neither a pointer type nor a declaration is a function that is long.
    let other = format!("trait X {{\n    fn g();\n    type F = fn(u8);\n{}}}\n", body(80));
    assert_eq!(long_functions(&of("x.rs", &other)), []);
}

#[test]
fn exceptions_only_shrink() {
    let found = |lines| vec![("a".to_owned(), lines)];
    assert_eq!(ratchet(&found(90), &[("a", 90)], 70), [""; 0]);
    assert!(ratchet(&found(91), &[("a", 90)], 70)[0].contains("only shrink"));
    assert!(ratchet(&found(89), &[("a", 90)], 70)[0].contains("lower"));
    assert!(ratchet(&found(90), &[], 70)[0].contains("split it"));
    assert!(ratchet(&[], &[("a", 90)], 70)[0].contains("take it off"));
}

#[test]
fn leftovers_and_local_places_are_found() {
    let text =
        ["fn f() { to", "do!() }\n// FIX", "ME\n#[ig", "nore = \"slow\"]\n// XX", "X"].concat();
    assert_eq!(leftovers("x.rs", &text).len(), 4);
    assert_eq!(leftovers("x.rs", "// ignored, fixed and done"), [""; 0]);
    let text = ["see /ho", "me/me/x and /wo", "rk/x\nand sha", "red/x, /ro", "ot/x, /Us", "ers/x"];
    assert_eq!(local_places("x.md", &text.concat()).len(), 5);
    assert_eq!(local_places("x.md", "/tmp/x, target/x, networks/x, /etc/evenkeel"), [""; 0]);
}

#[test]
fn a_hole_in_the_map_is_found() {
    let exists = |path: &str| ["src/book.rs", "README.md", "src/net/"].contains(&path);
    let map = |text: &str, modules: &[&str]| {
        let modules: Vec<String> = modules.iter().map(|m| (*m).to_owned()).collect();
        docs::map("A.md", text, &modules, exists)
    };
    assert_eq!(
        map("### `src/book.rs`: x\n`README.md` `book.rs` `cargo test`", &["book.rs"]),
        [""; 0]
    );
    assert_eq!(map("`src/book.rs`", &["book.rs"]), ["A.md: no section '### `src/book.rs`'"]);
    assert_eq!(map("a\n`src/gone.rs`", &[]), ["A.md:2: src/gone.rs does not exist"]);
    assert_eq!(map("### `src/net/`: x\n`book.rs`", &[]), [""; 0]);
    assert_eq!(map("### `src/net/`: x\n`frame.rs`", &[]).len(), 1);
    let nested = docs::map("A.md", "### `src/net/`\n`frame.rs`", &[], |p| {
        p == "src/net/" || p == "src/net/frame.rs"
    });
    assert_eq!(nested, [""; 0]);
    assert_eq!(map("`gone/`, `out/x.toml`", &[]), ["A.md:1: gone/ does not exist"]);
}

#[test]
fn a_verb_that_is_not_there_is_found() {
    let main = "enum Verb {\n    /// Runs it.\n    Run(RunArgs),\n    ShowConfig,\n}\nenum Other { Gone }\n";
    let verbs = docs::verbs(&of("src/main.rs", main));
    assert_eq!(verbs, ["run", "show-config"]);
    let check = |text: &str| docs::commands("R.md", text, &verbs);
    let good = "`evenkeel run --x` and\n$ cargo run --release -- show-config\n`evenkeel --version`";
    assert_eq!(check(good), [""; 0]);
    assert_eq!(check(&format!("{good}\n`evenkeel walk`")), ["R.md:4: no verb \"walk\""]);
    assert_eq!(check("`evenkeel run`"), ["R.md: says nothing of `evenkeel show-config`"]);
}

#[test]
fn an_exit_code_without_a_row_is_found() {
    let ops = of("src/ops/mod.rs", "pub const OK: i32 = 0;\n/// x\npub const BAD: i32 = 1;");
    assert_eq!(docs::exit_codes("R.md", "| 0 | x |\n| 1 | y |", &ops), [""; 0]);
    assert_eq!(docs::exit_codes("R.md", "| 0 | x |", &ops).len(), 1);
}
