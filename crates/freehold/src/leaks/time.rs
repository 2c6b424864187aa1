//! Moments as ISO 8601 writes them, in UTC with milliseconds.

/// A moment in nanoseconds since 1970 as `2024-05-01T12:00:00.000Z`.
pub(super) fn write(unix_ns: u64) -> String {
    let (seconds, millis) = (unix_ns / 1_000_000_000, unix_ns / 1_000_000 % 1000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days as i64);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The moment in such a text; an offset from UTC is taken into account.
pub(super) fn read(text: &str) -> Option<u64> {
    let (day, time) = text.split_once(['T', ' '])?;
    let mut parts = day.splitn(3, '-');
    let mut next = || parts.next()?.parse::<i64>().ok();
    let (year, month, day) = (next()?, next()?, next()?);
    let zone = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone);
    let mut parts = clock.split(':');
    let hour: i64 = parts.next()?.parse().ok()?;
    let minute: i64 = parts.next()?.parse().ok()?;
    let second = parts.next().unwrap_or("0");
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    let second: i64 = second.parse().ok()?;
    let digits = &fraction[..fraction.len().min(9)];
    let scale = 10u64.pow(9 - digits.len() as u32);
    let nanos = digits.parse::<u64>().ok()?.checked_mul(scale)?;
    let ranges = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..61).contains(&second);
    if !ranges {
        return None;
    }
    let offset = match zone.as_bytes() {
        [] | b"Z" | b"z" => 0,
        [sign, rest @ ..] => {
            let rest: String = core::str::from_utf8(rest).ok()?.replace(':', "");
            let hours: i64 = rest.get(..2)?.parse().ok()?;
            let minutes: i64 = rest
                .get(2..)
                .filter(|m| !m.is_empty())
                .map_or(Some(0), |m| m.parse().ok())?;
            (hours * 60 + minutes) * if *sign == b'-' { -1 } else { 1 }
        }
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + (minute - offset) * 60 + second;
    u64::try_from(seconds)
        .ok()?
        .checked_mul(1_000_000_000)?
        .checked_add(nanos)
}

/// Days since 1970 of a date. Years begin in March here, so that the leap day is
/// their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day since 1970.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days - era * 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back() {
        for ms in [
            0,
            951_782_400_000,
            1_714_564_800_000,
            1_714_564_800_123,
            4_102_444_799_999u64,
        ] {
            let ns = ms * 1_000_000;
            assert_eq!(read(&write(ns)), Some(ns), "{}", write(ns));
        }
        assert_eq!(write(1_714_564_800_000_000_000), "2024-05-01T12:00:00.000Z");
        assert_eq!(write(951_782_400_000_000_000), "2000-02-29T00:00:00.000Z");
    }

    #[test]
    fn offsets_count_and_nonsense_is_none() {
        let noon = read("2024-05-01T12:00:00Z");
        assert_eq!(read("2024-05-01T14:00:00+02:00"), noon);
        assert_eq!(read("2024-05-01T09:30:00-0230"), noon);
        for bad in [
            "",
            "x",
            "2024-13-01T00:00:00Z",
            "2024-05-01",
            "2024-05-01T25:00:00Z",
            "2024-05-01T1é:00",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
