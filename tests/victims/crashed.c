// Sin: loses blocks, then crashes by writing through a null pointer.
// A tracker must report the live blocks, and the program's signal as its end.
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "victim.h"

static SITE void lose_before_crash(void) {
    void *block = malloc(681); // LEAK: crashed
    use(block, 681);
}

int main(void) {
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    for (int i = 0; i < 7; i++) lose_before_crash();
    puts("about to crash");
    fflush(stdout);
    volatile int *volatile nowhere = NULL;
    *nowhere = 1;
    return 0;
}
