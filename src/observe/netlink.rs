//! Hears of changes of the network and of its filter at once, where the kernel tells of them (netlink(7)). What it misses is found by looking.
#![cfg(target_os = "linux")]

use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{
        AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, bind,
        netlink::{NETFILTER, SocketAddrNetlink},
        recv, socket_with,
    },
};

use super::nudge::LISTENS;
use crate::domain::{Span, Timestamp};

/// Most notices taken at one time; what is left waits.
const MOST_NOTICES: usize = 10_000;

/// `NETLINK_ROUTE` is what a socket speaks that is asked for nothing else.
const ROUTE: Option<Protocol> = None;
/// Bits of the groups of `linux/rtnetlink.h` and `linux/netfilter/nfnetlink.h`, counted from 1.
const fn bits(groups: &[u32]) -> u32 {
    let (mut all, mut place) = (0, 0);
    while place < groups.len() {
        all |= 1 << (groups[place] - 1);
        place += 1;
    }
    all
}
/// `RTNLGRP_LINK`, `_IPV4_IFADDR`, `_IPV4_ROUTE`, `_IPV6_IFADDR`, `_IPV6_ROUTE`.
const LINKS: u32 = bits(&[1, 5, 7, 9, 11]);
/// `RTNLGRP_IPV4_RULE`, `_IPV6_RULE`.
const RULES: u32 = bits(&[8, 19]);
/// `NFNLGRP_NFTABLES`.
const TABLES: u32 = bits(&[7]);

/// Listens to groups of notices, and says when to look: at once when something changed, else as often as without it.
pub(super) struct Netlink {
    sockets: Vec<OwnedFd>,
    /// Whether the kernel tells of all that was asked for.
    hears: bool,
    looked: Option<Timestamp>,
}

impl Netlink {
    /// Interfaces, addresses and routes; anyone may listen.
    pub(super) fn links() -> Self {
        Self::listening(&[(ROUTE, LINKS)])
    }

    /// Rules of nftables and of policy routing; the former need `CAP_NET_ADMIN`.
    pub(super) fn rules() -> Self {
        Self::listening(&[(Some(NETFILTER), TABLES), (ROUTE, RULES)])
    }

    fn listening(to: &[(Option<Protocol>, u32)]) -> Self {
        let open = |(protocol, groups): &(Option<Protocol>, u32)| {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, *protocol).ok()?;
            bind(&socket, &SocketAddrNetlink::new(0, *groups)).ok()?;
            Some(socket)
        };
        let sockets: Vec<OwnedFd> = to.iter().filter_map(open).collect();
        Self {
            hears: sockets.len() == to.len(),
            sockets,
            looked: None,
        }
    }

    /// How often to ask whether to look, where `every` is how often to look at what is not told of.
    pub(super) fn every(&self, every: Span) -> Span {
        if self.hears { LISTENS.min(every) } else { every }
    }

    /// Whether to look at `now`: something changed, or `every` has passed since it last said so.
    pub(super) fn due(&mut self, now: Timestamp, every: Span) -> bool {
        let heard = self.heard();
        let passed = |looked| !(Span::ZERO..every).contains(&(now - looked));
        let due = heard || !self.hears || self.looked.is_none_or(passed);
        if due {
            self.looked = Some(now);
        }
        due
    }

    /// Whether anything changed since it was last asked.
    fn heard(&self) -> bool {
        let mut notice = [0; 256];
        let mut one = |socket: &OwnedFd| match recv(socket, &mut notice, RecvFlags::DONTWAIT) {
            // Too many came for the socket to hold them.
            Ok(_) | Err(Errno::NOBUFS) => true,
            Err(_) => false,
        };
        let count = |socket: &OwnedFd| (0..MOST_NOTICES).take_while(|_| one(socket)).count();
        self.sockets.iter().map(count).sum::<usize>() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_at_once_and_then_as_often_as_without_it() {
        let mut links = Netlink::links();
        let (minute, at) = (Span::from_mins(1), Timestamp::from_secs);
        assert!(links.due(at(0), minute));
        // What the machine's own network does meanwhile is no matter of this test.
        links.sockets.clear();
        assert_eq!(links.due(at(5), minute), !links.hears);
        assert!(links.due(at(60), minute));
        assert!(links.due(at(10), minute), "a clock that was set back");
        assert!(links.every(minute) <= minute);
    }

    #[test]
    fn notices_are_taken_once() {
        // The socket of routes tells of its own address when one is sent to it.
        let links = Netlink::links();
        let Some(socket) = links.sockets.first() else { return };
        while links.heard() {}
        let own: SocketAddrNetlink = rustix::net::getsockname(socket).unwrap().try_into().unwrap();
        let sent = rustix::net::sendto(
            socket,
            &[0; 4],
            rustix::net::SendFlags::empty(),
            &SocketAddrNetlink::new(own.pid(), 0),
        );
        assert_eq!(links.heard(), sent.is_ok());
    }
}
