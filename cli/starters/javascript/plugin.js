// Serves a folder over HTTP, with the target's own Python or from a container image.

import { reported } from "./chandlery.js";

export const plan = reported((request) => {
  // As chandlery.toml describes them.
  const { port, replicas, image } = JSON.parse(request.parameters);
  const web = {
    name: "web",
    kind: "service",
    runtime: runtime(request.target, image),
    // One word each, never a text that is split: a parameter's value is then one argument. Refuse one that begins
    // with a dash, and write its $ as $$.
    command: ["python3", "-m", "http.server", "$(PORT)"],
    env: [{ name: "PORT", value: { tag: "port", val: "http" } }],
    resources: { cpuMillis: 500, memoryMib: 128, scratchMib: 0 },
    scale: { replicasMin: replicas, replicasMax: replicas, nodesPerReplica: 1, spotOk: false },
    ports: [{ name: "http", number: port, protocol: "http" }],
    readiness: {
      check: { tag: "http", val: { port: "http", path: "/" } },
      periodSeconds: 1,
      timeoutSeconds: 30,
    },
    volumes: [],
    restart: "always",
    graceSeconds: 10,
  };
  return { workloads: [web], notes: ["Look at it: curl http://ADDRESS/"] };
});

function runtime(target, image) {
  const can = (kind) => target.runtimes.includes(kind);
  if (image && can("container")) return { tag: "container", val: image };
  if (can("host")) return { tag: "host" };
  throw [{ parameter: "/image", message: `target '${target.name}' runs containers: name an image` }];
}
