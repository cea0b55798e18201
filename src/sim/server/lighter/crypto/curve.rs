//! Cold. The group: points of y^2 = x (x^2 + 2 x + 263 z), kept as x = X/Z and u = x/y = U/T, with the
//! published addition that holds for all points, doubling included.

use super::field::{Fe, Fe5};

/// Below the order of the group, which is prime and a little under 2^319; the lowest word first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scalar([u64; 5]);

const ORDER: [u64; 5] = [
    0xe80f_d996_948b_ffe1,
    0xe888_5c39_d724_a09c,
    0x7fff_ffe6_cfb8_0639,
    0x7fff_fff1_0000_0016,
    0x7fff_fffd_8000_0007,
];
const BITS: usize = 319;

impl Scalar {
    /// `None` for the order and above: each scalar has one encoding.
    pub fn from_bytes(bytes: &[u8; 40]) -> Option<Scalar> {
        let mut words = [0; 5];
        for (word, piece) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(piece.try_into().ok()?);
        }
        words.iter().rev().lt(ORDER.iter().rev()).then_some(Scalar(words))
    }

    pub fn to_bytes(self) -> [u8; 40] {
        let mut out = [0; 40];
        for (place, word) in out.chunks_exact_mut(8).zip(self.0) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        out
    }

    /// The words of a hash as one number, modulo the order. It is below p^5, less than twice the
    /// order, so one subtraction is enough.
    pub fn reduced(hash: &Fe5) -> Scalar {
        let mut words = hash.0.map(Fe::value);
        if words.iter().rev().ge(ORDER.iter().rev()) {
            let mut borrow = false;
            for (word, order) in words.iter_mut().zip(ORDER) {
                let (less, under) = word.overflowing_sub(order);
                let (less, under_too) = less.overflowing_sub(u64::from(borrow));
                (*word, borrow) = (less, under || under_too);
            }
        }
        Scalar(words)
    }

    fn bit(&self, i: usize) -> bool {
        self.0[i / 64] >> (i % 64) & 1 == 1
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Point {
    x: Fe5,
    z: Fe5,
    u: Fe5,
    t: Fe5,
}

/// b of the curve is this times the root of the extension.
const B: u64 = 263;

impl Point {
    const NEUTRAL: Point = Point { x: Fe5::ZERO, z: Fe5::ONE, u: Fe5::ZERO, t: Fe5::ONE };

    pub const GENERATOR: Point = Point {
        x: Fe5([
            Fe::constant(12_883_135_586_176_881_569),
            Fe::constant(4_356_519_642_755_055_268),
            Fe::constant(5_248_930_565_894_896_907),
            Fe::constant(2_165_973_894_480_315_022),
            Fe::constant(2_448_410_071_095_648_785),
        ]),
        z: Fe5::ONE,
        u: Fe5::ONE,
        t: Fe5::small(4),
    };

    /// y/x, one element for each point.
    pub fn encode(&self) -> Fe5 {
        self.t.times(self.u.inverse())
    }

    /// With e = w^2 - 2, x is a root of x^2 - e x + b: the one that is no square itself.
    pub fn decode(w: Fe5) -> Option<Point> {
        if w == Fe5::ZERO {
            return Some(Point::NEUTRAL);
        }
        let e = w.square().less(Fe5::small(2));
        let root = e.square().less(Fe5::ONE.times_z(4 * B)).root()?;
        let half = Fe5::small(2).inverse();
        let larger = e.plus(root).times(half);
        let x = if larger.is_square() { e.less(root).times(half) } else { larger };
        Some(Point { x, z: Fe5::ONE, u: Fe5::ONE, t: w })
    }

    pub fn plus(&self, other: &Point) -> Point {
        let xx = self.x.times(other.x);
        let zz = self.z.times(other.z);
        let uu = self.u.times(other.u);
        let tt = self.t.times(other.t);
        let xz = self.x.times(other.z).plus(self.z.times(other.x));
        let ut = self.u.times(other.t).plus(self.t.times(other.u));
        let bzz = zz.times_z(B);
        // x1 x2 + b z1 z2, which most terms share.
        let near = xx.plus(bzz);
        let half = xz.times_z(B).plus(near);
        let first = tt.times(near);
        let second = uu.times(half.plus(half));
        let third = tt.plus(uu).plus(uu).times(xz.plus(near));
        Point {
            x: third.less(first).times_z(B),
            z: first.less(second),
            u: ut.times(bzz.less(xx)),
            t: first.plus(second),
        }
    }

    pub fn times(&self, scalar: &Scalar) -> Point {
        let mut out = Point::NEUTRAL;
        for i in (0..BITS).rev() {
            out = out.plus(&out);
            if scalar.bit(i) {
                out = out.plus(self);
            }
        }
        out
    }

    /// `scalar` self + `of_generator` G, both in one pass.
    pub fn times_and_generator(&self, scalar: &Scalar, of_generator: &Scalar) -> Point {
        let both = self.plus(&Point::GENERATOR);
        let mut out = Point::NEUTRAL;
        for i in (0..BITS).rev() {
            out = out.plus(&out);
            match (scalar.bit(i), of_generator.bit(i)) {
                (true, true) => out = out.plus(&both),
                (true, false) => out = out.plus(self),
                (false, true) => out = out.plus(&Point::GENERATOR),
                (false, false) => {}
            }
        }
        out
    }
}
