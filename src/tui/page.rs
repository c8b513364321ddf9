//! Rows of text one below the other, each exactly as wide as its area.

use std::ops::Range;

use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    domain::Unit,
    tui::{
        look::{Look, Role},
        text::{fit, words, wrap, write},
    },
};

/// A rectangle that is filled from above, row by row; what does not fit is left out.
pub struct Page<'a> {
    look: &'a Look,
    area: Rect,
    buffer: &'a mut Buffer,
    row: u16,
}

impl<'a> Page<'a> {
    /// An empty page of `area`.
    #[must_use]
    pub fn new(look: &'a Look, area: Rect, buffer: &'a mut Buffer) -> Self {
        let area = area.intersection(buffer.area);
        Self {
            look,
            area,
            buffer,
            row: 0,
        }
    }

    /// Cells of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        usize::from(self.area.width)
    }

    /// Rows still free.
    #[must_use]
    pub fn left(&self) -> usize {
        usize::from(self.area.height.saturating_sub(self.row))
    }

    /// Writes one row.
    pub fn line(&mut self, role: Role, text: &str) {
        if self.left() > 0 {
            let text = fit(text, self.width());
            let (x, y) = (self.area.x, self.area.y + self.row);
            write(self.buffer, x, y, &text, self.look.style(role));
            self.row += 1;
        }
    }

    /// Writes a row of a list; the one under the cursor shows it.
    pub fn item(&mut self, chosen: bool, text: &str) {
        self.line(if chosen { Role::Cursor } else { Role::Text }, text);
    }

    /// Gives `width` cells of the row written last, from the cell `from` on, another role.
    pub fn paint(&mut self, from: usize, width: usize, role: Role) {
        let (Some(row), Ok(from), Ok(width)) = (self.row.checked_sub(1), u16::try_from(from), u16::try_from(width))
        else {
            return;
        };
        let part = Rect::new(self.area.x.saturating_add(from), self.area.y + row, width, 1);
        self.buffer
            .set_style(part.intersection(self.area), self.look.style(role));
    }

    /// Draws over the row written last, from the cell `from` on.
    pub fn over(&mut self, from: usize, draw: impl FnOnce(Rect, &mut Buffer)) {
        let (Some(row), Ok(from)) = (self.row.checked_sub(1), u16::try_from(from)) else {
            return;
        };
        let width = self.area.width.saturating_sub(from);
        draw(Rect::new(self.area.x + from, self.area.y + row, width, 1), self.buffer);
    }

    /// Writes a line across.
    pub fn rule(&mut self) {
        let rule = self.look.glyph("─", "-").repeat(self.width());
        self.line(Role::Grid, &rule);
    }

    /// Gives away the next `rows` rows (fewer when fewer are left) to be drawn by someone else.
    pub fn take(&mut self, rows: usize) -> (Rect, &mut Buffer) {
        let rows = rows.min(self.left()) as u16;
        let area = Rect::new(self.area.x, self.area.y + self.row, self.area.width, rows);
        self.row += rows;
        (area, self.buffer)
    }
}

/// A text behind a label in capitals, with later lines set in below it.
#[must_use]
pub fn labelled(label: &str, text: &str, width: usize) -> Vec<String> {
    labelled_in(label, text, width, usize::MAX)
}

/// The same in at most `rows` rows; what is cut ends in `~`, behind a word.
#[must_use]
pub fn labelled_in(label: &str, text: &str, width: usize, rows: usize) -> Vec<String> {
    const INDENT: usize = 9;
    in_rows(std::iter::once(text), width.saturating_sub(INDENT), rows)
        .into_iter()
        .enumerate()
        .map(|(place, line)| format!(" {:<8}{line}", if place == 0 { label } else { "" }))
        .collect()
}

/// Texts below each other, wrapped as far as there are `rows` for it: each has a row at least while there is one, and what is left over
/// goes to the first. What is cut ends in `~`, behind a word.
#[must_use]
pub fn in_rows<'a>(texts: impl Iterator<Item = &'a str>, width: usize, rows: usize) -> Vec<String> {
    let wrapped: Vec<Vec<String>> = texts.map(|text| wrap(text, width)).collect();
    let mut spare = rows.saturating_sub(wrapped.len());
    let mut shown = Vec::new();
    for mut lines in wrapped {
        let most = 1 + spare.min(lines.len() - 1);
        spare -= most - 1;
        if most < lines.len() {
            let rest = lines.split_off(most - 1).join(" ");
            lines.push(words(&rest, width));
        }
        shown.append(&mut lines);
    }
    shown.truncate(rows);
    shown
}

/// The rows of a list of `len` to show in `rows` rows so that the chosen one is seen.
#[must_use]
pub fn window(len: usize, chosen: usize, rows: usize) -> Range<usize> {
    let from = (chosen + 1).saturating_sub(rows).min(len.saturating_sub(rows));
    from..len.min(from + rows)
}

