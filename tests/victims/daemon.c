// Sin: becomes a daemon (forks twice, leaves the session, closes every descriptor), then leaks.
// A tracker must report the daemon's leak although nobody waits for it and its descriptors are gone.
// The daemon tells that it has ended by removing the file named by its argument.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

static SITE void lose_as_daemon(void) {
    void *block = malloc(621); // LEAK: daemon
    use(block, 621);
}

static void become_daemon(void) {
    if (fork() != 0) _exit(0);
    setsid();
    if (fork() != 0) _exit(0);
    for (int file = 0; file < 1024; file++) close(file);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 1);
    dup2(null, 2);
    umask(077);
    if (chdir("/") != 0) _exit(1);
}

static char *flag; // held, so that no process of the chain loses it before its end

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    flag = realpath(argv[1], NULL);
    if (!flag) return 2;
    pid_t starter = fork();
    if (starter == 0) {
        become_daemon();
        lose_as_daemon();
        unlink(flag);
        free(flag);
        forget();
        exit(0);
    }
    free(flag);
    waitpid(starter, NULL, 0);
    for (int i = 0; i < 1000 && access(argv[1], F_OK) == 0; i++) usleep(10000);
    puts(access(argv[1], F_OK) == 0 ? "no daemon" : "daemon done");
    return 0;
}
