import { Effect } from "effect"
import { type Asked, permissionDenied } from "./Asked.ts"
import { isActive } from "./Deployment.ts"
import { isParent, jobKey, type TaskGroup } from "./Job.ts"
import { specChanged } from "./jobChange.ts"
import { isObject, type Json, type JsonObject } from "./Json.ts"
import { newEvaluation } from "./newEvaluation.ts"
import { multiError, refuse, type Refusal } from "./Refusal.ts"
import { missingConsulToken, missingVaultToken } from "./submitterTokens.ts"
import { mayRegister, type Registered, registeredAs, type Writer } from "./registerJob.ts"
import { storeVersion } from "./storeVersion.ts"

/** `POST /v1/job/:id/revert`. */
export const revert = (
  writer: Writer,
  namespace: string,
  id: string,
  version: number,
  enforced: number | null,
  tokens: { readonly vault: Json | undefined; readonly consul: Json | undefined },
  { who }: Pick<Asked, "who">
): Effect.Effect<Registered, Refusal> =>
  Effect.flatMap(who, (rights): Effect.Effect<Registered, Refusal> => {
    const { cluster, enqueue } = writer
    const { state } = cluster
    const stored = state.job(namespace, id)
    if (stored === undefined) return refuse(500, `job "${id}" not found`)
    if (stored.Version === version) return refuse(500, "can't revert to current version")
    const target = state.versionsOf(namespace, id).find((each) => each.Version === version)
    if (target === undefined) {
      return refuse(500, `job "${id}" in namespace "${namespace}" at version ${version} not found`)
    }
    if (enforced !== null && enforced !== stored.Version) {
      return refuse(500, `Current job has version ${stored.Version}; enforcing version ${enforced}`)
    }
    const next = { ...target, VersionTag: null, Stable: false, NomadTokenID: rights.accessor }
    if (!mayRegister(rights, next, "revert-job")) return permissionDenied
    const errors = missingVaultToken(cluster, next, tokens.vault)
    if (errors.length > 0) return refuse(500, multiError(errors))
    const denied = missingConsulToken(cluster, next, tokens.consul)
    if (denied !== undefined) return refuse(500, denied)
    if (!specChanged(stored, next)) {
      const evaluation = state.commit("EvaluationUpdated", (index, now) => {
        const made = newEvaluation(cluster, stored, "job-register", index, now)
        state.putEvaluation(made)
        return made
      })
      enqueue(evaluation)
      return Effect.succeed(registeredAs(evaluation, stored.ModifyIndex, state.index))
    }
    const evaluation = storeVersion(cluster, next, "job-register", stored.Priority, undefined)
    if (evaluation !== undefined) enqueue(evaluation)
    return Effect.succeed(registeredAs(evaluation, state.index, state.index))
  })

/** `DELETE /v1/job/:id`. A job that is not there is no error. */
export const stop = (
  { cluster, enqueue }: Writer,
  namespace: string,
  id: string,
  purge: boolean
): Effect.Effect<Registered> =>
  Effect.sync(() => {
    const { state } = cluster
    const stored = state.job(namespace, id)
    if (stored === undefined) return { EvalID: "", EvalCreateIndex: 0, JobModifyIndex: 0, Index: 0 }
    if (!purge) {
      const groups = stored.TaskGroups.map((group) =>
        isObject(group["Scaling"]) ? { ...group, Scaling: { ...group["Scaling"], Enabled: false } } : group
      )
      const stopped = { ...stored, Stop: true, TaskGroups: groups }
      const evaluation = storeVersion(cluster, stopped, "job-deregister", stored.Priority, undefined)
      if (evaluation !== undefined) enqueue(evaluation)
      return registeredAs(evaluation, state.index, state.index)
    }
    const evaluation = state.commit("JobDeregistered", (index, now) => {
      state.purge(namespace, id, now)
      if (isParent(stored)) return undefined
      const made = newEvaluation(cluster, stored, "job-deregister", index, now, { JobModifyIndex: index })
      state.putEvaluation(made)
      return made
    })
    if (evaluation !== undefined) enqueue(evaluation)
    return registeredAs(evaluation, state.index, state.index)
  })

/** What a group's own policy has against a count. */
const outOfBounds = (group: TaskGroup, count: number): string | undefined => {
  const scaling = group["Scaling"]
  if (!isObject(scaling)) return undefined
  const [least, most] = [Number(scaling["Min"]), Number(scaling["Max"])]
  if (count < least) return `group count was less than scaling policy minimum: ${count} < ${least}`
  return count > most ? `group count was greater than scaling policy maximum: ${count} > ${most}` : undefined
}

