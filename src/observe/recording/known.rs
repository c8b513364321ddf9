//! Words that say nothing of whose host it is.

/// Folders every system has, programs that many have, and their units, files and users.
const KNOWN: &str = "bin boot dev efi etc home lib lib64 mnt media opt proc root run sbin shm srv sys tmp usr var log cache spool mail www \
    local share net lock user pts mqueue hugepages cgroup init journal backups \
    PackageKit X11 adduser aide alternatives anacron apache2 apparmor apparmor.d apt apt-daily apt-daily-upgrade atop auditd audit autofs bash \
    bash.bashrc bash_completion.d bind bind9 binfmt.d bluetooth ca-certificates certs chrony chronyd cloud cloud-init cloud-config collectd \
    console-getty container-getty containerd containers coredns cron crond crontab cron.d cron.daily cron.hourly cron.monthly cron.weekly crypttab cups dbus \
    dbus-1 debconf debian_version default deluser dhclient dhcp dhcpcd dnsmasq docker dockerd dovecot dpkg dpkg-db-backup e2scrub e2scrub_all \
    e2scrub_reap elasticsearch emergency environment environment.d etcd ethertypes exim4 fail2ban firewalld fonts fstab fstrim \
    fwupd getty grafana grafana-server group grub grub2 grub.d gshadow gss gunicorn haproxy host hostname hosts httpd hwclock icinga2 influxdb init.d inputrc \
    iproute2 iptables irqbalance iscsi iscsid issue issue.net java journald journald.conf kafka keepalived kernel kmod kubelet kubernetes kube-proxy ldap \
    ld.so ld.so.conf.d libaudit libvirt libvirtd lighttpd limits.d local-fs locale locale.gen localtime login login.defs logind \
    logind.conf logrotate logrotate.d lsb-release lvm lvm2 lvm2-monitor machine-id magic man-db mariadb mdadm mdmonitor memcached mime.types mke2fs modprobe modprobe.d \
    modules modules-load.d mongod motd multipath multipathd multi-user munin mysql mysqld named netconfig netplan network NetworkManager networkd networking networks \
    network-online nfs nfs-server nftables nginx node_exporter nscd nslcd nss nsswitch ntp ntpd openldap openssh opendkim os-release packagekit pam pam.d \
    passwd perl pg_hba php php-fpm php8 pki plymouth podman polkit polkit-1 postfix postgres postgresql procps profile profile.d prometheus prometheus-node-exporter protocols puppet python3 \
    quotaon rabbitmq rabbitmq-server rc-local redis redis-server remote-fs resolv resolvconf resolved resolved.conf rescue rpc rpcbind rsync rsyslog rsyslogd \
    salt samba security selinux sensors serial-getty services sgml shadow shells skel smartd smartmontools smbd snapd snmp snmpd squid ssh ssh_config sshd \
    sshd_config sshd-session ssl sssd strongswan subgid subuid sudo sudoers sudoers.d supervisor swap syslog syslog-ng sysctl sysctl.d sysstat system systemd system.conf system.conf.d system.d sysusers.d \
    tftpd timesyncd timesyncd.conf timezone tmpfiles.d tomcat tuned ucf udev udevd ufw unattended-upgrades unbound update-motd.d uwsgi useradd \
    valkey valkey-server varnish vault vim wicked wpa_supplicant xdg xfs xinetd xml yum yum.repos.d zabbix zabbix_agentd zfs zookeeper sites-available sites-enabled conf.d \
    conf-available conf-enabled mods-available mods-enabled conf main system-generators user.conf user-runtime-dir sources.list sources.list.d apt.conf.d trusted.gpg.d \
    bash sh zsh python perl ruby node java go php cat cp sleep ps top make gcc cc cargo rustc git curl wget tar gzip xz rsync foreshadow kthreadd kswapd0 \
    system.slice user.slice init.scope machine.slice";
/// Words of the kernel that are as common as names of hosts.
const KERNELS: &str = "abi debug dev fs kernel net sunrpc user vm all lo localhost localdomain core ipv4 ipv6 conf neigh route unix netfilter bridge";
/// Beginnings of the kernel's own names of devices; digits follow.
const DEVICES: [&str; 24] = [
    "eth", "eno", "ens", "enp", "wlan", "wlp", "ib", "bond", "br", "docker", "virbr", "tun", "tap", "wg", "ifb",
    "nvme", "dm-", "md", "zram", "loop", "sr", "mmcblk", "tty", "ttyS",
];

/// Whether `word` is one that says nothing of whose host it is.
pub(super) fn known(word: &str) -> bool {
    let listed = |list: &str| list.split_ascii_whitespace().any(|one| one == word);
    listed(KNOWN) || listed(KERNELS)
}

/// Whether it is a name that the kernel gave a device: `eth0`, `sda1`, `nvme0n1p2`.
pub(super) fn is_device(name: &str) -> bool {
    let numbered = DEVICES.iter().any(|start| {
        let rest = name.strip_prefix(start);
        rest.is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_digit())
                && rest.len() <= 10
                && rest.bytes().all(|b| b.is_ascii_digit() || b"fnps".contains(&b))
        })
    });
    let disk = ["sd", "vd", "xvd", "hd"].iter().any(|start| {
        let letters = name
            .strip_prefix(start)
            .map(|rest| rest.trim_end_matches(|c: char| c.is_ascii_digit()));
        letters.is_some_and(|rest| (1..=2).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_lowercase()))
    });
    numbered || disk || matches!(name, "lo" | "all" | "default" | "console")
}
