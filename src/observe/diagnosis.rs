//! TCP sockets as the kernel's own diagnosis tells of them (sock_diag(7)): only those in the states that are asked for, and its hash table
//! is gone through twenty times as fast as for `/proc/net/tcp`.
#![cfg(target_os = "linux")]

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::LazyLock,
};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with};

use super::socket::Socket;

/// The size of a message's head (`struct nlmsghdr`), and of what is said of one socket (`struct inet_diag_msg`).
const HEAD: usize = 16;
const BODY: usize = 72;
/// `NLMSG_ERROR` and `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;

/// Whether the kernel can answer as it is: to ask one that could not would make it load a module, and nothing is changed by looking.
static THERE: LazyLock<bool> = LazyLock::new(|| {
    let builtin = || {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let list = Path::new("/lib/modules").join(release.trim()).join("modules.builtin");
        fs::read_to_string(list).is_ok_and(|list| list.contains("/tcp_diag.ko"))
    };
    !Path::new("/proc/modules").exists() || Path::new("/sys/module/tcp_diag").exists() || builtin()
});

/// Calls `each` with the state of every socket that `file` (this machine's own `/proc/net/tcp` or `tcp6`) would tell of, in the states whose
/// bits are set, and gives how many they are. `None` for any other file, and where the kernel does not answer to the end: what was told then
/// does not count.
pub(super) fn tcp(file: &Path, states: u32, each: &mut dyn FnMut(u8, Socket)) -> Option<usize> {
    let family = match file.to_str()? {
        "/proc/net/tcp" => AddressFamily::INET,
        "/proc/net/tcp6" => AddressFamily::INET6,
        _ => return None,
    };
    if !*THERE {
        return None;
    }
    asked(family, states, each)
        .inspect_err(|error| tracing::debug!("the kernel's diagnosis of sockets: {error}"))
        .ok()
}

fn asked(family: AddressFamily, states: u32, each: &mut dyn FnMut(u8, Socket)) -> io::Result<usize> {
    let kernel = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    // SOCK_DIAG_BY_FAMILY as a dump (NLM_F_REQUEST | NLM_F_DUMP), and `struct inet_diag_req_v2` for TCP with no socket named.
    let mut request = Vec::with_capacity(HEAD + 56);
    request.extend_from_slice(&(HEAD as u32 + 56).to_ne_bytes());
    request.extend_from_slice(&20_u16.to_ne_bytes());
    request.extend_from_slice(&0x301_u16.to_ne_bytes());
    request.extend_from_slice(&[0; 8]);
    request.extend_from_slice(&[family.as_raw() as u8, 6, 0, 0]);
    request.extend_from_slice(&states.to_ne_bytes());
    request.extend_from_slice(&[0; 48]);
    send(&kernel, &request, SendFlags::empty())?;
    let (mut answer, mut count) = (vec![0; 32 << 10], 0);
    let mut counted = |state: u8, socket: Socket| {
        count += 1;
        each(state, socket);
    };
    loop {
        let (length, _) = recv(&kernel, &mut answer, RecvFlags::empty())?;
        if length == 0 || !take(&answer[..length], &mut counted)? {
            return Ok(count);
        }
    }
}

/// Takes the messages of one answer; `false` when it was the last.
fn take(mut answer: &[u8], each: &mut dyn FnMut(u8, Socket)) -> io::Result<bool> {
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    while !answer.is_empty() {
        let head = answer.first_chunk::<HEAD>().ok_or_else(cut)?;
        let length = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let body = answer.get(HEAD..length).ok_or_else(cut)?;
        match u16::from_ne_bytes([head[4], head[5]]) {
            DONE => return Ok(false),
            ERROR => {
                let code = body.first_chunk().ok_or_else(cut)?;
                return Err(io::Error::from_raw_os_error(i32::from_ne_bytes(*code).saturating_neg()));
            }
            _ => {
                let (state, socket) = told(body.first_chunk().ok_or_else(cut)?);
                each(state, socket);
            }
        }
        answer = answer.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(true)
}

/// One socket with its state, as `struct inet_diag_msg` has it: ports and addresses in the order of the network, all else in the machine's.
fn told(body: &[u8; BODY]) -> (u8, Socket) {
    let four = |at: usize| [body[at], body[at + 1], body[at + 2], body[at + 3]];
    let address = |port: usize, at: usize| {
        let ip = if body[0] == AddressFamily::INET.as_raw() as u8 {
            IpAddr::V4(Ipv4Addr::from(four(at)))
        } else {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&body[at..at + 16]);
            IpAddr::V6(Ipv6Addr::from(bytes))
        };
        SocketAddr::new(ip, u16::from_be_bytes([body[port], body[port + 1]]))
    };
    let socket = Socket {
        local: address(4, 8),
        remote: address(6, 24),
        inode: u64::from(u32::from_ne_bytes(four(68))),
    };
    (body[1], socket)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::observe::socket::{LISTEN, sockets_in};

    #[test]
    fn the_kernel_tells_the_same_as_its_files() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = held.local_addr().unwrap();
        // A kernel without it is read by its files.
        let mut told = Vec::new();
        let each = &mut |state, socket| told.push((state, socket));
        let Some(count) = tcp(Path::new("/proc/net/tcp"), 1 << LISTEN, each) else {
            return;
        };
        assert_eq!(count, told.len());
        assert!(told.iter().all(|(state, _)| *state == LISTEN));
        let ours = told.iter().find(|(_, socket)| socket.local == local).unwrap();
        let copy = tempfile::tempdir().unwrap();
        let file = copy.path().join("tcp");
        fs::copy("/proc/net/tcp", &file).unwrap();
        let read = sockets_in(&file, LISTEN).unwrap();
        assert!(read.contains(&ours.1), "{read:?}");
    }

    #[test]
    fn an_answer_that_is_cut_off_or_says_no_is_an_error() {
        let mut found = 0;
        let mut take = |answer: &[u8]| take(answer, &mut |_, _| found += 1);
        assert!(take(&[1, 2, 3]).is_err());
        let message = |length: u32, sort: u16, body: &[u8]| {
            let mut message = length.to_ne_bytes().to_vec();
            message.extend_from_slice(&sort.to_ne_bytes());
            message.extend_from_slice(&[0; 10]);
            message.extend_from_slice(body);
            message
        };
        assert!(take(&message(400, 20, &[0; 4])).is_err());
        assert!(take(&message(0, 20, &[])).is_err());
        assert!(take(&message(20, 20, &[0; 4])).is_err());
        let no = take(&message(20, ERROR, &(-2_i32).to_ne_bytes())).unwrap_err();
        assert_eq!(no.kind(), io::ErrorKind::NotFound);
        assert!(!take(&message(16, DONE, &[])).unwrap());
        assert_eq!(found, 0);
    }
}
