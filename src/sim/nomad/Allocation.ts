import { groupOf, type Job } from "./Job.ts"
import { type JsonObject, withoutEmpty } from "./Json.ts"
import { taskStateJson, type TaskState } from "./TaskState.ts"
import { rfc3339, type Nanos } from "./time.ts"

export interface RescheduleEvent {
  readonly PrevAllocID: string
  readonly Delay: number
  readonly RescheduleTime: Nanos
}

export interface AllocationHealth {
  readonly Healthy: boolean | null
  readonly Timestamp: Nanos | null
  readonly Canary: boolean
  readonly ModifyIndex: number
}

export interface Allocation {
  readonly ID: string
  readonly EvalID: string
  readonly Name: string
  readonly Namespace: string
  readonly JobID: string
  readonly TaskGroup: string
  /** The version of the job that it runs; an update in place replaces it. */
  readonly Job: Job
  readonly DeploymentID: string
  readonly DesiredStatus: "run" | "stop"
  readonly DesiredDescription: string
  /** The deployment watcher allowed a replacement although the deployment still runs. */
  readonly mayReschedule: boolean
  readonly ClientStatus: "pending" | "running" | "complete" | "failed"
  readonly ClientDescription: string
  readonly TaskStates: Readonly<Record<string, TaskState>> | null
  readonly DeploymentStatus: AllocationHealth | null
  readonly FollowupEvalID: string
  readonly PreviousAllocation: string
  readonly NextAllocation: string
  readonly reschedules: ReadonlyArray<RescheduleEvent>
  readonly CreateIndex: number
  readonly ModifyIndex: number
  readonly AllocModifyIndex: number
  readonly CreateTime: Nanos
  readonly ModifyTime: Nanos
}

/** Whether the client is done with it. */
export const isFinished = ({ ClientStatus }: Allocation): boolean =>
  ClientStatus === "complete" || ClientStatus === "failed"

/** Whether it is finished, or is to be stopped. */
export const isTerminal = (allocation: Allocation): boolean =>
  allocation.DesiredStatus === "stop" || isFinished(allocation)

/** The one node of the simulated cluster. */
export interface ClusterNode {
  readonly id: string
  readonly name: string
}

const health = (status: AllocationHealth | null): JsonObject | null =>
  status === null ? null : { ...status, Timestamp: rfc3339(status.Timestamp) }

const taskStates = (states: Allocation["TaskStates"]): JsonObject | null =>
  states === null
    ? null
    : Object.fromEntries(Object.entries(states).map(([task, state]) => [task, taskStateJson(state)]))

const tracker = (allocation: Allocation, node: ClusterNode): JsonObject | null =>
  allocation.reschedules.length === 0
    ? null
    : {
        Events: allocation.reschedules.map((event) => ({ ...event, PrevNodeID: node.id })),
        LastReschedule: "ok"
      }

/** An entry of the lists: all keys, no `DeploymentID` (`nomad-api.md` §5.5). */
export const allocationStub = (allocation: Allocation, node: ClusterNode): JsonObject => ({
  ...common(allocation, node),
  DesiredTransition: {
    ForceReschedule: null,
    Migrate: null,
    MigrateDisablePlacement: null,
    NoShutdownDelay: null,
    Reschedule: allocation.mayReschedule ? true : null
  },
  JobType: allocation.Job.Type,
  JobVersion: allocation.Job.Version,
  PreemptedAllocations: null,
  PreemptedByAllocation: "",
  RescheduleTracker: tracker(allocation, node),
  DesiredDescription: allocation.DesiredDescription,
  FollowupEvalID: allocation.FollowupEvalID,
  NextAllocation: allocation.NextAllocation,
  TaskStates: taskStates(allocation.TaskStates),
  DeploymentStatus: health(allocation.DeploymentStatus)
})

