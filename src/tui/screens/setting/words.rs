//! What is to be said of a setting, in words.

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

/// How likely it changes, and to what: `2 % in 24 h, 12 % in 7 d; then to 8GB 61 %, 16GB 12 %`.
pub(super) fn expected(day: Option<f32>, week: Option<f32>, outlook: Option<&Outlook>) -> String {
    let Some((day, week)) = day.zip(week) else {
        return "it changes: not enough history".into();
    };
    let mut told = format!(
        "it changes: {} in 24 h, {} in 7 d",
        percent(f64::from(day)),
        percent(f64::from(week))
    );
    let Some(outlook) = outlook else { return told };
    if let Some([grows, shrinks, both]) = outlook.ways {
        let [grows, shrinks, both] = [grows, shrinks, both].map(|p| percent(f64::from(p)));
        told.push_str(&format!("; then it grows {grows}, shrinks {shrinks}, both {both}"));
    }
    let next: Vec<String> = outlook
        .next
        .iter()
        .map(|(value, odds)| format!("{} {}", short(value), percent(f64::from(*odds))))
        .collect();
    if !next.is_empty() {
        told.push_str(&format!("; then to {}", next.join(", ")));
    }
    if let Some((low, high)) = &outlook.interval {
        told.push_str(&format!("; {low} to {high} in four of five changes"));
    }
    told
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
