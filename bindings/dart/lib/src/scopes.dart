// Whether leaks of this isolate are tracked, and in which scope: by zone, so that what is asynchronous stays in
// the scope that it was begun in.

import 'dart:async';

import 'filter.dart';

final Object _enabledKey = Object();
final Object _scopeKey = Object();

/// What `LeakTracker.enable` sets, for zones that say nothing.
bool isEnabledHere = false;

/// Whether leaks are tracked in this zone.
bool get isEnabled {
  final zone = Zone.current;
  return identical(zone, Zone.root) ? isEnabledHere : (zone[_enabledKey] as bool?) ?? isEnabledHere;
}

/// A scope of the ledger, and how its leaks are filtered.
final class TrackedScope {
  /// As the library has it.
  final int handle;

  /// What its snapshots leave out; null: what the scope around it does.
  final LeakFilter? ownFilter;

  /// The scope around it.
  final TrackedScope? parent;

  TrackedScope(this.handle, this.ownFilter, this.parent);
}

/// The scope of this zone.
TrackedScope? get currentScope {
  final zone = Zone.current;
  return identical(zone, Zone.root) ? null : zone[_scopeKey] as TrackedScope?;
}

/// Runs `body` in a zone of that scope, where leaks are tracked.
R runInScope<R>(TrackedScope scope, R Function() body) =>
    runZoned(body, zoneValues: {_enabledKey: true, _scopeKey: scope});
