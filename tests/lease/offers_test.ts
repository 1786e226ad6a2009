import assert from "node:assert/strict";
import fc from "fast-check";
import { AddressSpace } from "../../lib/lease/address_set.ts";
import { type Offer, Offers } from "../../lib/lease/offers.ts";
import { formatIpv4, parseIpv4, parseRange } from "../../lib/wire/address.ts";
import { clientKey, clientNumber } from "./fixtures.ts";

const SPACE = new AddressSpace([parseRange("10.0.0.10-10.0.0.13")]);

function offer(client: string, address: string, until: number): Offer {
  return { subnet: "", client: clientKey(client), address: parseIpv4(address), until };
}

Deno.test("Offers.hold keeps one offer for each client and each address", () => {
  const offers = new Offers(SPACE);
  offers.hold(offer("aa:01", "10.0.0.10", 5));
  offers.hold(offer("aa:01", "10.0.0.11", 6));
  assert.equal(offers.size, 1);
  assert.equal(offers.ofAddress(parseIpv4("10.0.0.10")), undefined);
  offers.hold(offer("aa:02", "10.0.0.11", 7));
  assert.equal(offers.size, 1);
  assert.equal(offers.ofClient(clientKey("aa:01")), undefined);
  assert.equal(offers.ofAddress(parseIpv4("10.0.0.11"))?.client, clientKey("aa:02"));
  assert.equal(offers.addresses.size, 1);
});

Deno.test("Offers.withdraw forgets a client's offer, and nothing when it has none", () => {
  const offers = new Offers(SPACE);
  offers.hold(offer("aa:01", "10.0.0.10", 5));
  offers.withdraw(clientKey("aa:02"));
  assert.equal(offers.size, 1);
  offers.withdraw(clientKey("aa:01"));
  assert.equal(offers.size, 0);
  assert.equal(offers.addresses.has(parseIpv4("10.0.0.10")), false);
});

Deno.test("Offers.expire forgets what is over, and an offer made again counts from then", () => {
  const offers = new Offers(SPACE);
  offers.hold(offer("aa:01", "10.0.0.10", 30));
  offers.hold(offer("aa:02", "10.0.0.11", 31));
  offers.hold(offer("aa:01", "10.0.0.10", 40));
  offers.expire(30);
  assert.equal(offers.size, 2);
  offers.expire(31);
  assert.deepEqual([...offers.oldestFirst()].map(({ address }) => formatIpv4(address)), [
    "10.0.0.10",
  ]);
  offers.expire(40);
  assert.equal(offers.size, 0);
});

Deno.test("Offers keeps an address outside the pools too, as reservations may be", () => {
  const offers = new Offers(SPACE);
  offers.hold(offer("aa:01", "10.0.0.99", 5));
  assert.equal(offers.ofClient(clientKey("aa:01"))?.address, parseIpv4("10.0.0.99"));
  assert.equal(offers.addresses.size, 0);
});

Deno.test("Offers agrees with a plain list", () => {
  const operation = fc.record({
    kind: fc.constantFrom("hold", "hold", "withdraw", "expire"),
    client: fc.integer({ min: 0, max: 5 }).map(clientNumber),
    address: fc.integer({ min: 10, max: 14 }).map((n) => `10.0.0.${n}`),
    wait: fc.integer({ min: 0, max: 20 }),
  });
  fc.assert(fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
    const offers = new Offers(SPACE);
    let model: Offer[] = [];
    let now = 0;
    for (const { kind, client, address, wait } of operations) {
      now += wait;
      const made = offer(client, address, now + 30);
      if (kind === "hold") {
        offers.hold(made);
        model = model.filter((one) => one.client !== made.client && one.address !== made.address);
        model.push(made);
      } else if (kind === "withdraw") {
        offers.withdraw(made.client);
        model = model.filter((one) => one.client !== made.client);
      } else {
        offers.expire(now);
        model = model.filter((one) => one.until > now);
      }
      assert.deepEqual([...offers.oldestFirst()], model);
      assert.equal(offers.size, model.length);
      for (const one of model) {
        assert.equal(offers.ofClient(one.client), one);
        assert.equal(offers.ofAddress(one.address), one);
      }
      const pooled = model.filter((one) => SPACE.indexOf(one.address) >= 0);
      assert.equal(offers.addresses.size, pooled.length);
      for (const one of pooled) assert.ok(offers.addresses.has(one.address));
    }
  }));
});
