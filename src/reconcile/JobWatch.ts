import { Cause, Duration, Effect, Latch } from "effect"
import type { JobRef } from "../domain/JobRef.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import { delayAfter, longestDelay } from "./Pace.ts"
import { pass, type PassAnswer } from "./pass.ts"
import type { Passing } from "./survey.ts"
import { monotonic, type Watching } from "./Watching.ts"

// Every call has its own deadline; a pass that takes longer than all of them together hangs (L6).
const passDeadline = Duration.minutes(2)
// However many events Nomad tells of a job, and soon enough for what comes right after another.
const hintsApart = Duration.millis(500)

/**
 * The repositories of one job, passed over one after another (`design.md` §3): when a poll is due, when a rollout, a
 * listing or a person wakes it, or when a back-off ends. Wakes are hints, and many are one pass.
 */
export class JobWatch {
  readonly job: JobRef
  readonly repositories: ReadonlyArray<Watching>
  readonly #wakes = Latch.makeUnsafe(false)
  readonly #hints = Latch.makeUnsafe(false)
  /** When the next pass is due whatever the polls say (`monotonic`). */
  #retryAt = Number.POSITIVE_INFINITY

  constructor(job: JobRef, repositories: ReadonlyArray<Watching>) {
    this.job = job
    this.repositories = repositories
  }

  wake(): void {
    this.#wakes.openUnsafe()
  }

  /** What was read of the job is old. */
  forget(): void {
    for (const watching of this.repositories) watching.forget()
  }

  /** Nomad told that the job moved, at this index of its; nothing comes of it where the job was read since. */
  hint(index: number): void {
    const isNews = this.repositories.some(({ observed }) => {
      return observed === null || observed._tag === "Unread" || observed.modifyIndex < index
    })
    if (isNews) this.#hints.openUnsafe()
  }

  /** Turns hints into passes: at once, and of those that come together one. Never ends. */
  readonly heed = ({ brake }: Passing) =>
    Effect.gen({ self: this }, function* () {
      yield* this.#hints.await
      this.#hints.closeUnsafe()
      yield* brake.expect(this.repositories.map(({ watched }) => watched.name))
      this.forget()
      this.wake()
      yield* Effect.sleep(hintsApart)
    }).pipe(Effect.forever)

  /** What Postgres said of the repository is old. */
  changed(name: RepositoryName): void {
    for (const watching of this.repositories) {
      if (watching.watched.name !== name) continue
      watching.forgetKnown()
      this.wake()
    }
  }

  /** Somebody wants the registry to be asked now; a host that backs off is left alone even so (L7). */
  check(name: RepositoryName): void {
    for (const watching of this.repositories) {
      if (watching.watched.name !== name) continue
      watching.check()
      this.wake()
    }
  }

  /** Passes until interrupted. A defect of ours ends this job's loop and no other (S25). */
  readonly run = (passing: Passing) =>
    Effect.gen({ self: this }, function* () {
      const due = Math.min(this.#retryAt, ...this.repositories.map(({ nextPoll }) => nextPoll))
      const left = due - (yield* monotonic)
      if (left > 0) yield* Effect.raceFirst(this.#wakes.await, Effect.sleep(Duration.millis(left)))
      this.#wakes.closeUnsafe()
      this.#retryAt = Number.POSITIVE_INFINITY
      yield* this.#passes(passing)
    }).pipe(
      Effect.forever,
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.failCause(cause)
          : Effect.logError("this job is watched no more until the next leader", cause)
      ),
      Effect.annotateLogs({ job: this.job.job, namespace: this.job.namespace })
    )

  readonly #passes = Effect.fnUntraced(function* (this: JobWatch, passing: Passing) {
    for (const watching of this.repositories) {
      yield* pass(watching, passing).pipe(
        Effect.timeout(passDeadline),
        Effect.matchEffect({
          onSuccess: (answer) => {
            const { name } = watching.watched
            passing.slots.decided(this.job, name, answer.decision, answer.isFault)
            return Effect.andThen(
              passing.brake.decided(name, answer.decision),
              this.#answered(answer, watching, passing)
            )
          },
          onFailure: (error) => this.#failed(error, watching, passing)
        }),
        Effect.annotateLogs({ repository: watching.watched.name })
      )
    }
  })

  readonly #answered = Effect.fnUntraced(function* (
    this: JobWatch,
    { decision, retryIn, isFault }: PassAnswer,
    watching: Watching,
    { interval }: Passing
  ) {
    // The others of this job wait for its attempt, and must know of it.
    if (decision._tag === "Deploy") this.forget()
    if (watching.passFault !== null) yield* Effect.logInfo("passes again")
    watching.passFault = null
    const asked = retryIn === null ? Number.POSITIVE_INFINITY : Duration.toMillis(retryIn)
    const backoff = isFault ? yield* delayAfter(watching.failures, longestDelay(interval)) : 0
    watching.failures = isFault ? watching.failures + 1 : 0
    const delay = isFault ? Math.max(backoff, retryIn === null ? 0 : asked) : asked
    this.#retryAt = Math.min(this.#retryAt, (yield* monotonic) + delay)
  })

  readonly #failed = Effect.fnUntraced(function* (
    this: JobWatch,
    error: { readonly _tag: string; readonly message?: string },
    watching: Watching,
    { interval, slots }: Passing
  ) {
    slots.failed(this.job)
    const words = error.message ?? error._tag
    if (watching.passFault !== words)
      yield* Effect.logWarning("pass failed").pipe(Effect.annotateLogs({ error: words }))
    watching.passFault = words
    watching.forget()
    const retryAt = (yield* monotonic) + (yield* delayAfter(watching.failures, longestDelay(interval)))
    watching.failures += 1
    this.#retryAt = Math.min(this.#retryAt, retryAt)
    // A poll that is due would bring the pass back before the delay is over.
    watching.nextPoll = Math.max(watching.nextPoll, retryAt)
  })
}
