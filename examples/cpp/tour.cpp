// A tour of freehold.hpp: owners that release, and errors that explain.
//
//     c++ -std=c++17 tour.cpp $(pkg-config --cflags --libs freehold) -o tour && ./tour
#include <freehold.hpp>

#include <cstring>
#include <iostream>
#include <numeric>
#include <stdexcept>

// Runs what must be refused; shows the first line of why.
template <class Call> static void refused(Call call) {
  try {
    call();
  } catch (const freehold::error &error) {
    const std::string message = error.what();
    std::cout << "refused, " << freehold_code_name(error.code()) << ": "
              << message.substr(0, message.find('\n')) << '\n';
    return;
  }
  throw std::logic_error("what should be refused was not");
}

static void blocks() {
  freehold::block<int> numbers(4, "int");
  std::iota(numbers.begin(), numbers.end(), 1);
  std::cout << "sum " << std::accumulate(numbers.begin(), numbers.end(), 0) << '\n';
  const freehold::block<int> moved = std::move(numbers);
  std::cout << moved.size() << " elements moved, " << numbers.size() << " left\n";
  refused([] { freehold::block<double> huge(SIZE_MAX); });

  int *raw = freehold::block<int>(1, "int").release();
  freehold::check(freehold_free(raw));
  refused([&] { freehold::check(freehold_free(raw)); });
}

static void adopted() {
  const auto text = freehold::adopt(strdup("an API's text"), 14);
  refused([&] { static_cast<void>(freehold::adopt(text.get(), 14)); }); // two owners
  std::cout << text.get() << '\n';
  struct resource {
    int uses;
  };
  resource one{1};
  {
    const auto used = freehold::adopt_with(
        &one, sizeof one,
        [](void *it, void *) noexcept -> std::int32_t {
          return --static_cast<resource *>(it)->uses;
        });
  }
  std::cout << "uses left: " << one.uses << '\n';
}

static void arenas() {
  freehold::arena arena;
  arena.on_release([] { std::cout << "the last is the first\n"; });
  arena.on_release([] { throw std::runtime_error("stuck"); });
  double *kept = arena.alloc<double>(8, "double");
  const auto mine = arena.move_out(kept);
  static_cast<void>(arena.alloc<double>(8, "double"));
  refused([&] { arena.release(); }); // one action failed, all were done
  refused([&] { static_cast<void>(arena.alloc<int>()); });
}

static void scopes() {
  freehold::scope request("request");
  auto kept = freehold::block<short>(5, "short");
  const std::string words = freehold::describe(kept.data() + 1);
  const bool inside = words.find("lies 2 bytes inside the block") != std::string::npos;
  const std::string json = request.leaks(FREEHOLD_JSON);
  const bool listed = json.find("\"type\": \"short\"") != std::string::npos;
  std::cout << "described " << inside << ", listed " << listed << '\n';
  kept.reset();
  request.end();
  std::cout << freehold::leaks();
}

int main() {
  try {
    freehold::check(freehold_tracking_start(0, 0));
    blocks();
    adopted();
    arenas();
    scopes();
    const std::string text = "h\u00e9llo \U0001f600";
    std::cout << "round trip: " << (freehold::utf8(freehold::utf16(text)) == text) << '\n';
    return freehold_misuses() == 1 ? 0 : 1;
  } catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
