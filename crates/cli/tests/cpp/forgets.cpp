// A library in C++ whose functions must be named in reports from Windows; the test
// `windows` loads it. The test knows the lines.

typedef void (*Record)(void *);

namespace app {

static inline __attribute__((always_inline)) void innermost(Record record, void *ledger) {
    record(ledger);
}

struct Widget {
    Record record;
    void *ledger;
    int size;
    __attribute__((noinline)) int grow(int by) {
        innermost(record, ledger);
        return size += by;
    }
};

}

extern "C" __declspec(dllexport) void run(Record record, void *ledger) {
    app::Widget widget = {record, ledger, 1};
    widget.size += widget.grow(2);
    *(volatile int *)&widget.size = 0;
}
