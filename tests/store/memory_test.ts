import type { Subnet } from "../../lib/config/model.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { clockSetSuite } from "./clock_set.ts";
import { contractSuite } from "./contract.ts";

function open(subnets: readonly Subnet[]) {
  const store = new MemoryStore(subnets);
  return Promise.resolve({ store, [Symbol.asyncDispose]: () => store.close() });
}

contractSuite("MemoryStore", open);
clockSetSuite("MemoryStore", open);
