import { type JsonObject, withoutEmpty } from "./Json.ts"
import { type Nanos, rfc3339 } from "./time.ts"

/** What the scheduler is to look at once more. Empty strings and nulls are left out of its JSON. */
export interface Evaluation {
  readonly ID: string
  readonly Namespace: string
  readonly JobID: string
  readonly Type: string
  readonly Priority: number
  readonly TriggeredBy:
    | "job-register"
    | "job-deregister"
    | "job-scaling"
    | "deployment-watcher"
    | "alloc-failure"
    | "queued-allocs"
    | "periodic-job"
    | "max-plan-attempts"
  readonly JobModifyIndex: number
  readonly DeploymentID: string
  readonly Status: "pending" | "complete" | "blocked" | "canceled" | "failed"
  readonly StatusDescription: string
  readonly BlockedEval: string
  readonly NextEval: string
  readonly PreviousEval: string
  readonly WaitUntil: Nanos | null
  readonly FailedTGAllocs: JsonObject | null
  readonly PlanAnnotations: JsonObject | null
  readonly QueuedAllocations: Readonly<Record<string, number>> | null
  readonly SnapshotIndex: number
  readonly CreateIndex: number
  readonly ModifyIndex: number
  readonly CreateTime: Nanos
  readonly ModifyTime: Nanos
}

export const isOpen = (evaluation: Evaluation): boolean =>
  evaluation.Status === "pending" || evaluation.Status === "blocked"

export const evaluationJson = (evaluation: Evaluation): JsonObject =>
  withoutEmpty({ ...evaluation, WaitUntil: rfc3339(evaluation.WaitUntil) })
