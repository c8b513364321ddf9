//! The chart: actual over shadow, band by glyph, limit, now, crossing; and the delta strip beneath it.

mod scale;
mod track;

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

pub use scale::Scale;
pub use track::{Lists, STEPS, Track, usual_step};

use crate::{
    domain::{Crossing, Limit, Quantiles, Span, Timestamp, Unit},
    tui::{
        look::{Charset, Look, Role},
        text::{self, put},
    },
};

/// Cells left of column 0, for the numbers of the y axis.
pub const GUTTER: u16 = 4;

/// Columns between two grid lines; the chart shifts by so many at once.
pub const GRID: i64 = 10;

/// Columns between the left edge and the first grid line, so that its label stands clear of the edge.
const LEAD: i64 = 2;

/// What a chart shows; index i of every list is column i from the left, its time `from + i × step`.
#[derive(Clone, Debug, Default)]
pub struct Plot<'a> {
    /// Unit of the values.
    pub unit: Unit,
    /// Start of column 0, a multiple of `step` (see [`start`]).
    pub from: Timestamp,
    /// Length of a column.
    pub step: Span,
    /// Newest, least and greatest value; `None` is a gap.
    pub actual: &'a [Option<(f64, f64, f64)>],
    /// The shadow.
    pub shadow: &'a [Option<Quantiles>],
    /// The limit line.
    pub limit: Option<&'a Limit>,
    /// The column the now line is drawn in: one right of the newest value's.
    pub now: Option<usize>,
    /// Where the limit is crossed.
    pub crossing: Option<&'a Crossing>,
    /// The time cursor's column.
    pub cursor: Option<usize>,
    /// Whether the band is a guess: its 80 % are drawn as `?` then.
    pub guess: bool,
    /// The y axis; `None` takes one that fits. Keep the last one and [`Scale::hold`] it, and the axis keeps still.
    pub scale: Option<Scale>,
}

/// The start of column 0 for a chart of `columns` columns whose newest one holds `newest`: fixed between shifts, and a shift is
/// a whole grid step.
#[must_use]
pub fn start(newest: Timestamp, step: Span, columns: usize) -> Timestamp {
    let (step, columns) = (Span(step.0.max(1)), columns as i64);
    let grid = step * GRID;
    // Grid lines stand at round local times.
    let offset = text::offset(newest);
    let bucket = newest.floor(step);
    let first = bucket - step * (columns - 1) + step * LEAD;
    let line = Timestamp((first + offset).0.div_euclid(grid.0) * grid.0) - offset;
    let line = if line < first { line + grid } else { line };
    (line - step * LEAD).floor(step)
}

/// Draws a plot: time labels above (row 0 of `area`), values at the left, one cell a column; ends with the axis line.
pub fn chart(plot: &Plot<'_>, look: &Look, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    if area.height < 3 || area.width <= GUTTER {
        return;
    }
    let rows = usize::from(area.height - 2);
    let scale = plot
        .scale
        .filter(|scale| scale.rows == rows)
        .unwrap_or_else(|| Scale::fit(plot, rows));
    let columns = columns(plot).min(usize::from(area.width - GUTTER));
    let canvas = Canvas {
        plot,
        look,
        area,
        scale,
        rows,
        columns,
    };
    canvas.labels(buffer);
    canvas.field(buffer);
    canvas.lines(buffer);
    canvas.actual(buffer);
    canvas.cursor(buffer);
}

/// Draws the rows of values alone: time labels and axis are those of a chart above.
pub fn values(plot: &Plot<'_>, look: &Look, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    let mut whole = Buffer::empty(Rect::new(0, 0, area.width, area.height + 2));
    let whole_area = whole.area;
    chart(plot, look, whole_area, &mut whole);
    for y in 0..area.height {
        for x in 0..area.width {
            buffer[(area.x + x, area.y + y)] = whole[(x, y + 1)].clone();
        }
    }
}

/// Draws one row of surprise: a digit a column (`+` from 10 on), bars with UTF-8, a blank for a gap.
pub fn strip(bits: &[Option<f32>], look: &Look, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    if area.height == 0 {
        return;
    }
    for (column, bits) in bits.iter().take(usize::from(area.width)).enumerate() {
        let Some(bits) = bits else { continue };
        let (glyph, role) = surprise(*bits, look.charset);
        put(buffer, area, column as u16, 0, glyph, look.style(role));
    }
}

/// Surprise in one cell, and how it is styled: beyond ten bits odd, beyond the 95 % band's edge (4.3) drift.
#[must_use]
pub fn surprise(bits: f32, charset: Charset) -> (&'static str, Role) {
    const DIGITS: [&str; 11] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "+"];
    const BARS: [&str; 11] = ["▁", "▁", "▂", "▂", "▃", "▄", "▄", "▅", "▆", "▇", "█"];
    let level = (bits.max(0.0) as usize).min(10);
    let role = match bits {
        bits if bits >= 10.0 => Role::Mark(crate::domain::Mark::Odd),
        bits if bits >= 4.3 => Role::Mark(crate::domain::Mark::Drift),
        _ => Role::Dim,
    };
    (
        if charset == Charset::Utf8 {
            BARS[level]
        } else {
            DIGITS[level]
        },
        role,
    )
}

