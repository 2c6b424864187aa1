// Shallow stacks from many call sites: 256 functions, each with an allocation of its own.
// Argument: rounds. Prints a checksum.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SLOTS = 1024 };

static unsigned char *slots[SLOTS];

#define SITE(n) \
    static __attribute__((noinline)) unsigned char *site_##n(size_t size) { \
        unsigned char *block = malloc(size + n % 7); \
        block[0] = (unsigned char)n; \
        return block; \
    }
#define REPEAT4(M, n) M(n##0) M(n##1) M(n##2) M(n##3)
#define REPEAT16(M, n) REPEAT4(M, n##0) REPEAT4(M, n##1) REPEAT4(M, n##2) REPEAT4(M, n##3)
#define REPEAT64(M, n) REPEAT16(M, n##0) REPEAT16(M, n##1) REPEAT16(M, n##2) REPEAT16(M, n##3)
#define REPEAT256(M) REPEAT64(M, 10) REPEAT64(M, 11) REPEAT64(M, 12) REPEAT64(M, 13)

REPEAT256(SITE)

#define NAME(n) site_##n,
static unsigned char *(*const sites[])(size_t) = {REPEAT256(NAME)};

int main(int argc, char **argv) {
    long rounds = argc > 1 ? atol(argv[1]) : 200000;
    uint32_t seed = 1;
    uint64_t sum = 0;
    for (long round = 0; round < rounds; round++) {
        for (int i = 0; i < 256; i++) {
            seed = seed * 1664525u + 1013904223u;
            unsigned slot = (seed >> 8) % SLOTS;
            if (slots[slot]) sum += slots[slot][0];
            free(slots[slot]);
            slots[slot] = sites[(seed >> 20) % 256](16 + (seed >> 24) % 200);
        }
    }
    for (int i = 0; i < SLOTS; i++) free(slots[i]);
    printf("checksum %llu\n", (unsigned long long)sum);
    return 0;
}
