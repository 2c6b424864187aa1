//! Milliseconds of one core for each GiB scanned.
//!
//! `cargo bench -p freehold-reach --bench scan [-- MEBIBYTES [NAME]]`, where
//! `NAME` is a part of the name of what is to be measured. Pages are touched
//! before, as those of an image are.

#[cfg(target_os = "linux")]
#[path = "scan/linux.rs"]
mod linux;

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("only Linux has a scan that an image makes");
}
