//! Rules of the firewall and of policy routing, one by one: nft(8), iptables(8), ip-rule(8).

use std::sync::Arc;

use super::{Line, Wanted, quote, secret};
use crate::domain::Value;

/// What a set or map says of itself, and no element.
const OF_A_SET: [&str; 10] = [
    "type",
    "typeof",
    "flags",
    "timeout",
    "gc-interval",
    "size",
    "policy",
    "counter",
    "auto-merge",
    "comment",
];
/// Finds the number of the rule in the environment among those of a chain: nft removes rules only by their handle.
const HANDLE: &str = r#"awk '{ handle = $NF; sub(/^[ \t]+/, ""); sub(/ # handle [0-9]+$/, "") } $0 == ENVIRON["rule"] { print handle; exit }'"#;

/// Lines for the rules of `name`: `inet filter input` of nft, `ip filter INPUT` of iptables, `ip routing`, `set inet filter ban`. `None` where
/// a person has to do it.
pub(super) fn lines(name: &str, wanted: &Wanted<'_>) -> Option<Vec<Line>> {
    let (was, wants) = (rules(wanted.was)?, rules(wanted.value)?);
    let gone: Vec<&str> = was
        .iter()
        .filter(|rule| !wants.contains(rule))
        .map(AsRef::as_ref)
        .collect();
    let back: Vec<&str> = wants
        .iter()
        .filter(|rule| !was.contains(rule))
        .map(AsRef::as_ref)
        .collect();
    // Hashes of secrets and what was cut are no rules.
    if gone.iter().chain(&back).any(|rule| rule.contains("secret#")) {
        return None;
    }
    let mut words = name.split(' ');
    let [first, second, third, fourth] = [
        words.next()?,
        words.next()?,
        words.next().unwrap_or(""),
        words.next().unwrap_or(""),
    ];
    if words.next().is_some() {
        return None;
    }
    let of = |rules: &[&str], line: &dyn Fn(&str) -> Option<String>| -> Option<Vec<Line>> {
        rules.iter().map(|rule| line(rule).map(Line::Command)).collect()
    };
    if second == "routing" && third.is_empty() {
        // All of them came or went: they were not told of before, or no longer.
        if wanted.was.is_none() || wanted.value.is_none() {
            return None;
        }
        let ip = if first == "ip6" { "ip -6 rule" } else { "ip rule" };
        let rule = |deed: &str, rule: &str| {
            let words: Option<Vec<String>> = rule.split_whitespace().map(quote).collect();
            Some(format!("{ip} {deed} priority {}", words?.join(" ")))
        };
        let mut lines = of(&gone, &|text| rule("del", text))?;
        lines.extend(of(&back, &|text| rule("add", text))?);
        return Some(lines);
    }
    if fourth.is_empty() {
        if wanted.value.is_none() {
            return chain_goes(first, second, third, &was);
        }
        if wanted.was.is_none() {
            let how = format!(
                "chain {name} is gone, and the order of its rules is not kept here: where they come from /etc/nftables.conf, \
                 `systemctl reload nftables` loads them all again"
            );
            return Some(vec![Line::ByHand(how)]);
        }
        let legacy = was.iter().chain(&wants).any(|rule| is_iptables(rule));
        let go = |rules: &[&str]| match legacy {
            true => of(rules, &|rule| iptables(first, second, third, rule, false)),
            false => of(rules, &|rule| nft_goes(name, rule, &back)),
        };
        let come = |rules: &[&str]| match legacy {
            true => of(rules, &|rule| iptables(first, second, third, rule, true)),
            false => of(rules, &|rule| nft_comes(name, rule)),
        };
        // Whoever types it must not be cut off between two of them: what lets all through comes first, what lets nothing through last.
        let opens = |rule: &&str| is_policy(rule) && rule.to_ascii_lowercase().ends_with("accept");
        let part =
            |wanted: &dyn Fn(&&str) -> bool| back.iter().copied().filter(|rule| wanted(rule)).collect::<Vec<_>>();
        let mut lines = come(&part(&opens))?;
        lines.extend(go(&gone)?);
        lines.extend(come(&part(&|rule| !is_policy(rule)))?);
        lines.extend(come(&part(&|rule| is_policy(rule) && !opens(rule)))?);
        lines.retain(|line| !matches!(line, Line::Command(command) if command.is_empty()));
        let rules = back.iter().any(|rule| !is_policy(rule));
        if rules {
            let list = if legacy {
                format!("{} -t {second} -S {third}", program(first))
            } else {
                format!("nft -a list chain {name}")
            };
            let note =
                format!("it comes last; the first rule that fits decides: `{list}` shows whether that is its place");
            lines.push(Line::Note(note));
        }
        return Some(lines);
    }
    if !matches!(first, "set" | "map") {
        return None;
    }
    let element = |rule: &&str| !OF_A_SET.contains(&rule.split(' ').next().unwrap_or_default());
    if wanted.value.is_none() || wanted.was.is_none() || !gone.iter().chain(&back).all(element) {
        return None;
    }
    let change = |deed: &str, element: &str| {
        Some(format!(
            "nft {}",
            quote(&format!("{deed} element {second} {third} {fourth} {{ {element} }}"))?
        ))
    };
    let key = |element: &str| element.split(" : ").next().unwrap_or(element).to_owned();
    let mut lines = of(&gone, &|element| change("delete", &key(element)))?;
    lines.extend(of(&back, &|element| change("add", element))?);
    Some(lines)
}

