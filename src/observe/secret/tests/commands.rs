//! Secrets in command lines, and in rules about commands.

use super::*;

/// Command lines whose secret is `hunter2`, with or without what stands around it.
const COMMANDS: &[&str] = &[
    "curl -u u:hunter2 https://a.example",
    "curl -sSu u:hunter2 https://a.example",
    "curl --user=u:hunter2 x; mysql -phunter2 -e 'select 1'",
    "/usr/bin/mysqldump -uroot -p'hunter2' db | gzip",
    "PGPASSWORD=hunter2 psql -h db",
    "SSHPASS=hunter2 sshpass -e ssh h",
    "sshpass -p hunter2 ssh h",
    "sshpass -phunter2 ssh h",
    "sshpass -p 'hunter2' ssh h",
    "x --password hunter2 -v",
    "x --password=hunter2",
    "x -password hunter2",
    "curl -H 'Authorization: Bearer hunter2' x",
    "curl -H 'Authorization: Basic hunter2' x",
    "curl -H \"Authorization: token hunter2\" x",
    "curl -H 'X-Api-Key: hunter2' x",
    "redis-cli -a hunter2 ping",
    "redis-cli CONFIG SET requirepass hunter2",
    "redis-cli ACL SETUSER bob on '>hunter2'",
    "echo 'AUTH hunter2' | redis-cli",
    "wget --http-user=u --http-password=hunter2 x",
    "wget --http-password hunter2 x",
    "ldapsearch -x -D cn=a -w hunter2 -b dc=x",
    "ldapsearch -xw hunter2",
    "snmpget -v2c -c hunter2 h sysUpTime.0",
    "snmpwalk -v3 -u u -A hunter2 -l authNoPriv h",
    "docker login -u u -p hunter2 registry",
    "echo hunter2 | docker login --password-stdin",
    "echo 'root:hunter2' | chpasswd",
    "echo hunter2 | sudo -S reboot",
    "mount -t cifs -o username=a,password=hunter2 //a/b /c",
    "smbclient //a/b -U 'u%hunter2'",
    "sqlplus u/hunter2@db @x.sql",
    "sh -c \"mysql -phunter2 db\"",
    "flock -n /run/l ssh h 'sshpass -p hunter2 scp a b'",
    "cd / && { curl -u u:hunter2 x; }",
    "for i in $(curl -u u:hunter2 x); do :; done",
    "openssl enc -aes-256-cbc -k hunter2 -in a",
    "openssl rsa -passin pass:hunter2",
    "htpasswd -bc /etc/f u hunter2",
    "rabbitmqctl change_password u hunter2",
    "kubectl create secret generic s --from-literal=k=hunter2",
    "aws configure set aws_secret_access_key hunter2",
    "bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/mysql -phunter2",
];

#[test]
fn command_lines_lose_what_programs_take_as_a_password() {
    for command in COMMANDS {
        let clean = scrub(command);
        assert!(!clean.contains("hunter2"), "{clean}");
        assert!(
            matches!(redact("ExecStart", command, &KEY), Value::Secret(_)),
            "{command}"
        );
        let named = safe_name(command, &KEY);
        assert!(!named.contains("hunter2") && named.contains("secret#"), "{named}");
        assert_eq!(named, safe_name(command, &KEY));
        assert_ne!(named, safe_name(&command.replace("hunter2", "hunter3"), &KEY));
    }
    assert_eq!(
        scrub("curl -u u:hunter2 https://a.example && mysql -phunter2 -e 'select 1'"),
        "curl -u u:*** https://a.example && mysql -p*** -e 'select 1'"
    );
    assert_eq!(
        scrub("it's curl -u \"$U:$P\" and 'so"),
        "it's curl -u \"$U:$P\" and 'so"
    );
}

#[test]
fn rules_about_commands_lose_what_the_commands_take() {
    assert_kept(
        mask_rule,
        &[
            "ALL=(ALL:ALL) NOPASSWD: ALL",
            "ALL=NOPASSWD: /bin/a, PASSWD: sudoedit /etc/b",
            "ALL=sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 /usr/sbin/fdisk",
            "ALL=sha224:0GomF8mNN3wlDt1HD9XldjJ3SNgpFdbjO1+NsQ== /bin/ls",
        ],
    );
    let rule = mask_rule("ALL=NOPASSWD: /usr/bin/mysqldump -phunter2 db", &KEY);
    assert!(
        rule.starts_with("ALL=NOPASSWD: /usr/bin/mysqldump -psecret#") && rule.ends_with(" db"),
        "{rule}"
    );
    let options = mask_rule("command=\"curl -u u:hunter2 x\",no-pty ssh-ed25519 bob@laptop", &KEY);
    assert!(
        !options.contains("hunter2") && options.ends_with("no-pty ssh-ed25519 bob@laptop"),
        "{options}"
    );
}
