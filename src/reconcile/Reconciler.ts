import { Duration, Effect, Random, Schedule, Stream } from "effect"
import { type JobRef, jobKey } from "../domain/JobRef.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { Watched } from "../domain/Watched.ts"
import { type Fence, Leader } from "../store/Leader.ts"
import { StateStore } from "../store/StateStore.ts"
import { Follower } from "./Follower.ts"
import { JobWatch } from "./JobWatch.ts"
import { jittered, Pace } from "./Pace.ts"
import { Scope } from "./Scope.ts"
import { settleOrphan, takeOver } from "./takeOver.ts"
import { tell } from "./tell.ts"
import { monotonic, Watching } from "./Watching.ts"

/** What the reconciler watches, and how often it asks. */
export interface Watch {
  readonly watched: ReadonlyArray<Watched>
  readonly interval: Duration.Duration
}

// At start so many repositories are asked a second, and all within an interval: five at once, a thousand one by one.
const firstPollsApart = 50
const touchEvery = Duration.seconds(10)

/** Waits to lead, and while it leads keeps every job on its owners' tag. Never returns. */
export const reconciler = (watch: Watch) =>
  Effect.gen(function* () {
    const leader = yield* Leader
    return yield* leader.lead((fence) =>
      reconcile(fence, watch).pipe(
        Effect.tapError((error) =>
          Effect.logWarning("not begun yet").pipe(Effect.annotateLogs({ error: error.message }))
        ),
        Effect.retry(Schedule.spaced("1 second")),
        Effect.orDie,
        Effect.annotateLogs({ epoch: fence.epoch })
      )
    )
  })

const reconcile = Effect.fnUntraced(function* (fence: Fence, { watched, interval }: Watch) {
  const store = yield* StateStore
  yield* store.adopt(watched)
  const { busy, orphans } = yield* takeOver(fence, watched)
  const watchings = yield* remembered(watched, interval, busy)
  const jobs = new Map<string, JobWatch>()
  for (const [key, repositories] of Map.groupBy(watchings, ({ watched }) => jobKey(watched.mapping.job))) {
    const [first] = repositories
    if (first !== undefined) jobs.set(key, new JobWatch(first.watched.mapping.job, repositories))
  }
  const scopes = new Map<string, Scope>()
  const scopeOf = ({ region, namespace }: JobRef): Scope => {
    const key = JSON.stringify([region, namespace])
    const scope = scopes.get(key) ?? new Scope(region, namespace)
    scopes.set(key, scope)
    return scope
  }
  const checked = new Set<RepositoryName>()
  const shared = { fence, interval, pace: new Pace(interval), checked, follower: new Follower() }
  const loops = [...jobs.values()].map((job) => job.run({ ...shared, scope: scopeOf(job.job) }))
  yield* Effect.logInfo("watching").pipe(
    Effect.annotateLogs({
      repositories: watched.length,
      jobs: jobs.size,
      intervalMillis: Duration.toMillis(interval)
    })
  )
  yield* Effect.all(
    [
      ...loops,
      ...orphans.map((attempt) => settleOrphan(fence, attempt)),
      ...[...scopes.values()].map((scope) => list(scope, [...jobs.values()], interval)),
      shared.follower.run(
        fence,
        (job) => jobs.get(jobKey(job))?.forget(),
        (job) => jobs.get(jobKey(job))?.wake()
      ),
      wakeOnChanges([...jobs.values()]),
      compareGenerations([...jobs.values()], interval),
      touch(checked),
      tell,
      Effect.never
    ],
    { concurrency: "unbounded", discard: true }
  )
})

