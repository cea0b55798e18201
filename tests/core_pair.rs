//! Cold. The pair inside the core, line by line. The language is described in `common/lines.rs`.

mod common;

use common::config::bps;
use common::lines::paired;
use evenkeel::strategy::pair_exec::FoundPolicy;

/// Both books ready at the golden prices, and the golden pair sent.
const SENT: &str = "
            up
            decide
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide                   -> place pair buy 2762.4 x 0.042 #1 ioc, place pair sell 115.63 x 1 SOL#2 ioc
";

#[test]
fn golden_pair_enters_holds_and_exits() {
    paired(|_, _| {}).run(SENT).run("
            why solved               -> 0.042 1
            fill #1 buy 0.042 @ 2756.9 taker
            decide
            fill SOL#2 sell 1 @ 115.86 taker
            decide
            why pair                 -> x
            why entered              -> x
            at +2s
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide                   -> x
            fill #3 sell 0.042 @ 2756.8 taker
            fill SOL#4 buy 1 @ 115.87 taker
            decide
            why pair                 -> x
            shows pair succeeded     -> 1
            shows pair legs          -> 4 of 4
            at +1s
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide                   -> x
        ");
}