/// The label of a grid line: a clock time, or the day where one begins or where lines stand a day apart.
#[must_use]
pub fn tick(at: Timestamp, step: Span) -> String {
    match text::minute(at) {
        clock if clock != "00:00" && step < Span::from_mins(144) => clock,
        _ => text::day(at),
    }
}

fn columns(plot: &Plot<'_>) -> usize {
    plot.actual.len().max(plot.shadow.len())
}

/// One drawing of a plot.
struct Canvas<'a> {
    plot: &'a Plot<'a>,
    look: &'a Look,
    area: Rect,
    scale: Scale,
    rows: usize,
    columns: usize,
}

impl Canvas<'_> {
    fn set(&self, buffer: &mut Buffer, column: usize, row: usize, glyph: &str, role: Role) {
        self.write(buffer, column, row, glyph, self.look.style(role));
    }

    /// `row` counts from the top row of values; the time labels are one above.
    fn write(&self, buffer: &mut Buffer, column: usize, row: usize, text: &str, style: Style) {
        put(buffer, self.area, GUTTER + column as u16, row as u16 + 1, text, style);
    }

    fn is_grid(&self, column: usize) -> bool {
        let (step, offset) = (self.plot.step.0.max(1), text::offset(self.plot.from).0);
        let at = self.plot.from.0 + offset + step * column as i64;
        at.rem_euclid(step * GRID) < step
    }

    fn labels(&self, buffer: &mut Buffer) {
        let dim = self.look.style(Role::Dim);
        put(buffer, self.area, 1, 0, &self.scale.heading(self.plot.unit), dim);
        for column in (0..self.columns).filter(|column| self.is_grid(*column)) {
            let at = self.plot.from + self.plot.step * column as i64;
            let label = tick(at, self.plot.step);
            if column + label.len() <= self.columns {
                put(buffer, self.area, GUTTER + column as u16, 0, &label, dim);
            }
        }
        let limit = self.limit();
        let mut last = String::new();
        for row in 0..self.rows {
            let label = self.scale.label(row);
            // The limit lies between two rows: the number beside its line is its own.
            let (shown, role) = match limit {
                Some((at, value)) if at == row => (self.scale.exact(value).unwrap_or_default(), Role::Limit),
                _ if label == last => (String::new(), Role::Dim),
                _ => (label.clone(), Role::Dim),
            };
            if (1..=4).contains(&shown.len()) {
                let cells = text::fit_right(&shown, shown.len().max(3));
                put(buffer, self.area, 0, row as u16 + 1, &cells, self.look.style(role));
            }
            last = label;
        }
    }

    /// Bands, median and grid.
    fn field(&self, buffer: &mut Buffer) {
        let look = self.look;
        for column in 0..self.columns {
            if self.is_grid(column) {
                for row in 0..self.rows {
                    self.set(buffer, column, row, look.glyph("·", "."), Role::Grid);
                }
            }
            self.set(buffer, column, self.rows, look.glyph("─", "-"), Role::Grid);
            let Some(Some(shadow)) = self.plot.shadow.get(column) else {
                continue;
            };
            let last = self.rows as i64 - 1;
            for ((low, high), glyph, role) in [
                (shadow.band95(), look.glyph("░", "."), Role::Band95),
                (
                    shadow.band80(),
                    if self.plot.guess { "?" } else { look.glyph("▒", ":") },
                    Role::Band80,
                ),
            ] {
                let (top, bottom) = (self.scale.row(high), self.scale.row(low));
                for row in top.max(0)..=bottom.min(last) {
                    self.set(buffer, column, row as usize, glyph, role);
                }
            }
            // It goes on beyond the chart.
            let (low, high) = shadow.band95();
            if self.scale.row(high) < 0 && high.is_finite() {
                self.set(buffer, column, 0, "^", Role::Band95);
            }
            if self.scale.row(low) > last && low.is_finite() {
                self.set(buffer, column, last as usize, "v", Role::Band95);
            }
            if let Some(row) = self.inside(shadow.median()) {
                self.set(buffer, column, row, look.glyph("╌", "~"), Role::Median);
            }
        }
    }

    /// Limit, crossing and now.
    fn lines(&self, buffer: &mut Buffer) {
        let look = self.look;
        let after = self.columns.max(self.plot.now.map_or(0, |now| now + 1));
        if let Some(limit) = self.plot.limit
            && let Some((row, _)) = self.limit()
        {
            let median = |column: usize| Some(self.plot.shadow.get(column)?.as_ref()?.median());
            for column in 0..self.columns {
                // Where the median runs along it both are seen by turns.
                if column % 2 == 0 || median(column).and_then(|median| self.inside(median)) != Some(row) {
                    self.set(buffer, column, row, look.glyph("═", "="), Role::Limit);
                }
            }
            let room = usize::from(self.area.width - GUTTER).saturating_sub(after + 1);
            let value = self.plot.unit.show(limit.value);
            let side = if limit.side == crate::domain::Side::Below {
                " low"
            } else {
                ""
            };
            // The axis says the unit already: a bare number does where there is no room.
            let bare = value.trim_end_matches(" %").to_owned();
            let label = [format!("{value}{side}"), value, bare]
                .into_iter()
                .find(|label| label.len() <= room);
            if let Some(label) = label {
                self.set(buffer, after + 1, row, &label, Role::Limit);
            }
            if let Some(crossing) = self.plot.crossing
                && let Some(at) = crossing.at[1]
                && at >= self.plot.from
            {
                let column = ((at - self.plot.from).0 / self.plot.step.0.max(1)) as usize;
                // What will be within the column of now stands beside its line, which would hide it.
                let column = column.max(self.plot.now.map_or(0, |now| now + 1));
                if column < self.columns {
                    self.set(buffer, column, row, "X", Role::Mark(crate::domain::Mark::Cross));
                }
            }
        }
        if let Some(now) = self.plot.now.filter(|now| *now <= self.columns) {
            // At the right edge it stands beside the labels too; within the chart it would cut one.
            if now == self.columns {
                put(
                    buffer,
                    self.area,
                    GUTTER + now as u16,
                    0,
                    look.glyph("│", "|"),
                    look.style(Role::Grid),
                );
            }
            for row in 0..=self.rows {
                self.set(buffer, now, row, look.glyph("│", "|"), Role::Grid);
            }
        }
    }

    fn inside(&self, value: f64) -> Option<usize> {
        self.within(self.scale.row(value))
    }

    fn within(&self, row: i64) -> Option<usize> {
        (0..self.rows as i64).contains(&row).then_some(row as usize)
    }

    /// The row of the limit line, and its value. Between two rows it takes the one on its side of the newest value, so that a limit that
    /// is passed, or is not, is seen to be so.
    fn limit(&self) -> Option<(usize, f64)> {
        let value = self.plot.limit?.value;
        let near = self.scale.row(value);
        let newest = self.plot.actual.iter().rev().flatten().next();
        let row = match newest.map(|(newest, ..)| *newest) {
            Some(newest) if self.scale.row(newest) == near && newest != value => {
                let side = if value > newest { -1 } else { 1 };
                let off = (self.scale.top - value) / self.scale.step - near as f64;
                // At least a third of the way to the next row.
                if off * side as f64 > 0.33 { near + side } else { near }
            }
            _ => near,
        };
        Some((self.within(row)?, value))
    }

    fn actual(&self, buffer: &mut Buffer) {
        match self.look.charset {
            Charset::Ascii => self.stars(buffer),
            Charset::Utf8 => self.braille(buffer),
        }
    }

    /// A star at the newest value of each column, and at the ends of what it saw.
    fn stars(&self, buffer: &mut Buffer) {
        for (column, value) in self.plot.actual.iter().take(self.columns).enumerate() {
            let Some((newest, least, greatest)) = value else {
                continue;
            };
            for row in [*newest, *least, *greatest]
                .into_iter()
                .filter_map(|value| self.inside(value))
            {
                self.set(buffer, column, row, "*", Role::Actual);
            }
        }
    }

    /// A line of dots, two columns and four rows of them a cell: the left column spans what the bucket saw and joins it to the
    /// one before, the right one is its newest value.
    fn braille(&self, buffer: &mut Buffer) {
        const LEFT: [u32; 4] = [0x01, 0x02, 0x04, 0x40];
        const RIGHT: [u32; 4] = [0x08, 0x10, 0x20, 0x80];
        let depth = self.rows as i64 * 4;
        let mut before: Option<i64> = None;
        for (column, value) in self.plot.actual.iter().take(self.columns).enumerate() {
            let Some((newest, least, greatest)) = value else {
                before = None;
                continue;
            };
            let at = self.scale.dot(*newest);
            let (mut top, mut bottom) = (self.scale.dot(*greatest).min(at), self.scale.dot(*least).max(at));
            if let Some(before) = before {
                top = top.min(before + 1);
                bottom = bottom.max(before - 1);
            }
            before = Some(at);
            for row in 0..self.rows {
                let mut bits = 0;
                for dot in 0..4 {
                    let place = row as i64 * 4 + dot as i64;
                    if (top.max(0)..=bottom.min(depth - 1)).contains(&place) {
                        bits |= LEFT[dot];
                    }
                    if place == at {
                        bits |= RIGHT[dot];
                    }
                }
                if bits != 0 {
                    let glyph = char::from_u32(0x2800 + bits)
                        .expect("braille patterns are characters")
                        .to_string();
                    self.set(buffer, column, row, &glyph, Role::Actual);
                }
            }
        }
    }

    fn cursor(&self, buffer: &mut Buffer) {
        let Some(column) = self.plot.cursor.filter(|column| *column < self.columns) else {
            return;
        };
        let column = Rect::new(
            self.area.x + GUTTER + column as u16,
            self.area.y + 1,
            1,
            self.rows as u16 + 1,
        );
        buffer.set_style(column.intersection(self.area), self.look.style(Role::Cursor));
    }
}

#[cfg(test)]
mod tests;
