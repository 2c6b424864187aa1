// Sin: loses blocks and is killed by SIGKILL, which no handler sees.
// A tracker must still report every live block; nobody can tell their verdict: unknown.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "victim.h"

static SITE void lose_before_kill(void) {
    void *block = malloc(671); // LEAK: killed
    use(block, 671);
}

int main(void) {
    for (int i = 0; i < 25; i++) lose_before_kill();
    puts("about to be killed");
    fflush(stdout);
    kill(getpid(), SIGKILL);
    for (;;) pause();
}
