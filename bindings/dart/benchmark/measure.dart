// How the benchmarks measure: below so many frames, the median of five rounds, in nanoseconds.

@pragma('vm:never-inline')
int _below(int depth, void Function(int) body, int n) {
  if (depth == 0) {
    body(n);
    return 0;
  }
  return _below(depth - 1, body, n) + 1;
}

/// Prints what one of `n` turns of `body` costs.
void measure(String name, void Function(int) body, int n, {int depth = 0}) {
  _below(depth, body, n ~/ 4);
  _below(depth, body, n ~/ 4);
  final runs = <double>[];
  for (var round = 0; round < 5; round++) {
    final watch = Stopwatch()..start();
    _below(depth, body, n);
    runs.add(watch.elapsedMicroseconds * 1000 / n);
  }
  runs.sort();
  print('$name\t${runs[2].toStringAsFixed(1)}');
}
