//! The history behind a live chart: asked for once, then carried on from the snapshots.

use super::{Plot, Scale, start};
use crate::{
    domain::{SeriesId, SettingChange, Span, Timestamp},
    engine::{Chart, Column, MetricRow, Query},
};

/// One metric's columns, with the place they have on the time axis.
#[derive(Clone, Debug, Default)]
pub struct Track {
    wanted: Option<Window>,
    asked: Option<Window>,
    chart: Option<Chart>,
    scale: Option<Scale>,
}

/// What a chart covers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Window {
    id: SeriesId,
    step: Span,
    columns: usize,
    /// Start of column 0.
    from: Timestamp,
}

impl Track {
    /// Wants `columns` columns of `step` that end at `newest`. Gives the question to ask, unless it was asked already or another
    /// one is still on its way (then [`Track::take`] gives it).
    pub fn want(&mut self, id: &SeriesId, newest: Timestamp, step: Span, columns: usize) -> Option<Query> {
        let columns = columns.max(1);
        let window = Window {
            id: id.clone(),
            step,
            columns,
            from: start(newest, step, columns),
        };
        // A chart that is carried on moves by itself; only a jump in time asks anew.
        let inside = |from: Timestamp| {
            let column = (newest - from).0.div_euclid(step.0.max(1));
            (columns as i64 / 3..columns as i64).contains(&column)
        };
        if let Some(wanted) = &self.wanted
            && (&wanted.id, wanted.step, wanted.columns) == (id, step, columns)
            && inside(wanted.from)
        {
            return None;
        }
        if self.wanted.as_ref().is_none_or(|wanted| wanted.id != window.id) {
            self.chart = None;
        }
        self.scale = None;
        self.wanted = Some(window);
        self.ask()
    }

    /// Forgets all, so that the next wish is asked for.
    pub fn forget(&mut self) {
        self.wanted = None;
    }

    fn ask(&mut self) -> Option<Query> {
        let wanted = self.wanted.as_ref().filter(|_| self.asked.is_none())?;
        self.asked = Some(wanted.clone());
        Some(Query::Chart {
            id: wanted.id.clone(),
            from: wanted.from,
            to: wanted.from + wanted.step * (wanted.columns as i64 - 1),
            step: wanted.step,
        })
    }

    /// Takes an answer (or that there is none); gives the next question if something else is wanted by now.
    pub fn take(&mut self, chart: Option<Chart>) -> Option<Query> {
        let asked = self.asked.take();
        if asked != self.wanted {
            return self.ask();
        }
        if let (Some(chart), Some(wanted)) = (chart, &self.wanted)
            && chart.id == wanted.id
            && chart.step == wanted.step
        {
            self.chart = Some(placed(chart, wanted));
        }
        None
    }

    /// Whether what is wanted has not come yet.
    #[must_use]
    pub fn loading(&self) -> bool {
        self.asked.is_some()
    }

    /// The chart, if it has come.
    #[must_use]
    pub fn chart(&self) -> Option<&Chart> {
        self.chart
            .as_ref()
            .filter(|chart| self.wanted.as_ref().is_some_and(|wanted| wanted.id == chart.id))
    }

    /// Puts a metric's newest value into its column, and moves the window by whole grid steps when it is full.
    pub fn extend(&mut self, row: &MetricRow) {
        let (Some(wanted), Some(chart), Some((at, value))) = (&mut self.wanted, &mut self.chart, row.now) else {
            return;
        };
        if chart.id != row.id || chart.step != wanted.step || chart.step.0 <= 0 || !value.is_finite() {
            return;
        }
        let from = start(at, wanted.step, wanted.columns);
        let shift = (from - chart.from).0 / chart.step.0;
        if shift > 0 {
            chart.columns.drain(..(shift as usize).min(chart.columns.len()));
            chart.columns.resize(wanted.columns, Column::default());
            chart.from = from;
            wanted.from = from;
        }
        let column = (at - chart.from).0.div_euclid(chart.step.0);
        let Some(column) = usize::try_from(column)
            .ok()
            .and_then(|column| chart.columns.get_mut(column))
        else {
            return;
        };
        let (_, least, greatest) = column.value.unwrap_or((value, value, value));
        column.value = Some((value, least.min(value), greatest.max(value)));
        column.expected = row.expected.or(column.expected);
        column.bits = Some(column.bits.unwrap_or(0.0).max(row.bits));
    }

