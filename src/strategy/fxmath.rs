//! Hot. Deterministic fixed-point logarithm, exponential, power and root.
//!
//! Values are `I64F64`: 64 integer and 64 fraction bits. Everything below is integer additions,
//! shifts and multiplications, so that the same input gives the same bits on every machine, which
//! a libm does not promise. Outside its domain or range a function answers with [`FxError`].
//!
//! | function | method | error |
//! |---|---|---|
//! | [`ln`] | m in [1/sqrt 2, sqrt 2), 2 artanh((m-1)/(m+1)), 14 terms | < 2^-60 absolute |
//! | [`ln_1p`] | 2 artanh(x / (2 + x)) for small x, else [`ln`] | as `ln`; relative 2^-62 / x |
//! | [`exp`] | x = k ln 2 + r, Taylor to r^18 | < 2^-58 relative, plus 2^-64 |
//! | [`pow`] | exp(y ln x) | abs(y) x 2^-60 + 2^-58 relative |
//! | [`sqrt`] | integer root | < 2^-62 relative, plus 2^-64 |

use fixed::types::I64F64;

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FxError {
    /// The function is not defined there: the logarithm of zero, the root of a negative number.
    Domain,
    /// The result is beyond 2^63.
    Overflow,
}

impl FxError {
    pub fn name(self) -> &'static str {
        match self {
            FxError::Domain => "outside the domain of the function",
            FxError::Overflow => "result beyond 2^63",
        }
    }
}

/// 1 in 64 fraction bits.
const ONE: i128 = 1 << 64;
/// sqrt 2 in 64 fraction bits; the exact place of the cut does not matter.
const SQRT_2: i128 = 26_087_635_650_665_564_424;
/// ln 2 in 100 fraction bits.
const LN_2: i128 = 878_668_439_483_319_573_618_263_538_048;
/// 1 / ln 2 in 62 fraction bits.
const LOG2_E: i128 = 6_653_256_548_922_161_246;
/// Terms of the artanh series: z^2 <= 0.0295, and 0.0295^14 / 29 < 2^-75.
const LN_TERMS: usize = 14;
/// Terms of the exponential: 0.3466^19 / 19! < 2^-85.
const EXP_TERMS: usize = 18;
/// Fraction bits inside [`exp`]: two products of at most 1.42 x 0.35 must stay below 2^127.
const EXP_BITS: u32 = 62;

const fn odd_reciprocals() -> [i128; LN_TERMS] {
    let mut table = [0; LN_TERMS];
    let mut k = 0;
    while k < LN_TERMS {
        table[k] = ONE / (2 * k as i128 + 1);
        k += 1;
    }
    table
}

const fn reciprocal_factorials() -> [i128; EXP_TERMS + 1] {
    let mut table = [0; EXP_TERMS + 1];
    let mut factorial: i128 = 1;
    let mut n = 0;
    while n <= EXP_TERMS {
        if n > 1 {
            factorial *= n as i128;
        }
        table[n] = (1_i128 << EXP_BITS) / factorial;
        n += 1;
    }
    table
}

const ODD_RECIPROCALS: [i128; LN_TERMS] = odd_reciprocals();
const RECIPROCAL_FACTORIALS: [i128; EXP_TERMS + 1] = reciprocal_factorials();

/// 2 artanh(z) for |z| <= 0.1716, both in 64 fraction bits: below 2^62 x 2^62 in each product.
fn twice_artanh(z: i128) -> i128 {
    let square = (z * z) >> 64;
    let mut sum = 0;
    for c in ODD_RECIPROCALS.iter().rev() {
        sum = ((sum * square) >> 64) + c;
    }
    // sum < 1.02 x 2^64 and z < 0.18 x 2^64: the product is below 2^126.
    (z * sum) >> 63
}