/// The index that a movement key leads to in a list of `len`, or `None` when it is no movement key.
#[must_use]
pub fn moved(code: crossterm::event::KeyCode, at: usize, len: usize) -> Option<usize> {
    use crossterm::event::KeyCode::{Char, Down, End, Home, PageDown, PageUp, Up};
    const PAGE: usize = 10;
    let last = len.saturating_sub(1);
    Some(match code {
        Char('j') | Down => (at + 1).min(last),
        Char('k') | Up => at.saturating_sub(1),
        PageDown => (at + PAGE).min(last),
        PageUp => at.saturating_sub(PAGE),
        Char('g') | Home => 0,
        Char('G') | End => last,
        _ => return None,
    })
}

/// How finely two figures of a unit are shown beside each other, so that neither is rounded to nothing: below 1 both with the decimals that
/// give the larger two digits that matter.
#[derive(Clone, Copy, Debug)]
pub struct Fine {
    unit: Unit,
    /// Decimals, where both are small.
    decimals: Option<usize>,
}

impl Fine {
    /// For the figures `a` and `b`, and what stands beside them.
    #[must_use]
    pub fn of(unit: Unit, a: f64, b: f64) -> Self {
        let most = a.abs().max(b.abs());
        // Times and sizes have smaller units for that.
        let scaled = matches!(unit, Unit::Secs | Unit::Bytes | Unit::BytesPerSec | Unit::Hertz);
        let small = !scaled && (1e-5..1.0).contains(&most);
        Self {
            unit,
            decimals: small.then(|| (1.0 - most.log10().floor()) as usize),
        }
    }

    /// With a digit less of small figures.
    #[must_use]
    pub fn coarser(self) -> Self {
        Self {
            decimals: self.decimals.map(|decimals| decimals.saturating_sub(1)),
            ..self
        }
    }

    /// A figure with its unit: `0.0071 %`.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        let Some(decimals) = self.decimals.filter(|_| value.is_finite() && value.abs() < 1.0) else {
            return self.unit.show(value);
        };
        let number = format!("{value:.decimals$}");
        let number = number.trim_end_matches('0').trim_end_matches('.');
        let number = if number == "-0" { "0" } else { number };
        match self.unit {
            Unit::PerSec => format!("{number}/s"),
            unit => format!("{number} {}", unit.suffix()).trim_end().to_owned(),
        }
    }

    /// A difference of them with its sign, of per cents in points.
    #[must_use]
    pub fn signed(self, value: f64) -> String {
        self.unit.as_difference(value, self.show(value))
    }

    /// An interval of them, as [`between`].
    #[must_use]
    pub fn between(self, low: f64, high: f64) -> String {
        interval((low, high), |value| self.show(value))
    }
}

/// An interval, the unit once: `9.8-12.4 %`; `-3 to -1` where a bound is negative.
#[must_use]
pub fn between(unit: Unit, low: f64, high: f64) -> String {
    interval((low, high), |value| unit.show(value))
}

fn interval((low, high): (f64, f64), show: impl Fn(f64) -> String) -> String {
    let (low_text, high_text) = (show(low), show(high));
    if low_text == high_text {
        return high_text;
    }
    let (number, unit_text) = split(&low_text);
    // 13 B/s is not 13 M/s: only the same unit is said once. Nought is nought in every unit.
    let short = if unit_text == split(&high_text).1 || number == "0" {
        number
    } else {
        &low_text
    };
    let dash = if low < 0.0 || high < 0.0 || number.contains('e') {
        " to "
    } else {
        "-"
    };
    format!("{short}{dash}{high_text}")
}

/// A value as shown, parted into its number (`3e-4` too) and its unit.
fn split(shown: &str) -> (&str, &str) {
    let bytes = shown.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let sign = |at: usize| usize::from(matches!(bytes.get(at), Some(b'-' | b'+')));
    let mut at = sign(0);
    while digit(at) || matches!(bytes.get(at), Some(b'.' | b',')) {
        at += 1;
    }
    if bytes.get(at) == Some(&b'e') && digit(at + 1 + sign(at + 1)) {
        at += 1 + sign(at + 1);
        while digit(at) {
            at += 1;
        }
    }
    shown.split_at(at)
}

