import type { Cluster } from "./Cluster.ts"
import type { Job } from "./Job.ts"
import { isObject, type JsonObject, sameJson, textOf } from "./Json.ts"
import type { State } from "./State.ts"

const mapScaling = (job: Job, change: (scaling: JsonObject, group: string) => JsonObject): Job => ({
  ...job,
  TaskGroups: job.TaskGroups.map((group) =>
    isObject(group["Scaling"]) ? { ...group, Scaling: change(group["Scaling"], group.Name) } : group
  )
})

/** The scaling block of a group as it is stored at first: its id and indexes are the server's (`nomad-api.md` §2.3). */
export const canonicalScaling = (given: JsonObject, group: { readonly count: number }) => ({
  CreateIndex: 0,
  Enabled: given["Enabled"] ?? true,
  ID: "",
  Max: given["Max"] ?? -1,
  Min: given["Min"] ?? group.count,
  ModifyIndex: 0,
  Policy: given["Policy"] ?? null,
  Target: null,
  Type: textOf(given["Type"], "horizontal")
})

/** Says of each scaling block which group it is for, and gives it the id that the stored one of that group has. */
export const withScalingIds = (stored: Job | undefined, job: Job, newId: Cluster["newId"]): Job =>
  mapScaling(job, (scaling, group) => {
    const known = stored?.TaskGroups.find(({ Name }) => Name === group)?.["Scaling"]
    const same = isObject(known) && known["Type"] === scaling["Type"] ? textOf(known["ID"]) : ""
    return {
      ...scaling,
      ID: same === "" ? newId() : same,
      Target: { Group: group, Job: job.ID, Namespace: job.Namespace }
    }
  })

const own = (policy: JsonObject): JsonObject => ({ ...policy, ID: "", CreateIndex: 0, ModifyIndex: 0 })

/**
 * Stores the scaling policies of a version. The blocks of those that are new or changed get their indexes; that of one
 * that is as it was keeps what the version came with: zeroes, where it was posted.
 */
export const settleScaling = (state: State, job: Job, index: number): Job =>
  mapScaling(job, (scaling, group) => {
    const key = [job.Namespace, job.ID, group, textOf(scaling["Type"])].join("\n")
    const known = state.scalingPolicies.get(key)
    if (known !== undefined && sameJson(own(known), own(scaling))) return scaling
    const policy = {
      ...scaling,
      ...(known === undefined ? {} : { ID: known["ID"] }),
      CreateIndex: known?.["CreateIndex"] ?? index,
      ModifyIndex: index
    }
    state.scalingPolicies.set(key, policy)
    return policy
  })
