/* freehold.hpp: freehold.h for C++17, with owners that release. Header only.
 *
 * What fails throws freehold::error, but for destructors: these print on
 * standard error and go on. Every owner can be moved and not copied, and has
 * reset() or release functions that give their errors.
 *
 * Threads: as in freehold.h for different objects; one object is used by one
 * thread at a time.
 */
#ifndef FREEHOLD_HPP
#define FREEHOLD_HPP

#include "freehold.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace freehold {

/** A call that failed: the code, and in what() the whole explanation. */
class error : public std::runtime_error {
public:
  error(freehold_code code, const std::string &message)
      : std::runtime_error(message), code_(code) {}
  /** One of FREEHOLD_…. */
  freehold_code code() const noexcept { return code_; }

private:
  freehold_code code_;
};

/** Throws the last error of this thread. */
[[noreturn]] inline void throw_last() {
  throw error(freehold_last_code(), freehold_last_message());
}

/** Throws when a function of freehold.h did not give FREEHOLD_OK. */
inline void check(freehold_code code) {
  if (code != FREEHOLD_OK) {
    throw error(code, freehold_last_message());
  }
}

namespace detail {
/** For destructors, which cannot throw. */
inline void complain(freehold_code code) noexcept {
  if (code != FREEHOLD_OK) {
    std::fprintf(stderr, "freehold: %s\n", freehold_last_message());
  }
}

/** Calls `write(buffer, room, needed)` until there is room for the text. */
template <class Write> std::string text(Write write) {
  std::size_t needed = 0;
  check(write(nullptr, 0, &needed));
  std::string buffer;
  for (;;) {
    buffer.resize(needed);
    const freehold_code code = write(buffer.data(), buffer.size(), &needed);
    if (code == FREEHOLD_TOO_SHORT) {
      continue; // longer than a moment ago
    }
    check(code);
    buffer.resize(needed - 1);
    return buffer;
  }
}
} // namespace detail

/** A deleter for std::unique_ptr: freehold_free. */
struct deleter {
  void operator()(const volatile void *block) const noexcept {
    detail::complain(freehold_free(const_cast<void *>(block)));
  }
};

/** A block that an API returned, as std::unique_ptr. */
template <class T> using unique = std::unique_ptr<T, deleter>;

/** An array of T in native memory. Elements begin as zero bytes. */
template <class T> class block {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>,
                "native memory has plain values: nobody would run a destructor");