/// `value` with two digits that matter; counts keep theirs.
#[must_use]
pub fn coarse(unit: Unit, value: f64) -> f64 {
    if unit == Unit::Count || !value.is_finite() || value == 0.0 {
        return value;
    }
    // A ten-thousandth of a per cent, or of a byte a second, is none at a glance.
    if matches!(unit, Unit::Percent | Unit::PerSec | Unit::BytesPerSec) && value.abs() < 0.005 {
        return 0.0;
    }
    // 1000 K is 1000 bytes off a round number, but two digits of it are all that is shown.
    let base = match unit {
        Unit::Bytes | Unit::BytesPerSec => 1024f64.powf(value.abs().max(1.0).log(1024.0).floor()),
        _ => 1.0,
    };
    let step = 10f64.powf((value.abs() / base).log10().floor() - 1.0) * base;
    let rounded = (value / step).round() * step;
    if rounded.is_finite() { rounded } else { value }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_first_line_has_the_label() {
        assert_eq!(labelled("WHY", "aa bb", 12), [" WHY     aa", "         bb"]);
    }

    #[test]
    fn what_is_cut_says_so_and_loses_no_part_of_a_word() {
        assert_eq!(
            labelled_in("WHY", "they are on by default and used only then", 34, 1),
            [" WHY     they are on by default ~"]
        );
        assert_eq!(labelled_in("WHY", "aa bb", 12, 2), labelled("WHY", "aa bb", 12));
    }

    #[test]
    fn small_figures_beside_each_other_are_shown_as_finely() {
        let told = |unit, a, b| {
            let fine = Fine::of(unit, a, b);
            (fine.show(a), fine.show(b), fine.between(a.min(b), a.max(b)))
        };
        let of = |a: &str, b: &str, both: &str| (a.to_owned(), b.to_owned(), both.to_owned());
        let percent = Unit::Percent;
        assert_eq!(
            told(percent, 0.0071, 0.0004),
            of("0.0071 %", "0.0004 %", "0.0004-0.0071 %")
        );
        assert_eq!(
            told(percent, 0.0071, 0.0068),
            of("0.0071 %", "0.0068 %", "0.0068-0.0071 %")
        );
        assert_eq!(told(percent, 0.5, 0.0), of("0.5 %", "0 %", "0-0.5 %"));
        assert_eq!(told(percent, 12.3, 0.004), of("12.3 %", "0.004 %", "0.004-12.3 %"));
        assert_eq!(told(Unit::PerSec, 0.25, 0.031), of("0.25/s", "0.03/s", "0.03-0.25/s"));
        assert_eq!(told(Unit::Secs, 0.25, 0.0), of("250 ms", "0 s", "0-250 ms"));
    }

    #[test]
    fn intervals_name_the_unit_once() {
        assert_eq!(between(Unit::Percent, 9.8, 12.4), "9.8-12.4 %");
        assert_eq!(between(Unit::PerSec, -3.0, -1.0), "-3 to -1/s");
        assert_eq!(between(Unit::Count, 1.0, 2.0), "1-2");
        assert_eq!(between(Unit::Percent, 3.0, 3.0), "3 %");
        assert_eq!(
            between(Unit::BytesPerSec, 0.0, 2e6),
            format!("0-{}", Unit::BytesPerSec.show(2e6))
        );
        let both = between(Unit::BytesPerSec, 13.0, 34e6);
        assert!(both.starts_with(&Unit::BytesPerSec.show(13.0)), "{both}");
        assert_eq!(split("3e-4 %"), ("3e-4", " %"));
        assert_eq!(split("13.1M/s"), ("13.1", "M/s"));
        assert_eq!(split("5 eth"), ("5", " eth"));
        assert_eq!(
            Fine::of(Unit::Percent, 0.0071, 0.0004).signed(-0.0067),
            "-0.0067 points"
        );
    }

    #[test]
    fn every_text_has_a_row_before_one_has_two() {
        let rows = |rows| in_rows(["aa bb cc", "dd", "ee ff"].into_iter(), 5, rows);
        assert_eq!(rows(9), ["aa bb", "cc", "dd", "ee ff"]);
        assert_eq!(rows(3), ["aa ~", "dd", "ee ff"]);
        assert_eq!(rows(2), ["aa ~", "dd"]);
        assert!(rows(0).is_empty());
    }

    proptest! {
        #[test]
        fn the_chosen_row_is_always_seen(len in 1usize..50, chosen in 0usize..50, rows in 1usize..20) {
            let chosen = chosen.min(len - 1);
            let seen = window(len, chosen, rows);
            prop_assert!(seen.contains(&chosen) && seen.len() <= rows && seen.end <= len);
        }
    }

    #[test]
    fn two_digits_are_kept_of_all_but_counts() {
        let shown = |unit: Unit, value: f64| unit.show(coarse(unit, value));
        assert_eq!(shown(Unit::Percent, 12.34), "12 %");
        assert_eq!(shown(Unit::Percent, 4.123), "4.1 %");
        assert_eq!(shown(Unit::Percent, 99.7), "100 %");
        assert_eq!(
            (shown(Unit::Percent, 4e-4), shown(Unit::Percent, 0.021)),
            ("0 %".into(), "0.021 %".into())
        );
        assert_eq!(shown(Unit::Count, 312.0), "312");
        assert_eq!(shown(Unit::Bytes, 4.56 * 1024f64.powi(3)), "4.6G");
        assert_eq!(shown(Unit::PerSec, -3456.0), "-3500/s");
        assert_eq!(shown(Unit::None, 1e-320), Unit::None.show(1e-320));
    }
}
