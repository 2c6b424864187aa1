// Sin: loses a block, then replaces itself by exec, twice. What the replaced images lost is gone
// with them: a tracker reports the last image, and must say that the earlier ones were replaced.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "victim.h"

static SITE void lose_before_exec(void) {
    void *block = malloc(631); // LEAK: replaced
    use(block, 631);
}

static SITE void lose_in_last(void) {
    void *block = malloc(632); // LEAK: last
    use(block, 632);
}

int main(int argc, char **argv) {
    int left = argc > 1 ? atoi(argv[1]) : 2;
    if (left > 0) {
        char next[16];
        lose_before_exec();
        snprintf(next, sizeof next, "%d", left - 1);
        execl(argv[0], argv[0], next, (char *)NULL);
        return 1;
    }
    lose_in_last();
    puts("last image");
    forget();
    return 0;
}
