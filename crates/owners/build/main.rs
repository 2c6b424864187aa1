//! Packs the files of `data` into the tables that the crate looks things up in.

mod compact;
mod pack;
mod read;

use std::path::Path;

fn main() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    println!("cargo::rerun-if-changed={}", data.display());
    println!("cargo::rerun-if-changed=build");
    let out = std::env::var_os("OUT_DIR").expect("cargo says where to write");
    if let Err(error) = tables(&data, Path::new(&out)) {
        println!("cargo::error={error}");
        std::process::exit(1);
    }
}

fn tables(data: &Path, out: &Path) -> Result<(), String> {
    let functions = read::all(data)?;
    let write = |name: &str, table: Vec<u8>| {
        let path = out.join(name);
        std::fs::write(&path, table).map_err(|e| format!("{}: {e}", path.display()))
    };
    write("owners.bin", pack::pack(&functions)?)?;
    for platform in read::PLATFORMS {
        write(
            &format!("{platform}.bin"),
            compact::pack(&functions, platform)?,
        )?;
    }
    Ok(())
}
