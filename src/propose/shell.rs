//! Text that a shell reads back as what was meant.

use crate::domain::text::unsafe_to_show;

/// `text` as one word of a POSIX shell; `None` when it holds control or direction characters: such text is not for pasting.
///
/// Plain words stay as they are, all else stands in single quotes (POSIX.1-2017, Shell Command Language, §2.2.2).
pub(super) fn quote(text: &str) -> Option<String> {
    if text.chars().any(unsafe_to_show) {
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    // A leading `=` or `%` means something to some shells.
    let bare = text.chars().all(plain) && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/' || c == '.');
    Some(if bare {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::quote;

    /// Reads one word as a POSIX shell does, as far as quoting is concerned; `None` when there is more than one word or anything
    /// that a shell would act on.
    fn shell_reads(text: &str) -> Option<String> {
        let (mut word, mut chars, mut any) = (String::new(), text.chars(), false);
        while let Some(c) = chars.next() {
            any = true;
            match c {
                '\'' => loop {
                    match chars.next()? {
                        '\'' => break,
                        inside => word.push(inside),
                    }
                },
                '\\' => word.push(chars.next()?),
                c if c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c) => word.push(c),
                _ => return None,
            }
        }
        any.then_some(word)
    }

    #[test]
    fn words_are_quoted_when_they_need_it() {
        assert_eq!(quote("vm.swappiness=60").as_deref(), Some("vm.swappiness=60"));
        assert_eq!(quote("").as_deref(), Some("''"));
        assert_eq!(quote("a b").as_deref(), Some("'a b'"));
        assert_eq!(quote("$(rm -rf /)").as_deref(), Some("'$(rm -rf /)'"));
        assert_eq!(quote("it's").as_deref(), Some(r"'it'\''s'"));
        assert_eq!(quote("~root").as_deref(), Some("'~root'"));
        assert_eq!(quote("a\nb"), None);
        assert_eq!(quote("a\u{1b}[31m"), None);
    }

    proptest! {
        #[test]
        fn a_shell_reads_back_what_was_quoted(text in "\\PC{0,60}") {
            if let Some(quoted) = quote(&text) {
                prop_assert_eq!(shell_reads(&quoted), Some(text));
            }
        }

        #[test]
        fn nothing_that_acts_on_a_terminal_is_quoted(text in ".{0,30}[\\x00-\\x1f\\x7f].{0,30}") {
            prop_assert_eq!(quote(&text), None);
        }
    }
}
