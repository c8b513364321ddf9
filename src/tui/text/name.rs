//! Names in cells: what tells them apart stays, what is cut says so.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{ahead, fit, shown};

/// Ends of names that say a unit.
const UNITS: [&str; 3] = ["_per_s", "_bytes", "_pct"];

/// Makes a name safe and exactly `width` cells wide. One too long loses its unit, which stands behind the value anyway, and if that is
/// not enough a part of its middle: names of one family differ at their ends. What is cut says so with `~`.
#[must_use]
pub fn fit_name(name: &str, width: usize) -> String {
    let name = shown(name);
    // Words in brackets are no name.
    if name.width() <= width || name.starts_with('(') {
        return fit(&name, width);
    }
    match without_unit(&name, width) {
        Ok(short) => fit(&short, width),
        // Of fewer cells the two ends would tell less than the beginning.
        Err(short) if width < 10 => fit(short, width),
        Err(short) => both_ends(short, width),
    }
}

/// Makes a value safe and exactly `width` cells wide. Of an image too long for that its tag stays, which is what differs: as much of its name
/// before it as there is room for. Of all else the beginning tells most.
#[must_use]
pub fn fit_value(value: &str, width: usize) -> String {
    let text = shown(value);
    let Some(tag) = tag(&text).filter(|_| text.width() > width) else {
        return fit(&text, width);
    };
    match tag.width() {
        // Beside so much of both ends is room for the whole tag.
        cells if width >= 10 && cells < width * 3 / 5 => both_ends(&text, width),
        cells if cells <= width => fit(&format!("~{}", &tag[1..]), width),
        _ => fit(&tag[1..], width),
    }
}

/// The tag of an image, with the colon before it.
fn tag(value: &str) -> Option<&str> {
    let tag = &value[value.rfind(':')?..];
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let fits = tag.len() > 1 && tag[1..].chars().all(plain);
    let name = &value[..value.len() - tag.len()];
    // A name of a repository, and neither a sum (`sha256:...`) nor words.
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let repository = begins && name.chars().all(|c| plain(c) || "/:".contains(c)) && !name.contains("://");
    (fits && repository && !matches!(name, "sha256" | "sha512")).then_some(tag)
}

/// A name without as much of its unit as makes it fit into `width` cells, with `~` for it where there is room; what is left of one that
/// does not fit so either.
fn without_unit(name: &str, width: usize) -> Result<String, &str> {
    let mut short = name;
    for unit in UNITS {
        short = short.strip_suffix(unit).unwrap_or(short);
        if short.width() <= width && !short.is_empty() {
            return Ok(if short.width() < width {
                format!("{short}~")
            } else {
                short.into()
            });
        }
    }
    Err(short)
}

/// A name too long for `width` cells without a part of its middle.
fn both_ends(short: &str, width: usize) -> String {
    let head = &short[..ahead(short, (width - 1) * 2 / 5)];
    let room = width - 1 - head.width();
    let mut cells = 0;
    let beyond = short.char_indices().rev().find(|(_, c)| {
        cells += c.width().unwrap_or(0);
        cells > room
    });
    let tail = beyond.map_or(short, |(at, c)| &short[at + c.len_utf8()..]);
    fit(&format!("{head}~{tail}"), width)
}

/// Dotted names each exactly `width` cells wide and, where that can be, like no other: as many of their last parts as fit, with or
/// without their unit, and not fewer than [`telling`] has of them.
#[must_use]
pub fn fit_names(names: &[&str], width: usize) -> Vec<String> {
    let whole = |name: &str, told: String| {
        let name = shown(name);
        let ends = std::iter::once(0).chain(name.match_indices('.').map(|(at, _)| at + 1));
        let mut ends = ends.map(|at| &name[at..]).take_while(|end| end.len() >= told.len());
        let fits = |end: &&str| end.width() <= width || without_unit(end, width).is_ok();
        ends.find(fits).map_or(told, str::to_owned)
    };
    let told: Vec<String> = names
        .iter()
        .zip(telling(names))
        .map(|(name, told)| whole(name, told))
        .collect();
    let short: Vec<String> = told.iter().map(|name| fit_name(name, width)).collect();
    let fitted = told.iter().zip(&short).map(|(name, fitted)| {
        let alone = short.iter().filter(|other| *other == fitted).count() < 2;
        // Units may be all that tells two apart.
        if alone || name.width() <= width || width < 10 {
            fitted.clone()
        } else {
            both_ends(&shown(name), width)
        }
    });
    fitted.collect()
}

/// Dotted names without what they have in common: each keeps as many of its last parts as tell it from all others; a last part of so few
/// letters beside its unit that it tells nothing (`1`, `used_pct`) is never alone.
#[must_use]
pub fn telling(names: &[&str]) -> Vec<String> {
    let parts: Vec<Vec<&str>> = names.iter().map(|name| name.split('.').collect()).collect();
    let end = |name: &[&str], count: usize| name[name.len().saturating_sub(count)..].join(".");
    let longest = parts.iter().map(Vec::len).max().unwrap_or(1);
    let told = parts.iter().map(|name| {
        let alone = |count: &usize| {
            let same = parts.iter().filter(|other| end(other, *count) == end(name, *count));
            same.count() == 1
        };
        let bare = |last: &&str| {
            UNITS
                .iter()
                .fold(*last, |last, unit| last.strip_suffix(unit).unwrap_or(last))
                .len()
        };
        let least = if name.last().is_some_and(|last| bare(last) < 6) {
            2
        } else {
            1
        };
        end(name, (least..longest).find(alone).unwrap_or(longest.max(least)))
    });
    told.collect()
}
