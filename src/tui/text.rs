//! Text in cells: cut and padded by display width, never by bytes, never with control characters.

mod cells;
mod name;

use std::sync::OnceLock;

pub(super) use cells::write;
use cells::{ahead, cells, simple};
use jiff::tz::TimeZone;
pub use name::{fit_name, fit_names, fit_value, telling};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use unicode_width::UnicodeWidthStr;

use crate::{
    domain::{Span, Timestamp, text::visible},
    engine::ReplayRow,
    observe::zone::local,
};

/// How fast a recording is played: `x10`, `held`, `max`, `ended`.
#[must_use]
pub fn speed(replay: &ReplayRow) -> String {
    match replay.speed {
        _ if replay.ended => "ended".into(),
        0.0 => "held".into(),
        f64::INFINITY => "max".into(),
        speed => format!("x{speed}"),
    }
}

/// Cells that `text` takes once it is made safe.
#[must_use]
pub fn width(text: &str) -> usize {
    simple(text).unwrap_or_else(|| shown(text).width())
}

/// Makes `text` safe and exactly `width` cells wide: cut with `~` (one cell) when too long, else padded with spaces.
#[must_use]
pub fn fit(text: &str, width: usize) -> String {
    let mut cut = cut(text, width);
    cut.extend(std::iter::repeat_n(' ', width.saturating_sub(cells(&cut))));
    cut
}

/// The same, padded at the left.
#[must_use]
pub fn fit_right(text: &str, width: usize) -> String {
    let cut = cut(text, width);
    let mut padded = " ".repeat(width.saturating_sub(cells(&cut)));
    padded.push_str(&cut);
    padded
}

/// Makes `text` safe and at most `width` cells wide, cut with `~` (one cell) when too long.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    if simple(text).is_some_and(|cells| cells <= width) {
        return text.to_owned();
    }
    let text = shown(text);
    if text.width() <= width {
        return text;
    }
    match width {
        0 => String::new(),
        _ => format!("{}~", &text[..ahead(&text, width - 1)]),
    }
}

/// Writes safe `text` into `area`, `x` cells right of and `y` rows below its corner, cut at its edge; outside of it nothing.
/// Returns the cell after the text, relative to the area.
pub fn put(buffer: &mut Buffer, area: Rect, x: u16, y: u16, text: &str, style: Style) -> u16 {
    let area = area.intersection(buffer.area);
    if x >= area.width || y >= area.height {
        return x;
    }
    let room = usize::from(area.width - x);
    let end = match simple(text) {
        Some(cells) if cells <= room => write(buffer, area.x + x, area.y + y, text, style),
        _ => write(buffer, area.x + x, area.y + y, &cut(text, room), style),
    };
    end - area.x
}

/// Breaks `text` at spaces into lines of at most `width` cells, set in as its first one is; a longer word goes on in
/// the next line. A number and its per cent sign stay together.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let inner = text.trim_start_matches(' ');
    let indent = text.len() - inner.len();
    if indent > 0 && indent < width / 2 {
        let pad = &text[..indent];
        let lines = wrap(inner, width - indent).into_iter();
        return lines.map(|line| format!("{pad}{line}")).collect();
    }
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut cells = 0;
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        let mut word = shown(word);
        while let Some(sign) = words.next_if(|next| next.starts_with('%') && !word.is_empty()) {
            word.push(' ');
            word.push_str(&shown(sign));
        }
        let mut word = word.as_str();
        let mut wide = word.width();
        if wide > width && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
            cells = 0;
        }
        let cut;
        while wide > width {
            let end = ahead(word, width);
            if end == 0 {
                // Not even one character fits.
                cut = self::cut(word, width);
                (word, wide) = (&cut, cut.width());
                break;
            }
            lines.push(word[..end].to_owned());
            // What is left is measured once, not once for each line of it.
            wide = match wide.checked_sub(word[..end].width()) {
                Some(left) if left > width => left,
                _ => word[end..].width(),
            };
            word = &word[end..];
        }
        if !line.is_empty() && cells + 1 + wide > width {
            lines.push(std::mem::take(&mut line));
            cells = 0;
        }
        if !line.is_empty() {
            line.push(' ');
            cells += 1;
        }
        line.push_str(word);
        cells += wide;
    }
    lines.push(line);
    lines
}

/// The same; what goes on behind a label at its beginning (`source   the kernel`), or in the last column of a table's row, is set in
/// below its text.
#[must_use]
pub fn hanging(text: &str, width: usize) -> Vec<String> {
    if text.starts_with(' ') || !text.is_ascii() {
        return wrap(text, width);
    }
    let column = |at: Option<usize>| at.map_or(0, |at| text.len() - text[at..].trim_start_matches(' ').len());
    let (first, last) = (column(text.find("  ")), column(text.rfind("  ").map(|at| at + 1)));
    let label = if first < last && last <= width * 2 / 3 {
        last
    } else {
        first
    };
    if label == 0 || label == first && (label > 12 || label >= width / 2) {
        return wrap(text, width);
    }
    let (label, rest) = text.split_at(label);
    let lines = wrap(rest, width - label.len()).into_iter().zip(0..);
    let begin = |place| {
        if place == 0 {
            label.to_owned()
        } else {
            " ".repeat(label.len())
        }
    };
    lines.map(|(line, place)| begin(place) + &line).collect()
}

