import { Effect, Redacted } from "effect"
import { createSecureContext, getCACertificates } from "node:tls"
import { Agent, type Dispatcher, ProxyAgent } from "undici"
import type { Credentials, RegistryEndpoint } from "../domain/RegistryEndpoint.ts"
import { lookupPublic } from "./addressGuard.ts"
import { isConfiguredHost } from "./realm.ts"
import type { RegistryLimits } from "./RegistryLimits.ts"

/**
 * Connections to one registry and its token realms. Hosts that the config names may have any address, and
 * their certificate goes unverified under `insecure` (X16); any other host, a realm accepted by its domain,
 * must have a public address (X5) and a good certificate. A proxy resolves names itself, so behind one only
 * the certificate is left.
 */
export const openDispatchers = (endpoint: RegistryEndpoint, limits: RegistryLimits) =>
  Effect.gen(function* () {
    const configured = yield* opened(endpoint, limits, true)
    const others = yield* opened(endpoint, limits, false)
    return (url: URL): Dispatcher => (isConfiguredHost(endpoint, url) ? configured : others)
  })

const opened = (endpoint: RegistryEndpoint, limits: RegistryLimits, isConfigured: boolean) =>
  Effect.acquireRelease(
    Effect.sync(() => open(endpoint, limits, isConfigured)),
    (dispatcher) => Effect.promise(() => dispatcher.destroy())
  )

const open = (endpoint: RegistryEndpoint, limits: RegistryLimits, isConfigured: boolean): Dispatcher => {
  const { ca, clientCertificate, proxy } = endpoint
  const tls = {
    // Made once: a default store of 150 certificates is not to be parsed for every connection.
    secureContext: createSecureContext({
      // `ca` replaces Node's store, so the store comes along.
      ...(ca === undefined ? {} : { ca: [...getCACertificates("default"), ca] }),
      ...(clientCertificate === undefined || !isConfigured
        ? {}
        : { cert: clientCertificate.cert, key: Redacted.value(clientCertificate.key) })
    }),
    rejectUnauthorized: !(endpoint.insecure && isConfigured),
    timeout: limits.connectMs
  }
  const options: Agent.Options = {
    connections: limits.connections,
    pipelining: 1,
    allowH2: false,
    // Below the 60 s after which the usual servers close, and above most gaps between polls of one registry.
    keepAliveTimeout: 30_000,
    keepAliveMaxTimeout: 60_000
  }
  return proxy === undefined
    ? new Agent({ ...options, connect: isConfigured ? tls : { ...tls, lookup: lookupPublic } })
    : new ProxyAgent({
        ...options,
        uri: proxy.origin.href,
        ...(proxy.credentials === undefined ? {} : { token: basic(proxy.credentials) }),
        requestTls: tls,
        proxyTls: { timeout: limits.connectMs },
        connectTimeout: limits.connectMs,
        // A forward proxy often refuses CONNECT to any port but 443.
        proxyTunnel: false
      })
}

/** The `Basic` scheme's header value (RFC 7617). */
export const basic = ({ user, password }: Credentials): string =>
  `Basic ${Buffer.from(`${user}:${Redacted.value(password)}`).toString("base64")}`
