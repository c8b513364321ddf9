//! Ports that are listened on: who listens is stopped, or started again.

use super::{Line, Wanted, by_hand::by_hand, plain, quote};
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
    // A service that came with its port is stopped as that; one that was there does more than listen here.
    if let Some(unit) = unit.as_ref().filter(|unit| service(unit)) {
        let unit = quote(unit)?;
        let opened = format!(
            "{unit} opened it: take out what does from its configuration; `systemctl stop -- {unit}` would end all it does"
        );
        return Some(vec![known, Line::ByHand(opened)]);
    }
    let (protocol, address) = name.split_once('/')?;
    let (_, port) = address.rsplit_once(':')?;
    let plain_name = !who.is_empty() && who.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    // What systemd listens on for another is no process to be ended.
    let first = matches!(&*who, "systemd" | "init" | "unknown") || unit.as_deref() == Some("init.scope");
    let plain_address = address.chars().all(|c| c.is_ascii_hexdigit() || "[]:.*%".contains(c));
    if !port.bytes().all(|b| b.is_ascii_digit()) || !plain_name || !plain_address || first {
        return None;
    }
    let kind = if protocol == "udp" { 'u' } else { 't' };
    // For all addresses of both versions ss writes a star.
    let any = if address.starts_with("[::]") {
        format!(r#" || $4 == "*:{port}""#)
    } else {
        String::new()
    };
    let sockets = format!(r#"ss -Hln{kind}p 'sport = :{port}' | awk '$4 == "{address}"{any}'"#);
    // The kernel's name of a program is a word of a pattern by what was just asked of it.
    let pattern = who.replace('.', r"\.");
    let pid = format!(r#"{sockets} | sed -n 's/.*"{pattern}",pid=\([0-9]*\).*/\1/p' | head -n 1"#);
    let asks = Line::Note(format!(
        "its process and user: ps -o pid,user,lstart,args -p \"$({pid})\""
    ));
    Some(vec![known, asks, Line::Command(format!("kill \"$({pid})\""))])
}
