/**
 * Every option known by name: one row each, and the only place that knows an option's type.
 *
 * @module
 */

import {
  bool,
  bytes,
  classlessRoutes,
  clientFqdnCodec,
  domainList,
  flag,
  i32,
  ipv4,
  ipv4List,
  ipv4ListOrNone,
  ipv4Pairs,
  networkInterface as networkInterfaceCodec,
  plainDomainList,
  seconds,
  sipServersCodec,
  text,
  typedBytes,
  u16,
  u16List,
  u8,
  u8List,
  userClassCodec,
  vendorClasses as vendorClassesCodec,
  vendorOptions as vendorOptionsCodec,
} from "./codec.ts";
import { type Option, option } from "./options.ts";
import { relayInformation } from "./relay.ts";

export { type Option, option } from "./options.ts";

/** Values of {@linkcode messageType} (RFC 2132 section 9.6). */
export const MessageType = {
  DISCOVER: 1,
  OFFER: 2,
  REQUEST: 3,
  DECLINE: 4,
  ACK: 5,
  NAK: 6,
  RELEASE: 7,
  INFORM: 8,
} as const;
export type MessageType = typeof MessageType[keyof typeof MessageType];

const MESSAGE_TYPE_NAMES = new Map<number, string>(
  Object.entries(MessageType).map(([name, value]) => [value, name]),
);

/** The name of a message type, such as "DISCOVER"; "UNKNOWN" for any other number. */
export function messageTypeName(type: number): string {
  return MESSAGE_TYPE_NAMES.get(type) ?? "UNKNOWN";
}

// RFC 2132 section 3: from RFC 1497 ---------------------------------------------------------------

export const subnetMask = option(1, "subnet-mask", ipv4, "RFC 2132 section 3.3");
/** Seconds east of UTC. Superseded by {@linkcode posixTimezone}. */
export const timeOffset = option(2, "time-offset", i32, "RFC 2132 section 3.4");
export const router = option(3, "router", ipv4List, "RFC 2132 section 3.5");
export const timeServer = option(4, "time-server", ipv4List, "RFC 2132 section 3.6");
/** Of the protocol of IEN 116; the DNS is {@linkcode domainNameServer}. */
export const nameServer = option(5, "name-server", ipv4List, "RFC 2132 section 3.7");
export const domainNameServer = option(6, "domain-name-server", ipv4List, "RFC 2132 section 3.8");
export const logServer = option(7, "log-server", ipv4List, "RFC 2132 section 3.9");
export const cookieServer = option(8, "cookie-server", ipv4List, "RFC 2132 section 3.10");
export const lprServer = option(9, "lpr-server", ipv4List, "RFC 2132 section 3.11");
export const impressServer = option(10, "impress-server", ipv4List, "RFC 2132 section 3.12");
export const resourceLocationServer = option(
  11,
  "resource-location-server",
  ipv4List,
  "RFC 2132 section 3.13",
);
export const hostName = option(12, "host-name", text, "RFC 2132 section 3.14");
/** In blocks of 512 octets. */
export const bootFileSize = option(13, "boot-file-size", u16, "RFC 2132 section 3.15");
export const meritDumpFile = option(14, "merit-dump-file", text, "RFC 2132 section 3.16");
export const domainName = option(15, "domain-name", text, "RFC 2132 section 3.17");
export const swapServer = option(16, "swap-server", ipv4, "RFC 2132 section 3.18");
export const rootPath = option(17, "root-path", text, "RFC 2132 section 3.19");
export const extensionsPath = option(18, "extensions-path", text, "RFC 2132 section 3.20");

// RFC 2132 section 4: IP layer, per host ----------------------------------------------------------

export const ipForwarding = option(19, "ip-forwarding", bool, "RFC 2132 section 4.1");
export const nonLocalSourceRouting = option(
  20,
  "non-local-source-routing",
  bool,
  "RFC 2132 section 4.2",
);
/** Destinations and masks. */
export const policyFilter = option(21, "policy-filter", ipv4Pairs, "RFC 2132 section 4.3");
/** Octets, at least 576. */
export const maximumDatagramReassembly = option(
  22,
  "maximum-datagram-reassembly-size",
  u16,
  "RFC 2132 section 4.4",
);
/** Hops, 1 to 255. */
export const defaultIpTtl = option(23, "default-ip-ttl", u8, "RFC 2132 section 4.5");
export const pathMtuAgingTimeout = option(
  24,
  "path-mtu-aging-timeout",
  seconds,
  "RFC 2132 section 4.6",
);
/** Octets, at least 68, ascending. */
export const pathMtuPlateauTable = option(
  25,
  "path-mtu-plateau-table",
  u16List,
  "RFC 2132 section 4.7",
);

