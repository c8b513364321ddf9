//! What a chart promises, whatever it is given.

use proptest::prelude::*;

use super::*;
use crate::{
    domain::Side,
    engine::Column,
    tui::{fixture, look::Depth, theme},
};

fn look(charset: Charset) -> Look {
    theme::find("mono", &[]).unwrap().look(charset, Depth::Mono)
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -1e6..1e6f64, 1 => prop::num::f64::ANY]
}

proptest! {
    #[test]
    fn any_plot_fits_any_area(
        values in prop::collection::vec(prop::option::of((number(), number(), number())), 0..60),
        bands in prop::collection::vec(prop::option::of((number(), number())), 0..60),
        limit in prop::option::of(number()),
        (width, height, now, from) in (0u16..70, 0u16..20, 0usize..70, prop::num::i64::ANY),
    ) {
        let shadow: Vec<_> = bands.iter().map(|band| band.map(|(low, high)| fixture::band(low, high))).collect();
        let limit = limit.map(|value| Limit { value, side: Side::Above, by: "".into() });
        let plot = Plot {
            from: Timestamp(from / 4),
            step: Span::from_mins(1),
            actual: &values,
            shadow: &shadow,
            limit: limit.as_ref(),
            now: Some(now),
            cursor: Some(now),
            ..Plot::default()
        };
        for charset in [Charset::Ascii, Charset::Utf8] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
            let area = buffer.area;
            chart(&plot, &look(charset), area, &mut buffer);
        }
    }

    #[test]
    fn the_axis_holds_all_it_was_made_for(low in -1e9..1e9f64, span in 0.0..1e9f64, rows in 2usize..30) {
        let scale = Scale::of(low, low + span, Unit::None, rows);
        let last = rows as i64 - 1;
        prop_assert!((0..=last).contains(&scale.row(low)), "{scale:?}");
        prop_assert!((0..=last).contains(&scale.row(low + span)), "{scale:?}");
    }

    #[test]
    fn the_newest_bucket_is_within_the_last_grid_step(now in 0i64..4_000_000_000, columns in 12usize..200, step in 1i64..5_000) {
        let (now, step) = (Timestamp::from_secs(now), Span::from_secs(step));
        let from = start(now, step, columns);
        let column = (now - from).0.div_euclid(step.0);
        prop_assert!((columns as i64 - GRID..columns as i64).contains(&column), "{column}");
        prop_assert_eq!(from, from.floor(step));
    }
}

#[test]
fn the_axis_keeps_still_until_the_data_leave_it() {
    let plot = |values: &[f64]| {
        values
            .iter()
            .map(|value| Some((*value, *value, *value)))
            .collect::<Vec<_>>()
    };
    let first = plot(&[10.0, 20.0]);
    let scale = Scale::fit(
        &Plot {
            actual: &first,
            ..Plot::default()
        },
        11,
    );
    let inside = plot(&[11.0, 20.4]);
    assert_eq!(
        scale.hold(
            &Plot {
                actual: &inside,
                ..Plot::default()
            },
            11
        ),
        scale
    );
    let outside = plot(&[11.0, 40.0]);
    assert_ne!(
        scale.hold(
            &Plot {
                actual: &outside,
                ..Plot::default()
            },
            11
        ),
        scale
    );
}

#[test]
fn numbers_beside_the_axis_are_short_and_bytes_count_in_1024s() {
    let gib = 1024f64.powi(3);
    let scale = Scale::of(7.9 * gib, 24.0 * gib, Unit::Bytes, 5);
    assert_eq!(
        (scale.heading(Unit::Bytes), scale.label(0)),
        ("GB".to_owned(), "25".to_owned())
    );
    assert_eq!(Scale::of(0.0, 0.02, Unit::Secs, 3).heading(Unit::Secs), "ms");
    // Nothing is above 100 %, nor below nothing.
    let scale = Scale::of(97.0, 99.0, Unit::Percent, 11);
    assert!(scale.top <= 100.0);
    assert_eq!(Scale::of(0.0, 1.0, Unit::Count, 11).row(0.0), 10);
}

