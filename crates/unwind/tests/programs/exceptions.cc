// C++ frames with clean-up and handlers, hooked on the way down, in handlers and
// in destructors.
#include <stdexcept>
#include <string>
#include <vector>

static void (*hook)();
extern "C" void set_hook(void (*h)()) { hook = h; }

struct Guard {
    std::string text;
    ~Guard() { hook(); }
};

static void __attribute__((noinline)) descend(int n) {
    Guard guard{std::string(static_cast<size_t>(n), 'x')};
    hook();
    if (n == 0) throw std::runtime_error("bottom");
    try {
        descend(n - 1);
    } catch (const std::logic_error &) {
        hook();
    }
}

extern "C" unsigned long long exceptions(int n) {
    unsigned long long caught = 0;
    for (int i = 0; i < n; i++) {
        try {
            descend(i % 10);
        } catch (const std::exception &e) {
            hook();
            caught++;
        }
    }
    return caught;
}
