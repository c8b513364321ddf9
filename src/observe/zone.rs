//! The zone of this host's clock.

use std::{env, fs};

use jiff::tz::TimeZone;

const LOCALTIME: &str = "/etc/localtime";

/// The zone this process lives in: `TZ`, else `/etc/localtime`; UTC when neither says.
///
/// The usual link into zoneinfo is followed here: jiff first lists every zone there is, which took longer than all else that stands
/// between the start and the first values on the screen.
#[must_use]
pub fn local() -> TimeZone {
    let linked = || {
        let link = fs::read_link(LOCALTIME).ok()?;
        let (_, name) = link.to_str()?.split_once("zoneinfo/")?;
        TimeZone::tzif(name, &fs::read(LOCALTIME).ok()?).ok()
    };
    match env::var_os("TZ") {
        None => linked().unwrap_or_else(TimeZone::system),
        Some(_) => TimeZone::system(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_zone_that_the_system_says() {
        let (ours, system) = (local(), TimeZone::system());
        for at in [0, 1_700_000_000, 1_720_000_000, 4_000_000_000] {
            let at = jiff::Timestamp::from_second(at).expect("within the calendar");
            assert_eq!(ours.to_offset(at), system.to_offset(at));
        }
        assert_eq!(ours.iana_name(), system.iana_name());
    }
}
