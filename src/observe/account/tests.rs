use super::*;
use crate::observe::fixture::{Tree, setting, value};

const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIGbWZ2c7dd8HGfXHhV1KY3m4jWR1Q6kK9M7m7c0wq3bH";

fn tree() -> Tree {
    let tree = Tree::new();
    tree.write(
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\nbob:x:1000:27::/home/bob:/bin/sh\nold:$6$abc$hunter2:9:9::/:/bin/sh\nbroken\n\
         daemon:x:1:1::/:/usr/sbin/nologin\n",
    );
    tree.write(
        "etc/shadow",
        "root:$6$salt$hunter2:1:0:9:7::20000:\nbob:!:1::::::\nfree::1::::::\n",
    );
    tree.write("etc/group", "root:x:0:\nsudo:x:27:eve, al\nwheel:x:10\n");
    tree.write(
        "etc/sudoers",
        "# all\nDefaults env_reset\n%sudo ALL=(ALL:ALL) \\\n  ALL\n@includedir /etc/sudoers.d\n#1000 ALL=ALL\nal ALL=(ALL) NOPASSWD: ALL\n",
    );
    tree.write("etc/sudoers.d/web", "bob ALL=NOPASSWD: /bin/ls\n");
    tree.write("etc/sudoers.d/web.bak", "eve ALL=ALL\n");
    tree.write(
        "home/bob/.ssh/authorized_keys",
        format!("# x\nfrom=\"10.0.0.1\" ssh-ed25519 {KEY} bob@work\nnonsense AAAA!\n"),
    );
    tree.write(
        "etc/ssh/ssh_host_ed25519_key.pub",
        format!("ssh-ed25519 {KEY} root@h\n"),
    );
    tree
}

#[test]
fn users_groups_sudo_and_keys() {
    let tree = tree();
    let witness = Witness::default();
    let mut source = Accounts::new(&tree.host(), &witness);
    let batch = tree.read(&mut source, 0).unwrap();
    let shown = |name: &str| setting(&batch, &format!("account.{name}")).map(|value| value.to_string());
    assert_eq!(shown("user.bob:shell").as_deref(), Some("/bin/sh"));
    assert_eq!(shown("user.bob:login").as_deref(), Some("locked"));
    assert_eq!(shown("user.root:login").as_deref(), Some("password"));
    assert_eq!(shown("user.root:expires").as_deref(), Some("2024-10-04"));
    assert_eq!(shown("user.old:login").as_deref(), Some("password"));
    assert_eq!(shown("group.sudo:members").as_deref(), Some("al bob eve"));
    assert_eq!(shown("sudo.%sudo").as_deref(), Some("ALL=(ALL:ALL) ALL"));
    assert_eq!(shown("sudo.bob").as_deref(), Some("ALL=NOPASSWD: /bin/ls"));
    assert_eq!(shown("sudo.al").as_deref(), Some("ALL=(ALL) NOPASSWD: ALL"));
    assert_eq!(shown("sudo.#1000").as_deref(), Some("ALL=ALL"));
    assert_eq!(shown("sudo.eve"), None);
    let key = shown("ssh_key.bob").unwrap();
    assert!(
        key.starts_with("SHA256:") && key.ends_with("=from=\"10.0.0.1\" ssh-ed25519 bob@work"),
        "{key}"
    );
    assert!(shown("ssh_host_key").unwrap().starts_with("SHA256:"));
    let told = serde_json::to_string(&batch).unwrap();
    assert!(!told.contains("hunter2") && !told.contains(&KEY[24..]));
    assert!(tree.read(&mut source, 60).unwrap().snapshots[0].settings.is_none());
    tree.write("etc/sudoers.d/new", "eve ALL=ALL\n");
    witness.note(
        Timestamp::from_secs(110),
        crate::observe::witness::Deed::Ran,
        "kim",
        "/usr/bin/tee /etc/sudoers.d/new",
    );
    let batch = tree.read(&mut source, 120).unwrap();
    assert_eq!(batch.changes.len(), 1);
    assert_eq!(&*batch.changes[0].id.name, "account.sudo.eve");
    assert_eq!(batch.changes[0].by.as_deref(), Some("kim"));
}

