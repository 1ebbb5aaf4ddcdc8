import { Effect } from "effect"
import type { RepositorySummary, TagAnswer } from "../api/RepositoryAnswer.ts"
import type { Job } from "../sim/NomadSimulator.ts"
import { call } from "./call.ts"
import { DemoError } from "./DemoError.ts"
import { type Stage, repositories } from "./Stage.ts"

/** An image: where it stands, and what it is. */
export interface Held {
  readonly name: string
  readonly tag: string
  /** `""` where it is not known. */
  readonly digest: string
}

/** What registry, controller and Nomad themselves answer at one moment. */
export interface Scene {
  /** Of each repository the tag that is pinned, else the highest; it failed before where `isBad`. */
  readonly registry: ReadonlyArray<Held & { readonly isBad: boolean }>
  readonly instances: ReadonlyArray<{ readonly name: string; readonly role: Role }>
  readonly jobs: ReadonlyArray<Held & { readonly isRolling: boolean }>
  /** The controller has not seen yet what the registry has. */
  readonly isReading: boolean
  /** A register or its rollout is under way. */
  readonly isDeploying: boolean
  /** The controller's own sentence on each repository. */
  readonly why: ReadonlyMap<string, string>
}

export type Role = "acts" | "waits" | "killed"

export type Summary = typeof RepositorySummary.Encoded

/** A GET of the controller, answered by the first instance that lives. */
export const ask = <A>({ instances }: Stage, path: string) =>
  Effect.suspend(() => {
    const alive = instances.find(({ isAlive }) => isAlive())
    return alive === undefined
      ? Effect.fail(new DemoError({ message: "no instance lives" }))
      : call<A>(alive.url + path)
  })

/** Every repository as the controller shows it. */
export const summaries = (stage: Stage) =>
  Effect.map(
    ask<{ readonly repositories: ReadonlyArray<Summary> }>(stage, "/v1/repositories"),
    ({ repositories }) => new Map(repositories.map((each) => [each.name, each]))
  )

/** The controller's sentence without its last part, which tells the age of what it knows: a second at most, here. */
export const whyOf = (summary: Summary | undefined): string =>
  summary?.why.replace(/; the registry was (last|not) read [^;]*\.$/, ".") ?? ""

/** The image in the job's only task. */
export const imageOf = (job: Job | undefined): string => {
  const image = job?.TaskGroups[0]?.Tasks[0]?.Config?.["image"]
  return typeof image === "string" ? image : ""
}

const accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, */*"

const heldBy = (name: string, image: string): Held => {
  const [named = "", digest = ""] = image.split("@")
  return { name, tag: named.slice(named.lastIndexOf(":") + 1), digest }
}

const inRegistry = Effect.fnUntraced(function* (stage: Stage, name: string, pin: string) {
  const base = `${stage.registry.origin.origin}/v2/${name}`
  const { tags } = yield* call<{ readonly tags: ReadonlyArray<string> }>(`${base}/tags/list`)
  const byNumber = tags.toSorted((one, other) => one.localeCompare(other, "en", { numeric: true }))
  const tag = pin === "" ? (byNumber.at(-1) ?? "") : pin
  const answer = yield* Effect.promise(() =>
    fetch(`${base}/manifests/${tag}`, { method: "HEAD", headers: { accept } })
  )
  const digest = answer.headers.get("docker-content-digest") ?? ""
  const known = yield* ask<{ readonly tags: ReadonlyArray<typeof TagAnswer.Encoded> }>(
    stage,
    `/v1/repositories/${name}/tags`
  )
  const seen = known.tags.find((each) => each.tag === tag)
  return {
    name,
    tag,
    digest,
    isBad: seen !== undefined && seen.quarantine !== null,
    // Versions are compared by their names alone.
    isSeen: seen !== undefined && (pin === "" || seen.digest === digest)
  }
})

/** Asks all parts. Fails while one of them starts or ends. */
export const readScene = Effect.fnUntraced(function* (stage: Stage) {
  const known = yield* summaries(stage)
  const registry = yield* Effect.forEach(repositories, (name) =>
    inRegistry(stage, name, known.get(name)?.desired.pinned_tag ?? "")
  )
  const jobs = yield* Effect.forEach(repositories, (name) =>
    Effect.map(stage.nomad.job("default", name), (job) => ({
      ...heldBy(name, imageOf(job)),
      isRolling: job?.Stable !== true
    }))
  )
  const instances = yield* Effect.forEach(stage.instances, ({ name, isAlive, leads }) =>
    Effect.map(leads, (acts): { name: string; role: Role } => ({
      name,
      role: isAlive() ? (acts ? "acts" : "waits") : "killed"
    }))
  )
  const decisions = repositories.map((name) => known.get(name)?.decision)
  const scene: Scene = {
    registry,
    instances,
    jobs,
    isReading: registry.some(({ isSeen }) => !isSeen),
    isDeploying:
      jobs.some(({ isRolling }) => isRolling) || decisions.some((each) => each?.decision === "deploy"),
    why: new Map(repositories.map((name) => [name, whyOf(known.get(name))]))
  }
  return scene
})
