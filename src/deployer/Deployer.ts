import { Context, type Effect, Layer, type Stream } from "effect"
import type { Attempt, AttemptId, Phase } from "../domain/Attempt.ts"
import type { Blame } from "../domain/Blame.ts"
import type { PlanOutcome } from "../domain/JobPlan.ts"
import type { Canaries } from "../domain/Canaries.ts"
import type { Observed, ObservedTask, Unread } from "../domain/Observed.ts"
import type { Target } from "../domain/Target.ts"
import type { NomadEndpoint } from "../domain/NomadEndpoint.ts"
import type { Mapping } from "../domain/Watched.ts"
import type { Hint } from "./Hint.ts"
import { makeNomadDeployer } from "./nomad/makeNomadDeployer.ts"

/** The job as it was read; only the layer that made it looks inside. */
export interface Base {
  readonly _: unique symbol
}

/** What one read of the job says of one mapping; `base` is there exactly where `observed` is `Runs`. */
export interface Observation {
  readonly observed: Observed
  readonly base: Base | undefined
}

/** A register that is ready to be sent, once: the job as read with only the image, its marker and its source changed (S5). */
export interface Edit {
  readonly attempt: AttemptId
  /** As written into `Config.image`. */
  readonly imageSent: string
  /** SHA-256 (hex) of the job that will be sent. */
  readonly jobHash: string
  /** The index that check-and-set enforces (S3), and the version that has it. */
  readonly baseIndex: number
  readonly baseVersion: number
  readonly _: unique symbol
}

/** What Nomad's answer to a register proves (`design.md` §6); it is an answer, never a failure. */
export type Registered =
  | { readonly _tag: "Accepted"; readonly nomadIndex: number; readonly evalId: string | null }
  /** The check-and-set text: somebody wrote the job since it was read. */
  | { readonly _tag: "Conflict"; readonly words: string }
  /** Nomad refuses the job itself. */
  | { readonly _tag: "Rejected"; readonly words: string }
  /** Nothing was applied and nothing is said about the job; `forbidden` names the right. */
  | {
      readonly _tag: "NotApplied"
      readonly words: string
      readonly forbidden: boolean
      /** Milliseconds asked for by `Retry-After`. */
      readonly retryAfter: number | null
    }
  /** Time-out, reset, EOF, 5xx: it may have been applied. */
  | { readonly _tag: "Unknown"; readonly words: string }

/** Where an attempt's register is found, by its marker, in the job and its versions (S6). */
export type Settled =
  /** The lowest version above the base that carries the marker. */
  | { readonly _tag: "Accepted"; readonly nomadIndex: number; readonly nomadVersion: number }
  /** In none, and the job's index is still the base: it may be sent again 45 s after `submitted_at`. */
  | { readonly _tag: "Absent" }
  /** In none, and the job's index moved, or the job was purged and made again. */
  | { readonly _tag: "Moved"; readonly words: string }
  /** The versions kept do not reach back to the base. */
  | { readonly _tag: "OutOfReach"; readonly words: string }

/** Where the rollout of an accepted attempt stands. */
export type Progress =
  | {
      readonly _tag: "Rolling"
      readonly phase: Phase
      readonly deploymentId: string | null
      readonly nomadVersion: number
      readonly words: string
    }
  | {
      readonly _tag: "Ended"
      readonly outcome: "succeeded" | "failed" | "reverted" | "superseded"
      readonly deploymentId: string | null
      readonly nomadVersion: number
      /** What happened to the tasks, as a sentence, then Nomad's own words. */
      readonly words: string
      /** Null unless `failed` or `reverted`. */
      readonly blame: Blame | null
      /**
       * `superseded` by Nomad's own rollback, which came before the register was scheduled (T16): nobody decided
       * against the attempt.
       */
      readonly swallowed: boolean
      /** The mapped tasks of the version that Nomad rolled back to; empty unless `reverted` or swallowed. */
      readonly revertedTo: ReadonlyArray<ObservedTask>
    }

