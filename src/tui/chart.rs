//! The chart: actual over shadow, band by glyph, limit, now, crossing; and the delta strip beneath it.

use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    domain::{Crossing, Limit, Quantiles, Span, Timestamp, Unit},
    tui::look::Look,
};

/// What a chart shows; index i of every list is column i from the left, its time `from + i × step`.
#[derive(Clone, Debug, Default)]
pub struct Plot<'a> {
    /// Unit of the values.
    pub unit: Unit,
    /// Start of column 0, a multiple of `step`.
    pub from: Timestamp,
    /// Length of a column.
    pub step: Span,
    /// Newest, least and greatest value; `None` is a gap.
    pub actual: &'a [Option<(f64, f64, f64)>],
    /// The shadow.
    pub shadow: &'a [Option<Quantiles>],
    /// The limit line.
    pub limit: Option<&'a Limit>,
    /// The column of now.
    pub now: Option<usize>,
    /// Where the limit is crossed.
    pub crossing: Option<&'a Crossing>,
    /// The time cursor's column.
    pub cursor: Option<usize>,
}

/// Draws a plot: time labels above (row 0 of `area`), values at the left, one cell a column; ends with the axis line.
pub fn chart(plot: &Plot<'_>, look: &Look, area: Rect, buffer: &mut Buffer) {
    let _ = (plot, look, area, buffer);
    todo!()
}

/// Draws one row of surprise: a digit a column (`+` from 10 on), bars with UTF-8, a blank for a gap.
pub fn strip(bits: &[Option<f32>], look: &Look, area: Rect, buffer: &mut Buffer) {
    let _ = (bits, look, area, buffer);
    todo!()
}
