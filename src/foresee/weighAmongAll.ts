import { type Duration, Effect } from "effect"
import { isFree, weigh } from "../decide/brake.ts"
import type { BrakeLimit } from "../domain/BrakeState.ts"
import { type Decision, type Deploy, Wait } from "../domain/Decision.ts"
import { second } from "../domain/second.ts"
import { staleAfter } from "../domain/staleAfter.ts"
import type { Watched } from "../domain/Watched.ts"
import type { StoreError } from "../store/StoreError.ts"
import { StateStore } from "../store/StateStore.ts"
import type { Foreseen } from "./foresee.ts"

/** All that are watched, and what is too many of them. */
export interface Fleet {
  readonly watched: ReadonlyArray<Watched>
  readonly brake: BrakeLimit
  readonly pollInterval: Duration.Duration
}

/** On what the brake was foretold, besides those that were asked about; null: it did not depend on others. */
export type Basis = null | {
  /** So many were taken as the controller decided them last. */
  readonly recalled: number
  /** So many were looked at, since no controller of this configuration did lately. */
  readonly looked: number
  /** So many are not known. */
  readonly unknown: number
}

const atOnce = 8

/**
 * What the brake (S17) leaves of these decisions, as the leader would: it weighs the moves of all repositories, not of
 * these alone. The others are taken as they were decided last. `foreseeOther`, where it is given, is asked about those
 * that were not decided lately, until the answer is certain; without it they count as not decided yet.
 */
export const weighAmongAll = Effect.fn("weighAmongAll")(function* <R>(
  asked: ReadonlyArray<Foreseen>,
  { watched, brake: limit, pollInterval }: Fleet,
  foreseeOther: null | ((other: Watched) => Effect.Effect<Foreseen, StoreError, R>)
) {
  const store = yield* StateStore
  const moves = asked.filter(isMove).length
  const named = new Set(asked.map(({ watched: { name } }) => name))
  const others = watched.filter(({ name }) => !named.has(name))
  if (moves === 0) return { foreseen: asked, basis: null }
  const last = yield* store.brake
  if (last !== null && last.releasedAt === null) {
    const words = `waits for a release of the brake, which is on since ${second(last.since)}: no push explains this move`
    return { foreseen: braked(asked, words), basis: null }
  }
  const isUndecided = (counts: { readonly moves: number; readonly undecided: number }) =>
    weigh({ ...counts, watched: watched.length }, limit) === "wait"
  const counts = { moves, undecided: others.length }
  let basis: Basis = null
  if (isUndecided(counts)) {
    const recalled = yield* recall(others, staleAfter(pollInterval), foreseeOther === null)
    counts.moves += recalled.moves
    counts.undecided = recalled.unknown.length
    let looked = 0
    const ask = Effect.fnUntraced(function* (other: Watched) {
      if (foreseeOther === null || !isUndecided(counts)) return
      if (isMove(yield* foreseeOther(other))) counts.moves += 1
      counts.undecided -= 1
      looked += 1
    })
    yield* Effect.forEach(recalled.unknown, ask, { concurrency: atOnce, discard: true })
    basis = { recalled: others.length - recalled.unknown.length, looked, unknown: counts.undecided }
  }
  switch (weigh({ ...counts, watched: watched.length }, limit)) {
    case "go":
      return { foreseen: asked, basis }
    case "wait": {
      const words = `waits until the ${counts.undecided} others that nobody looked at yet are decided: no push explains this move, and many such would pause together`
      return { foreseen: braked(asked, words), basis }
    }
    case "brake": {
      const others = counts.moves - 1
      const words = `would be paused by the brake, with ${others} ${others === 1 ? "other" : "others"}: no push explains them; release the brake if they are meant`
      return { foreseen: braked(asked, words), basis }
    }
  }
})

const isMove = ({ decision, isExplained }: Foreseen): boolean => decision._tag === "Deploy" && !isExplained

/** `words` go on after the tag. */
const braked = (asked: ReadonlyArray<Foreseen>, words: string): ReadonlyArray<Foreseen> =>
  asked.map((each) => (isMove(each) ? { ...each, decision: paused(each.decision as Deploy, words) } : each))

const paused = ({ tag, digest }: Deploy, words: string): Decision =>
  Wait.make({ reason: "brake", words: `${tag} ${words}`, would: { tag, digest }, verdict: null })

/** The others' moves that no push explains, as the leader decided them last, and those of which that is not known. */
const recall = Effect.fnUntraced(function* (
  others: ReadonlyArray<Watched>,
  within: Duration.Duration,
  isOldGood: boolean
) {
  const store = yield* StateStore
  const decided = yield* store.lastDecided(others, within)
  const unknown: Array<Watched> = []
  let moves = 0
  for (const other of others) {
    const last = decided.get(other.name)
    if (last === undefined || !(last.isRecent || isOldGood)) unknown.push(other)
    else if (yield* wasMove(other, last)) moves += 1
  }
  return { moves, unknown }
})

/** In mode `plan` the leader weighs nothing, as nothing goes. */
const wasMove = Effect.fnUntraced(function* (
  { name, fingerprint }: Watched,
  { decision, isPinned }: { readonly decision: Decision; readonly isPinned: boolean }
) {
  if (decision._tag !== "Wait" || decision.would === null) return false
  if (decision.reason !== "plan_mode") return decision.reason === "brake"
  const store = yield* StateStore
  const move = { repository: name, ...decision.would }
  return !isFree(yield* store.weighMove(move, { fingerprint, isPinned }), null)
})
