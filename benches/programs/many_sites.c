// A ledger of a wanted shape: 10,000 distinct stacks, a million live blocks. Each stack is a path of
// four decimal digits, each digit one of ten functions. Arguments: blocks, stacks.
#include <stdio.h>
#include <stdlib.h>

static void **table;
static long filled;

typedef void step(unsigned path, int left, size_t size);
static step *const steps[10];

static __attribute__((noinline)) void allocate(size_t size) {
    table[filled++] = malloc(size);
}

#define STEP(n) \
    static __attribute__((noinline)) void step_##n(unsigned path, int left, size_t size) { \
        if (left == 0) allocate(size + n); \
        else steps[path % 10](path / 10, left - 1, size + n); \
        __asm__ volatile(""); \
    }
STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7) STEP(8) STEP(9)

static step *const steps[10] = {step_0, step_1, step_2, step_3, step_4,
                                step_5, step_6, step_7, step_8, step_9};

int main(int argc, char **argv) {
    long blocks = argc > 1 ? atol(argv[1]) : 1000000;
    long stacks = argc > 2 ? atol(argv[2]) : 10000;
    if (stacks < 1 || stacks > 100000) return 2;
    table = calloc((size_t)blocks, sizeof *table);
    for (long i = 0; i < blocks; i++) {
        unsigned path = (unsigned)(i % stacks);
        steps[path % 10](path / 10, 4, 24 + (size_t)(i % 50));
    }
    // Every second block is lost: the report is as long as reports get.
    for (long i = 0; i < blocks; i += 2) table[i] = NULL;
    printf("%ld blocks\n", filled);
    fflush(stdout);
    return table[1] == NULL;
}