/** The caches, filled from Postgres; first polls spread, but for `busy` jobs and open requests, which come at once. */
const remembered = Effect.fnUntraced(function* (
  watched: ReadonlyArray<Watched>,
  interval: Duration.Duration,
  busy: ReadonlySet<string>
) {
  const store = yield* StateStore
  const names = watched.map(({ name }) => name)
  const views = yield* store.views(names)
  const statuses = new Map(
    (yield* store.statuses(names)).map((status) => [status.desired.repository, status])
  )
  const now = yield* monotonic
  const spread = Math.min(Duration.toMillis(interval), watched.length * firstPollsApart)
  const watchings: Array<Watching> = []
  for (const entry of watched) {
    const status = statuses.get(entry.name)
    const isUrgent =
      busy.has(jobKey(entry.mapping.job)) || (status?.desired.requestedGeneration ?? null) !== null
    const firstPoll = isUrgent ? now : now + spread * (yield* Random.next)
    watchings.push(new Watching(entry, views.get(entry.name) ?? null, firstPoll))
  }
  return watchings
})

/**
 * Lists a namespace once an interval and wakes the jobs whose index moved, all of them when Nomad went or came back.
 * Where the token may not list, each job is read anew.
 */
const list = Effect.fnUntraced(function* (
  scope: Scope,
  jobs: ReadonlyArray<JobWatch>,
  interval: Duration.Duration
) {
  const own = jobs.filter(({ job }) => job.region === scope.region && job.namespace === scope.namespace)
  for (let failures = 0; ;) {
    const before = scope.fault
    const indexes = yield* scope.list
    for (const watch of own) {
      if (indexes === null ? scope.fault === null : isMoved(watch, indexes)) {
        watch.forget()
        watch.wake()
      } else if ((before === null) !== (scope.fault === null)) {
        watch.wake()
      }
    }
    failures = scope.fault === null ? 0 : failures + 1
    const next = yield* jittered(interval)
    yield* Effect.sleep(failures === 0 ? next : Math.min(next, 1000 * 2 ** Math.min(failures - 1, 5)))
  }
})

/** What is remembered of the job is older than the listing. */
const isMoved = ({ repositories, job }: JobWatch, indexes: ReadonlyMap<string, number>): boolean =>
  repositories.some(({ observation }) => {
    if (observation === null || observation.observed._tag === "Unread") return false
    return observation.observed.modifyIndex !== (indexes.get(job.job) ?? 0)
  })

/** What was told on whichever instance; after a lost connection all are looked at. */
const wakeOnChanges = Effect.fnUntraced(function* (jobs: ReadonlyArray<JobWatch>) {
  const store = yield* StateStore
  yield* Stream.runForEach(store.changes, (told) =>
    Effect.sync(() => {
      for (const job of jobs) {
        if (told !== null && typeof told === "object") job.check(told.check)
        else job.changed(told)
      }
    })
  )
})

/** Should every notification get lost: the generations, of all in one statement an interval (L3). */
const compareGenerations = Effect.fnUntraced(function* (
  jobs: ReadonlyArray<JobWatch>,
  interval: Duration.Duration
) {
  const store = yield* StateStore
  yield* Effect.gen(function* () {
    yield* Effect.sleep(interval)
    const generations = yield* store.generations
    for (const job of jobs) {
      for (const { known, watched } of job.repositories) {
        if (known !== null && known.desired.generation !== generations.get(watched.name))
          job.changed(watched.name)
      }
    }
  }).pipe(
    Effect.catchTag("StoreError", (error) =>
      Effect.logWarning("generations not read").pipe(Effect.annotateLogs({ error: error.message }))
    ),
    Effect.forever
  )
})

/** `checked_at` of all that were checked meanwhile, in one statement: the only write of a quiet interval (L2). */
const touch = Effect.fnUntraced(function* (checked: Set<RepositoryName>) {
  const store = yield* StateStore
  yield* Effect.gen(function* () {
    yield* Effect.sleep(touchEvery)
    if (checked.size === 0) return
    const names = [...checked]
    checked.clear()
    yield* store.touch(names)
  }).pipe(
    Effect.catchTag("StoreError", (error) =>
      Effect.logWarning("checks not recorded").pipe(Effect.annotateLogs({ error: error.message }))
    ),
    Effect.forever
  )
})
