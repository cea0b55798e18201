//! Hot. The group of ecGFp5, of prime order n (about 2^319).
//!
//! The curve is y^2 = x (x^2 + 2 x + 263 z) over GF(p^5); the group is its points that are not
//! twice another, with addition shifted by (0, 0), in coordinates x and u = x/y. A [`Point`] is
//! fractional: x = X/Z, u = U/T. The formulas hold for every pair of points, the neutral
//! (0:1:0:1) and equal ones included, so there is nothing to branch on.
//!
//! A point is encoded as w = y/x = T/U; each element w has one point or none, and only canonical
//! limbs are taken.
//!
//! Multiples of the generator come from a table of 64 windows of 5 bits, each with the multiples
//! 1 to 16 of 32^i G. The scalar is written in digits from -16 to 16, and each digit reads all
//! sixteen entries of its window and keeps one by masks: no branch and no address depends on it.
//! [`Point::double_multiply_public`], for verification, does both.
//!
//! Source: T. Pornin, "EcGFp5: a Specialized Elliptic Curve" (IACR ePrint 2022/274).

use std::sync::OnceLock;

use zeroize::Zeroize;

use super::goldilocks::Gf;
use super::quintic::Gf5;
use super::scalar::Scalar;

/// A point of the group.
#[derive(Clone, Copy, Debug, Zeroize)]
pub struct Point {
    x: Gf5,
    z: Gf5,
    u: Gf5,
    t: Gf5,
}

/// A point with Z = T = 1. The neutral is (0, 0).
#[derive(Clone, Copy, Debug, Default, Zeroize)]
struct Affine {
    x: Gf5,
    u: Gf5,
}

/// The curve's b is 263 z.
const B: u32 = 263;

const GENERATOR: Affine = Affine {
    x: Gf5::new([
        12_883_135_586_176_881_569,
        4_356_519_642_755_055_268,
        5_248_930_565_894_896_907,
        2_165_973_894_480_315_022,
        2_448_410_071_095_648_785,
    ]),
    // 1/4.
    u: Gf5::new([13_835_058_052_060_938_241, 0, 0, 0, 0]),
};

const WINDOWS: usize = 64;
const WINDOW_BITS: usize = 5;
const ENTRIES: usize = 1 << (WINDOW_BITS - 1);

type Window = [Affine; ENTRIES];

/// The multiples of the generator: 80 kB, made once.
static TABLE: OnceLock<Box<[Window]>> = OnceLock::new();

impl Point {
    pub const NEUTRAL: Point = Point { x: Gf5::ZERO, z: Gf5::ONE, u: Gf5::ZERO, t: Gf5::ONE };

    pub fn generator() -> Point {
        GENERATOR.point()
    }

    /// The one encoding; zeros for the neutral.
    pub fn encode(&self) -> Gf5 {
        self.t * self.u.invert()
    }

    /// `None` when no point of the group has this encoding. For points that were published.
    /// w^2 x = x^2 + 2 x + b; of the two roots the one that is not a square belongs to the group.
    pub fn decode(w: Gf5) -> Option<Point> {
        if w == Gf5::ZERO {
            return Some(Point::NEUTRAL);
        }
        let half = Gf5::new([super::goldilocks::P.div_ceil(2), 0, 0, 0, 0]);
        let e = w.square() - Gf5::ONE.double();
        let root = (e.square() - Gf5::ONE.times_z(4 * B)).sqrt_public()?;
        let mut x = (e + root) * half;
        if x.is_square_public() {
            x = (e - root) * half;
        }
        Some(Point { x, z: Gf5::ONE, u: Gf5::ONE, t: w })
    }

    /// The sum; ten products.
    pub fn add(&self, other: &Point) -> Point {
        let (x1, z1, u1, t1) = (self.x, self.z, self.u, self.t);
        let (x2, z2, u2, t2) = (other.x, other.z, other.u, other.t);
        let (xx, zz, uu, tt) = (x1 * x2, z1 * z2, u1 * u2, t1 * t2);
        let xz = (x1 + z1) * (x2 + z2) - (xx + zz);
        let ut = (u1 + t1) * (u2 + t2) - (uu + tt);
        combine(xx, zz, uu, tt, xz, ut)
    }

    /// The sum with a point of a table; eight products.
    #[inline]
    fn add_affine(&self, other: &Affine) -> Point {
        let xx = self.x * other.x;
        let uu = self.u * other.u;
        let xz = self.x + self.z * other.x;
        let ut = self.u + self.t * other.u;
        combine(xx, self.z, uu, self.t, xz, ut)
    }

    /// Twice the point; four products, five squares.
    pub fn double(&self) -> Point {
        let zt = self.z * self.t;
        let ztt = zt * self.t;
        let x1 = ztt.square();
        let z1 = zt * self.u;
        let w1 = ztt - (self.x + self.z).double() * self.u.square();
        let zz = z1.square();
        let z = w1.square();
        let u = (w1 + z1).square() - zz - z;
        let t = x1.double() - zz.times(4) - z;
        Point { x: zz.times_z(4 * B), z, u, t }
    }

    pub fn negate(&self) -> Point {
        Point { u: -self.u, ..*self }
    }

    /// `k` times the generator; for secrets.
    pub fn multiply_generator(k: &Scalar) -> Point {
        let table = TABLE.get_or_init(table);
        let mut digits = signed_digits(k);
        let mut sum = Point::NEUTRAL;
        for (window, &digit) in table.iter().zip(&digits) {
            let mut entry = select(window, digit);
            sum = sum.add_affine(&entry);
            entry.zeroize();
        }
        digits.zeroize();
        sum
    }

