//! Cold. The configuration: what is taken, what is refused, where and why.

use evenkeel::config::Config;

const DEMO: &str = include_str!("../config/demo.toml");

#[test]
fn the_defaults_and_the_demo_are_valid() {
    let default = Config::parse("", "empty.toml").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(default.markets.len(), 1);
    let demo = Config::parse(DEMO, "config/demo.toml").unwrap_or_else(|e| panic!("{e}"));
    for config in [default, demo] {
        let text = config.effective_toml();
        println!("{text}");
        let again = Config::parse(&text, "effective.toml").unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(again, config);
        assert_eq!(again.effective_toml(), text);
    }
}