// RFC 2132 section 5: IP layer, per interface -----------------------------------------------------

/** Octets, at least 68. */
export const interfaceMtu = option(26, "interface-mtu", u16, "RFC 2132 section 5.1");
export const allSubnetsLocal = option(27, "all-subnets-local", bool, "RFC 2132 section 5.2");
export const broadcastAddress = option(28, "broadcast-address", ipv4, "RFC 2132 section 5.3");
export const performMaskDiscovery = option(
  29,
  "perform-mask-discovery",
  bool,
  "RFC 2132 section 5.4",
);
export const maskSupplier = option(30, "mask-supplier", bool, "RFC 2132 section 5.5");
export const performRouterDiscovery = option(
  31,
  "perform-router-discovery",
  bool,
  "RFC 2132 section 5.6",
);
export const routerSolicitationAddress = option(
  32,
  "router-solicitation-address",
  ipv4,
  "RFC 2132 section 5.7",
);
/** Destinations and routers, of classful networks; see {@linkcode classlessStaticRoute}. */
export const staticRoute = option(33, "static-route", ipv4Pairs, "RFC 2132 section 5.8");

// RFC 2132 sections 6 and 7: link layer and TCP ---------------------------------------------------

export const trailerEncapsulation = option(
  34,
  "trailer-encapsulation",
  bool,
  "RFC 2132 section 6.1",
);
export const arpCacheTimeout = option(35, "arp-cache-timeout", seconds, "RFC 2132 section 6.2");
/** False: Ethernet version 2; true: IEEE 802.3. */
export const ethernetEncapsulation = option(
  36,
  "ethernet-encapsulation",
  bool,
  "RFC 2132 section 6.3",
);
/** Hops, 1 to 255. */
export const tcpDefaultTtl = option(37, "tcp-default-ttl", u8, "RFC 2132 section 7.1");
/** Zero: none unless an application asks. */
export const tcpKeepaliveInterval = option(
  38,
  "tcp-keepalive-interval",
  seconds,
  "RFC 2132 section 7.2",
);
export const tcpKeepaliveGarbage = option(
  39,
  "tcp-keepalive-garbage",
  bool,
  "RFC 2132 section 7.3",
);

// RFC 2132 section 8: applications and services ---------------------------------------------------

export const nisDomain = option(40, "nis-domain", text, "RFC 2132 section 8.1");
export const nisServer = option(41, "nis-server", ipv4List, "RFC 2132 section 8.2");
export const ntpServer = option(42, "ntp-server", ipv4List, "RFC 2132 section 8.3");
/** What it means depends on the vendor that {@linkcode vendorClass} names. */
export const vendorSpecific = option(43, "vendor-specific", bytes, "RFC 2132 section 8.4");
export const netbiosNameServer = option(
  44,
  "netbios-name-server",
  ipv4List,
  "RFC 2132 section 8.5",
);
export const netbiosDatagramServer = option(
  45,
  "netbios-datagram-server",
  ipv4List,
  "RFC 2132 section 8.6",
);
/** 1 B-node, 2 P-node, 4 M-node, 8 H-node. */
export const netbiosNodeType = option(46, "netbios-node-type", u8, "RFC 2132 section 8.7");
export const netbiosScope = option(47, "netbios-scope", text, "RFC 2132 section 8.8");
export const xFontServer = option(48, "x-font-server", ipv4List, "RFC 2132 section 8.9");
export const xDisplayManager = option(49, "x-display-manager", ipv4List, "RFC 2132 section 8.10");

// RFC 2132 section 9: DHCP itself -----------------------------------------------------------------

