//! What is wrong with a file, and where.

use std::fmt;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1, where one is to blame.
    pub line: Option<usize>,
    /// The column of that line, from 1, where it is known.
    pub column: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// Whether something of the file was not read because of it.
    pub lost: bool,
}

impl Fault {
    pub(super) fn at(line: usize, what: impl Into<String>) -> Self {
        Self {
            line: Some(line.max(1)),
            column: None,
            what: what.into(),
            lost: true,
        }
    }

    pub(super) fn of_file(what: impl Into<String>) -> Self {
        Self {
            line: None,
            column: None,
            what: what.into(),
            lost: true,
        }
    }

    /// The same where `lines` stand before what it was told of.
    pub(super) fn behind(self, lines: usize) -> Self {
        Self {
            line: self.line.map(|line| line + lines),
            ..self
        }
    }

    /// The same in this line, where it has none.
    pub(super) fn in_line(self, line: Option<usize>) -> Self {
        Self {
            line: self.line.or(line),
            ..self
        }
    }

    /// A key that came twice in one object.
    pub(super) fn twice(key: &str) -> Self {
        Self {
            lost: false,
            ..Self::of_file(format!("the key `{key}` comes twice; the last one counts"))
        }
    }

    /// The same in this line.
    pub(super) fn twice_at(line: usize, key: &str) -> Self {
        Self {
            line: Some(line.max(1)),
            ..Self::twice(key)
        }
    }
}

impl fmt::Display for Fault {
    /// `line:column: what`, to be put behind the name of the file and a colon.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "{line}:{column}: {}", self.what),
            (Some(line), None) => write!(f, "{line}: {}", self.what),
            (None, _) => write!(f, " {}", self.what),
        }
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or(&text);
        // `invalid type: string "…", expected …` quotes what stands there, which may be a secret.
        let what = match (what.find('"'), what.rfind("\", expected ")) {
            (Some(from), Some(to)) if from < to => format!("{}…{}", &what[..=from], &what[to..]),
            _ => what.to_owned(),
        };
        let what = if error.is_eof() {
            "cut off in the middle of JSON".into()
        } else if what.contains("recursion limit") {
            "nested too deep".into()
        } else if what.starts_with("more than ") {
            what
        } else {
            format!("not JSON as expected: {what}")
        };
        if error.line() == 0 {
            Self::of_file(what)
        } else {
            Self {
                // 0 is the line's begin: the one before it ended too early.
                column: Some(error.column().max(1)),
                ..Self::at(error.line(), what)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_json_says_its_line_and_its_column() {
        let error = serde_json::from_str::<serde_json::Value>("{\n  \"a\": nil\n}").unwrap_err();
        let told = format!("plan.json:{}", Fault::from(error));
        assert_eq!(told, "plan.json:2:9: not JSON as expected: expected ident");
    }
}