    /// `a` times the generator plus `b` times this, in a time that depends on both: for numbers
    /// that were published.
    pub fn double_multiply_public(&self, a: &Scalar, b: &Scalar) -> Point {
        let mut multiples = [Point::NEUTRAL; ENTRIES + 1];
        for i in 1..multiples.len() {
            multiples[i] = multiples[i - 1].add(self);
        }
        let mut sum = Point::NEUTRAL;
        for &digit in signed_digits(b).iter().rev() {
            for _ in 0..WINDOW_BITS {
                sum = sum.double();
            }
            let multiple = &multiples[digit.unsigned_abs() as usize];
            if digit != 0 {
                sum = sum.add(&if digit < 0 { multiple.negate() } else { *multiple });
            }
        }
        sum.add(&Point::multiply_generator(a))
    }
}

/// The end of both additions: products of like coordinates and the two cross sums.
#[inline(always)]
fn combine(xx: Gf5, zz: Gf5, uu: Gf5, tt: Gf5, xz: Gf5, ut: Gf5) -> Point {
    let base = xx + zz.times_z(B);
    let t8 = tt * base;
    let t9 = uu * (xz.times_z(2 * B) + base.double());
    let t10 = (tt + uu.double()) * (xz + base);
    Point { x: (t10 - t8).times_z(B), z: t8 - t9, u: ut * (zz.times_z(B) - xx), t: t8 + t9 }
}

impl Affine {
    fn point(&self) -> Point {
        Point { x: self.x, z: Gf5::ONE, u: self.u, t: Gf5::ONE }
    }
}

impl PartialEq for Point {
    /// By u = U/T, which tells points apart.
    fn eq(&self, other: &Point) -> bool {
        self.u * other.t == other.u * self.t
    }
}

impl Eq for Point {}

/// The digits of `k` base 32, each from -16 to 16, low first. k is below 2^319, so the last has
/// four bits of its own and the carry stays in it.
fn signed_digits(k: &Scalar) -> [i8; WINDOWS] {
    let words = k.words();
    let mut digits = [0; WINDOWS];
    let mut carry = 0;
    for (i, place) in digits.iter_mut().enumerate() {
        let (word, bit) = (i * WINDOW_BITS / 64, i * WINDOW_BITS % 64);
        let mut bits = words[word] >> bit;
        if bit > 64 - WINDOW_BITS && word + 1 < words.len() {
            bits |= words[word + 1] << (64 - bit);
        }
        let value = (bits & 31) as i8 + carry;
        // 1 from 17 up: 16 - value is negative.
        carry = ((16 - value) >> 7) & 1;
        *place = value - (carry << WINDOW_BITS);
    }
    digits
}

/// All ones when the two small numbers are equal. `black_box` keeps the optimiser from
/// turning the masks back into a choice.
#[inline(always)]
fn equal_mask(a: u64, b: u64) -> u64 {
    let difference = a ^ b;
    std::hint::black_box(difference.wrapping_sub(1) >> 63).wrapping_neg()
}

/// The multiple `digit` of a window, reading all of it.
#[inline(always)]
fn select(window: &Window, digit: i8) -> Affine {
    let sign = i64::from(digit >> 7) as u64;
    let magnitude = ((i64::from(digit) as u64) ^ sign).wrapping_sub(sign);
    let mut words = [0u64; 10];
    for (entry, multiple) in window.iter().zip(1..) {
        let keep = equal_mask(magnitude, multiple);
        for (word, limb) in words.iter_mut().zip(entry.x.0.iter().chain(&entry.u.0)) {
            *word |= limb.raw() & keep;
        }
    }
    let [a, b, c, d, e, f, g, h, i, j] = words;
    let u = Gf5::new([f, g, h, i, j]);
    let negated = -u;
    let u = std::array::from_fn(|k| Gf::new((u.0[k].raw() & !sign) | (negated.0[k].raw() & sign)));
    Affine { x: Gf5::new([a, b, c, d, e]), u: Gf5(u) }
}

/// The table of multiples of the generator: 1024 additions and one inversion a window, about a
/// millisecond. Cold: at the first multiplication, which is the public key's.
fn table() -> Box<[Window]> {
    let mut base = Point::generator();
    let mut windows = Vec::with_capacity(WINDOWS);
    for _ in 0..WINDOWS {
        let mut multiples = [base; ENTRIES];
        for i in 1..ENTRIES {
            multiples[i] = multiples[i - 1].add(&base);
        }
        base = multiples[ENTRIES - 1].double();
        windows.push(to_affine(&multiples));
    }
    windows.into_boxed_slice()
}

/// Divides all by their Z and T with one inversion (Montgomery's trick). None is the neutral, and
/// no Z or T of a point of the group is zero.
fn to_affine(points: &[Point; ENTRIES]) -> Window {
    let mut before = [Gf5::ONE; ENTRIES];
    let mut all = Gf5::ONE;
    for (place, point) in before.iter_mut().zip(points) {
        *place = all;
        all = all * (point.z * point.t);
    }
    let mut inverse = all.invert();
    let mut window = [Affine::default(); ENTRIES];
    for i in (0..ENTRIES).rev() {
        let of_both = inverse * before[i];
        inverse = inverse * (points[i].z * points[i].t);
        window[i].x = points[i].x * of_both * points[i].t;
        window[i].u = points[i].u * of_both * points[i].z;
    }
    window
}
