//! Tracking that the environment asks for.

use std::process::Command;

use freehold::{Misuse, calloc, free, track};

#[test]
fn the_variable_begins_tracking_with_the_first_block() {
    if std::env::var_os("FREEHOLD_TRACK").is_some() {
        let raw = calloc::<u8>(8).expect("memory").into_raw();
        assert!(track::is_on() && !track::is_shared());
        // SAFETY: live, then refused.
        unsafe {
            free(raw.cast()).expect("was live");
            assert_eq!(free(raw.cast()).unwrap_err().misuse(), Misuse::Double);
        }
        return;
    }
    assert!(!track::is_on());
    let again = Command::new(std::env::current_exe().expect("known"))
        .env("FREEHOLD_TRACK", "1")
        .output()
        .expect("runs");
    assert!(again.status.success(), "{again:?}");
}