/// Makes `text` at most `width` cells wide: cut behind a word, with `~` for what is left out, when too long.
#[must_use]
pub fn words(text: &str, width: usize) -> String {
    if self::width(text) <= width {
        return text.to_owned();
    }
    let first = wrap(text, width.saturating_sub(2))
        .into_iter()
        .next()
        .unwrap_or_default();
    // Not a word of it fits.
    if first.is_empty() || !text.starts_with(&format!("{first} ")) {
        return cut(text, width);
    }
    format!("{first} ~")
}

/// As many of a text's parts, set apart by `; `, as fit into `width` cells, the first ones; where not even the first does it is cut.
#[must_use]
pub fn clauses(text: &str, width: usize) -> String {
    let mut kept = text;
    while self::width(kept) > width {
        match kept.rsplit_once("; ") {
            Some((front, _)) => kept = front,
            None => return cut(kept, width),
        }
    }
    kept.to_owned()
}

/// A local clock time: `14:32:00`.
#[must_use]
pub fn clock(at: Timestamp) -> String {
    zoned(at).strftime("%H:%M:%S").to_string()
}

/// A local clock time without seconds: `14:32`.
#[must_use]
pub fn minute(at: Timestamp) -> String {
    zoned(at).strftime("%H:%M").to_string()
}

/// A local date and clock time, whatever the day is today: `14 Mar 2026 14:32:00`.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    zoned(at).strftime("%-d %b %Y %H:%M:%S").to_string()
}

/// A local time as part of a file name: `20260314-1432`.
#[must_use]
pub fn stamp(at: Timestamp) -> String {
    zoned(at).strftime("%Y%m%d-%H%M").to_string()
}

/// A local time that says as much as is needed beside `now`: `14:32` today, `12 Mar 14:32` before, with the year when not this year's.
#[must_use]
pub fn when(at: Timestamp, now: Timestamp) -> String {
    let (at, now) = (zoned(at), zoned(now));
    let format = if at.date() == now.date() {
        "%H:%M"
    } else if at.year() == now.year() {
        "%-d %b %H:%M"
    } else {
        "%-d %b %Y %H:%M"
    };
    at.strftime(format).to_string()
}

/// `line` with each time that stands in it in UTC (`2026-03-14T14:32:00Z`) as [`when`] says it.
#[must_use]
pub fn local_times(line: &str, now: Timestamp) -> String {
    let told = |word: &str| {
        let bare = word.trim_end_matches([',', ';', ':', ')', '.']);
        let at = bare.parse::<Timestamp>().ok().filter(|_| bare.contains('T'))?;
        Some(when(at, now) + &word[bare.len()..])
    };
    let words: Vec<String> = line
        .split(' ')
        .map(|word| told(word).unwrap_or_else(|| word.into()))
        .collect();
    words.join(" ")
}

/// Whether a beginning known to lie after `earliest` and no later than `at` is to be shown as a span: within a minute it is as good as
/// exact.
#[must_use]
pub fn is_vague(earliest: Option<Timestamp>, at: Timestamp) -> bool {
    earliest.is_some_and(|earliest| at - earliest >= Span::from_mins(1))
}

/// `~` before a time that is only the latest of a span, else nothing.
#[must_use]
pub fn about(earliest: Option<Timestamp>, at: Timestamp) -> &'static str {
    if is_vague(earliest, at) { "~" } else { "" }
}

/// When something began, as [`when`]; `14:30-14:32` where that is known only to lie between the two.
#[must_use]
pub fn began(earliest: Option<Timestamp>, at: Timestamp, now: Timestamp) -> String {
    match earliest.filter(|_| is_vague(earliest, at)) {
        None => when(at, now),
        Some(earliest) if day(earliest) == day(at) => format!("{}-{}", when(earliest, now), minute(at)),
        Some(earliest) => format!("{}-{}", when(earliest, now), when(at, now)),
    }
}

/// A label, with the blanks after it, and as many of `parts` behind it as fit into `width` cells, `gap` between them: the first ones, and
/// always the first.
#[must_use]
pub fn as_fits(label: &str, parts: &[String], gap: &str, width: usize) -> String {
    let mut line = label.to_owned();
    for (place, part) in parts.iter().enumerate() {
        let gap = if place == 0 { "" } else { gap };
        if place > 0 && self::width(&line) + gap.len() + self::width(part) > width {
            break;
        }
        line += gap;
        line += part;
    }
    line
}

/// A local day: `12 Mar`.
#[must_use]
pub fn day(at: Timestamp) -> String {
    zoned(at).strftime("%-d %b").to_string()
}

/// How far local time is ahead of UTC at `at`.
#[must_use]
pub fn offset(at: Timestamp) -> Span {
    Span::from_secs(i64::from(zoned(at).offset().seconds()))
}

/// A whole number with commas between thousands: `3,184`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn zoned(at: Timestamp) -> jiff::Zoned {
    at.to_jiff().to_zoned(zone().clone())
}

/// The zone the program started in.
#[must_use]
pub fn zone() -> &'static TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    // Snapshot tests show the same clock everywhere.
    ZONE.get_or_init(|| if cfg!(test) { TimeZone::UTC } else { local() })
}

/// `text` without what acts on a terminal, and without joiners and variation selectors: terminals do not agree on their cells.
fn shown(text: &str) -> String {
    visible(text)
        .chars()
        .filter(|c| !matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{ad}'))
        .collect()
}

#[cfg(test)]
mod tests;
