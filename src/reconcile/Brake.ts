import { Duration, Effect } from "effect"
import { isFree, weigh } from "../decide/brake.ts"
import type { BrakeLimit, Move } from "../domain/BrakeState.ts"
import { type Decision, type Deploy, Wait } from "../domain/Decision.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { Fence } from "../store/Leader.ts"
import { StateStore } from "../store/StateStore.ts"
import { countBrake, showBrake } from "./metrics.ts"
import { monotonic, type Watching } from "./Watching.ts"

/** What is woken is decided within an interval and the deadlines of its calls; nobody waits longer for it. */
const callsTake = 30_000

const paused =
  "the brake is on: no push explains this move, nor those of many other repositories; it waits for a release of the brake"
const undecided =
  "no push explains this move; it waits until all repositories were looked at, since many of them would pause together"

/**
 * The brake over all repositories (S17), as the leader remembers it: how many moves that no push explains there are
 * within an interval, and how many there may still be. The brake that is on stands in Postgres, for any leader.
 */
export class Brake {
  readonly #limit: BrakeLimit
  readonly #watchings: ReadonlyArray<Watching>
  readonly #interval: number
  readonly #wake: (repository: RepositoryName) => void
  /** Woken together and not decided since; until when they are waited for (`monotonic`). */
  readonly #undecided = new Map<RepositoryName, number>()
  readonly #moves = new Map<RepositoryName, { readonly move: Move; readonly at: number; hasGone: boolean }>()
  readonly #waiting = new Set<RepositoryName>()
  #isOn = false

  /** `wake` wants another pass over a repository. */
  constructor(
    limit: BrakeLimit,
    watchings: ReadonlyArray<Watching>,
    interval: Duration.Duration,
    wake: (repository: RepositoryName) => void
  ) {
    this.#limit = limit
    this.#watchings = watchings
    this.#interval = Duration.toMillis(interval)
    this.#wake = wake
  }

  /** These are woken together: each may turn out to move. */
  readonly expect = (repositories: Iterable<RepositoryName>): Effect.Effect<void> =>
    Effect.map(monotonic, (now) => {
      for (const name of repositories) this.#undecided.set(name, now + this.#interval + callsTake)
    })

  /** The registry answers again: whoever waited for it is asked about within an interval. */
  readonly expectPutOff = (registry: string): Effect.Effect<void> =>
    this.expect(
      this.#watchings
        .filter(
          ({ watched, fault, isPutOff }) => watched.registry === registry && (fault !== null || isPutOff)
        )
        .map(({ watched }) => watched.name)
    )

  /** Null where this automatic move may go, else what it waits for. */
  readonly stop = (fence: Fence, { watched }: Watching, { tag, digest, reason }: Deploy, isPinned: boolean) =>
    Effect.gen({ self: this }, function* () {
      const store = yield* StateStore
      const { name, fingerprint } = watched
      const move = { repository: name, tag, digest }
      const known = yield* store.weighMove(move, { fingerprint, isPinned })
      const { isStopped } = known
      yield* this.#stands(isStopped)
      if (isFree(known, reason)) {
        this.#moves.delete(name)
        return null
      }
      const now = yield* monotonic
      const entry = { move, at: now, hasGone: false }
      this.#moves.set(name, entry)
      const wait = (words: string) =>
        Wait.make({ reason: "brake", words, would: { tag, digest }, verdict: null })
      const weight = isStopped ? "brake" : this.#weigh(now)
      if (weight === "go") {
        entry.hasGone = true
        return null
      }
      if (weight === "wait") {
        this.#waiting.add(name)
        return wait(undecided)
      }
      yield* this.#pull(fence, isStopped ? [move] : this.#wanted())
      return wait(paused)
    })

  /** How a pass over a repository ended. Whoever waited for the last of the others goes on. */
  readonly decided = (name: RepositoryName, decision: Decision): Effect.Effect<void> =>
    Effect.map(monotonic, (now) => {
      this.#undecided.delete(name)
      const isMove = decision._tag === "Deploy" || (decision._tag === "Wait" && decision.reason === "brake")
      if (!isMove && this.#moves.get(name)?.hasGone === false) this.#moves.delete(name)
      if (this.#waiting.size > 0 && this.#weigh(now) !== "wait") this.#wakeWaiting()
    })

  /** Whether it is on, as Postgres has it: at start, and once an interval. */
  readonly look = Effect.gen({ self: this }, function* () {
    const store = yield* StateStore
    const last = yield* store.brake
    yield* this.#stands(last !== null && last.releasedAt === null)
  })

  readonly #pull = Effect.fnUntraced(function* (this: Brake, fence: Fence, moves: ReadonlyArray<Move>) {
    const store = yield* StateStore
    const isNew = yield* store.pullBrake(fence, moves)
    yield* this.#stands(true)
    this.#wakeWaiting()
    if (!isNew) return
    yield* countBrake
    yield* Effect.logWarning("brake: automatic moves that no push explains are paused").pipe(
      Effect.annotateLogs({ moves: moves.length, watched: this.#watchings.length })
    )
  })

  readonly #stands = Effect.fnUntraced(function* (this: Brake, isOn: boolean) {
    yield* showBrake(isOn)
    if (isOn === this.#isOn) return
    this.#isOn = isOn
    // What is wanted afterwards counts anew.
    if (!isOn) this.#moves.clear()
    yield* Effect.logInfo(isOn ? "the brake is on" : "the brake is released")
  })

  /** Of the moves that there are, whoever asks; those that went count for an interval. */
  #weigh(now: number): ReturnType<typeof weigh> {
    for (const [name, { at, hasGone }] of this.#moves)
      if (hasGone && at + this.#interval < now) this.#moves.delete(name)
    for (const [name, until] of this.#undecided) if (until < now) this.#undecided.delete(name)
    const others = [...this.#undecided.keys()].filter((name) => !this.#moves.has(name))
    const counts = { moves: this.#moves.size, undecided: others.length, watched: this.#watchings.length }
    return weigh(counts, this.#limit)
  }

  #wanted(): ReadonlyArray<Move> {
    return [...this.#moves.values()].filter(({ hasGone }) => !hasGone).map(({ move }) => move)
  }

  #wakeWaiting(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const name of waiting) this.#wake(name)
  }
}