export const requestedAddress = option(50, "requested-address", ipv4, "RFC 2132 section 9.1");
export const leaseTime = option(51, "lease-time", seconds, "RFC 2132 section 9.2");
/** How options travelled. Decoding takes it away and encoding decides it: see options.ts. */
export const overload = option(52, "overload", u8, "RFC 2132 section 9.3");
/** One of {@linkcode MessageType}, or another octet. */
export const messageType = option(53, "message-type", u8, "RFC 2132 section 9.6");
export const serverIdentifier = option(54, "server-identifier", ipv4, "RFC 2132 section 9.7");
/** Codes, the most wanted first. */
export const parameterRequestList = option(
  55,
  "parameter-request-list",
  u8List,
  "RFC 2132 section 9.8",
);
/** Why, in words: in a NAK, or in a DECLINE. */
export const message = option(56, "message", text, "RFC 2132 section 9.9");
/** Octets of an IP datagram, at least 576; see `maxReplySize`. */
export const maximumMessageSize = option(57, "maximum-message-size", u16, "RFC 2132 section 9.10");
/** T1, counted from the start of the lease. */
export const renewalTime = option(58, "renewal-time", seconds, "RFC 2132 section 9.11");
/** T2, counted from the start of the lease. */
export const rebindingTime = option(59, "rebinding-time", seconds, "RFC 2132 section 9.12");
export const vendorClass = option(60, "vendor-class", text, "RFC 2132 section 9.13");
/** Echoed in every reply (RFC 6842). */
export const clientIdentifier = option(
  61,
  "client-identifier",
  typedBytes,
  "RFC 2132 section 9.14, RFC 6842",
);

// Other documents, by code ------------------------------------------------------------------------

