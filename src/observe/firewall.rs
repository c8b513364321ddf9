//! Rules of the firewall and of policy routing, by what they say: `nft`, `iptables-save`, `ip rule`.
#![cfg(target_os = "linux")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    Host, ObserveError, Source,
    child::{ask, needing},
    file::small,
    netlink::Netlink,
    scope::{Scope, Sheet},
    witness::Witness,
};
use crate::domain::{Batch, Span, Timestamp, Value};

/// Time between two readings where the kernel does not tell that a rule changed: of the older tables it never does.
const EVERY: Span = Span::from_mins(2);
/// Most chains and sets that are told of, and most rules of one.
const MOST_CHAINS: usize = 500;
const MOST_RULES: usize = 2_000;

/// Chains by name: their rules in order. The rule `policy …` is what happens to the rest.
type Chains = BTreeMap<String, Vec<String>>;

/// Asks for the rules of the firewall.
pub(super) struct Firewall {
    root: PathBuf,
    every: Span,
    netlink: Netlink,
    /// Whether all was told when it was last read.
    whole: bool,
    scope: Scope,
    /// What each program said last: one that may not speak takes nothing from the others.
    said: BTreeMap<&'static str, Chains>,
}

impl Firewall {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            every: EVERY.max(host.settings_interval),
            netlink: Netlink::rules(),
            whole: false,
            scope: Scope::new(host, "firewall"),
            said: BTreeMap::new(),
        }
    }

    /// The same, which asks `witness` who made a change.
    pub(super) fn asking(mut self, witness: &Witness) -> Self {
        self.scope = self.scope.asking(witness);
        self
    }

    /// Whether the kernel has nftables; where they are a module that is not loaded, a question would load it.
    fn has_tables(&self) -> bool {
        let modules = small(&self.root.join("proc/modules")).unwrap_or_default();
        // A kernel in one piece has no modules, and in a container none are shown.
        modules.is_empty()
            || !self.root.join("sys/module").is_dir()
            || modules.lines().any(|line| line.starts_with("nf_tables "))
    }

    fn tell(&mut self, now: Timestamp, chains: &Chains, out: &mut Batch) {
        let mut sheet = self.scope.sheet();
        for (name, rules) in chains.iter().take(MOST_CHAINS) {
            put(&mut sheet, name, rules);
        }
        self.scope.tell(now, sheet, out);
    }
}

/// A chain's rules as a list by what they say, and one setting for their order: the first rule that fits decides.
fn put(sheet: &mut Sheet, name: &str, rules: &[String]) {
    let shown = &rules[..rules.len().min(MOST_RULES)];
    sheet.list(name, shown.iter().map(|rule| (rule.as_str(), None)));
    if rules.len() > 1 && !name.starts_with("set ") {
        let hash = blake3::hash(rules.join("\n").as_bytes()).to_hex();
        sheet.put(
            &format!("{name}:order"),
            Value::text(&format!("blake3 {}", &hash[..16])),
        );
    }
}

/// `nft -s list ruleset`: tables hold chains, sets and maps; what stands in them is a rule each.
fn nft(text: &str) -> Chains {
    let mut chains = Chains::new();
    let mut open: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim) {
        // `elements = { a, b,` may go on over lines; braces that open and close in one line are part of a rule.
        let opens = line.matches('{').count();
        let closes = line.matches('}').count();
        if open.len() < 2 && opens > closes {
            let name = line.trim_end_matches('{').trim();
            // `table inet filter` and `chain input` make `inet filter input`; what is no chain keeps its kind.
            open.push(match open.first() {
                None => name.trim_start_matches("table ").to_owned(),
                Some(table) => match name.strip_prefix("chain ") {
                    Some(chain) => format!("{table} {chain}"),
                    None => {
                        let (kind, own) = name.split_once(' ').unwrap_or(("", name));
                        format!("{kind} {table} {own}")
                    }
                },
            });
            if open.len() == 2 {
                chains.entry(open[1].clone()).or_default();
            }
        } else if line == "}" && !open.is_empty() {
            open.pop();
        } else if let Some(rules) = open.get(1).and_then(|chain| chains.get_mut(chain)) {
            // Of a set the elements are told one by one.
            let elements = line.strip_prefix("elements = {");
            let whole = elements.is_none() && opens == closes && !line.ends_with(',');
            let line = elements.unwrap_or(line);
            if whole {
                // `type filter hook input priority 0; policy drop;`
                let parts = line.split(';').map(str::trim).filter(|part| !part.is_empty());
                rules.extend(parts.map(str::to_owned));
            } else {
                let parts = line.trim_end_matches('}').split(',').map(str::trim);
                rules.extend(parts.filter(|part| !part.is_empty()).map(str::to_owned));
            }
        }
    }
    chains
}

