import { Effect, Option, Redacted } from "effect"
import { isAbsolute, join } from "node:path"
import { parseImageName } from "../domain/ImageReference.ts"
import type { RegistryEndpoint } from "../domain/RegistryEndpoint.ts"
import { registryDomain } from "./addresses.ts"
import type { Section } from "./Document.ts"
import { type Findings, shown } from "./Findings.ts"
import type { registryKeys } from "./keys.ts"
import { readPem } from "./readPem.ts"

/** A registry of the config, with what its repositories need to know of it. */
export interface Registry {
  readonly endpoint: RegistryEndpoint
  /** As image references name it: `docker.io` for each of Docker Hub's hosts. */
  readonly host: string
  readonly prefix: string
}

const tlsKeys = ["ca_file", "insecure", "client_cert_file", "client_key_file"] as const

/** Undefined for a table with a wrong key; a contradiction in it is a problem, too. Files are read. */
export const registryEndpoint = Effect.fn("registryEndpoint")(function* (
  name: string,
  { all, place, key, good }: Section<typeof registryKeys>,
  directory: string,
  findings: Findings
) {
  if (good.registry_scheme === "http") {
    for (const option of tlsKeys) {
      const value = good[option]
      if (value === undefined || value === false) continue
      findings.problem(place(option), key(option), 'registry_scheme = "https" beside it', '"http"')
    }
    if (good.registry_auth != null) {
      findings.warning(place("registry_auth"), key("registry_auth"), "is sent in clear text, over http")
    }
  }
  if (good.insecure === true && good.registry_scheme !== "http") {
    findings.warning(place("insecure"), key("insecure"), "the certificate of this registry is not verified")
  }
  for (const [index, realm] of (good.auth_realms ?? []).entries()) {
    if (registryDomain.read(realm) !== undefined) continue
    findings.problem(
      place("auth_realms", index),
      key("auth_realms", index),
      registryDomain.expected,
      shown(realm)
    )
  }
  const { client_cert_file: certFile, client_key_file: keyFile } = good
  if (certFile !== undefined && keyFile === undefined) {
    findings.problem(place("client_cert_file"), key("client_cert_file"), "client_key_file beside it", "none")
  }
  if (keyFile !== undefined && certFile === undefined) {
    findings.problem(place("client_key_file"), key("client_key_file"), "client_cert_file beside it", "none")
  }
  const pem = Effect.fnUntraced(function* (
    option: (typeof tlsKeys)[number],
    what: Parameters<typeof readPem>[1]
  ) {
    const path = good[option]
    if (typeof path !== "string") return undefined
    return yield* readPem(
      isAbsolute(path) ? path : join(directory, path),
      what,
      place(option),
      key(option),
      findings
    )
  })
  const ca = yield* pem("ca_file", "CERTIFICATE")
  const certificate = yield* pem("client_cert_file", "CERTIFICATE")
  const clientKey = yield* pem("client_key_file", "PRIVATE KEY")
  if (all === undefined) return undefined

  const parsed = parseImageName(`${all.registry_domain}/image`)
  const host = Option.match(parsed, { onNone: () => all.registry_domain, onSome: ({ registry }) => registry })
  const authority = host === "docker.io" ? "registry-1.docker.io" : all.registry_domain
  const registry: Registry = {
    endpoint: {
      name,
      origin: new URL(`${all.registry_scheme}://${authority}`),
      credentials: all.registry_auth ?? undefined,
      authRealms: all.auth_realms,
      ca,
      insecure: all.insecure,
      clientCertificate:
        certificate === undefined || clientKey === undefined
          ? undefined
          : { cert: certificate, key: Redacted.make(clientKey) },
      proxy: all.proxy
    },
    host,
    prefix: all.registry_prefix
  }
  return registry
})
