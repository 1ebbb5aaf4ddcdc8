import type { Decision, Deploy } from "../domain/Decision.ts"
import { Wait } from "../domain/Decision.ts"
import { type JobRef, jobKey } from "../domain/JobRef.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { Watched } from "../domain/Watched.ts"

/** Whether Nomad could be asked: what is under way is unknown where not. */
const isBlind = (decision: Decision): boolean =>
  decision._tag === "Wait" && ["nomad_unreachable", "forbidden", "backing_off"].includes(decision.reason)

/** `max_active_rollouts`: how many jobs may roll out together by themselves. Requests take a place, and never wait. */
export class RolloutSlots {
  readonly #most: number
  readonly #wake: (repository: RepositoryName) => void
  readonly #active: Set<string>
  /** Of these a place was given for a move that nothing is known of yet. */
  readonly #given = new Set<string>()
  /** Who waits for a place, the first first. */
  readonly #queue = new Set<RepositoryName>()

  /** `active`: keys of the jobs whose rollout goes on already. `wake` wants another pass over a repository. */
  constructor(
    most: number | undefined,
    active: Iterable<string>,
    wake: (repository: RepositoryName) => void
  ) {
    this.#most = most ?? Number.POSITIVE_INFINITY
    this.#active = new Set(active)
    this.#wake = wake
  }

  /** Null where this automatic move has its place, else that it waits for one. */
  stop({ name, mapping }: Watched, { tag, digest }: Deploy): Wait | null {
    const key = jobKey(mapping.job)
    if (this.#active.has(key) || this.#active.size < this.#most) {
      if (!this.#active.has(key)) this.#given.add(key)
      this.#active.add(key)
      this.#queue.delete(name)
      return null
    }
    this.#queue.add(name)
    const words = `${this.#most} jobs roll out already, as many as max_active_rollouts lets; it comes when one has ended`
    return Wait.make({ reason: "too_many_rollouts", words, would: { tag, digest }, verdict: null })
  }

  /**
   * How a pass over a repository ended; `isFault`: what was decided could not be done. As many as there are places then
   * are passed over again.
   */
  decided(job: JobRef, name: RepositoryName, decision: Decision, isFault: boolean): void {
    const key = jobKey(job)
    const isUnknown = isBlind(decision) || (decision._tag === "Deploy" && isFault)
    // Canaries that wait for a person move nothing, and may do so for days.
    const waitsForPerson = decision._tag === "Follow" && decision.reason === "awaiting_promotion"
    const isActive = ["Deploy", "Follow", "Settle"].includes(decision._tag) && !waitsForPerson
    if (!isUnknown && isActive) this.#active.add(key)
    // What Nomad does not take holds no place, however long it is sent again.
    else if (!isUnknown || this.#given.has(key)) this.#active.delete(key)
    this.#given.delete(key)
    const waits = decision._tag === "Wait" && decision.reason === "too_many_rollouts"
    if (!waits) this.#queue.delete(name)
    this.#fill()
  }

  /** A pass over the job failed: what it was to do may not have been done. */
  failed(job: JobRef): void {
    if (this.#given.delete(jobKey(job))) this.#active.delete(jobKey(job))
    this.#fill()
  }

  #fill(): void {
    let free = this.#most - this.#active.size
    for (const waiting of this.#queue) {
      if (free-- <= 0) break
      this.#queue.delete(waiting)
      this.#wake(waiting)
    }
  }
}