export const nwipDomain = option(62, "nwip-domain", text, "RFC 2242 section 2");
export const nwipInformation = option(63, "nwip-information", bytes, "RFC 2242 section 3");
export const nisPlusDomain = option(64, "nis-plus-domain", text, "RFC 2132 section 8.11");
export const nisPlusServer = option(65, "nis-plus-server", ipv4List, "RFC 2132 section 8.12");
/** Also where the boot file is, when `sname` holds options. */
export const tftpServerName = option(66, "tftp-server-name", text, "RFC 2132 section 9.4");
/** The boot file, when `file` holds options. */
export const bootFileName = option(67, "boot-file-name", text, "RFC 2132 section 9.5");
/** None: mobile IP has no home agent here. */
export const mobileIpHomeAgent = option(
  68,
  "mobile-ip-home-agent",
  ipv4ListOrNone,
  "RFC 2132 section 8.13",
);
export const smtpServer = option(69, "smtp-server", ipv4List, "RFC 2132 section 8.14");
export const pop3Server = option(70, "pop3-server", ipv4List, "RFC 2132 section 8.15");
export const nntpServer = option(71, "nntp-server", ipv4List, "RFC 2132 section 8.16");
export const wwwServer = option(72, "www-server", ipv4List, "RFC 2132 section 8.17");
export const fingerServer = option(73, "finger-server", ipv4List, "RFC 2132 section 8.18");
export const ircServer = option(74, "irc-server", ipv4List, "RFC 2132 section 8.19");
export const streetTalkServer = option(75, "street-talk-server", ipv4List, "RFC 2132 section 8.20");
export const streetTalkDirectory = option(
  76,
  "street-talk-directory",
  ipv4List,
  "RFC 2132 section 8.21",
);
export const userClass = option(77, "user-class", userClassCodec, "RFC 3004 section 4");
/** A client that sends it takes an ACK at once. */
export const rapidCommit = option(80, "rapid-commit", flag, "RFC 4039 section 4");
export const clientFqdn = option(81, "client-fqdn", clientFqdnCodec, "RFC 4702 section 2");
export const relayAgentInformation = option(
  82,
  "relay-agent-information",
  relayInformation,
  "RFC 3046 section 2",
);
export const ndsServer = option(85, "nds-server", ipv4List, "RFC 2241 section 2");
export const ndsTree = option(86, "nds-tree", text, "RFC 2241 section 3");
export const ndsContext = option(87, "nds-context", text, "RFC 2241 section 4");
export const bcmcsDomain = option(88, "bcmcs-domain", plainDomainList, "RFC 4280");
export const bcmcsServer = option(89, "bcmcs-server", ipv4List, "RFC 4280");
export const authentication = option(90, "authentication", bytes, "RFC 3118 section 2");
export const clientLastTransactionTime = option(
  91,
  "client-last-transaction-time",
  seconds,
  "RFC 4388 section 6.1",
);
export const associatedAddress = option(92, "associated-address", ipv4List, "RFC 4388 section 6.1");
/** 0 BIOS, 6 UEFI IA32, 7 and 9 UEFI x86-64, 11 UEFI ARM64, ... */
export const clientArchitecture = option(
  93,
  "client-architecture",
  u16List,
  "RFC 4578 section 2.1",
);
export const networkInterface = option(
  94,
  "network-interface",
  networkInterfaceCodec,
  "RFC 4578 section 2.2",
);
/** Type 0 is a UUID of 16 octets. */
export const clientMachineIdentifier = option(
  97,
  "client-machine-identifier",
  typedBytes,
  "RFC 4578 section 2.3",
);
export const userAuthentication = option(98, "user-authentication", text, "RFC 2485");
export const civicLocation = option(99, "civic-location", bytes, "RFC 4776");
/** As in the environment variable TZ. */
export const posixTimezone = option(100, "posix-timezone", text, "RFC 4833 section 2");
/** As in the tz database, such as "Europe/Zurich". */
export const tzdbTimezone = option(101, "tzdb-timezone", text, "RFC 4833 section 2");
/** How long to go without IPv4; at least 300 to have an effect. */
export const ipv6OnlyPreferred = option(
  108,
  "ipv6-only-preferred",
  seconds,
  "RFC 8925 section 3.1",
);
/** A URI. */
export const captivePortal = option(114, "captive-portal", text, "RFC 8910 section 2.1");
/** False: do not make up a link-local address. */
export const autoConfigure = option(116, "auto-configure", bool, "RFC 2563 section 2");
/** Codes of the naming services to ask, in order; 0 is the local files. */
export const nameServiceSearch = option(117, "name-service-search", u16List, "RFC 2937");
/** The subnet to take an address from, instead of giaddr's. */
export const subnetSelection = option(118, "subnet-selection", ipv4, "RFC 3011");
export const domainSearch = option(119, "domain-search", domainList, "RFC 3397 section 2");
export const sipServers = option(120, "sip-servers", sipServersCodec, "RFC 3361 section 3");
/** A client that asks for it ignores {@linkcode router}, so it carries the default route too. */
export const classlessStaticRoute = option(
  121,
  "classless-static-route",
  classlessRoutes,
  "RFC 3442",
);
export const cableLabs = option(122, "cablelabs", bytes, "RFC 3495");
export const geoLocation = option(123, "geo-location", bytes, "RFC 6225");
export const vendorClasses = option(
  124,
  "vendor-identifying-class",
  vendorClassesCodec,
  "RFC 3925 section 3",
);
export const vendorOptions = option(
  125,
  "vendor-identifying-specific",
  vendorOptionsCodec,
  "RFC 3925 section 4",
);
export const capwapController = option(138, "capwap-controller", ipv4List, "RFC 5417");
export const sipDomains = option(141, "sip-domains", plainDomainList, "RFC 6011");
/** Algorithms that the client can authenticate a FORCERENEW with. */
export const forcerenewNonce = option(145, "forcerenew-nonce", bytes, "RFC 6704");
/** Flags, two resolvers, and the domains that they know best. */
export const dnsSelection = option(146, "dns-selection", bytes, "RFC 6731");
export const tftpServerAddress = option(150, "tftp-server-address", ipv4List, "RFC 5859");
/** Where the device's maker describes what it needs of the network. */
export const mudUrl = option(161, "mud-url", text, "RFC 8520");
export const pxelinuxMagic = option(208, "pxelinux-magic", bytes, "RFC 5071 section 3");
export const pxelinuxConfigFile = option(209, "pxelinux-config-file", text, "RFC 5071 section 4");
export const pxelinuxPathPrefix = option(210, "pxelinux-path-prefix", text, "RFC 5071 section 5");
export const pxelinuxRebootTime = option(
  211,
  "pxelinux-reboot-time",
  seconds,
  "RFC 5071 section 6",
);
export const sixRapidDeployment = option(212, "6rd", bytes, "RFC 5969 section 7.1.1");
export const accessDomain = option(213, "access-domain", plainDomainList, "RFC 5986");
export const subnetAllocation = option(220, "subnet-allocation", bytes, "RFC 6656");
/** A type octet, then the name of a virtual network. */
export const virtualSubnetSelection = option(221, "vss", bytes, "RFC 6607 section 3.1");
/** As {@linkcode classlessStaticRoute}, for Windows before Vista and devices that followed it. */
export const microsoftClasslessStaticRoute = option(
  249,
  "microsoft-classless-static-route",
  classlessRoutes,
  "MS-DHCPE",
);
/** URL of a proxy configuration script. */
export const webProxyAutoDiscovery = option(
  252,
  "wpad",
  text,
  "draft-ietf-wrec-wpad-01",
);

