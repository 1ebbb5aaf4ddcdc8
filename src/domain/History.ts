import type { Attempt, AttemptId } from "./Attempt.ts"
import type { Digest } from "./Digest.ts"
import type { Tag } from "./Tag.ts"
import type { Target } from "./Target.ts"

/** A digest that is not tried by itself (S11), until when (null: until another digest or a person). */
export interface Quarantine {
  readonly digest: Digest
  readonly why: string
  readonly until: Date | null
  /** How often it failed for causes that are not the image's; the row stays when `until` is over, and counts on. */
  readonly failures: number
}

/** What Postgres remembers of a repository and its job, as `decide` needs it. */
export interface History {
  /** The job's open attempt, of whichever repository. */
  readonly openAttempt: Attempt | null
  /** The job's accepted attempts whose rollout has not ended, newest first. */
  readonly rolling: ReadonlyArray<Attempt>
  /** This repository's newest attempt that Nomad took, ended or not. */
  readonly lastAccepted: Attempt | null
  /** This repository's newest `rejected` attempt. */
  readonly lastRejected: Attempt | null
  /** Tags that ran, newest first: accepted attempts, then what the first of them replaced. */
  readonly ran: ReadonlyArray<Tag>
  readonly quarantine: ReadonlyArray<Quarantine>
  /**
   * The targets of the attempts whose markers the job carries; a marker that is not here is unknown to this
   * database. `adopted`: a person spoke for it.
   */
  readonly markers: ReadonlyMap<AttemptId, Target | "adopted">
  /** Those since a person last had something deployed: who ordered it knew of the others. */
  readonly foreignWritesLastHour: number
  /** When this was read, by Postgres's clock: what ends by time ends by it, and by no instance's own (S19). */
  readonly readAt: Date
}
