// Buffers and objects in numbers, native and collected.
const zlib = require("zlib");
const crypto = require("crypto");
const hash = crypto.createHash("sha256");
const kept = [];
for (let i = 0; i < 20000; i++) {
  const buffer = Buffer.alloc(100 + (i % 5000), i & 255);
  if (i % 50 === 0) kept.push(zlib.deflateSync(buffer));
  hash.update(buffer);
}
console.log(kept.length, hash.digest("hex"));
console.log(JSON.stringify(kept.map((k) => k.length)).length, new Map(kept.entries()).size);