#[test]
fn a_gap_is_a_blank_and_ten_bits_are_a_plus() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
    let area = buffer.area;
    strip(
        &[Some(0.0), None, Some(4.9), Some(9.99), Some(10.0), Some(f32::NAN)],
        &look(Charset::Ascii),
        area,
        &mut buffer,
    );
    assert_eq!(fixture::text(&buffer), "0 49+0");
}

#[test]
fn slow_metrics_have_no_gaps_and_lost_ones_do() {
    let step = Span::from_secs(12);
    let mut columns = vec![Column::default(); 20];
    let column = Column {
        value: Some((1.0, 1.0, 1.0)),
        expected: None,
        bits: Some(0.5),
    };
    (0..10).step_by(3).for_each(|place| columns[place] = column);
    let chart = crate::engine::Chart {
        id: fixture::id("a/b"),
        from: Timestamp(0),
        step,
        columns,
        changes: Vec::new(),
    };
    let lists = Lists::of(&chart, Span::from_secs(36), Timestamp::from_secs(12 * 19));
    assert!(lists.actual[..13].iter().all(Option::is_some));
    assert!(lists.actual[15..].iter().all(Option::is_none));
    assert_eq!(lists.now, Some(20));
}

#[test]
fn a_day_that_begins_is_named_on_the_axis() {
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let said = |text: &str, mins| tick(at(text), Span::from_mins(mins));
    assert_eq!(said("2026-03-14T23:50:00Z", 1), "23:50");
    assert_eq!(said("2026-03-15T00:00:00Z", 1), "15 Mar");
    assert_eq!(said("2026-03-14T12:00:00Z", 144), "14 Mar");
}

#[test]
fn a_crossing_within_the_column_of_now_is_seen_beside_its_line() {
    let mut values = [Some((10.0, 10.0, 10.0)); 30];
    values[2] = Some((30.0, 30.0, 30.0));
    let limit = Limit {
        value: 20.0,
        side: Side::Above,
        by: "".into(),
    };
    let step = Span::from_mins(6);
    let from = Timestamp::from_secs(0);
    let crossing = crate::domain::Crossing {
        at: [None, Some(from + step * 20 + Span::from_mins(3)), None],
        ..fixture::crossing()
    };
    let plot = Plot {
        from,
        step,
        actual: &values,
        limit: Some(&limit),
        now: Some(20),
        crossing: Some(&crossing),
        ..Plot::default()
    };
    let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 10));
    let area = buffer.area;
    chart(&plot, &look(Charset::Ascii), area, &mut buffer);
    let text = fixture::text(&buffer);
    assert!(text.contains("|X="), "{text}");
}

/// The rows of a chart of 40 columns, top first, each with its number at the left.
fn drawn(plot: &Plot<'_>, rows: u16) -> Vec<String> {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 46, rows + 2));
    let area = buffer.area;
    chart(plot, &look(Charset::Ascii), area, &mut buffer);
    let text = fixture::text(&buffer);
    text.lines()
        .skip(1)
        .take(rows.into())
        .map(|line| format!("{line:<46}"))
        .collect()
}

#[test]
fn the_number_beside_the_limit_is_its_own() {
    let values: Vec<_> = (0..40).map(|at| f64::from(at) * 2.4).map(|v| Some((v, v, v))).collect();
    for (value, told) in [(90.0, " 90 "), (87.5, "87.5"), (60.0, " 60 "), (66.666, "    ")] {
        let limit = Limit {
            value,
            side: Side::Above,
            by: "".into(),
        };
        let plot = Plot {
            unit: Unit::Percent,
            step: Span::from_mins(1),
            actual: &values,
            limit: Some(&limit),
            ..Plot::default()
        };
        let rows = drawn(&plot, 7);
        let line = rows.iter().find(|row| row.contains("===")).unwrap();
        assert!(line.starts_with(told), "{rows:#?}");
    }
}

