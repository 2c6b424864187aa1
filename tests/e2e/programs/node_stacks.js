// Keeps memory that was allocated below functions of JavaScript, and is killed before Node releases it.
const kept = [];
function keep(size) {
  kept.push(Buffer.allocUnsafeSlow(size));
}
class Loader {
  load() {
    keep(1234567);
  }
}
function main() {
  [1].map(() => new Loader().load());
}
main();
process.kill(process.pid, "SIGKILL");
