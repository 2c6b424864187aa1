//! See `program`. Nothing on Windows, where there is no `freehold run`.

#[cfg(unix)]
mod program;

fn main() {
    #[cfg(unix)]
    program::main();
}
