import { EPOCH } from "../../lease/fixtures.ts";
import { contractSuite } from "../contract.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeEtcd } from "./fake_etcd.ts";
import { Hasty, openStore, PREFIX, Timed } from "./fixtures.ts";

contractSuite("EtcdStore over a fake", async (subnets) => {
  const clock = new FakeClock(EPOCH);
  const etcd = new Hasty(new FakeEtcd(clock).connect(), `${PREFIX}test::marker`);
  const store = await openStore(etcd, clock, subnets, { holdFactor: 1 });
  const timed = new Timed(store, etcd, (now) => clock.skipTo(now));
  return { store: timed, [Symbol.asyncDispose]: () => timed.close() };
});
