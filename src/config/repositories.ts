import type { Watched } from "../domain/Watched.ts"
import { type Place, printPlace } from "./ConfigError.ts"
import type { Document, Section } from "./Document.ts"
import { type Findings, printKey, shown } from "./Findings.ts"
import { belongs, isNoLongerNeeded, repositoryKeys, type topKeys } from "./keys.ts"
import { nearest } from "./nearest.ts"
import type { Registry } from "./registryEndpoint.ts"
import { sharedTasks } from "./sharedTasks.ts"
import { isRepositoryName, type Surroundings, watched } from "./watched.ts"

/** The registries by name; undefined for one whose table has a problem already. */
export type Registries = ReadonlyMap<string, Registry | undefined>

const readEntry = (document: Document, name: string, registries: Registries, findings: Findings) => {
  const entry = document.read(["repo_map", name], repositoryKeys, findings, {
    isNoLongerNeeded: isNoLongerNeeded.repository,
    belongs
  })
  const registry = entry.good.registry_name
  if (registry !== undefined && !registries.has(registry)) {
    const near = nearest(registry, [...registries.keys()])
    const known = registries.size === 0 ? "there is none" : [...registries.keys()].join(", ")
    const expected = `${repositoryKeys.registry_name.expected} (${near === undefined ? known : `did you mean ${near}?`})`
    findings.problem(entry.place("registry_name"), entry.key("registry_name"), expected, shown(registry))
  }
  return entry
}

interface Placed {
  readonly repository: Watched
  readonly place: Place
  readonly key: string
}

/** Two repositories never share a task (S18, S22): the later one is the problem. */
const refuseSharedTasks = (entries: ReadonlyArray<Placed>, findings: Findings): void => {
  const byJob = Map.groupBy(entries, ({ repository }) => {
    const { namespace, job } = repository.mapping.job
    return JSON.stringify([namespace, job])
  })
  for (const ofJob of byJob.values()) {
    for (const [index, { repository, place, key }] of ofJob.entries()) {
      for (const other of ofJob.slice(0, index)) {
        const shared = sharedTasks(other.repository.mapping, repository.mapping)
        if (shared === undefined) continue
        const { namespace, job } = repository.mapping.job
        const expected = `tasks that no other repository has (${other.key} at ${printPlace(other.place)} has them)`
        findings.problem(
          place,
          key,
          expected,
          `${shared} of job ${shown(job)} in namespace ${shown(namespace)}`
        )
      }
    }
  }
}

/**
 * The entries of `watched_repositories`, each with its `[repo_map.REPOSITORY]` and its registry.
 * Tables that nobody watches are checked like the others, and named in a warning.
 */
export const repositories = (
  document: Document,
  top: Section<typeof topKeys>,
  registries: Registries,
  surroundings: Surroundings,
  findings: Findings
): ReadonlyArray<Watched> => {
  const mapped = document.names("repo_map", findings)
  const entries = new Map(mapped.map((name) => [name, readEntry(document, name, registries, findings)]))
  const listed = top.good.watched_repositories ?? []
  const isListed = new Set(listed)
  for (const name of mapped) {
    if (isListed.has(name)) continue
    const path = ["repo_map", name]
    findings.warning(
      document.place(path),
      printKey(path),
      "not watched, as watched_repositories does not name it"
    )
  }

  const seen = new Set<string>()
  const placed: Array<Placed> = []
  for (const [index, name] of listed.entries()) {
    const place = top.place("watched_repositories", index)
    const key = top.key("watched_repositories", index)
    const entry = entries.get(name)
    if (!isRepositoryName(name)) {
      findings.problem(place, key, 'lower-case path components such as "api" or "team/api"', shown(name))
    } else if (seen.has(name)) {
      findings.problem(place, key, "each repository once", `${shown(name)} again`)
    } else if (entry === undefined) {
      const near = nearest(name, mapped)
      const hint = near === undefined ? "" : ` (did you mean ${near}?)`
      findings.problem(
        place,
        key,
        `a repository that has a [${printKey(["repo_map", name])}]${hint}`,
        shown(name)
      )
    } else {
      const registry = registries.get(entry.good.registry_name ?? "")
      const repository = watched(name, entry, registry, surroundings, findings)
      const task = entry.good.nomad_task_name?.length === 0 ? "nomad_job_name" : "nomad_task_name"
      if (repository !== undefined)
        placed.push({ repository, place: entry.place(task), key: entry.key(task) })
    }
    seen.add(name)
  }
  refuseSharedTasks(placed, findings)
  return placed.map(({ repository }) => repository)
}
