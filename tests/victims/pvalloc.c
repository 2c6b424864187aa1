// Sin: loses a block of pvalloc, which rounds the size up to whole pages.
// A tracker must know it; it may report the size that was asked for or the rounded one.
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "victim.h"

static SITE int lose_pages(void) {
    void *block = pvalloc(725); // LEAK: pvalloc
    use(block, 4096);
    return (uintptr_t)block % 4096 != 0;
}

int main(void) {
    int misaligned = lose_pages();
    free(pvalloc(10));
    printf("misaligned %d\n", misaligned);
    forget();
    return 0;
}