#[test]
fn a_band_with_a_long_tail_leaves_half_of_the_height_to_all_else() {
    let values: Vec<_> = (0..20).map(|_| Some((1.0, 0.8, 1.2))).collect();
    // 80 %: 0.2 to 3, 95 %: 0 to 420; two cores.
    let wide = crate::domain::Quantiles([0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.6, 2.2, 3.0, 90.0, 420.0]);
    let mut shadow = vec![None; 20];
    shadow.extend([Some(wide); 20]);
    let limit = Limit {
        value: 2.0,
        side: Side::Above,
        by: "".into(),
    };
    let plot = Plot {
        step: Span::from_mins(1),
        actual: &values,
        shadow: &shadow,
        limit: Some(&limit),
        now: Some(20),
        ..Plot::default()
    };
    let rows = drawn(&plot, 11);
    let of = |what: char| rows.iter().filter(|row| row[25..44].contains(what)).count();
    assert!(of(':') >= 5, "{rows:#?}");
    assert!(rows[0][25..44].chars().all(|c| c == '^'), "{rows:#?}");
    assert!(!rows[10].contains('v'), "{rows:#?}");
}

#[test]
fn a_median_along_the_limit_is_seen() {
    let (values, shadow) = flat(84.0);
    let limit = ninety();
    // A row above it the line is whole; where both fall on one row they are seen by turns.
    for (limit, told) in [(90.0, "~~~~~"), (84.0, "=~=~=")] {
        let limit = Limit {
            value: limit,
            ..ninety()
        };
        let plot = Plot {
            limit: Some(&limit),
            ..ahead(&values, &shadow)
        };
        let rows = drawn(&plot, 4);
        let future = rows.iter().find(|row| row[26..44].contains('~')).unwrap();
        assert!(future[26..44].contains(told), "{rows:#?}");
    }
    let plot = Plot {
        limit: Some(&limit),
        ..ahead(&values, &shadow)
    };
    let rows = drawn(&plot, 4);
    assert!(
        rows[0].starts_with(" 90 ===") && rows[1].starts_with(" 80 .***"),
        "{rows:#?}"
    );
}

#[test]
fn a_limit_between_two_rows_stands_on_its_side_of_the_newest_value() {
    for (newest, limit, passed) in [
        (93.8, 90.0, true),
        (84.0, 90.0, false),
        (99.0, 90.0, true),
        (71.0, 90.0, false),
    ] {
        let (values, shadow) = flat(newest);
        let limit = Limit {
            value: limit,
            ..ninety()
        };
        let plot = Plot {
            limit: Some(&limit),
            ..ahead(&values, &shadow)
        };
        let rows = drawn(&plot, 4);
        let row = |what: char| rows.iter().position(|row| row[4..22].contains(what)).unwrap();
        assert_eq!(row('*') < row('='), passed, "{newest}: {rows:#?}");
    }
}

#[test]
fn the_number_beside_a_flat_nought_is_on_its_row() {
    let values = [Some((0.0, 0.0, 0.0)); 20];
    let plot = Plot {
        step: Span::from_mins(1),
        actual: &values,
        ..Plot::default()
    };
    let rows = drawn(&plot, 12);
    let line = rows.iter().position(|row| row.contains("***")).unwrap();
    let numbers: Vec<&str> = rows.iter().map(|row| row[..4].trim()).collect();
    assert_eq!(numbers[line], "0", "{rows:#?}");
    assert_eq!(numbers.iter().filter(|number| **number == "0").count(), 1, "{rows:#?}");
}

/// What a column shows: the least, the greatest and the last of its values.
type Bar = Option<(f64, f64, f64)>;

/// A value that stays, once it came from 60, and a forecast that it does.
fn flat(value: f64) -> ([Bar; 20], Vec<Option<Quantiles>>) {
    let mut values = [Some((value, value, value)); 20];
    values[0] = Some((40.0, 40.0, 40.0));
    let mut shadow = vec![None; 20];
    shadow.extend([Some(fixture::band(value, value)); 20]);
    (values, shadow)
}

fn ninety() -> Limit {
    Limit {
        value: 90.0,
        side: Side::Above,
        by: "".into(),
    }
}

fn ahead<'a>(values: &'a [Option<(f64, f64, f64)>], shadow: &'a [Option<Quantiles>]) -> Plot<'a> {
    Plot {
        unit: Unit::Percent,
        step: Span::from_mins(1),
        actual: values,
        shadow,
        now: Some(20),
        ..Plot::default()
    }
}