/// `iptables-save`: `*table`, `:CHAIN POLICY [counters]`, `-A CHAIN rule`.
fn iptables(family: &str, text: &str, chains: &mut Chains) {
    let mut table = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name;
        } else if let Some((chain, rest)) = line.strip_prefix(':').and_then(|rest| rest.split_once(' ')) {
            let policy = rest.split(' ').next().unwrap_or_default();
            let rules = chains.entry(format!("{family} {table} {chain}")).or_default();
            if policy != "-" {
                rules.push(format!("policy {policy}"));
            }
        } else if let Some((chain, rule)) = line.strip_prefix("-A ").and_then(|rest| rest.split_once(' ')) {
            chains
                .entry(format!("{family} {table} {chain}"))
                .or_default()
                .push(rule.to_owned());
        }
    }
}

/// `ip rule`: `32766: from all lookup main`.
fn routing(family: &str, text: &str, chains: &mut Chains) {
    let rules = chains.entry(format!("{family} routing")).or_default();
    for line in text.lines() {
        if let Some((priority, rule)) = line.split_once(':') {
            rules.push(format!("{} {}", priority.trim(), rule.trim()));
        }
    }
}

impl Source for Firewall {
    fn name(&self) -> &'static str {
        "firewall"
    }

    fn every(&self) -> Span {
        if self.whole {
            self.netlink.every(self.every)
        } else {
            self.every
        }
    }

    fn soon(&self) -> Option<Span> {
        self.scope.soon()
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let absent = || ObserveError::Absent {
            what: "a firewall".into(),
        };
        // The programs speak of the running kernel, not of a copied tree.
        if self.root != Path::new("/") {
            return Err(absent());
        }
        let due = self.netlink.due(now, self.every);
        if !due && self.whole && self.scope.soon().is_none() {
            return Ok(());
        }
        self.whole = false;
        let has_tables = self.has_tables();
        let mut failed = None;
        let mut asked = false;
        let said = &mut self.said;
        // Says whether there is such a program.
        let mut ask_for = |part: &'static str, program: &str, args: &[&str], read: &dyn Fn(&str, &mut Chains)| {
            match ask(program, args) {
                Ok(text) => {
                    asked = true;
                    let mut chains = Chains::new();
                    read(&String::from_utf8_lossy(&text), &mut chains);
                    said.insert(part, chains);
                }
                Err(ObserveError::Absent { .. }) => return false,
                Err(why) => failed = Some(needing(why, "CAP_NET_ADMIN")),
            }
            true
        };
        if has_tables {
            ask_for("nft", "nft", &["-s", "list", "ruleset"], &|text, chains| {
                *chains = nft(text)
            });
        }
        for (family, program, names) in [
            ("ip", "iptables-legacy-save", "proc/net/ip_tables_names"),
            ("ip6", "ip6tables-legacy-save", "proc/net/ip6_tables_names"),
        ] {
            // Empty until a table is in use. Where both kinds are installed, the plain name speaks of nft.
            if small(&self.root.join(names)).is_some_and(|names| !names.is_empty()) {
                let read = |text: &str, chains: &mut Chains| iptables(family, text, chains);
                let _ = ask_for(program, program, &[], &read)
                    || ask_for(program, &program.replace("-legacy", ""), &[], &read);
            }
        }
        for (family, option) in [("ip", "-4"), ("ip6", "-6")] {
            ask_for(option, "ip", &[option, "rule"], &|text, chains| {
                routing(family, text, chains)
            });
        }
        if !asked {
            return Err(failed.unwrap_or_else(absent));
        }
        let chains = self
            .said
            .values()
            .flatten()
            .map(|(name, rules)| (name.clone(), rules.clone()))
            .collect();
        self.tell(now, &chains, out);
        match failed {
            Some(ObserveError::Io { what, source }) => Err(ObserveError::Partly {
                what,
                why: source.to_string(),
            }),
            Some(other) => Err(other),
            None => {
                self.whole = true;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, setting};

    const NFT: &str = "table inet filter {\n\tset ban {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.1, 10.0.0.2,\n\t\t\t     10.0.0.3 }\n\t}\n\n\
        \tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t\ttcp dport { 22, 80 } accept\n\t\tip saddr @ban drop\n\t}\n}\n\
        table ip nat {\n\tchain post {\n\t}\n}\n";

    #[test]
    fn rules_of_nft_by_chain() {
        let mut source = Firewall::new(&Tree::new().host());
        let mut out = Batch::default();
        source.tell(Timestamp(0), &nft(NFT), &mut out);
        let shown = |name: &str| setting(&out, &format!("firewall.{name}")).map(|value| value.to_string());
        assert_eq!(
            shown("inet filter input").as_deref(),
            Some("ip saddr @ban drop policy drop tcp dport { 22, 80 } accept type filter hook input priority filter")
        );
        assert_eq!(
            shown("set inet filter ban").as_deref(),
            Some("10.0.0.1 10.0.0.2 10.0.0.3 type ipv4_addr")
        );
        assert_eq!(shown("ip nat post").as_deref(), Some(""));
        // A short one stands on one line.
        let short = "table inet f {\n\tset ok {\n\t\ttype ipv4_addr\n\t\telements = { 1.2.3.4, 5.6.7.8 }\n\t}\n}\n";
        assert_eq!(nft(short)["set inet f ok"], ["type ipv4_addr", "1.2.3.4", "5.6.7.8"]);
        let order = shown("inet filter input:order");
        // The same rules in another order are another firewall.
        let swapped = NFT.replace(
            "\t\ttcp dport { 22, 80 } accept\n\t\tip saddr @ban drop\n",
            "\t\tip saddr @ban drop\n\t\ttcp dport { 22, 80 } accept\n",
        );
        let mut out = Batch::default();
        source.tell(Timestamp(0), &nft(&swapped), &mut out);
        assert_ne!(
            setting(&out, "firewall.inet filter input:order").map(|value| value.to_string()),
            order
        );
    }

    #[test]
    fn rules_of_iptables_and_of_routing() {
        let mut chains = Chains::new();
        iptables(
            "ip",
            "# x\n*filter\n:INPUT DROP [1:2]\n:mine - [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n-A\n",
            &mut chains,
        );
        routing(
            "ip",
            "0:\tfrom all lookup local\n100: from 10.0.0.0/8 lookup 5\nbroken\n",
            &mut chains,
        );
        assert_eq!(
            chains["ip filter INPUT"],
            ["policy DROP", "-p tcp --dport 22 -j ACCEPT"]
        );
        assert_eq!(chains["ip filter mine"], Vec::<String>::new());
        assert_eq!(
            chains["ip routing"],
            ["0 from all lookup local", "100 from 10.0.0.0/8 lookup 5"]
        );
    }

    #[test]
    fn broken_output() {
        for text in [
            "}",
            "{",
            "table x {\n}\n}",
            "a {\nb {\nc {\n",
            "\u{1b}{",
            "table a {\nset b {\nelements = {",
        ] {
            nft(text);
            iptables("ip", text, &mut Chains::new());
        }
        let tree = Tree::new();
        assert!(matches!(
            tree.read(&mut Firewall::new(&tree.host()), 0),
            Err(ObserveError::Absent { .. })
        ));
    }
}
