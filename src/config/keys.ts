import { Duration } from "effect"
import {
  httpUrl,
  imageName,
  listenAddress,
  postgresUrl,
  proxyUrl,
  registryAuth,
  registryDomain,
  registryPrefix
} from "./addresses.ts"
import type { Config } from "./Config.ts"
import {
  boolean,
  type Field,
  list,
  literals,
  matching,
  name,
  oneOrMore,
  optional,
  pollInterval,
  secret,
  share,
  soak,
  text,
  usualSoak,
  wholeNumber,
  withDefault
} from "./Field.ts"

const drift = literals("hold", "restore")
const file = name("the path of a file, relative to that of the configuration")

const databaseUrl: Field<Config["database"]> = {
  ...text<Config["database"]>(`${postgresUrl.expected}, or "embedded"`, (text) =>
    text === "embedded" ? text : secret(postgresUrl).read(text)
  ),
  isSecret: true
}

/** Before the first `[table]`. Each may be given as `REGISTRYWATCHER_` and its name in capitals, too. */
export const topKeys = {
  server_listening_address: withDefault(listenAddress, { host: "127.0.0.1", port: 8080 }),
  allow_unauthenticated: withDefault(boolean, false),
  poll_interval: withDefault(pollInterval, Duration.seconds(59)),
  watched_repositories: list("repository names"),
  webhook_url: { ...optional(secret(httpUrl)), placeholderIsOff: true as const },
  database_url: optional(databaseUrl),
  leader_database_url: optional(secret(postgresUrl)),
  create_database_schema: withDefault(boolean, true),
  mode: withDefault(literals("act", "plan"), "act"),
  drift: withDefault(drift, "hold"),
  max_active_rollouts: optional(wholeNumber(1))
}

/** In `[brake]`: both must be passed (S17). */
export const brakeKeys = {
  share: withDefault(share, 0.2),
  count: withDefault(wholeNumber(1), 5)
}

/** In each `[registry_map.NAME]`. */
export const registryKeys = {
  registry_scheme: withDefault(literals("https", "http"), "https"),
  registry_domain: registryDomain,
  registry_prefix: withDefault(registryPrefix, ""),
  registry_auth: registryAuth,
  auth_realms: withDefault(list('hosts, such as "auth.example.com"'), []),
  ca_file: optional(file),
  insecure: withDefault(boolean, false),
  client_cert_file: optional(file),
  client_key_file: optional(file),
  proxy: optional(proxyUrl)
}

/** In each `[repo_map.REPOSITORY]`. */
export const repositoryKeys = {
  registry_name: name("the name of a [registry_map.…]"),
  nomad_job_name: matching("the ID of a Nomad job, without spaces", /^[^\s\p{C}]+$/u),
  nomad_task_name: withDefault(oneOrMore("the name of a task"), []),
  nomad_namespace: optional(
    matching("a Nomad namespace: 1 to 128 letters, digits and hyphens", /^[A-Za-z0-9-]{1,128}$/)
  ),
  nomad_region: optional(name("the name of a Nomad region")),
  nomad_group_name: optional(name("the name of a task group")),
  image_name: optional(imageName),
  image_form: withDefault(literals("digest", "tag"), "digest"),
  drift: optional(drift),
  batch: withDefault(literals("hold", "rerun"), "hold"),
  canary: withDefault(literals("manual", "healthy"), "manual"),
  canary_soak: withDefault(soak, usualSoak),
  policy: withDefault(literals("semver"), "semver")
}

/** The predecessor's, accepted and without effect: at the top, and in a `[repo_map.REPOSITORY]`. */
export const isNoLongerNeeded = {
  top: (key: string): boolean => key === "is_test" || key.startsWith("dockerhub_"),
  repository: (key: string): boolean => key === "test"
}

/** Where a key stands that was found in another place. */
export const belongs = (key: string): string | undefined => {
  if (Object.hasOwn(topKeys, key)) return "it belongs before the first [table]"
  if (Object.hasOwn(brakeKeys, key)) return "it belongs in [brake]"
  if (Object.hasOwn(registryKeys, key)) return "it belongs in a [registry_map.NAME]"
  if (Object.hasOwn(repositoryKeys, key)) return "it belongs in a [repo_map.REPOSITORY]"
  return undefined
}
