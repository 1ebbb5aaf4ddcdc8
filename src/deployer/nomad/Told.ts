import type { Duration } from "effect"
import type { Phase } from "../../domain/Attempt.ts"
import type { Progress } from "../Deployer.ts"
import type { LogPlace } from "./tellFailure.ts"

/** What the facts say of an attempt. */
export type Told =
  /** `words` are Nomad's own, `cause` is what happened to the tasks. */
  | (Extract<Progress, { readonly _tag: "Ended" }> & {
      readonly cause: string | undefined
      readonly log: LogPlace | undefined
    })
  /** `healthy` grows with each newly healthy allocation. `mayRest`: nothing but what the job's status shows can change it. */
  | {
      readonly _tag: "Rolling"
      readonly phase: Phase
      readonly deploymentId: string | null
      readonly nomadVersion: number
      /** The version whose deployment tells: the attempt's, or a later one that still carries its images. */
      readonly toldBy: number
      readonly words: string
      readonly healthy: number
      readonly mayRest: boolean
    }
  /** Every allocation that should run does; it succeeded once they ran for `minHealthy` without a restart, which would change `run`. */
  | {
      readonly _tag: "Running"
      readonly nomadVersion: number
      readonly run: string
      readonly minHealthy: Duration.Duration
    }
  /** The facts do not suffice: evaluations, then deployments, then allocations are needed, read in this order; where they do not suffice either, the next look tells. */
  | { readonly _tag: "ReadOn" }
