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
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_a_sentence_whole_parts_are_kept() {
        assert_eq!(clauses("a b; c d", 8), "a b; c d");
        assert_eq!(clauses("a b; c d", 7), "a b");
        assert_eq!(clauses("a b c; d", 4), "a b~");
        assert_eq!(clauses("", 0), "");
    }

    #[test]
    fn a_unit_alone_is_no_name() {
        let names = [
            "fs./var/lib/containers.used_pct",
            "cpu.steal_pct",
            "process.haproxy.rss",
        ];
        let fitted = fit_names(&names, 11);
        assert!(fitted[0].contains('~') && fitted[0].contains("used"), "{fitted:?}");
        assert_eq!(fitted[2], "haproxy.rss");
    }

    #[test]
    fn a_word_longer_than_a_line_is_not_lost() {
        assert_eq!(wrap("see https://a.b/c d", 6), ["see", "https:", "//a.b/", "c d"]);
        assert_eq!(wrap("東", 1), ["~"]);
        assert_eq!(wrap("  aa bb", 6), ["  aa", "  bb"]);
        assert_eq!(wrap("now 12 %, then", 8), ["now", "12 %,", "then"]);
    }

    #[test]
    fn what_goes_on_behind_a_label_is_set_in() {
        assert_eq!(
            hanging("now    12 % of all that", 20),
            ["now    12 % of all", "       that"]
        );
        assert_eq!(hanging("no label here at all", 10), ["no label", "here at", "all"]);
        assert_eq!(
            hanging("apk   never   2 ms   no such log here", 32),
            ["apk   never   2 ms   no such log", "                     here"]
        );
        assert_eq!(hanging("", 10), [""]);
    }

    #[test]
    fn a_word_of_a_megabyte_is_broken_while_one_waits() {
        let word = "x".repeat(1 << 20);
        assert_eq!(wrap(&word, 64).len(), (1 << 20) / 64);
        // A letter with a megabyte of marks that combine with it takes one cell.
        let marked = format!("e{} f", "\u{301}".repeat(1 << 19));
        assert_eq!(wrap(&marked, 64).len(), 1);
        assert!(cut(&format!("{marked}{word}"), 8).ends_with(" fxxxx~"));
        // Per cent signs all belong to the number before them.
        assert_eq!(wrap(&"% ".repeat(1 << 20), 64).len(), (1 << 21) / 64);
    }

    #[test]
    fn a_sign_takes_the_cells_that_terminals_give_it() {
        // Told to be a picture it would be two cells to some terminals and one to others: that is not told.
        assert_eq!(
            (width("\u{2764}\u{fe0f}"), cut("\u{2764}\u{fe0f}x", 2)),
            (1, "\u{2764}x".to_owned())
        );
        assert_eq!((width("\u{1f525}"), fit("\u{1f525}!", 3)), (2, "\u{1f525}!".to_owned()));
    }

    proptest! {
        #[test]
        fn any_text_fits_exactly(text in ".{0,30}", cells in 0usize..40) {
            prop_assert_eq!(fit(&text, cells).width(), cells);
            prop_assert_eq!(fit_right(&text, cells).width(), cells);
            prop_assert_eq!(fit_name(&text, cells).width(), cells);
            prop_assert_eq!(fit_value(&format!("a/{text}:1.2"), cells).width(), cells);
            prop_assert!(!fit(&text, cells).chars().any(char::is_control));
        }

        #[test]
        fn wrapped_lines_are_never_too_wide(text in "[ a-z東]{0,60}", cells in 1usize..20) {
            prop_assert!(wrap(&text, cells).iter().all(|line| line.width() <= cells));
        }

        #[test]
        fn nothing_is_lost_in_wrapping(text in "\\PC{0,60}", cells in 2usize..20) {
            let lines = wrap(&text, cells);
            prop_assert!(lines.iter().all(|line| line.width() <= cells), "{lines:?}");
            let kept = |text: &str| -> String { shown(text).chars().filter(|c| *c != ' ').collect() };
            prop_assert_eq!(kept(&lines.concat()), kept(&text));
        }
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(fit("web-01.example", 6), "web-0~");
        assert_eq!(fit("東京", 3), "東~");
        assert_eq!(fit("東京", 2), "~ ");
        assert_eq!(fit_right("7", 3), "  7");
        assert_eq!(fit("x\u{1b}[2J", 12), "x\\u{1b}[2J  ");
    }

    #[test]
    fn a_long_name_keeps_its_telling_ends() {
        assert_eq!(fit_name("psi.memory.some_pct", 18), "psi.memory.some~  ");
        assert_eq!(fit_name("net.eth0.rx_bytes_per_s", 18), "net.eth0.rx_bytes~");
        assert_eq!(fit_name("etc.sysctl.d/61-fstest.conf", 18), "etc.sy~fstest.conf");
        assert_eq!(fit_name("mem.used_pct", 14), "mem.used_pct  ");
        assert_eq!(fit_name("東京東京東京", 10), "東~京東京 ");
        assert_eq!(fit_name("available_pct", 7), "availa~");
        assert_eq!(fit_name("(all 266 metrics)", 12), "(all 266 me~");
    }

    #[test]
    fn of_an_image_the_tag_stays() {
        let image = |width| fit_value("registry.example/team/app:1.24.3", width);
        assert_eq!(
            [5, 7, 9, 20].map(image),
            ["1.24~", "~1.24.3", "~1.24.3  ", "registr~m/app:1.24.3"]
        );
        assert_eq!(image(40).trim_end(), "registry.example/team/app:1.24.3");
        for (text, cut) in [
            ("1.0.0+git-2019", "1.0.0+gi~"),
            ("1:7.2-3+deb12u1", "1:7.2-3+~"),
            ("sha256:0123456789ab", "sha256:0~"),
            ("2026-11-23T10:22:33", "2026-11-~"),
            ("http://localhost:8080", "http://l~"),
            ("a sentence: with:words", "a senten~"),
        ] {
            assert_eq!(fit_value(text, 9), cut);
        }
    }

    #[test]
    fn names_of_one_family_stay_apart() {
        let names = ["fs./.used_pct", "fs./dev/shm.used_pct", "disk.vda.queue", "load.1"];
        assert_eq!(
            telling(&names),
            ["/.used_pct", "/dev/shm.used_pct", "vda.queue", "load.1"]
        );
        assert_eq!(telling(&["a.b", "a.b"]), ["a.b", "a.b"]);
        let fitted = fit_names(&["mem.committed_bytes", "mem.committed_pct", "mem.free_pct"], 12);
        assert_ne!(fitted[0], fitted[1]);
        assert!(fitted.iter().all(|name| width(name) == 12), "{fitted:?}");
        let names = ["service.cron.starts_1h", "net.eth0.tx_packets_per_s", "mem.used_pct"];
        assert_eq!(
            fit_names(&names, 16),
            ["cron.starts_1h  ", "eth0.tx_packets~", "mem.used_pct    "]
        );
    }

    #[test]
    fn times_say_as_much_as_is_needed() {
        let now: Timestamp = "2026-03-14T14:32:00Z".parse().unwrap();
        let at = |text: &str| when(text.parse().unwrap(), now);
        assert_eq!(at("2026-03-14T09:05:59Z"), "09:05");
        assert_eq!(at("2026-03-12T09:05:00Z"), "12 Mar 09:05");
        assert_eq!(at("2025-12-31T09:05:00Z"), "31 Dec 2025 09:05");
        assert_eq!(clock(now), "14:32:00");
        assert_eq!(
            local_times("peers  2 hold 4, web-1 first at 2026-03-14T09:05:59Z; T 2026 x", now),
            "peers  2 hold 4, web-1 first at 09:05; T 2026 x"
        );
    }

    #[test]
    fn a_beginning_known_to_a_minute_or_more_is_a_span() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let now = at("2026-03-14T14:32:00Z");
        let said = |earliest: &str, latest: &str| began(Some(at(earliest)), at(latest), now);
        assert_eq!(said("2026-03-14T14:30:00Z", "2026-03-14T14:32:00Z"), "14:30-14:32");
        assert_eq!(said("2026-03-14T14:29:59Z", "2026-03-14T14:30:01Z"), "14:30");
        assert_eq!(
            said("2026-03-12T14:00:00Z", "2026-03-12T14:30:01Z"),
            "12 Mar 14:00-14:30"
        );
        assert_eq!(
            said("2026-03-13T23:59:00Z", "2026-03-14T00:02:00Z"),
            "13 Mar 23:59-00:02"
        );
        assert_eq!(began(None, now, now), "14:32");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(412), "412");
        assert_eq!(grouped(3_184), "3,184");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }
}
