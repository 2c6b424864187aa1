// Which leaks are left out: rules that are put together by and, or and not.

import 'allocation.dart';

/// A rule for what is left out of snapshots. Rules are simplified when they are made; two are equal when they
/// say the same in the same words, in whatever order.
sealed class LeakFilter {
  const LeakFilter();

  /// Leaves nothing out.
  const factory LeakFilter.ignoreNone() = _None;

  /// Leaves everything out.
  const factory LeakFilter.ignoreAll() = _All;

  /// Leaves out blocks at these addresses.
  factory LeakFilter.ignoreAddresses(Set<int> addresses) = _Addresses;

  /// Leaves out blocks whose stack, as text, has this in it.
  const factory LeakFilter.ignoreStackContains(Pattern pattern) = _Stack;

  /// Leaves out blocks of these types.
  factory LeakFilter.ignoreTypes(Set<String> types) = _Types;

  /// Whether a block is left out.
  bool ignore(Allocation allocation);

  /// Leaves out what both do.
  LeakFilter and(LeakFilter other) => _join([this, other], isAnd: true);

  /// Leaves out what either does.
  LeakFilter or(LeakFilter other) => _join([this, other], isAnd: false);

  /// See [and].
  LeakFilter operator &(LeakFilter other) => and(other);

  /// See [or].
  LeakFilter operator |(LeakFilter other) => or(other);

  /// Leaves out what this does not.
  LeakFilter not() => switch (this) {
    _None() => const _All(),
    _All() => const _None(),
    _Not(:final inner) => inner,
    // Inwards, so that what is equal looks equal.
    _Both(:final parts) => _join([for (final part in parts) part.not()], isAnd: false),
    _Either(:final parts) => _join([for (final part in parts) part.not()], isAnd: true),
    _ => _Not(this),
  };

  static LeakFilter _join(List<LeakFilter> given, {required bool isAnd}) {
    final parts = <LeakFilter>{};
    for (final filter in given) {
      switch (filter) {
        case _Both(parts: final inner) when isAnd:
        case _Either(parts: final inner) when !isAnd:
          parts.addAll(inner);
        // And: all changes nothing, none decides. Or: the other way round.
        case _All() when isAnd:
        case _None() when !isAnd:
          break;
        case _None() || _All():
          return filter;
        default:
          parts.add(filter);
      }
    }
    if (parts.isEmpty) return isAnd ? const _All() : const _None();
    if (parts.length == 1) return parts.single;
    return isAnd ? _Both(parts) : _Either(parts);
  }
}

final class _None extends LeakFilter {
  const _None();

  @override
  bool ignore(Allocation allocation) => false;

  @override
  String toString() => 'ignore none';
}

final class _All extends LeakFilter {
  const _All();

  @override
  bool ignore(Allocation allocation) => true;

  @override
  String toString() => 'ignore all';
}

bool _sameSet<T>(Set<T> a, Set<T> b) => a.length == b.length && a.containsAll(b);

final class _Addresses extends LeakFilter {
  final Set<int> addresses;

  _Addresses(Set<int> addresses) : addresses = Set.unmodifiable(addresses);

  @override
  bool ignore(Allocation allocation) => addresses.contains(allocation.address);

  @override
  bool operator ==(Object other) => other is _Addresses && _sameSet(addresses, other.addresses);

  @override
  int get hashCode => Object.hashAllUnordered(addresses);

  @override
  String toString() {
    final sorted = addresses.toList()..sort();
    return 'address is in: "${sorted.map((address) => address.toRadixString(16)).join(', ')}"';
  }
}

final class _Types extends LeakFilter {
  final Set<String> types;

  _Types(Set<String> types) : types = Set.unmodifiable(types);

  @override
  bool ignore(Allocation allocation) => types.contains(allocation.type);

  @override
  bool operator ==(Object other) => other is _Types && _sameSet(types, other.types);

  @override
  int get hashCode => Object.hashAllUnordered(types);

  @override
  String toString() => 'type is in: "${(types.toList()..sort()).join(', ')}"';
}

final class _Stack extends LeakFilter {
  final Pattern pattern;

  const _Stack(this.pattern);

  String get _text => switch (pattern) {
    RegExp(pattern: final source) => source,
    final other => '$other',
  };

  @override
  bool ignore(Allocation allocation) => allocation.stack.contains(pattern);

  @override
  bool operator ==(Object other) => other is _Stack && pattern == other.pattern;

  @override
  int get hashCode => pattern.hashCode;

  @override
  String toString() => 'stack contains "$_text"';
}

final class _Not extends LeakFilter {
  final LeakFilter inner;

  const _Not(this.inner);

  @override
  bool ignore(Allocation allocation) => !inner.ignore(allocation);

  @override
  bool operator ==(Object other) => other is _Not && inner == other.inner;

  @override
  int get hashCode => Object.hash(_Not, inner);

  @override
  String toString() => 'NOT ($inner)';
}

/// Parts in an order that does not depend on how the rule came about. A part that is itself a list stands in
/// parentheses.
String _listed(Set<LeakFilter> parts, String word) {
  final texts = [for (final part in parts) part is _Both || part is _Either ? '($part)' : '$part']..sort();
  return texts.join(word);
}

final class _Both extends LeakFilter {
  final Set<LeakFilter> parts;

  const _Both(this.parts);

  @override
  bool ignore(Allocation allocation) => parts.every((part) => part.ignore(allocation));

  @override
  bool operator ==(Object other) => other is _Both && _sameSet(parts, other.parts);

  @override
  int get hashCode => Object.hash(_Both, Object.hashAllUnordered(parts));

  @override
  String toString() => _listed(parts, ' AND ');
}

final class _Either extends LeakFilter {
  final Set<LeakFilter> parts;

  const _Either(this.parts);

  @override
  bool ignore(Allocation allocation) => parts.any((part) => part.ignore(allocation));

  @override
  bool operator ==(Object other) => other is _Either && _sameSet(parts, other.parts);

  @override
  int get hashCode => Object.hash(_Either, Object.hashAllUnordered(parts));

  @override
  String toString() => _listed(parts, ' OR ');
}
