// Threads with heaps of their own.
const { Worker, isMainThread, parentPort, workerData } = require("worker_threads");
if (isMainThread) {
  const ask = (n) =>
    new Promise((resolve, reject) =>
      new Worker(__filename, { workerData: n }).on("message", resolve).on("error", reject));
  Promise.all([1, 2, 3, 4].map(ask)).then((sums) => console.log(sums.join(" ")));
} else {
  let sum = 0;
  for (let i = 0; i < 3000; i++) sum += Buffer.alloc(1000, workerData).reduce((a, b) => a + b, 0);
  parentPort.postMessage(sum);
}
