//! Hot. How much may still be sent: the tier's rate and the volume quota, as plain state.
//!
//! Two limits hold at once, both per L1 address and over REST and WebSocket together:
//!
//! * **Rate.** So many transactions in any 60 s (Standard 60, Plus 8000, Premium 4000 to 40 000 by
//!   stake; venue's documentation of July 2026). The window rolls and is counted in sixty seconds:
//!   what was sent in the current second and the 60 before it counts, so the engine never allows
//!   more than the venue does, and at most one second's worth less.
//! * **Volume quota.** Premium alone: every order, modify and cancel-all costs one, also in a batch;
//!   cancels are free. It grows with traded volume, by how much is the venue's to say: its answers
//!   carry what is left ([`Quota::told`]), which replaces our own count. With none left one
//!   transaction every 15 s is free.
//!
//! Time is an argument, in ms, and may stand still but not go back; an earlier time is taken for
//! the last one.

/// Seconds of the rate's window.
const WINDOW_S: usize = 60;
/// The current second and the sixty before it.
const SLOTS: usize = WINDOW_S + 1;
/// Pause between two free transactions, ms.
pub const FREE_EVERY_MS: u64 = 15_000;
/// The quota that an account begins with.
pub const QUOTA_START: u64 = 1_000;
/// The quota never grows beyond this.
pub const QUOTA_MAX: u64 = 5_000_000;

/// What an account may do by its tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Transactions in a minute.
    pub sends_per_minute: u32,
    /// Whether the volume quota holds.
    pub has_quota: bool,
}

impl Tier {
    pub const STANDARD: Tier = Tier { sends_per_minute: 60, has_quota: false };
    pub const PLUS: Tier = Tier { sends_per_minute: 8_000, has_quota: false };
    /// Without a stake.
    pub const PREMIUM: Tier = Tier { sends_per_minute: 4_000, has_quota: true };

    /// A tier by the venue's name, `premium_N` by its stake; `None` for a name that is not known.
    pub fn of(name: &str) -> Option<Tier> {
        let premium = |sends_per_minute| Some(Tier { sends_per_minute, has_quota: true });
        match name {
            "standard" => Some(Tier::STANDARD),
            "plus" => Some(Tier::PLUS),
            "premium" => Some(Tier::PREMIUM),
            "premium_1" => premium(5_000),
            "premium_2" => premium(6_000),
            "premium_3" => premium(7_000),
            "premium_4" => premium(8_000),
            "premium_5" => premium(12_000),
            "premium_6" => premium(24_000),
            "premium_7" => premium(40_000),
            _ => None,
        }
    }
}

/// What a transaction costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// A cancel: counts for the rate alone.
    Free,
    /// An order, a modify, a cancel of all, a group.
    One,
}

/// What a quoter may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Transactions of any kind that the rate leaves now.
    pub sends: u32,
    /// Orders that may be sent now: the rate and the quota together, the free one included.
    pub orders: u32,
    /// When the next order may be sent, ms; now, when one may.
    pub next_order_ms: u64,
}

/// The state of one L1 address.
#[derive(Clone, Debug)]
pub struct Quota {
    tier: Tier,
    now_ms: u64,
    /// Sent in each second, by the second modulo the slots.
    sent: [u32; SLOTS],
    /// Of all slots.
    in_window: u32,
    left: u64,
    /// When the last free one was used; `None` before the first.
    free_used_ms: Option<u64>,
    /// Nothing is sent before this time: the venue has refused for the rate.
    back_off_until_ms: u64,
}

impl Quota {
    /// `left` is the volume quota that the venue last told, or [`QUOTA_START`] of a new account.
    pub fn new(tier: Tier, left: u64, now_ms: u64) -> Quota {
        Quota {
            tier,
            now_ms,
            sent: [0; SLOTS],
            in_window: 0,
            left: left.min(QUOTA_MAX),
            free_used_ms: None,
            back_off_until_ms: 0,
        }
    }

    pub fn left(&self) -> u64 {
        self.left
    }

