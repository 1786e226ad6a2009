import assert from "node:assert/strict";
import fc from "fast-check";
import {
  addresses,
  boolean,
  choice,
  cidr,
  decimalNumber,
  domainName,
  duration,
  interfaceNames,
  ipv4List,
  listenAddress,
  macAddress,
  netmask,
  parseDuration,
  share,
  subnetName,
  webUrl,
  wholeNumber,
} from "../../lib/config/types.ts";
import { formatCidr, formatIpv4, formatRange } from "../../lib/wire/address.ts";

Deno.test("parseDuration reads what Go's time.ParseDuration reads", () => {
  const table: [string, number | undefined][] = [
    ["0", 0],
    ["1s", 1000],
    ["1h30m", 5_400_000],
    ["1.5h", 5_400_000],
    [".5s", 500],
    ["1.s", 1000],
    ["500ms", 500],
    ["90s", 90_000],
    ["1m1s1ms", 61_001],
    ["2us", 0.002],
    ["2µs", 0.002],
    ["2μs", 0.002],
    ["", undefined],
    ["3600", undefined],
    ["1x", undefined],
    ["1h30", undefined],
    ["s", undefined],
    [".s", undefined],
    ["-1s", undefined],
    ["1 h", undefined],
    ["1d", undefined],
    ["1e3s", undefined],
  ];
  for (const [text, wanted] of table) assert.equal(parseDuration(text), wanted, text);
});

Deno.test("parseDuration reads back any hours, minutes, seconds and milliseconds", () => {
  const part = fc.nat({ max: 10_000 });
  fc.assert(fc.property(part, part, part, part, (h, m, s, ms) => {
    assert.equal(
      parseDuration(`${h}h${m}m${s}s${ms}ms`),
      h * 3_600_000 + m * 60_000 + s * 1000 + ms,
    );
  }));
});

Deno.test("duration keeps its bounds and drops fractions of its unit", () => {
  const lease = duration("seconds", "1s", "4294967294s", "1h");
  assert.equal(lease.parse("1s"), 1);
  assert.equal(lease.parse("1900ms"), 1);
  assert.equal(lease.parse("999ms"), undefined);
  assert.equal(lease.parse("4294967294s"), 4294967294);
  assert.equal(lease.parse("4294967295s"), undefined);
  assert.equal(duration("milliseconds", "10ms", "1m", "2s").parse("2s"), 2000);
});

Deno.test("other types take and refuse", () => {
  const mask = (text: string) => netmask.parse(text);
  assert.equal(mask("255.255.255.0"), 24);
  assert.equal(mask("255.255.255.255"), 32);
  for (const bad of ["0.0.0.0", "255.0.255.0", "24", ""]) assert.equal(mask(bad), undefined, bad);

  const list = (text: string) => ipv4List.parse(text)?.map(formatIpv4);
  assert.deepEqual(list("10.0.0.1"), ["10.0.0.1"]);
  assert.deepEqual(list("10.0.0.1, 10.0.0.2"), ["10.0.0.1", "10.0.0.2"]);
  assert.deepEqual(list("none"), []);
  for (const bad of ["", "10.0.0.1,", "10.0.0", "0.0.0.0", "224.0.0.1", "255.255.255.255"]) {
    assert.equal(list(bad), undefined, bad);
  }

  const interfaces = (text: string) =>
    interfaceNames.parse(text)?.map(({ name, place }) =>
      place === undefined
        ? name
        : `${name}=${formatIpv4(place.address)} of ${formatCidr(place.cidr)}`
    );
  assert.deepEqual(interfaces("lan0,lan1.5"), ["lan0", "lan1.5"]);
  assert.deepEqual(interfaces("lan0=10.6.9.1/24, b"), ["lan0=10.6.9.1 of 10.6.9.0/24", "b"]);
  const notInterfaces = [
    ...["", "lan0,", "lan0,lan0", "a b", "a/b", "sixteen-letters-", "lan0=", "lan0=10.6.9.1"],
    ...["lan0=10.6.9.1/33", "lan0=10.6.9.1/0", "lan0=0.0.0.0/8", "lan0=10.6.9.1/24,lan0"],
  ];
  for (const bad of notInterfaces) {
    assert.equal(interfaceNames.parse(bad), undefined, bad);
  }

  assert.equal(choice("text", "json").parse("json"), "json");
  assert.equal(choice("text", "json").parse("JSON"), undefined);
  assert.equal(wholeNumber("N", 1, 10).parse("10"), 10);
  for (const bad of ["0", "11", "1.5", "-1", "0x1", ""]) {
    assert.equal(wholeNumber("N", 1, 10).parse(bad), undefined, bad);
  }
  for (const [good, value] of [["1", 1], ["10", 10], ["1.5", 1.5], ["10.0", 10]] as const) {
    assert.equal(decimalNumber("N", 1, 10).parse(good), value);
  }
  for (const bad of ["0.9", "10.1", "1.", ".5", "+2", "-1", "1e1", "NaN", "Infinity", "2x", ""]) {
    assert.equal(decimalNumber("N", 1, 10).parse(bad), undefined, bad);
  }
  assert.equal(domainName.parse("lan.example."), "lan.example");
  for (const bad of ["", "a..b", "-a", "a b", "x".repeat(64)]) {
    assert.equal(domainName.parse(bad), undefined, bad);
  }
  for (const yes of ["1", "t", "T", "true", "TRUE", "True"]) assert.equal(boolean.parse(yes), true);
  for (const no of ["0", "f", "F", "false", "FALSE", "False"]) {
    assert.equal(boolean.parse(no), false);
  }
  for (const bad of ["yes", "no", "", "tRUE"]) assert.equal(boolean.parse(bad), undefined, bad);
});