/// The natural logarithm of x > 0.
pub fn ln(x: I64F64) -> Result<I64F64, FxError> {
    let bits = x.to_bits();
    if bits <= 0 {
        return Err(FxError::Domain);
    }
    // x = m x 2^e with m in [1, 2); bits cut off here are below 2^-64 of m.
    let top = bits.ilog2();
    let m = if top > 64 { bits >> (top - 64) } else { bits << (64 - top) };
    let e = i128::from(top) - 64;
    if m < SQRT_2 {
        Ok(I64F64::from_bits(twice_artanh(quotient(m - ONE, m + ONE)) + times_ln_2(e)))
    } else {
        // With m / 2: ((m / 2) - 1) / ((m / 2) + 1) = (m - 2) / (m + 2), which loses no bit.
        let z = quotient(m - 2 * ONE, m + 2 * ONE);
        Ok(I64F64::from_bits(twice_artanh(z) + times_ln_2(e + 1)))
    }
}

/// n / d in 64 fraction bits for |n| < 2^63.3 (|m - 2| <= 0.59) and 0 < d <= 2^66.
fn quotient(n: i128, d: i128) -> i128 {
    (n << 63) / (d >> 1)
}

/// e ln 2 in 64 fraction bits, |e| <= 64: below 2^107 on the way.
fn times_ln_2(e: i128) -> i128 {
    (e * LN_2) >> 36
}

/// ln(1 + x) for x > -1, without the loss that 1 + x brings for a small x.
pub fn ln_1p(x: I64F64) -> Result<I64F64, FxError> {
    let bits = x.to_bits();
    if bits <= -ONE {
        return Err(FxError::Domain);
    }
    // |x| <= 0.25 keeps |x / (2 + x)| <= 0.143.
    if bits.abs() <= ONE / 4 {
        return Ok(I64F64::from_bits(twice_artanh(quotient(bits, 2 * ONE + bits))));
    }
    ln(x.checked_add(I64F64::ONE).ok_or(FxError::Overflow)?)
}

/// e to the x. Below -45 it is zero, which is the nearest value.
pub fn exp(x: I64F64) -> Result<I64F64, FxError> {
    if x >= 44 {
        return Err(FxError::Overflow);
    }
    if x <= -45 {
        return Ok(I64F64::ZERO);
    }
    // k = round(x / ln 2), with 32 fraction bits of each: a k off by one only makes r a little
    // larger.
    let k = (((x.to_bits() >> 32) * (LOG2_E >> 30)) + (1 << 63)) >> 64;
    let r = ((x.to_bits() << 36) - k * LN_2) >> (100 - EXP_BITS);
    let mut sum = 0;
    for c in RECIPROCAL_FACTORIALS.iter().rev() {
        sum = ((sum * r) >> EXP_BITS) + c;
    }
    // sum in [0.70, 1.42) with 62 bits, times 2^k, to 64 bits; -65 <= k <= 63.
    let shift = k + (64 - i128::from(EXP_BITS));
    if shift <= 0 {
        return Ok(I64F64::from_bits(sum >> -shift));
    }
    if sum > i128::MAX >> shift {
        return Err(FxError::Overflow);
    }
    Ok(I64F64::from_bits(sum << shift))
}

/// x to the y for x > 0; 0 to a positive power is 0, and anything to the 0 is 1.
pub fn pow(x: I64F64, y: I64F64) -> Result<I64F64, FxError> {
    if y == I64F64::ZERO {
        return Ok(I64F64::ONE);
    }
    if x == I64F64::ZERO {
        return if y > 0 { Ok(I64F64::ZERO) } else { Err(FxError::Domain) };
    }
    let exponent = ln(x)?.checked_mul(y);
    match exponent {
        Some(exponent) => exp(exponent),
        // |y ln x| beyond 2^63: far outside on one side or the other.
        None if (x > I64F64::ONE) == (y > 0) => Err(FxError::Overflow),
        None => Ok(I64F64::ZERO),
    }
}

