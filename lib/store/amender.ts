/**
 * The configuration of subnets and a book's amendments to it, for stores that one server has to
 * itself.
 *
 * @module
 */

import type { Subnet } from "../config/model.ts";
import { inForce, noAmendments, propose, subnetFor } from "../lease/amendments.ts";
import type { Amended, Amendment, Amendments } from "../lease/management.ts";
import { type AmendmentText, differences } from "./amendment_text.ts";

/** What amendments come to, not yet in force. */
export interface Draft {
  /** What became of each, if the changes can be made durable. */
  readonly results: readonly Amended[];
  /** What is to be written. */
  readonly changes: readonly AmendmentText[];
  readonly amendments: ReadonlyMap<string, Amendments>;
}

export class Amender {
  #configured: readonly Subnet[];
  #subnets: readonly Subnet[];
  /** Of every subnet that has some, configured at present or not. */
  #amendments: ReadonlyMap<string, Amendments>;

  constructor(subnets: readonly Subnet[], amendments: ReadonlyMap<string, Amendments> = new Map()) {
    this.#configured = subnets;
    this.#amendments = amendments;
    this.#subnets = this.#inForce();
  }

  /** The subnets as they are in force. */
  get subnets(): readonly Subnet[] {
    return this.#subnets;
  }

  amendments(): readonly Amendments[] {
    return this.#configured.map(({ name = "" }) => this.#of(name));
  }

  /** Takes another configuration. */
  reconfigure(subnets: readonly Subnet[]): void {
    this.#configured = subnets;
    this.#subnets = this.#inForce();
  }

  /** What amendments come to, one after the other. */
  draft(amendments: readonly Amendment[]): Draft {
    const after = new Map(this.#amendments);
    const results = amendments.map((amendment): Amended => {
      const subnet = subnetFor(this.#configured, amendment);
      if ("problem" in subnet) return { kind: "refused", problem: subnet.problem };
      const name = subnet.name ?? "";
      const proposal = propose(subnet, after.get(name) ?? noAmendments(name), amendment);
      if (proposal.kind === "refused") return proposal;
      if (proposal.kind === "changed") after.set(name, proposal.amendments);
      return { kind: "done" };
    });
    const changes = [...after].flatMap(([name, one]) => {
      const before = this.#of(name);
      return one === before ? [] : differences(before, one);
    });
    return { results, changes, amendments: after };
  }

  /** Puts a draft in force, which is durable by now. */
  adopt({ amendments }: Draft): void {
    this.#amendments = amendments;
    this.#subnets = this.#inForce();
  }

  #of(name: string): Amendments {
    return this.#amendments.get(name) ?? noAmendments(name);
  }

  #inForce(): readonly Subnet[] {
    return this.#configured.map((subnet) =>
      inForce(subnet, this.#amendments.get(subnet.name ?? ""))
    );
  }
}
