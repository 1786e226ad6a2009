import assert from "node:assert/strict";
import { experimental } from "@grpc/grpc-js";
import { type Lookup, NameResolver, targetOf } from "../../../lib/store/etcd/names.ts";

/** A resolver of etcd1:2379, what it has told, and how to wait for more. */
function resolving(lookup: Lookup) {
  const told: string[] = [];
  let wake = () => {};
  const target = { scheme: "etcdhcp", path: "etcd1.site.test:2379" };
  const resolver = new NameResolver(
    target,
    (result) => {
      told.push(
        result.ok
          ? result.value.map(experimental.endpointToString).join(" ")
          : `failure: ${result.error.details}`,
      );
      wake();
      return true;
    },
    {},
    lookup,
  );
  const next = () => new Promise<void>((resolve) => wake = resolve);
  return { resolver, told, next };
}

Deno.test("targetOf looks names up and takes addresses as they are", () => {
  const secure = false;
  assert.equal(targetOf({ host: "etcd1", port: 2379, secure }), "etcdhcp:etcd1:2379");
  assert.equal(targetOf({ host: "10.0.0.5", port: 2379, secure }), "ipv4:10.0.0.5:2379");
  assert.equal(targetOf({ host: "fd00::5", port: 2379, secure }), "ipv6:[fd00::5]:2379");
});

Deno.test("NameResolver tells the addresses with the port, and why there are none", async () => {
  const answers = [() => ["10.0.0.5", "10.0.0.6"], () => {
    throw new Error("it has no address");
  }];
  const asked: string[] = [];
  const { resolver, told, next } = resolving((host) => {
    asked.push(host);
    return Promise.try(answers[asked.length - 1]!);
  });
  for (let i = 0; i < 2; i++) {
    const more = next();
    resolver.updateResolution();
    // Another wish while the name is being read is the same wish.
    resolver.updateResolution();
    await more;
  }
  resolver.destroy();
  assert.deepEqual(asked, ["etcd1.site.test", "etcd1.site.test"]);
  assert.deepEqual(told, [
    "[10.0.0.5:2379] [10.0.0.6:2379]",
    "failure: Name resolution failed: it has no address",
  ]);
});

Deno.test("NameResolver says nothing once it is destroyed, and gives the reading up", async () => {
  let given: AbortSignal | undefined;
  const answer = Promise.withResolvers<readonly string[]>();
  const { resolver, told } = resolving((_, signal) => {
    given = signal;
    return answer.promise;
  });
  resolver.updateResolution();
  resolver.destroy();
  assert.equal(given?.aborted, true);
  answer.resolve(["10.0.0.5"]);
  await answer.promise;
  await Promise.resolve();
  assert.deepEqual(told, []);
});
