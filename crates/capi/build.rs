//! Gives the shared library the name under which programs look for it: Cargo
//! would give it none, and a program would remember the path of the build.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libfreehold.so.0");
}
