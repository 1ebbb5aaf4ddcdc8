import { type Allocation, allocationJson, type ClusterNode } from "./Allocation.ts"
import { type Deployment, deploymentJson } from "./Deployment.ts"
import { type Evaluation, evaluationJson } from "./Evaluation.ts"
import type { Job } from "./Job.ts"
import type { JsonObject } from "./Json.ts"

/** The kind of Raft entry that an event came of: it names what was asked for, not what changed. */
export type EventType =
  | "AllocationUpdated"
  | "AllocationUpdateDesiredStatus"
  | "DeploymentAllocHealth"
  | "DeploymentPromotion"
  | "DeploymentStatusUpdate"
  | "EvaluationUpdated"
  | "JobDeregistered"
  | "JobRegistered"
  | "PlanResult"

/** What one transaction made of one object. */
export type Change =
  | { readonly topic: "Allocation"; readonly value: Allocation }
  | { readonly topic: "Deployment"; readonly value: Deployment }
  | { readonly topic: "Evaluation"; readonly value: Evaluation }
  | { readonly topic: "Job"; readonly value: Job; readonly deleted?: boolean }

/** One transaction: one line of the stream. */
export interface Line {
  readonly index: number
  readonly type: EventType
  readonly changes: ReadonlyArray<Change>
}

/** Lines that are kept for who comes later: Nomad's default `event_buffer_size`. */
const keptLines = 100

/** The newest transactions, and who listens to those that come. */
export class EventLog {
  #lines: ReadonlyArray<Line> = []
  readonly #changes = new Map<string, Change>()
  readonly #listeners = new Set<{ readonly listen: (line: Line) => void; readonly ended: () => void }>()

  /** Something was changed by the transaction that is being written; of one object the newest value counts. */
  record(change: Change): void {
    this.#changes.set(`${change.topic}\n${change.value.Namespace}\n${change.value.ID}`, change)
  }

  /** Tells what was recorded, or those of it, as one line; without a type it is forgotten. */
  publish(index: number, type: EventType | undefined, which: (change: Change) => boolean = () => true): void {
    const told = [...this.#changes].filter(([, change]) => which(change))
    for (const [key] of told) this.#changes.delete(key)
    if (type === undefined || told.length === 0) return
    const line = { index, type, changes: told.map(([, change]) => change) }
    this.#lines = [...this.#lines, line].slice(-keptLines)
    for (const { listen } of this.#listeners) listen(line)
  }

  /** Where a stream from this index on starts: with that index or the next one kept, else once more with the last. */
  from(index: number): ReadonlyArray<Line> {
    const at = this.#lines.findIndex((line) => line.index >= index)
    return at === -1 ? this.#lines.slice(-1) : this.#lines.slice(at)
  }

  /** Calls `listen` with each line from now on, until the answer is called; `ended` when there will be no more. */
  listen(listen: (line: Line) => void, ended: () => void): () => void {
    const listener = { listen, ended }
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** As a server that begins anew: what was told is forgotten, and every stream ends. */
  forget(): void {
    this.#lines = []
    this.#changes.clear()
    const listeners = [...this.#listeners]
    this.#listeners.clear()
    for (const { ended } of listeners) ended()
  }
}

/** An event as the stream sends it. */
export interface StreamEvent extends JsonObject {
  readonly Topic: Change["topic"]
  readonly Key: string
  readonly Namespace: string
  readonly FilterKeys: ReadonlyArray<string> | null
}

export const eventsOf = ({ index, type, changes }: Line, node: ClusterNode): ReadonlyArray<StreamEvent> =>
  changes.map((change) => ({
    Topic: change.topic,
    Type: type,
    Key: change.value.ID,
    Namespace: change.value.Namespace,
    FilterKeys: filterKeys(change),
    Index: index,
    Payload: payload(change, node)
  }))

const filterKeys = (change: Change): ReadonlyArray<string> | null => {
  switch (change.topic) {
    case "Job":
      return null
    case "Deployment":
      return [change.value.JobID]
    case "Allocation":
    case "Evaluation":
      return [change.value.JobID, change.value.DeploymentID]
  }
}

const payload = (change: Change, node: ClusterNode): JsonObject => {
  switch (change.topic) {
    case "Job":
      return { ...(change.deleted === true ? { Deleted: true } : {}), Job: change.value }
    case "Deployment":
      return { Deployment: deploymentJson(change.value) }
    case "Evaluation":
      return { Evaluation: evaluationJson(change.value) }
    case "Allocation": {
      const { Job: _, ...allocation } = allocationJson(change.value, node)
      return { Allocation: allocation }
    }
  }
}