    /// What may be sent at this time.
    pub fn room(&mut self, now_ms: u64) -> Room {
        self.advance(now_ms);
        let by_rate = self.tier.sends_per_minute.saturating_sub(self.in_window);
        let sends = if self.now_ms < self.back_off_until_ms { 0 } else { by_rate };
        let by_quota = match (self.tier.has_quota, self.left) {
            (false, _) => u32::MAX,
            (true, 0) => u32::from(self.free_at() <= self.now_ms),
            (true, left) => u32::try_from(left).unwrap_or(u32::MAX),
        };
        let quota_at = if by_quota > 0 { self.now_ms } else { self.free_at() };
        let next_order_ms = self.rate_at().max(quota_at).max(self.back_off_until_ms);
        Room { sends, orders: sends.min(by_quota), next_order_ms: next_order_ms.max(self.now_ms) }
    }

    /// The share of the minute's transactions that is used, permille.
    pub fn used_permille(&mut self, now_ms: u64) -> u64 {
        self.advance(now_ms);
        // A tier has far fewer than 2^32 / 1000 in a minute.
        u64::from(self.in_window) * 1000 / u64::from(self.tier.sends_per_minute.max(1))
    }

    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// The account is of another tier; what was counted stays.
    pub fn set_tier(&mut self, tier: Tier) {
        self.tier = tier;
    }

    /// Counts what was sent.
    pub fn sent(&mut self, now_ms: u64, count: u32, cost: Cost) {
        self.advance(now_ms);
        self.sent[self.slot()] += count;
        self.in_window += count;
        if cost == Cost::Free || !self.tier.has_quota {
            return;
        }
        if self.left == 0 {
            self.free_used_ms = Some(self.now_ms);
        }
        self.left = self.left.saturating_sub(u64::from(count));
    }

    /// The venue says what is left: its word replaces our count.
    pub fn told(&mut self, left: u64) {
        self.left = left.min(QUOTA_MAX);
    }

    /// The venue refused for the rate: nothing is sent for this long.
    pub fn back_off(&mut self, now_ms: u64, pause_ms: u64) {
        self.advance(now_ms);
        self.back_off_until_ms = self.now_ms.saturating_add(pause_ms).max(self.back_off_until_ms);
    }

    /// When the next free one may be sent.
    fn free_at(&self) -> u64 {
        self.free_used_ms.map_or(self.now_ms, |used| used.saturating_add(FREE_EVERY_MS))
    }

    /// When the rate leaves room for one: now, or when enough of the oldest seconds have left.
    fn rate_at(&self) -> u64 {
        let mut over = self.in_window.saturating_add(1).saturating_sub(self.tier.sends_per_minute);
        let second = self.now_ms / 1000;
        // The oldest slot is the one behind the current second's.
        for age in (0..SLOTS as u64).rev() {
            if over == 0 {
                return if age + 1 == SLOTS as u64 {
                    self.now_ms
                } else {
                    (second + WINDOW_S as u64 - age) * 1000
                };
            }
            let at = second.wrapping_sub(age) % SLOTS as u64;
            over = over.saturating_sub(self.sent[at as usize]);
        }
        (second + SLOTS as u64) * 1000
    }

    fn slot(&self) -> usize {
        (self.now_ms / 1000 % SLOTS as u64) as usize
    }

