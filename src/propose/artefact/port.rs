//! Ports that are listened on: who listens is stopped, or started again.

use super::{Line, Wanted, plain, quote, thing::by_hand};
use crate::domain::Subject;

/// Stops who listens on the port `name` (`tcp/0.0.0.0:8080`), or starts the service that did, by hand where that is not known; `None` where
/// nobody knows how to stop it.
pub(super) fn lines(name: &str, parts: &[Wanted<'_>]) -> Option<Vec<Line>> {
    let of = |what: &str| {
        parts
            .iter()
            .find(move |wanted| matches!(wanted.subject(), Subject::Port { part, .. } if part == what))
    };
    let was = |what: &str| of(what).and_then(|wanted| wanted.was).map(plain);
    let opened = of("").is_some_and(|wanted| wanted.was.is_some() && wanted.value.is_none());
    let closed = of("").is_some_and(|wanted| wanted.was.is_none() && wanted.value.is_some());
    let service = |unit: &String| unit.ends_with(".service") && !unit.starts_with("user@");
    if closed {
        let unit = of("unit").and_then(|wanted| wanted.value).map(plain).filter(service);
        let start = unit.and_then(|unit| Some(Line::Command(format!("systemctl start -- {}", quote(&unit)?))));
        // Who listens comes back with the port: it takes no step of its own.
        return Some(vec![match start {
            Some(start) => start,
            None => Line::ByHand(by_hand(of("")?)),
        }]);
    }
    if !opened {
        return None;
    }
    let who = was("")?;
    let file = was("program").map_or_else(String::new, |file| format!(" ({file})"));
    let unit = was("unit");
    let within = unit.as_ref().map_or_else(String::new, |unit| format!(" in {unit}"));
    let known = Line::Note(format!("{who}{file}{within} listens on {name}"));
    if let Some(unit) = unit.filter(service) {
        let unit = quote(&unit)?;
        let lasting = Line::Note(format!("to keep it from coming back: systemctl disable -- {unit}"));
        return Some(vec![known, Line::Command(format!("systemctl stop -- {unit}")), lasting]);
    }
    let (protocol, address) = name.split_once('/')?;
    let (_, port) = address.rsplit_once(':')?;
    let plain_name = !who.is_empty() && who.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if !port.bytes().all(|b| b.is_ascii_digit()) || !plain_name || who == "unknown" {
        return None;
    }
    let kind = if protocol == "udp" { 'u' } else { 't' };
    let sockets = format!("ss -Hln{kind}p 'sport = :{port}'");
    // The kernel's name of a program is a word of a pattern by what was just asked of it.
    let pattern = who.replace('.', r"\.");
    let pid = format!(r#"{sockets} | sed -n 's/.*"{pattern}",pid=\([0-9]*\).*/\1/p' | head -n 1"#);
    let asks = Line::Note(format!(
        "its process and user: ps -o pid,user,lstart,args -p \"$({pid})\""
    ));
    Some(vec![known, asks, Line::Command(format!("kill \"$({pid})\""))])
}
