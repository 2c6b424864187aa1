// Sin: loses a block, and another one inside a vfork child, which runs in the parent's memory.
// A tracker must count both for the parent and must not take the child for a process to be tracked
// before it calls exec.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

static SITE void lose_in_parent(void) {
    void *block = malloc(601); // LEAK: parent
    use(block, 601);
}

static SITE void lose_in_vfork(void) {
    void *block = malloc(602); // LEAK: vfork
    use(block, 602);
}

int main(void) {
    volatile int ended = 0;
    lose_in_parent();
    for (int i = 0; i < 3; i++) {
        pid_t child = vfork();
        if (child == 0) {
            lose_in_vfork();
            execlp("true", "true", (char *)NULL);
            _exit(127);
        }
        int status;
        if (waitpid(child, &status, 0) == child && status == 0) ended++;
    }
    printf("ended %d\n", ended);
    forget();
    return 0;
}
