// Deep C++ templates: nested maps, vectors, variants and functions, so stacks are deep, names long,
// and blocks small. Argument: rounds. Prints a checksum.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

struct Value;
using Object = std::map<std::string, Value>;
using Array = std::vector<Value>;
struct Value {
    std::variant<std::int64_t, double, std::string, std::shared_ptr<Array>, std::shared_ptr<Object>> of;
};

static std::uint32_t seed = 3;

static std::uint32_t random_number() {
    seed = seed * 1664525u + 1013904223u;
    return seed >> 12;
}

static Value make(int depth) {
    switch (depth == 0 ? random_number() % 3 : 3 + random_number() % 2) {
    case 0: return {std::int64_t{random_number()}};
    case 1: return {random_number() / 7.0};
    case 2: return {std::string(random_number() % 60, 'v')};
    case 3: {
        auto array = std::make_shared<Array>();
        for (unsigned i = 0, n = 2 + random_number() % 4; i < n; i++) array->push_back(make(depth - 1));
        return {array};
    }
    default: {
        auto object = std::make_shared<Object>();
        for (unsigned i = 0, n = 2 + random_number() % 3; i < n; i++)
            object->emplace("a key longer than the small string " + std::to_string(i), make(depth - 1));
        return {object};
    }
    }
}

struct Sum {
    std::uint64_t operator()(std::int64_t number) const { return static_cast<std::uint64_t>(number); }
    std::uint64_t operator()(double number) const { return static_cast<std::uint64_t>(number); }
    std::uint64_t operator()(const std::string &text) const { return text.size(); }
    std::uint64_t operator()(const std::shared_ptr<Array> &array) const {
        std::uint64_t sum = 0;
        for (auto &value : *array) sum += std::visit(*this, value.of);
        return sum;
    }
    std::uint64_t operator()(const std::shared_ptr<Object> &object) const {
        std::uint64_t sum = 0;
        for (auto &[key, value] : *object) sum += key.size() + std::visit(*this, value.of);
        return sum;
    }
};

// A chain of functions, each owning the one before.
static std::function<std::uint64_t(std::uint64_t)> chain(int length) {
    std::function<std::uint64_t(std::uint64_t)> last = [](std::uint64_t x) { return x; };
    for (int i = 0; i < length; i++)
        last = [last, i](std::uint64_t x) { return last(x) * 31 + static_cast<std::uint64_t>(i); };
    return last;
}

int main(int argc, char **argv) {
    const long rounds = argc > 1 ? std::atol(argv[1]) : 10000;
    std::uint64_t sum = 0;
    std::unordered_map<std::uint32_t, std::vector<std::map<std::string, Value>>> kept;
    for (long i = 0; i < rounds; i++) {
        auto value = make(5);
        sum += std::visit(Sum{}, value.of);
        sum += chain(12)(sum & 0xff);
        auto &slot = kept[random_number() % 64];
        slot.push_back({{"kept", value}});
        if (slot.size() > 4) slot.erase(slot.begin());
    }
    std::printf("checksum %llu\n", static_cast<unsigned long long>(sum));
    return 0;
}
