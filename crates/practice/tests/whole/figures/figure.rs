//! A figure of the field beside what a practice shows.

use std::fmt;

/// A figure with the bounds that it should keep.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) id: String,
    pub(crate) measured: f64,
    low: f64,
    high: f64,
    count: usize,
    /// Rows below which chance alone may break the bounds.
    needed: usize,
}

/// A count as a floating-point number.
pub(crate) fn float(n: impl TryInto<i64>) -> f64 {
    let n: i64 = n.try_into().unwrap_or_default();
    let whole = |n: i64| f64::from(i32::try_from(n).unwrap());
    whole(n / 1_000_000) * 1e6 + whole(n % 1_000_000)
}

pub(crate) fn ratio(part: impl TryInto<i64>, whole: impl TryInto<i64>) -> f64 {
    let whole = float(whole);
    if whole == 0.0 { 0.0 } else { float(part) / whole }
}

impl Figure {
    /// A share of a whole in per cent, within so many points or four standard errors.
    pub(crate) fn share(id: impl Into<String>, part: usize, whole: usize, target: f64, points: f64) -> Self {
        let error = 400.0 * (target / 100.0 * (1.0 - target / 100.0) / float(whole.max(1))).sqrt();
        let room = points.max(error);
        let (low, high) = (target - room, target + room);
        Self { id: id.into(), measured: ratio(part, whole) * 100.0, low, high, count: whole, needed: 2000 }
    }

    /// A value between bounds, made from so many rows.
    pub(crate) fn value(id: impl Into<String>, measured: f64, count: usize, low: f64, high: f64) -> Self {
        Self { id: id.into(), measured, low, high, count, needed: 2000 }
    }

    /// Distance between shares: half the sum of the differences.
    pub(crate) fn distance(id: impl Into<String>, counts: &[usize], target: &[f64], limit: f64) -> Self {
        let whole: usize = counts.iter().sum();
        let sum: f64 = target.iter().sum();
        let apart: f64 =
            counts.iter().zip(target).map(|(n, t)| (ratio(*n, whole) - t / sum).abs()).sum::<f64>() / 2.0;
        Self { id: id.into(), measured: apart, low: 0.0, high: limit, count: whole, needed: 2000 }
    }

    /// How much likelier something is for some than for others, from the counts of those whom it befell and did not
    /// befall, of the ones and of the others. Four standard errors more are allowed where few are behind it.
    pub(crate) fn odds(id: &str, counts: [usize; 4], low: f64, high: f64) -> Self {
        let [a, b, c, d] = counts.map(|n| float(n.max(1)));
        let error = (4.0 * (1.0 / a + 1.0 / b + 1.0 / c + 1.0 / d).sqrt()).exp();
        let middle = (low * high).sqrt();
        let count = counts.iter().sum();
        Self::value(id, a * d / (b * c), count, low.min(middle / error), high.max(middle * error))
    }

    /// Asks for fewer rows than usual.
    pub(crate) fn needing(mut self, needed: usize) -> Self {
        self.needed = needed;
        self
    }

    /// Whether there were enough rows to tell.
    pub(crate) fn counts(&self) -> bool {
        self.count >= self.needed
    }

    pub(crate) fn holds(&self) -> bool {
        (self.low..=self.high).contains(&self.measured)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match (self.counts(), self.holds()) {
            (false, _) => "few",
            (true, true) => "ok",
            (true, false) => "OFF",
        };
        let Self { id, measured, low, high, count, .. } = self;
        write!(f, "{id:<34} {measured:>10.3}  {low:>9.3} .. {high:<9.3} n {count:<8} {verdict}")
    }
}

/// The value at a share of a list, in thousandths.
pub(crate) fn quantile(values: &mut [i64], permille: usize) -> i64 {
    values.sort_unstable();
    values.get(values.len() * permille / 1000).copied().unwrap_or_default()
}
