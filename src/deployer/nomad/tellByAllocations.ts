import { Duration } from "effect"
import type { Phase } from "../../domain/Attempt.ts"
import type { NomadJob } from "./NomadJob.ts"
import { type Allocation, type Evaluation, whyBlocked } from "./NomadRollout.ts"
import type { Told } from "./Told.ts"

/** Nomad's default where a group says nothing (`nomad-api.md` §5.3). */
const defaultMinHealthy = Duration.seconds(10)

/** A version that gets no deployment: `max_parallel = 0`, batch, system before 1.11, or T11. */
export const tellByAllocations = (
  job: NomadJob,
  evaluations: ReadonlyArray<Evaluation>,
  allocations: ReadonlyArray<Allocation>,
  tell: {
    readonly ended: (outcome: "succeeded" | "failed", words: string) => Told
    readonly rolling: (phase: Phase, words: string) => Told
    readonly nomadVersion: number
  }
): Told => {
  const groups = job.TaskGroups ?? []
  const ofJob = allocations.filter((allocation) => allocation.CreateIndex >= job.CreateIndex)
  const isNew = ({ JobVersion }: Allocation) => JobVersion === job.Version
  const failed = ofJob.find((allocation) => isNew(allocation) && allocation.ClientStatus === "failed")
  if (failed !== undefined)
    return tell.ended("failed", `an allocation of group "${failed.TaskGroup}" failed for good`)
  if (evaluations.some(({ Status }) => Status === "pending"))
    return tell.rolling("rolling", "being scheduled")

  const isDone = ({ ClientStatus }: Allocation) =>
    ClientStatus === "complete" && (job.Type === "batch" || job.Type === "sysbatch")
  const wanted = ofJob.filter(({ DesiredStatus }) => DesiredStatus === "run")
  const ready = wanted.filter(
    (allocation) => isNew(allocation) && (allocation.ClientStatus === "running" || isDone(allocation))
  )
  const onEveryNode = job.Type === "system" || job.Type === "sysbatch"
  // Terminal ones of older versions count for nothing; of a system job Nomad alone knows how many there should be.
  const live = wanted.filter((allocation) => isNew(allocation) || isLive(allocation))
  const due = onEveryNode ? 0 : groups.reduce((sum, { Count }) => sum + Count, 0)
  const isWhole = groups.every((group) => {
    const here = ({ TaskGroup }: Allocation) => TaskGroup === group.Name
    const have = ready.filter(here).length
    return have === live.filter(here).length && (onEveryNode || have >= group.Count)
  })
  if (!isWhole) {
    const why = whyBlocked(evaluations)
    return why !== undefined && ready.length === 0
      ? tell.rolling("unplaceable", why)
      : tell.rolling("rolling", `${ready.length} of ${Math.max(due, live.length)} allocations run`)
  }
  const running = ready.filter(({ ClientStatus }) => ClientStatus === "running")
  const minHealthy = groups.map(({ Update }) =>
    Update === undefined || Update === null || Update.MinHealthyTime === 0
      ? defaultMinHealthy
      : Duration.nanos(BigInt(Math.round(Update.MinHealthyTime)))
  )
  if (running.length === 0) return tell.ended("succeeded", "every allocation ended well, or none was due")
  return {
    _tag: "Running",
    nomadVersion: tell.nomadVersion,
    run: running
      .map(({ ID, TaskStates }) => {
        const starts = Object.entries(TaskStates ?? {}).map(([task, { StartedAt, Restarts }]) => [
          task,
          StartedAt,
          Restarts
        ])
        return JSON.stringify([ID, starts])
      })
      .toSorted()
      .join("\n"),
    minHealthy: minHealthy.reduce(Duration.max, Duration.zero)
  }
}

const isLive = ({ ClientStatus }: Allocation): boolean =>
  ClientStatus === "pending" || ClientStatus === "running" || ClientStatus === "unknown"
