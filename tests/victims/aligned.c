// Sin: loses one block of each function that allocates with an alignment, and of the odd ones.
// A tracker must know them all, with the size that was asked for, and the addresses untouched.
#define _GNU_SOURCE
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "victim.h"

static unsigned misaligned;

static void check(void *block, size_t size, size_t alignment) {
    use(block, size);
    if (!block || (uintptr_t)block % alignment != 0 || malloc_usable_size(block) < size) misaligned++;
}

static SITE void lose_aligned(void) {
    void *block = NULL;
    if (posix_memalign(&block, 256, 721) != 0) misaligned++; // LEAK: posix_memalign
    check(block, 721, 256);
    check(aligned_alloc(64, 704), 704, 64);       // LEAK: aligned_alloc
    check(memalign(1024, 723), 723, 1024);        // LEAK: memalign
    check(valloc(724), 724, 4096);                // LEAK: valloc
    check(reallocarray(NULL, 6, 121), 726, 16);   // LEAK: reallocarray
    check(calloc(727, 1), 727, 16);               // LEAK: calloc
    check(realloc(NULL, 728), 728, 16);           // LEAK: realloc_null
    check(malloc(0), 0, 16);                      // LEAK: zero
}

// The same functions, released: nothing may remain of these.
static SITE void balanced(void) {
    void *block = NULL;
    if (posix_memalign(&block, 4096, 100) == 0) free(block);
    free(aligned_alloc(32, 64));
    free(memalign(64, 10));
    free(valloc(10));
    block = reallocarray(NULL, 10, 10);
    block = reallocarray(block, 100, 100);
    if (reallocarray(block, SIZE_MAX / 2, 4) == NULL) free(block);
    if (calloc(SIZE_MAX / 2, 4) != NULL) misaligned++;
    if (posix_memalign(&block, 3, 10) == 0) misaligned++;
    free(NULL);
}

int main(void) {
    lose_aligned();
    balanced();
    printf("misaligned %u\n", misaligned);
    forget();
    return 0;
}
