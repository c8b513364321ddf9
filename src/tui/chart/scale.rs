//! The y axis: round numbers, one step a row, that keeps still until the data leave it.

use super::Plot;
use crate::domain::Unit;

/// A y axis: the top row stands for `top`, each row below for `step` less. Both are round numbers of `unit_size` each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Value of the top row, a multiple of `step`.
    pub top: f64,
    /// Difference between two rows: 1, 2 or 5 times a power of ten, times `unit_size`.
    pub step: f64,
    /// Rows it was made for.
    pub rows: usize,
    /// What the numbers beside the rows are divided by: a million where they are shown in M.
    pub unit_size: f64,
    /// The letter for that.
    pub prefix: &'static str,
    /// The greatest number that is written: there is nothing above 100 %.
    most: f64,
}

impl Scale {
    /// The finest axis of `rows` rows that holds all of the plot: values, bands and, where near, the limit. Of a 95 % band much wider than
    /// all else a part is left out.
    #[must_use]
    pub fn fit(plot: &Plot<'_>, rows: usize) -> Self {
        let (low, high) = range(plot).unwrap_or((0.0, rows.saturating_sub(1) as f64));
        Self::of(low, high, plot.unit, rows)
    }

    /// The finest axis of `rows` rows that holds `low` to `high`.
    #[must_use]
    pub fn of(low: f64, high: f64, unit: Unit, rows: usize) -> Self {
        let (low, high) = (low.min(high).max(-1e300), high.max(low).min(1e300));
        // Of nothing but noughts no number says how fine the axis should be: a row is one.
        let high = if low == 0.0 && high == 0.0 {
            rows.saturating_sub(1) as f64
        } else {
            high
        };
        let (unit_size, prefix) = prefix(low.abs().max(high.abs()), unit);
        let (low, high) = (low / unit_size, high / unit_size);
        let spaces = rows.saturating_sub(1).max(1) as f64;
        // Digits beyond the ninth are no difference a reader could use, and would be lost in the sums below.
        let span = (high - low).max(low.abs().max(high.abs()) * 1e-9).max(1e-9);
        let power = 10f64.powf((span / spaces).log10().floor());
        let whole = unit == Unit::Percent && high <= 100.0;
        let axis = |top: f64, step: f64| Self {
            top: top * unit_size,
            step: step * unit_size,
            rows,
            unit_size,
            prefix,
            most: if whole { 100.0 } else { f64::INFINITY },
        };
        let mut finest = None;
        let steps = (0..12).flat_map(|more| [1.0, 2.0, 5.0].map(|factor| factor * 10f64.powi(more) * power));
        for step in steps {
            let (bottom, top) = ((low / step).floor(), (high / step).ceil());
            if top - bottom <= spaces {
                // Rows to spare go above and below alike, but never below a zero that all values keep to.
                let spare = spaces - (top - bottom);
                let least = if low >= 0.0 { bottom.max(0.0) } else { spare };
                // Nor above 100 %.
                let most = if whole { (100.0 / step).floor() - top } else { spare };
                let below = (spare / 2.0).floor().max(spare - most.max(0.0)).min(least);
                let fits = axis((top + spare - below) * step, step);
                // A coarser one whose numbers have room beside the chart is better.
                if fits.label(0).len() <= 4 {
                    return fits;
                }
                finest = finest.or(Some(fits));
            }
        }
        finest.unwrap_or_else(|| axis(high, span / spaces))
    }

    /// This axis if it still holds all of the plot and none much finer would, else one that fits.
    #[must_use]
    pub fn hold(self, plot: &Plot<'_>, rows: usize) -> Self {
        let Some((low, high)) = range(plot).filter(|_| self.rows == rows) else {
            return Self::fit(plot, rows);
        };
        let finest = Self::of(low, high, plot.unit, rows);
        let bottom = self.top - self.step * rows.saturating_sub(1) as f64;
        let slack = self.step * 0.5;
        let holds = low >= bottom - slack && high <= self.top + slack;
        if holds && finest.step >= self.step / 2.6 {
            self
        } else {
            finest
        }
    }

    /// The row of a value, 0 at the top; outside the chart when the value is.
    #[must_use]
    pub fn row(&self, value: f64) -> i64 {
        ((self.top - value) / self.step).round().clamp(-1e9, 1e9) as i64
    }

