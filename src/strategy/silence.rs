//! Hot. Why a side is not quoted, by name.

/// Why a side is not quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Silence {
    Asymmetric = 1,
    TrendFilter = 2,
    VolatilityPause = 3,
    BelowMinimum = 4,
    OutOfGrid = 5,
    Overflow = 6,
    // -- not the maker's own: given by the core ------------------------------------------------
    BookInvalid = 7,
    BookStale = 8,
    Halted = 9,
    Breaker = 10,
    NotReady = 11,
    Risk = 12,
    // -- the ladder's -----------------------------------------------------------------------------
    /// No level earns more than adverse selection and fees cost.
    NoEdge = 13,
    // -- standing guards --------------------------------------------------------------------------
    /// The settings are not proved at this price, or under the venue's new rules.
    Unproved = 14,
    /// The venue takes no orders of this market any more.
    Delisted = 15,
    /// The venue's rate rules leave no room for what adds; what rests and fits stays.
    RateBudget = 16,
}

impl Silence {
    pub const ALL: [Silence; 16] = [
        Silence::Asymmetric,
        Silence::TrendFilter,
        Silence::VolatilityPause,
        Silence::BelowMinimum,
        Silence::OutOfGrid,
        Silence::Overflow,
        Silence::BookInvalid,
        Silence::BookStale,
        Silence::Halted,
        Silence::Breaker,
        Silence::NotReady,
        Silence::Risk,
        Silence::NoEdge,
        Silence::Unproved,
        Silence::Delisted,
        Silence::RateBudget,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Silence::Asymmetric => "asymmetric",
            Silence::TrendFilter => "trend_filter",
            Silence::VolatilityPause => "volatility_pause",
            Silence::BelowMinimum => "below_minimum",
            Silence::OutOfGrid => "out_of_grid",
            Silence::Overflow => "overflow",
            Silence::BookInvalid => "book_invalid",
            Silence::BookStale => "book_stale",
            Silence::Halted => "halted",
            Silence::Breaker => "breaker",
            Silence::NotReady => "not_ready",
            Silence::Risk => "risk",
            Silence::NoEdge => "no_edge",
            Silence::Unproved => "unproved",
            Silence::Delisted => "delisted",
            Silence::RateBudget => "rate_budget",
        }
    }

    pub fn from_code(code: u8) -> Option<Silence> {
        Silence::ALL.into_iter().find(|s| *s as u8 == code)
    }
}
