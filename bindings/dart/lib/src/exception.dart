// What is thrown when blocks stay.

import 'allocation.dart';
import 'emitter.dart';
import 'filter.dart';
import 'utils.dart';

/// Blocks stay that should not.
final class LeakTrackerException implements Exception {
  /// Which.
  final List<Allocation> leaks;

  /// What was left out.
  final LeakFilter filter;

  LeakTrackerException(this.leaks, {this.filter = const LeakFilter.ignoreNone()})
    : assert(leaks.isNotEmpty, 'LeakTrackerException must have at least one leak.');

  /// How many.
  int get count => leaks.length;

  /// Their bytes.
  int get totalBytes => leaks.fold(0, (sum, leak) => sum + leak.size);

  @override
  String toString() =>
      '${'LeakTrackerException: Native memory leaks detected'.bold.red}\n'
      'Filter  : ${'$filter'.bold}\n'
      '${summary(leaks)}';
}
