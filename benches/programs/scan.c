// A linked live heap of a given size, then the end: what a verdict scan has to read. Arguments:
// MiB in all, bytes of a block, percent of blocks that nothing points to. Every word of a block is
// a plausible number or a pointer to another block.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct block {
    struct block *next;
    struct block *other;
    uint64_t words[];
};

static struct block *volatile first;

int main(int argc, char **argv) {
    size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1024) << 20;
    size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 256;
    unsigned lost = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
    if (size < sizeof(struct block)) return 2;
    size_t count = bytes / size;
    uint64_t seed = 1;
    struct block *last = NULL;
    for (size_t i = 0; i < count; i++) {
        struct block *block = malloc(size);
        if (!block) return 1;
        block->next = last;
        block->other = first;
        for (size_t word = 0; word < (size - sizeof *block) / 8; word++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            block->words[word] = word % 4 == 0 ? (uint64_t)last : seed >> 20;
        }
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        if ((seed >> 33) % 100 < lost) continue; // nothing will point to this one
        if (i % 1024 == 0) first = block;
        last = block;
    }
    first = last;
    printf("%zu blocks of %zu bytes\n", count, size);
    return 0;
}
