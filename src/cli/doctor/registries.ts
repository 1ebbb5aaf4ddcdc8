import { Effect } from "effect"
import type { Config } from "../../config/Config.ts"
import type { RegistryEndpoint } from "../../domain/RegistryEndpoint.ts"
import type { Watched } from "../../domain/Watched.ts"
import { RegistryClient } from "../../registry/RegistryClient.ts"
import type { RegistryError } from "../../registry/RegistryError.ts"
import { atOnce, type Finding, ok, type Report, warning, wrong } from "./Finding.ts"

/**
 * Lists the tags of each watched repository, with the login that the service would use. A registry that refuses the
 * login or does not answer is asked once, not once a repository.
 */
export const examineRegistries = Effect.fn("examineRegistries")(function* (config: Config, report: Report) {
  return (yield* Effect.forEach(config.registries.values(), (registry) =>
    examineRegistry(
      registry,
      config.watched.filter((watched) => watched.registry === registry.name),
      report
    )
  )).flat()
})

const list = (watched: Watched) =>
  Effect.flatMap(RegistryClient, (client) => client.tags(watched)).pipe(Effect.result)

const examineRegistry = Effect.fnUntraced(function* (
  registry: RegistryEndpoint,
  [first, ...rest]: ReadonlyArray<Watched>,
  report: Report
) {
  const check = `registry ${registry.name}`
  const tell = (finding: Finding) => Effect.as(report(finding), finding)
  if (first === undefined)
    return [yield* tell(warning(check, "no watched repository uses it", "take it out"))]
  const answer = yield* list(first)
  if (answer._tag === "Failure" && isOfRegistry(answer.failure)) {
    const others = rest.length === 0 ? "" : `; its ${rest.length} other repositories were not asked for`
    return [
      yield* tell(wrong(check, `${answer.failure.message}${others}`, remedyFor(registry, answer.failure)))
    ]
  }
  const login = registry.credentials === undefined ? "anonymously" : `as ${registry.credentials.user}`
  const findings = [
    yield* tell(ok(check, `${registry.origin.origin} answers, ${login}`)),
    yield* tell(ofRepository(registry, first, answer))
  ]
  return [
    ...findings,
    ...(yield* Effect.forEach(
      rest,
      (watched) => Effect.flatMap(list(watched), (answer) => tell(ofRepository(registry, watched, answer))),
      { concurrency: atOnce }
    ))
  ]
})

const ofRepository = (
  registry: RegistryEndpoint,
  { name }: Watched,
  answer:
    | { readonly _tag: "Success"; readonly success: ReadonlyArray<unknown> }
    | { readonly _tag: "Failure"; readonly failure: RegistryError }
): Finding => {
  const check = `repository ${name}`
  if (answer._tag === "Failure")
    return wrong(check, answer.failure.message, remedyFor(registry, answer.failure))
  const { length } = answer.success
  return length === 0
    ? warning(check, `registry ${registry.name} has it without a tag`, "push a version")
    : ok(check, `${length} ${length === 1 ? "tag" : "tags"} in registry ${registry.name}`)
}

/** The registry as a whole, and not one repository in it. */
const isOfRegistry = ({ reason }: RegistryError): boolean =>
  reason._tag === "Unavailable" || (reason._tag === "AccessDenied" && reason.status === 401)

const remedyFor = (
  { name, origin, credentials }: RegistryEndpoint,
  { reason, image }: RegistryError
): string => {
  const table = `[registry_map.${name}]`
  switch (reason._tag) {
    case "AccessDenied":
      return credentials === undefined
        ? `set registry_auth in ${table}, if ${image} is not public`
        : `see that ${credentials.user} may pull ${image}, and that registry_auth in ${table} has the present password`
    case "RepositoryNotFound":
      return `push ${image}, or correct the entry's name or registry_prefix in ${table}`
    case "Unavailable":
      return `is ${origin.origin} reachable from here? See registry_domain, registry_scheme, ca_file and proxy in ${table}`
    case "Malformed":
    case "TagNotFound":
    case "NotAnImage":
      return `is ${origin.origin} a registry? See registry_domain and registry_prefix in ${table}`
  }
}
