//! Packs the files of `data` into the table that the crate looks things up in.

mod pack;
mod read;

use std::path::Path;

fn main() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    println!("cargo::rerun-if-changed={}", data.display());
    println!("cargo::rerun-if-changed=build");
    let out = std::env::var_os("OUT_DIR").expect("cargo says where to write");
    let packed = read::all(&data).and_then(|functions| pack::pack(&functions));
    match packed {
        Ok(bytes) => std::fs::write(Path::new(&out).join("owners.bin"), bytes)
            .expect("the build folder can be written"),
        Err(error) => {
            println!("cargo::error={error}");
            std::process::exit(1);
        }
    }
}