/// The rules that a value lists; `None` where it is no list, or holds a secret.
fn rules(value: Option<&Value>) -> Option<Vec<Arc<str>>> {
    match value {
        Some(list @ Value::List(items)) => (!secret(list)).then(|| items.keys().cloned().collect()),
        Some(_) => None,
        None => Some(Vec::new()),
    }
}

fn is_policy(rule: &str) -> bool {
    rule.starts_with("policy ")
}

/// Whether a rule is written as iptables has it.
fn is_iptables(rule: &str) -> bool {
    rule.starts_with('-')
        || rule
            .strip_prefix("policy ")
            .is_some_and(|policy| policy.starts_with(char::is_uppercase))
}

fn program(family: &str) -> &'static str {
    if family == "ip6" { "ip6tables" } else { "iptables" }
}

/// A chain that came goes with its rules; one that was always there, as its policy says, is empty again and lets all through.
fn chain_goes(family: &str, table: &str, chain: &str, rules: &[Arc<str>]) -> Option<Vec<Line>> {
    let named = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    if ![family, table, chain].into_iter().all(named) {
        return None;
    }
    if !rules.iter().any(|rule| is_iptables(rule)) {
        // At once: between the two the policy alone would decide.
        let both = quote(&format!(
            "flush chain {family} {table} {chain}; delete chain {family} {table} {chain}"
        ))?;
        return Some(vec![Line::Command(format!("nft {both}"))]);
    }
    let (program, table, chain) = (program(family), quote(table)?, quote(chain)?);
    let command = if rules.iter().any(|rule| is_policy(rule)) {
        format!("{program} -t {table} -P {chain} ACCEPT && {program} -t {table} -F {chain}")
    } else {
        format!("{program} -t {table} -F {chain} && {program} -t {table} -X {chain}")
    };
    Some(vec![Line::Command(command)])
}

/// The command that takes a rule out of a chain of nft; empty where that is done by what comes `back`: a chain has one policy.
fn nft_goes(chain: &str, rule: &str, back: &[&str]) -> Option<String> {
    if is_policy(rule) && back.iter().any(|other| is_policy(other)) {
        return Some(String::new());
    }
    // What the chain says of itself.
    if is_policy(rule) || rule.starts_with("type ") {
        return None;
    }
    let chain: Vec<String> = chain.split(' ').map(quote).collect::<Option<_>>()?;
    let chain = chain.join(" ");
    let rule = quote(rule)?;
    Some(format!(
        "nft delete rule {chain} handle \"$(nft -s -a list chain {chain} | rule={rule} {HANDLE})\""
    ))
}

fn nft_comes(chain: &str, rule: &str) -> Option<String> {
    if rule.starts_with("type ") {
        return None;
    }
    let text = match is_policy(rule) {
        true => format!("chain {chain} {{ {rule} ; }}"),
        false => format!("add rule {chain} {rule}"),
    };
    Some(format!("nft {}", quote(&text)?))
}

/// A rule or policy as `iptables-save` writes it, which is meant for a shell; anything that a shell would act on is left to a person.
fn iptables(family: &str, table: &str, chain: &str, rule: &str, comes: bool) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || " _-./:,=+".contains(c);
    let (table, chain) = (quote(table)?, quote(chain)?);
    if !rule.chars().all(plain) {
        return None;
    }
    let program = program(family);
    Some(match rule.strip_prefix("policy ") {
        Some(_) if !comes => String::new(),
        Some(policy) => format!("{program} -t {table} -P {chain} {policy}"),
        None if comes => format!("{program} -t {table} -A {chain} {rule}"),
        None => format!("{program} -t {table} -D {chain} {rule}"),
    })
}
