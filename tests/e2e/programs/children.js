// Children with pipes and statuses.
const { execFileSync, fork, spawnSync } = require("child_process");
if (process.argv[2] === "child") {
  process.on("message", (m) => process.send(m.map((x) => x * 2), () => process.exit(6)));
} else {
  console.log(execFileSync("sh", ["-c", "echo out"]).toString().trim());
  console.log(spawnSync("sh", ["-c", "kill -9 $$"]).signal, spawnSync("sh", ["-c", "exit 3"]).status);
  const child = fork(__filename, ["child"]);
  child.on("message", (m) => console.log(m.join()));
  child.on("exit", (status) => console.log(status));
  child.send([1, 2, 3]);
}
