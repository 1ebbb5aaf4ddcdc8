import type { Grant, Grants } from "./aclPolicy.ts"

/** What who asks may do. */
export interface Rights {
  readonly isManagement: boolean
  /** Accessor of the token, which a job that it registers names; `""` for a workload identity, and with ACLs off. */
  readonly accessor: string
  /** Any of these in the namespace; `*` is any namespace. */
  readonly allows: (namespace: string, ...capabilities: ReadonlyArray<string>) => boolean
  /** Anything at all in the namespace. */
  readonly reaches: (namespace: string) => boolean
  readonly mounts: (volume: string, readOnly: boolean) => boolean
  readonly agent: Level
  readonly node: Level
  readonly operator: Level
}
export type Level = "" | "read" | "write"

/** Everything: with ACLs off, and for a management token. */
export const allRights = (accessor = ""): Rights => ({
  isManagement: true,
  accessor,
  allows: () => true,
  reaches: () => true,
  mounts: () => true,
  agent: "write",
  node: "write",
  operator: "write"
})

/** The sum of what policies grant. A `deny` takes away everything else of that name. */
export const rightsOf = (grants: ReadonlyArray<Grants>, accessor: string): Rights => {
  const namespaces = sumOf(grants.flatMap((each) => each.namespaces))
  const volumes = sumOf(grants.flatMap((each) => each.hostVolumes))
  const matching = (namespace: string): ReadonlyArray<ReadonlySet<string>> => {
    if (namespace === "*") return [...namespaces.values()]
    const found = closest(namespaces, namespace)
    return found === undefined ? [] : [found]
  }
  const level = (of: "agent" | "node" | "operator"): Level => {
    const all = grants.map((each) => each[of])
    return all.includes("deny") ? "" : all.includes("write") ? "write" : all.includes("read") ? "read" : ""
  }
  return {
    isManagement: false,
    accessor,
    allows: (namespace, ...capabilities) =>
      matching(namespace).some((set) => !set.has("deny") && capabilities.some((each) => set.has(each))),
    reaches: (namespace) => matching(namespace).some((set) => !set.has("deny") && set.size > 0),
    mounts: (volume, readOnly) => {
      const set = closest(volumes, volume)
      if (set === undefined || set.has("deny")) return false
      return set.has("mount-readwrite") || (readOnly && set.has("mount-readonly"))
    },
    agent: level("agent"),
    node: level("node"),
    operator: level("operator")
  }
}

const sumOf = (grants: ReadonlyArray<Grant>): ReadonlyMap<string, ReadonlySet<string>> => {
  const sum = new Map<string, Set<string>>()
  for (const { name, capabilities } of grants) {
    sum.set(name, new Set([...(sum.get(name) ?? []), ...capabilities]))
  }
  return sum
}

/** The set of that name, else of the glob that has the fewest characters left open. */
const closest = (
  sets: ReadonlyMap<string, ReadonlySet<string>>,
  name: string
): ReadonlySet<string> | undefined => {
  const own = sets.get(name)
  if (own !== undefined) return own
  const matches = (glob: string) =>
    new RegExp(
      `^${glob
        .split("*")
        .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
        .join(".*")}$`
    ).test(name)
  const [found] = [...sets]
    .filter(([glob]) => glob.includes("*") && matches(glob))
    .toSorted(([a], [b]) => b.replaceAll("*", "").length - a.replaceAll("*", "").length)
  return found?.[1]
}
