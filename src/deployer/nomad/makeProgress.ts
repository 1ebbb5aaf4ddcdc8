import { Clock, Duration, Effect, Option } from "effect"
import type { Attempt, AttemptId, Phase } from "../../domain/Attempt.ts"
import { jobKey } from "../../domain/JobRef.ts"
import type { Unread } from "../../domain/Observed.ts"
import { slowAfter } from "../../domain/Watched.ts"
import type { Deployer, Progress } from "../Deployer.ts"
import type { NomadReads } from "./NomadReads.ts"
import type { JobStatus } from "./NomadRollout.ts"
import { rollingWords, tellOutcome } from "./tellOutcome.ts"
import type { Told } from "./Told.ts"

/** What is remembered of an attempt between two calls; a restart forgets it, which costs time, never truth. */
interface Followed {
  /** Newly healthy allocations, and since when there was no further one. */
  readonly healthy: number
  readonly healthySince: bigint
  /** The allocations that all run, and since when without a restart. */
  readonly run: string | undefined
  readonly runSince: bigint
  /** What was told while the job's status was this one, where nothing else can change it. */
  readonly rested: { readonly status: string; readonly told: Told } | undefined
  /** The version that the register made, and the one whose deployment tells of it. */
  readonly nomadVersion: number | undefined
  readonly toldBy: number | undefined
}

const slow = Duration.toNanosUnsafe(slowAfter)

/** A rollout that the job's status alone tells: its deployment is the newest one, under way, and nothing ails it. */
const tellByStatus = ({ nomadVersion, toldBy }: Followed, status: JobStatus): Told | undefined => {
  const { LatestDeployment: deployment } = status
  if (nomadVersion === undefined || toldBy === undefined) return undefined
  if (deployment === undefined || deployment === null || !deployment.IsActive) return undefined
  if (deployment.JobVersion !== toldBy || status.Version !== toldBy) return undefined
  const placed = (status.Allocs ?? []).filter(({ JobVersion }) => JobVersion === toldBy)
  // Without any, an evaluation says whether there can be one; of one that is unhealthy, its events why.
  if (placed.length === 0) return undefined
  if (placed.some(({ DeploymentStatus }) => DeploymentStatus?.Healthy === false)) return undefined
  const canaries = placed.filter(({ DeploymentStatus }) => DeploymentStatus?.Canary === true)
  const isHealthy = ({ DeploymentStatus }: (typeof placed)[number]) => DeploymentStatus?.Healthy === true
  const awaits =
    deployment.RequiresPromotion &&
    !deployment.AllAutoPromote &&
    canaries.length > 0 &&
    canaries.every(isHealthy)
  const phase = awaits ? "awaiting_promotion" : "rolling"
  const healthy = placed.filter(isHealthy).length
  const { GroupCountSum: count = 0, Type: type, Allocs: allocations } = status
  const isLive = ({ ClientStatus }: (typeof placed)[number]) =>
    ClientStatus === "running" || ClientStatus === "pending"
  // A system job counts 1 a group, however many nodes it runs on.
  const due = type === "system" ? (allocations ?? []).filter(isLive).length : count
  const isPaused = deployment.Status === "paused"
  // All that are placed are healthy, and they are too few: the next are on their way, or there is no room for them.
  if (!awaits && !isPaused && healthy === placed.length && healthy < due) return undefined
  return {
    _tag: "Rolling",
    phase,
    deploymentId: deployment.ID,
    nomadVersion,
    toldBy,
    words: rollingWords(phase, { healthy, total: Math.max(due, placed.length) }, { isPaused }),
    healthy,
    mayRest: false
  }
}

