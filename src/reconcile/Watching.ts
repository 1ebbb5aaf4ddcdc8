import { Clock, Effect } from "effect"
import { Ballot } from "../decide/Ballot.ts"
import type { Desired } from "../domain/Desired.ts"
import type { Digest } from "../domain/Digest.ts"
import type { History } from "../domain/History.ts"
import type { Observed } from "../domain/Observed.ts"
import type { Tag } from "../domain/Tag.ts"
import { type View, withDigest } from "../domain/View.ts"
import type { Watched } from "../domain/Watched.ts"

/** Milliseconds of the monotonic clock: all that schedules here (S19). */
export const monotonic: Effect.Effect<number> = Effect.map(Clock.monotonicTimeNanos, (nanos) =>
  Number(nanos / 1_000_000n)
)

const checksApart = 1000

export interface Known {
  readonly desired: Desired
  readonly history: History
  /** When that was read (`monotonic`). */
  readonly at: number
}

/**
 * What the leader keeps in memory of one repository: a cache of Postgres and of the last answers, which a restart loses
 * without losing a change (S7).
 */
export class Watching {
  readonly watched: Watched
  readonly ballot: Ballot
  #view: View | null
  /** The last good listing, and what suspect ones have added to it: what the next is held against (S9). */
  listing: ReadonlyArray<Tag> | null
  /** The generation under which a view was saved last: an edit of the row makes the next one the first (S17). */
  savedFor: number | null = null
  /** The registry's last fault, in words, while it lasts. */
  fault: string | null = null
  /** It was due, and waits for a registry that another repository tries. */
  isPutOff = false
  /** The generation for which the registry was asked last; null before the first answer. */
  polledFor: number | null = null
  /** When the registry is asked next (`monotonic`). */
  nextPoll: number
  /** When it was asked last (`monotonic`). */
  #polledAt = Number.NEGATIVE_INFINITY
  /** Somebody wants it to be asked since then. */
  #isCheckWanted = false
  /** When the running version's tag is looked at next, in case it was overwritten. */
  nextLook: number
  /** Tags that turned out to be no images, and when they may be looked at again. */
  readonly notImages = new Map<Tag, number>()
  /** What the job had when it was last read, and nothing else of it: jobs are large. Null asks for a new read. */
  observed: Observed | null = null
  #known: Known | null = null
  /** The generation that a pass saw last; null before the first. */
  generation: number | null = null
  /** The last decision that was recorded: an equal one is no news. */
  recorded: string | null = null
  /** The images that the job had when somebody else's write was counted last: Postgres need not be asked again. */
  countedImages: string | null = null
  /** Passes in a row that could not do what they should, and the words of the last that failed (L7, L11). */
  failures = 0
  passFault: string | null = null
  /** Why its manifests could not be had last; a registry that lists may still refuse them. */
  manifestFault: string | null = null
  /** Raised when what was read is declared old: what is being read at that moment is old as well. */
  age = 0

  constructor(watched: Watched, view: View | null, firstPoll: number) {
    this.watched = watched
    this.#view = view
    this.listing = view?.tags ?? null
    this.ballot = new Ballot(view?.tags ?? [])
    this.nextPoll = firstPoll
    this.nextLook = firstPoll
  }

  /** Has the registry asked at the next pass, however many want it: once a second. */
  check(): void {
    this.#isCheckWanted = true
    this.nextPoll = Math.min(this.nextPoll, this.#polledAt + checksApart)
  }

  asking(now: number): void {
    this.#polledAt = now
    this.#isCheckWanted = false
  }

  /** The registry answered and is asked again at `next`, or sooner: what was wanted meanwhile it may not have seen. */
  answered(next: number): void {
    this.nextPoll = this.#isCheckWanted ? this.#polledAt + checksApart : next
  }

  /** What was read of the job, and of Postgres, is old. */
  forget(): void {
    this.observed = null
    this.forgetKnown()
  }

  /** What was read of Postgres is old. */
  forgetKnown(): void {
    this.known = null
    this.age += 1
  }

  /** What Postgres said last, kept while the repository is in sync; null asks again. */
  get known(): Known | null {
    return this.#known
  }

  set known(known: Known | null) {
    this.#known = known
    if (known !== null) this.generation = known.desired.generation
  }

  get view(): View | null {
    return this.#view
  }

  set view(view: View) {
    if (view.tags !== this.#view?.tags) this.ballot.update(view.tags ?? [])
    this.#view = view
  }

  /** What of the view a digest, or its absence, changes. */
  learn(tag: Tag, digest: Digest | null, takenAt: Date): void {
    this.view = withDigest(this.#view, tag, digest, takenAt)
  }
}
