import type { Acl } from "./Acl.ts"
import type { ClusterNode } from "./Allocation.ts"
import type { Feature } from "./ServerVersion.ts"
import type { NodeImages } from "./NodeImages.ts"
import type { OutcomeOf } from "./Outcome.ts"
import type { State } from "./State.ts"
import type { TaskLogs } from "./taskLogs.ts"
import type { Nanos } from "./time.ts"
import type { Timings } from "./Timings.ts"

/** What the parts of the simulated cluster share. */
export interface Cluster {
  readonly state: State
  readonly node: ClusterNode
  readonly timings: Timings
  /** Of the server, as `2.0.6`. */
  readonly version: string
  /** Whether the server's version has it. */
  readonly has: (feature: Feature) => boolean
  /** Whether it is an Enterprise server, which takes jobs of several regions. */
  readonly enterprise: boolean
  /** What servers before 1.10 ask of who submits a job. */
  readonly requiresTokens: { readonly vault: boolean; readonly consul: boolean }
  readonly acl: Acl
  readonly outcome: OutcomeOf
  readonly logs: TaskLogs
  readonly images: NodeImages
  /** Runs `act` that many milliseconds from now on the layer's clock; never after the layer is closed. */
  readonly after: (milliseconds: number, act: () => void) => void
  readonly now: () => Nanos
  /** A UUID. */
  readonly newId: () => string
  /** A number in [0, 1). */
  readonly random: () => number
}
