// A small test harness that needs nothing but the VM: groups, set-up, expectations, time limits, a summary, and an
// exit status of 1 when something failed.

import 'dart:async';
import 'dart:io';

typedef Body = FutureOr<void> Function();

final class _Case {
  final String name;
  final Body body;
  final List<Body> before;
  final List<Body> after;

  _Case(this.name, this.body, this.before, this.after);
}

final List<_Case> _cases = [];
final List<String> _path = [];
final List<Body> _before = [];
final List<Body> _after = [];

/// Tests with a common name; what is set up in it holds for them alone.
void group(String name, void Function() body) {
  final (before, after) = (_before.length, _after.length);
  _path.add(name);
  body();
  _path.removeLast();
  _before.length = before;
  _after.length = after;
}

void setUp(Body body) => _before.add(body);

void tearDown(Body body) => _after.add(body);

void test(String name, Body body) {
  _cases.add(_Case([..._path, name].join(': '), body, [..._before], [..._after]));
}

/// An expectation was not met.
final class TestFailure implements Exception {
  final String message;

  TestFailure(this.message);

  @override
  String toString() => message;
}

/// What a value must be; `problem` says why it is not, or nothing.
final class Matcher {
  final String? Function(Object? value) problem;

  const Matcher(this.problem);
}

Matcher _is(bool Function(Object? value) test, String what) =>
    Matcher((value) => test(value) ? null : 'expected $what, got: $value');

final Matcher isTrue = _is((value) => value == true, 'true');
final Matcher isFalse = _is((value) => value == false, 'false');
final Matcher isNotNull = _is((value) => value != null, 'something');
final Matcher isEmpty = _is((value) => (value as dynamic).isEmpty as bool, 'nothing in it');

Matcher contains(Pattern pattern) => _is((value) => '$value'.contains(pattern), '"$pattern" in it');

Matcher isA<T>() => _is((value) => value is T, 'a $T');

/// A call that throws a `T`, whose text has `message` in it.
Matcher throwsA<T extends Object>([Pattern message = '']) => Matcher((call) {
  try {
    final result = (call as Object? Function())();
    return 'expected a $T to be thrown, got: $result';
  } on T catch (error) {
    return '$error'.contains(message) ? null : 'expected "$message" in: $error';
  } catch (error) {
    return 'expected a $T to be thrown, not: ${error.runtimeType}: $error';
  }
});

bool _same(Object? a, Object? b) {
  if (a is List && b is List) {
    return a.length == b.length && Iterable<int>.generate(a.length).every((i) => _same(a[i], b[i]));
  }
  if (a is Map && b is Map) return a.length == b.length && a.keys.every((key) => _same(a[key], b[key]));
  return a == b;
}

/// Expects a value to be equal to another, or to match.
void expect(Object? actual, Object? wanted, {String? reason}) {
  final problem = wanted is Matcher
      ? wanted.problem(actual)
      : _same(actual, wanted)
      ? null
      : 'expected: $wanted\n     got: $actual';
  if (problem != null) throw TestFailure(reason == null ? problem : '$problem ($reason)');
}

/// Expects a future to fail with a `T`.
Future<void> expectFails<T extends Object>(Future<Object?> future) async {
  try {
    await future;
  } on T {
    return;
  }
  throw TestFailure('expected the future to fail with a $T');
}

/// Runs all tests; of a name that was given as an argument, those only.
Future<void> run(List<String> arguments) async {
  final only = arguments.firstOrNull ?? '';
  var passed = 0;
  final failed = <String>[];
  for (final one in _cases.where((one) => one.name.contains(only))) {
    final problem = await _outcome(one).timeout(const Duration(seconds: 60), onTimeout: () => 'not done after 60 s');
    if (problem == null) {
      passed++;
    } else {
      failed.add(one.name);
      print('FAILED ${one.name}\n  ${problem.replaceAll('\n', '\n  ')}');
    }
  }
  print('$passed passed, ${failed.length} failed');
  if (failed.isNotEmpty || passed == 0) exitCode = 1;
}

Future<String?> _outcome(_Case one) {
  final outcome = Completer<String?>();
  void end(String? problem) {
    if (!outcome.isCompleted) outcome.complete(problem);
  }

  runZonedGuarded(() async {
    try {
      for (final body in one.before) {
        await body();
      }
      await one.body();
    } finally {
      for (final body in one.after.reversed) {
        await body();
      }
    }
    end(null);
  }, (error, trace) => end(error is TestFailure ? '$error' : '$error\n$trace'));
  return outcome.future;
}
