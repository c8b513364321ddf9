//! Text in cells: cut and padded by display width, never by bytes, never with control characters.

/// Makes `text` safe and exactly `width` cells wide: cut with `~` (one cell) when too long, else padded with spaces.
#[must_use]
pub fn fit(text: &str, width: usize) -> String {
    let _ = (text, width);
    todo!()
}

/// The same, padded at the left.
#[must_use]
pub fn fit_right(text: &str, width: usize) -> String {
    let _ = (text, width);
    todo!()
}

/// A local clock time: `14:32:00`.
#[must_use]
pub fn clock(at: crate::domain::Timestamp) -> String {
    let _ = at;
    todo!()
}

/// A local time that says as much as is needed beside `now`: `14:32` today, `12 Mar 14:32` before, with the year when not this year's.
#[must_use]
pub fn when(at: crate::domain::Timestamp, now: crate::domain::Timestamp) -> String {
    let _ = (at, now);
    todo!()
}
