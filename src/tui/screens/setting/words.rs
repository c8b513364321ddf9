//! What is to be said of a setting, in words.

use std::fmt::Display;

use crate::{
    domain::{SettingChange, Timestamp, Value},
    shadow::{Outlook, Undoing},
    tui::text::{self, cut, fit_value},
};

/// Cells of a value within a sentence.
const VALUE: usize = 24;

/// A value; `(absent)` for none.
pub(super) fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "(absent)".into(), ToString::to_string)
}

/// A value within a sentence.
pub(in crate::tui::screens) fn short(value: &Value) -> String {
    ends(&value.to_string())
}

fn ends(value: &str) -> String {
    fit_value(value, VALUE.min(text::width(value))).trim_end().to_owned()
}

/// Who made a change, or `unknown`.
pub(super) fn who(change: &SettingChange) -> &str {
    change.by.as_deref().unwrap_or("unknown")
}

/// `13:55 8GB -> 24GB by ansible`.
pub(super) fn change(change: &SettingChange, now: Timestamp) -> String {
    let told = if change.backfilled { " (from its history)" } else { "" };
    let (from, to) = (change.from.as_ref(), change.to.as_ref());
    let arrow = || format!("{} -> {}", ends(&shown(from)), ends(&shown(to)));
    format!(
        "{} {} by {}{told}",
        text::began(change.after, change.at, now),
        Value::plain_change(from, to).unwrap_or_else(arrow),
        who(change)
    )
}

/// `12 %`, `0.6 %`, `<0.1 %`.
pub(super) fn percent(p: f64) -> String {
    match p * 100.0 {
        most @ 9.95.. => format!("{most:.0} %"),
        some @ 0.05.. => format!("{some:.1} %"),
        _ => "<0.1 %".into(),
    }
}

/// How likely it changes, and to what: `2.0 % to change in 24 h, 12 % in 7 d; if so: 61 % to 8GB, 12 % to 16GB`.
pub(super) fn expected(day: Option<f32>, week: Option<f32>, outlook: Option<&Outlook>) -> String {
    let Some((day, week)) = day.zip(week) else {
        return "not enough history to say how likely it changes".into();
    };
    let mut told = format!(
        "{} to change in 24 h, {} in 7 d",
        percent(f64::from(day)),
        percent(f64::from(week))
    );
    let Some(outlook) = outlook else { return told };
    if let Some([grows, shrinks, both]) = outlook.ways {
        let [grows, shrinks, both] = [grows, shrinks, both].map(|p| percent(f64::from(p)));
        told.push_str(&format!("; if so it grows {grows}, shrinks {shrinks}, both {both}"));
    }
    let next = next(outlook);
    if !next.is_empty() {
        told.push_str(&format!("; if so: {next}"));
    }
    // Where one value has nearly all the odds the others make no range.
    let sure = outlook.next.first().is_some_and(|(_, odds)| *odds >= 0.8);
    if let Some((low, high)) = outlook.interval.as_ref().filter(|_| !sure) {
        told.push_str(&format!("; {}", range(low, high)));
    }
    told
}

/// `61 % to 8GB, 12 % to 16GB`: what it becomes if it changes. Values that read alike are one, and beside the first what hardly comes is
/// left out.
pub(in crate::tui::screens) fn next(outlook: &Outlook) -> String {
    let mut next: Vec<(String, f64)> = Vec::new();
    for (value, odds) in &outlook.next {
        let (value, odds) = (short(value), f64::from(*odds));
        match next.iter_mut().find(|(known, _)| *known == value) {
            Some((_, sum)) => *sum += odds,
            None => next.push((value, odds)),
        }
    }
    let told = next
        .iter()
        .enumerate()
        .filter(|(place, (_, odds))| *place == 0 || *odds >= 0.01);
    let told: Vec<String> = told
        .map(|(_, (value, odds))| format!("{} to {value}", percent(odds.min(1.0))))
        .collect();
    told.join(", ")
}

/// `four of five new values are 4 to 1000`.
pub(in crate::tui::screens) fn range(low: &impl Display, high: &impl Display) -> String {
    format!("four of five new values are {low} to {high}")
}

