// Allocators: those of package:ffi and of ffi_leak_tracker, over the library.

import 'dart:ffi';
import 'dart:io';

import 'errors.dart';
import 'raw.dart';
import 'scopes.dart';
import 'stacks.dart';
import 'utf.dart';

/// Whether this is a release build: there the adaptive allocators are the plain ones.
const bool isReleaseMode = bool.fromEnvironment('dart.vm.product');

/// Zeroed memory that counts as a leak when it stays; in release builds [calloc].
const Allocator adaptiveCalloc = isReleaseMode ? calloc : diagnosticCalloc;

/// Memory with anything in it that counts as a leak when it stays; in release builds [malloc].
const Allocator adaptiveMalloc = isReleaseMode ? malloc : diagnosticMalloc;

/// Zeroed memory that counts as a leak when it stays, while leaks are tracked.
const DiagnosticCallocAllocator diagnosticCalloc = DiagnosticCallocAllocator._();

/// Memory with anything in it that counts as a leak when it stays, while leaks are tracked.
const DiagnosticMallocAllocator diagnosticMalloc = DiagnosticMallocAllocator._();

/// Zeroed memory. Recorded while blocks are tracked, but no leak when it stays.
const CallocAllocator calloc = CallocAllocator._();

/// Memory with anything in it. Recorded while blocks are tracked, but no leak when it stays.
const MallocAllocator malloc = MallocAllocator._();

/// The numbers of types, for records.
final Map<Type, int> _tags = {};

Type? _lastType;
int _lastTag = 0;

int _tagOf(Type type) {
  if (identical(type, _lastType)) return _lastTag;
  _lastType = type;
  return _lastTag = _tags[type] ??= freehold_tag('$type'.toScratch());
}

/// Whether the whole process is tracked from outside, by `freehold run` or the environment. Then all that
/// diagnostic allocators allocate counts.
final bool _isTrackedFromOutside =
    freehold_tracking_is_shared() ||
    !const {null, '', '0'}.contains(Platform.environment['FREEHOLD_TRACK']) && freehold_tracking_is_on();

Pointer<T> _allocate<T extends NativeType>(int byteCount, int? alignment, int flags, {required bool counts}) {
  if (byteCount < 0 || byteCount > _largest) {
    throw ArgumentError('${_failed(byteCount, counts)} A block has from 0 to $_largest bytes.');
  }
  final isCounted = counts && (isEnabled || _isTrackedFromOutside);
  final scope = isCounted ? currentScope : null;
  if (scope != null) freehold_scope_enter(scope.handle);
  final block = freehold_alloc(
    byteCount,
    alignment ?? 1,
    isCounted ? flags : flags | FREEHOLD_UNCOUNTED,
    isCounted ? _tagOf(T) : 0,
    answer,
  );
  if (scope != null) freehold_scope_leave(scope.handle);
  if (block == nullptr) throw ArgumentError('${_failed(byteCount, counts)} ${FreeholdException.last().message}');
  if (answer.value != 0) newStack(answer.value);
  return block.cast();
}

/// No block is larger than half of all addresses.
final int _largest = sizeOf<Size>() == 4 ? 0x7fffffff : 0x7fffffffffffffff;

/// As package:ffi and ffi_leak_tracker say it.
String _failed(int byteCount, bool counts) =>
    counts ? 'Failed to allocate $byteCount bytes.' : 'Could not allocate $byteCount bytes.';

/// What all of these allocators have.
sealed class TrackingAllocator implements Allocator {
  const TrackingAllocator._();

  /// The release function for `NativeFinalizer` and `asTypedList`. The tracker sees what it releases, and
  /// reports tell such blocks from those that were released by hand.
  Pointer<NativeFinalizerFunction> get nativeFree => freehold_finalize_address;

  /// Releases a block, whatever allocated it: also what was adopted, and blocks of other allocators.
  ///
  /// Throws an [ArgumentError] for `nullptr`, and a [FreeholdException] when releasing it would be wrong: it
  /// was released before, is none, lies in the middle of one, belongs to somebody else.
  @override
  void free(Pointer<NativeType> pointer) {
    if (pointer == nullptr) throw ArgumentError('Cannot free a null pointer.');
    release(pointer);
  }
}

/// Releases a block; what is wrong is thrown as a [FreeholdException].
void release(Pointer<NativeType> pointer) {
  // A leaf call is cheap, but must not come back to Dart.
  var code = freehold_free_leaf(pointer.cast());
  if (code == FREEHOLD_NOT_SO) code = freehold_free(pointer.cast());
  if (code != FREEHOLD_OK) throw FreeholdException.last();
  if (isEnabled) nameHere();
}

/// See [diagnosticCalloc].
final class DiagnosticCallocAllocator extends TrackingAllocator {
  const DiagnosticCallocAllocator._() : super._();

  @override
  Pointer<T> allocate<T extends NativeType>(int byteCount, {int? alignment}) =>
      _allocate(byteCount, alignment, FREEHOLD_ZEROED, counts: true);
}

/// See [diagnosticMalloc].
final class DiagnosticMallocAllocator extends TrackingAllocator {
  const DiagnosticMallocAllocator._() : super._();

  @override
  Pointer<T> allocate<T extends NativeType>(int byteCount, {int? alignment}) =>
      _allocate(byteCount, alignment, 0, counts: true);
}

/// See [calloc].
final class CallocAllocator extends TrackingAllocator {
  const CallocAllocator._() : super._();

  @override
  Pointer<T> allocate<T extends NativeType>(int byteCount, {int? alignment}) =>
      _allocate(byteCount, alignment, FREEHOLD_ZEROED, counts: false);

  /// Releases a block; `nullptr` is nothing to release.
  @override
  void free(Pointer<NativeType> pointer) {
    if (pointer != nullptr) release(pointer);
  }
}

/// See [malloc].
final class MallocAllocator extends TrackingAllocator {
  const MallocAllocator._() : super._();

  @override
  Pointer<T> allocate<T extends NativeType>(int byteCount, {int? alignment}) =>
      _allocate(byteCount, alignment, 0, counts: false);

  /// Releases a block; `nullptr` is nothing to release.
  @override
  void free(Pointer<NativeType> pointer) {
    if (pointer != nullptr) release(pointer);
  }
}

/// [TrackingAllocator.nativeFree] of whatever allocator it is.
extension AllocatorExtensions on Allocator {
  /// The release function for `NativeFinalizer` and `asTypedList`.
  Pointer<NativeFinalizerFunction> get nativeFree => freehold_finalize_address;
}

/// A text for the next call.
extension ScratchText on String {
  /// In UTF-8 with a NUL; it stays until the next call that needs scratch memory.
  Pointer<Char> toScratch() {
    final units = codeUnits.every((unit) => unit < 128) ? codeUnits : const <int>[];
    if (units.length == length) {
      final memory = scratch(length + 65);
      final native = memory.asTypedList(length + 1);
      native.setAll(0, units);
      native[length] = 0;
      return memory.cast();
    }
    return toNativeUtf8(allocator: const _ScratchAllocator()).cast();
  }
}

final class _ScratchAllocator implements Allocator {
  const _ScratchAllocator();

  @override
  Pointer<T> allocate<T extends NativeType>(int byteCount, {int? alignment}) => scratch(byteCount + 64).cast();

  @override
  void free(Pointer<NativeType> pointer) {}
}
