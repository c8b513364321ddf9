//! Nothing that was read makes a command of its own, and no secret stands in one.

use proptest::prelude::*;

use super::*;
use crate::domain::SecretHash;

#[test]
fn a_secret_is_never_in_an_artefact() {
    let secret = Value::Secret(SecretHash::of(&[7; 32], b"hunter2"));
    for name in [
        "sysctl.a",
        "etc.app.ini:password",
        "etc.token:line",
        "unit.a.service:state",
        "pkg.a",
        "mount./a:options",
        "limits.session.a:b:c",
        "net.eth0.mac",
    ] {
        let id = SeriesId::new(&ResourceId::new("host", "a"), name);
        let wanted = Wanted {
            id: &id,
            was: None,
            value: Some(&secret),
        };
        let text = set(&[wanted], &nothing).unwrap().artefact.text;
        assert!(text.starts_with("# by hand") && !text.contains("hunter2"), "{text}");
        assert!(!text.contains("secret#"), "not its hash either: {text}");
    }
}

proptest! {
    #[test]
    fn no_value_makes_a_second_command(value in ".{0,60}", name in "(sysctl.a|pkg.a|unit.a:state|mount./a:options|mount./a:device|etc.a:b|etc.a:line|etc.a|limits.session.a:b:c|net.eth0.mtu|net.eth0.addresses|net.route.a@b|net.hosts.a|hw.timezone|hw.swap.a|firewall.ip a b|firewall.ip routing|firewall.set ip a b|etc.sysctl.d/x:a.b|etc.nginx/a:b|etc.haproxy/a.cfg:global.b|etc.postgresql/15/a/postgresql.conf:b|etc.a.conf:b.c|etc.default/a:B|etc.fstab:/a|etc.modprobe.d/a:entries|cron.user a:b|cron./etc/crontab:b|account.sudo.a|port.tcp/1.1.1.1:80)", list in any::<bool>()) {
        let value = if list {
            Value::list([(std::sync::Arc::from(value.as_str()), Value::text(&value))].into())
        } else {
            Value::text(&value)
        };
        let id = SeriesId::new(&ResourceId::new("host", "a"), &name);
        for (was, to) in [(None, Some(&value)), (Some(&value), None)] {
            let wanted = Wanted { id: &id, was, value: to };
            let Some(way) = set(&[wanted], &nothing) else { continue };
            let text = way.artefact.text;
            prop_assert!(!text.chars().any(|c| c != '\n' && crate::domain::text::unsafe_to_show(c)), "{:?}", text);
            let lines: Vec<&str> = text.lines().collect();
            prop_assert!(lines.iter().filter(|line| !line.starts_with('#')).count() <= 1, "{:?}", text);
        }
    }
}
