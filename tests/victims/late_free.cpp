// Sin: loses blocks in an atexit handler, a destructor and the destructor of a thread_local; all the
// others are released there, after main, where a tracker that stops too early would call them lost.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "victim.h"

static void *at_exit;
static void *in_destructor;

SITE static void lose_at_exit() {
    void *block = std::malloc(501); // LEAK: at_exit
    use(block, 501);
}

SITE static void release_at_exit() {
    std::free(at_exit);
    at_exit = nullptr;
    lose_at_exit();
    forget();
}

struct PerThread {
    std::unique_ptr<std::string> text = std::make_unique<std::string>(400, 'x');
    SITE ~PerThread() {
        void *block = std::malloc(502); // LEAK: thread_local
        use(block, 502);
        text.reset();
        forget();
    }
};
static thread_local PerThread per_thread;

__attribute__((destructor(101))) SITE static void lose_last() {
    std::free(in_destructor);
    in_destructor = nullptr;
    void *block = std::malloc(503); // LEAK: destructor
    use(block, 503);
    forget();
}

int main() {
    at_exit = std::malloc(5010);
    in_destructor = std::malloc(5030);
    std::atexit(release_at_exit);
    std::printf("%zu\n", per_thread.text->size());
    return 0;
}
