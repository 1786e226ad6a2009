/**
 * Every route of the API. Loaded once the server serves, for it has time until then.
 *
 * @module
 */

import type { Feed } from "../feed.ts";
import type { Route } from "../route.ts";
import { EVENT_LIMITS, type EventLimits, eventRoutes } from "./events.ts";
import { leaseRoutes } from "./leases.ts";
import { poolRoutes } from "./pools.ts";
import { reservationRoutes } from "./reservations.ts";
import { serverRoutes } from "./servers.ts";
import type { Managed } from "./subject.ts";

export function apiRoutes(
  managed: Managed,
  feed: Feed,
  limits: EventLimits = EVENT_LIMITS,
): readonly Route[] {
  return [
    ...leaseRoutes(managed),
    ...reservationRoutes(managed),
    ...poolRoutes(managed),
    ...serverRoutes(managed),
    ...eventRoutes(feed, limits),
  ];
}
