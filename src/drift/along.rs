//! What the kernel sets along with a parameter that is written: nobody did that besides, and it goes back by itself.
//!
//! Linux, `Documentation/networking/ip-sysctl.rst`, and the handlers that do it: `devinet_sysctl_forward` of IPv4, `addrconf_fixup_forwarding` and
//! `addrconf_disable_ipv6` of IPv6. What `default` says also reaches those interfaces of IPv4 that nobody ever wrote to (`devinet_copy_dflt_conf`),
//! which is left out: it cannot be seen which these are.

use crate::domain::{SeriesId, Subject, Value};

/// What a parameter becomes that is set along with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Along {
    /// The same value.
    Same,
    /// 1 where the other is 0, and 0 where it is not.
    Opposite,
}

impl Along {
    /// Whether the kernel gives the one the value `other` where `written` is written.
    #[must_use]
    pub fn fits(self, written: Option<&Value>, other: Option<&Value>) -> bool {
        match (self, written, other) {
            (Self::Same, Some(written), Some(other)) => written == other,
            (Self::Opposite, Some(Value::Int(written)), Some(Value::Int(other))) => *other == i64::from(*written == 0),
            _ => false,
        }
    }
}

/// Of all interfaces (`all`), of those to come (`default`) or of one.
struct Conf<'a> {
    ipv4: bool,
    of: &'a str,
    what: &'a str,
}

impl<'a> Conf<'a> {
    fn of(id: &'a SeriesId) -> Option<Self> {
        let Subject::Sysctl(name) = Subject::of(&id.name) else {
            return None;
        };
        if name == "net.ipv4.ip_forward" {
            // Another name of the same variable.
            return Some(Self {
                ipv4: true,
                of: "all",
                what: "forwarding",
            });
        }
        let (family, rest) = name.strip_prefix("net.")?.split_once(".conf.")?;
        let (of, what) = rest.rsplit_once('.')?;
        let ipv4 = match family {
            "ipv4" => true,
            "ipv6" => false,
            _ => return None,
        };
        Some(Self { ipv4, of, what })
    }
}

/// Whether the kernel sets others along with this parameter.
#[must_use]
pub fn spreads(id: &SeriesId) -> bool {
    Conf::of(id).is_some_and(|conf| conf.of == "all")
}

/// What the parameter `other` becomes where `written` is written; `None` where the kernel leaves it.
#[must_use]
pub fn along(written: &SeriesId, other: &SeriesId) -> Option<Along> {
    if written.resource != other.resource || written == other {
        return None;
    }
    let (from, to) = (Conf::of(written)?, Conf::of(other)?);
    if from.ipv4 != to.ipv4 {
        return None;
    }
    match (from.ipv4, from.of, from.what) {
        (true, "all", "forwarding") if (to.of, to.what) == ("all", "accept_redirects") => Some(Along::Opposite),
        (true, "all", "forwarding") => (to.what == from.what).then_some(Along::Same),
        (false, "all", "forwarding" | "disable_ipv6" | "ignore_routes_with_linkdown") => {
            (to.what == from.what).then_some(Along::Same)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_sets_along() {
        let id = |name: &str| format!("host:a/sysctl.net.{name}").parse::<SeriesId>().unwrap();
        let told = |written: &str, other: &str| along(&id(written), &id(other));
        for (written, other, wanted) in [
            ("ipv4.ip_forward", "ipv4.conf.all.forwarding", Some(Along::Same)),
            ("ipv4.ip_forward", "ipv4.conf.eth0/100.forwarding", Some(Along::Same)),
            (
                "ipv4.ip_forward",
                "ipv4.conf.all.accept_redirects",
                Some(Along::Opposite),
            ),
            ("ipv4.conf.all.forwarding", "ipv4.ip_forward", Some(Along::Same)),
            // Only interfaces whose value was never written follow.
            ("ipv4.conf.default.rp_filter", "ipv4.conf.eth0.rp_filter", None),
            (
                "ipv6.conf.all.disable_ipv6",
                "ipv6.conf.lo.disable_ipv6",
                Some(Along::Same),
            ),
            ("ipv4.ip_forward", "ipv4.ip_forward", None),
            ("ipv4.ip_forward", "ipv6.conf.all.forwarding", None),
            ("ipv4.ip_forward", "ipv4.conf.eth0.accept_redirects", None),
            ("ipv4.conf.all.rp_filter", "ipv4.conf.eth0.rp_filter", None),
            ("ipv4.conf.eth0.forwarding", "ipv4.ip_forward", None),
            ("ipv6.conf.default.forwarding", "ipv6.conf.eth0.forwarding", None),
        ] {
            assert_eq!(told(written, other), wanted, "{written} {other}");
        }
        let int = |value| Some(Value::Int(value));
        assert!(Along::Opposite.fits(int(1).as_ref(), int(0).as_ref()));
        assert!(!Along::Opposite.fits(int(1).as_ref(), int(1).as_ref()));
        assert!(!Along::Same.fits(int(1).as_ref(), int(0).as_ref()) && !Along::Same.fits(None, None));
    }
}
