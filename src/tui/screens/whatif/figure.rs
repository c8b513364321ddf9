//! Figures of the table with their bands.

use crate::{
    domain::Unit,
    tui::page::{Fine, coarse},
};

/// Figures of a table: of sizes and times two digits say as much as is known; percentages keep a tenth, and below 1 all they have.
pub(super) fn rounded(unit: Unit, value: f64) -> f64 {
    match unit {
        Unit::Percent if value.abs() >= 1.0 => (value * 10.0).round() / 10.0,
        Unit::Percent | Unit::Count | Unit::None => value,
        _ => coarse(unit, value),
    }
}

/// A figure and its band in `width` cells: where they have no room the unit is said once, or left to the figure before it, then both lose a
/// digit. A band that is cut would tell another one: rather than that the figure stands alone.
pub(super) fn figure(fine: Fine, [low, middle, high]: [f64; 3], width: usize) -> String {
    let bare = |text: &str| text.trim_end_matches(" %").to_owned();
    let told = |fine: Fine| {
        let (middle, band) = (fine.show(middle), fine.between(low, high));
        let once = format!("{middle} ({})", bare(&band));
        let none = format!("{} ({})", bare(&middle), bare(&band));
        [format!("{middle} ({band})"), once, none]
    };
    // Nothing is rounded to nothing.
    let coarse = (fine.coarser().signed(middle).starts_with(['+', '-']) || middle == 0.0).then(|| told(fine.coarser()));
    let mut tried = told(fine).into_iter().chain(coarse.into_iter().flatten());
    let fits = tried.find(|text| text.chars().count() <= width);
    fits.unwrap_or_else(|| fine.show(middle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_is_whole_or_not_there_and_nothing_is_rounded_to_nothing() {
        let percent = |values: [f64; 3], width| figure(Fine::of(Unit::Percent, values[1], values[1]), values, width);
        let small = [0.000_31, 0.000_42, 0.000_53];
        assert_eq!(percent([9.8, 11.0, 12.2], 22), "11 % (9.8-12.2 %)");
        assert_eq!(percent(small, 30), "0.00042 % (0.00031-0.00053 %)");
        assert_eq!(percent(small, 25), "0.00042 (0.00031-0.00053)");
        assert_eq!(percent(small, 22), "0.0004 (0.0003-0.0005)");
        assert_eq!(percent(small, 15), "0.00042 %");
    }
}
