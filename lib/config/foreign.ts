/**
 * Configuration files of other DHCP servers, known by their looks.
 *
 * @module
 */

/** Looked for in this order, in text that is no TOML and has lost its comments. */
const LANGUAGES: readonly (readonly [RegExp, string])[] = [
  [/^\{[^]*"(?:Dhcp4|Dhcp6|Control-agent)"\s*:/, "Kea's JSON"],
  [/^\{\s*["}]/, "JSON"],
  [
    /^[ \t]*(?:subnet [\d.]+ netmask|shared-network |host \S+ *\{|(?:default|max)-lease-time \d+ *;|option [\w.-]+ [^;=\n]+;|ddns-update-style |authoritative *;)/m,
    "ISC dhcpd's dhcpd.conf",
  ],
  [
    /^[ \t]*(?:dhcp-(?:range|host|option|option-force|boot|leasefile|authoritative|match|userclass|vendorclass)\b|no-resolv *$|bogus-priv *$|domain-needed *$)/m,
    "dnsmasq's dnsmasq.conf",
  ],
];

/** Whose language it is: "Kea's JSON"; undefined when it looks like nobody's. */
export function foreignLanguage(text: string): string | undefined {
  // One at a time, so that no banner of ##### takes long.
  const bare = text.replaceAll(/^[ \t]*(?:#|\/\/).*$/gm, "").replaceAll(/\/\*[^]*?\*\//g, "")
    .trim();
  return LANGUAGES.find(([looks]) => looks.test(bare))?.[1];
}