/** What Nomad's answer to a promotion, or to the failing of a rollout, proves; it is an answer, never a failure. */
export type Steered =
  | { readonly _tag: "Done" }
  /** Nomad refuses: not all canaries are healthy, or the deployment has ended. */
  | { readonly _tag: "Refused"; readonly words: string }
  /** Nothing was done and nothing is said about the deployment; `forbidden` names the right. */
  | Extract<Registered, { readonly _tag: "NotApplied" }>
  /** Time-out, reset, EOF, 5xx: it may have been done. */
  | { readonly _tag: "Unknown"; readonly words: string }

/** A right, as Nomad answered when it was tried. `Untold`: it could not be tried, or something else was said first. */
export type Right =
  | { readonly _tag: "Held" }
  | { readonly _tag: "Missing"; readonly words: string }
  | { readonly _tag: "Untold"; readonly words: string }

/** What the token may do with one job, besides reading it. */
export interface Rights {
  /** Everything that a register of this very job needs, its volumes' rights among it. */
  readonly register: Right
  /** Of its tasks; without it a failure is told without the last line of the log. */
  readonly logs: Right
}

/** Nomad jobs: what runs, and one register at a time. Each call has a deadline and ends by it. */
export class Deployer extends Context.Service<
  Deployer,
  {
    /** Reads the job and its newest deployment. That Nomad cannot be read is an answer (`Unread`). */
    observe(mapping: Mapping): Effect.Effect<Observation>
    /** Changes `base` for one register; reads the stored source of the job, writes nothing. */
    edit(base: Base, target: Target, attempt: AttemptId): Effect.Effect<Edit, Unread>
    /** Sends it, once, with check-and-set on the base (S3). */
    register(edit: Edit): Effect.Effect<Registered>
    /** Nomad's own diff between the job as read and as a deploy would register it. Nothing is written. */
    plan(base: Base, target: Target): Effect.Effect<PlanOutcome, Unread>
    /** Tries the rights that a deploy of this job needs. Nothing is written. */
    rights(base: Base): Effect.Effect<Rights>
    settle(attempt: Attempt): Effect.Effect<Settled, Unread>
    /** One or few calls for all of them; an attempt that cannot be told now is left out. */
    progress(attempts: ReadonlyArray<Attempt>): Effect.Effect<ReadonlyMap<AttemptId, Progress>, Unread>
    /** The canaries of the attempt's deployment; null: it does not wait for their promotion (any more). */
    canaries(attempt: Attempt): Effect.Effect<Canaries | null, Unread>
    /**
     * Promotes all canaries of this deployment, by its id: of another version never. Sent again to one that is promoted
     * already, Nomad starts its progress deadline anew and schedules once more (measured).
     */
    promote(scope: Pick<Attempt, "region" | "namespace">, deployment: string): Effect.Effect<Steered>
    /** Fails this deployment; where its job has `auto_revert`, Nomad rolls it back. */
    fail(scope: Pick<Attempt, "region" | "namespace">, deployment: string): Effect.Effect<Steered>
    /** Nomad's `ModifyIndex` of every job of a namespace, by job id, in one or few calls. */
    indexes(scope: {
      readonly region: string
      readonly namespace: string
    }): Effect.Effect<ReadonlyMap<string, number>, Unread>
    /**
     * What Nomad tells of the jobs of a namespace by itself, for as long as it is read; it begins anew where that ends.
     * Nothing may depend on it: of what it leaves out, the indexes tell.
     */
    changes(scope: {
      readonly region: string
      readonly namespace: string
      /** Of others it may tell as well, and does where there are none here. */
      readonly jobs: ReadonlyArray<string>
    }): Stream.Stream<Hint>
  }
>()("registrywatcher/deployer/Deployer") {
  /** Speaks Nomad's HTTP API to one address; each call ends within 10 seconds. */
  static readonly layer = (nomad: NomadEndpoint) => Layer.effect(Deployer, makeNomadDeployer(nomad))
}
