//! Lines of files of kernel parameters (sysctl.conf(5)).

use super::{plain, quote, secret};
use crate::domain::Value;

/// The command that gives the line of `key` in `file` (quoted) the value wanted, adds it, or takes it away; `None` where name or value hold
/// what an editor of streams would act on.
pub(super) fn line(file: &str, key: &str, was: Option<&Value>, value: Option<&Value>) -> Option<String> {
    let simple = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    // A name of the kernel has a dot or a slash in it: `content` and `line` are none.
    if !simple(key, "._/-") || !key.contains(['.', '/']) {
        return None;
    }
    let pattern = format!(r"[[:space:]]*-\{{0,1\}}{}[[:space:]]*=", key.replace('.', r"\."));
    let Some(value) = value else {
        was?;
        return Some(format!("sed -i {} {file}", quote(&format!("\\|^{pattern}|d"))?));
    };
    let text = plain(value);
    if secret(value) || !simple(&text, " ._/:-") {
        return None;
    }
    Some(match was {
        Some(_) => format!("sed -i {} {file}", quote(&format!(r"s|^\({pattern}\).*|\1 {text}|"))?),
        None => format!("printf '%s\\n' {} >> {file}", quote(&format!("{key} = {text}"))?),
    })
}
