// What stays: tracking on and off, snapshots, scopes.

import 'dart:async';
import 'dart:convert';
import 'dart:ffi';

import 'allocation.dart';
import 'allocators.dart';
import 'emitter.dart';
import 'errors.dart';
import 'exception.dart';
import 'filter.dart';
import 'raw.dart';
import 'scopes.dart';
import 'stacks.dart';

/// Tracks what the diagnostic and adaptive allocators allocate, in the process's one ledger.
///
/// Releases count wherever they happen: in another scope, isolate or language, by a finalizer, after tracking
/// was disabled.
abstract final class LeakTracker {
  /// As many frames as a record can have: what is cut is named like the first that looked the same.
  static const int _depth = FREEHOLD_MAX_FRAMES;

  static LeakFilter _globalFilter = const LeakFilter.ignoreNone();

  /// Begins to track, in this isolate; the ledger is that of the process.
  static void enable() {
    check(freehold_tracking_start(_depth, 0));
    isEnabledHere = true;
  }

  /// The same, but nothing in release builds.
  static void enableInDebug() {
    if (!isReleaseMode) enable();
  }

  /// What is allocated from now on does not count. Records stay, and releases go on being seen.
  static void disable() => isEnabledHere = false;

  /// Whether what is allocated here counts.
  static bool get enabled => isEnabled;

  /// Whether a snapshot would have anything in it.
  static bool get hasLeaks => snapshot.isNotEmpty;

  /// The blocks that live and count: in this zone's scope with those inside it; in none, those that were
  /// allocated in none. Without those that the filter leaves out. Not to be modified.
  static List<Allocation> get snapshot {
    if (!freehold_tracking_is_on()) return const [];
    nameStacks();
    final scope = currentScope;
    final text = scope == null ? _globalLeaks() : _scopeLeaks(scope);
    final filter = _activeFilter;
    final blocks = (jsonDecode(text) as List<Object?>).cast<Map<String, Object?>>();
    return List.unmodifiable(blocks.map(_allocation).where((allocation) => !filter.ignore(allocation)));
  }

  static String _globalLeaks() =>
      written((buffer, room, needed) => freehold_leaks(FREEHOLD_JSON, buffer, room, needed));

  static String _scopeLeaks(TrackedScope scope) => written(
    (buffer, room, needed) => freehold_scope_leaks(scope.handle, FREEHOLD_JSON, buffer, room, needed),
  );

  static Allocation _allocation(Map<String, Object?> block) => Allocation(
    address: block['address'] as int,
    size: block['size'] as int,
    type: block['type'] as String,
    timestamp: DateTime.parse(block['timestamp'] as String),
    stack: _stack((block['frames'] as List<Object?>? ?? const []).cast<Map<String, Object?>>()),
  );

  /// A line for each frame as the VM writes them: those of Dart, where there are any.
  static String _stack(List<Map<String, Object?>> frames) {
    final own = frames.where((frame) => frame['language'] == 'dart').toList();
    final lines = <String>[];
    for (final frame in own.isEmpty ? frames : own) {
      final function = frame['function'] as String? ?? frame['pc'] as String? ?? '<anonymous>';
      final file = (frame['file'] ?? frame['module'] ?? '') as String;
      if (file.isEmpty && own.isNotEmpty) {
        lines.add(function); // <asynchronous suspension>
        continue;
      }
      final place = TraceFrame(function, file, frame['line'] as int? ?? 0, frame['column'] as int? ?? 0);
      lines.add('#${lines.where((line) => line.startsWith('#')).length}'.padRight(8) + '$place');
    }
    return lines.join('\n');
  }

  /// What lives now counts no longer; nothing is released.
  static void reset() {
    final scope = currentScope;
    if (scope != null) freehold_scope_enter(scope.handle);
    freehold_leaks_reset();
    if (scope != null) freehold_scope_leave(scope.handle);
  }

  /// Shows the snapshot, also an empty one; forgets nothing.
  static void emit({LeaksEmitter emitter = const LeaksEmitter.print()}) => emitter.emit(snapshot);

  /// Throws a [LeakTrackerException] when blocks stay.
  static void verifyNoLeaks() {
    final leaks = snapshot;
    if (leaks.isNotEmpty) throw LeakTrackerException(leaks, filter: _activeFilter);
  }

  /// The same, but nothing in release builds.
  static void verifyNoLeaksInDebug() {
    if (!isReleaseMode) verifyNoLeaks();
  }

  /// What snapshots leave out, outside of scopes and in those without a filter of their own.
  static LeakFilter get globalFilter => _globalFilter;

  static set globalFilter(LeakFilter filter) => _globalFilter = filter;

  /// Leaves out also what this does.
  static void addGlobalFilter(LeakFilter filter) => _globalFilter = _globalFilter.or(filter);

  /// Leaves out nothing.
  static void clearGlobalFilter() => _globalFilter = const LeakFilter.ignoreNone();

  static LeakFilter get _activeFilter {
    for (var scope = currentScope; scope != null; scope = scope.parent) {
      if (scope.ownFilter case final filter?) return filter;
    }
    return _globalFilter;
  }

  /// Runs `body` in a scope of its own, where leaks are tracked, and gives what it gives; what is asynchronous
  /// in it stays in the scope. `filter` is for its snapshots; without one that of the scope around it counts.
  ///
  /// What stays when the scope ends counts for the one around it.
  static R runScoped<R>(R Function() body, {LeakFilter? filter}) {
    check(freehold_tracking_start(_depth, 0));
    final around = currentScope;
    if (around != null) freehold_scope_enter(around.handle);
    final place = answer.cast<Uint64>();
    final code = freehold_scope_begin('runScoped'.toScratch(), place);
    final handle = place.value;
    // The zone says who is in it, not the thread.
    if (code == FREEHOLD_OK) freehold_scope_leave(handle);
    if (around != null) freehold_scope_leave(around.handle);
    check(code);
    final scope = TrackedScope(handle, filter, around);
    void end() => freehold_scope_end(handle, nullptr, nullptr);
    var isAsync = false;
    try {
      final result = runInScope(scope, body);
      if (result is Future) {
        isAsync = true;
        return (result as Future).whenComplete(end) as R;
      }
      return result;
    } finally {
      if (!isAsync) end();
    }
  }
}
