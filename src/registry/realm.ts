import { Result } from "effect"
import { isIP } from "node:net"
import type { RegistryEndpoint } from "../domain/RegistryEndpoint.ts"

/**
 * The URL of a challenge's realm, if a registry's credentials may go there (X2), else why not. `request` is
 * the URL that was challenged: a realm may be relative to it.
 *
 * Besides the registry's own host:port and the hosts in `auth_realms`, a name is accepted under the same
 * registrable domain (`registry.gitlab.com` and `gitlab.com`). Without the list of public suffixes that
 * domain is taken to be the last two labels; the last three under a country's `co.uk` or `com.au` and where
 * the two are a platform that gives each customer a name.
 */
export const acceptRealm = (
  endpoint: RegistryEndpoint,
  request: URL,
  realm: string
): Result.Result<URL, string> => {
  const url = URL.parse(realm, request.href)
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return Result.fail("the token realm is no http or https URL")
  }
  if (url.username !== "" || url.password !== "") return Result.fail("the token realm names a user")
  const said = `the token realm ${url.origin}`
  if (url.protocol === "http:" && endpoint.origin.protocol === "https:") {
    return Result.fail(`${said} is not https`)
  }
  if (url.host === endpoint.origin.host || isListed(endpoint, url)) return Result.succeed(url)
  const domain = registrableDomain(url.hostname)
  return domain !== undefined && domain === registrableDomain(endpoint.origin.hostname)
    ? Result.succeed(url)
    : Result.fail(`${said} is neither the registry's own domain nor in auth_realms`)
}

/** True for hosts that a person wrote into the config: the registry's own, and `auth_realms`. */
export const isConfiguredHost = (endpoint: RegistryEndpoint, url: URL): boolean =>
  url.hostname === endpoint.origin.hostname || isListed(endpoint, url)

const isListed = ({ authRealms }: RegistryEndpoint, url: URL): boolean =>
  authRealms.some((host) => URL.parse(`${url.protocol}//${host}`)?.host === url.host)

/** Platforms under which every customer has a name of their own. */
const shared: ReadonlySet<string> = new Set([
  "amazonaws.com",
  "azurecr.io",
  "azurewebsites.net",
  "cloudfront.net",
  "fly.dev",
  "github.io",
  "gitlab.io",
  "herokuapp.com",
  "ngrok.io",
  "pkg.dev",
  "run.app",
  "workers.dev"
])

const registrableDomain = (hostname: string): string | undefined => {
  const labels = hostname.replace(/\.$/, "").split(".")
  if (isIP(hostname) !== 0 || hostname.startsWith("[") || labels.length < 2) return undefined
  const [second = "", top = ""] = labels.slice(-2)
  const isSuffix = (top.length === 2 && second.length <= 3) || shared.has(`${second}.${top}`)
  if (!isSuffix) return `${second}.${top}`
  return labels.length < 3 ? undefined : labels.slice(-3).join(".")
}
