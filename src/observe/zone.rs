//! The zone of this host's clock.

use std::{env, fs, path::Path};

use jiff::tz::TimeZone;

const LOCALTIME: &str = "/etc/localtime";

/// The zone this process lives in: `TZ`, else `/etc/localtime`; UTC when neither says.
///
/// The usual link into zoneinfo is followed here: jiff first lists every zone there is, which took longer than all else that stands
/// between the start and the first values on the screen.
#[must_use]
pub fn local() -> TimeZone {
    match env::var_os("TZ") {
        None => linked(Path::new(LOCALTIME)).unwrap_or_else(TimeZone::system),
        Some(_) => TimeZone::system(),
    }
}

/// The zone that a link into zoneinfo stands for.
fn linked(file: &Path) -> Option<TimeZone> {
    let link = fs::read_link(file).ok()?;
    let (_, name) = link.to_str()?.split_once("zoneinfo/")?;
    TimeZone::tzif(name, &fs::read(file).ok()?).ok()
}

/// The zone in which programs of a host write their logs, read again when it was set to another.
#[cfg(target_os = "linux")]
pub(super) struct LogZone {
    /// The link that says it; `None` where it is fixed.
    file: Option<std::path::PathBuf>,
    mark: Option<(u64, i64, i64)>,
    zone: TimeZone,
}

#[cfg(target_os = "linux")]
impl LogZone {
    /// That of the host whose tree begins at `root`: the system's own; UTC for a copied file tree.
    pub(super) fn of(root: &Path) -> Self {
        let own = root == Path::new("/");
        Self {
            file: (own && env::var_os("TZ").is_none()).then(|| LOCALTIME.into()),
            mark: None,
            zone: if own { local() } else { TimeZone::UTC },
        }
    }

    /// Looks whether another was set meanwhile.
    pub(super) fn refresh(&mut self) {
        use std::os::unix::fs::MetadataExt as _;

        let Some(file) = &self.file else { return };
        let mark = fs::symlink_metadata(file)
            .ok()
            .map(|meta| (meta.ino(), meta.ctime(), meta.ctime_nsec()));
        if mark != self.mark {
            self.mark = mark;
            let copied = || TimeZone::tzif("Local", &fs::read(file).ok()?).ok();
            self.zone = linked(file).or_else(copied).unwrap_or(TimeZone::UTC);
        }
    }

    /// The zone as it was at the last look.
    pub(super) fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_zone_that_is_set_holds_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let zones = folder.path().join("zoneinfo");
        fs::create_dir(&zones).unwrap();
        let file = folder.path().join("localtime");
        // Version 1 of a file of zoneinfo with one offset (RFC 8536).
        let fixed = |name: &str, hours: i32| {
            let mut bytes = b"TZif".to_vec();
            bytes.extend([0; 16]);
            for count in [0_u32, 0, 0, 0, 1, 4] {
                bytes.extend(count.to_be_bytes());
            }
            bytes.extend((hours * 3_600).to_be_bytes());
            bytes.extend([0, 0]);
            bytes.extend(b"ABC\0");
            fs::write(zones.join(name), bytes).unwrap();
        };
        fixed("One", 1);
        fixed("Nine", 9);
        let mut zone = LogZone {
            file: Some(file.clone()),
            mark: None,
            zone: TimeZone::UTC,
        };
        let offset = |zone: &mut LogZone| {
            zone.refresh();
            zone.zone().to_offset(jiff::Timestamp::UNIX_EPOCH).seconds() / 3_600
        };
        assert_eq!(offset(&mut zone), 0, "no link");
        for (name, hours) in [("One", 1), ("Nine", 9)] {
            let new = folder.path().join(name);
            std::os::unix::fs::symlink(zones.join(name), &new).unwrap();
            fs::rename(new, &file).unwrap();
            assert_eq!(offset(&mut zone), hours);
        }
    }

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
