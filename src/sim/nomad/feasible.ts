import { noPlacement } from "./Allocation.ts"
import type { Cluster } from "./Cluster.ts"
import { type Constraint, groupOf, type Job, type TaskGroup } from "./Job.ts"
import { nodeAttributes } from "./interpolate.ts"
import type { JsonObject } from "./Json.ts"
import { newestVersion } from "./ServerVersion.ts"
import { startOf } from "./startOf.ts"

/** MHz and MB that one task group may ask for. */
const capacity = { cpu: 16_000, memory: 32_768 }

/** What constraints may ask of the one node. A version that is asked for with `semver` or `version` is granted. */
const attributeOf = (name: string): string | undefined =>
  name === "attr.nomad.version" ? newestVersion : nodeAttributes[name]

const holds = ({ LTarget, Operand, RTarget }: Constraint): boolean => {
  const value = LTarget.startsWith("${") ? attributeOf(LTarget.slice(2, -1)) : LTarget
  switch (Operand) {
    case "is_not_set":
      return value === undefined
    case "!=":
    case "not":
      return value !== RTarget
    case "=":
    case "==":
    case "is":
    case "":
      return value === RTarget
    case "distinct_hosts":
    case "distinct_property":
      return true
    default:
      return value !== undefined
  }
}

/** Why a group cannot be placed on the node, as `FailedTGAllocs` has it; `undefined` where it can. */
export const refusedPlacement = (job: Job, name: string): JsonObject | undefined => {
  const group = groupOf(job, name)
  if (group === undefined) return undefined
  if (!job.Datacenters.some((each) => each === "*" || each === "dc1")) {
    return { ...noPlacement, NodesAvailable: {}, NodesEvaluated: 0 }
  }
  const constraints = [job, group, ...group.Tasks].flatMap((each) => each.Constraints ?? [])
  const broken = constraints.find((each) => !holds(each))
  if (broken !== undefined) {
    return filtered(`${broken.LTarget} ${broken.Operand} ${broken.RTarget}`)
  }
  const sum = (of: "CPU" | "MemoryMB") => group.Tasks.reduce((total, task) => total + task.Resources[of], 0)
  const exhausted =
    sum("MemoryMB") > capacity.memory ? "memory" : sum("CPU") > capacity.cpu ? "cpu" : undefined
  return exhausted === undefined ? undefined : exhaustedBy(group, exhausted)
}

const filtered = (constraint: string): JsonObject => ({
  ...noPlacement,
  NodesFiltered: 1,
  ConstraintFiltered: { [constraint]: 1 }
})

const exhaustedBy = (group: TaskGroup, dimension: "memory" | "cpu"): JsonObject => ({
  ...noPlacement,
  NodesExhausted: 1,
  DimensionExhausted: { [dimension]: 1 },
  ResourcesExhausted: Object.fromEntries(
    group.Tasks.map(({ Name, Resources: { CPU, MemoryMB } }) => [
      Name,
      {
        CPU: dimension === "cpu" ? CPU : 0,
        Cores: 0,
        Devices: null,
        DiskMB: 0,
        IOPS: 0,
        MemoryMB: dimension === "memory" ? MemoryMB : 0,
        MemoryMaxMB: 0,
        NUMA: null,
        Networks: null,
        SecretsMB: 0
      }
    ])
  )
})

/** Why a task's outcome has it that its group finds no room, as `FailedTGAllocs` has it. */
export const noRoom = (cluster: Cluster, job: Job, group: TaskGroup): JsonObject | undefined => {
  for (const task of group.Tasks) {
    const outcome = cluster.outcome(startOf("placement", { Job: job, TaskGroup: group.Name }, task))
    if (outcome._tag !== "Unplaceable") continue
    return outcome.constraint === undefined
      ? exhaustedBy(group, outcome.exhausted ?? "memory")
      : filtered(outcome.constraint)
  }
  return undefined
}