public:
  block() noexcept = default;
  /** `count` zeroed elements; `tag` names them in reports. */
  explicit block(std::size_t count, const char *tag = nullptr)
      : data_(static_cast<T *>(freehold_typed(count, sizeof(T), alignof(T), tag))),
        size_(count) {
    if (data_ == nullptr) {
      throw_last();
    }
  }
  block(block &&other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  block &operator=(block &&other) noexcept {
    if (this != &other) {
      drop();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  block(const block &) = delete;
  block &operator=(const block &) = delete;
  ~block() { drop(); }

  T *data() noexcept { return data_; }
  const T *data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  T *begin() noexcept { return data_; }
  T *end() noexcept { return data_ + size_; }
  const T *begin() const noexcept { return data_; }
  const T *end() const noexcept { return data_ + size_; }
  /** Not checked. */
  T &operator[](std::size_t i) noexcept { return data_[i]; }
  const T &operator[](std::size_t i) const noexcept { return data_[i]; }
  /** Throws std::out_of_range. */
  T &at(std::size_t i) {
    if (i >= size_) {
      throw std::out_of_range("element " + std::to_string(i) + " of a block of " +
                              std::to_string(size_));
    }
    return data_[i];
  }

  /** Gives the block up: the caller releases it. */
  [[nodiscard]] T *release() noexcept {
    size_ = 0;
    return std::exchange(data_, nullptr);
  }
  /** Gives the block away: its new owner releases it, perhaps unseen. */
  [[nodiscard]] T *transfer() {
    check(freehold_transfer(data_));
    return release();
  }
  /** Releases the block; throws when that is refused, and keeps it then. */
  void reset() {
    if (data_ != nullptr) {
      check(freehold_free(data_));
      static_cast<void>(release());
    }
  }

private:
  void drop() noexcept {
    if (data_ != nullptr) {
      detail::complain(freehold_free(data_));
    }
  }
  T *data_ = nullptr;
  std::size_t size_ = 0;
};

/** Takes over a block that an API returned; `family` releases it. */
template <class T>
[[nodiscard]] unique<T> adopt(T *block, std::size_t bytes,
                              std::uint32_t family = FREEHOLD_FAMILY_MALLOC) {
  check(freehold_adopt(block, bytes, family));
  return unique<T>(block);
}

/** The same with a release function. */
template <class T>
[[nodiscard]] unique<T> adopt_with(T *block, std::size_t bytes, freehold_release release,
                                   void *context = nullptr) {
  check(freehold_adopt_with(block, bytes, release, context));
  return unique<T>(block);
}

/** Takes over what `function` gave in `slot`; the ownership database knows its release. */
template <class T>
[[nodiscard]] unique<T> adopt_from(const char *function, const char *slot, T *block,
                                   std::size_t bytes = 0) {
  check(freehold_adopt_from(function, slot, block, bytes));
  return unique<T>(block);
}

/** Blocks that are released together, the last first. */
class arena {
public:
  arena() { check(freehold_arena_new(&handle_)); }
  arena(arena &&other) noexcept : handle_(std::exchange(other.handle_, 0)) {}
  arena &operator=(arena &&other) noexcept {
    if (this != &other) {
      drop();
      handle_ = std::exchange(other.handle_, 0);
    }
    return *this;
  }
  arena(const arena &) = delete;
  arena &operator=(const arena &) = delete;
  ~arena() { drop(); }

  freehold_arena handle() const noexcept { return handle_; }

  /** `count` zeroed elements that live as long as the arena. */
  template <class T> T *alloc(std::size_t count = 1, const char *tag = nullptr) {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>,
                  "native memory has plain values: nobody would run a destructor");
    void *block = nullptr;
    check(freehold_arena_alloc(handle_, count, sizeof(T), alignof(T), tag, &block));
    return static_cast<T *>(block);
  }
  /** Takes over a block that an API returned. */
  template <class T>
  T *adopt(T *block, std::size_t bytes, std::uint32_t family = FREEHOLD_FAMILY_MALLOC) {
    check(freehold_arena_adopt(handle_, block, bytes, family));
    return block;
  }
  /** Does something when the arena is released; an exception is its failure. */
  void on_release(std::function<void()> action) {
    auto kept = std::make_unique<std::function<void()>>(std::move(action));
    check(freehold_arena_on_release(handle_, &arena::run, kept.get()));
    static_cast<void>(kept.release()); // run() has it
  }
  /** Takes a block out: the caller owns it. */
  template <class T> [[nodiscard]] unique<T> move_out(T *block) {
    check(freehold_arena_move_out(handle_, block));
    return unique<T>(block);
  }
  /** Releases everything; throws with all failures. */
  void release() { check(freehold_arena_release(std::exchange(handle_, 0), nullptr)); }

private:
  static std::int32_t run(void *context) noexcept {
    std::unique_ptr<std::function<void()>> action(
        static_cast<std::function<void()> *>(context));
    try {
      (*action)();
      return 0;
    } catch (...) {
      return 1;
    }
  }
  void drop() noexcept {
    if (handle_ != 0) {
      detail::complain(freehold_arena_release(handle_, nullptr));
    }
  }
  freehold_arena handle_ = 0;
};

/** A region whose blocks are counted apart. End it on the thread that began it. */
class scope {
public:
  explicit scope(const char *name) { check(freehold_scope_begin(name, &handle_)); }
  scope(const scope &) = delete;
  scope &operator=(const scope &) = delete;
  /** Ends it; what stays is printed. */
  ~scope() {
    if (handle_ != 0) {
      detail::complain(freehold_scope_end(handle_, nullptr, nullptr));
    }
  }

  freehold_scope handle() const noexcept { return handle_; }
  /** Ends it; throws when something stays. */
  void end() {
    const freehold_code code = freehold_scope_end(handle_, nullptr, nullptr);
    if (code != FREEHOLD_NOT_INNERMOST) {
      handle_ = 0;
    }
    check(code);
  }
  /** What lives in it now. */
  std::string leaks(std::uint32_t format = FREEHOLD_TEXT) const {
    return detail::text([&](char *buffer, std::size_t room, std::size_t *needed) {
      return freehold_scope_leaks(handle_, format, buffer, room, needed);
    });
  }

private:
  freehold_scope handle_ = 0;
};

/** The blocks that live and count: see freehold_leaks. */
inline std::string leaks(std::uint32_t format = FREEHOLD_TEXT) {
  return detail::text([&](char *buffer, std::size_t room, std::size_t *needed) {
    return freehold_leaks(format, buffer, room, needed);
  });
}

/** What a pointer is, in words. */
inline std::string describe(const void *pointer) {
  return detail::text([&](char *buffer, std::size_t room, std::size_t *needed) {
    return freehold_describe(pointer, buffer, room, needed);
  });
}

/** UTF-8 as UTF-16. */
inline std::u16string utf16(std::string_view text) {
  std::uint16_t *units = nullptr;
  std::size_t length = 0;
  // An empty view may have no pointer.
  check(freehold_utf8_to_utf16(text.empty() ? "" : text.data(), text.size(), &units, &length));
  const unique<std::uint16_t> owned(units);
  return std::u16string(owned.get(), owned.get() + length);
}

/** UTF-16 as UTF-8; a lone surrogate becomes U+FFFD. */
inline std::string utf8(std::u16string_view wide) {
  static_assert(sizeof(char16_t) == sizeof(std::uint16_t));
  // A copy: the two types may not alias.
  block<std::uint16_t> units(wide.size() + 1, "char16_t");
  for (std::size_t i = 0; i < wide.size(); ++i) {
    units[i] = wide[i];
  }
  char *text = nullptr;
  std::size_t length = 0;
  check(freehold_utf16_to_utf8(units.data(), wide.size(), &text, &length));
  const unique<char> owned(text);
  return std::string(owned.get(), length);
}

} // namespace freehold

#endif // FREEHOLD_HPP