    /// Moves the window to a time: slots of seconds that have passed are emptied.
    fn advance(&mut self, now_ms: u64) {
        let (from, to) = (self.now_ms / 1000, now_ms.max(self.now_ms) / 1000);
        for second in (from + 1..=to).take(SLOTS) {
            let slot = &mut self.sent[(second % SLOTS as u64) as usize];
            self.in_window -= *slot;
            *slot = 0;
        }
        self.now_ms = self.now_ms.max(now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 1_792_918_000_000;

    #[test]
    fn sixty_in_a_minute_and_then_none() {
        let mut quota = Quota::new(Tier::STANDARD, 0, T);
        for i in 0..60 {
            assert_eq!(
                quota.room(T + i),
                Room { sends: 60 - i as u32, orders: 60 - i as u32, next_order_ms: T + i }
            );
            quota.sent(T + i, 1, Cost::One);
        }
        // All were sent in second 0, which counts until second 61 begins.
        let none = Room { sends: 0, orders: 0, next_order_ms: T + 61_000 };
        assert_eq!(quota.room(T + 100), none);
        assert_eq!(quota.room(T + 60_999), none);
        assert_eq!(quota.room(T + 61_000).orders, 60);
        // A time that goes back changes nothing.
        assert_eq!(quota.room(T).orders, 60);
    }

    #[test]
    fn the_window_rolls_by_seconds() {
        let mut quota = Quota::new(Tier::STANDARD, 0, T);
        for second in 0..60 {
            quota.sent(T + second * 1000, 1, Cost::Free);
        }
        assert_eq!(quota.room(T + 59_500).next_order_ms, T + 61_000);
        assert_eq!(quota.room(T + 61_000).sends, 1);
        assert_eq!(quota.room(T + 63_400).sends, 3);
        quota.sent(T + 63_400, 3, Cost::Free);
        assert_eq!(quota.room(T + 63_400).next_order_ms, T + 64_000);
        assert_eq!(quota.room(T + 10_000_000).sends, 60);
    }

    #[test]
    fn the_quota_is_spent_by_orders_and_one_is_free_every_15_s() {
        let mut quota = Quota::new(Tier::PREMIUM, 2, T);
        quota.sent(T, 100, Cost::Free);
        assert_eq!(quota.room(T), Room { sends: 3_900, orders: 2, next_order_ms: T });
        quota.sent(T, 2, Cost::One);
        // The first free one at once, the next 15 s later.
        assert_eq!(quota.room(T + 5).orders, 1);
        quota.sent(T + 5, 1, Cost::One);
        let none = Room { sends: 3_897, orders: 0, next_order_ms: T + 15_005 };
        assert_eq!(quota.room(T + 10), none);
        assert_eq!(quota.room(T + 15_005).orders, 1);
        // Cancels go on.
        assert_eq!(none.sends, 3_897);
        quota.told(40);
        assert_eq!((quota.room(T + 15_006).orders, quota.left()), (40, 40));
        quota.told(u64::MAX);
        assert_eq!(quota.left(), QUOTA_MAX);
    }

    #[test]
    fn a_refusal_for_the_rate_stops_everything() {
        let mut quota = Quota::new(Tier::PLUS, 0, T);
        quota.back_off(T, 5_000);
        quota.back_off(T, 1_000);
        assert_eq!(quota.room(T), Room { sends: 0, orders: 0, next_order_ms: T + 5_000 });
        assert_eq!(quota.room(T + 5_000).orders, 8_000);
    }

    /// Against a plain list of times, in which a transaction counts while it is younger than 61 s
    /// to the second: the count never allows more than 60 s would.
    #[test]
    fn the_window_agrees_with_a_list_of_times() {
        let mut quota = Quota::new(Tier { sends_per_minute: 25, has_quota: false }, 0, T);
        let (mut sent, mut now, mut seed): (Vec<u64>, u64, u64) = (Vec::new(), T, 7);
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            now += (seed >> 33) % 4_000;
            let young = |at: u64, span: u64| now / 1000 - at / 1000 < span;
            let counted = sent.iter().filter(|at| young(**at, 61)).count();
            let room = quota.room(now);
            assert_eq!(room.sends as usize, 25 - counted);
            let exact = sent.iter().filter(|at| now - **at < 60_000).count();
            assert!(room.sends as usize + exact <= 25);
            if room.sends > 0 {
                let n = 1 + (seed >> 40) % u64::from(room.sends);
                quota.sent(now, n as u32, Cost::Free);
                sent.extend(std::iter::repeat_n(now, n as usize));
            } else {
                assert!(room.next_order_ms > now);
                assert_eq!(quota.clone().room(room.next_order_ms - 1).sends, 0);
                assert!(quota.clone().room(room.next_order_ms).sends > 0);
            }
        }
    }
}