    /// The row of dots of a value, four a row, 0 at the top.
    #[must_use]
    pub fn dot(&self, value: f64) -> i64 {
        ((self.top - value) / self.step * 4.0 + 1.5).round().clamp(-1e9, 1e9) as i64
    }

    /// The number beside a row; nothing where there can be no value.
    #[must_use]
    pub fn label(&self, row: usize) -> String {
        let (top, step) = (self.top / self.unit_size, self.step / self.unit_size);
        let decimals = (-step.log10() - 1e-9).ceil().clamp(0.0, 9.0) as usize;
        let value = top - step * row as f64;
        if value > self.most + step * 1e-6 {
            return String::new();
        }
        let text = format!("{value:.decimals$}");
        // No minus before a zero.
        if text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.') {
            "0".into()
        } else {
            text
        }
    }

    /// A value between the rows as a number beside them: with as few digits as say it exactly; `None` where four cells have no room for
    /// that.
    #[must_use]
    pub fn exact(&self, value: f64) -> Option<String> {
        let value = value / self.unit_size;
        let shown = (0..4).map(|decimals| format!("{value:.decimals$}"));
        let same = |text: &String| {
            let read = text.parse::<f64>().unwrap_or(f64::NAN);
            (read - value).abs() <= value.abs() * 1e-6
        };
        shown.into_iter().find(same).filter(|text| text.len() <= 4)
    }

    /// What the numbers count: `%`, `GB`, `k/s`, `ms`.
    #[must_use]
    pub fn heading(&self, unit: Unit) -> String {
        format!("{}{}", self.prefix, unit.suffix())
    }
}

/// What numbers of that size are divided by, and its letter: 1024s for bytes, thousandths only for seconds.
fn prefix(size: f64, unit: Unit) -> (f64, &'static str) {
    let base: f64 = match unit {
        Unit::Bytes | Unit::BytesPerSec => 1024.0,
        Unit::Percent | Unit::Celsius => return (1.0, ""),
        Unit::Secs if size < 1e-3 => return (1e-6, "u"),
        Unit::Secs if size < 1.0 => return (1e-3, "m"),
        Unit::Secs => return (1.0, ""),
        _ => 1000.0,
    };
    [(5, "P"), (4, "T"), (3, "G"), (2, "M"), (1, "k")]
        .into_iter()
        .map(|(power, letter)| (base.powi(power), letter))
        .find(|(divisor, _)| size >= *divisor)
        .unwrap_or((1.0, ""))
}

/// The least and greatest number the axis is made for; `None` when there is none: values, median, 80 % band, the 95 % band as far as it
/// leaves them half of the height, and a limit that is near.
fn range(plot: &Plot<'_>) -> Option<(f64, f64)> {
    let actual = plot
        .actual
        .iter()
        .flatten()
        .flat_map(|(newest, least, greatest)| [*newest, *least, *greatest]);
    let inner = plot.shadow.iter().flatten().flat_map(|shadow| {
        let (low, high) = shadow.band80();
        [low, shadow.median(), high]
    });
    let outer = plot.shadow.iter().flatten().flat_map(|shadow| {
        let (low, high) = shadow.band95();
        [low, high]
    });
    let (low, high) = extent(actual.chain(inner))?;
    // A band with a long tail would press all else into one row; where it goes on is marked. Of a flat line it is all there is to see.
    let half = (high - low).max(low.abs().max(high.abs()) * 0.05) / 2.0;
    let reach = if half > 0.0 { half } else { f64::INFINITY };
    let (low, high) = extent(outer).map_or((low, high), |(least, most)| {
        (low.min(least.max(low - reach)), high.max(most.min(high + reach)))
    });
    // A limit far away would do the same; it is told in words then.
    let near = (high - low).max(high.abs() * 0.05) * 2.0;
    Some(
        match plot.limit.map(|limit| limit.value).filter(|value| value.is_finite()) {
            Some(limit) if limit < low && low - limit <= near => (limit, high),
            Some(limit) if limit > high && limit - high <= near => (low, limit),
            _ => (low, high),
        },
    )
}

/// The least and greatest of those that are numbers.
fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |range, value| {
        Some(range.map_or((value, value), |(low, high): (f64, f64)| {
            (low.min(value), high.max(value))
        }))
    })
}
