import { Duration, Effect, Random, Schedule, Stream } from "effect"
import { type JobRef, jobKey, scopeKey } from "../domain/JobRef.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { Watched } from "../domain/Watched.ts"
import { type Fence, Leader } from "../store/Leader.ts"
import { StateStore } from "../store/StateStore.ts"
import type { BrakeLimit } from "../domain/BrakeState.ts"
import { Brake } from "./Brake.ts"
import { JobWatch } from "./JobWatch.ts"
import { beginCounts } from "./metrics.ts"
import { listen } from "./listen.ts"
import { Beat, jittered, Pace } from "./Pace.ts"
import { RolloutSlots } from "./RolloutSlots.ts"
import { Scope } from "./Scope.ts"
import { settleOrphan, takeOver } from "./takeOver.ts"
import { tell } from "./tell.ts"
import { monotonic, Watching } from "./Watching.ts"

/** What the reconciler watches, and how often it asks. */
export interface Watch {
  readonly watched: ReadonlyArray<Watched>
  readonly interval: Duration.Duration
  /** S17; left out, 5 and 20 %. */
  readonly brake?: BrakeLimit
  /** Automatic moves wait while so many jobs roll out; left out, none does. */
  readonly maxActiveRollouts?: number | undefined
}

const usualBrake: BrakeLimit = { share: 0.2, count: 5 }

// At start so many repositories are asked a second, and all within an interval: five at once, a thousand one by one.
const firstPollsApart = 50
const touchEvery = Duration.seconds(10)
/** Two listings of a namespace are never closer, whatever asks for one. */
const listsApart = Duration.seconds(1)
/** A stream keeps its connection, and Nomad serves a client's address 100, all calls among them. */
const mostStreams = 64

