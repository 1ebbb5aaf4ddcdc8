import { Effect } from "effect"
import { type Attempt, markerKey } from "../../src/domain/Attempt.ts"
import { Deployer, type Progress } from "../../src/deployer/Deployer.ts"
import { attemptA, group, image, job, type Json, recording, task } from "./jobs.ts"
import { type Asked, nomadScript, type Said } from "./NomadScript.ts"

export const before = `${image}:1.2.3`
export const after = `${image}:1.2.4`

/** An accepted attempt that made version 1 of `ca-web` at index 1182. */
export const attempt = (rest: Partial<Attempt> = {}) =>
  ({
    id: attemptA,
    region: "",
    namespace: "default",
    job: "ca-web",
    imageSent: after,
    nomadIndex: 1182,
    nomadVersion: null,
    evalId: null,
    phase: "rolling",
    ...rest
  }) as Attempt

/** A version of `ca-web` that runs `ran`; with a marker where it is one of ours. */
export const version = (
  Version: number,
  JobModifyIndex: number,
  ran: string,
  marker?: string,
  rest: Json = {}
) =>
  job(
    [
      group("g", [
        task("t", { image: ran }, marker === undefined ? {} : { Meta: { [markerKey]: marker } }),
        task("side", { image: "redis:7" })
      ])
    ],
    // Each register has its own time of submission; Nomad's rollback has that of the version it copies.
    {
      Version,
      JobModifyIndex,
      ModifyIndex: JobModifyIndex,
      SubmitTime: JobModifyIndex * 1e6,
      Stable: false,
      ...rest
    }
  )
/** What Nomad's own rollback to `stable` makes. */
export const copyOf = (stable: Json, Version: number, JobModifyIndex: number): Json => ({
  ...stable,
  Version,
  JobModifyIndex,
  ModifyIndex: JobModifyIndex
})
export const v0 = version(0, 1171, before, undefined, { Stable: true })
export const v1 = version(1, 1182, after, attemptA)

/** The recorded deployment of one group, as that of the version registered at `index`. */
export const deployment = (
  name: string,
  JobVersion: number,
  JobSpecModifyIndex: number,
  rest: Json = {}
): Json => ({
  ...(recording(name) as Json),
  JobVersion,
  JobSpecModifyIndex,
  ...rest
})
export const successful = (JobVersion: number, index: number) =>
  deployment("deployment-running", JobVersion, index, {
    Status: "successful",
    StatusDescription: "Deployment completed successfully"
  })
export const cancelled = (JobVersion: number, index: number) =>
  deployment("deployment-cancelled-superseded", JobVersion, index)

export interface World {
  readonly versions: ReadonlyArray<Json>
  readonly deployments?: ReadonlyArray<Json>
  readonly evaluations?: ReadonlyArray<unknown>
  readonly allocations?: ReadonlyArray<unknown>
  /** Undefined: a server before 1.8. */
  readonly statuses?: ReadonlyArray<unknown>
  /** What the client answers to a look at a task's log, by `stderr` or `stdout`. */
  readonly logs?: Readonly<Record<string, Said>>
}
export const serving =
  (world: () => World) =>
  ({ url }: Asked): Said => {
    const { versions, deployments = [], evaluations = [], allocations = [], statuses, logs = {} } = world()
    if (url.startsWith("/v1/client/fs/logs/"))
      return logs[/[?&]type=(\w+)/.exec(url)?.[1] ?? ""] ?? { status: 404, text: 'Unknown allocation "a"' }
    if (url.includes("/jobs/statuses"))
      return statuses === undefined ? { status: 404, text: "" } : { json: statuses }
    if (url.includes("/versions"))
      return versions.length === 0
        ? { status: 404, text: "job versions not found" }
        : { json: { Versions: versions, Diffs: null } }
    if (url.includes("/deployments")) return { json: deployments }
    return { json: url.includes("/evaluations") ? evaluations : allocations }
  }

export const say = (progress: Progress | undefined): string => {
  if (progress === undefined) return "untold"
  const kind =
    progress._tag === "Rolling"
      ? progress.phase
      : `${progress.outcome}${progress.swallowed ? " swallowed" : ""}${progress.blame === null ? "" : ` (${progress.blame})`}`
  const to =
    progress._tag === "Ended" && progress.revertedTo.length > 0
      ? ` to ${progress.revertedTo.map(({ group: g, task: t, image: i }) => `${g}/${t}=${i}`).join(" ")}`
      : ""
  return `${kind} v${progress.nomadVersion}${to}: ${progress.words}`
}

/** Follows `attempts` in one world. */
export const following = (world: World, ...attempts: ReadonlyArray<Attempt>) =>
  Effect.gen(function* () {
    const { endpoint, asked } = yield* nomadScript(serving(() => world))
    const told = yield* Deployer.use((deployer) => deployer.progress(attempts)).pipe(
      Effect.provide(Deployer.layer(endpoint))
    )
    return { said: attempts.map(({ id }) => say(told.get(id))), asked: asked.map(({ url }) => url) }
  })

export const allocation = (rest: Json = {}): Json => ({
  ...(recording("job-allocations-after-revert") as ReadonlyArray<Json>)[0],
  ID: "a",
  TaskGroup: "g",
  JobVersion: 1,
  CreateIndex: 1183,
  DesiredStatus: "run",
  ClientStatus: "running",
  DeploymentStatus: null,
  TaskStates: { t: { StartedAt: "2026-11-23T14:22:49Z", Restarts: 0 } },
  ...rest
})
export const evaluation = (rest: Json = {}): Json => ({
  ...(recording("job-evaluations-after-revert") as ReadonlyArray<Json>)[0],
  ...rest
})
export const system = { Type: "system" }
export const batch = { Type: "batch" }
export const count = (Count: number) => ({
  TaskGroups: [{ ...(v1["TaskGroups"] as ReadonlyArray<Json>)[0], Count }]
})

/** The status of `ca-web`, of which `healthy` of two allocations of version 1 are healthy. */
export const status = (healthy: number, rest: Json = {}) => ({
  ...(recording("jobs-statuses") as ReadonlyArray<Json>)[0],
  Version: 1,
  Allocs: [0, 1].map((at) => ({
    ID: String(at),
    JobVersion: 1,
    ClientStatus: "running",
    DeploymentStatus: { Canary: false, Healthy: at < healthy ? true : null }
  })),
  LatestDeployment: {
    ID: "d",
    IsActive: true,
    JobVersion: 1,
    Status: "running",
    StatusDescription: "Deployment is running",
    RequiresPromotion: false,
    AllAutoPromote: false
  },
  ...rest
})
