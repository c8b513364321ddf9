//! Kernel parameters, mounts, packages, the machine, and what a change costs.

use super::*;

#[test]
fn parameters_mounts_packages_and_the_machine() {
    for (settings, wants) in [
        // Kernel parameters.
        (
            &[("sysctl.vm.swappiness", Some("1"), Some("60"))][..],
            "sysctl -w vm.swappiness=60\n# lasts until the next start; to keep it, write it to a file in /etc/sysctl.d/\n",
        ),
        (
            &[("sysctl.net.netfilter.x", Some("1"), None)],
            "# by hand: net.netfilter.x came with a kernel module or an interface, and goes with it; it is `1`\n",
        ),
        (
            &[
                ("sysctl.vm.swappiness", Some("1"), Some("60")),
                ("etc.sysctl.d/99-x.conf", Some(NEW), None),
                ("etc.sysctl.d/99-x.conf:vm.swappiness", Some("1"), None),
            ],
            "sysctl -w vm.swappiness=60\nmkdir -p /var/backups/foreshadow/sysctl.d && mv -- /etc/sysctl.d/99-x.conf /var/backups/foreshadow/sysctl.d/99-x.conf.aside-$(date +%s.%N) && sysctl --system\n# what is moved aside stays in /var/backups/foreshadow until someone removes it there\n",
        ),
        // Mounts.
        (
            &[
                ("mount./mnt/x:device", Some("ext4"), None),
                ("mount./mnt/x:fstype", Some("ext4"), None),
                ("mount./mnt/x:options", Some("[]rw"), None),
            ],
            "umount /mnt/x\n",
        ),
        // Its unit goes and comes with it, whatever its name is escaped to.
        (
            &[
                ("mount./mnt/my-x:device", Some("ext4"), None),
                ("mount./mnt/my-x:fstype", Some("ext4"), None),
                (r"unit.mnt-my\x2dx.mount:state", Some("active"), None),
            ],
            "umount /mnt/my-x\n",
        ),
        (
            &[
                ("mount./mnt/x:device", None, Some("tmpfs")),
                ("mount./mnt/x:fstype", None, Some("tmpfs")),
                ("unit.mnt-x.mount:state", None, Some("active")),
            ],
            "mount -t tmpfs tmpfs /mnt/x\n",
        ),
        (
            &[("unit.mnt-x.mount:state", Some("active"), Some("inactive"))],
            "systemctl stop -- mnt-x.mount\n",
        ),
        (
            &[
                ("mount./data:device", None, Some("/dev/sdb1")),
                ("mount./data:fstype", None, Some("ext4")),
                ("mount./data:options", None, Some("[]rw noatime")),
            ],
            "mount -t ext4 -o noatime,rw /dev/sdb1 /data\n",
        ),
        (
            &[("mount./data:options", Some("[]ro"), Some("[]rw commit=30"))],
            "mount -o remount,commit=30,rw /data\n",
        ),
        (
            &[("mount./data:device", Some("/dev/sdc1"), Some("/dev/sdb1"))],
            "umount /data && mount /dev/sdb1 /data\n",
        ),
        // Packages, and what comes and goes with them.
        (
            &[
                ("pkg.nginx", Some("1.22-9"), None),
                ("etc.nginx/nginx.conf", Some(NEW), None),
                ("etc.nginx/nginx.conf:user", Some("www"), None),
                ("unit.nginx.service:state", Some("active"), None),
                ("port.tcp/0.0.0.0:80", Some("nginx"), None),
            ],
            "# the 4 settings that changed with it are the package's own\n\
             # purge also takes the data that its scripts made: what a service stored since is gone\n\
             apt-get purge nginx\n",
        ),
        (&[("pkg.tree", Some("2.1-1"), None)], "apt-get remove tree\n"),
        (
            &[
                ("pkg.tree", None, Some("2.1-1")),
                ("unit.tree.service:state", None, Some("active")),
            ],
            "# the setting that changed with it is the package's own\napt-get install --allow-downgrades tree=2.1-1\n",
        ),
        (
            &[("pkg.bash", Some("5.3"), Some("5.2.15-2+b7"))],
            "# `apt-cache policy bash` lists the versions that can still be had\n\
             apt-get install --allow-downgrades bash=5.2.15-2+b7\n",
        ),
        (&[("pkg.bash:hold", Some("true"), None)], "apt-mark unhold bash\n"),
        (
            &[("pkg.bash:state", Some("half-configured"), None)],
            "dpkg --configure --pending\n",
        ),
        // The machine.
        (
            &[("hw.timezone", Some("UTC"), Some("Europe/Berlin"))],
            "timedatectl set-timezone Europe/Berlin\n",
        ),
        (&[("hw.module.nbd", Some("true"), None)], "modprobe -r nbd\n"),
        (
            &[("hw.disk.sda.scheduler", Some("none"), Some("mq-deadline"))],
            "echo mq-deadline > /sys/block/sda/queue/scheduler\n",
        ),
        (
            &[("hw.swap./swapfile", None, Some("[]kind=file"))],
            "swapon /swapfile\n",
        ),
    ] {
        assert_eq!(text(settings).as_deref(), Some(wants), "{settings:?}");
    }
    assert_eq!(
        text(&[("hw.cpu.count", Some("2"), Some("4"))]),
        None,
        "no command sets the processors"
    );
}

#[test]
fn a_change_costs_the_restart_that_it_takes_and_no_other() {
    let costs = |name: &str| {
        let id = SeriesId::new(&ResourceId::new("host", "a"), name);
        let (was, value) = (Value::Int(200), Value::Int(100));
        let wanted = Wanted {
            id: &id,
            was: Some(&was),
            value: Some(&value),
        };
        set(&[wanted], &nothing).unwrap().cost
    };
    let of = |key: &str| costs(&format!("etc.postgresql/15/main/postgresql.conf:{key}"));
    assert!(of("max_connections").contains("restarted"));
    assert!(of("work_mem").contains("reloaded"));
    assert!(costs("etc.sudoers.d/ana:ana").contains("at once"));
    assert!(costs("etc.app.conf:max_connections").contains("reloaded"));
}