Deno.test("listenAddress reads Go's HOST:PORT", () => {
  assert.deepEqual(listenAddress.parse("127.0.0.1:9842"), { hostname: "127.0.0.1", port: 9842 });
  assert.deepEqual(listenAddress.parse(":9842"), { hostname: "::", port: 9842 });
  assert.deepEqual(listenAddress.parse("[::1]:0"), { hostname: "::1", port: 0 });
  assert.deepEqual(listenAddress.parse("localhost:80"), { hostname: "localhost", port: 80 });
  for (const bad of ["", "9842", "127.0.0.1", "127.0.0.1:", "::1:80", "a:65536", "a:b", "a b:1"]) {
    assert.equal(listenAddress.parse(bad), undefined, bad);
  }
});

Deno.test("types of the file take and refuse", () => {
  for (
    const [text, value] of [["90%", 0.9], ["0.9", 0.9], ["100%", 1], ["1", 1], ["0.5%", 0.005]]
  ) {
    assert.equal(share.parse(text as string), value, text as string);
  }
  for (const bad of ["", "0", "0%", "101%", "1.1", "-1%", "90 %", "9e1"]) {
    assert.equal(share.parse(bad), undefined, bad);
  }

  assert.equal(macAddress.parse("5C-96-56-A4-BE-EB"), "5c:96:56:a4:be:eb");
  assert.equal(macAddress.parse("5c:96:56:a4:be"), undefined);
  assert.equal(formatCidr(cidr.parse("10.6.9.0/24")!), "10.6.9.0/24");
  for (const bad of ["10.6.9.1/24", "10.6.9.0", "0.0.0.0/0", ""]) {
    assert.equal(cidr.parse(bad), undefined, bad);
  }

  const ranges: [string, string, boolean][] = [
    ["10.6.9.10-10.6.9.20", "10.6.9.10-10.6.9.20", false],
    ["10.6.9.10 - 10.6.9.20", "10.6.9.10-10.6.9.20", false],
    ["10.6.9.7", "10.6.9.7-10.6.9.7", false],
    ["10.6.9.64/26", "10.6.9.64-10.6.9.127", true],
  ];
  for (const [text, range, asSubnet] of ranges) {
    const found = addresses.parse(text)!;
    assert.deepEqual([formatRange(found.range), found.asSubnet], [range, asSubnet]);
  }
  for (const bad of ["", "10.6.9.20-10.6.9.10", "10.6.9.1/24", "10.6.9.300", "a-b"]) {
    assert.equal(addresses.parse(bad), undefined, bad);
  }

  for (const good of ["lan", "vlan-20", "2_x", "A"]) assert.equal(subnetName.parse(good), good);
  // The last ones would be taken for keys of the subnet without a name.
  for (const bad of ["", "a::b", "-a", "a b", "x".repeat(64), "ips", "nics", "leases", "servers"]) {
    assert.equal(subnetName.parse(bad), undefined, bad);
  }
  assert.equal(webUrl.parse("https://example.net/x"), "https://example.net/x");
  for (const bad of ["example.net", "ftp://example.net", "https://", ""]) {
    assert.equal(webUrl.parse(bad), undefined, bad);
  }
});