/// `11 others: 8GB 10 (db-02 first, 12 Mar), 24GB 1`; `None` when there are no others.
pub(in crate::tui::screens) fn peers(outlook: &Outlook, now: Timestamp) -> Option<String> {
    let values: Vec<String> = outlook
        .peers
        .iter()
        .map(|peer| {
            let first = peer.first.as_ref().map_or_else(String::new, |(resource, at)| {
                let who = peer.sibling.as_deref().unwrap_or_else(|| resource.name());
                format!(" ({who} first, {})", text::when(*at, now))
            });
            // Of one repository the tag is all that differs.
            let value = peer
                .tag
                .as_ref()
                .map_or_else(|| short(&peer.value), |tag| format!(":{}", cut(tag, VALUE)));
            format!("{value} {}{first}", peer.count)
        })
        .collect();
    let others = if outlook.others == 1 { "other" } else { "others" };
    (outlook.others > 0 && !values.is_empty()).then(|| format!("{} {others}: {}", outlook.others, values.join(", ")))
}

/// `10 by what it stands with: 96 % (12 cases), as it is 3.0 %; by sysctl.vm.dirty_ratio 5`; `None` where nothing speaks of it.
pub(super) fn stands(outlook: &Outlook) -> Option<String> {
    let should = outlook.should.as_ref()?;
    let (value, odds) = should.values.first()?;
    let because: Vec<String> = should
        .because
        .iter()
        .map(|(name, value, _)| format!("{name} {}", cut(value, VALUE)))
        .collect();
    let by = if because.is_empty() {
        String::new()
    } else {
        format!("; by {}", because.join(", "))
    };
    Some(format!(
        "{} by what it stands with: {} ({:.0} cases), as it is {}{by}",
        short(value),
        percent(f64::from(*odds)),
        should.cases,
        percent(f64::from(should.now))
    ))
}

/// `: the record of who did it +12 %`; empty without reasons.
pub(in crate::tui::screens) fn because(undoing: &Undoing) -> String {
    let reasons: Vec<String> = undoing
        .reasons
        .iter()
        .map(|(what, by)| format!("{what} {:+.0} %", by * 100.0))
        .collect();
    if reasons.is_empty() {
        String::new()
    } else {
        format!(": {}", reasons.join(", "))
    }
}

/// `31 % within 14 d: the record of who did it +12 %; watched until 14:55`.
pub(super) fn undone(undoing: &Undoing, changed: Timestamp, now: Timestamp) -> String {
    let until = changed + undoing.watch;
    let watch = if until > now { "watched" } else { "was watched" };
    format!(
        "{} within 14 d{}; {watch} until {}",
        percent(undoing.probability),
        because(undoing),
        text::when(until, now)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::ResourceId, shadow::PeerValue};

    #[test]
    fn a_change_to_come_is_told_in_plain_words_and_a_value_once() {
        let value = |text: &str, odds| (Value::text(text), odds);
        let mut outlook = Outlook {
            next: vec![
                (Value::Int(0), 0.96),
                value("2", 0.023),
                value("10", 0.003),
                value("0", 0.002),
            ],
            interval: Some((Value::Int(0), Value::Int(2))),
            ..Outlook::default()
        };
        assert_eq!(
            expected(Some(0.033), Some(0.069), Some(&outlook)),
            "3.3 % to change in 24 h, 6.9 % in 7 d; if so: 96 % to 0, 2.3 % to 2"
        );
        outlook.next[0].1 = 0.5;
        assert!(expected(Some(0.033), Some(0.069), Some(&outlook)).ends_with("; four of five new values are 0 to 2"));
    }

    #[test]
    fn peers_of_an_image_are_told_by_their_tags() {
        let now: Timestamp = "2026-03-14T14:32:00Z".parse().unwrap();
        let peer = |value: &str, tag: Option<&str>, count, first| PeerValue {
            value: Value::text(value),
            count,
            first,
            sibling: None,
            tag: tag.map(Into::into),
        };
        let image = "registry.example/platform/team/web:1.24.3";
        let outlook = Outlook {
            others: 4,
            peers: vec![
                peer(image, Some("1.24.3"), 3, Some((ResourceId::new("host", "web-02"), now))),
                peer("registry.example/platform/team/web:1.23.0", Some("1.23.0"), 1, None),
            ],
            ..Outlook::default()
        };
        assert_eq!(
            peers(&outlook, now).as_deref(),
            Some("4 others: :1.24.3 3 (web-02 first, 14:32), :1.23.0 1")
        );
        // Where a value stands alone its tag is not cut off.
        assert!(short(&Value::text(image)).ends_with(":1.24.3"));
    }
}
