// Threads pass blocks to each other through queues: what one allocates, the next one releases.
// Arguments: blocks for each thread, threads. Prints a checksum, the same for every schedule.
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

using Block = std::unique_ptr<unsigned char[]>;
using Batch = std::vector<std::pair<Block, std::size_t>>;

// Batches, so that the queue's lock does not hide the cost of the allocator.
class Queue {
public:
    void put(Batch batch) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return batches_.size() < 64; });
        batches_.push_back(std::move(batch));
        changed_.notify_all();
    }
    Batch take() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !batches_.empty(); });
        Batch batch = std::move(batches_.back());
        batches_.pop_back();
        changed_.notify_all();
        return batch;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Batch> batches_;
};

static Batch make_batch(std::uint32_t &seed, long blocks) {
    Batch batch;
    for (long i = 0; i < blocks; i++) {
        seed = seed * 1664525u + 1013904223u;
        const std::size_t size = 8 + (seed >> 16) % 500;
        batch.emplace_back(new unsigned char[size], size);
        batch.back().first[size - 1] = static_cast<unsigned char>(seed >> 24);
    }
    return batch;
}

static void work(unsigned number, long blocks, Queue &out, Queue &in, std::uint64_t &sum) {
    constexpr long at_once = 256;
    std::uint32_t seed = number + 1;
    for (long made = 0; made < blocks; made += at_once) {
        out.put(make_batch(seed, at_once));
        for (auto &[block, size] : in.take()) {
            sum += block[size - 1];
            block.reset();
        }
    }
}

int main(int argc, char **argv) {
    const long blocks = argc > 1 ? std::atol(argv[1]) : 10'000'000;
    const unsigned threads = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 2;
    std::vector<Queue> queues(threads);
    std::vector<std::uint64_t> sums(threads);
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < threads; i++)
        workers.emplace_back(work, i, blocks, std::ref(queues[i]), std::ref(queues[(i + 1) % threads]), std::ref(sums[i]));
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < threads; i++) {
        workers[i].join();
        sum += sums[i];
    }
    std::printf("checksum %llu\n", static_cast<unsigned long long>(sum));
    return 0;
}
