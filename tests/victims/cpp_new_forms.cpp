// Sin: loses one block of each form of operator new. Every form is also released once by each form
// of operator delete that fits. A tracker must tell `new` from `new[]`, and count no placement new.
#include <cstdio>
#include <new>

#include "victim.h"

struct Plain {
    char bytes[731];
};
struct alignas(128) Aligned {
    char bytes[128 * 6];
};

// A destructor makes `new[]` store the number of elements in front of them.
struct Sized {
    char bytes[300];
    ~Sized() { bytes[0] = 0; }
};

SITE static void lose_all_forms() {
    use(new Plain, 1);                         // LEAK: new
    use(new Plain[2], 1);                      // LEAK: new_array
    use(new (std::nothrow) Plain, 1);          // LEAK: new_nothrow
    use(new (std::nothrow) Plain[3], 1);       // LEAK: new_array_nothrow
    use(new Aligned, 1);                       // LEAK: new_aligned
    use(new Aligned[2], 1);                    // LEAK: new_array_aligned
    use(new (std::nothrow) Aligned, 1);        // LEAK: new_aligned_nothrow
    use(new (std::nothrow) Aligned[3], 1);     // LEAK: new_array_aligned_nothrow
    use(::operator new(735), 1);               // LEAK: operator_new
    use(::operator new[](736), 1);             // LEAK: operator_new_array
}

template <class T> SITE static T *hidden(T *block) {
    return block;
}

SITE static void balanced() {
    constexpr std::align_val_t wide{64};
    delete hidden(new Plain);
    delete[] hidden(new Plain[2]);
    delete hidden(new Sized);
    delete[] hidden(new Sized[9]); // with a cookie in front: the pointer is not the block
    delete hidden(new Aligned);
    delete[] hidden(new Aligned[2]);
    ::operator delete(::operator new(10));
    ::operator delete(::operator new(10), std::size_t{10});
    ::operator delete(::operator new(10, std::nothrow), std::nothrow);
    ::operator delete(::operator new(10, wide), wide);
    ::operator delete(::operator new(10, wide), std::size_t{10}, wide);
    ::operator delete(::operator new(10, wide, std::nothrow), wide, std::nothrow);
    ::operator delete[](::operator new[](10));
    ::operator delete[](::operator new[](10), std::size_t{10});
    ::operator delete[](::operator new[](10, std::nothrow), std::nothrow);
    ::operator delete[](::operator new[](10, wide), wide);
    ::operator delete[](::operator new[](10, wide), std::size_t{10}, wide);
    ::operator delete[](::operator new[](10, wide, std::nothrow), wide, std::nothrow);
    alignas(Plain) static char place[sizeof(Plain)];
    hidden(new (place) Plain)->~Plain();
}

static Sized *volatile array;

// The program holds an address eight bytes behind the start of the block.
SITE static void keep_array_with_cookie() {
    array = new Sized[4]; // LEAK: cookie
}

int main() {
    lose_all_forms();
    balanced();
    keep_array_with_cookie();
    std::puts("all forms");
    forget();
    return 0;
}
