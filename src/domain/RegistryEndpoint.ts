import type { Redacted } from "effect"

export interface Credentials {
  readonly user: string
  readonly password: Redacted.Redacted
}

/** Where one registry of the config is and how it is spoken to. */
export interface RegistryEndpoint {
  /** Key of `[registry_map.NAME]`. */
  readonly name: string
  /** Scheme, host and port; https unless the config says http. Docker Hub's is `https://registry-1.docker.io`. */
  readonly origin: URL
  /** User and password for Basic and for the token server; undefined is anonymous. */
  readonly credentials: Credentials | undefined
  /** Hosts that may be a token realm besides the registry's own (X2). */
  readonly authRealms: ReadonlyArray<string>
  /** PEM text that is trusted besides the system's authorities. */
  readonly ca: string | undefined
  /** The certificate is not verified; said in the status (X16). */
  readonly insecure: boolean
  readonly clientCertificate: { readonly cert: string; readonly key: Redacted.Redacted } | undefined
  /** Scheme, host and port; the user and password of its URL stand apart, so that no log shows them. */
  readonly proxy: { readonly origin: URL; readonly credentials: Credentials | undefined } | undefined
}

/** A repository in a registry: the endpoint's name and the path, `prefix/name`. */
export interface ImageRepository {
  readonly registry: string
  readonly image: string
}
