import { lookup } from "node:dns"
import { BlockList, isIPv6, type LookupFunction } from "node:net"

/** RFC 6890 and its successors: what is not the public internet, cloud metadata (169.254/16) included. */
const notPublic = new BlockList()
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4]
] as const) {
  notPublic.addSubnet(network, bits, "ipv4")
}
for (const [network, bits] of [
  ["::", 127], // unspecified and loopback
  ["64:ff9b::", 96], // NAT64: an IPv4 address inside
  ["2002::", 16], // 6to4: likewise
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8]
] as const) {
  notPublic.addSubnet(network, bits, "ipv6")
}

/** True for addresses of the public internet; an IPv4 address written as IPv6 counts as what it is. */
export const isPublicAddress = (address: string): boolean =>
  !notPublic.check(address, isIPv6(address) ? "ipv6" : "ipv4")

/**
 * `dns.lookup` that fails if any address of the name is not public (X5). It runs at connect time, so a name
 * that changes its address between two looks gains nothing. An address in place of a name never comes here.
 */
export const lookupPublic: LookupFunction = (hostname, options, callback) =>
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, "", 0)
    const refused = addresses.find(({ address }) => !isPublicAddress(address))
    const first = addresses[0]
    if (refused !== undefined || first === undefined) {
      const words = `${hostname} resolves to ${refused?.address ?? "nothing"}, which only a host named in the config may`
      return callback(Object.assign(new Error(words), { code: "EREFUSEDADDRESS" }), "", 0)
    }
    if (options.all === true) return callback(null, addresses)
    return callback(null, first.address, first.family)
  })
