import { noPlacement } from "./Allocation.ts"
import { type Constraint, groupOf, type Job } from "./Job.ts"
import type { JsonObject } from "./Json.ts"

/** What constraints may ask of the one node. A version that is asked for with `semver` or `version` is granted. */
const attributes: Readonly<Record<string, string>> = {
  "${attr.kernel.name}": "linux",
  "${attr.os.name}": "debian",
  "${attr.cpu.arch}": "amd64",
  "${attr.nomad.version}": "2.0.6",
  "${attr.nomad.service_discovery}": "true",
  "${node.datacenter}": "dc1",
  "${node.class}": "",
  "${node.pool}": "default"
}
/** MHz and MB that one task group may ask for. */
const capacity = { cpu: 16_000, memory: 32_768 }

const holds = ({ LTarget, Operand, RTarget }: Constraint): boolean => {
  const value = LTarget.startsWith("${") ? attributes[LTarget] : LTarget
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
    const words = `${broken.LTarget} ${broken.Operand} ${broken.RTarget}`
    return { ...noPlacement, NodesFiltered: 1, ConstraintFiltered: { [words]: 1 } }
  }
  const sum = (of: "CPU" | "MemoryMB") => group.Tasks.reduce((total, task) => total + task.Resources[of], 0)
  const exhausted =
    sum("MemoryMB") > capacity.memory ? "memory" : sum("CPU") > capacity.cpu ? "cpu" : undefined
  return exhausted === undefined
    ? undefined
    : { ...noPlacement, NodesExhausted: 1, DimensionExhausted: { [exhausted]: 1 } }
}
