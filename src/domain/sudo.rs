//! What sudo writes of a command.

/// A command that somebody ran by sudo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ran<'a> {
    /// Who ran it.
    pub who: &'a str,
    /// As whom; `root` where the line does not say.
    pub user: &'a str,
    /// What, with its arguments.
    pub command: &'a str,
}

/// What ran by `bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls`; `None` of any other line, and of what was refused, for which sudo says why
/// before the rest.
#[must_use]
pub fn ran(line: &str) -> Option<Ran<'_>> {
    let (who, rest) = line.split_once(" : ")?;
    let fields = ["HOST=", "TTY=", "PWD=", "USER=", "COMMAND="];
    if !fields.iter().any(|field| rest.starts_with(field)) {
        return None;
    }
    let (before, command) = match rest.strip_prefix("COMMAND=") {
        Some(command) => ("", command),
        None => rest.split_once(" ; COMMAND=")?,
    };
    let user = before.split(" ; ").find_map(|field| field.strip_prefix("USER="));
    Some(Ran {
        who: who.trim(),
        user: user.unwrap_or("root"),
        command: command.trim(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_did_not_run() {
        let line = "   bob : TTY=pts/0 ; PWD=/x/COMMAND=ls ; USER=postgres ; COMMAND=/usr/bin/psql -c x";
        let expected = Ran {
            who: "bob",
            user: "postgres",
            command: "/usr/bin/psql -c x",
        };
        assert_eq!(ran(line), Some(expected));
        assert_eq!(ran("bob : COMMAND=/bin/ls").map(|ran| ran.user), Some("root"));
        for refused in [
            "bob : command not allowed ; PWD=/ ; USER=root ; COMMAND=/usr/bin/vim /etc/hosts",
            "bob : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
            "bob : 3 incorrect password attempts ; TTY=pts/0 ; USER=root ; COMMAND=/bin/sh",
            "pam_unix(sudo:session): session opened",
        ] {
            assert_eq!(ran(refused), None, "{refused}");
        }
    }
}
