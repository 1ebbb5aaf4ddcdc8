import { Effect } from "effect"
import type { Situation } from "../decide/Situation.ts"
import type { Seen } from "../decide/elect.ts"
import { highestTask, isImageOfAll } from "../decide/observedImage.ts"
import { isHigher } from "../decide/version.ts"
import { type Base, Deployer, type Observation } from "../deployer/Deployer.ts"
import type { Desired } from "../domain/Desired.ts"
import type { History } from "../domain/History.ts"
import { markersOf, type Observed, type Runs } from "../domain/Observed.ts"
import type { Fence } from "../store/Leader.ts"
import { StateStore } from "../store/StateStore.ts"
import { countForeign } from "./countForeign.ts"
import { poll, type Polling } from "./poll.ts"
import type { RolloutSlots } from "./RolloutSlots.ts"
import type { Scope } from "./Scope.ts"
import { monotonic, type Watching } from "./Watching.ts"

/** What a pass needs besides its repository. */
export interface Passing extends Polling {
  readonly fence: Fence
  readonly scope: Scope
  readonly slots: RolloutSlots
}

/** Everything that one decision depends on, and the read that it may act on. */
export interface Survey {
  readonly situation: Situation
  readonly base: Base | undefined
  /** The job was read for this survey, and not remembered. */
  readonly isFresh: boolean
}

export const seenBy = ({ view, ballot, notImages }: Watching): Seen | null =>
  view === null ? null : { view, ballot, notImages: new Set(notImages.keys()) }

/**
 * Reads the three states. What is remembered of the job is as good as the namespace's listing, which says that its index
 * did not move; what is remembered of Postgres as the notifications of changes, and their generations once an interval.
 * `fresh` reads both again: nothing is done on a memory.
 */
export const survey = Effect.fn("survey")(function* (watching: Watching, passing: Passing, fresh: boolean) {
  const { watched } = watching
  const { job } = watched.mapping
  for (;;) {
    const { age } = watching
    const isFresh = fresh || watching.observed === null
    const { observed, base } = yield* observe(watching, passing, isFresh)
    const known = yield* recall(watching, observed, isFresh)
    const { history } = known
    let { desired } = known
    // A rollout that ended meanwhile, or a person's change, makes what was being read an old one.
    if (watching.age !== age) {
      watching.forget()
      continue
    }
    passing.scope.follower.track(job, history.rolling)
    const runs = observed._tag === "Runs" ? observed : null
    // Postgres's clock, carried on by our monotonic one.
    const now = new Date(history.readAt.getTime() + (yield* monotonic) - known.at)
    yield* poll(watching, desired, runs, history, now, passing)
    if (runs !== null) desired = yield* sight(watching, passing, desired, runs, history)
    const situation = yield* countForeign(watching, {
      watched,
      desired,
      seen: seenBy(watching),
      registryFault: watching.fault,
      requestFault: null,
      observed,
      history,
      now
    })
    return { situation, base, isFresh } satisfies Survey
  }
})

const recall = Effect.fnUntraced(function* (watching: Watching, observed: Observed, isFresh: boolean) {
  if (!isFresh && watching.known !== null) return watching.known
  const store = yield* StateStore
  const { name, mapping } = watching.watched
  const { desired, history } = yield* store.remembered(name, mapping.job, markersOf(observed))
  watching.known = { desired, history, at: yield* monotonic }
  return watching.known
})

const observe = Effect.fnUntraced(function* (watching: Watching, { scope }: Passing, isFresh: boolean) {
  // While the namespace cannot be listed its jobs are not asked one by one: the listing is what tries (L7).
  if (scope.fault !== null) return { observed: scope.fault, base: undefined } satisfies Observation
  // What acts is decided on a fresh read, so that nobody needs the base of an old one.
  if (!isFresh && watching.observed !== null) return { observed: watching.observed, base: undefined }
  const deployer = yield* Deployer
  const store = yield* StateStore
  const observation = yield* deployer.observe(watching.watched.mapping)
  const { observed } = observation
  watching.observed = observed._tag === "Unread" ? null : observed
  yield* store.saveObservation(watching.watched.name, observed)
  return observation
})

/** First sight stores what runs as the baseline (S20). */
const sight = Effect.fnUntraced(function* (
  watching: Watching,
  { fence }: Passing,
  desired: Desired,
  runs: Runs,
  history: History
) {
  if (desired.baselineAt !== null) return desired
  const store = yield* StateStore
  const { name } = watching.watched
  const task = highestTask(runs)
  const digest = task.digest ?? (task.tag === null ? null : (watching.view?.digests.get(task.tag) ?? null))
  // Of a database that was restored the mark is old: what runs by our hand is the truth (S8).
  const mark = desired.highWaterMark
  const raiseTo = task.tag !== null && (mark === null || isHigher(task.tag, mark)) ? task.tag : null
  const image = { tag: task.tag, digest }
  const ofAll = isImageOfAll(image, runs, desired, history)
  yield* store.setBaseline(fence, name, { ...image, ofAll, raiseTo })
  watching.known = null
  yield* Effect.logInfo("first sight").pipe(Effect.annotateLogs({ image: task.image }))
  return yield* store.desired(name)
})
