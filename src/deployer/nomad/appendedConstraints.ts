import { isSet, type NomadConsul, type NomadGroup, type NomadJob } from "./NomadJob.ts"

interface Constraint {
  readonly LTarget: string
  readonly Operand: string
  readonly RTarget: string
}

/** Where it stands in the job, and what it says. */
export interface AppendedConstraint {
  readonly at: ReadonlyArray<string | number>
  readonly constraint: Constraint
}

/** Of a group with an identity that is not the default. */
const identity: Constraint = {
  LTarget: "${attr.nomad.version}",
  Operand: "semver",
  RTarget: ">= 1.7.0-a"
}

/** As Nomad's own hook asks it (`nomad/job_endpoint_hook_implicit_identities.go`). */
const hasIdentity = (group: NomadGroup): boolean =>
  [group, ...(group.Tasks ?? [])].some((holder) =>
    (holder.Services ?? []).some((service) => isSet(service.Identity))
  ) || (group.Tasks ?? []).some((task) => (task.Identities ?? []).length > 0)

/** Of a group or task in a partition of Consul's (`nomad/job_endpoint_hook_consul.go`). */
const partitionOf = (consul: NomadConsul | null | undefined): ReadonlyArray<Constraint> => {
  const partition = consul?.Partition ?? ""
  const cluster = consul?.Cluster ?? ""
  if (partition === "") return []
  const ofCluster = cluster === "" || cluster === "default" ? "" : `${cluster}.`
  return [{ LTarget: `\${attr.consul.${ofCluster}partition}`, Operand: "=", RTarget: partition }]
}

/**
 * The constraints that a server appends at every register, however often they stand there already (T5). Others that it
 * implies it looks for first.
 */
export const appendedConstraints = ({ TaskGroups }: NomadJob): ReadonlyArray<AppendedConstraint> =>
  (TaskGroups ?? []).flatMap((group, index) => {
    const at = ["TaskGroups", index] as const
    return [
      ...[...(hasIdentity(group) ? [identity] : []), ...partitionOf(group.Consul)].map((constraint) => ({
        at: [...at, "Constraints"],
        constraint
      })),
      ...(group.Tasks ?? []).flatMap(({ Consul }, task) =>
        partitionOf(Consul).map((constraint) => ({ at: [...at, "Tasks", task, "Constraints"], constraint }))
      )
    ]
  })

/** Exactly it: what has one more key, or another operand, is somebody's own. */
const isIt = (item: unknown, constraint: Constraint): boolean =>
  typeof item === "object" &&
  item !== null &&
  Object.keys(item).length === 3 &&
  Object.entries(constraint).every(([key, text]) => (item as Record<string, unknown>)[key] === text)

/** `list` without the last of these constraints. */
export const withoutLast = (list: ReadonlyArray<unknown>, constraint: Constraint): ReadonlyArray<unknown> => {
  const last = list.findLastIndex((item) => isIt(item, constraint))
  return last === -1 ? list : list.toSpliced(last, 1)
}