const common = (allocation: Allocation, node: ClusterNode): JsonObject => ({
  ID: allocation.ID,
  EvalID: allocation.EvalID,
  Name: allocation.Name,
  Namespace: allocation.Namespace,
  NodeID: node.id,
  NodeName: node.name,
  JobID: allocation.JobID,
  TaskGroup: allocation.TaskGroup,
  DesiredStatus: allocation.DesiredStatus,
  ClientStatus: allocation.ClientStatus,
  ClientDescription: allocation.ClientDescription,
  CreateIndex: allocation.CreateIndex,
  ModifyIndex: allocation.ModifyIndex,
  CreateTime: allocation.CreateTime,
  ModifyTime: allocation.ModifyTime
})

/** The whole allocation, `Job` included; empty keys are left out. */
export const allocationJson = (allocation: Allocation, node: ClusterNode): JsonObject => {
  const tasks = groupOf(allocation.Job, allocation.TaskGroup)?.Tasks ?? []
  const disk = Number(groupOf(allocation.Job, allocation.TaskGroup)?.EphemeralDisk["SizeMB"] ?? 300)
  const memory = tasks.reduce((sum, task) => sum + task.Resources.MemoryMB, 0)
  const cpu = tasks.reduce((sum, task) => sum + task.Resources.CPU, 0)
  const total = {
    CPU: cpu,
    Cores: 0,
    Devices: null,
    DiskMB: disk,
    IOPS: 0,
    MemoryMB: memory,
    MemoryMaxMB: memory,
    NUMA: null,
    Networks: null,
    SecretsMB: 0
  }
  const all: JsonObject = {
    ...common(allocation, node),
    AllocModifyIndex: allocation.AllocModifyIndex,
    AllocatedResources: {
      Shared: { DiskMB: disk, Networks: null, Ports: null },
      TaskLifecycles: Object.fromEntries(tasks.map((task) => [task.Name, task["Lifecycle"] ?? null])),
      Tasks: Object.fromEntries(
        tasks.map(({ Name, Resources }) => [
          Name,
          {
            Cpu: { CpuShares: Resources.CPU, ReservedCores: null },
            Devices: null,
            Memory: { MemoryMB: Resources.MemoryMB, MemoryMaxMB: Number(Resources["MemoryMaxMB"] ?? 0) },
            Networks: null
          }
        ])
      )
    },
    DeploymentID: allocation.DeploymentID,
    DeploymentStatus: health(allocation.DeploymentStatus),
    DesiredDescription: allocation.DesiredDescription,
    DesiredTransition: allocation.mayReschedule ? { Reschedule: true } : null,
    FollowupEvalID: allocation.FollowupEvalID,
    Job: allocation.Job,
    Metrics: placed(node),
    NextAllocation: allocation.NextAllocation,
    PreviousAllocation: allocation.PreviousAllocation,
    RescheduleTracker: tracker(allocation, node),
    Resources: total,
    SharedResources: { ...total, CPU: 0, MemoryMB: 0, MemoryMaxMB: 0 },
    TaskResources: Object.fromEntries(tasks.map((task) => [task.Name, task.Resources])),
    TaskStates: taskStates(allocation.TaskStates)
  }
  return withoutEmpty(all)
}

const placed = (node: ClusterNode): JsonObject => ({
  ...noPlacement,
  ScoreMetaData: [{ NodeID: node.id, NormScore: 0, Scores: { binpack: 0 } }]
})

/** What the scheduler says of one look at one node; the counts of a refusal are filled in by it. */
export const noPlacement = {
  AllocationTime: 50_000,
  ClassExhausted: null,
  ClassFiltered: null,
  CoalescedFailures: 0,
  ConstraintFiltered: null,
  DimensionExhausted: null,
  NodePool: "default",
  NodesAvailable: { dc1: 1 },
  NodesEvaluated: 1,
  NodesExhausted: 0,
  NodesFiltered: 0,
  NodesInPool: 1,
  QuotaExhausted: null,
  ResourcesExhausted: null,
  ScoreMetaData: null,
  Scores: null
}