    /// Keeps the y axis as long as the data stay in it.
    pub fn settle(&mut self, plot: &Plot<'_>, rows: usize) {
        self.scale = Some(
            self.scale
                .map_or_else(|| Scale::fit(plot, rows), |scale| scale.hold(plot, rows)),
        );
    }

    /// The y axis kept.
    #[must_use]
    pub fn scale(&self) -> Option<Scale> {
        self.scale
    }

    /// Changes of settings in the time shown, oldest first.
    #[must_use]
    pub fn changes(&self) -> &[SettingChange] {
        self.chart().map_or(&[], |chart| &chart.changes)
    }
}

/// Lengths of a column that the zoom goes through, seconds: 65 columns show 13 minutes to a month. Ten columns are a round time, for
/// the grid.
pub const STEPS: [i64; 9] = [12, 30, 60, 180, 360, 720, 2_160, 8_640, 43_200];

/// The length of a column that suits a metric's history: a minute, and 12 s for the first quarter of an hour; where values come more
/// rarely, about one of them.
#[must_use]
pub fn usual_step(row: &MetricRow, now: Timestamp) -> Span {
    let young = row.from.is_some_and(|from| now - from < Span::from_mins(15));
    let least = Span::from_secs(if young { 12 } else { 60 }).max(row.cadence);
    let steps = STEPS.map(Span::from_secs);
    steps
        .into_iter()
        .find(|step| *step >= least)
        .unwrap_or(steps[STEPS.len() - 1])
}

/// The chart's columns moved to the window's place, cut and filled up with gaps.
fn placed(chart: Chart, window: &Window) -> Chart {
    let offset = (chart.from - window.from).0 / window.step.0.max(1);
    let mut columns = vec![Column::default(); window.columns];
    for (place, column) in chart.columns.iter().enumerate() {
        if let Some(to) = usize::try_from(place as i64 + offset)
            .ok()
            .and_then(|place| columns.get_mut(place))
        {
            *to = *column;
        }
    }
    Chart {
        from: window.from,
        columns,
        ..chart
    }
}

/// A chart's columns as the lists that a plot takes. Buckets shorter than the time between two values hold the value before
/// until the next one is due: they are no gaps.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// Newest, least and greatest value.
    pub actual: Vec<Option<(f64, f64, f64)>>,
    /// The shadow.
    pub shadow: Vec<Option<crate::domain::Quantiles>>,
    /// Surprise, bits.
    pub bits: Vec<Option<f32>>,
    /// One right of the newest value's column.
    pub now: Option<usize>,
}

impl Lists {
    /// Takes a chart apart; `cadence` is the usual time between two values, `newest` that of the newest data.
    #[must_use]
    pub fn of(chart: &Chart, cadence: Span, newest: Timestamp) -> Self {
        let step = chart.step.0.max(1);
        // One and a half of a cadence: a value that is a little late is no gap yet.
        let reach = (cadence.0.saturating_mul(3) / 2 / step) as usize;
        let last = usize::try_from((newest - chart.from).0.div_euclid(step)).ok();
        let mut lists = Self {
            now: last.map(|last| (last + 1).min(chart.columns.len())),
            ..Self::default()
        };
        let (mut held, mut age) = (Column::default(), usize::MAX);
        for (place, column) in chart.columns.iter().enumerate() {
            let known = last.is_some_and(|last| place <= last);
            if column.value.is_some() {
                (held, age) = (*column, 0);
            } else {
                age = age.saturating_add(1);
            }
            let shown = if column.value.is_none() && age <= reach && known {
                held
            } else {
                *column
            };
            lists
                .actual
                .push(shown.value.filter(|(newest, _, _)| known && newest.is_finite()));
            lists.shadow.push(shown.expected.filter(|_| known));
            lists.bits.push(shown.bits.filter(|_| known));
        }
        lists
    }
}
