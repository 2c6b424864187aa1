// Arenas: memory and resources that are released together, as package:ffi has them.

import 'dart:async';
import 'dart:ffi';

import 'allocators.dart';

/// Releases what was allocated in it, and the resources that it was given, together.
class Arena implements Allocator {
  final Allocator _wrappedAllocator;
  final List<Pointer<NativeType>> _managedMemoryPointers = [];
  final List<void Function()> _managedResourceReleaseCallbacks = [];
  bool _inUse = true;

  /// An arena of another allocator's memory.
  Arena([Allocator allocator = calloc]) : _wrappedAllocator = allocator;

  void _ensureInUse() {
    if (!_inUse) {
      throw StateError('Arena no longer in use, `releaseAll(reuse: false)` was called.');
    }
  }

  /// Memory that lives as long as the arena. Throws a [StateError] when that is no longer in use.
  @override
  Pointer<T> allocate<T extends NativeType>(int byteCount, {int? alignment}) {
    _ensureInUse();
    final pointer = _wrappedAllocator.allocate<T>(byteCount, alignment: alignment);
    _managedMemoryPointers.add(pointer);
    return pointer;
  }

  /// Does nothing: it is released with the arena.
  @override
  void free(Pointer<NativeType> pointer) {}

  /// Gives `resource` back, and calls `releaseCallback` with it, in this zone, when the arena is released.
  T using<T>(T resource, void Function(T) releaseCallback) {
    _ensureInUse();
    final callback = Zone.current.bindUnaryCallback(releaseCallback);
    _managedResourceReleaseCallbacks.add(() => callback(resource));
    return resource;
  }

  /// Calls this when the arena is released.
  void onReleaseAll(void Function() releaseResourceCallback) {
    _managedResourceReleaseCallbacks.add(releaseResourceCallback);
  }

  /// Calls what [using] and [onReleaseAll] were given, the last first, and releases the memory. With `reuse`
  /// the arena can go on.
  ///
  /// When a callback throws, the rest stays: call it again.
  void releaseAll({bool reuse = false}) {
    if (!reuse) _inUse = false;
    // What callbacks allocate is released, too.
    while (_managedResourceReleaseCallbacks.isNotEmpty) {
      _managedResourceReleaseCallbacks.removeLast()();
    }
    for (final pointer in _managedMemoryPointers) {
      _wrappedAllocator.free(pointer);
    }
    _managedMemoryPointers.clear();
  }

  /// Takes a block out: it stays, and is the caller's from now on. Throws an [ArgumentError] when it is none of
  /// this arena's.
  Pointer<T> moveOut<T extends NativeType>(Pointer<T> pointer) {
    if (!_managedMemoryPointers.remove(pointer)) {
      throw ArgumentError.value(pointer, 'pointer', 'is no block of this arena');
    }
    return pointer;
  }
}

/// Runs `computation` with an arena, which is released when it returns, throws or its future completes.
R using<R>(R Function(Arena) computation, [Allocator wrappedAllocator = calloc]) {
  final arena = Arena(wrappedAllocator);
  var isAsync = false;
  try {
    final result = computation(arena);
    if (result is Future) {
      isAsync = true;
      return (result as Future).whenComplete(arena.releaseAll) as R;
    }
    return result;
  } finally {
    if (!isAsync) arena.releaseAll();
  }
}

/// The same with an arena that [zoneArena] finds.
R withZoneArena<R>(R Function() computation, [Allocator wrappedAllocator = calloc]) {
  final arena = Arena(wrappedAllocator);
  final arenaHolder = [arena];
  var isAsync = false;
  try {
    return runZoned(() {
      final result = computation();
      if (result is Future) {
        isAsync = true;
        return (result as Future).whenComplete(() {
              arena.releaseAll();
              arenaHolder.clear();
            })
            as R;
      }
      return result;
    }, zoneValues: {#_arena: arenaHolder});
  } finally {
    if (!isAsync) {
      arena.releaseAll();
      arenaHolder.clear();
    }
  }
}

/// The arena of the zone that [withZoneArena] made. Throws a [StateError] outside of one, and when it has been
/// released.
Arena get zoneArena {
  final arenaHolder = Zone.current[#_arena] as List<Arena>?;
  if (arenaHolder == null) throw StateError('Not inside a zone created by `useArena`');
  if (arenaHolder.isEmpty) throw StateError('Arena has already been cleared with releaseAll.');
  return arenaHolder.single;
}
