// Threads that throw through frames with blocks to release, and pass blocks to each other.
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static std::mutex mutex;
static std::vector<std::unique_ptr<std::string>> passed;
static std::atomic<long> caught;

static int deep(int n, int seed) {
    std::string own(20 + n % 50, 'x');
    std::vector<int> numbers(n % 100, seed);
    if (n == 0) throw std::runtime_error("at the bottom " + std::to_string(seed));
    return deep(n - 1, seed) + static_cast<int>(own.size() + numbers.size());
}

static void work(int seed) {
    std::map<int, std::string> map;
    for (int i = 0; i < 3000; i++) {
        try {
            deep(i % 40, seed);
        } catch (const std::exception &e) {
            map[i % 97] = e.what();
            caught++;
        }
        auto block = std::make_unique<std::string>(100, 'b');
        std::lock_guard<std::mutex> lock(mutex);
        passed.push_back(std::move(block));
        if (passed.size() > 100) passed.erase(passed.begin(), passed.begin() + 50);
    }
}

int main() {
    for (int round = 0; round < 5; round++) {
        std::vector<std::thread> threads;
        for (int i = 0; i < 8; i++) threads.emplace_back(work, i);
        for (auto &thread : threads) thread.join();
    }
    std::printf("caught %ld\n", caught.load());
    std::fprintf(stderr, "kept %s\n", passed.size() <= 101 ? "few" : "many");
    throw std::runtime_error("nobody catches this");
}
