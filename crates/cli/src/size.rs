//! Sizes as people write them: `512KiB`, `1GiB`, `64k`, `4096`.

/// The number of bytes that `text` names.
///
/// `k`, `M`, `G` and `T` count in steps of 1024, with or without `B` or `iB`
/// behind them and whatever their case: memory is measured so.
///
/// # Errors
/// A sentence on what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(String::from(
            "a size begins with a whole number: 512KiB, 1MiB, 1GiB or plain bytes",
        ));
    }
    let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => {
            let unit = unit.trim();
            return Err(format!(
                "unknown unit '{unit}': B, KiB, MiB, GiB and TiB are known"
            ));
        }
    };
    let number: Option<u64> = number.parse().ok();
    let bytes = number.and_then(|n| n.checked_mul(1 << shift));
    bytes.ok_or_else(|| String::from("more bytes than any machine has"))
}

/// `bytes` for people, with one digit behind the point.
pub(crate) fn show(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = (bytes.max(1).ilog2() / 10).min(4);
    let name = UNITS[unit as usize];
    if bytes.is_multiple_of(1 << (10 * unit)) {
        return format!("{} {name}", bytes >> (10 * unit));
    }
    format!(
        "{:.1} {name}",
        bytes as f64 / f64::from(1u32 << 10).powi(unit as i32)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_that_people_write() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("512KiB", 512 << 10),
            ("512 kib", 512 << 10),
            ("1MiB", 1 << 20),
            ("64k", 64 << 10),
            ("1GiB", 1 << 30),
            ("2T", 2 << 40),
            ("7B", 7),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_says_why() {
        for (text, why) in [
            ("", "begins with"),
            ("-1", "begins with"),
            ("KiB", "begins with"),
            ("1.5GiB", "unit '.5GiB'"),
            ("5 apples", "unit 'apples'"),
            ("99999999999999999999", "more bytes"),
            ("99999999999TiB", "more bytes"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_written_is_read(number in 0u64..1 << 20, unit in 0usize..5, lower: bool, space: bool) {
            let name = ["B", "KiB", "MiB", "GiB", "TiB"][unit];
            let name = if lower { name.to_lowercase() } else { name.to_owned() };
            let text = format!("{number}{}{name}", if space { " " } else { "" });
            prop_assert_eq!(parse(&text), Ok(number << (10 * unit)));
        }

        #[test]
        fn whole_units_survive_showing(number in 1u64..1024, unit in 0u32..4) {
            let bytes = number << (10 * unit);
            prop_assert_eq!(parse(&show(bytes)), Ok(bytes));
        }

        #[test]
        fn any_size_can_be_shown(bytes: u64) {
            prop_assert!(!show(bytes).is_empty());
        }
    }
}
