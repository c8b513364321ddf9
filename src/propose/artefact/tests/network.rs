//! The network and the firewall.

use super::*;

#[test]
fn interfaces_addresses_and_routes() {
    for (settings, wants) in [
        // The network.
        (
            &[("net.eth0.mtu", Some("9000"), Some("1500"))][..],
            "ip link set dev eth0 mtu 1500\n",
        ),
        (
            &[("net.eth0.operstate", Some("down"), Some("up"))],
            "ip link set dev eth0 up\n",
        ),
        (
            &[("net.eth0.addresses", Some("[]10.0.0.9/24"), Some("[]10.0.0.2/24"))],
            "ip address del 10.0.0.9/24 dev eth0 && ip address add 10.0.0.2/24 dev eth0\n",
        ),
        (
            &[
                ("net.dummy0.mtu", Some("1500"), None),
                ("net.dummy0.operstate", Some("unknown"), None),
            ],
            "ip link delete dev dummy0\n",
        ),
        (
            &[("net.route.10.1.0.0/16@eth0", Some("[]metric=100 via=10.0.0.1"), None)],
            "ip route del 10.1.0.0/16 via 10.0.0.1 metric 100 dev eth0\n",
        ),
        (
            &[("net.route.0.0.0.0/0@eth0", None, Some("[]metric=0 via=10.0.0.1"))],
            "ip route replace 0.0.0.0/0 via 10.0.0.1 dev eth0\n",
        ),
        (
            // What came with the link goes with it, and a route before the address it needs.
            &[
                ("net.eth1.addresses", Some("[]10.9.0.1/24"), None),
                ("net.eth1.duplex", Some("full"), None),
                ("net.eth1.operstate", Some("up"), Some("down")),
                ("net.eth1.speed_mbit", Some("10000"), None),
                ("net.route.10.9.0.0/24@eth1", Some("[]metric=0"), None),
            ],
            "ip route del 10.9.0.0/24 dev eth1\nip address del 10.9.0.1/24 dev eth1\nip link set dev eth1 down\n",
        ),
        (
            &[
                ("net.eth1.operstate", Some("down"), Some("up")),
                ("net.eth1.addresses", None, Some("[]10.9.0.1/24")),
                ("net.eth1.duplex", None, Some("full")),
                ("net.route.10.9.0.0/24@eth1", None, Some("[]metric=0")),
            ],
            "ip link set dev eth1 up\nip address add 10.9.0.1/24 dev eth1\nip route replace 10.9.0.0/24 dev eth1\n",
        ),
        (
            &[("net.resolver.nameserver", Some("[]9.9.9.9"), Some("[]1.1.1.1"))],
            "# by hand: in /etc/resolv.conf (or where the program that writes it is set up) set nameserver to `1.1.1.1`; it is `9.9.9.9`\n",
        ),
    ] {
        assert_eq!(text(settings).as_deref(), Some(wants), "{settings:?}");
    }
}

#[test]
fn rules_of_a_firewall_are_taken_out_and_put_back_one_by_one() {
    let list = |rules: &[&str]| Value::list(rules.iter().map(|rule| ((*rule).into(), Value::Bool(true))).collect());
    let text = |name: &str, was: Option<&[&str]>, wants: Option<&[&str]>| {
        let id = SeriesId::new(&ResourceId::new("host", "a"), &format!("firewall.{name}"));
        let order = SeriesId::new(&ResourceId::new("host", "a"), &format!("firewall.{name}:order"));
        let (was, value) = (was.map(list), wants.map(list));
        let orders = [Value::text("blake3 1"), Value::text("blake3 2")];
        let all = [
            Wanted {
                id: &id,
                was: was.as_ref(),
                value: value.as_ref(),
            },
            Wanted {
                id: &order,
                was: Some(&orders[0]),
                value: Some(&orders[1]),
            },
        ];
        set(&all, &nothing).unwrap().artefact.text
    };
    let base = ["type filter hook input priority filter", "policy drop"];
    let with = |rule| [base[0], base[1], rule];
    let came = text(
        "inet filter input",
        Some(&with("tcp dport { 22, 80 } accept")),
        Some(&base),
    );
    assert!(
        came.starts_with("nft delete rule inet filter input handle \"$(nft -s -a list chain inet filter input | rule='tcp dport { 22, 80 } accept' awk '"),
        "{came}"
    );
    assert_eq!(came.lines().count(), 1, "{came}");
    let went = text("inet filter input", Some(&base), Some(&with("ip saddr 10.0.0.9 drop")));
    assert!(
        went.starts_with("nft 'add rule inet filter input ip saddr 10.0.0.9 drop'\n# it comes last"),
        "{went}"
    );
    assert_eq!(
        text("inet filter input", Some(&[base[0], "policy accept"]), Some(&base)),
        "nft 'chain inet filter input { policy drop ; }'\n"
    );
    assert_eq!(
        text("inet filter mine", Some(&["drop"]), None),
        "nft 'flush chain inet filter mine; delete chain inet filter mine'\n"
    );
    // A chain that is always there must not be left with a policy that lets nobody in.
    assert_eq!(
        text(
            "ip filter INPUT",
            Some(&["policy DROP", "-p tcp --dport 22 -j ACCEPT"]),
            None
        ),
        "iptables -t filter -P INPUT ACCEPT && iptables -t filter -F INPUT\n"
    );
    let all = text("ip6 routing", Some(&["0 from all lookup local"]), None);
    assert!(all.starts_with("# by hand: "), "{all}");
    assert_eq!(
        text(
            "set inet filter ban",
            Some(&["type ipv4_addr", "10.0.0.1"]),
            Some(&["type ipv4_addr", "10.0.0.2"])
        ),
        "nft 'delete element inet filter ban { 10.0.0.1 }'\nnft 'add element inet filter ban { 10.0.0.2 }'\n"
    );
    assert_eq!(
        text(
            "ip filter INPUT",
            Some(&["policy DROP", "-p tcp --dport 80 -j ACCEPT"]),
            Some(&["policy DROP"])
        ),
        "iptables -t filter -D INPUT -p tcp --dport 80 -j ACCEPT\n"
    );
    assert_eq!(
        text("ip6 routing", Some(&["100 from fd00::/8 lookup 5"]), Some(&[])),
        "ip -6 rule del priority 100 from fd00::/8 lookup 5\n"
    );
    let forged = text(
        "ip filter INPUT",
        Some(&["-m comment --comment \"$(reboot)\" -j ACCEPT"]),
        Some(&[]),
    );
    assert!(forged.starts_with("# by hand: "), "{forged}");
}
