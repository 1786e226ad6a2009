/** What `store_process.ts` leases from. */

import { subnetOf } from "../lease/fixtures.ts";

export const FLOOD_SUBNET = subnetOf({ cidr: "10.0.0.0/16", pools: ["10.0.1.0-10.0.9.255"] });
