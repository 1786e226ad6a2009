/**
 * What resolving a configuration needs of a file, so that whoever has none loads nothing that reads
 * one.
 *
 * @module
 */

import type { Ipv4 } from "../wire/address.ts";
import type { Hook, ServedInterface, Subnet } from "./model.ts";
import type { SETTINGS } from "./settings.ts";
import type { ResolvedTable, Source } from "./sources.ts";

/** Every setting, with the source that it came from. */
export type Settings = ResolvedTable<typeof SETTINGS>;

/** What the subnets of a file are settled with and checked against. */
export interface Surroundings {
  readonly settings: Settings;
  readonly interfaces: readonly ServedInterface[];
  /** Takes one line for each thing that is wrong. */
  readonly problems: string[];
  readonly warnings: string[];
  /** Takes where each value came from, by its place: "subnet[0].lease". */
  readonly origins: Map<string, string>;
}

/** A path that something names, and what to call it in a message. */
export interface NamedPath {
  readonly value: string;
  readonly label: string;
}

/** A configuration file that has been read. */
export interface ConfigFile {
  /** As it was named. */
  readonly path: string;
  /** Whether it is TOML at all; else `problems` says why not, and there is nothing more to it. */
  readonly isToml: boolean;
  /** One line for each thing that is wrong with it as far as its text alone tells. */
  readonly problems: readonly string[];
  readonly settings: Source;
  /** Whether it defines subnets; else flags or settings define the one. */
  readonly hasSubnets: boolean;
  /** Whether of the addresses of an interface this one is meant, as a subnet has it. */
  prefers(name: string, address: Ipv4): boolean;
  /** The subnets that make sense; what does not is told. */
  subnets(surroundings: Surroundings): readonly Subnet[];
  readonly hooks: readonly Hook[];
  /** Files that hooks need. */
  readonly needs: readonly NamedPath[];
}