/** Waits to lead, and while it leads keeps every job on its owners' tag. Never returns. */
export const reconciler = (watch: Watch) =>
  Effect.gen(function* () {
    const leader = yield* Leader
    yield* beginCounts
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

const reconcile = Effect.fnUntraced(function* (
  fence: Fence,
  { watched, interval, brake: limit = usualBrake, maxActiveRollouts }: Watch
) {
  const store = yield* StateStore
  yield* store.adopt(watched)
  const { busy, orphans } = yield* takeOver(fence, watched)
  const beat = new Beat(interval, watched.length)
  const watchings = yield* remembered(watched, interval, beat, busy)
  const jobs = new Map<string, JobWatch>()
  for (const [key, repositories] of Map.groupBy(watchings, ({ watched }) => jobKey(watched.mapping.job))) {
    const [first] = repositories
    if (first !== undefined) jobs.set(key, new JobWatch(first.watched.mapping.job, repositories))
  }
  const scopes = new Map<string, Scope>()
  const scopeOf = ({ region, namespace }: JobRef): Scope => {
    const key = scopeKey({ region, namespace })
    const scope = scopes.get(key) ?? new Scope(region, namespace)
    scopes.set(key, scope)
    return scope
  }
  const checked = new Set<RepositoryName>()
  const jobOf = new Map(watched.map(({ name, mapping }) => [name, jobs.get(jobKey(mapping.job))]))
  const wake = (name: RepositoryName) => jobOf.get(name)?.wake()
  const brake = new Brake(limit, watchings, interval, wake)
  yield* brake.look
  // Nothing that no push explains goes before all were looked at once, by this leader.
  yield* brake.expect(watched.map(({ name }) => name))
  const rolling = [...busy].filter((key) => jobs.has(key))
  const slots = new RolloutSlots(maxActiveRollouts, rolling, wake)
  const shared = { fence, interval, pace: new Pace(interval), beat, checked, brake, slots }
  const all = [...jobs.values()]
  const loops = all.flatMap((job) => {
    const passing = { ...shared, scope: scopeOf(job.job) }
    return [job.run(passing), job.heed(passing)]
  })
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
      ...[...scopes.values()].map((scope) => list(scope, all, interval, brake)),
      ...[...scopes.values()].slice(0, mostStreams).map((scope) => listen(scope, all)),
      ...[...scopes.values()].map(({ follower }) =>
        follower.run(
          fence,
          (job) => jobs.get(jobKey(job))?.forget(),
          (job) => jobs.get(jobKey(job))?.wake()
        )
      ),
      wakeOnChanges(all, brake),
      compareOften(all, interval, brake),
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
  beat: Beat,
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
    const firstPoll = isUrgent ? now : beat.nearest(now + spread * (yield* Random.next))
    watchings.push(new Watching(entry, views.get(entry.name) ?? null, firstPoll))
  }
  return watchings
})

/**
 * Lists a namespace once an interval, or where its stream may have left something out, and wakes the jobs whose index moved, all of them when Nomad went or came back.
 * Where the token may not list, each job is read anew.
 */
const list = Effect.fnUntraced(function* (
  scope: Scope,
  jobs: ReadonlyArray<JobWatch>,
  interval: Duration.Duration,
  brake: Brake
) {
  const own = jobs.filter(({ job }) => scope.has(job))
  for (let failures = 0; ;) {
    const before = scope.fault
    const indexes = yield* scope.list
    const old = own.filter((watch) => (indexes === null ? scope.fault === null : isMoved(watch, indexes)))
    const isOther = (before === null) !== (scope.fault === null)
    for (const watch of old) watch.forget()
    const woken = isOther ? own : old
    yield* brake.expect(namesOf(woken))
    for (const watch of woken) watch.wake()
    failures = scope.fault === null ? 0 : failures + 1
    const next = yield* jittered(interval)
    if (failures > 0) yield* Effect.sleep(Math.min(next, 1000 * 2 ** Math.min(failures - 1, 5)))
    else yield* Effect.raceFirst(Effect.sleep(next), Effect.andThen(Effect.sleep(listsApart), scope.isStale))
  }
})

/** What is remembered of the job is older than the listing. */
const isMoved = ({ repositories, job }: JobWatch, indexes: ReadonlyMap<string, number>): boolean =>
  repositories.some(({ observed }) => {
    if (observed === null || observed._tag === "Unread") return false
    return observed.modifyIndex !== (indexes.get(job.job) ?? 0)
  })

const namesOf = (jobs: ReadonlyArray<JobWatch>): ReadonlyArray<RepositoryName> =>
  jobs.flatMap(({ repositories }) => repositories.map(({ watched }) => watched.name))

/** What was told on whichever instance; what was told while there was no connection is found by comparing. */
const wakeOnChanges = Effect.fnUntraced(function* (jobs: ReadonlyArray<JobWatch>, brake: Brake) {
  const store = yield* StateStore
  yield* Stream.runForEach(store.changes, (told) => {
    if (told === null) return compareGenerations(jobs, brake)
    const name = typeof told === "object" ? told.check : told
    return Effect.map(brake.expect([name]), () => {
      for (const job of jobs) {
        if (typeof told === "object") job.check(name)
        else job.changed(name)
      }
    })
  })
})

/** Should every notification get lost: the generations, of all in one statement an interval (L3); the brake likewise. */
const compareOften = (jobs: ReadonlyArray<JobWatch>, interval: Duration.Duration, brake: Brake) =>
  Effect.sleep(interval).pipe(Effect.andThen(compareGenerations(jobs, brake)), Effect.forever)

/**
 * Wakes those whose generation is another than their last pass saw, and no others: a database that comes back is not
 * asked by all at once. One that no pass was over yet knows nothing old.
 */
const compareGenerations = Effect.fnUntraced(
  function* (jobs: ReadonlyArray<JobWatch>, brake: Brake) {
    const store = yield* StateStore
    yield* brake.look
    const generations = yield* store.generations
    const watchings = jobs.flatMap(({ repositories }) => repositories)
    const changed = watchings.filter(
      ({ generation, watched }) => generation !== null && generation !== generations.get(watched.name)
    )
    const names = changed.map(({ watched }) => watched.name)
    yield* brake.expect(names)
    for (const name of names) for (const job of jobs) job.changed(name)
  },
  Effect.catchTag("StoreError", (error) =>
    Effect.logWarning("generations not read").pipe(Effect.annotateLogs({ error: error.message }))
  )
)

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
