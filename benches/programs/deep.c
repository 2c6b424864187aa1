// Deep recursion: builds and drops trees, each node allocated at the depth of its own, with irregular
// frames between. There are many nodes and, as in a parser, only some thousand distinct stacks.
// Arguments: trees, depth. Prints a checksum.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct tree {
    struct tree *children[2];
    uint32_t value;
};

static uint32_t seed = 7;

static uint32_t random_number(void) {
    return seed = seed * 1664525u + 1013904223u;
}

static __attribute__((noinline)) struct tree *grow(int depth);

static __attribute__((noinline)) struct tree *grow_wide(int depth) {
    volatile char frame[200];
    frame[depth] = 1;
    struct tree *tree = grow(depth);
    if (tree) tree->value += (uint32_t)frame[depth];
    return tree;
}

static __attribute__((noinline)) struct tree *grow(int depth) {
    if (depth == 0) return NULL;
    uint32_t choice = random_number() >> 28;
    struct tree *tree = malloc(sizeof *tree + choice);
    tree->value = choice;
    tree->children[1] = NULL;
    int wide = depth % 4 == 0 || (depth < 5 && choice % 2 == 0);
    for (int child = 0; child < (choice % 8 == 0 ? 2 : 1); child++)
        tree->children[child] = wide ? grow_wide(depth - 1) : grow(depth - 1);
    return tree;
}

static __attribute__((noinline)) uint64_t drop(struct tree *tree) {
    if (!tree) return 0;
    uint64_t sum = tree->value + drop(tree->children[0]) + drop(tree->children[1]);
    free(tree);
    return sum;
}

int main(int argc, char **argv) {
    long trees = argc > 1 ? atol(argv[1]) : 5000;
    int depth = argc > 2 ? atoi(argv[2]) : 60;
    uint64_t sum = 0;
    if (depth < 1 || depth > 150) return 2;
    for (long i = 0; i < trees; i++) sum += drop(grow(depth - (int)(i % 8)));
    printf("checksum %llu\n", (unsigned long long)sum);
    return 0;
}