/** `POST /v1/job/:id/scale`: three indexes, and the version keeps its stability (`nomad-api.md` §3.1, §5.4). */
export const scale = (
  { cluster, enqueue }: Writer,
  namespace: string,
  id: string,
  group: string,
  count: Json | undefined,
  message: string
): Effect.Effect<Registered, Refusal> =>
  Effect.suspend(() => {
    const { state } = cluster
    const stored = state.job(namespace, id)
    if (stored === undefined) return refuse(404, `job "${id}" not found`)
    if (group === "") return refuse(400, "missing task group name for scaling action")
    const scaled = stored.TaskGroups.find((each) => each.Name === group)
    if (scaled === undefined) {
      return refuse(400, `task group "${group}" specified for scaling does not exist in job`)
    }
    const event = (Count: number | null, EvalID: string | null) =>
      state.commit(undefined, (CreateIndex, now) => {
        const said = { Count, PreviousCount: scaled.Count, EvalID, Message: message, CreateIndex }
        state.putScaling(namespace, id, group, { ...said, Error: false, Meta: null, Time: now })
      })
    // Without a count it is only a word in the group's history.
    if (typeof count !== "number") {
      event(null, null)
      return Effect.succeed(registeredAs(undefined, stored.ModifyIndex, state.index))
    }
    const outside = outOfBounds(scaled, count)
    if (outside !== undefined) return refuse(400, outside)
    const latest = state.latestDeployment(namespace, id)
    if (latest !== undefined && isActive(latest)) {
      return refuse(400, "job scaling blocked due to active deployment")
    }
    const key = jobKey(namespace, id)
    const source = state.submissions.get(key)?.find((each) => each.Version === stored.Version)
    const jobIndex = state.commit("JobRegistered", (index, now) => {
      const Version = stored.Version + 1
      state.putJob({
        ...stored,
        TaskGroups: stored.TaskGroups.map((each) => (each.Name === group ? { ...each, Count: count } : each)),
        Version,
        ModifyIndex: index,
        JobModifyIndex: index,
        SubmitTime: now
      })
      if (source !== undefined) state.putSubmission(key, { ...source, Version, JobModifyIndex: index })
      return index
    })
    const evaluation = state.commit("EvaluationUpdated", (index, now) => {
      const made = newEvaluation(cluster, stored, "job-scaling", index, now, { JobModifyIndex: jobIndex })
      state.putEvaluation(made)
      return made
    })
    event(count, evaluation.ID)
    enqueue(evaluation)
    return Effect.succeed(registeredAs(evaluation, jobIndex, state.index))
  })

/**
 * `POST /v1/job/:id/stable`. The version it names becomes the current job, with the indexes it had: for one that is
 * not the newest this is a fall back that schedules nothing (`nomad-api.md` §6). Answers the index.
 */
export const setStable = (
  { cluster: { state } }: Writer,
  namespace: string,
  id: string,
  version: number,
  stable: boolean
): Effect.Effect<number, Refusal> =>
  Effect.suspend(() => {
    const target = state.versionsOf(namespace, id).find((each) => each.Version === version)
    if (target === undefined) {
      return refuse(500, `job "${id}" in namespace "${namespace}" at version ${version} not found`)
    }
    // Tagging and this tell no event.
    state.commit(undefined, (index) =>
      state.putJob({
        ...target,
        Stable: stable,
        Status: state.job(namespace, id)?.Status ?? target.Status,
        ModifyIndex: index
      })
    )
    return Effect.succeed(state.index)
  })

/** `POST|DELETE /v1/job/:id/versions/:tag/tag`; `version` is `undefined` to take the tag away. */
export const tag = (
  { cluster }: Writer,
  namespace: string,
  id: string,
  name: string,
  version: number | "latest" | undefined,
  description: string
): Effect.Effect<JsonObject, Refusal> =>
  Effect.suspend((): Effect.Effect<JsonObject, Refusal> => {
    const { state } = cluster
    const stored = state.job(namespace, id)
    if (stored === undefined) return refuse(500, `job "${id}" version ${String(version ?? 0)} not found`)
    const versions = state.versionsOf(namespace, id)
    const holder = versions.find((each) => each.VersionTag?.["Name"] === name)
    if (version === undefined) {
      if (holder === undefined) return refuse(500, `tag "${name}" not found on job "${id}"`)
      state.commit(undefined, () =>
        state.changeVersion(namespace, id, holder.Version, (each) => ({ ...each, VersionTag: null }))
      )
      return Effect.succeed({ Name: "", Description: "", TaggedTime: 0, Index: state.index })
    }
    const wanted = version === "latest" ? stored.Version : version
    if (holder !== undefined && holder.Version !== wanted) {
      return refuse(500, `tag "${name}" already exists on a different version of job "${id}"`)
    }
    if (!versions.some((each) => each.Version === wanted)) {
      return refuse(500, `job "${id}" version ${wanted} not found`)
    }
    const made = state.commit(undefined, (_, now) => {
      const VersionTag = { Name: name, Description: description, TaggedTime: now }
      state.changeVersion(namespace, id, wanted, (each) => ({ ...each, VersionTag }))
      return VersionTag
    })
    return Effect.succeed({ ...made, Index: state.index })
  })