#[test]
fn each_change_has_its_own_witness() {
    let tree = tree();
    let witness = Witness::default();
    let mut source = Accounts::new(&tree.host(), &witness);
    tree.read(&mut source, 0).unwrap();
    let passwd = fs::read_to_string(tree.path("etc/passwd")).unwrap();
    tree.write(
        "etc/passwd",
        format!("{passwd}carol:x:1001:1001::/home/carol:/bin/sh\ndave:x:1002:1002::/:/bin/sh\n"),
    );
    tree.write(
        "etc/group",
        "root:x:0:\nsudo:x:27:eve, al\nwheel:x:10\ncarol:x:1001:carol\n",
    );
    tree.write("etc/sudoers.d/carol", "carol ALL=ALL\n");
    tree.write("home/bob/.ssh/authorized_keys", "");
    let at = Timestamp::from_secs;
    let ran = |secs, who, what| witness.note(at(secs), crate::observe::witness::Deed::Ran, who, what);
    ran(50, "kim", "/usr/sbin/useradd -m carol");
    ran(51, "kim", "/usr/bin/cat /etc/sudoers.d/carol");
    let batch = tree.read(&mut source, 60).unwrap();
    let by = |name: &str| {
        let change = batch
            .changes
            .iter()
            .find(|change| *change.id.name == *format!("account.{name}"));
        change.unwrap_or_else(|| panic!("no change of {name}")).by.as_deref()
    };
    assert_eq!(by("user.carol:uid"), Some("kim"));
    assert_eq!(by("group.carol:members"), Some("kim"));
    assert_eq!(by("user.dave:uid"), None);
    assert_eq!(by("sudo.carol"), None);
    assert_eq!(by("ssh_key.bob"), None);
    // What was done before the last reading explains nothing now.
    tree.write("etc/passwd", passwd);
    ran(100, "al", "/usr/sbin/userdel dave");
    let batch = tree.read(&mut source, 120).unwrap();
    let by = |who: &str| {
        let mut all = batch.changes.iter();
        all.find(|change| *change.id.name == *format!("account.user.{who}:uid"))
            .unwrap()
            .by
            .as_deref()
    };
    assert_eq!((by("dave"), by("carol")), (Some("al"), None));
}

#[test]
fn a_password_that_must_be_changed_soon_is_a_limit_that_nears() {
    let tree = tree();
    // Changed on day 100, good for 90 days; for ever; locked; at the next login; no age.
    tree.write(
        "etc/shadow",
        "root:$6$salt$hunter2:100:0:90:7:::\nbob:$6$salt$hunter2:100:0:99999:7:::\nlocked:!$6$salt$hunter2:100:0:90:7:::\n\
         next:$6$salt$hunter2:0:0:90:7:::\nnone:$6$salt$hunter2:100::::::\nodd:$6$salt$hunter2:x:0:9223372036854775807::::\n",
    );
    let mut source = Accounts::new(&tree.host(), &Witness::default());
    let batch = tree.read(&mut source, 180 * 86_400).unwrap();
    let names: Vec<&str> = batch.metrics.iter().map(|meta| &*meta.id.name).collect();
    assert_eq!(names, ["account.user.root.password_left_secs"]);
    assert_eq!(
        value(&batch, "account.user.root.password_left_secs"),
        Some(10.0 * 86_400.0)
    );
    let limit = batch.metrics[0].limit.as_ref().unwrap();
    assert!(limit.broken_by(6.0 * 86_400.0) && !limit.broken_by(8.0 * 86_400.0));
    let later = tree.read(&mut source, 185 * 86_400).unwrap();
    assert_eq!(
        value(&later, "account.user.root.password_left_secs"),
        Some(5.0 * 86_400.0)
    );
    assert!(!serde_json::to_string(&batch).unwrap().contains("hunter2"));
}

#[test]
fn a_host_without_accounts_and_files_that_include_themselves() {
    let tree = Tree::new();
    assert!(matches!(
        tree.read(&mut Accounts::new(&tree.host(), &Witness::default()), 0),
        Err(ObserveError::Absent { .. })
    ));
    tree.write("etc/passwd", b"\xff:::::\n::::::\n");
    tree.write("etc/sudoers", "@include /etc/sudoers\n@includedir /etc\n\\\n#\n");
    tree.read(&mut Accounts::new(&tree.host(), &Witness::default()), 0)
        .unwrap();
}
