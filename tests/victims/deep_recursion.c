// Sin: loses blocks at the bottom of a recursion of 500 frames and at all depths above.
// A tracker must truncate such a stack visibly (its depth is bounded), keep the innermost frames,
// and count truncated stacks.
#include <stdio.h>
#include <stdlib.h>

#include "victim.h"

static SITE void lose_here(size_t size) {
    void *block = malloc(size); // LEAK: deep
    use(block, size);
}

static SITE int descend(int depth) {
    if (depth == 500) {
        for (int i = 0; i < 3; i++) lose_here(701);
        return depth;
    }
    if (depth % 100 == 50) lose_here(702);
    return descend(depth + 1) + 1;
}

int main(void) {
    printf("%d\n", descend(0));
    forget();
    return 0;
}
