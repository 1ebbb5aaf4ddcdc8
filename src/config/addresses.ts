import { Option, Redacted } from "effect"
import { parseImageName } from "../domain/ImageReference.ts"
import type { Credentials, RegistryEndpoint } from "../domain/RegistryEndpoint.ts"
import { type Field, matching, text } from "./Field.ts"

export interface ListenAddress {
  readonly host: string
  readonly port: number
}
const hostAndPort =
  /^(?<host>|\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)*):(?<port>\d{1,5})$/

/** Without a host it is every address of IPv4: a socket of both families fails where IPv6 is off. */
export const listenAddress: Field<ListenAddress> = text(
  'host:port with a port from 0 to 65535, such as "127.0.0.1:8080", ":8080" or "[::1]:8080"',
  (text) => {
    const { host, port } = hostAndPort.exec(text)?.groups ?? {}
    if (host === undefined || Number(port) > 65_535) return undefined
    // A host of digits and dots, or in brackets, is an address or nothing: the URL parser knows which.
    if (host !== "" && !URL.canParse(`http://${host}/`)) return undefined
    return { host: host === "" ? "0.0.0.0" : host.replace(/^\[|\]$/g, ""), port: Number(port) }
  }
)

const isHost = (text: string): boolean => {
  const image = parseImageName(`${text}/image`)
  // The grammar reads a lone word as part of a path: it is no host to an image reference.
  if (Option.isNone(image) || text.includes("/") || image.value.repository.startsWith(`${text}/`))
    return false
  // The grammar has ports and addresses that are none, such as :70000 and 300.0.0.1.
  return URL.canParse(`http://${text}/`) && !/:0*$/.test(text)
}
const hostExpected =
  'a host, with its port where it is not the usual one, such as "registry.example.com:5000"'
/** As image references have it: with a dot, a port or the name `localhost`, else it would be a path. */
export const registryDomain: Field<string> = text(hostExpected, (text) => (isHost(text) ? text : undefined))

/** Path components as image references have them, or nothing. */
export const registryPrefix: Field<string> = text(
  'lower-case path components such as "team/backend", without / at the ends',
  (text) => (text === "" || Option.isSome(parseImageName(`localhost/${text}`)) ? text : undefined)
)

export const imageName: Field<string> = text(
  'an image name without tag, such as "registry.example.com/team/api"',
  (text) => (Option.isSome(parseImageName(text)) ? text : undefined)
)

const utf8 = new TextDecoder("utf-8", { fatal: true })
const decodeBase64 = (encoded: string): string | undefined => {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(encoded)) return undefined
  try {
    return utf8.decode(Buffer.from(encoded, "base64"))
  } catch {
    return undefined
  }
}

/**
 * Base64 of `user:password`, as in docker's own `auths`; empty is anonymous. The line end that
 * `echo user:password | base64` encodes with them is no part of the password.
 */
export const registryAuth: Field<Credentials | null> = {
  ...text<Credentials | null>("base64 of user:password, or nothing for anonymous access", (text) => {
    if (text === "") return null
    const [, user, password] = /^([^:\s]+):(.+?)\r?\n?$/.exec(decodeBase64(text) ?? "") ?? []
    return user === undefined || password === undefined
      ? undefined
      : { user, password: Redacted.make(password) }
  }),
  isSecret: true,
  absent: { value: null }
}

export const httpUrl: Field<string> = text("an http:// or https:// URL", (text) =>
  /^https?:\/\/[^\s]+$/.test(text) && URL.canParse(text) ? text : undefined
)

const decodePercent = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

export const proxyUrl: Field<NonNullable<RegistryEndpoint["proxy"]>> = {
  ...text("an http:// or https:// URL without a path, such as http://proxy.example.com:3128", (text) => {
    const url = httpUrl.read(text) === undefined ? undefined : new URL(text)
    if (url === undefined || url.pathname !== "/" || url.search !== "" || url.hash !== "") return undefined
    const origin = new URL(url.origin)
    if (url.username === "") return url.password === "" ? { origin, credentials: undefined } : undefined
    const [user, password] = [decodePercent(url.username), decodePercent(url.password)]
    if (user === undefined || password === undefined) return undefined
    return { origin, credentials: { user, password: Redacted.make(password) } }
  }),
  isSecret: true
}

// What follows the scheme is the driver's to judge: its grammar has sockets and options that no URL has.
export const postgresUrl: Field<string> = matching(
  "a postgresql://user:password@host:5432/database URL",
  /^postgres(?:ql)?:\/\/[^\s]+$/
)
