//! Money in whole cents.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use bicuspid_model::Value;

/// An amount in cents. It becomes a floating-point number only when a row is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub(crate) struct Cents(i64);

impl Cents {
    /// Nothing.
    pub(crate) const ZERO: Self = Self(0);
    /// What Open Dental stores in an optional amount that is blank: minus one dollar.
    pub(crate) const BLANK: Self = Self(-100);

    /// So many dollars.
    pub(crate) const fn dollars(dollars: i64) -> Self {
        Self(dollars * 100)
    }

    /// So many percent of the amount, to the nearest cent.
    pub(crate) const fn percent(self, percent: i64) -> Self {
        Self((self.0 * percent + 50).div_euclid(100))
    }

    /// So many thousandths of the amount, to the nearest dollar, at least one.
    pub(crate) const fn permille_in_dollars(self, permille: i64) -> Self {
        let dollars = (self.0 * permille + 50_000) / 100_000;
        Self::dollars(if dollars < 1 { 1 } else { dollars })
    }

    /// A part of so many equal ones, rounded up to the cent, so that the last may be smaller.
    pub(crate) const fn parts(self, count: i64) -> Self {
        Self((self.0 + count - 1).div_euclid(count))
    }

    /// The amount down to whole dollars.
    pub(crate) const fn floor_dollars(self) -> Self {
        Self(self.0.div_euclid(100) * 100)
    }

    /// Whether it is more than nothing.
    pub(crate) const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// The amount, or nothing where it is negative.
    pub(crate) fn or_zero(self) -> Self {
        self.max(Self::ZERO)
    }

    /// The amount in dollars as the database keeps it: the double nearest to the exact number of cents.
    fn in_dollars(self) -> f64 {
        const MILLION: i64 = 1_000_000;
        let whole = |n: i64| i32::try_from(n).map_or(f64::INFINITY, f64::from);
        (whole(self.0 / MILLION) * 1e6 + whole(self.0 % MILLION)) / 100.0
    }
}

/// An amount of somebody's benefits, which are never millions of dollars, in half the space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SmallCents(i32);

impl From<Cents> for SmallCents {
    fn from(amount: Cents) -> Self {
        Self(i32::try_from(amount.0).unwrap_or(i32::MAX))
    }
}

impl From<SmallCents> for Cents {
    fn from(amount: SmallCents) -> Self {
        Self(i64::from(amount.0))
    }
}

impl From<Cents> for Value {
    fn from(amount: Cents) -> Self {
        Self::Float(amount.in_dollars())
    }
}

impl Add for Cents {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Cents {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Cents {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Cents {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Cents {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Sum for Cents {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding() {
        assert_eq!(Cents(1050).percent(50), Cents(525));
        assert_eq!(Cents(1051).percent(50), Cents(526));
        assert_eq!(Cents(-1).percent(50), Cents(0));
        assert_eq!(Cents::dollars(60).permille_in_dollars(1035), Cents::dollars(62));
        assert_eq!(Cents::dollars(1).permille_in_dollars(1), Cents::dollars(1));
        assert_eq!(Cents(199).floor_dollars(), Cents(100));
        assert_eq!((Cents(1000).parts(3), Cents(900).parts(3)), (Cents(334), Cents(300)));
    }

    #[test]
    fn a_cell_is_the_double_that_the_text_means() {
        for (cents, text) in
            [(0, "0"), (1, "0.01"), (-1999, "-19.99"), (123_456_789_012, "1234567890.12"), (110, "1.1")]
        {
            assert_eq!(Value::from(Cents(cents)), Value::Float(text.parse().unwrap()));
        }
    }
}
