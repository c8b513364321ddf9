//! The few fields of a certificate that an administrator looks at (RFC 5280), read from its DER (X.690).

use jiff::civil::DateTime;

use crate::domain::Timestamp;

/// What a certificate says of itself.
#[derive(Debug, PartialEq)]
pub(super) struct Certificate {
    /// `CN=web-1,O=Example`.
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) begins: Timestamp,
    pub(super) expires: Timestamp,
    /// The DNS names and addresses it holds for.
    pub(super) names: Vec<String>,
    /// Whether it may sign others.
    pub(super) authority: bool,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// Context tags: the version at the beginning and the extensions at the end of a certificate.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// Parts of names under 2.5.4, by their last number.
const PARTS: [(u8, &str); 6] = [(3, "CN"), (6, "C"), (7, "L"), (8, "ST"), (10, "O"), (11, "OU")];
const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: [u8; 3] = [0x55, 0x1d, 0x13];
/// Most names that are kept.
const MOST_NAMES: usize = 200;

/// Takes one element off the front of `rest`: its tag and content.
fn next<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, after) = rest.split_first()?;
    let (&first, after) = after.split_first()?;
    let (length, after) = if first < 0x80 {
        (usize::from(first), after)
    } else {
        // The length itself takes this many bytes; four are more than any certificate has.
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let bytes = after.get(..count)?;
        let length = bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        (length, after.get(count..)?)
    };
    let content = after.get(..length)?;
    *rest = after.get(length..)?;
    Some((tag, content))
}

/// The next element, which must have this tag.
fn expect<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    next(rest).filter(|(own, _)| *own == tag).map(|(_, content)| content)
}

impl Certificate {
    /// Reads a certificate; `None` when it is none.
    pub(super) fn parse(mut der: &[u8]) -> Option<Self> {
        let mut outer = expect(&mut der, SEQUENCE)?;
        let mut rest = expect(&mut outer, SEQUENCE)?;
        if rest.first() == Some(&VERSION) {
            next(&mut rest)?;
        }
        // Serial number and algorithm.
        next(&mut rest)?;
        next(&mut rest)?;
        let issuer = name(expect(&mut rest, SEQUENCE)?);
        let mut validity = expect(&mut rest, SEQUENCE)?;
        let (begins, expires) = (time(&mut validity)?, time(&mut validity)?);
        let subject = name(expect(&mut rest, SEQUENCE)?);
        let (mut names, mut authority) = (Vec::new(), false);
        while let Some((tag, content)) = next(&mut rest) {
            if tag == EXTENSIONS {
                let mut content = content;
                extensions(
                    expect(&mut content, SEQUENCE).unwrap_or_default(),
                    &mut names,
                    &mut authority,
                );
            }
        }
        Some(Self {
            subject,
            issuer,
            begins,
            expires,
            names,
            authority,
        })
    }
}

fn name(mut rest: &[u8]) -> String {
    let mut parts = Vec::new();
    while let Some(mut set) = expect(&mut rest, SET) {
        while let Some(mut pair) = expect(&mut set, SEQUENCE) {
            let (Some(id), Some((_, text))) = (expect(&mut pair, OID), next(&mut pair)) else {
                continue;
            };
            let known = id.strip_prefix(&[0x55, 0x04]).and_then(|last| match last {
                [number] => PARTS.iter().find(|part| part.0 == *number),
                _ => None,
            });
            if let Some((_, part)) = known {
                parts.push(format!("{part}={}", String::from_utf8_lossy(text)));
            }
        }
    }
    parts.join(",")
}

/// `YYMMDDHHMMSSZ` or, from 2050 on, `YYYYMMDDHHMMSSZ`.
fn time(rest: &mut &[u8]) -> Option<Timestamp> {
    let (tag, text) = next(rest)?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let full = match tag {
        UTC_TIME => {
            let century = if text.get(..2)?.parse::<u8>().ok()? < 50 {
                "20"
            } else {
                "19"
            };
            format!("{century}{text}")
        }
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let local = DateTime::strptime("%Y%m%d%H%M%S", full).ok()?;
    let zoned = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp(zoned.timestamp().as_microsecond()))
}

fn extensions(mut rest: &[u8], names: &mut Vec<String>, authority: &mut bool) {
    while let Some(mut extension) = expect(&mut rest, SEQUENCE) {
        let Some(id) = expect(&mut extension, OID) else {
            continue;
        };
        // A flag may stand between the name and the content.
        let mut content: &[u8] = &[];
        while let Some((_, part)) = next(&mut extension) {
            content = part;
        }
        if id == SUBJECT_ALT_NAME {
            let mut all = expect(&mut content, SEQUENCE).unwrap_or_default();
            while let Some((tag, name)) = next(&mut all).filter(|_| names.len() < MOST_NAMES) {
                match (tag, name) {
                    (0x82, name) => names.push(String::from_utf8_lossy(name).into_owned()),
                    (0x87, [a, b, c, d]) => names.push(format!("{a}.{b}.{c}.{d}")),
                    (0x87, six) => {
                        let six: Option<[u8; 16]> = six.try_into().ok();
                        names.extend(six.map(|six| std::net::Ipv6Addr::from(six).to_string()));
                    }
                    _ => {}
                }
            }
        } else if id == BASIC_CONSTRAINTS {
            let mut inner = expect(&mut content, SEQUENCE).unwrap_or_default();
            *authority = expect(&mut inner, 0x01) == Some(&[0xff]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Certificate::parse(&bytes);
        }

        #[test]
        fn a_certificate_with_any_byte_changed_is_read_without_panic(place in 0usize..400, byte in any::<u8>()) {
            let mut der = crate::observe::certificate::tests::der();
            let place = place % der.len();
            der[place] = byte;
            let _ = Certificate::parse(&der);
            let _ = Certificate::parse(&der[..place]);
        }
    }
}
