// Sin: loses mappings: one whole, one of which the middle was unmapped, one that mremap moved.
// A tracker with the optional family `mmap` must report what is still mapped; without it, nothing.
// The malloc'ed block whose address stands in a live mapping is reachable in both cases.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "victim.h"

static SITE char *map(size_t pages) {
    void *map = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); // LEAK: map
    if (map == MAP_FAILED) exit(1);
    return map;
}

static SITE void lose_whole(void) {
    map(3)[0] = 1;
}

static SITE void lose_edges(void) {
    munmap(map(9) + 4096, 7 * 4096);
}

static SITE void lose_moved(void) {
    char *moved = mremap(map(2), 2 * 4096, 64 * 4096, MREMAP_MAYMOVE); // LEAK: moved
    if (moved == MAP_FAILED) exit(1);
    moved[63 * 4096] = 1;
}

static SITE void keep_in_map(void) {
    void **slots = (void **)map(1);
    slots[100] = malloc(741); // LEAK: in_map
}

static SITE void balanced(void) {
    munmap(map(5), 5 * 4096);
    char *two = map(4);
    munmap(two, 4096);
    munmap(two + 4096, 3 * 4096);
}

int main(void) {
    lose_whole();
    lose_edges();
    lose_moved();
    keep_in_map();
    balanced();
    puts("mapped");
    forget();
    return 0;
}
