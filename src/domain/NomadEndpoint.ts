import type { Redacted } from "effect"

/** How Nomad is spoken to, from `NOMAD_*` as its own clients take them (`nomad-api.md` §1.1). */
export interface NomadEndpoint {
  /** `http:`, `https:` or `unix:`. */
  readonly address: URL
  readonly token: Redacted.Redacted | undefined
  /** A file with the token, read before each call: Nomad writes a renewed identity there. Wins over `token`. */
  readonly tokenFile: string | undefined
  readonly httpAuth: Redacted.Redacted | undefined
  readonly region: string
  readonly namespace: string
  readonly ca: string | undefined
  readonly clientCertificate: { readonly cert: string; readonly key: Redacted.Redacted } | undefined
  readonly tlsServerName: string | undefined
  readonly skipVerify: boolean
  /** `VAULT_TOKEN`: goes into the job for servers before 1.10. */
  readonly vaultToken: Redacted.Redacted | undefined
}