/** Every row, by ascending code. */
export const OPTIONS: readonly Option<unknown>[] = [
  subnetMask,
  timeOffset,
  router,
  timeServer,
  nameServer,
  domainNameServer,
  logServer,
  cookieServer,
  lprServer,
  impressServer,
  resourceLocationServer,
  hostName,
  bootFileSize,
  meritDumpFile,
  domainName,
  swapServer,
  rootPath,
  extensionsPath,
  ipForwarding,
  nonLocalSourceRouting,
  policyFilter,
  maximumDatagramReassembly,
  defaultIpTtl,
  pathMtuAgingTimeout,
  pathMtuPlateauTable,
  interfaceMtu,
  allSubnetsLocal,
  broadcastAddress,
  performMaskDiscovery,
  maskSupplier,
  performRouterDiscovery,
  routerSolicitationAddress,
  staticRoute,
  trailerEncapsulation,
  arpCacheTimeout,
  ethernetEncapsulation,
  tcpDefaultTtl,
  tcpKeepaliveInterval,
  tcpKeepaliveGarbage,
  nisDomain,
  nisServer,
  ntpServer,
  vendorSpecific,
  netbiosNameServer,
  netbiosDatagramServer,
  netbiosNodeType,
  netbiosScope,
  xFontServer,
  xDisplayManager,
  requestedAddress,
  leaseTime,
  overload,
  messageType,
  serverIdentifier,
  parameterRequestList,
  message,
  maximumMessageSize,
  renewalTime,
  rebindingTime,
  vendorClass,
  clientIdentifier,
  nwipDomain,
  nwipInformation,
  nisPlusDomain,
  nisPlusServer,
  tftpServerName,
  bootFileName,
  mobileIpHomeAgent,
  smtpServer,
  pop3Server,
  nntpServer,
  wwwServer,
  fingerServer,
  ircServer,
  streetTalkServer,
  streetTalkDirectory,
  userClass,
  rapidCommit,
  clientFqdn,
  relayAgentInformation,
  ndsServer,
  ndsTree,
  ndsContext,
  bcmcsDomain,
  bcmcsServer,
  authentication,
  clientLastTransactionTime,
  associatedAddress,
  clientArchitecture,
  networkInterface,
  clientMachineIdentifier,
  userAuthentication,
  civicLocation,
  posixTimezone,
  tzdbTimezone,
  ipv6OnlyPreferred,
  captivePortal,
  autoConfigure,
  nameServiceSearch,
  subnetSelection,
  domainSearch,
  sipServers,
  classlessStaticRoute,
  cableLabs,
  geoLocation,
  vendorClasses,
  vendorOptions,
  capwapController,
  sipDomains,
  forcerenewNonce,
  dnsSelection,
  tftpServerAddress,
  mudUrl,
  pxelinuxMagic,
  pxelinuxConfigFile,
  pxelinuxPathPrefix,
  pxelinuxRebootTime,
  sixRapidDeployment,
  accessDomain,
  subnetAllocation,
  virtualSubnetSelection,
  microsoftClasslessStaticRoute,
  webProxyAutoDiscovery,
];

const BY_CODE = new Map(OPTIONS.map((option) => [option.code, option]));
const BY_NAME = new Map(OPTIONS.map((option) => [option.name, option]));

/** The row of an option's code; undefined when there is none. */
export function optionByCode(code: number): Option<unknown> | undefined {
  return BY_CODE.get(code);
}

/** The row of an option's name, such as "lease-time"; undefined when there is none. */
export function optionByName(name: string): Option<unknown> | undefined {
  return BY_NAME.get(name);
}
