// Sin: allocates below frames whose return address and saved frame pointer were overwritten.
// A tracker must end the walk there, keep the frames before the damage, and never crash or hang.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "victim.h"

static SITE void lose_below_damage(void) {
    void *block = malloc(691); // LEAK: damaged
    use(block, 691);
}

// Never returns, so that nobody but an unwinder reads what it destroys.
static SITE void damage(uintptr_t address, uintptr_t frame) {
    uintptr_t *saved = __builtin_frame_address(0);
    saved[0] = frame;
    saved[1] = address;
    for (int i = 0; i < 3; i++) lose_below_damage();
    forget();
    _exit(0);
}

int main(int argc, char **argv) {
    static const uintptr_t addresses[] = {0, 1, 0x4141414141414141, UINTPTR_MAX};
    int kind = argc > 1 ? atoi(argv[1]) : 0;
    printf("damage %d\n", kind);
    fflush(stdout);
    if (kind == 4) damage((uintptr_t)&main + 1, (uintptr_t)&kind); // a loop: the frame is its own caller
    if (kind < 0 || kind > 4) return 2;
    damage(addresses[kind], addresses[kind]);
    return 0;
}
