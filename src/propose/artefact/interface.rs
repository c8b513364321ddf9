//! Network interfaces and their addresses.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Line, Wanted,
    by_hand::{now, target},
    plain, quote, secret,
};
use crate::domain::{Subject, Value};

/// An interface that came as a whole, or single properties of one that is there.
pub(super) fn lines(name: &str, parts: &[Wanted<'_>]) -> Option<Vec<Line>> {
    let device = quote(name)?;
    let gone = |wanted: &Wanted<'_>| matches!(wanted.subject(), Subject::Interface { part: "mtu", .. });
    if let Some(whole) = parts.iter().find(|wanted| gone(wanted)) {
        match (whole.was, whole.value) {
            (Some(_), None) => return Some(vec![Line::Command(format!("ip link delete dev {device}"))]),
            (None, Some(_)) => {
                let line =
                    format!("bring interface {name} back: its cable or driver, or `ip link add`; then its addresses");
                return Some(vec![Line::ByHand(line)]);
            }
            _ => {}
        }
    }
    let mut parts: Vec<(&str, &Wanted<'_>)> = parts
        .iter()
        .filter_map(|wanted| match wanted.subject() {
            Subject::Interface { part, .. } => Some((part, wanted)),
            _ => None,
        })
        .collect();
    // Speed and duplex are known while the link is up, and follow from it.
    if parts.iter().any(|(what, _)| *what == "operstate") {
        parts.retain(|(what, wanted)| {
            !(matches!(*what, "speed_mbit" | "duplex") && (wanted.was.is_none() || wanted.value.is_none()))
        });
    }
    // A link comes up before it takes addresses, and goes down after it lost them.
    let up = |wanted: &Wanted<'_>| wanted.value.is_some_and(|value| plain(value) == "up");
    parts.sort_by_key(|(what, wanted)| match *what {
        "operstate" if up(wanted) => 0,
        "operstate" => 2,
        _ => 1,
    });
    let mut lines = Vec::new();
    for (what, wanted) in parts {
        if what == "addresses" {
            lines.extend(addresses(&device, wanted));
            continue;
        }
        let word = wanted
            .value
            .filter(|value| !secret(value))
            .and_then(|value| quote(&plain(value)));
        let command = word.and_then(|word| match what {
            "mtu" => Some(format!("ip link set dev {device} mtu {word}")),
            "tx_queue_len" => Some(format!("ip link set dev {device} txqueuelen {word}")),
            "mac" => Some(format!("ip link set dev {device} address {word}")),
            "operstate" if matches!(word.as_str(), "up" | "down") => Some(format!("ip link set dev {device} {word}")),
            "speed_mbit" => Some(format!("ethtool -s {device} speed {word}")),
            "duplex" => Some(format!("ethtool -s {device} duplex {word}")),
            _ => None,
        });
        lines.push(command.map_or_else(
            || {
                Line::ByHand(format!(
                    "set {what} of interface {name} to {}; it {}",
                    target(wanted.value),
                    now(wanted)
                ))
            },
            Line::Command,
        ));
    }
    Some(lines)
}

/// The addresses that are too many, and those that are missing.
fn addresses(device: &str, wanted: &Wanted<'_>) -> Vec<Line> {
    let empty = Arc::new(BTreeMap::new());
    let list = |value: Option<&'_ Value>| match value {
        Some(Value::List(items)) => items.clone(),
        _ => empty.clone(),
    };
    let (was, wants) = (list(wanted.was), list(wanted.value));
    let each = |from: &BTreeMap<_, Value>, but: &BTreeMap<_, Value>, verb: &str| -> Vec<String> {
        let missing = from.keys().filter(|address| !but.contains_key(*address));
        missing
            .filter_map(|address: &std::sync::Arc<str>| {
                Some(format!("ip address {verb} {} dev {device}", quote(address)?))
            })
            .collect()
    };
    let mut commands = each(&was, &wants, "del");
    commands.extend(each(&wants, &was, "add"));
    // In one line: the first may cut off whoever types the second. What goes with an address that is removed must come after it.
    let line = commands.join(" && ");
    (!line.is_empty()).then_some(Line::Command(line)).into_iter().collect()
}
