import { MemoryStore } from "../../lib/store/memory.ts";
import { contractSuite } from "./contract.ts";

contractSuite("MemoryStore", (subnets) => {
  const store = new MemoryStore(subnets);
  return Promise.resolve({ store, [Symbol.asyncDispose]: () => store.close() });
});