/// The square root of x >= 0, rounded down.
pub fn sqrt(x: I64F64) -> Result<I64F64, FxError> {
    let bits = x.to_bits();
    if bits < 0 {
        return Err(FxError::Domain);
    }
    if bits == 0 {
        return Ok(I64F64::ZERO);
    }
    // sqrt(bits / 2^64) x 2^64 = sqrt(bits x 2^64). Take the most of the 64 zeros that fits,
    // evenly.
    let room = (bits as u128).leading_zeros().min(64) & !1;
    let root = ((bits as u128) << room).isqrt();
    Ok(I64F64::from_bits((root << ((64 - room) / 2)) as i128))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fx(value: f64) -> I64F64 {
        I64F64::from_num(value)
    }

    /// Decimal text with 30 digits, from a 60-digit calculation.
    fn close(got: Result<I64F64, FxError>, want: &str, tolerance: f64) {
        let want: I64F64 = want.parse().expect("a decimal");
        let got = got.expect("within the domain");
        let error = (got - want).abs();
        assert!(error <= fx(tolerance), "{got} instead of {want}: off by {error:e}");
    }

    #[test]
    fn high_precision_references() {
        // Inputs are binary fractions: the reference is of exactly this input.
        close(ln(at("0.5")), "-0.6931471805599453094", 1e-18);
        close(ln(at("2")), "0.6931471805599453094", 1e-18);
        close(ln(at("3")), "1.0986122886681096914", 1e-18);
        close(ln(at("10")), "2.3025850929940456840", 1e-18);
        close(ln(at("0.0009765625")), "-6.9314718055994530942", 1e-18);
        close(ln(at("1.000030517578125")), "0.0000305171124731864", 1e-18);
        close(ln(at("1.4140625")), "0.3464667673462085809", 1e-18);
        close(ln(at("1.4150390625")), "0.3471571367212292845", 1e-18);
        close(ln(at("90000.5")), "11.4075705048525256328", 1e-18);
        close(ln(at("9223372036854775807")), "43.6682723752765544932", 1e-18);
        close(ln(at("0.00000000023283064365386962890625")), "-22.1807097779182499014", 1e-18);
        close(ln_1p(at("-0.25")), "-0.2876820724517809274", 1e-18);
        close(ln_1p(at("0.25")), "0.2231435513142097558", 1e-18);
        close(ln_1p(at("0.000000059604644775390625")), "5.96046429990E-8", 1e-18);
        close(ln_1p(at("-0.5")), "-0.6931471805599453094", 1e-18);
        close(ln_1p(at("3")), "1.3862943611198906188", 1e-18);
        close(ln_1p(at("0.00048828125")), "0.0004881620795013512", 1e-18);
        close(exp(at("1")), "2.7182818284590452354", 1.1e-17);
        close(exp(at("-1")), "0.3678794411714423216", 4.0e-18);
        close(exp(at("0.5")), "1.6487212707001281468", 6.6e-18);
        close(exp(at("-0.0009765625")), "0.9990239141819756622", 4.0e-18);
        close(exp(at("10.25")), "28282.5419203349790898937", 1.1e-13);
        close(exp(at("-20.5")), "1.2501528664E-9", 4.0e-18);
        close(exp(at("0.34375")), "1.4102260349257107057", 5.6e-18);
        close(exp(at("-0.359375")), "0.6981125100681258460", 4.0e-18);
        close(exp(at("40.5")), "388084696243620324.0231721875726994533", 1.6e+00);
        close(exp(at("43.625")), "8832766973907984814.7389542826620646744", 3.5e+01);
        close(pow(at("1.5"), at("16")), "656.8408355712890625000", 2.6e-14);
        close(pow(at("2"), at("0.5")), "1.4142135623730950488", 5.7e-17);
        close(pow(at("0.25"), at("1.5")), "0.1250000000000000000", 4.0e-17);
        close(pow(at("1.0625"), at("-33.25")), "0.1332179626289171533", 4.0e-17);
        close(pow(at("90000.5"), at("-1.125")), "0.0000026697737740578", 4.0e-17);
        close(sqrt(at("2")), "1.4142135623730950488", 4.2e-19);
        close(sqrt(at("0.5")), "0.7071067811865475244", 3.0e-19);
        close(sqrt(at("3")), "1.7320508075688772935", 5.2e-19);
        close(sqrt(at("0.0009765625")), "0.0312500000000000000", 3.0e-19);
        close(sqrt(at("9223372036854775807")), "3037000499.9760496922867524030", 9.1e-10);
        close(sqrt(at("90000.5")), "300.0008333321759291409", 9.0e-17);
    }

    fn at(text: &str) -> I64F64 {
        text.parse().expect("a decimal")
    }

    #[test]
    fn agrees_with_the_machine_over_the_range() {
        let mut x = 1.0e-15_f64;
        while x < 4.0e18 {
            let exact = fx(x);
            // What the fixed value is, not what was asked for.
            let x64: f64 = exact.to_num();
            let l: f64 = ln(exact).unwrap().to_num();
            assert!((l - x64.ln()).abs() <= 1e-14 * x64.ln().abs().max(1.0), "ln {x64}");
            let r: f64 = sqrt(exact).unwrap().to_num();
            assert!((r - x64.sqrt()).abs() <= 1e-15 * x64.sqrt() + 1e-19, "sqrt {x64}");
            let back: f64 = exp(ln(exact).unwrap()).unwrap().to_num();
            assert!((back / x64 - 1.0).abs() <= 1e-15 + 1e-19 / x64, "exp ln {x64}: {back}");
            x *= 1.013;
        }
        let mut x = -30.0;
        while x < 43.6 {
            let e: f64 = exp(fx(x)).unwrap().to_num();
            assert!((e - x.exp()).abs() <= 2e-14 * x.exp() + 1e-19, "exp {x}");
            let p: f64 = pow(fx(1.5), fx(x)).unwrap().to_num();
            assert!((p - 1.5_f64.powf(x)).abs() <= 2e-14 * 1.5_f64.powf(x) + 1e-19, "1.5^{x}");
            x += 0.0173;
        }
    }

    #[test]
    fn domains_and_ranges_are_values() {
        assert_eq!(ln(I64F64::ZERO), Err(FxError::Domain));
        assert_eq!(ln(I64F64::MIN), Err(FxError::Domain));
        assert_eq!(ln_1p(fx(-1.0)), Err(FxError::Domain));
        assert_eq!(ln_1p(I64F64::MAX), Err(FxError::Overflow));
        assert_eq!(sqrt(-I64F64::DELTA), Err(FxError::Domain));
        assert_eq!(exp(fx(43.6683)), Err(FxError::Overflow));
        assert!(exp(fx(43.6682)).is_ok());
        assert_eq!(exp(I64F64::MAX), Err(FxError::Overflow));
        assert_eq!(exp(I64F64::MIN), Ok(I64F64::ZERO));
        assert_eq!(pow(I64F64::ZERO, fx(-1.0)), Err(FxError::Domain));
        assert_eq!(pow(fx(-2.0), fx(2.0)), Err(FxError::Domain));
        assert_eq!(pow(I64F64::ZERO, I64F64::ZERO), Ok(I64F64::ONE));
        assert_eq!(pow(I64F64::MAX, I64F64::MAX), Err(FxError::Overflow));
        assert_eq!(pow(I64F64::MAX, I64F64::MIN), Ok(I64F64::ZERO));
        assert_eq!(pow(I64F64::DELTA, I64F64::MAX), Ok(I64F64::ZERO));
        for x in [I64F64::DELTA, I64F64::ONE, I64F64::MAX, SQRT_2_BELOW, SQRT_2_AT] {
            assert!(ln(x).is_ok() && sqrt(x).is_ok());
        }
        assert_eq!(ln(I64F64::ONE), Ok(I64F64::ZERO));
        assert_eq!(exp(I64F64::ZERO), Ok(I64F64::ONE));
        assert_eq!(sqrt(fx(1024.0)), Ok(fx(32.0)));
        assert_eq!(sqrt(I64F64::DELTA), Ok(I64F64::from_bits(1 << 32)));
    }

    const SQRT_2_BELOW: I64F64 = I64F64::from_bits(SQRT_2 - 1);
    const SQRT_2_AT: I64F64 = I64F64::from_bits(SQRT_2);
}