/** `Deployer.progress`: one call a namespace, and more only for jobs whose status leaves something open. */
export const makeProgress = (reads: NomadReads): Deployer["Service"]["progress"] => {
  const followed = new Map<AttemptId, Followed>()

  const readFacts = Effect.fnUntraced(function* (attempt: Attempt) {
    const versions = (yield* reads.versions(attempt)).map(({ view }) => view)
    const first = { versions, evaluations: undefined, allocations: undefined, isWhole: false }
    const told = tellOutcome(attempt, { ...first, deployments: yield* reads.deployments(attempt) })
    if (told._tag !== "ReadOn") return told
    // In this order: a version whose evaluation has ended has its deployment, or gets none.
    const evaluations = yield* reads.evaluations(attempt)
    const deployments = yield* reads.deployments(attempt)
    const allocations = Option.getOrUndefined(yield* reads.allocations(attempt))
    return tellOutcome(attempt, { versions, evaluations, deployments, allocations, isWhole: true })
  })

  /** The end as it is reported: what happened to the tasks, what they said last, then Nomad's words. */
  const report = Effect.fnUntraced(function* (
    attempt: Attempt,
    { cause, log, words, ...end }: Extract<Told, { readonly _tag: "Ended" }>
  ) {
    const said = log === undefined ? undefined : yield* reads.lastWords(attempt, log)
    const happened = [cause, said].filter((part) => part !== undefined).join("; ")
    return { ...end, words: happened === "" ? words : `${happened} (Nomad: ${words})` } satisfies Progress
  })

  const follow = Effect.fnUntraced(function* (attempt: Attempt, status: JobStatus | undefined) {
    const now = yield* Clock.monotonicTimeNanos
    const before: Followed = followed.get(attempt.id) ?? {
      healthy: 0,
      healthySince: attempt.phase === "slow" ? now - slow : now,
      run: undefined,
      runSince: now,
      rested: undefined,
      nomadVersion: attempt.nomadVersion ?? undefined,
      toldBy: attempt.nomadVersion ?? undefined
    }
    const key = JSON.stringify(status)
    const told =
      (status === undefined ? undefined : tellByStatus(before, status)) ??
      (status !== undefined && before.rested?.status === key ? before.rested.told : yield* readFacts(attempt))
    if (told._tag === "Ended") {
      followed.delete(attempt.id)
      return yield* report(attempt, told)
    }
    if (told._tag === "ReadOn") return undefined
    if (told._tag === "Running") {
      const runSince = before.run === told.run ? before.runSince : now
      if (now - runSince >= Duration.toNanosUnsafe(told.minHealthy)) {
        followed.delete(attempt.id)
        return succeeded(told.nomadVersion)
      }
      followed.set(attempt.id, { ...before, run: told.run, runSince })
      return rolling("rolling", null, told.nomadVersion, "every allocation runs; not long enough yet")
    }
    // Canaries that wait for their promotion keep nobody waiting: the time of the rest begins after it.
    const isNews = told.healthy > before.healthy || told.phase === "awaiting_promotion"
    const healthySince = isNews ? now : before.healthySince
    followed.set(attempt.id, {
      ...before,
      healthy: told.healthy,
      healthySince,
      run: undefined,
      rested: told.mayRest && key !== undefined ? { status: key, told } : undefined,
      nomadVersion: told.nomadVersion,
      toldBy: told.toldBy
    })
    const isSlow = told.phase === "rolling" && now - healthySince >= slow
    const words = isSlow ? `no allocation got healthy for 20 minutes; ${told.words}` : told.words
    return rolling(isSlow ? "slow" : told.phase, told.deploymentId, told.nomadVersion, words)
  })

  /** The status of each job by id; undefined where the server has no such call. */
  const statusesOf = (attempts: ReadonlyArray<Attempt>) =>
    reads
      .statuses(
        // All of one namespace.
        { region: attempts[0]?.region ?? "", namespace: attempts[0]?.namespace ?? "" },
        [...new Set(attempts.map(({ job }) => job))]
      )
      .pipe(Effect.map(Option.map((list) => new Map(list.map((status) => [status.ID, status])))))

  const followNamespace = Effect.fnUntraced(function* (attempts: ReadonlyArray<Attempt>) {
    const statuses = yield* statusesOf(attempts)
    return yield* Effect.forEach(
      attempts,
      (attempt) => {
        const status = Option.getOrUndefined(Option.map(statuses, (found) => found.get(attempt.job)))
        return Effect.result(follow(attempt, status)).pipe(Effect.map((told) => [attempt.id, told] as const))
      },
      // Of the eight reads of a namespace at once; one that waits for a log that is not to be had holds up few others.
      { concurrency: 6 }
    )
  })

  return Effect.fn("Deployer.progress")(function* (attempts) {
    const namespaces = Map.groupBy(attempts, (attempt) => jobKey({ ...attempt, job: "" }))
    const answers = yield* Effect.forEach(
      namespaces.values(),
      (group) => Effect.result(followNamespace(group)),
      {
        concurrency: 4
      }
    )
    const told = new Map<AttemptId, Progress>()
    let failure: Unread | undefined
    for (const answer of answers) {
      if (answer._tag === "Failure") {
        failure ??= answer.failure
        continue
      }
      for (const [id, result] of answer.success) {
        if (result._tag === "Failure") failure ??= result.failure
        else if (result.success !== undefined) told.set(id, result.success)
      }
    }
    if (told.size === 0 && failure !== undefined) return yield* Effect.fail(failure)
    return told
  })
}

const rolling = (
  phase: Phase,
  deploymentId: string | null,
  nomadVersion: number,
  words: string
): Progress => ({
  _tag: "Rolling",
  phase,
  deploymentId,
  nomadVersion,
  words
})

const succeeded = (nomadVersion: number): Progress => ({
  _tag: "Ended",
  outcome: "succeeded",
  deploymentId: null,
  nomadVersion,
  words: "every allocation ran for its min_healthy_time",
  blame: null,
  swallowed: false,
  revertedTo: []
})
