/**
 * What commands that talk to a running server are told: where it is, and the token.
 *
 * @module
 */

import { setting } from "../config/settings.ts";
import { environmentName, type Setting } from "../config/settings.ts";
import { environmentSource, readSettings } from "../config/sources.ts";
import { boolean, text, type ValueType } from "../config/types.ts";
import { messageOf } from "../config/operator_error.ts";
import { AdminClient, AdminError, type AdminPlace, type Token } from "./admin_client.ts";
import { type Arguments, type Flag, flagSource, ownFlag, settingFlag } from "./command.ts";
import type { Edges } from "./edges.ts";
import { tokenPlaces } from "./token_places.ts";

/** HOST:PORT, a URL, or the path of a unix socket. */
export const adminPlace: ValueType<AdminPlace> = {
  placeholder: "ADDRESS",
  wanted: "HOST:PORT, http://HOST:PORT, https://HOST:PORT, or the path of a unix socket",
  parse(given) {
    if (/^(unix:)?\.{0,2}\//.test(given)) {
      return { kind: "unix", path: given.replace(/^unix:(\/\/)?/, "") };
    }
    const match = /^(?:(https?):\/\/)?(?:\[([0-9a-f:.%]+)\]|([a-z0-9._-]*))(?::(\d{1,5}))?\/?$/i
      .exec(given);
    if (match === null) return undefined;
    const [, scheme, bracketed, name, port] = match;
    if (scheme === undefined && port === undefined) return undefined;
    const hostname = bracketed ?? name!;
    if (scheme !== undefined && hostname === "") return undefined;
    const secure = scheme?.toLowerCase() === "https";
    const number = port === undefined ? PORT : Number(port);
    if (number < 1 || number > 65535) return undefined;
    // "Every address" is a place to listen on; the one to ask is this machine's own.
    const everywhere = ["", "::", "0.0.0.0"].includes(hostname);
    return { kind: "tcp", secure, hostname: everywhere ? "127.0.0.1" : hostname, port: number };
  },
};

const PORT = 9842;
const GROUP = "Server";

/** The same names as the server's own settings, so that one environment does for both. */
const ROWS = {
  place: setting({
    flag: "admin-addr",
    group: GROUP,
    type: adminPlace,
    fallback: `127.0.0.1:${PORT}`,
    help: "Where the server answers: HOST:PORT, a URL, or a unix socket",
  }),
  tokenFile: setting({
    flag: "admin.token-file",
    group: GROUP,
    type: text("FILE", "the path of a file"),
    defaultNote: "ETCDHCP_ADMIN_TOKEN, or on this machine the server's own file",
    help: "The file with the token",
  }),
  ca: setting({
    flag: "admin.ca",
    group: GROUP,
    type: text("FILE", "the path of a PEM file"),
    help: "The authority that signed the server's certificate",
  }),
};

const JSON_ROW = setting({
  flag: "json",
  group: "Output",
  type: boolean,
  fallback: "false",
  help: "Print JSON, one value a line",
});

const TOKEN_VARIABLE = "ETCDHCP_ADMIN_TOKEN";

/** The flags that all commands to a server share, after their own. */
export const ADMIN_FLAGS: readonly Flag[] = [
  ownFlag(JSON_ROW),
  ...Object.values(ROWS).map((row) => settingFlag(row)),
];

/** What the shared flags came to. */
export interface Asking {
  readonly client: AdminClient;
  readonly json: boolean;
}

/**
 * Makes the client that the flags ask for; does not connect.
 *
 * @param problems takes one line for each thing that makes no sense; then nothing is returned.
 * @throws {AdminError} when a file cannot be read.
 */
export async function readAsking(
  args: Arguments,
  edges: Edges,
  problems: string[],
): Promise<Asking | undefined> {
  const rows = Object.values<Setting>(ROWS);
  const env = edges.environment([
    ...rows.map(environmentName),
    TOKEN_VARIABLE,
    ...tokenPlaces.names,
  ]);
  const settings = readSettings(
    ROWS,
    [flagSource(rows, args.flags), environmentSource(ROWS, env)],
    problems,
  );
  const { json } = readSettings({ json: JSON_ROW }, [flagSource([JSON_ROW], args.flags)], problems);
  if (problems.length > 0) return undefined;
  const place = settings.place.value;
  const given = env.get(TOKEN_VARIABLE);
  let tokens: readonly Token[];
  if (settings.tokenFile.value !== undefined && (settings.tokenFile.source === "flag" || !given)) {
    tokens = [await readToken(settings.tokenFile.value)];
  } else if (given) {
    tokens = [{ text: given.trim(), source: TOKEN_VARIABLE }];
  } else {
    // The tokens of this machine's server are none of another machine's business.
    tokens = isHere(place) ? await readOwnTokens(tokenPlaces.of(env, edges.user())) : [];
  }
  const client = new AdminClient({
    place,
    tokens,
    noToken: "this needs the server's token: give --admin.token-file FILE or " +
      `${TOKEN_VARIABLE}; the server keeps it in /var/lib/etcdhcp/admin-token unless told ` +
      "otherwise, for its own user and root to read",
    ca: settings.ca.value === undefined ? undefined : await readFile(settings.ca.value, "admin.ca"),
  });
  return { client, json: json.value };
}

function isHere(place: AdminPlace): boolean {
  return place.kind === "unix" || /^(localhost|127(\.\d+){3}|::1)$/i.test(place.hostname);
}

async function readFile(path: string, flag: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new AdminError(0, `cannot read ${path} (--${flag}): ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function readToken(path: string): Promise<Token> {
  const text = (await readFile(path, ROWS.tokenFile.flag)).trim();
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new AdminError(0, `${path} (--${ROWS.tokenFile.flag}) holds no token`);
  }
  return { text, source: path };
}

/** The tokens of the servers that may run here, as far as they can be read. */
async function readOwnTokens(paths: readonly string[]): Promise<readonly Token[]> {
  const tokens: Token[] = [];
  for (const path of paths) {
    try {
      tokens.push(await readToken(path));
    } catch (error) {
      // Not there, or not ours to read: then it is not the one to show.
      if (!(error instanceof AdminError)) throw error;
    }
  }
  return tokens;
}
