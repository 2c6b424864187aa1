// Sin: is linked statically, so that no library can be preloaded into it.
// `freehold run` must say that in a clear sentence, and must not report "nothing lost".
#include <stdio.h>
#include <stdlib.h>

#include "victim.h"

static SITE void lose_static(void) {
    void *block = malloc(781); // LEAK: static
    use(block, 781);
}

int main(void) {
    lose_static();
    puts("static");
    return 0;
}
