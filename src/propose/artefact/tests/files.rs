//! Accounts, jobs, limits and files.

use super::*;

#[test]
fn accounts_jobs_and_files() {
    for (settings, wants) in [
        // Accounts: the files follow.
        (
            &[
                ("account.user.carol:uid", Some("1001"), None),
                ("account.user.carol:shell", Some("/bin/bash"), None),
                ("account.group.carol:gid", Some("1001"), None),
                ("etc.passwd:carol", Some("x"), None),
                ("etc.subuid:content", Some("blake3 2"), Some("blake3 1")),
            ][..],
            "userdel -- carol\n# its home and files stay; its password and groups are gone with it\n! getent group carol > /dev/null || groupdel -- carol\n",
        ),
        (
            &[
                ("account.user.carol:uid", None, Some("1001")),
                ("account.user.carol:shell", None, Some("/bin/bash")),
            ],
            "useradd --uid 1001 --shell /bin/bash -- carol\n# it has no password until someone sets one: passwd carol\n",
        ),
        (
            &[
                ("account.user.carol:uid", None, Some("1001")),
                ("account.user.carol:gid", None, Some("1001")),
                ("account.group.carol:gid", None, Some("1001")),
            ],
            "groupadd --gid 1001 -- carol\nuseradd --uid 1001 --gid 1001 -- carol\n# it has no password until someone sets one: passwd carol\n",
        ),
        // A second name of root's number cannot be deleted while anything runs.
        (
            &[("account.user.carol:uid", Some("0"), None)],
            "usermod --lock --expiredate 1 -- carol\n# nobody gets in by it any more; its lines go by hand, as processes have its number: vipw, vipw -s\n",
        ),
        (
            &[("account.user.carol:uid", None, Some("0"))],
            "useradd --non-unique --uid 0 -- carol\n# it has no password until someone sets one: passwd carol\n",
        ),
        // Who comes or goes is a member by that; of others there is a command.
        (
            &[
                ("account.user.carol:uid", Some("1001"), None),
                ("account.group.users:members", Some("[]carol"), None),
            ],
            "userdel -- carol\n# its home and files stay; its password and groups are gone with it\n",
        ),
        (
            &[("account.group.sudo:members", Some("[]bob carol"), Some("[]ann bob"))],
            "gpasswd --delete carol sudo\ngpasswd --add ann sudo\n",
        ),
        // Jobs follow from their file.
        (
            &[
                ("etc.cron.d/backup", Some(NEW), None),
                ("cron./etc/cron.d/backup:root tar", Some("0 3 * * *"), None),
            ],
            "mkdir -p /var/backups/foreshadow/cron.d && mv -- /etc/cron.d/backup /var/backups/foreshadow/cron.d/backup.aside-$(date +%s.%N)\n# what is moved aside stays in /var/backups/foreshadow until someone removes it there\n",
        ),
        // Files.
        (
            &[("etc.hostname:line", Some("b"), Some("a"))],
            "f=/etc/hostname && b=/var/backups/foreshadow${f#/etc}.$(date +%s.%N) && mkdir -p \"${b%/*}\" && cp -p \"$f\" \"$b\" && printf '%s\\n' a > \"$f\"\n",
        ),
        (
            &[
                ("etc.cron.d/x", Some(NEW), None),
                ("etc.cron.d/x:content", Some("blake3 1"), None),
            ],
            "mkdir -p /var/backups/foreshadow/cron.d && mv -- /etc/cron.d/x /var/backups/foreshadow/cron.d/x.aside-$(date +%s.%N)\n# what is moved aside stays in /var/backups/foreshadow until someone removes it there\n",
        ),
        (
            &[("etc.app.conf", Some("[]mode=0666 owner=0:0"), Some(NEW))],
            "chmod 0644 /etc/app.conf\n",
        ),
        (
            &[("etc.app.conf", Some("[]mode=0600 owner=5:5"), Some(NEW))],
            "chown 0:0 /etc/app.conf\nchmod 0644 /etc/app.conf\n",
        ),
        (
            &[("etc.alternatives/vi", Some("-> /usr/bin/nvi"), Some("-> /usr/bin/vim"))],
            "ln -sfn /usr/bin/vim /etc/alternatives/vi\n",
        ),
        (
            &[("etc.app.bin:content", Some("blake3 1"), Some("blake3 2"))],
            "# by hand: put /etc/app.bin back from a copy (a package's own: apt-get install --reinstall); its content is another one now\n",
        ),
        // Nobody gets in without it: not even one that is new is taken away.
        (
            &[("etc.sudoers", Some(NEW), None)],
            "# by hand: /etc/sudoers was not there when the baseline was taken, and people or the system may depend on it: look at it\n\
             # then: visudo -c\n",
        ),
    ] {
        assert_eq!(text(settings).as_deref(), Some(wants), "{settings:?}");
    }
    let gone = text(&[("etc.app.conf", None, Some(NEW)), ("etc.app.conf:a", None, Some("b"))]).unwrap();
    assert!(
        gone.starts_with("# by hand: put /etc/app.conf back from a copy\n# if it is a package's own"),
        "{gone}"
    );
    // What the server says follows from its file, and the order of lines from the lines.
    let one = text(&[("etc.ssh/sshd_config:PermitRootLogin", Some("yes"), Some("no"))]);
    let both = text(&[
        ("etc.ssh/sshd_config:PermitRootLogin", Some("yes"), Some("no")),
        ("sshd.permitrootlogin", Some("yes"), Some("no")),
    ]);
    assert_eq!(one, both);
    let ordered = text(&[
        (
            "etc.postgresql/15/main/pg_hba.conf:local all all",
            Some("trust"),
            Some("peer"),
        ),
        (
            "etc.postgresql/15/main/pg_hba.conf:order",
            Some("blake3 1"),
            Some("blake3 2"),
        ),
    ]);
    assert!(!ordered.unwrap().contains("by hand"));
    // Two lines of one file are one command, with one reload.
    let two = text(&[
        ("etc.nginx/nginx.conf:events.worker_connections", Some("1"), Some("2")),
        ("etc.nginx/nginx.conf:worker_processes", Some("4"), Some("auto")),
    ])
    .unwrap();
    assert_eq!(
        (two.matches("sed -i").count(), two.matches("reload nginx").count()),
        (1, 1),
        "{two}"
    );
}
