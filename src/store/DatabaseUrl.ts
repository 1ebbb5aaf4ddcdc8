import type { PgConnection } from "@effect/sql-pg"
import { Duration, Redacted, Result } from "effect"
import { readFileSync } from "node:fs"
import type { ConnectionOptions } from "node:tls"
import { BadDatabaseUrl } from "./StartError.ts"

/** Where a Postgres is, how its connections are encrypted, and how it is named in messages. */
export interface DatabaseAddress {
  /** `host:port/database`, without user and password. */
  readonly where: string
  readonly connection: PgConnection.Config
  /** Transports to try in this order until one is taken; `false` is none. Two for `prefer` and `allow`. */
  readonly transports: ReadonlyArray<false | ConnectionOptions>
}

const shape =
  /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?(\[[0-9a-fA-F:.]+\]|[^/?#:@]*)(?::([^/?#:@]*))?(?:\/([^?#/]*))?(?:\?([^#]*))?$/

/** What libpq knows and has no meaning here: the driver has one way only. */
const ignored: ReadonlySet<string> = new Set([
  "client_encoding",
  "fallback_application_name",
  "gssencmode",
  "keepalives",
  "keepalives_count",
  "keepalives_idle",
  "keepalives_interval",
  "sslcompression",
  "sslsni",
  "target_session_attrs",
  "tcp_user_timeout"
])

class Problem extends Error {}
const refuse = (problem: string): never => {
  throw new Problem(problem)
}

const decode = (text: string, what: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return refuse(`the percent-encoding of ${what} is broken`)
  }
}

const read = (file: string, key: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch (cause) {
    return refuse(`${key} names ${file}, which can not be read (${(cause as NodeJS.ErrnoException).code})`)
  }
}

/**
 * What libpq's `sslmode` means (PostgreSQL 18, 32.19.1): below `verify-ca` nobody's certificate is verified; `require`
 * with a root certificate is `verify-ca`. Without `sslrootcert`, Node's own authorities are trusted.
 */
const transports = (of: (key: string) => string | undefined): DatabaseAddress["transports"] => {
  // JDBC's word, which libpq takes in a URL with this value alone (32.1.1.2).
  const ssl = of("ssl") ?? "true"
  if (ssl !== "true") refuse(`ssl is ${JSON.stringify(ssl)}, and may be true alone; sslmode has the others`)
  const mode = of("sslmode") ?? (of("ssl") === undefined ? "prefer" : "require")
  const rootFile = of("sslrootcert")
  const [certFile, keyFile] = [of("sslcert"), of("sslkey")]
  if ((certFile === undefined) !== (keyFile === undefined)) refuse("sslcert and sslkey belong together")
  const client = {
    ...(certFile !== undefined && { cert: read(certFile, "sslcert") }),
    ...(keyFile !== undefined && { key: read(keyFile, "sslkey") })
  }
  const unverified = { ...client, rejectUnauthorized: false }
  const full = {
    ...client,
    rejectUnauthorized: true,
    ...(rootFile !== undefined && rootFile !== "system" && { ca: read(rootFile, "sslrootcert") })
  }
  const chainOnly = { ...full, checkServerIdentity: () => undefined }
  switch (mode) {
    case "disable":
      return [false]
    case "allow":
      return [false, unverified]
    case "prefer":
      return [unverified, false]
    case "require":
      return [rootFile === undefined ? unverified : chainOnly]
    case "verify-ca":
      return [chainOnly]
    case "verify-full":
      return [full]
    default:
      return refuse(
        `sslmode is ${JSON.stringify(mode)}, and may be disable, allow, prefer, require, verify-ca or verify-full`
      )
  }
}

const parse = (text: string): DatabaseAddress => {
  if (!/^postgres(ql)?:\/\//.test(text)) refuse("it does not begin with postgres:// or postgresql://")
  const parts = shape.exec(text)
  if (parts === null) {
    return refuse(
      "it is not postgres://USER:PASSWORD@HOST:PORT/DATABASE?KEY=VALUE (in user and password, other characters than letters and digits are percent-encoded)"
    )
  }
  const [, userinfo = "", hostname = "", portText = "", path = "", query = ""] = parts
  const asked = new Map<string, string>()
  for (const pair of query.split("&").filter((each) => each !== "")) {
    const [key = "", value] = pair.split("=", 2)
    if (value === undefined) refuse(`the parameter ${decode(key, "a parameter")} has no value`)
    asked.set(decode(key, "a parameter"), decode(value ?? "", key))
  }
  const used = new Set<string>()
  const of = (key: string): string | undefined => {
    used.add(key)
    return asked.get(key)
  }

  const colon = userinfo.indexOf(":")
  const user = of("user") ?? decode(colon === -1 ? userinfo : userinfo.slice(0, colon), "the user")
  const password =
    of("password") ?? (colon === -1 ? undefined : decode(userinfo.slice(colon + 1), "the password"))
  const host = of("host") ?? decode(hostname.replace(/^\[(.*)\]$/, "$1"), "the host")
  const port = Number((of("port") ?? portText) || "5432")
  const database = (of("dbname") ?? decode(path, "the database")) || user
  if (host === "") refuse("it names no host")
  if (host.includes(",")) refuse("it names several hosts, and one is needed")
  if (user === "") refuse("it names no user")
  if (!Number.isInteger(port) || port < 1 || port > 65_535) refuse("its port is not a number from 1 to 65535")
  const seconds = Number(of("connect_timeout") ?? "5")
  if (!Number.isInteger(seconds) || seconds < 1) refuse("connect_timeout is not a number of seconds")
  const applicationName = of("application_name")
  const options = of("options")
  if (of("channel_binding") === "require") refuse("channel_binding=require is not supported")
  const isSocket = host.startsWith("/")
  const tried = transports(of)
  const unknown = [...asked.keys()].find((key) => !used.has(key) && !ignored.has(key))
  if (unknown !== undefined) refuse(`the parameter ${JSON.stringify(unknown)} is not known`)

  return {
    where: `${host.includes(":") ? `[${host}]` : host}:${port}/${database}`,
    connection: {
      host,
      port,
      database,
      username: user,
      connectTimeout: Duration.seconds(seconds),
      keepAlive: Duration.seconds(10),
      applicationName: applicationName ?? "registrywatcher",
      ...(password !== undefined && { password: Redacted.make(password) }),
      ...(options !== undefined && { startupOptions: options })
    },
    // libpq as well encrypts no unix socket, whatever sslmode says.
    transports: isSocket ? [false] : tried
  }
}

/** Reads a URL as libpq does (PostgreSQL 18, 32.1.1.2), with one host. */
export const parseDatabaseUrl = (url: Redacted.Redacted): Result.Result<DatabaseAddress, BadDatabaseUrl> => {
  try {
    return Result.succeed(parse(Redacted.value(url)))
  } catch (problem) {
    if (problem instanceof Problem) return Result.fail(new BadDatabaseUrl({ problem: problem.message }))
    throw problem
  }
}
