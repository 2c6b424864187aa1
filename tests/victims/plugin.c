// Sin: a plug-in that loses memory and is closed before the process ends.
// Built twice, with NAME alpha and beta: both have the same code at the same offsets, so only the
// time of loading tells which of them a frame belongs to.
#include <stdlib.h>

#include "victim.h"

#define JOIN(a, b) a##_##b
#define NAMED(a, b) JOIN(a, b)

SITE void NAMED(NAME, lose)(void) {
    void *block = malloc(SIZE); // LEAK: plugin
    use(block, SIZE);
}

SITE void plugin_run(int times) {
    for (int i = 0; i < times; i++) NAMED(NAME, lose)();
    forget();
}
