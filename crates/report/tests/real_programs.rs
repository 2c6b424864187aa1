//! Names from real object files, made by the C and C++ compilers here.

mod common;

use common::{Program, frames_of};

const INLINED: &str = r#"
#include <stdlib.h>
static inline __attribute__((always_inline)) void *innermost(size_t n) {
    return malloc(n); /* line 4 */
}
__attribute__((noinline)) void *outer(size_t n) {
    void *p = innermost(n + 1); /* line 7 */
    *(volatile char *)p = 1;
    return p;
}
int main(int argc, char **argv) { return outer(argc) == argv; }
"#;

#[test]
fn inlined_functions_have_frames_of_their_own() {
    let program = Program::compile("inlined", "c", INLINED, &["-g", "-O2"]);
    let call = program.call_to("outer", "malloc");
    let frames = frames_of(&program, &[call]);
    assert_eq!(
        frames,
        ["innermost inlined.c:4 inlined", "outer inlined.c:7"]
    );
}
