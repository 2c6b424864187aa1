// Sin: longjmp skips the frames that would have released their blocks.
// A tracker must report these, and give right stacks to what is allocated after each jump.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "victim.h"

static jmp_buf back;

static SITE void dive(int depth) {
    void *block = malloc(651); // LEAK: skipped
    use(block, 651);
    if (depth == 0) longjmp(back, 1);
    if (depth > 0) dive(depth - 1);
    free(block);
}

static SITE void lose_after_jump(void) {
    void *block = malloc(652); // LEAK: after
    use(block, 652);
}

int main(void) {
    for (volatile int round = 0; round < 10; round++) {
        if (setjmp(back) == 0) dive(round);
        lose_after_jump();
    }
    memset(back, 0, sizeof back);
    puts("jumped");
    forget();
    return 0;
}
