// Sin: the leaks of C++: new, new[], containers, a cycle of shared_ptr, objects lost by an exception.
// A tracker must name family `new` or `new[]`, and keep what only a base class pointer refers to.
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "victim.h"

namespace planted {

struct Point {
    double x, y, z;
};

SITE void lose_object() {
    auto *point = new Point{1, 2, 3}; // LEAK: object
    use(point, sizeof *point);
}

SITE void lose_array() {
    auto *points = new Point[50]; // LEAK: array
    use(points, sizeof(Point) * 50);
}

SITE void lose_string() {
    auto *text = new std::string; // LEAK: string
    text->reserve(700);           // LEAK: string_text
    use(&text, sizeof text);
}

SITE void lose_vector() {
    auto *numbers = new std::vector<int>; // LEAK: vector
    numbers->reserve(1000);               // LEAK: vector_data
    use(&numbers, sizeof numbers);
}

// Twenty nodes and the table of buckets hang on the lost map.
SITE void lose_map() {
    auto *map = new std::unordered_map<int, long>; // LEAK: map
    map->reserve(20);                              // LEAK: map_buckets
    for (int i = 0; i < 20; i++) map->emplace(i, i); // LEAK: map_nodes
}

struct Person {
    std::shared_ptr<Person> friend_;
    char name[80];
};

SITE std::shared_ptr<Person> person() {
    return std::make_shared<Person>(); // LEAK: shared_cycle
}

SITE void lose_shared_cycle() {
    auto one = person();
    auto two = person();
    one->friend_ = two;
    two->friend_ = one;
}

struct Left {
    virtual ~Left() = default;
    long left[4];
};
struct Right {
    virtual ~Right() = default;
    long right[4];
};
struct Top : virtual Left, virtual Right {
    ~Top() override = default;
    long top[4];
};

Right *volatile base;

// The pointer to a base class points into the middle of the object.
SITE void keep_by_base() {
    base = new Top; // LEAK: base
}

struct Loud {
    std::vector<long> numbers;
    int left;
    explicit Loud(int depth) : numbers(64), left(depth - 1) {
        if (depth == 0) throw std::runtime_error("thrown through frames that allocate");
    }
};

// The raw array is lost by the exception; the vectors of all frames are released by it.
SITE void lose_by_exception(int depth) {
    auto *raw = new char[1111]; // LEAK: exception
    use(raw, 1111);
    Loud loud(depth);
    if (loud.left >= 0) lose_by_exception(loud.left);
    delete[] raw;
}

// Released by a static destructor, after main.
struct Registry {
    std::vector<std::unique_ptr<std::string>> entries;
    ~Registry() { entries.clear(); }
};
Registry registry;

Point *cached = nullptr;

SITE void fill_cache() {
    cached = new Point[7]; // LEAK: cache
    for (int i = 0; i < 30; i++) registry.entries.push_back(std::make_unique<std::string>(99, 'x'));
}

} // namespace planted

int main() {
    using namespace planted;
    lose_object();
    lose_array();
    lose_string();
    lose_vector();
    lose_map();
    lose_shared_cycle();
    keep_by_base();
    fill_cache();
    try {
        lose_by_exception(4);
    } catch (const std::exception &error) {
        std::puts(error.what());
    }
    forget();
    return 0;
}
