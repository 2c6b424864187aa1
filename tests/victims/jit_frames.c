// Sin: loses blocks in functions called through machine code that has no unwind information, with
// and without a frame pointer. A tracker may guess beyond that frame, and must say so; it must not
// crash, and must name the innermost function.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "victim.h"

static SITE void lose_below_jit(void) {
    void *block = malloc(711); // LEAK: jit
    use(block, 711);
}

// push rbp; mov rbp, rsp; call rdi; pop rbp; ret
static const unsigned char with_frame[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
// sub rsp, 24; call rdi; add rsp, 24; ret
static const unsigned char without_frame[] = {0x48, 0x83, 0xec, 0x18, 0xff, 0xd7,
                                              0x48, 0x83, 0xc4, 0x18, 0xc3};

int main(void) {
    unsigned char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == MAP_FAILED) return 1;
    memcpy(code, with_frame, sizeof with_frame);
    memcpy(code + 64, without_frame, sizeof without_frame);
    if (mprotect(code, 4096, PROT_READ | PROT_EXEC) != 0) return 1;
    void (*framed)(void (*)(void)) = (void (*)(void (*)(void)))code;
    void (*frameless)(void (*)(void)) = (void (*)(void (*)(void)))(code + 64);
    for (int i = 0; i < 4; i++) framed(lose_below_jit);
    for (int i = 0; i < 4; i++) frameless(lose_below_jit);
    puts("8 calls");
    forget();
    return 0;
}
